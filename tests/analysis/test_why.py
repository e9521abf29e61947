"""Why the model fails a group: every figure agrees with cold refits, sums over rows, or statsmodels."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import approx_fprime
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinflu import Remove, Reweight
from clinflu.analysis.groupings import grouping, groupings
from clinflu.analysis.what_if import what_if
from clinflu.analysis.why import Members, WhyOptions, why, whys
from clinflu.analysis.why.consequence import training_variances
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.excess import p_of_level
from clinflu.analysis.why.measures import SMOOTH, contributions, error_of_difference, measured, slopes, variance_of_mean
from clinflu.analysis.why.members import Sides
from clinflu.analysis.why.removals import Removals
from clinflu.analysis.why.variables import harm
from clinflu.analysis.why.words import finding
from clinflu.errors import Cancelled, DataError
from clinflu.influence.decomposition import column_sums
from clinflu.influence.functional import MeanLoss, group_effect
from clinflu.influence.group import group_newton
from clinflu.influence.interval import concentration
from clinflu.influence.refit import Change
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic

BY = ("ward", "ward_team", "age_years", "visits", "creatinine")


@pytest.fixture(scope="module")
def by(small_study):
    return groupings(small_study, BY)


@pytest.fixture(scope="module")
def surgical(small_study):
    one = grouping(small_study, "ward")
    return Members.of(one, one.levels.index("surgical"))


@pytest.fixture(scope="module")
def sides(small_study, surgical):
    return Sides.of(small_study, surgical, WhyOptions())


@pytest.fixture(scope="module")
def found(small_study, surgical, by):
    return why(small_study, surgical, by=by)


def rows_with(study, part, ward):
    rows = getattr(study.split, part)
    return rows[(study.cohort.frame["ward"].iloc[rows] == ward).to_numpy()]


def cold_theta(study, removed=(), weights=None):
    train = study.train
    kept = np.setdiff1d(np.arange(len(train.y)), removed)
    weights = train.weights if weights is None else weights
    return fit_logistic(train.x[kept], train.y[kept], weights[kept], train.model.penalty).theta


def by_hand(study, rows, margin):
    y, p = study.design.y[rows], 1 / (1 + np.exp(-margin))
    return {
        "mean_risk": p.mean(),
        "o_e": y.sum() / p.sum(),
        "log_loss": log_loss(y, p),
        "auroc": roc_auc_score(y, p),
        "brier": brier_score_loss(y, p),
        "alerts": (p >= study.threshold).sum(),
    }


def check_consequence(study, consequence, theta):
    surgical, audited = rows_with(study, "audited", "surgical"), study.split.audited
    parts = {
        "group": surgical,
        "rest": np.setdiff1d(audited, surgical),
        "check": rows_with(study, "confirm", "surgical"),
    }
    for side, rows in parts.items():
        before, after = (by_hand(study, rows, study.design.x[rows] @ one) for one in (study.model.theta, theta))
        for name, moved in getattr(consequence, side).items():
            np.testing.assert_allclose(moved.before, before[name], rtol=1e-9)
            np.testing.assert_allclose(moved.after, after[name], rtol=1e-7)


def test_a_group_is_a_level_of_a_grouping_or_any_rows(small_study, surgical, found, by):
    mask = (small_study.cohort.frame["ward"] == "surgical").to_numpy()
    np.testing.assert_array_equal(surgical.inside, mask)
    assert surgical.label == "Ward: surgical"
    again = why(small_study, Members.where(mask, "Ward: surgical"), by=by)
    assert again.words == found.words
    assert repr(again.groups) == repr(found.groups)  # NaN is not itself
    assert found.encounters == len(rows_with(small_study, "audited", "surgical"))
    assert found.check_encounters == len(rows_with(small_study, "confirm", "surgical"))
    assert found.events == small_study.design.y[rows_with(small_study, "audited", "surgical")].sum()


def test_every_training_group_shown_is_its_cold_refit(small_study, found, by):
    groups = {(one.key, level): code for one in by for code, level in enumerate(one.levels)}
    codes = {one.key: one.codes[small_study.split.train] for one in by}
    shown = (*found.groups.harmful, *found.groups.helpful)
    assert len(shown) == 10
    for one in shown:
        rows = np.flatnonzero(codes[one.key] == groups[one.key, one.level])
        np.testing.assert_array_equal(one.rows, rows)
        check_consequence(small_study, one.refit, cold_theta(small_study, rows))
        assert one.size.encounters == len(rows)
        assert one.size.events == small_study.train.y[rows].sum()
        assert one.size.patients == small_study.design.patient_ids[small_study.split.train][rows].nunique()
        assert one.is_own == (one.name == "Ward: surgical")


def test_the_training_groups_shown_are_the_strongest_by_refit(small_study, found, by, sides):
    removals = Removals.of(small_study, by)
    loss = Effects.of(sides).loss
    before = loss.value(small_study.model.theta)
    refits = np.array([loss.value(cold_theta(small_study, one.rows)) - before for one in removals.candidates])
    estimates = np.array([group_effect(small_study.train, loss, one.rows) for one in removals.candidates])
    assert found.groups.searched == len(refits)
    assert np.corrcoef(estimates, refits)[0, 1] > 0.99
    small = np.array([len(one.rows) for one in removals.candidates]) < 0.1 * len(small_study.train.y)
    assert small.sum() > 3
    np.testing.assert_allclose(estimates[small], refits[small], rtol=0.1, atol=2e-5)
    changes = [one.refit.loss_change for one in found.groups.harmful]
    np.testing.assert_allclose(changes[:3], np.sort(refits)[:3], rtol=1e-6)
    assert changes == sorted(changes)
    changes = [one.refit.loss_change for one in found.groups.helpful]
    np.testing.assert_allclose(changes[:3], np.sort(refits)[::-1][:3], rtol=1e-6)
    assert all(one.estimate < 0 for one in found.groups.harmful)
    assert all(one.estimate > 0 for one in found.groups.helpful)


def test_groups_of_more_than_half_of_training_are_not_left_out(small_study, by):
    candidates = Removals.of(small_study, by).candidates
    half = len(small_study.train.y) / 2
    assert all(0 < len(one.rows) <= half for one in candidates)
    medical = (small_study.train_frame["ward"] == "medical").sum()
    assert medical > half
    assert ("ward", "medical") not in {(one.grouping.key, one.grouping.levels[one.level]) for one in candidates}


def test_equal_training_groups_are_compared_once(small_study):
    one = grouping(small_study, "ward")
    twice = Removals.of(small_study, (one, replace(one, key="ward_again")))
    assert len(twice.candidates) == len(Removals.of(small_study, (one,)).candidates)


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_derivatives(name):
    rng = np.random.default_rng(3)
    y, margin = (rng.random(12) < 0.4).astype(float), rng.normal(-1, 1, 12)
    numeric = approx_fprime(margin, lambda at: measured(y, at, 0.2)[name], 1e-7)
    np.testing.assert_allclose(slopes(y, margin)[name], numeric, rtol=1e-4, atol=1e-7)
    weights = rng.random(12)
    moved = contributions(y, margin)[name]
    if name != "o_e":
        np.testing.assert_allclose(moved.mean(), measured(y, margin, 0.2)[name], rtol=1e-12)
    else:
        drawn = [(y * w).sum() / (risk(margin) * w).sum() for w in (np.ones(12), 1 + 1e-6 * weights)]
        np.testing.assert_allclose((moved * 1e-6 * weights).mean(), drawn[1] - drawn[0], rtol=1e-4)


def test_the_variance_over_the_patients_judged_is_that_of_statsmodels():
    rng = np.random.default_rng(5)
    patients = rng.integers(0, 30, 100)
    _, patients = np.unique(patients, return_inverse=True)
    values = rng.normal(size=100) + 0.5 * patients
    fitted = sm.OLS(values, np.ones(100)).fit(cov_type="cluster", cov_kwds={"groups": patients})
    np.testing.assert_allclose(variance_of_mean(values, patients), fitted.bse[0] ** 2, rtol=1e-10)


def test_the_error_of_a_difference_is_that_of_a_regression_on_the_group_clustered_by_patient():
    rng = np.random.default_rng(6)
    patients, inside = np.repeat(np.arange(60), 3), rng.random(180) < 0.3
    values = rng.normal(size=180) + 0.8 * rng.normal(size=60)[patients] + inside
    clustered = {"groups": patients, "use_correction": False}
    fitted = sm.OLS(values, sm.add_constant(inside.astype(float))).fit(cov_type="cluster", cov_kwds=clustered)
    assert len(np.intersect1d(patients[inside], patients[~inside])) > 30
    np.testing.assert_allclose(
        error_of_difference(values, inside, patients), fitted.bse[1] * np.sqrt(60 / 59), rtol=1e-10
    )


def test_the_variance_over_training_patients_is_that_of_the_what_if_engine(small_study, surgical):
    rows = np.flatnonzero(surgical.inside[small_study.split.train])
    refit = what_if(small_study, Remove(small_study.train_ids[rows]))
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(2, 4, len(small_study.design.columns)))
    change = Change.removal(small_study.train, rows)
    mine = training_variances(small_study.train, change, refit.model, before, after)
    np.testing.assert_allclose(mine, refit._spread.variance(after, before), rtol=1e-9)


def test_the_interval_holds_both_sources(small_study, sides, found):
    one = next(one for one in found.remedies if one.kind == "own_left_out")
    change = Change.removal(small_study.train, sides.own)
    refit = what_if(small_study, Remove(small_study.train_ids[sides.own]))
    rows, y = sides.group, small_study.design.y[sides.group]
    x = small_study.design.x[rows]
    losses = [np.logaddexp(0, m) - y * m for m in (x @ small_study.model.theta, x @ refit.model.theta)]
    judged = sm.OLS(losses[1] - losses[0], np.ones(len(y))).fit(
        cov_type="cluster", cov_kwds={"groups": small_study.design.patient_ids[rows].factorize()[0]}
    )
    loss = MeanLoss(x, y)
    gradients = [loss.gradient(theta)[None, :] for theta in (small_study.model.theta, refit.model.theta)]
    taught = training_variances(small_study.train, change, refit.model, *gradients)[0]
    moved = one.consequence.group["log_loss"]
    reach = 1.959963984540054 * np.sqrt(taught + judged.bse[0] ** 2)
    np.testing.assert_allclose([moved.low, moved.high], [moved.change - reach, moved.change + reach], rtol=1e-8)


def test_leaving_patients_out_is_their_cold_refit(small_study, found, sides):
    effects, train = Effects.of(sides), small_study.train
    order = np.argsort(np.bincount(train.patients, effects.by_encounter), kind="stable")
    assert {10, 50, 100} <= {one.patients for one in found.patients.left_out}
    losses = [
        effects.loss,
        *(MeanLoss(small_study.design.x[r], small_study.design.y[r]) for r in (sides.rest, sides.check)),
    ]
    for one in found.patients.left_out:
        rows = np.flatnonzero(np.isin(train.patients, order[: one.patients]))
        theta = cold_theta(small_study, rows)
        assert one.encounters == len(rows)
        changes = [loss.value(theta) - loss.value(small_study.model.theta) for loss in losses]
        np.testing.assert_allclose([one.loss_change, one.rest_change, one.check_change], changes, rtol=1e-6, atol=1e-11)
        np.testing.assert_allclose(one.estimate, group_effect(train, effects.loss, rows), rtol=1e-9)
    ten = next(one for one in found.patients.left_out if one.patients == 10)
    np.testing.assert_allclose(ten.estimate, ten.loss_change, rtol=0.1)
    assert len(found.patients.strongest) == 10
    for one in found.patients.strongest:
        theta = cold_theta(small_study, np.array(one.rows))
        np.testing.assert_allclose(one.loss_change, losses[0].value(theta) - losses[0].value(small_study.model.theta))
        np.testing.assert_allclose(one.estimate, one.loss_change, rtol=0.15)


def test_the_concentration_of_the_effects_is_counted(small_study, found, sides):
    effects = Effects.of(sides)
    by_patient = np.bincount(small_study.train.patients, effects.by_encounter)
    size = np.sort(np.abs(by_patient))[::-1]
    for top, many in zip(found.patients.top, (10, np.ceil(0.01 * len(size)), np.ceil(0.05 * len(size))), strict=True):
        assert top.patients == many
        np.testing.assert_allclose(top.share, size[: int(many)].sum() / size.sum())
    assert found.patients.harmful == (by_patient < 0).sum()
    np.testing.assert_allclose(
        found.support.effective_patients, concentration(effects.by_encounter, small_study.train.patients)
    )


def test_half_of_the_excess_is_undone_by_the_fewest_patients(small_study, by):
    one = grouping(small_study, "visits")
    found = why(small_study, Members.of(one, len(one.levels) - 1), by=by)
    sides = Sides.of(small_study, Members.of(one, len(one.levels) - 1), WhyOptions())
    harm_done = np.sort(Effects.of(sides).by_patient)
    half = found.patients.half
    assert found.excess.total > 0
    assert 0 < half <= found.patients.harmful
    assert -harm_done[:half].sum() >= found.excess.total / 2 > -harm_done[: half - 1].sum()
    assert half in {one.patients for one in found.patients.left_out}


def test_a_group_that_is_predicted_better_has_no_excess_to_undo(small_study, by):
    one = grouping(small_study, "visits")
    found = why(small_study, Members.of(one, 0), by=by)
    assert found.excess.total < 0
    assert found.patients.half is None
    assert found.finding != "unexplained"


def test_the_gap_adds_up_to_the_difference_of_mean_log_odds(small_study, found, sides):
    difference = small_study.margins[sides.group].mean() - small_study.margins[sides.rest].mean()
    np.testing.assert_allclose(sum(part.value for part in found.gap.parts), difference, rtol=1e-10)
    np.testing.assert_allclose(found.gap.total, difference, rtol=1e-10)
    np.testing.assert_allclose(sum(part.share for part in found.gap.parts), 1.0)
    ward = next(part for part in found.gap.parts if part.variable == "ward")
    columns = [place for place, name in enumerate(small_study.design.variables) if name == "ward"]
    x = small_study.design.x[:, columns] @ small_study.model.theta[columns]
    np.testing.assert_allclose(ward.value, x[sides.group].mean() - x[sides.rest].mean())
    sizes = [abs(part.value) for part in found.gap.parts]
    assert sizes == sorted(sizes, reverse=True)


def test_the_harm_adds_up_to_the_newton_step_and_is_that_of_one_encounter(small_study, sides):
    effects, train = Effects.of(sides), small_study.train
    rows = np.argsort(effects.by_encounter)[:40]
    carried = harm(sides, effects, rows)
    step = effects.slope @ group_newton(train, np.sort(rows))
    np.testing.assert_allclose([carried.total, sum(part.value for part in carried.parts)], step, rtol=1e-9)

    alone = harm(sides, effects, rows[:1])
    np.testing.assert_allclose(alone.total, effects.by_encounter[rows[0]], rtol=1e-9)
    sums = column_sums(train, rows[0], small_study.model.solve(effects.slope), centred=True)
    folded = dict(zip(small_study.design.variable_names, small_study.design.fold(sums), strict=True))
    for part in alone.parts:
        np.testing.assert_allclose(part.value, folded[part.variable], rtol=1e-8, atol=1e-15)


def test_remedies_are_the_refits_of_the_what_if_engine(small_study, found, sides):
    ids = small_study.train_ids[sides.own]
    actions = {
        "Its own training encounters left out": Remove(ids),
        "Its own training encounters weighted 2 times": Reweight(dict.fromkeys(ids, 2.0)),
        "Its own training encounters weighted 5 times": Reweight(dict.fromkeys(ids, 5.0)),
    }
    by_label = {one.label: one for one in found.remedies}
    for label, action in actions.items():
        refit = what_if(small_study, action)
        check_consequence(small_study, by_label[label].consequence, refit.model.theta)
        assert by_label[label].encounters == len(ids)
    assert "Training no longer tells" in by_label["Its own training encounters left out"].warnings[0]
    worst = next(one for one in found.groups.harmful if not one.is_own)
    without = next(one for one in found.remedies if one.kind == "harmful_left_out")
    assert without.consequence is worst.refit


def test_recalibration_is_that_of_statsmodels_and_leaves_others_alone(small_study, found, sides):
    train = small_study.train
    offset = train.x[sides.own] @ train.model.theta
    fitted = sm.GLM(train.y[sides.own], np.ones(len(offset)), sm.families.Binomial(), offset=offset).fit(tol=1e-12)
    remedy = next(one for one in found.remedies if one.kind == "recalibrated")
    rows = sides.group
    after = by_hand(small_study, rows, small_study.margins[rows] + fitted.params[0])
    for name, moved in remedy.consequence.group.items():
        np.testing.assert_allclose(moved.after, after[name], rtol=1e-7)
    assert all(moved.change == 0 for moved in remedy.consequence.rest.values())


def test_the_excess_adds_up_and_its_level_is_what_a_shift_would_win(small_study, found, sides):
    won = []
    for rows in (sides.group, sides.rest):
        y, margin = small_study.design.y[rows], small_study.margins[rows]
        fitted = sm.GLM(y, np.ones(len(y)), sm.families.Binomial(), offset=margin).fit(tol=1e-12)
        won.append(log_loss(y, risk(margin)) + fitted.llf / len(y))
    np.testing.assert_allclose(found.excess.level, won[0] - won[1], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.excess.level + found.excess.difficulty, found.excess.total, rtol=1e-12)
    np.testing.assert_allclose(found.excess.group, found.measures["log_loss"], rtol=1e-12)


def test_the_p_of_the_level_is_uniform_where_the_model_is_right():
    rng = np.random.default_rng(8)
    patients = np.repeat(np.arange(150), 2)
    found = []
    for _ in range(2000):
        p = np.repeat(rng.uniform(0.05, 0.4, 150), 2)
        found.append(p_of_level((rng.random(300) < p) - p, patients))
    assert 0.035 < np.mean(np.array(found) < 0.05) < 0.065


def moved(group, name, low, high, **ends):
    return group | {name: replace(group[name], low=low, high=high, **ends)}


@pytest.mark.parametrize(
    ("aside", "kind"),
    [((0.01, 0.03), "confirmed"), ((-0.01, 0.05), "not confirmed")],
)
def test_a_level_is_confirmed_only_where_it_moves_beyond_chance_on_those_set_aside_too(found, aside, kind):
    """The first training group's removal moves a level that is off; the loss says nothing."""
    one = found.groups.harmful[0]

    def with_level(side, low, high):
        nearer = moved(side, "o_e", -0.3, -0.1, before=1.4, after=1.2)
        return moved(moved(nearer, "mean_risk", low, high, before=0.10, after=0.12), "log_loss", -0.01, 0.01)

    refit = replace(one.refit, group=with_level(one.refit.group, 0.01, 0.03), check=with_level(one.refit.check, *aside))
    groups = replace(found.groups, harmful=(replace(one, refit=refit),))
    said = finding(replace(found.excess, p_level=0.001), groups)
    assert (said.kind, said.by_level) == (kind, True)


def test_another_group_is_not_confirmed_because_the_first_is_not(found):
    """Only the first choice is looked at on those set aside: of many, one would be confirmed by chance."""
    first, second = found.groups.harmful[:2]

    def with_loss(one, low, high):
        sides = {
            side: moved(getattr(one.refit, side), "log_loss", *ends)
            for side, ends in (("group", (-0.02, -0.01)), ("check", (low, high)))
        }
        return replace(one, refit=replace(one.refit, **sides))

    groups = replace(found.groups, harmful=(with_loss(first, -0.02, 0.01), with_loss(second, -0.02, -0.01)))
    excess = replace(found.excess, group=found.excess.rest + 0.1, p_total=0.001, p_level=0.9)
    assert (finding(excess, groups).kind, finding(excess, groups).group.name) == ("not confirmed", first.name)


def test_the_support_counts_what_training_holds(small_study, found):
    frame, train = small_study.cohort.frame, small_study.split.train
    own = frame.iloc[train][(frame["ward"].iloc[train] == "surgical").to_numpy()]
    others = frame.iloc[train].drop(own.index)
    for count, rows in ((found.support.own, own), (found.support.others, others)):
        assert count.encounters == len(rows)
        assert count.patients == rows["patient"].nunique()
        assert count.events == rows["readmitted"].sum()
    np.testing.assert_allclose(found.support.share, len(own) / len(train))
    assert 0 <= found.support.own_influence <= 1
    assert f"{own['patient'].nunique()} training patients are like these" in found.support.words


def test_a_group_without_training_patients_is_answered_from_others(small_study, by):
    mask = np.zeros(len(small_study.design.y), dtype=bool)
    mask[small_study.split.audited[:60]] = True
    found = why(small_study, Members.where(mask, "Sixty"), by=by)
    assert found.support.words.startswith("No training patient is like these")
    assert found.support.own_influence == 0
    assert {one.kind for one in found.remedies} <= {"harmful_left_out"}
    assert found.check_encounters == 0
    assert np.isnan(found.groups.harmful[0].refit.check["log_loss"].change)
    assert found.finding != "confirmed"


def test_the_confirm_rows_judge_and_the_audited_rows_check(small_study, surgical, by, found):
    turned = why(small_study, surgical, by=by, options=WhyOptions(part="confirm"))
    own = {one.kind: one for one in found.remedies}["own_left_out"].consequence
    swapped = {one.kind: one for one in turned.remedies}["own_left_out"].consequence
    assert repr(swapped.group) == repr(own.check)
    assert repr(swapped.check) == repr(own.group)


def test_several_groups_are_as_each_alone(small_study, surgical, by, found):
    other = Members.of(by[0], by[0].levels.index("medical"))
    together = whys(small_study, (other, surgical), by=by)
    for one, alone in zip(together[1].groups.harmful, found.groups.harmful, strict=True):
        assert (one.name, one.estimate) == (alone.name, alone.estimate)
        np.testing.assert_allclose(one.refit.loss_change, alone.refit.loss_change, rtol=1e-8)
    assert together[1].words == found.words
    assert together[0].words == why(small_study, other, by=by).words


def test_progress_runs_to_its_end_and_stops_the_work(small_study, surgical, by):
    told = []
    why(small_study, surgical, by=by, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert {total for _, total in told} == {told[-1][1]}

    def stop(*_):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        why(small_study, surgical, by=by, progress=stop)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (lambda n: np.zeros(n, dtype=bool), "nobody of the group"),
        (lambda n: np.ones(n, dtype=bool), "nobody but the group"),
        (lambda n: np.ones(n - 1, dtype=bool), "one flag for each"),
        (np.ones, "one flag for each"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(small_study, by, mask, message):
    with pytest.raises(DataError, match=message):
        why(small_study, Members.where(mask(len(small_study.design.y)), "x"), by=by)


@pytest.mark.parametrize(
    "options",
    [
        {"part": "train"},
        {"shown": -1},
        {"strongest": 1.5},
        {"together": (0,)},
        {"upweighted": (0.0,)},
        {"level": 1.0},
        {"threshold": 1.5},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(DataError):
        WhyOptions(**options)


def test_a_level_that_is_not_there_is_refused(small_study):
    with pytest.raises(DataError, match="codes 0 to"):
        Members.of(grouping(small_study, "ward"), 9)
