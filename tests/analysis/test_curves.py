"""ROC, precision-recall, decision curves and thresholds are scikit-learn's; intervals are those of bootstraps."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.curves import (
    Predictor,
    Recalibration,
    Sample,
    auroc_difference,
    decision_curve,
    risk_cuts,
    roc,
    threshold_table,
)
from clinflu.analysis.curves.decision import ALL, DEFAULT_THRESHOLDS, NONE
from clinflu.analysis.curves.intervals import share
from clinflu.analysis.subgroups.intervals import delong_error
from clinflu.errors import DataError, FitError
from clinflu.study import Study

REPLICATES = 300


def made_up(patients, seed=0, largest=4):
    """Return a sample of encounters of which those of a patient are alike, a risk and a whole score."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), rng.integers(1, largest + 1, patients))
    severity = rng.normal(size=patients)[who]
    margin = -2.0 + 0.8 * severity + 0.4 * rng.normal(size=len(who))
    y = (rng.random(len(who)) < expit(margin + 0.5 * severity)).astype(float)
    score = np.round(severity + rng.normal(size=len(who))).clip(-2, 3) + 2
    model = Predictor("model", "Model", expit(margin), is_risk=True)
    return Sample.of_arrays(y, [f"p{one}" for one in who]), model, Predictor("score", "Score", score)


@pytest.fixture(scope="module")
def drawn():
    return made_up(900)


@pytest.fixture(scope="module")
def resamples(drawn):
    """Rows of patients drawn with replacement, as a bootstrap by patient draws them."""
    sample, rng = drawn[0], np.random.default_rng(5)
    rows = [np.flatnonzero(sample.patients == one) for one in range(sample.patient_count)]
    count = len(rows)
    return [np.concatenate([rows[one] for one in rng.integers(0, count, count)]) for _ in range(REPLICATES)]


def half_width(estimate):
    return (estimate.high - estimate.low) / 2 / 1.959964


def counted(y, alert):
    tn, fp, fn, tp = confusion_matrix(y, alert, labels=[False, True]).ravel()
    return {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "false_positive_rate": fp / (tn + fp),
        "ppv": tp / (tp + fp) if tp + fp else np.nan,
        "npv": tn / (tn + fn) if tn + fn else np.nan,
        "alert_rate": (tp + fp) / len(y),
        "net": (tp, fp),
    }


@pytest.mark.parametrize("which", [1, 2])
def test_areas_are_those_of_scikit_learn(drawn, which):
    sample, predictor = drawn[0], drawn[which]
    found = roc(sample, predictor, risk_cuts(sample.y, predictor.values).values)
    assert found.auroc.value == pytest.approx(roc_auc_score(sample.y, predictor.values), abs=1e-12)
    expected = average_precision_score(sample.y, predictor.values)
    assert found.average_precision.value == pytest.approx(expected, abs=1e-12)
    assert found.event_rate == pytest.approx(sample.y.mean())


@pytest.mark.parametrize("which", [1, 2])
def test_points_are_the_confusion_matrix_of_scikit_learn(drawn, which):
    sample, predictor = drawn[0], drawn[which]
    cuts = np.array([predictor.values.max() + 1, *np.quantile(predictor.values, [0.9, 0.5, 0.2]), 0.0])
    frame = roc(sample, predictor, cuts).to_frame()
    assert list(frame["threshold"]) == sorted(cuts)
    for row in frame.to_dict("records"):
        expected = counted(sample.event, predictor.values >= row["threshold"])
        for name in expected.keys() - {"net"}:
            assert row[name] == pytest.approx(expected[name], abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("which", [1, 2])
def test_intervals_of_areas_are_those_of_a_bootstrap_by_patient(drawn, resamples, which):
    sample, predictor = drawn[0], drawn[which]
    found = roc(sample, predictor, np.empty(0))
    for estimate, of in ((found.auroc, roc_auc_score), (found.average_precision, average_precision_score)):
        replicates = [of(sample.y[rows], predictor.values[rows]) for rows in resamples]
        assert half_width(estimate) == pytest.approx(np.std(replicates), rel=0.1)
        assert estimate.low < estimate.value < estimate.high


def test_the_paired_difference_is_that_of_a_bootstrap_by_patient(drawn, resamples):
    sample, model, score = drawn
    found = auroc_difference(sample, model, score)
    pairs = [
        roc_auc_score(sample.y[rows], model.values[rows]) - roc_auc_score(sample.y[rows], score.values[rows])
        for rows in resamples
    ]
    expected = roc_auc_score(sample.y, model.values) - roc_auc_score(sample.y, score.values)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert half_width(found) == pytest.approx(np.std(pairs), rel=0.1)
    assert (found.first, found.second) == ("Model", "Score")
    same = auroc_difference(sample, model, model)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_with_one_encounter_a_patient_the_error_is_delongs():
    sample, model, _ = made_up(1_500, seed=2, largest=1)
    found = roc(sample, model, np.empty(0)).auroc
    around = found.value * (1 - found.value)
    half = (np.log(found.high / (1 - found.high)) - np.log(found.low / (1 - found.low))) / 2 / 1.959964 * around
    assert half == pytest.approx(delong_error(sample.y, model.values), rel=5e-3)


def test_net_benefit_is_its_definition(drawn):
    sample, model, score = drawn
    risk = Recalibration.fit(sample.y, score.values).apply(score)
    curve = decision_curve(sample, model, [risk])
    assert curve.labels == ("Model", "Score", ALL, NONE)
    np.testing.assert_array_equal(curve.thresholds, DEFAULT_THRESHOLDS)
    for at, threshold in enumerate(curve.thresholds):
        alerts = [model.values >= threshold, risk.values >= threshold, np.ones(len(sample.y), bool)]
        for place, alert in enumerate(alerts):
            tp, fp = counted(sample.event, alert)["net"]
            expected = tp / len(sample.y) - fp / len(sample.y) * threshold / (1 - threshold)
            assert curve.net_benefit[place, at] == pytest.approx(expected, abs=1e-13)
        assert curve.net_benefit[3, at] == 0.0
        best = max(curve.net_benefit[2, at], 0.0)
        assert curve.over_default[at].value == pytest.approx(curve.net_benefit[0, at] - best, abs=1e-13)
        assert curve.over_default[at].second == curve.best_default[at] == (ALL if best > 0 else NONE)
    frame = curve.to_frame()
    assert len(frame) == 4 * 39
    np.testing.assert_allclose(frame["net_benefit_per_1000"], 1000 * frame["net_benefit"])


def test_intervals_of_net_benefit_are_those_of_a_bootstrap_by_patient(drawn, resamples):
    sample, model, score = drawn
    risk = Recalibration.fit(sample.y, score.values).apply(score)
    limits = np.array([0.06, 0.15, 0.3])
    curve = decision_curve(sample, model, [risk], limits)

    def worth(rows, values, t):
        alert = values[rows] >= t
        return np.mean(np.where(alert, np.where(sample.event[rows], 1.0, -t / (1 - t)), 0.0))

    defaults = {ALL: np.ones(len(sample.y)), NONE: np.zeros(len(sample.y))}
    compared = [(t, one, defaults[one.second]) for t, one in zip(limits, curve.over_default, strict=True)]
    compared += [(t, one, risk.values) for t, one in zip(limits, curve.over_others, strict=True)]
    for t, one, against in compared:
        replicates = [worth(rows, model.values, t) - worth(rows, against, t) for rows in resamples]
        assert half_width(one) == pytest.approx(np.std(replicates), rel=0.12)
    frame = curve.differences()
    assert list(frame["best_default"]) == [True] * 3 + [False] * 3
    assert list(frame["threshold"]) == [*limits, *limits]


def test_intervals_of_net_benefit_hold_the_truth_as_often_as_they_say():
    """The true difference comes from one very large sample of the same patients."""
    at = np.array([0.3])
    large, model, _ = made_up(300_000, seed=100)
    truth = decision_curve(large, model, thresholds=at).over_default[0]
    assert truth.second == NONE
    held = []
    for seed in range(300):
        sample, model, _ = made_up(500, seed=seed)
        found = decision_curve(sample, model, thresholds=at).over_default[0]
        held.append(found.second == NONE and found.low <= truth.value <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_what_the_model_is_worth_is_said_in_words(drawn):
    sample, model, _ = drawn
    curve = decision_curve(sample, model, thresholds=[0.3])
    (one,) = curve.over_default
    said = curve.in_words(0.3)
    assert said.startswith("At a threshold of 30.0 %, alerting by the model is worth")
    assert f"{1000 * curve.net_benefit[0, 0]:.1f} true alerts per 1,000 encounters" in said
    assert f"{1000 * one.value:.1f} more than treat none" in said
    assert f"(95 % interval {1000 * one.low:.1f} to {1000 * one.high:.1f})" in said
    with pytest.raises(DataError, match="no such threshold"):
        curve.in_words(0.2)


def test_a_score_is_recalibrated_by_maximum_likelihood_on_other_encounters(drawn):
    sample, _, score = drawn
    known = score.values.copy()
    known[::7] = np.nan
    kept = np.isfinite(known)
    found = Recalibration.fit(sample.y, known)
    model = sm.GLM(sample.y[kept], sm.add_constant(known[kept]), family=sm.families.Binomial()).fit(tol=1e-12)
    np.testing.assert_allclose((found.intercept, found.slope), model.params, rtol=1e-7)
    risk = found.apply(score)
    np.testing.assert_allclose(risk.values, model.predict(sm.add_constant(score.values)), rtol=1e-7)
    assert risk.is_risk
    assert "logistic recalibration on the training encounters" in risk.note
    with pytest.raises(DataError, match="the same"):
        Recalibration.fit(sample.y, np.ones(len(sample.y)))
    with pytest.raises(FitError):
        Recalibration.fit(sample.y, sample.y)


@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_cuts_of_a_score_tell_the_same_encounters_apart_as_a_risk(drawn, turned):
    sample, _, score = drawn
    values = turned * score.values
    found = Recalibration.fit(sample.y, values)
    risk = found.apply(Predictor("s", "S", values)).values
    for cut, at in zip(np.unique(values), found.cuts(np.unique(values)), strict=True):
        above = values >= cut
        np.testing.assert_array_equal(risk >= at, above if turned > 0 else ~above)


def test_rows_of_the_threshold_table_are_scikit_learns_and_intervals_statsmodels():
    sample, model, _ = made_up(1_200, seed=3, largest=1)
    table = threshold_table(sample, model, [0.3, 0.1, 0.2])
    assert [one.threshold for one in table.rows] == [0.1, 0.2, 0.3]
    for row in table.rows:
        alert = model.values >= row.threshold
        expected = counted(sample.event, alert)
        for name in ("sensitivity", "specificity", "ppv", "npv", "alert_rate"):
            assert getattr(row, name).value == pytest.approx(expected[name], abs=1e-12)
        tp, fp = expected["net"]
        low, high = proportion_confint(tp, tp + fp, method="wilson")
        assert (row.ppv.low, row.ppv.high) == pytest.approx((low, high), abs=1e-12)
        needed = row.needed_to_evaluate
        assert (needed.value, needed.low, needed.high) == pytest.approx(((tp + fp) / tp, 1 / high, 1 / low))
        assert (row.alerts, row.true_alerts) == (tp + fp, tp)
        assert row.alerts_per_100 == pytest.approx(100 * alert.mean())
        odds = row.threshold / (1 - row.threshold)
        assert row.net_benefit == pytest.approx((tp - fp * odds) / len(sample.y), abs=1e-13)
    assert list(table.to_frame()["threshold"]) == [0.1, 0.2, 0.3]


def test_intervals_of_shares_count_patients_not_encounters():
    """Where every encounter is there twice, the interval is that of half of them."""
    rng = np.random.default_rng(4)
    y, part = (rng.random(400) < 0.4).astype(float), (rng.random(400) < 0.3).astype(float)
    once = Sample.of_arrays(y, np.arange(400))
    twice = Sample.of_arrays(np.tile(y, 2), np.tile(np.arange(400), 2))
    single, double = share(part, np.ones(400), once), share(np.tile(part, 2), np.ones(800), twice)
    assert (double.low, double.high) == pytest.approx((single.low, single.high), abs=2e-4)
    nothing = share(np.zeros(800), np.ones(800), twice)
    assert (nothing.low, nothing.high) == pytest.approx(proportion_confint(0, 400, method="wilson"), abs=1e-12)
    assert np.isnan(share(np.zeros(800), np.zeros(800), twice).value)


def test_a_threshold_is_chosen_by_capacity_or_by_sensitivity(drawn):
    sample, model, _ = drawn
    table = threshold_table(sample, model, np.quantile(model.values, np.arange(0.3, 0.999, 0.05)))
    chosen = table.threshold_for(capacity=0.12)
    assert chosen.alert_rate.value <= 0.12
    assert min(one.threshold for one in table.rows if one.alert_rate.value <= 0.12) == chosen.threshold
    chosen = table.threshold_for(sensitivity=0.6)
    assert chosen.sensitivity.value >= 0.6
    assert max(one.threshold for one in table.rows if one.sensitivity.value >= 0.6) == chosen.threshold
    for asked, said in (
        ({}, "give either"),
        ({"capacity": 0.1, "sensitivity": 0.5}, "give either"),
        ({"capacity": 0.0001}, "alerts so few"),
        ({"sensitivity": 1.0}, "finds so many"),
        ({"capacity": 12}, "between 0 and 1"),
    ):
        with pytest.raises(DataError, match=said):
            table.threshold_for(**asked)


def test_without_an_alert_what_divides_by_alerts_is_not_there(drawn):
    sample, model, score = drawn
    (row,) = threshold_table(sample, model, [0.999]).rows
    assert row.alerts == 0
    assert np.isnan([row.ppv.value, row.needed_to_evaluate.value]).all()
    assert row.net_benefit == 0.0
    (row,) = threshold_table(sample, score, [2.0]).rows
    assert np.isnan(row.net_benefit)


def test_small_samples_have_figures_without_intervals():
    sample, model, _ = made_up(45, seed=8)
    assert sample.withheld == "fewer than 50 patients"
    found = roc(sample, model, [0.1])
    assert np.isnan([found.auroc.low, found.auroc.high, found.average_precision.low]).all()
    assert found.auroc.value == pytest.approx(roc_auc_score(sample.y, model.values))
    curve = decision_curve(sample, model, thresholds=[0.1])
    assert np.isnan(curve.over_default[0].low)
    assert "interval" not in curve.in_words(0.1)


def test_no_cut_and_no_threshold_are_empty_tables(drawn):
    sample, model, _ = drawn
    assert roc(sample, model, np.empty(0)).to_frame().empty
    assert threshold_table(sample, model, np.empty(0)).to_frame().empty
    curve = decision_curve(sample, model, thresholds=np.empty(0))
    assert curve.to_frame().empty
    assert curve.differences().empty


def test_a_sample_and_its_predictors_come_from_a_study(scored_cohort):
    study = Study.fit(scored_cohort)
    rows = study.split.audited
    sample, model = Sample.of(study, rows), Predictor.of_model(study, rows)
    (spec,) = scored_cohort.schema.baselines
    score = Predictor.of_baseline(study, spec, rows)
    assert sample.patient_count == study.design.patient_ids[rows].nunique()
    np.testing.assert_array_equal(model.values, study.risks[rows])
    assert not score.known.all()
    with pytest.raises(DataError, match="leave these out"):
        roc(sample, score, [1.0])
    kept = score.known
    found = roc(sample.take(kept), score.take(kept), [2.0])
    recorded = scored_cohort.frame["lace"].iloc[rows[kept]].to_numpy(dtype=float)
    assert found.auroc.value == pytest.approx(roc_auc_score(sample.y[kept], recorded), abs=1e-12)


def test_a_score_of_a_study_is_recalibrated_on_its_training_encounters(scored_cohort):
    frame, (spec,) = scored_cohort.frame, scored_cohort.schema.baselines
    study = Study.fit(replace(scored_cohort, frame=frame.assign(lace=frame["visits"].clip(upper=7).astype(float))))
    train = study.split.train
    learned = frame["visits"].iloc[train].clip(upper=7).to_numpy(dtype=float)
    assert Recalibration.of_baseline(study, spec) == Recalibration.fit(study.design.y[train], learned)
    elsewhere = study.split.audited
    other = frame["visits"].iloc[elsewhere].clip(upper=7).to_numpy(dtype=float)
    assert Recalibration.of_baseline(study, spec) != Recalibration.fit(study.design.y[elsewhere], other)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Sample.of_arrays([1, 1], [1, 2]), "without"),
        (lambda: Sample.of_arrays([1, 0, 2], [1, 2, 3]), "0 or 1"),
        (lambda: Sample.of_arrays([1, 0], [1, 2, 3]), "one of each"),
    ],
)
def test_a_sample_needs_both_outcomes_and_a_patient_for_each(made, said):
    with pytest.raises(DataError, match=said):
        made()


def test_predictors_that_are_no_risks_are_refused(drawn):
    sample, model, score = drawn
    with pytest.raises(DataError, match="no risk"):
        decision_curve(sample, score)
    with pytest.raises(DataError, match="same label"):
        decision_curve(sample, model, [model])
    with pytest.raises(DataError, match="no risk"):
        decision_curve(sample, model, thresholds=[1.0])
    with pytest.raises(DataError, match="between 0 and 1"):
        threshold_table(sample, model, [0.0])
    with pytest.raises(DataError, match="give one for each"):
        roc(sample, model.take(np.arange(5)), [0.1])
    with pytest.raises(DataError, match="finite"):
        roc(sample, model, [np.nan])
