"""Intervals of odds ratios and of performance agree with bootstraps by patient, closed forms and scikit-learn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinflu.analysis import linearised
from clinflu.analysis.linearised import METRICS, Audited, bandwidth
from clinflu.analysis.metric_intervals import metric_intervals, odds_ratio_intervals, subgroup_metrics
from clinflu.data import FeatureSpec, Provenance, build_cohort
from clinflu.data.schema import CohortSchema
from clinflu.errors import Cancelled, DataError
from clinflu.influence.refit import Change, refit_each
from clinflu.study import Study

REPLICATES = 300
SCHEMA = CohortSchema(
    encounter_id="encounter",
    patient_id="patient",
    outcome="readmitted",
    features=(
        FeatureSpec("a", "A"),
        FeatureSpec("b", "B"),
        FeatureSpec("group", "Group", levels=("one", "two", "rare")),
    ),
    subgroups=("group",),
)


@pytest.fixture(scope="module")
def study():
    """About 1,500 encounters of 500 patients; those of a patient resemble each other."""
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(500), rng.integers(1, 6, 500))
    n = len(patients)
    severity, group = rng.normal(size=500)[patients], rng.choice(["one", "two", "rare"], 500, p=[0.6, 0.37, 0.03])
    a = rng.normal(size=500)[patients] + 0.3 * rng.normal(size=n)
    margin = -1.0 + 0.8 * a + severity + 0.4 * (group[patients] == "two")
    rows = pd.DataFrame(
        {
            "encounter": [f"e{k}" for k in range(n)],
            "patient": [f"p{k}" for k in patients],
            "a": a,
            "b": rng.normal(size=500)[patients],
            "group": group[patients],
            "readmitted": (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int),
        }
    )
    return Study.fit(build_cohort(rows, SCHEMA, Provenance("small", "0" * 64, "none", n, simulated=True)))


@pytest.fixture(scope="module")
def bootstrap(study):
    """Thetas of refits to patients drawn with replacement, and audited rows drawn so."""
    train, rng = study.train, np.random.default_rng(1)
    count = train.patients.max() + 1
    every = np.arange(len(train.x))
    changes = []
    for _ in range(REPLICATES):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        changes.append(Change(every, train.weights * drawn[train.patients], train.y))
    thetas = np.array([one.theta for one in refit_each(train, changes)])
    rows = study.split.audited
    by_patient = list(pd.Series(rows).groupby(study.design.patient_ids[rows].to_numpy()))
    draws = [
        np.concatenate([by_patient[k][1].to_numpy() for k in rng.integers(0, len(by_patient), len(by_patient))])
        for _ in range(REPLICATES)
    ]
    return thetas, draws


def value(study, name, rows, theta=None):
    margins = study.margins if theta is None else study.design.x @ theta
    at = Audited(margins[rows], study.design.y[rows], np.arange(len(rows)), study.threshold)
    return METRICS[name].linearise(at).value


@pytest.mark.parametrize("name", METRICS)
def test_each_part_and_the_total_agree_with_bootstraps_by_patient(study, bootstrap, name):
    rows = study.split.audited
    found = {one.metric: one for one in metric_intervals(study, rows)}[name]
    thetas, draws = bootstrap
    training = np.std([value(study, name, rows, theta) for theta in thetas], ddof=1)
    audited = np.std([value(study, name, draw) for draw in draws], ddof=1)
    total = np.std([value(study, name, d, theta) for d, theta in zip(draws, thetas, strict=True)], ddof=1)
    assert 0.8 < found.se_training / training < 1.25
    assert 0.85 < found.se_audited / audited < 1.15
    assert 0.85 < found.se_total / total < 1.15


def test_values_are_those_of_scikit_learn(study):
    rows = study.split.audited
    y, risk = study.design.y[rows], study.risks[rows]
    found = {one.metric: one.value for one in metric_intervals(study, rows, threshold=0.3)}
    assert found == pytest.approx(
        {
            "mean_risk": risk.mean(),
            "event_rate_minus_risk": y.mean() - risk.mean(),
            "log_loss": log_loss(y, risk),
            "brier": brier_score_loss(y, risk),
            "auroc": roc_auc_score(y, risk),
            "false_negative_rate": np.mean(risk[y == 1] < 0.3),
        },
        rel=1e-12,
    )


def smoothed_auroc(margin, y, width):
    return norm.cdf((margin[y == 1][:, None] - margin[y == 0]) / width).mean()


def smoothed_miss_rate(margin, y, width, threshold):
    return norm.cdf((np.log(threshold / (1 - threshold)) - margin[y == 1]) / width).mean()


@pytest.mark.parametrize("name", METRICS)
def test_slopes_are_finite_differences(study, name):
    rows = study.split.audited[:120]
    margin, y = study.margins[rows], study.design.y[rows]
    events = int(y.sum())

    def at(margins):
        if name == "auroc":
            return smoothed_auroc(margins, y, bandwidth(margin, min(events, 120 - events)))
        if name == "false_negative_rate":
            return smoothed_miss_rate(margins, y, bandwidth(margin[y == 1], events), 0.3)
        return METRICS[name].linearise(Audited(margins, y, np.arange(120), 0.3)).value

    slope = METRICS[name].linearise(Audited(margin, y, np.arange(120), 0.3)).slope
    direction = np.random.default_rng(0).normal(size=120)
    difference = (at(margin + 1e-5 * direction) - at(margin - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(slope @ direction, difference, rtol=1e-6)


def test_blocks_of_the_density_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    points, sample = rng.normal(size=50), rng.normal(size=70)
    whole = linearised.density(points, sample, 0.3)
    monkeypatch.setattr(linearised, "PAIRS_AT_ONCE", 7 * 70)
    np.testing.assert_allclose(linearised.density(points, sample, 0.3), whole, rtol=1e-12)
    expected = norm.pdf(points[:, None], sample, 0.3).mean(axis=1)
    np.testing.assert_allclose(whole, expected, rtol=1e-12)


@pytest.mark.parametrize("width", [0.03, 0.2, 5.0])
def test_the_density_of_many_points_is_interpolated_to_rounding(width):
    rng = np.random.default_rng(0)
    points = np.append(1.5 * rng.standard_t(3, size=6000), [-40.0, 60.0])
    sample = rng.normal(size=300)
    expected = norm.pdf(points[:, None], sample, width).mean(axis=1)
    found = linearised.density(points, sample, width)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13 / width)


def with_a_patient_each(study, rows):
    """Return the study as if each audited encounter were of a patient of its own."""
    ids = study.design.patient_ids.to_numpy(dtype=object).copy()
    ids[rows] = [f"alone{row}" for row in rows]
    return replace(study, design=replace(study.design, patient_ids=pd.Index(ids)))


def test_one_encounter_a_patient_gives_delong_and_the_textbook_errors(study):
    rows = study.split.audited
    n, y, risk = len(rows), study.design.y[rows], study.risks[rows]
    found = {one.metric: one for one in metric_intervals(with_a_patient_each(study, rows), rows)}
    events, others = risk[y == 1], risk[y == 0]
    wins = (events[:, None] > others) + 0.5 * (events[:, None] == others)
    delong = wins.mean(axis=1).var(ddof=1) / len(events) + wins.mean(axis=0).var(ddof=1) / len(others)
    np.testing.assert_allclose(found["auroc"].se_audited, np.sqrt(delong), rtol=0.01)
    np.testing.assert_allclose(found["mean_risk"].se_audited, risk.std(ddof=1) / np.sqrt(n), rtol=1e-9)
    np.testing.assert_allclose(found["brier"].se_audited, np.square(risk - y).std(ddof=1) / np.sqrt(n), rtol=1e-9)
    missed = np.mean(events < study.threshold)
    binomial = np.sqrt(missed * (1 - missed) / len(events) * n / (n - 1))
    np.testing.assert_allclose(found["false_negative_rate"].se_audited, binomial, rtol=1e-9)

    clustered = {one.metric: one for one in metric_intervals(study, rows)}
    assert clustered["mean_risk"].se_audited > 1.2 * found["mean_risk"].se_audited, "patients must matter here"
    assert clustered["mean_risk"].se_training == found["mean_risk"].se_training


def test_intervals_are_symmetric_on_their_scale_and_as_wide_as_asked(study):
    def logit(p):
        return np.log(p / (1 - p))

    to_scale = {"event_rate_minus_risk": lambda v: v, "log_loss": np.log}
    for level in (0.8, 0.95):
        for one in metric_intervals(study, study.split.audited, level=level):
            scale = to_scale.get(one.metric, logit)
            slope = (scale(one.value + 1e-6) - scale(one.value - 1e-6)) / 2e-6
            reach = norm.ppf(0.5 + level / 2) * one.se_total * slope
            np.testing.assert_allclose(
                scale(np.array([one.low, one.high])) - scale(one.value), [-reach, reach], rtol=1e-5
            )
            np.testing.assert_allclose(one.se_total**2, one.se_training**2 + one.se_audited**2, rtol=1e-12)
            assert one.withheld == ""
            assert one.level == level


def test_small_subgroups_keep_their_value_and_lose_their_interval(study):
    frame = subgroup_metrics(study).set_index(["level_name", "metric"])
    rare = frame.loc["rare"]
    assert 0 < rare["patients"].iloc[0] < 50
    assert (rare["withheld"] == "fewer than 50 patients").all()
    assert rare["value"].notna().all()
    assert rare[["se_training", "se_audited", "se_total", "low", "high"]].isna().all(axis=None)
    big = frame.loc["one"]
    assert (big["withheld"] == "").all()
    assert (big["low"] < big["value"]).all()
    assert (big["value"] < big["high"]).all()


def test_what_few_events_withhold(study):
    rows = study.split.audited
    y = study.design.y[rows]
    few = np.concatenate([rows[y == 0], rows[y == 1][:19]])
    found = {one.metric: one.withheld for one in metric_intervals(study, few)}
    assert found.pop("mean_risk") == ""
    assert set(found.values()) == {"fewer than 20 events"}
    enough = np.concatenate([rows[y == 0], rows[y == 1][:20]])
    assert {one.withheld for one in metric_intervals(study, enough)} == {""}
    mostly = {one.metric: one.withheld for one in metric_intervals(study, np.append(rows[y == 1], rows[y == 0][:5]))}
    assert mostly["auroc"] == mostly["brier"] == "fewer than 20 encounters without the event"
    assert mostly["false_negative_rate"] == ""


def test_what_has_no_value_says_so(study):
    rows = study.split.audited
    y = study.design.y[rows]
    none = {one.metric: one for one in metric_intervals(study, rows[y == 0])}
    assert np.isnan(none["auroc"].value)
    assert none["auroc"].withheld == none["false_negative_rate"].withheld == "none of these encounters had the event"
    everybody = {one.metric: one for one in metric_intervals(study, rows[y == 1])}
    assert everybody["auroc"].withheld == "all of these encounters had the event"
    assert np.isfinite(everybody["false_negative_rate"].value)
    never = {one.metric: one for one in metric_intervals(study, rows, threshold=0.9999)}["false_negative_rate"]
    assert never.value == 1.0
    assert never.withheld.startswith("the figure is at the end of its range")
    with pytest.raises(DataError, match="at least one row"):
        metric_intervals(study, rows[:0])
    with pytest.raises(DataError, match="no risk"):
        metric_intervals(study, rows, threshold=1.5)


def test_one_risk_for_all_has_no_slope(study):
    rows = study.split.audited
    x = study.design.x.copy()
    x[rows] = x[rows[0]]
    same = replace(study, design=replace(study.design, x=x))
    found = {one.metric: one for one in metric_intervals(same, rows, threshold=0.4)}
    assert found["auroc"].value == 0.5
    assert found["auroc"].withheld == "all of these encounters have the same risk"
    assert found["brier"].withheld == ""


def test_encounters_that_taught_the_model_have_no_honest_interval(study):
    rows = np.append(study.split.audited, study.split.train[0])
    found = metric_intervals(study, rows)
    assert {one.withheld for one in found} == {"some of these encounters taught the model, so the figure is optimistic"}
    assert all(np.isfinite(one.value) for one in found)


def test_subgroups_are_counted_and_progress_can_stop(study):
    calls = []
    frame = subgroup_metrics(study, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 4) for k in range(5)]
    rows = study.split.audited
    counts = study.cohort.frame["group"].iloc[rows].value_counts()
    for name, part in frame[frame["variable"] == "group"].groupby("level_name"):
        assert set(part["encounters"]) == {counts[name]}
        assert list(part["metric"]) == list(METRICS)
    everybody = frame[frame["variable"] == ""]
    assert set(everybody["events"]) == {int(study.design.y[rows].sum())}
    assert set(everybody["patients"]) == {study.design.patient_ids[rows].nunique()}

    def stop(done, total):
        raise Cancelled(f"stopped at {done} of {total}")

    with pytest.raises(Cancelled):
        subgroup_metrics(study, progress=stop)
    with pytest.raises(DataError, match="no variable 'ward'"):
        subgroup_metrics(study, ("ward",))


def test_odds_ratio_errors_agree_with_a_bootstrap_and_units_with_the_coefficients(study, bootstrap):
    frame = odds_ratio_intervals(study)
    ratio = frame["standard_error"] / bootstrap[0].std(axis=0, ddof=1)
    assert ratio.between(0.75, 1.2).all(), ratio
    assert ratio.drop("group=rare").between(0.85, 1.15).all(), ratio
    scale = np.array([column.scale for column in study.encoder.columns])
    reach = norm.ppf(0.975) * frame["standard_error"] / scale
    np.testing.assert_allclose(np.log(frame["odds_ratio"]), study.model.theta / scale, rtol=1e-9)
    np.testing.assert_allclose(np.log(frame["odds_ratio_high"]), study.model.theta / scale + reach, rtol=1e-9)
    np.testing.assert_allclose(np.log(frame["odds_ratio_low"]), study.model.theta / scale - reach, rtol=1e-9)
    assert frame.loc["a", "per"] == "1 unit"


def test_without_a_penalty_odds_ratios_have_the_cluster_robust_errors_of_statsmodels(study):
    free = Study.fit(study.cohort, penalty=0.0)
    train = free.train
    groups = {"groups": train.patients, "use_correction": False}
    fitted = sm.Logit(train.y, train.x).fit(
        method="newton", tol=1e-14, maxiter=100, disp=0, cov_type="cluster", cov_kwds=groups
    )
    count = train.patients.max() + 1
    robust, wald = fitted.bse * np.sqrt(count / (count - 1)), sm.Logit(train.y, train.x).fit(disp=0, tol=1e-14).bse
    found = odds_ratio_intervals(free)
    np.testing.assert_allclose(found["standard_error"], np.maximum(robust, wald), rtol=1e-7)
    assert list(found["wider"] == "model-based") == list(wald > robust)
    assert 0 < (found["wider"] == "model-based").sum() < len(found)
    rare = train.x[:, list(free.design.columns).index("group=rare")] == 1
    assert found.loc["group=rare", ["encounters", "events"]].tolist() == [rare.sum(), train.y[rare].sum()]
