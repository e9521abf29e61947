"""What shifts do agrees with the what-if refit, with explicit algebra, and with the derivative in the weights."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.drivers import drivers
from clinflu.analysis.outlook import mix_of, shift_effects
from clinflu.analysis.outlook.estimates import first_order, moves, newton, second_order
from clinflu.analysis.what_if import Remove, Reweight, what_if
from clinflu.errors import DataError
from clinflu.influence.change import Change
from clinflu.influence.refit import refit
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic
from clinflu.study import Study


@pytest.fixture(scope="module")
def effects(small_study):
    return shift_effects(small_study, "ward")


def test_every_level_is_left_out_and_its_refit_is_that_of_what_if(small_study, effects):
    levels = small_study.train_frame["ward"]
    assert [shift.level for shift in effects.shifts] == ["medical", "surgical", "intensive"]
    for shift in effects.shifts:
        ids = list(levels.index[levels == shift.level])
        without = what_if(small_study, Remove(ids))
        np.testing.assert_allclose(
            small_study.model.theta + shift.moves["refit"], without.refitted.theta, rtol=0, atol=1e-8
        )
        after = without.metrics()["change"]
        found = effects.to_frame().loc[shift.level]
        np.testing.assert_allclose(found["refit"], after[found.index], atol=1e-8)
        assert set(found["training_encounters"]) == {len(ids)}
        assert set(found["training_events"]) == {int(small_study.train.y[(levels == shift.level).to_numpy()].sum())}


def test_ratio_is_first_order_over_refit_and_errors_are_those_of_the_margins(small_study, effects):
    frame = effects.to_frame()
    np.testing.assert_allclose(frame["ratio"] * frame["refit"], frame["first_order"], atol=1e-12)
    x = small_study.design.x[small_study.split.audited]
    shift = effects.shifts[2]
    truth, estimate = x @ shift.moves["refit"], x @ shift.moves["first_order"]
    expected = np.sqrt(np.mean((estimate - truth) ** 2) / np.mean(truth**2))
    np.testing.assert_allclose(effects.errors.loc["intensive", "first_order_error"], expected)


def test_first_order_errs_where_the_group_is_cohesive_and_newton_does_not(effects):
    """The few intensive-care encounters alone determine a coefficient."""
    errors = effects.errors.loc["intensive"]
    assert errors["newton_error"] < 0.1
    assert errors["first_order_error"] > 0.3


def test_the_slope_of_the_mean_loss_along_the_first_order_move_is_the_sum_that_the_drivers_give(small_study, effects):
    by_ward = drivers(small_study, "loss").split("ward")["change_first_order"]
    audited = small_study.split.audited
    x, y = small_study.design.x[audited], small_study.design.y[audited]
    for shift in effects.shifts:
        ends = [small_study.model.theta + step * shift.moves["first_order"] for step in (1e-4, -1e-4)]
        plus, minus = (np.mean(np.logaddexp(0, x @ end) - y * (x @ end)) for end in ends)
        np.testing.assert_allclose((plus - minus) / 2e-4, by_ward[shift.level], rtol=1e-5)


def test_another_mix_is_the_fit_with_those_weights(small_study):
    wanted = {"medical": 0.3, "surgical": 0.6, "intensive": 0.1}
    levels = small_study.train_frame["ward"]
    shares = levels.value_counts(normalize=True)
    factor = {level: share / shares[level] for level, share in wanted.items()}
    weights = levels.map(factor).astype(float)
    found = shift_effects(small_study, "ward", mix=wanted).shifts[-1]
    assert found.level == "another mix"
    train = small_study.train
    cold = fit_logistic(train.x, train.y, weights.to_numpy(), small_study.model.penalty).theta
    np.testing.assert_allclose(small_study.model.theta + found.moves["refit"], cold, atol=1e-8)
    same = what_if(small_study, Reweight(weights)).refitted.theta
    np.testing.assert_allclose(same, cold, atol=1e-8)
    np.testing.assert_allclose(weights.sum(), len(weights))


def test_the_mix_that_is_there_changes_nothing(small_study):
    mix = mix_of(small_study, "ward", small_study.train_ids)
    assert sum(mix.values()) == pytest.approx(1)
    effects = shift_effects(small_study, "ward", mix=mix)
    for move in effects.shifts[-1].moves.values():
        np.testing.assert_allclose(move, 0, atol=1e-9)
    assert effects.words[-1] == "With another mix nothing changes: training holds just these shares already."


def test_a_mix_leaves_out_what_training_never_saw(small_study):
    """Of one audited encounter of a new level among nine known ones."""
    frame = small_study.cohort.frame.copy()
    audited = small_study.cohort.frame.index[small_study.split.audited[:10]]
    frame.loc[audited, "ward"] = ["burns", *["medical"] * 6, *["surgical"] * 3]
    other = dataclasses.replace(small_study, cohort=dataclasses.replace(small_study.cohort, frame=frame))
    assert mix_of(other, "ward", audited) == pytest.approx({"medical": 6 / 9, "surgical": 3 / 9})
    with pytest.raises(DataError, match="no training encounter has the level 'burns'"):
        shift_effects(other, "ward", mix={"medical": 0.5, "burns": 0.5})
    with pytest.raises(DataError, match="a mix needs encounters"):
        mix_of(other, "ward", audited[:1])


def change_of(train, scale):
    """Weights of every row changed a little at random, and a few outcomes too."""
    rng = np.random.default_rng(4)
    rows = np.arange(len(train.y))
    return Change(rows, train.weights * (1 + scale * rng.normal(size=len(rows))), train.y)


def test_the_error_of_first_order_halves_and_that_of_second_order_quarters_with_the_shift(small_study):
    train = small_study.train
    errors = []
    for scale in (0.1, 0.05):
        change = change_of(train, scale)
        truth = refit(train, change).theta - train.model.theta
        errors.append(
            [np.linalg.norm(f(train, change) - truth) / np.linalg.norm(truth) for f in (first_order, second_order)]
        )
    np.testing.assert_allclose(np.divide(errors[1], errors[0]), [0.5, 0.25], rtol=0.15)


def test_newton_of_a_reweighting_is_one_explicit_newton_step(small_study):
    train, change = small_study.train, change_of(small_study.train, 0.3)
    p = risk(train.x @ train.model.theta)
    gradient = train.x.T @ (change.weights * (p - train.y)) + train.model.penalty * train.model.theta
    hessian = train.x.T @ (train.x * (change.weights * p * (1 - p))[:, None]) + np.diag(train.model.penalty)
    np.testing.assert_allclose(newton(train, change), -np.linalg.solve(hessian, gradient), rtol=1e-8, atol=1e-12)


def test_removal_and_its_reweighting_to_almost_nothing_agree_by_every_method(small_study):
    train = small_study.train
    rows = np.arange(40)
    gone = moves(train, Change.removal(train, rows))
    nearly = moves(train, Change(rows, np.full(40, 1e-10), train.y[rows]))
    for method, move in gone.items():
        np.testing.assert_allclose(nearly[method], move, atol=1e-8)


def test_most_changed_lists_the_largest_refitted_changes_first(small_study, effects):
    frame = effects.most_changed("intensive", 5)
    x = small_study.design.x[small_study.split.audited]
    theta, move = small_study.model.theta, effects.shifts[2].moves["refit"]
    every = 100 * (risk(x @ (theta + move)) - risk(x @ theta))
    np.testing.assert_allclose(np.abs(frame["risk_change_refit_pp"]), np.sort(np.abs(every))[::-1][:5])
    assert frame["risk_change_newton_pp"].corr(frame["risk_change_refit_pp"]) > 0.9


def test_the_confirming_encounters_can_be_judged_instead(small_study):
    found = shift_effects(small_study, "ward", side="confirm")
    confirm = small_study.split.confirm
    loss = np.logaddexp(0, small_study.margins[confirm]) - small_study.design.y[confirm] * small_study.margins[confirm]
    assert found.before["log_loss"] == pytest.approx(loss.mean())


def test_years_are_levels_where_the_source_holds_dates(small_study):
    years = pd.Series(
        np.where(np.arange(len(small_study.cohort.frame)) % 3, 2011, 2012), small_study.cohort.frame.index
    )
    dated = dataclasses.replace(small_study, cohort=dataclasses.replace(small_study.cohort, years=years))
    last = years.index[years == 2012]
    found = shift_effects(dated, "year")
    assert [shift.level for shift in found.shifts] == ["2011", "2012"]
    assert mix_of(dated, "year", last) == {"2012": 1.0}
    ids = dated.train_ids[dated.train_ids.isin(last)]
    np.testing.assert_allclose(
        dated.model.theta + found.shifts[1].moves["refit"], what_if(dated, Remove(list(ids))).refitted.theta, atol=1e-8
    )


def test_a_level_without_which_there_is_no_fit_hides_no_other(small_cohort):
    """Without a penalty nothing holds the coefficient of a level that nobody has any more."""
    free = shift_effects(Study.fit(small_cohort, penalty=0.0), "ward")
    frame, errors = free.to_frame(), free.errors
    assert frame.loc["intensive", ["newton", "refit", "ratio"]].isna().all(axis=None)
    assert errors.loc["intensive"].drop("training_encounters").isna().all()
    assert np.isfinite(frame.loc["intensive", ["first_order", "second_order"]]).all(axis=None)
    assert free.words[-1] == "Without intensive the model has no finite fit."


def test_words_name_each_shift(effects):
    assert len(effects.words) == 3
    assert "Without intensive (" in effects.words[2]
    assert "first order is off by" in effects.words[2]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"variable": "year"}, "no dates of admission"),
        ({"variable": "wards"}, "did you mean 'ward'"),
        ({"variable": "ward", "side": "train"}, "'audited' or 'confirm'"),
        ({"variable": "ward", "mix": {"medical": 0.5}}, "add up to 1"),
        ({"variable": "ward", "mix": {"medcal": 1.0}}, "did you mean 'medical'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(small_study, ask, message):
    with pytest.raises(DataError, match=message):
        shift_effects(small_study, **ask)


def test_no_such_shift(effects):
    with pytest.raises(DataError, match="did you mean 'intensive'"):
        effects.most_changed("intensiv")
