"""Two models, two explanations: influence is that of refits, planted rows are found, and distance matters to one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from clinflu.analysis import explanations as ex
from clinflu.analysis.explanations.explain import most
from clinflu.analysis.explanations.families import SAME
from clinflu.analysis.explanations.images import hardest_right
from clinflu.data.digits import Digits
from clinflu.errors import DataError, NotConvergedError
from clinflu.influence.removal import loss_change, removal_effect
from clinflu.model.minimise import StationaryPoint, minimise
from clinflu.study import Study

PLAN = ex.ImagePlan(channels=2, hidden=4)

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def digits():
    return Digits.load(3, 8)


@pytest.fixture(scope="module")
def few(digits):
    """The same, with 70 training images."""
    return replace(digits, train=digits.train[:70], test=digits.test[:40])


@pytest.fixture(scope="module")
def fitted(digits):
    """Every family on the two digits."""
    return ex.families(digits, PLAN)


@pytest.fixture(scope="module")
def models(digits, fitted):
    columns = ex.frozen(fitted.network)
    return ex.linear_model(digits, columns, ex.FROZEN, PLAN), ex.kernel_machine(digits, PLAN)


@pytest.fixture(scope="module")
def found(digits, models):
    return ex.explain_image(digits, models, strongest=4)


def each_kind(few):
    return {
        "logistic": ex.linear_model(few, None, "logistic", PLAN),
        "kernel": ex.kernel_machine(few, PLAN),
        "softmax": ex.linear_model(three(), None, "softmax", PLAN),
        "network": ex.network(few, PLAN),
    }


def three():
    digits = Digits.load(1, 3, 8)
    return replace(digits, train=digits.train[:60])


@pytest.mark.parametrize("kind", ["logistic", "kernel", "softmax", "network"])
def test_influence_is_the_slope_of_refits_in_the_weight_of_a_row(few, kind):
    """A refit with a weight of 1 - h and one of 1 + h: their difference is exact to the square of h."""
    model, digits = each_kind(few)[kind], three() if kind == "softmax" else few
    row, y = digits.pixels[digits.test[2]], float(digits.labels[digits.test[2]])
    influence = ex.removal_influence(model, row, y)
    step, audited = 1e-4, (row[None], np.array([y]))
    for position in np.argsort(-np.abs(influence))[[0, 1, 10]]:
        losses = []
        for sign in (-1, 1):
            weights = model.weights + sign * step * np.eye(len(model.y))[position]
            fit = minimise(model.family, model.x, model.y, weights, model.fit.penalty, start=model.fit.theta)
            losses.append(model.losses(*audited, fit.theta)[0])
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx(influence[position], rel=1e-3, abs=1e-9)


def test_on_logistic_regression_it_is_the_closed_form(small_study):
    model, _ = ex.patient_models(small_study, ex.PatientPlan(landmarks=20))
    number = small_study.split.audited[0]
    x, y = small_study.design.x[number], float(small_study.design.y[number])
    closed = loss_change(removal_effect(small_study.train, x), float(small_study.margins[number]), y)
    np.testing.assert_allclose(ex.removal_influence(model, x[1:], y), closed, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("kind", ["logistic", "kernel"])
def test_refits_are_those_of_a_cold_fit_to_the_other_rows(few, kind):
    model, position = each_kind(few)[kind], 4
    row, y = few.pixels[few.test[2]], float(few.labels[few.test[2]])
    kept = np.delete(np.arange(len(model.y)), position)
    path = model.family.path() if kind == "kernel" else (model.family,)
    theta = None
    for family in path:
        cold = minimise(family, model.x[kept], model.y[kept], model.weights[kept], model.fit.penalty, start=theta)
        theta = cold.theta
    expected = model.losses(row[None], np.array([y]), theta)[0] - model.losses(row[None], np.array([y]))[0]
    assert ex.removal_refits(model, row, y, np.array([position]))[0] == pytest.approx(expected, rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("kind", ["frozen", "kernel"])
def test_a_planted_copy_of_the_test_image_is_found(few, kind):
    """With its true label it helps, as the Hessian is positive; with the other label it harms most."""
    row, y = few.pixels[few.test[2]], float(few.labels[few.test[2]])
    columns = ex.frozen(ex.network(few, PLAN))
    for label, side in ((y, "helpful"), (1.0 - y, "harmful")):
        pixels, labels = few.pixels.copy(), few.labels.copy()
        pixels[few.train[0]], labels[few.train[0]] = row, label
        planted = replace(few, pixels=pixels, labels=labels)
        if kind == "frozen":
            model = ex.linear_model(planted, columns, "frozen", PLAN)
        else:
            model = ex.kernel_machine(planted, PLAN)
        explained = ex.explain(model, row, y, strongest=3)
        assert explained.distance[0] == 0.0
        assert explained.same_class[0] == (side == "helpful")
        assert (explained.influence[0] > 0) == (side == "helpful")
        if side == "harmful":
            assert explained.harmful[0] == 0


def test_what_is_told_of_influence_over_distance_is_counted_by_hand(found, digits):
    row = digits.pixels[found.row]
    for one in found.models:
        by_hand = np.sqrt(((digits.pixels[digits.train] - row) ** 2).sum(axis=1))
        np.testing.assert_allclose(one.distance, by_hand, rtol=1e-12)
        order = np.argsort(by_hand)
        far = np.abs(one.influence[order[(len(order) + 1) // 2 :]]).sum()
        assert one.far_share == pytest.approx(far / np.abs(one.influence).sum(), rel=1e-9)
        assert one.rank_correlation == pytest.approx(spearmanr(by_hand, np.abs(one.influence)).statistic)
        same = digits.labels[digits.train] == digits.labels[found.row]
        assert one.helpful_share(same_class=True) == np.mean(one.influence[same] > 0)
        assert one.helpful_share(same_class=False) == np.mean(one.influence[~same] > 0)


def test_the_strongest_are_the_largest_of_each_sign_and_stand_beside_their_refits(found, models, digits):
    for one, model in zip(found.models, models, strict=True):
        assert list(one.influence[one.helpful]) == sorted(one.influence, reverse=True)[:4]
        assert list(one.influence[one.harmful]) == sorted(one.influence)[:4]
        refit = ex.removal_refits(model, digits.pixels[found.row], digits.labels[found.row], one.harmful[:1])
        assert one.harmful_refit[0] == refit[0]
        assert np.sign(one.helpful_refit[0]) == 1
        assert np.sign(one.harmful_refit[0]) == -1
        every = one.every_row()
        assert len(every) == len(digits.train)
        strongest = one.to_frame()
        for name in ("distance", "loss_change_estimate", "same_class"):
            np.testing.assert_array_equal(every[name].loc[strongest.index], strongest[name])
    frame = found.to_frame()
    assert len(frame) == 16
    assert set(frame.index) <= set(digits.train)
    np.testing.assert_array_equal(frame["side"].value_counts(), [8, 8])
    common = set(found.models[0].strongest) & set(found.models[1].strongest)
    assert set(found.shared) == common


def test_of_a_sign_that_no_row_has_there_is_no_strongest():
    np.testing.assert_array_equal(most(np.array([0.3, -1.0, 0.0, 2.0]), 3), [3, 0])
    assert not len(most(np.array([-1.0, -2.0]), 3))


def test_estimates_of_smooth_models_are_near_their_refits(found):
    for one in found.models:
        estimate = one.influence[one.strongest]
        refit = np.concatenate([one.helpful_refit, one.harmful_refit])
        assert np.median(np.abs(estimate - refit) / np.abs(refit)) < 0.3
        assert np.corrcoef(estimate, refit)[0, 1] > 0.95


def test_by_default_the_hardest_image_that_both_get_right_is_explained(found, models, digits):
    images, labels = digits.pixels[digits.test], digits.labels[digits.test]
    right = np.all([model.predicted(images) == labels for model in models], axis=0)
    total = sum(model.losses(images, labels) for model in models)
    assert found.row == digits.test[right][np.argmax(total[right])] == hardest_right(digits, models)
    assert all(one.is_right for one in found.models)


def test_far_images_matter_less_to_the_kernel_machine_than_to_frozen_features(digits, models):
    """The observation of Koh & Liang (2017), figure 4, on most of 20 test images."""
    table = ex.fall_off(digits, models, images=20)
    logistic, machine = table.loc[ex.FROZEN], table.loc[ex.MACHINE]
    assert machine["far_half_share"] < logistic["far_half_share"]
    assert machine["images_below_first_model"] >= 14
    assert table["images"].eq(20).all()
    one = ex.explain(models[1], digits.pixels[digits.test[0]], digits.labels[digits.test[0]], 0)
    alone = ex.fall_off(digits, models[1:], images=1)
    assert alone["far_half_share"].iloc[0] == one.far_share


def test_every_family_is_fitted_and_its_solvers_agree(fitted, digits):
    table = fitted.to_frame()
    assert len(table) == 7
    networks = table.index[~table["convex"]]
    assert list(networks) == ["network of one hidden layer", "convolutional network"]
    assert table["cg_agrees"].all()
    assert (table["cg_difference"] <= SAME).all()
    assert (table["test_accuracy"] > 0.9).all()
    assert (table["fit_seconds"] > 0).all()
    assert table.loc["convolutional network", "parameters"] == fitted.network.family.parameters()
    for one in fitted.fits:
        model = one.model
        gradient = model.family.gradient(model.fit.theta, model.x, model.y, model.weights)
        assert np.abs(gradient + model.fit.penalty * model.fit.theta).max() / len(model.y) <= 1e-12
        assert isinstance(model.fit, StationaryPoint) != table.loc[model.name, "convex"]
    images, labels = digits.pixels[digits.test], digits.labels[digits.test]
    p = fitted.network.family.probabilities(fitted.network.fit.theta, images)
    assert table.loc["convolutional network", "test_accuracy"] == np.mean(p.argmax(axis=1) == labels)


def test_more_than_two_digits_have_the_families_that_allow_them():
    found = ex.families(three(), ex.ImagePlan(channels=1, hidden=2, network_penalty=2.0))
    table = found.to_frame()
    assert list(table["convex"]) == [True, False, True]
    assert list(table["parameters"]) == [3 * 65, found.network.family.parameters(), 3 * 3]
    assert table["cg_agrees"].all()
    assert table["classes"].eq(3).all()
    assert "1, 3, 8" in repr(found)


def test_digits_taken_out_keep_their_side_of_the_split():
    everything = Digits.load()
    pair = ex.only(everything, "8", "3")
    assert pair.names == ("8", "3")
    for part in ("train", "test"):
        rows = getattr(everything, part)
        truth = rows[np.isin(everything.labels[rows], [3, 8])]
        taken = getattr(pair, part)
        assert len(taken) == len(truth)
        apart = cdist(pair.pixels[taken], everything.pixels[truth]).min(axis=1)
        assert apart.max() == 0.0
        np.testing.assert_array_equal(
            np.sort(pair.labels[taken]), np.sort((everything.labels[truth] == 3).astype(float))
        )


@pytest.mark.parametrize("names", [("3",), ("3", "3"), ("3", "x")])
def test_digits_that_are_not_there_are_refused(digits, names):
    with pytest.raises(DataError, match="3, 8"):
        ex.only(digits, *names)


def test_what_cannot_be_explained_is_named(digits, models):
    with pytest.raises(DataError, match="is no test image"):
        ex.explain_image(digits, models, row=int(digits.train[0]))
    with pytest.raises(DataError, match="hidden layer"):
        ex.frozen(models[1])


def test_a_patient_is_explained_by_both_models(small_study):
    plan = ex.PatientPlan(landmarks=60, strongest=2)
    encounter = str(small_study.design.encounter_ids[small_study.split.audited[1]])
    found = ex.explain_patient(small_study, encounter, plan=plan)
    again = ex.explain_patient(small_study, encounter, ex.patient_models(small_study, plan), plan)
    number = small_study.row(encounter)
    train = small_study.train
    truth = cdist(small_study.design.x[[number], 1:], train.x[:, 1:])[0]
    assert [one.name for one in found.models] == ["logistic regression", "RBF machine"]
    for one, other in zip(found.models, again.models, strict=True):
        np.testing.assert_allclose(one.distance, truth)
        np.testing.assert_array_equal(one.influence, other.influence)
        np.testing.assert_array_equal(one.same_class, train.y == small_study.design.y[number])
        assert np.isfinite(np.concatenate([one.helpful_refit, one.harmful_refit])).all()
    assert found.simulated
    assert encounter not in repr(found)
    assert set(found.to_frame().index) <= set(small_study.train_ids)


def test_a_study_of_another_family_is_refused(small_cohort):
    with pytest.raises(DataError, match="logistic models alone"):
        ex.patient_models(Study.fit(small_cohort, family="smooth_hinge"))


def test_a_network_is_refitted_next_to_where_it_stands_however_newton_fares(few, monkeypatch):
    model, row, y = ex.network(few, PLAN), few.pixels[few.test[2]], float(few.labels[few.test[2]])
    expected = ex.removal_refits(model, row, y, np.array([4]))

    def no_step(*_, **__):
        raise NotConvergedError("no step lowers the loss any more")

    monkeypatch.setattr("clinflu.model.minimise.minimise", no_step)
    np.testing.assert_allclose(ex.removal_refits(model, row, y, np.array([4])), expected, rtol=1e-5, atol=1e-9)


def test_a_patients_refits_are_those_of_the_study(small_study):
    from clinflu.influence.refit import Change, refit_each

    plan = ex.PatientPlan(landmarks=20, strongest=2)
    number = small_study.split.audited[1]
    found = ex.explain_patient(small_study, str(small_study.design.encounter_ids[number]), plan=plan).models[0]
    x, y = small_study.design.x[number], small_study.design.y[number]
    for position, change in zip(found.helpful, found.helpful_refit, strict=True):
        theta = refit_each(small_study.train, [Change.removal(small_study.train, np.array([position]))])[0].theta
        before, after = (np.logaddexp(0, x @ at) - y * (x @ at) for at in (small_study.model.theta, theta))
        assert change == pytest.approx(after - before, rel=1e-6)
