"""Planted flips are found; every quantity of a row without itself is that of a fit without it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from clinflu.analysis.labels import (
    CONTROLS,
    FLIPPINGS,
    ORDERS,
    BinarySetting,
    Plan,
    SoftmaxSetting,
    best,
    best_order,
    fix_labels,
    suspects,
)
from clinflu.analysis.labels.flips import Flips, exchange, flip
from clinflu.analysis.labels.orders import sooner
from clinflu.analysis.labels.taught import TaughtBinary
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.influence.refit import Change, refit
from clinflu.model.logistic import row_loss
from clinflu.model.minimise import minimise
from clinflu.model.newton import fit_logistic
from clinflu.model.softmax import Softmax

SMALL = Plan(repeats=3, checked=(0.05, 0.1, 0.3, 1.0), refitted_at=(0.1, 1.0))


@pytest.fixture(scope="module")
def binary():
    return BinarySetting.of_digits(Digits.load(3, 8))


@pytest.fixture(scope="module")
def three():
    return SoftmaxSetting.of_digits(Digits.load(3, 5, 8))


@pytest.fixture(scope="module", params=["binary", "three"])
def setting(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def flips(setting):
    return flip(setting.labels, 0.1, setting.classes, np.random.default_rng(4))


@pytest.fixture(scope="module")
def taught(setting, flips):
    return setting.taught(flips.recorded)


@pytest.fixture(scope="module")
def fixing(setting):
    return fix_labels(setting, SMALL)


@pytest.mark.parametrize("order", [name for name in ORDERS if name not in CONTROLS])
def test_every_order_finds_most_planted_flips(taught, flips, order):
    suspicion = ORDERS[order](taught, np.random.default_rng(0))
    assert suspicion.shape == flips.true.shape
    assert np.isfinite(suspicion).all()
    tenth = round(0.1 * len(suspicion))
    assert flips.flipped[sooner(suspicion)[:tenth]].mean() > 0.75  # by chance 0.1


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_needs_no_knowledge_of_the_true_labels(taught, order):
    first, again = (ORDERS[order](taught, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_softmax_self_influence_is_the_gradient_through_the_inverse_hessian(three):
    taught = three.taught(flip(three.labels, 0.1, 3, np.random.default_rng(1)).recorded)
    for row in range(0, len(taught.x), 37):
        one = slice(row, row + 1)
        gradient = three.family.gradient(taught.model.theta, taught.x[one], taught.labels[one], np.ones(1))
        expected = gradient @ np.linalg.solve(taught.model.hessian, gradient)
        np.testing.assert_allclose(taught.self_influence[row], expected, rtol=1e-9)


def test_binary_self_influence_is_the_gradient_through_the_inverse_hessian(binary):
    taught = TaughtBinary(binary.train)
    gradients = (taught.train.risk - taught.labels)[:, None] * binary.train.x
    expected = np.einsum("np,np->n", gradients, np.linalg.solve(binary.train.model.hessian, gradients.T).T)
    np.testing.assert_allclose(taught.self_influence, expected, rtol=1e-9)


def test_binary_leave_one_out_loss_is_that_of_a_refit(binary):
    flipped = flip(binary.labels, 0.1, 2, np.random.default_rng(1))
    taught = binary.taught(flipped.recorded)
    rows = np.concatenate([np.flatnonzero(flipped.flipped)[:6], np.arange(6)])
    for row in rows:
        without = refit(taught.train, Change.removal(taught.train, np.array([row]))).theta
        loss = row_loss(taught.train.x[row] @ without, taught.labels[row])
        np.testing.assert_allclose(taught.loss_without[row], loss, rtol=0.1, atol=1e-3)
        rise = loss - row_loss(taught.train.x[row] @ taught.train.model.theta, taught.labels[row])
        np.testing.assert_allclose(taught.self_influence_one_step[row], rise, rtol=0.15, atol=1e-3)


def test_softmax_leave_one_out_is_one_newton_step_and_near_a_refit(three):
    flipped = flip(three.labels, 0.1, 3, np.random.default_rng(1))
    taught = three.taught(flipped.recorded)
    family, theta, p = three.family, taught.model.theta, taught.x.shape[1]
    for row in (*np.flatnonzero(flipped.flipped)[:2], 0):
        x, y, one = taught.x[row : row + 1], taught.labels[row : row + 1], np.ones(1)
        left = taught.model.hessian - family.hessian(theta, x, y, one)
        stepped = theta + np.linalg.solve(left, family.gradient(theta, x, y, one))
        np.testing.assert_allclose(taught.probabilities_without[row], family.probabilities(stepped, x)[0], rtol=1e-8)

        kept = np.delete(np.arange(len(taught.x)), row)
        refitted = minimise(family, taught.x[kept], taught.labels[kept], np.ones(len(kept)), three.model.penalty, theta)
        loss = -np.log(family.probabilities(refitted.theta.reshape(3, p).ravel(), x)[0, int(y[0])])
        np.testing.assert_allclose(taught.loss_without[row], loss, rtol=0.1, atol=1e-3)


def test_a_row_that_alone_determines_a_coefficient_is_not_doubted_for_it(binary):
    lonely = BinarySetting.of_digits(Digits.load(3, 8)).train
    lonely.__dict__["leverage"] = np.where(np.arange(len(lonely.y)) == 5, 1.0, lonely.leverage)
    taught = TaughtBinary(lonely)
    assert taught.loss_without[5] == taught.loss[5]
    assert taught.self_influence_one_step[5] == 0
    np.testing.assert_array_equal(
        np.delete(taught.loss_without, 5), np.delete(TaughtBinary(binary.train).loss_without, 5)
    )


def test_confident_learning_puts_what_cleanlab_reports_first(taught):
    from cleanlab.filter import find_label_issues

    reported = find_label_issues(taught.labels.astype(int), taught.probabilities_without, n_jobs=1)
    order = sooner(ORDERS["confident learning"](taught, np.random.default_rng(0)))
    assert 0 < reported.sum() < len(reported)
    assert reported[order[: reported.sum()]].all()


def test_the_rarest_label_comes_first_and_nothing_else_is_known(small_study):
    order = sooner(suspects(small_study, "rarest label first"))
    events = int(small_study.train.y.sum())
    assert small_study.train.y[order[:events]].all()
    assert not small_study.train.y[order[events:]].any()


def test_refits_are_those_of_a_cold_fit(binary):
    recorded = flip(binary.labels, 0.1, 2, np.random.default_rng(2)).recorded
    cold = fit_logistic(binary.train.x, recorded, binary.train.weights, binary.train.model.penalty)
    np.testing.assert_allclose(binary.taught(recorded).train.model.theta, cold.theta, atol=1e-8)
    margin = binary.x_test @ cold.theta
    p = 1 / (1 + np.exp(-margin))
    expected = {
        "accuracy": accuracy_score(binary.y_test, p > 0.5),
        "auroc": roc_auc_score(binary.y_test, p),
        "brier": brier_score_loss(binary.y_test, p),
        "log_loss": log_loss(binary.y_test, p),
        "miscalibration": abs(p.mean() - binary.y_test.mean()),
    }
    assert binary.judged([recorded])[0] == pytest.approx(expected, abs=1e-9)


def test_softmax_refits_are_those_of_scikit_learn(three):
    recorded = flip(three.labels, 0.1, 3, np.random.default_rng(2)).recorded
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-9, max_iter=5_000).fit(three.x, recorded)
    p = theirs.predict_proba(three.x_test)
    shown = np.eye(3)[three.y_test.astype(int)]
    expected = {
        "accuracy": accuracy_score(three.y_test, p.argmax(axis=1)),
        "brier": np.square(p - shown).sum(axis=1).mean(),
        "log_loss": log_loss(three.y_test, p),
    }
    assert three.judged([recorded])[0] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(three.taught(recorded).model.theta.reshape(3, -1), theirs.coef_, atol=1e-3)


def test_flips_go_to_every_other_class_alike():
    labels = np.repeat(np.arange(5.0), 2_000)
    flips = flip(labels, 0.3, 5, np.random.default_rng(0))
    assert flips.flipped.sum() == 3_000
    moved = (flips.recorded - flips.true)[flips.flipped] % 5
    assert np.bincount(moved.astype(int), minlength=5)[1:] == pytest.approx(750, rel=0.1)
    assert 0.25 < flips.flipped[labels == 3].mean() < 0.35


def test_an_exchange_keeps_the_event_rate():
    labels = (np.arange(3_000) % 10 == 0).astype(float)
    flips = exchange(labels, 0.2, 2, np.random.default_rng(0))
    assert flips.recorded.sum() == labels.sum()
    assert flips.flipped.sum() == 2 * 60


def test_mending_touches_only_what_was_checked():
    flips = Flips(np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0]))
    order = np.array([2, 0, 1, 3])
    np.testing.assert_array_equal(flips.mended(order, 2), [0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(flips.found(order, np.array([0, 1, 2, 3])), [0.0, 0.0, 0.5, 1.0])


def test_more_checking_never_finds_less_and_checking_all_undoes_every_flip(fixing):
    assert (np.diff(fixing.found, axis=2) >= 0).all()
    assert (fixing.found[:, :, -1] == 1).all()
    undone = fixing.mended[:, :, -1]
    np.testing.assert_allclose(undone, np.broadcast_to(fixing.clean, undone.shape), atol=1e-6)
    regained = fixing.measured()["regained"].xs(1.0, level="checked").dropna()
    assert {"brier", "log_loss"} <= set(regained.index.get_level_values("measure"))
    assert regained.to_numpy() == pytest.approx(1, abs=1e-4)


def test_nothing_is_regained_where_the_flips_did_no_harm(fixing):
    unharmed = np.broadcast_to(fixing.clean, fixing.unmended.shape)
    assert replace(fixing, unmended=unharmed).measured()["regained"].isna().all()


def test_self_influence_finds_at_least_twice_what_random_order_does(fixing):
    assert fixing.to_frame().loc["self-influence", "ratio_to_random"].head(3).min() > 2
    assert fixing.least_ratio_to_random["random"] < 1.5


def test_wrong_labels_cost_log_loss_and_mending_them_in_a_good_order_wins_it_back(fixing):
    place = fixing.measures.index("log_loss")
    assert (fixing.unmended[:, place] > fixing.clean[place]).all()
    regained = fixing.measured()["regained"]
    assert regained["log_loss", "self-influence", 0.1] > 0.7
    assert regained["log_loss", "self-influence", 0.1] > 2 * regained["log_loss", "random", 0.1]


def test_the_paired_interval_is_that_of_a_t_test(fixing):
    paired = fixing.against("self-influence", "random")
    apart = fixing.found[:, 0, 1] - fixing.found[:, -1, 1]
    interval = ttest_1samp(apart, 0).confidence_interval()
    line = paired.iloc[1]
    assert (line["difference"], line["low"], line["high"]) == pytest.approx((apart.mean(), *interval))
    assert list(paired["ahead"]) == ["self-influence"] * 3 + [""]
    assert "self-influence finds more at 5 to 30 % of the rows" in fixing.words_against("self-influence", "random")


def test_where_less_is_better_the_smaller_measure_is_ahead(fixing):
    paired = fixing.measured_against("self-influence", "random")
    line = paired.loc["log_loss", 0.1]
    assert line["high"] < 0
    assert line["ahead"] == "self-influence"
    assert fixing.measured_against("random", "self-influence").loc["log_loss", 0.1]["ahead"] == "self-influence"


def test_an_order_is_never_ahead_of_itself(fixing):
    assert set(fixing.against("random", "random")["ahead"]) == {""}
    assert set(fixing.measured_against("random", "random")["ahead"]) == {""}


def test_a_share_that_is_no_row_has_no_precision(binary):
    fixing = fix_labels(binary, Plan(repeats=1, checked=(0.001, 0.1), refitted_at=(), orders=("random",)))
    assert list(fixing.to_frame()["precision"].isna()) == [True, False]


def test_a_seed_gives_the_same_experiment_again_and_another_seed_another(binary):
    short = {"repeats": 2, "checked": (0.05,), "refitted_at": (), "orders": ("self-influence", "random")}
    first, again, other = (fix_labels(binary, Plan(**short, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.found, again.found)
    np.testing.assert_array_equal(first.unmended, again.unmended)
    assert not np.array_equal(first.unmended, other.unmended)


def test_one_repeat_has_no_interval(binary):
    one = fix_labels(binary, Plan(repeats=1, checked=(0.1,), refitted_at=(), orders=("training loss", "random")))
    assert one.against("training loss", "random")[["low", "high"]].isna().all(axis=None)
    assert "level" in one.words_against("training loss", "random")


def test_the_best_order_is_the_one_that_found_most(small_study):
    found, again = (best_order(small_study, repeats=2, seed=5) for _ in range(2))
    assert found == again
    assert list(found.found_share) == list(ORDERS)
    real = {name: share for name, share in found.found_share.items() if name not in CONTROLS}
    assert real[found.name] == max(real.values())
    assert found.found_share[found.name] > found.found_share["random"]
    assert f"the order by {found.name} finds the most wrong labels" in found.words
    assert found.name in repr(found)


def test_no_repeat_begins_after_the_time_is_up(small_study, monkeypatch):
    monkeypatch.setattr(best, "LONGEST_SECONDS", 0.0)
    assert "mean of 1 repeat)" in best_order(small_study, repeats=3).words


def test_suspects_are_those_of_the_order_on_the_training_rows(small_study):
    losses = row_loss(small_study.margins[small_study.split.train], small_study.train.y)
    np.testing.assert_allclose(suspects(small_study, "training loss"), losses, rtol=1e-12)


def test_a_simulated_cohort_stays_marked(small_study):
    setting = BinarySetting.of_study(small_study)
    plan = Plan(repeats=1, checked=(0.1,), refitted_at=(0.1,), flips="event rate kept", orders=("random",))
    fixing = fix_labels(setting, plan)
    assert fixing.simulated
    assert fixing.flipped == 2 * round(0.1 * small_study.train.y.sum())
    assert f"{fixing.flipped} of 622 labels flipped" in repr(fixing)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda study: suspects(study, "loss"), "there is no order 'loss'; take one of self-influence"),
        (lambda study: best_order(study, repeats=0), "give 1 or more"),
        (lambda _: Plan(repeats=0), "give 1 or more"),
        (lambda _: Plan(orders=("loss",)), "unknown: loss; take one of self-influence"),
        (lambda _: Plan(flips="all"), "unknown: all; take one of at random"),
        (lambda _: Plan(checked=(0.0,)), "a share of checked rows"),
        (lambda _: flip(np.zeros(10), 1.5, 2, np.random.default_rng(0)), "give a share such as 0.1"),
        (lambda _: flip(np.zeros(4), 0.1, 2, np.random.default_rng(0)), "flips none or all"),
        (lambda _: exchange(np.zeros(10), 0.1, 3, np.random.default_rng(0)), "only two classes"),
        (lambda _: BinarySetting.of_digits(Digits.load(1, 2, 3)), "load two"),
    ],
)
def test_what_cannot_be_done_is_said(small_study, ask, told):
    with pytest.raises(DataError, match=told):
        ask(small_study)


def test_an_order_that_was_not_in_the_plan_is_not_compared(fixing):
    with pytest.raises(DataError, match="'loss' was not in the plan"):
        fixing.against("random", "loss")


def test_every_way_to_flip_makes_the_share_wrong():
    labels = (np.arange(1_000) % 2).astype(float)
    for way in FLIPPINGS.values():
        assert way(labels, 0.1, 2, np.random.default_rng(0)).flipped.sum() == 100


def test_a_softmax_family_of_two_agrees_with_the_binary_model_on_whom_to_check():
    digits = Digits.load(3, 8)
    two, one = SoftmaxSetting.of_digits(digits, penalty=2.0), BinarySetting.of_digits(digits, penalty=1.0)
    assert two.family == Softmax(2)
    recorded = flip(one.labels, 0.1, 2, np.random.default_rng(0)).recorded
    losses = two.taught(recorded).loss_without, one.taught(recorded).loss_without
    assert np.corrcoef(*losses)[0, 1] > 0.99  # they differ in the intercept's penalty
