"""Every figure of the subgroup table is that of scikit-learn, statsmodels and fairlearn; errors are those of refits."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from fairlearn.metrics import MetricFrame
from scipy.special import expit, logit
from scipy.stats import norm, t
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from clinflu.analysis.groupings import Grouping, groupings
from clinflu.analysis.metric_intervals import FEWEST_OF_A_CLASS, FEWEST_PATIENTS
from clinflu.analysis.subgroups import MEASURES, Bootstrap, replicates, subgroup_table, subgroups
from clinflu.analysis.subgroups.intervals import (
    AT_THE_END,
    BOOTSTRAP,
    DELONG,
    NO_SPREAD,
    WILSON,
    Side,
    delong_error,
    interval,
)
from clinflu.analysis.subgroups.judged import Judged, Members
from clinflu.analysis.subgroups.replicates import BLOCK, Partition, drawn, replicated
from clinflu.analysis.subgroups.table import EVERYONE, NO_COMPLEMENT, NO_VALUE
from clinflu.errors import Cancelled, DataError

BY = ("age_group", "gender", "race", "number_inpatient", "A1Cresult", "gender*age_group")
FITTED = ("calibration_intercept", "calibration_slope")
PROPORTIONS = {
    "event_rate": ("events", "n"),
    "sensitivity": ("tp", "events"),
    "specificity": ("tn", "others"),
    "ppv": ("tp", "alerts"),
    "npv": ("tn", "quiet"),
    "alert_rate": ("alerts", "n"),
}


def fitted(y, margin):
    """Calibration intercept and slope of statsmodels."""
    options = {"tol": 1e-13, "maxiter": 100, "tol_criterion": "params"}
    alone = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=margin).fit(**options)
    both = sm.GLM(y, sm.add_constant(margin, has_constant="add"), family=sm.families.Binomial()).fit(**options)
    return float(alone.params[0]), float(both.params[1])


def counted(y, p, threshold):
    """Cells of the confusion matrix of scikit-learn, and their sums."""
    tn, fp, fn, tp = map(int, confusion_matrix(y, p >= threshold, labels=[0, 1]).ravel())
    return {
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
        "n": tn + fp + fn + tp,
        "events": tp + fn,
        "others": tn + fp,
        "alerts": tp + fp,
        "quiet": tn + fn,
    }


def share(above, below):
    return above / below if below else np.nan


def reference(y, margin, threshold, fits=None):
    """Every measure, from scikit-learn, statsmodels and definitions."""
    p = expit(margin)
    c = counted(y, p, threshold)
    two = 0 < c["events"] < c["n"]
    intercept, slope = fits or (fitted(y, margin) if min(c["events"], c["others"]) >= 10 else (np.nan, np.nan))
    return {
        **{name: share(c[above], c[below]) for name, (above, below) in PROPORTIONS.items()},
        "mean_risk": p.mean(),
        "oe": c["events"] / p.sum(),
        "calibration_intercept": intercept,
        "calibration_slope": slope,
        "auroc": roc_auc_score(y, p) if two else np.nan,
        "brier": brier_score_loss(y, p),
        "net_benefit": c["tp"] / c["n"] - c["fp"] / c["n"] * threshold / (1 - threshold),
    }


@pytest.fixture(scope="module")
def table(simulated_audit):
    return subgroups(simulated_audit.study, BY, bootstrap=Bootstrap(200))


@pytest.fixture(scope="module")
def masks(simulated_audit):
    """Audited encounters of each (variable, level), by name."""
    study = simulated_audit.study
    found = {}
    for one in groupings(study, BY):
        names = np.array(one.levels, dtype=object)[one.codes][study.split.audited]
        found |= {(one.key, level): names == level for level in set(names)}
    return found


def audited(study):
    rows = study.split.audited
    return study.design.y[rows], study.margins[rows]


def assert_same(found, expected, name):
    tolerance = 1e-8 if name in FITTED else 1e-12
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=name)


def test_every_figure_of_every_group_and_its_complement_is_that_of_others(simulated_audit, table, masks):
    y, margin = audited(simulated_audit.study)
    assert {(one.variable, one.level) for one in table.groups} == set(masks)
    shown = dict.fromkeys(MEASURES, 0)
    for one in table.groups:
        mask = masks[one.variable, one.level]
        sides = [reference(y[side], margin[side], table.threshold) for side in (mask, ~mask)]
        assert (one.encounters, one.events) == (mask.sum(), y[mask].sum())
        for name in MEASURES:
            if not one.estimates[name].withheld:
                shown[name] += 1
                assert_same(one.estimates[name].value, sides[0][name], name)
            if not one.differences[name].withheld:
                assert_same(one.differences[name].value, sides[0][name] - sides[1][name], name)
    assert min(shown.values()) >= 8, shown
    everyone = reference(y, margin, table.threshold)
    for name, found in table.everyone.estimates.items():
        assert_same(found.value, everyone[name], name)


def by_cells(y, alert):
    c = counted(y, alert, 0.5)
    return {name: share(c[above], c[below]) for name, (above, below) in PROPORTIONS.items()}


def test_figures_are_those_of_fairlearn(simulated_audit, table):
    study = simulated_audit.study
    y, margin = audited(study)
    alert = (expit(margin) >= table.threshold).astype(int)
    cells = {name: lambda y, a, name=name: by_cells(y, a)[name] for name in PROPORTIONS}
    scores = {"auroc": roc_auc_score, "brier": brier_score_loss, "mean_risk": lambda _, p: p.mean()}
    for grouping in groupings(study, ("gender", "race")):
        levels = np.array(grouping.levels, dtype=object)[grouping.codes][study.split.audited]
        rows = {one.level: one for one in table.groups if one.variable == grouping.key}
        for metrics, predicted in ((cells, alert), (scores, expit(margin))):
            frame = MetricFrame(metrics=metrics, y_true=y, y_pred=predicted, sensitive_features=levels)
            assert set(frame.by_group.index) == set(rows)
            for name in metrics:
                assert_same(table.everyone.estimates[name].value, frame.overall[name], name)
                kept = {level: row.estimates[name].value for level, row in rows.items()}
                for level, value in kept.items():
                    if not rows[level].estimates[name].withheld:
                        assert_same(value, frame.by_group.loc[level, name], name)
                if not any(row.estimates[name].withheld for row in rows.values()):
                    apart = max(abs(value - table.everyone.estimates[name].value) for value in kept.values())
                    assert_same(apart, frame.difference(method="to_overall")[name], name)
                    assert_same(max(kept.values()) - min(kept.values()), frame.difference()[name], name)


def test_differences_to_the_complement_are_those_of_fairlearn(simulated_audit, table, masks):
    y, margin = audited(simulated_audit.study)
    p, alert = expit(margin), (expit(margin) >= table.threshold).astype(int)
    cells = {name: lambda y, a, name=name: by_cells(y, a)[name] for name in PROPORTIONS}
    scores = {"brier": brier_score_loss, "mean_risk": lambda _, p: p.mean()}
    for one in table.groups:
        if one.variable not in ("age_group", "gender"):
            continue
        shown = {name for name, found in one.differences.items() if not found.withheld}
        for metrics, predicted in ((cells, alert), (scores, p)):
            inside = masks[one.variable, one.level]
            by_group = MetricFrame(metrics=metrics, y_true=y, y_pred=predicted, sensitive_features=inside).by_group
            for name in shown & set(metrics):
                assert_same(one.differences[name].value, by_group.loc[True, name] - by_group.loc[False, name], name)


def of(rng, patients, most, effect=0.7, groups=3):
    """Some encounters of patients, 1 to ``most`` each, whose margins have ties, with a group of patients."""
    patient = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    n = len(patient)
    margin = np.round(-1.3 + 0.7 * rng.normal(size=patients)[patient] + 0.4 * rng.normal(size=n), 2)
    y = (rng.random(n) < expit(margin + effect * rng.normal(size=patients)[patient])).astype(float)
    names = ("small", "middle", "large")[:groups]
    code = np.digitize(rng.random(patients), [0.15, 0.45])[patient] if groups == 3 else np.zeros(n, dtype=int)
    judged = Judged(np.arange(n), y, margin, patient, 0.3)
    return judged, Grouping("group", "Group", names, code.astype(np.intp))


@pytest.fixture(scope="module")
def clustered():
    return of(np.random.default_rng(1), 700, 4)


@pytest.fixture(scope="module")
def alone():
    """One encounter a patient."""
    return of(np.random.default_rng(2), 900, 1)


def partition(judged, one):
    inside = [one.codes == code for code in range(len(one.levels))]
    return Partition(one.codes, tuple((Members(judged, mask), Members(judged, ~mask)) for mask in inside))


def test_draws_are_of_whole_patients(clustered):
    judged, _ = clustered
    bootstrap = Bootstrap(BLOCK + 20, seed=5)
    weights = np.concatenate(list(drawn(judged, bootstrap)), axis=1)
    assert weights.shape == (len(judged.y), BLOCK + 20)
    patients = judged.patients.max() + 1
    first = np.array([np.flatnonzero(judged.patients == patient)[0] for patient in range(patients)])
    assert np.array_equal(weights, weights[first][judged.patients]), "all encounters of a patient come together"
    assert np.all(weights[first].sum(axis=0) == patients)
    drawn_once = weights[first].ravel()
    assert drawn_once.mean() == 1.0
    assert drawn_once.var() == pytest.approx(1 - 1 / patients, rel=0.02)
    again = np.concatenate(list(drawn(judged, bootstrap)), axis=1)
    other = np.concatenate(list(drawn(judged, replace(bootstrap, seed=6))), axis=1)
    assert np.array_equal(weights, again)
    assert not np.array_equal(weights, other)


REFITTED = 100


@pytest.fixture(scope="module")
def beside(clustered):
    """Replicates of each side of each group, and the same of really duplicated rows: (group, side, found, expected)."""
    judged, one = clustered
    bootstrap = Bootstrap(REFITTED, seed=3)
    sides = partition(judged, one)
    blocks = [block[0] for _, block in replicated(judged, [sides], bootstrap)]
    weights = np.concatenate(list(drawn(judged, bootstrap)), axis=1).astype(int)
    found = []
    for at, pair in enumerate(sides.sides):
        for side, members in enumerate(pair):
            got = {name: np.concatenate([block[at][side][name] for block in blocks]) for name in MEASURES}
            slow = []
            for draw in weights.T:
                rows = np.repeat(members.places, draw[members.places])
                slow.append(reference(judged.y[rows], judged.margin[rows], judged.threshold))
            found.append((at, side, got, pd.DataFrame(slow)))
    return found


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in FITTED])
def test_replicates_are_those_of_duplicated_rows(beside, name):
    for _, _, got, slow in beside:
        np.testing.assert_allclose(got[name], slow[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FITTED)
def test_one_newton_step_is_nearly_a_refit(beside, clustered, name):
    judged, one = clustered
    for at, side, got, slow in beside:
        error = slow[name].std(ddof=1)
        events = judged.y[(one.codes == at) == (side == 0)].sum()
        assert got[name].std(ddof=1) / error == pytest.approx(1.0, abs=0.03 if events > 60 else 0.06)
        assert np.corrcoef(got[name], slow[name])[0, 1] > 0.98
        assert abs(got[name].mean() - slow[name].mean()) < 0.15 * error, "the mean enters no interval"


def test_the_same_seed_gives_the_same_table_and_another_gives_another(clustered):
    judged, one = clustered
    first, again, other = (subgroup_table(judged, (one,), Bootstrap(150, seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    pd.testing.assert_frame_equal(first.differences(), again.differences())
    pd.testing.assert_series_equal(first.differences()["value"], other.differences()["value"])
    assert (first.to_frame()["auroc_low"] != other.to_frame()["auroc_low"]).all()


def sides_of(judged, one, replicates, seed=0):
    """By level: replicates inside and outside, and the members of both."""
    sides = partition(judged, one)
    blocks = [block[0] for _, block in replicated(judged, [sides], Bootstrap(replicates, seed))]
    return {
        level: (pair, [{n: np.concatenate([b[at][k][n] for b in blocks]) for n in MEASURES} for k in (0, 1)])
        for at, (level, pair) in enumerate(zip(one.levels, sides.sides, strict=True))
    }


def test_a_small_complement_of_a_large_group_is_the_small_group():
    """It is a difference of large sums, of which single precision would leave nothing."""
    rng = np.random.default_rng(8)
    n, few = 100_000, 400
    margin = rng.normal(-1.5, 1.0, n)
    y = (rng.random(n) < expit(margin)).astype(float)
    codes = np.where(np.arange(n) < few, 1, 0)
    one = Grouping("side", "Side", ("large", "small"), codes)
    found = sides_of(Judged(np.arange(n), y, margin, np.arange(n), 0.3), one, 20)
    (_, (_, outside)), (_, (inside, _)) = found["large"], found["small"]
    for name in MEASURES:
        np.testing.assert_allclose(outside[name], inside[name], rtol=1e-5 if name in FITTED else 2e-6, err_msg=name)


def to_scale(name):
    return {"share": logit, "positive": np.log}.get(MEASURES[name].scale, np.asarray)


def patients_with(members, rests_on):
    """Patients on whom a figure rests, by pandas."""
    frame = pd.DataFrame({"patient": members.judged.patients, "y": members.judged.y})[members.inside]
    frame["alert"] = expit(members.margin) >= members.judged.threshold
    kinds = {
        "patients": ["y >= 0"],
        "events": ["y == 1"],
        "others": ["y == 0"],
        "both": ["y == 1", "y == 0"],
        "alerts": ["alert"],
        "quiet": ["not alert"],
    }
    return min(frame.query(kind)["patient"].nunique() for kind in kinds[rests_on])


@pytest.fixture(scope="module")
def intervals(clustered):
    """The table of the clustered encounters, and what its intervals are made of."""
    judged, one = clustered
    return subgroup_table(judged, (one,), Bootstrap(400)), sides_of(judged, one, 400)


NOT_PROPORTIONS = [name for name in MEASURES if name not in PROPORTIONS]


@pytest.mark.parametrize("name", NOT_PROPORTIONS)
def test_bootstrap_intervals_are_of_student_on_the_scale_of_the_measure(intervals, name):
    table, made_of = intervals
    scale = to_scale(name)
    for row in table.groups:
        (inside, _), (draws, _) = made_of[row.level]
        m = patients_with(inside, MEASURES[name].rests_on)
        reach = t.ppf(0.975, m - 1) * np.std(scale(draws[name]), ddof=1) * np.sqrt(m / (m - 1))
        found = row.estimates[name]
        assert (found.method, found.withheld) == (BOOTSTRAP, "")
        limits = scale(np.array([found.low, found.high]))
        np.testing.assert_allclose(limits, scale(found.value) + np.array([-reach, reach]), rtol=1e-9)


@pytest.mark.parametrize("name", PROPORTIONS)
def test_proportions_have_wilsons_interval_and_by_patient_of_counts_over_the_design_effect(intervals, name):
    table, made_of = intervals
    for row in table.groups:
        (inside, _), (draws, _) = made_of[row.level]
        c = counted(inside.y, expit(inside.margin), inside.judged.threshold)
        above, below = (c[key] for key in PROPORTIONS[name])
        m = patients_with(inside, MEASURES[name].rests_on)
        share = above / below
        effect = max(1.0, draws[name].var(ddof=1) * m / (m - 1) / (share * (1 - share) / below))
        found, wide = (
            row.estimates[name],
            interval(Side(MEASURES[name], inside, share, draws[name]), 0.95, by_patient=True),
        )
        assert found.method == WILSON
        low, high = proportion_confint(above, below, method="wilson")
        np.testing.assert_allclose([found.value, found.low, found.high], [share, low, high], rtol=1e-12)
        low, high = proportion_confint(above / effect, below / effect, method="wilson")
        np.testing.assert_allclose([wide.low, wide.high], [low, high], rtol=1e-9)
        assert effect == pytest.approx(max(1.0, linearised_effect(inside, name)), rel=0.25)


def linearised_effect(members, name):
    """Design effect of a ratio by its linearisation, patients being the unit."""
    alert = expit(members.margin) >= members.judged.threshold
    y = members.y == 1
    ones = np.ones(len(y))
    above, below = {
        "event_rate": (y, ones),
        "sensitivity": (y & alert, y),
        "specificity": (~y & ~alert, ~y),
        "ppv": (y & alert, alert),
        "npv": (~y & ~alert, ~alert),
        "alert_rate": (alert, ones),
    }[name]
    share = above.sum() / below.sum()
    by_patient = np.bincount(members.judged.patients[members.places], above - share * below)
    return np.square(by_patient).sum() / below.sum() / (share * (1 - share))


def test_proportions_of_one_encounter_a_patient_have_wilsons_interval(alone):
    judged, one = alone
    table = subgroup_table(judged, (one,), Bootstrap(100))
    for row in (table.everyone, *table.groups):
        mask = one.codes == one.levels.index(row.level) if row.variable else np.ones(len(judged.y), dtype=bool)
        c = counted(judged.y[mask], expit(judged.margin[mask]), judged.threshold)
        for name, (above, below) in PROPORTIONS.items():
            found = row.estimates[name]
            if found.withheld:
                continue
            assert found.method == WILSON
            low, high = proportion_confint(c[above], c[below], method="wilson")
            np.testing.assert_allclose([found.low, found.high], [low, high], rtol=0, atol=1e-12)


def classic_delong(y, margin):
    """Structural components, pair by pair."""
    events, others = margin[y == 1], margin[y == 0]
    wins = (events[:, None] > others) + 0.5 * (events[:, None] == others)
    m, n = wins.shape
    s10 = np.square(wins.mean(axis=1) - wins.mean()).sum() / (m - 1)
    s01 = np.square(wins.mean(axis=0) - wins.mean()).sum() / (n - 1)
    return np.sqrt(s10 / m + s01 / n)


def test_one_encounter_a_patient_has_delongs_interval(alone):
    judged, one = alone
    table = subgroup_table(judged, (one,), Bootstrap(100))
    for row in table.groups:
        mask = one.codes == one.levels.index(row.level)
        error = classic_delong(judged.y[mask], judged.margin[mask])
        np.testing.assert_allclose(delong_error(judged.y[mask], judged.margin[mask]), error, rtol=1e-12)
        found = row.estimates["auroc"]
        assert found.method == DELONG
        kinds = [int((judged.y[mask] == outcome).sum()) for outcome in (0, 1)]
        of_logit = error / (found.value * (1 - found.value))
        expected = logit(found.value) + np.array([-1, 1]) * t.ppf(0.975, min(kinds) - 1) * of_logit
        np.testing.assert_allclose(logit([found.low, found.high]), expected, rtol=1e-9)
    assert len(set(judged.margin)) < len(judged.margin), "with ties"
    seventy = subgroup_table(judged, (one,), Bootstrap(100, level=0.7)).groups[-1].estimates["auroc"]
    reach = t.ppf(0.85, min(kinds) - 1) * of_logit
    np.testing.assert_allclose(logit(seventy.high) - logit(seventy.value), reach, rtol=1e-9)


def by_patient(measure, members, draws, found):
    """Wilson's interval of counts over the design effect of the replicates, in place of the one found."""
    name = next(name for name, one in MEASURES.items() if one is measure)
    c = counted(members.y, expit(members.margin), members.judged.threshold)
    above, below = (c[key] for key in PROPORTIONS[name])
    m, share = patients_with(members, measure.rests_on), above / below
    effect = max(1.0, draws.var(ddof=1) * m / (m - 1) / (share * (1 - share) / below))
    low, high = proportion_confint(above / effect, below / effect, method="wilson")
    return replace(found, low=low, high=high)


@pytest.mark.parametrize("name", MEASURES)
def test_differences_come_from_both_limits_and_the_correlation(intervals, clustered, name):
    table, made_of = intervals
    judged, one = clustered
    for row in table.groups:
        complement = Grouping("rest", "", ("in", "out"), (one.codes != one.levels.index(row.level)).astype(np.intp))
        first, second = (g.estimates[name] for g in subgroup_table(judged, (complement,), Bootstrap(400)).groups)
        found = row.differences[name]
        rho = np.corrcoef(*(draws[name] for draws in made_of[row.level][1]))[0, 1]
        if name in PROPORTIONS:  # a difference counts patients, not encounters
            sides = zip(*made_of[row.level], (first, second), strict=True)
            first, second = (by_patient(MEASURES[name], side, draws[name], one) for side, draws, one in sides)
        a, b = first.value - first.low, second.high - second.value
        c, d = first.high - first.value, second.value - second.low
        value = first.value - second.value
        expected = value - np.sqrt(a**2 + b**2 - 2 * rho * a * b), value + np.sqrt(c**2 + d**2 - 2 * rho * c * d)
        np.testing.assert_allclose([found.value, found.low, found.high], [value, *expected], rtol=1e-5, atol=1e-6)
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
        z = norm.ppf(0.975) * abs(value) / (value - found.low if value > 0 else found.high - value)
        assert found.p == pytest.approx(2 * norm.sf(z), rel=1e-9)


@pytest.mark.parametrize("name", PROPORTIONS)
def test_differences_of_unrelated_proportions_are_newcombes(alone, name):
    judged, one = alone
    table = subgroup_table(judged, (one,), Bootstrap(2000))
    shown = 0
    for row in table.groups:
        found = row.differences[name]
        if found.withheld:
            continue
        shown += 1
        counts = []
        for side in (one.codes == one.levels.index(row.level), one.codes != one.levels.index(row.level)):
            c = counted(judged.y[side], expit(judged.margin[side]), judged.threshold)
            counts += [c[key] for key in PROPORTIONS[name]]
        low, high = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
        np.testing.assert_allclose([found.low, found.high], [low, high], atol=0.04 * (high - low))
    assert shown >= 2


def test_both_sides_of_a_difference_share_the_draw(clustered):
    """Encounters of a patient on both sides make the sides alike, so that their difference is surer."""
    judged, _ = clustered
    rng = np.random.default_rng(0)
    by_encounter = Grouping("kind", "Kind", ("a", "b"), (rng.random(len(judged.y)) < 0.5).astype(np.intp))
    _, (inside, outside) = sides_of(judged, by_encounter, 400)["a"]
    assert np.corrcoef(inside["mean_risk"], outside["mean_risk"])[0, 1] > 0.4
    found = subgroup_table(judged, (by_encounter,), Bootstrap(400)).groups[0].differences["mean_risk"]
    gaps = inside["mean_risk"] - outside["mean_risk"]
    assert found.high - found.low == pytest.approx(2 * norm.ppf(0.975) * gaps.std(ddof=1), rel=0.01)


def cut(judged, keep):
    """These encounters alone."""
    patients = np.unique(judged.patients[keep], return_inverse=True)[1]
    return Judged(np.arange(len(keep)), judged.y[keep], judged.margin[keep], patients, judged.threshold)


def withheld(judged):
    everyone = subgroup_table(judged, (), Bootstrap(20)).everyone
    for one in everyone.estimates.values():
        assert np.isnan(one.low) == np.isnan(one.high) == bool(one.withheld)
    return {name: one.withheld for name, one in everyone.estimates.items() if one.withheld}


OF_EVENTS = {"event_rate", "oe", "sensitivity", "net_benefit", "auroc", "brier", *FITTED}


def test_below_the_minimum_it_says_so(alone):
    judged, _ = alone
    event, alert = judged.y == 1, expit(judged.margin) >= judged.threshold
    few = FEWEST_OF_A_CLASS

    def some(kinds):
        return cut(judged, np.concatenate([np.flatnonzero(mask)[:count] for mask, count in kinds]))

    assert withheld(some([(event, few), (~event, 200)])) == {}
    found = withheld(some([(event, few - 1), (~event, 200)]))
    assert set(found) == OF_EVENTS
    assert set(found.values()) == {f"too few events (fewer than {few})"}
    found = withheld(some([(event, 100), (~event, few - 1)]))
    assert set(found) == {"specificity", "auroc", "brier", *FITTED} | ({"npv"} & set(found))
    assert {found[name] for name in FITTED} == {f"too few without the event (fewer than {few})"}
    quiet = [(event & ~alert, 60), (~event & ~alert, 60)]
    assert "ppv" not in withheld(some([*quiet, (alert, few)]))
    found = withheld(some([*quiet, (alert, few - 1)]))
    assert found == {"ppv": f"too few alerts (fewer than {few})"}
    found = withheld(some([(event & alert, 60), (~event & alert, 60), (~alert, few - 1)]))
    assert found == {"npv": f"too few without an alert (fewer than {few})"}
    assert withheld(some([(event, 25), (~event, FEWEST_PATIENTS - 25)])).keys() <= {"ppv", "npv"}
    found = withheld(some([(event, 25), (~event, FEWEST_PATIENTS - 26)]))
    assert found == dict.fromkeys(MEASURES, f"fewer than {FEWEST_PATIENTS} patients")


def test_a_figure_that_is_withheld_is_nowhere(alone):
    judged, _ = alone
    few = np.zeros(len(judged.y), dtype=np.intp)
    few[np.concatenate([np.flatnonzero(judged.y == 1)[:5], np.flatnonzero(judged.y == 0)[:90]])] = 1
    table = subgroup_table(judged, (Grouping("g", "G", ("most", "few"), few),), Bootstrap(50))
    frame, gaps = table.to_frame().set_index("level"), table.differences().set_index(["level", "measure"])
    assert frame.loc["few", ["auroc", "auroc_low", "auroc_high", "oe", "sensitivity"]].isna().all()
    assert frame.loc["few", "withheld"]["auroc"].startswith("too few events")
    assert np.isfinite(frame.loc["most", "auroc"])
    for level in ("few", "most"):
        one = gaps.loc[(level, "auroc")]
        assert one[["value", "low", "high", "p", "q"]].isna().all()
        assert one["withheld"].startswith("too few events"), "the complement has too few as well"
    assert np.isfinite(gaps.loc[("few", "mean_risk"), "q"])


def test_a_group_of_everyone_is_everyone_and_has_no_complement(clustered):
    judged, _ = clustered
    whole = Grouping("one", "One", ("never held", "all"), np.ones(len(judged.y), dtype=np.intp))
    table = subgroup_table(judged, (whole,), Bootstrap(60))
    (only,) = table.groups
    assert (only.level, table.everyone.level) == ("all", EVERYONE)
    assert only.estimates == table.everyone.estimates
    assert {one.withheld for one in only.differences.values()} == {NO_COMPLEMENT}
    assert table.tests == 0
    assert table.everyone.differences == {}


@pytest.mark.parametrize(("threshold", "end"), [(0.95, 0.0), (0.001, 1.0)])
def test_a_share_of_none_or_all_keeps_wilsons_interval(clustered, threshold, end):
    judged, one = clustered
    at = replace(judged, threshold=threshold)
    row = subgroup_table(at, (one,), Bootstrap(100)).groups[0]
    found = row.estimates["sensitivity"]
    events = (judged.y == 1) & (one.codes == one.levels.index(row.level))
    low, high = proportion_confint(end * events.sum(), events.sum(), method="wilson")
    np.testing.assert_allclose([found.value, found.low, found.high], [end, low, high], atol=1e-12)
    patients = len(np.unique(judged.patients[events]))
    low, high = proportion_confint(end * patients, patients, method="wilson")
    np.testing.assert_allclose([found.patient_low, found.patient_high], [low, high], atol=1e-12)


def test_a_difference_is_not_built_on_an_error_of_zero(alone):
    """Where nothing in a group was counted, its replicates are all alike, and yet it is not sure to be 0."""
    judged, _ = alone
    margin = judged.margin.copy()
    inside = np.zeros(len(margin), dtype=bool)
    inside[np.concatenate([np.flatnonzero(judged.y == 1)[:40], np.flatnonzero(judged.y == 0)[:100]])] = True
    margin[inside] = np.minimum(margin[inside], -1.0)
    moved = replace(judged, margin=margin)
    group = Grouping("g", "G", ("in", "out"), np.where(inside, 0, 1).astype(np.intp))
    row = subgroup_table(moved, (group,), Bootstrap(500)).groups[0]
    assert row.estimates["sensitivity"].value == 0.0
    found = row.differences["sensitivity"]
    rest = (judged.y == 1) & ~inside
    alerts = int((expit(margin[rest]) >= judged.threshold).sum())
    low, high = confint_proportions_2indep(0, 40, alerts, int(rest.sum()), compare="diff", method="newcomb")
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=1e-12)
    assert found.p < 0.05


def test_what_does_not_vary_has_no_interval(clustered):
    judged, one = clustered
    same = replace(judged, margin=np.full(len(judged.y), -1.0))
    found = subgroup_table(same, (one,), Bootstrap(50)).groups[-1]
    assert found.estimates["auroc"].value == 0.5
    for name in ("auroc", "mean_risk"):
        assert found.estimates[name].withheld == NO_SPREAD
        assert np.isnan(found.estimates[name].low)
        assert found.differences[name].withheld == NO_SPREAD
    assert found.estimates["calibration_slope"].withheld == NO_VALUE
    assert found.estimates["calibration_intercept"].withheld == ""
    sure = replace(judged, margin=np.where(judged.y == 1, 2.0, -2.0) + 0.1 * judged.margin)
    found = subgroup_table(sure, (one,), Bootstrap(50)).groups[-1]
    assert found.estimates["auroc"].value == 1.0
    assert found.estimates["auroc"].withheld == AT_THE_END
    assert found.estimates["calibration_slope"].withheld == NO_VALUE


def test_events_of_a_single_patient_say_next_to_nothing():
    n = 300
    y = np.zeros(n)
    y[:30] = 1
    patients = np.concatenate([np.zeros(30, dtype=int), np.arange(1, n - 29)])
    margin = np.random.default_rng(0).normal(-1, 1, n)
    margin[:30] = np.linspace(-1, 1, 30)
    everyone = subgroup_table(Judged(np.arange(n), y, margin, patients, 0.3), (), Bootstrap(300)).everyone
    auroc = everyone.estimates["auroc"]
    assert auroc.withheld or auroc.high - auroc.low > 0.5


def test_q_values_are_those_of_statsmodels_over_all_differences(table):
    frame = table.differences()
    known = frame["p"].notna()
    assert known.sum() == table.tests > 150
    np.testing.assert_allclose(frame["q"][known], multipletests(frame["p"][known], method="fdr_bh")[1], rtol=1e-12)
    assert frame.loc[~known, ["low", "high", "q"]].isna().all(axis=None)
    assert (frame.loc[~known, "withheld"] != "").all()
    assert (frame.loc[known, "withheld"] == "").all()


def test_what_is_not_recorded_is_a_group_and_an_intersection_has_its_parts(small_study):
    table = subgroups(small_study, ("ward_team", "ward*ward_team"), threshold=0.3, bootstrap=Bootstrap(50))
    rows = small_study.split.audited
    frame = small_study.cohort.frame.iloc[rows]
    team = frame["ward_team"].astype(object).where(frame["ward_team"].notna(), "not recorded")
    counts = {one.level: one.encounters for one in table.groups if one.variable == "ward_team"}
    assert counts == team.value_counts().to_dict()
    both = frame["ward"].astype(str) + " × " + team
    counts = {one.level: one.encounters for one in table.groups if one.variable == "ward*ward_team"}
    assert counts == both.value_counts().to_dict(), "no level that only training encounters have"
    patients = small_study.design.patient_ids[rows]
    assert table.everyone.patients == patients.nunique()
    assert {one.patients for one in table.groups if one.level == "red"} == {patients[team == "red"].nunique()}


def test_the_frame_has_everyone_first_and_the_table_says_what_it_is(table):
    frame = table.to_frame()
    assert frame["level"].iloc[0] == EVERYONE
    assert len(frame) == len(table.groups) + 1
    for name in MEASURES:
        known = frame[f"{name}_low"].notna()
        assert (frame.loc[known, f"{name}_low"] <= frame.loc[known, name]).all()
        assert (frame.loc[known, name] <= frame.loc[known, f"{name}_high"]).all()
    assert repr(table).startswith(f"SubgroupTable: {len(table.groups)} subgroups of 3,930 encounters at threshold 0.2")


def test_threshold_variables_and_progress(simulated_audit):
    study = simulated_audit.study
    with pytest.raises(DataError, match="no risk"):
        subgroups(study, "gender", threshold=1.0)
    with pytest.raises(DataError, match="did you mean 'gender'"):
        subgroups(study, "gendre")
    calls = []

    def note(done, total):
        calls.append((done, total))
        if done > 200:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        subgroups(study, "gender", bootstrap=Bootstrap(600), progress=note)
    assert calls == [(BLOCK, 600), (2 * BLOCK, 600)]
    half = subgroups(study, "gender", threshold=0.5, bootstrap=Bootstrap(20))
    _, margin = audited(study)
    assert half.everyone.estimates["alert_rate"].value == np.mean(expit(margin) >= 0.5)


@pytest.fixture(scope="module")
def bench():
    """The measurement of coverage, as ``python run.py`` has it."""
    here = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, here)
    try:
        yield importlib.import_module("coverage")
    finally:
        sys.path.remove(here)
        for name in ("coverage", "rows"):
            sys.modules.pop(name, None)


SAMPLES = 50


@pytest.mark.thorough
@pytest.mark.parametrize("most", [1, 4])
def test_intervals_hold_the_truth_of_a_population(bench, most):
    """Groups together, 200 figures of a measure, of which 95 % are right: by the binomial 90 to 99 % but for 1 in 600.

    The seeds are fixed. ``python run.py coverage`` measures each group in thousands of samples.
    """
    groups = tuple(replace(one, share=share) for one, share in zip(bench.GROUPS[1:], (0.1, 0.2, 0.3, 0.4), strict=True))
    population = bench.Population(groups, patients=1000 if most == 4 else 2500, most=most)
    found = bench.covered(range(SAMPLES), 100, population=population, truth_of=80_000)
    of_patients = found.loc[[one.name for one in groups]]
    assert (of_patients["shown"] > 0.9).all()
    by_measure = of_patients.groupby(["measure", "figure"])["coverage"].mean()
    assert len(by_measure) == 2 * len(MEASURES)
    assert by_measure.between(0.90, 0.99).all(), by_measure
    assert abs(by_measure.mean() - 0.95) < 0.015


def test_blocks_of_draws_and_what_is_kept_of_them_change_nothing(small_study, monkeypatch):
    asked = Bootstrap(30, seed=3)
    whole = subgroups(small_study, "ward", bootstrap=asked)
    monkeypatch.setattr(replicates, "BLOCK_VALUES", 1)
    monkeypatch.setattr(replicates, "KEPT_BYTES", 0)
    again = subgroups(small_study, "ward", bootstrap=asked)
    pd.testing.assert_frame_equal(again.to_frame(), whole.to_frame(), rtol=1e-5)  # draws are in single precision
    pd.testing.assert_frame_equal(again.differences(), whole.differences(), rtol=1e-4, atol=1e-7)
