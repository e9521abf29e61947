"""Calibration: bands and curve are statsmodels' and patsy's, intervals hold the truth as often as they say."""

import numpy as np
import pytest
import statsmodels.api as sm
from patsy import dmatrix
from scipy.special import expit, logit
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.curves import Predictor, Sample, calibration_bands, calibration_curve, calibration_summary
from clinflu.analysis.curves.spline import knots_of, restricted_cubic
from clinflu.errors import DataError, SeparationError
from clinflu.model.metrics import metrics


def simulated(patients, seed=0, wrong=lambda margin: margin, copies=1):
    """Return a sample whose true log-odds are a function of those predicted, each encounter ``copies`` times."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(-1.8, 0.9, patients)
    y = (rng.random(patients) < expit(wrong(margin))).astype(float)
    risk = np.repeat(expit(margin), copies)
    sample = Sample.of_arrays(np.repeat(y, copies), np.repeat(np.arange(patients), copies))
    return sample, Predictor("model", "Model", risk, is_risk=True)


def test_the_spline_spans_what_patsys_natural_spline_spans():
    values = np.random.default_rng(0).normal(size=400)
    knots = knots_of(values, 5)
    assert list(knots) == list(
        np.sort(values)[np.ceil(400 * np.array([0.05, 0.275, 0.5, 0.725, 0.95])).astype(int) - 1]
    )
    inner = {"x": values, "inner": knots[1:-1], "low": knots[0], "high": knots[-1]}
    theirs = np.asarray(dmatrix("cr(x, knots=inner, lower_bound=low, upper_bound=high)", inner))
    mine = restricted_cubic(values, knots)
    assert mine.shape == (400, 5)
    assert np.linalg.matrix_rank(theirs) == np.linalg.matrix_rank(mine) == 5
    left = theirs - mine @ np.linalg.lstsq(mine, theirs, rcond=None)[0]
    assert np.abs(left).max() < 1e-9


def test_the_spline_is_straight_beyond_its_knots():
    knots = np.array([-1.0, 0.0, 0.5, 2.0])
    for values in (np.linspace(-9, -1, 9), np.linspace(2, 9, 9)):
        assert np.abs(np.diff(restricted_cubic(values, knots), n=2, axis=0)).max() < 1e-9


def test_ties_leave_fewer_knots():
    assert len(knots_of(np.repeat([0.0, 1.0], 50), 5)) == 0
    assert len(knots_of(np.repeat([0.0, 1.0, 2.0], [30, 40, 30]), 5)) == 3


def test_the_curve_and_its_band_are_those_of_statsmodels():
    sample, model = simulated(900, copies=2)
    found = calibration_curve(sample, model)
    margin = logit(model.values)
    x = restricted_cubic(margin, knots_of(margin, 5))
    fit = sm.GLM(sample.y, x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": sample.patients}, tol=1e-12
    )
    basis = restricted_cubic(logit(found.risk), knots_of(margin, 5))
    there, clustered = fit.predict(basis), fit.cov_params()
    alone = sm.GLM(sample.y, x, family=sm.families.Binomial()).fit(tol=1e-12).cov_params()
    effect = np.trace(np.linalg.solve(alone, clustered)) / 5
    assert effect == pytest.approx(2.0, rel=0.15)
    error = np.sqrt([max(one @ clustered @ one, effect * one @ alone @ one) for one in basis])
    np.testing.assert_allclose(found.observed, there, rtol=1e-6)
    np.testing.assert_allclose(found.low, expit(logit(there) - 1.959964 * error), rtol=1e-5)
    np.testing.assert_allclose(found.high, expit(logit(there) + 1.959964 * error), rtol=1e-5)
    low, high = np.percentile(model.values, [1, 99])
    assert (found.risk[0], found.risk[-1]) == pytest.approx((low, high), abs=1e-4)
    gap = np.abs(fit.predict(x) - model.values)
    assert (found.ici, found.e50, found.e90) == pytest.approx(
        (gap.mean(), np.median(gap), np.quantile(gap, 0.9)), rel=1e-5
    )
    assert list(found.to_frame()) == ["risk", "observed", "low", "high"]


@pytest.mark.thorough
@pytest.mark.parametrize("copies", [1, 2])
def test_of_right_risks_the_band_holds_the_diagonal_as_often_as_it_says(copies):
    """Every encounter twice as well: a band that took them for two patients would hold it in 83 %."""
    held, inside = [], []
    for seed in range(200):
        sample, model = simulated(1_000, seed=seed, copies=copies)
        found = calibration_curve(sample, model, points=9)
        held.append((found.low <= found.risk) & (found.risk <= found.high))
        summary = calibration_summary(sample, model)
        figures = (summary.intercept, summary.slope, summary.observed_expected)
        inside.append([one.low <= ideal <= one.high for one, ideal in zip(figures, (0.0, 1.0, 1.0), strict=True)])
    assert 0.93 <= np.mean(held) <= 0.97
    assert np.all(np.abs(np.mean(held, axis=0) - 0.95) < 0.05)
    assert np.all(np.abs(np.mean(inside, axis=0) - 0.95) < 0.035)


@pytest.mark.parametrize(
    "wrong", [lambda m: 0.4 + 0.6 * m, lambda m: m - 0.8, lambda m: -1.5 + np.tanh(1.2 * (m + 1.5))]
)
def test_a_known_miscalibration_is_recovered(wrong):
    sample, model = simulated(150_000, wrong=wrong)
    found = calibration_curve(sample, model)
    truth = expit(wrong(logit(found.risk)))
    assert np.abs(found.observed - truth).max() < 0.02
    assert np.abs(truth - found.risk).max() > 0.05
    gap = np.abs(expit(wrong(logit(model.values))) - model.values)
    assert (found.ici, found.e50, found.e90) == pytest.approx(
        (gap.mean(), np.median(gap), np.quantile(gap, 0.9)), abs=5e-3
    )


def test_figures_are_those_of_the_metrics_and_recover_what_was_planted():
    sample, model = simulated(60_000, wrong=lambda m: 0.4 + 0.6 * m)
    found = calibration_summary(sample, model)
    whole = metrics(sample.y, model.values)
    assert found.intercept.value == pytest.approx(whole.calibration_intercept, abs=1e-12)
    assert found.slope.value == pytest.approx(whole.calibration_slope, abs=1e-12)
    assert found.observed_expected.value == pytest.approx(whole.event_rate / whole.mean_risk, abs=1e-12)
    assert found.slope.low < 0.6 < found.slope.high < 1.0
    assert list(found.to_frame()["measure"]) == ["intercept", "slope", "observed_expected"]


def test_the_interval_of_observed_over_expected_is_that_of_a_bootstrap():
    sample, model = simulated(1_500, seed=3)
    found, rng = calibration_summary(sample, model).observed_expected, np.random.default_rng(1)
    rows = rng.integers(0, len(sample.y), (2_000, len(sample.y)))
    replicates = np.log(sample.y[rows].sum(axis=1) / model.values[rows].sum(axis=1))
    assert (np.log(found.high) - np.log(found.low)) / 2 / 1.959964 == pytest.approx(replicates.std(), rel=0.06)


def test_bands_are_counted_and_their_intervals_wilsons():
    sample, model = simulated(3_000)
    found = calibration_bands(sample, model)
    assert len(found.encounters) == 10
    assert found.encounters.sum() == 3_000
    assert found.events.sum() == sample.y.sum()
    for row in found.to_frame().to_dict("records"):
        inside = (model.values >= row["low"]) & (model.values < row["high"])
        assert row["encounters"] == inside.sum()
        assert row["events"] == sample.y[inside].sum()
        assert row["mean_risk"] == pytest.approx(model.values[inside].mean())
        assert row["event_rate"] == pytest.approx(sample.y[inside].mean())
        wilson = proportion_confint(sample.y[inside].sum(), inside.sum(), method="wilson")
        assert (row["event_rate_low"], row["event_rate_high"]) == pytest.approx(wilson, abs=1e-12)


def test_bands_stand_between_given_cuts_and_empty_ones_are_left_out():
    sample, model = simulated(500)
    found = calibration_bands(sample, model, [0.1, 0.2, 0.998, 0.999])
    assert list(found.low) == [0.0, 0.1, 0.2]
    assert list(found.high) == [0.1, 0.2, 0.998]
    (all_of_them,) = calibration_bands(sample, model, np.empty(0)).rates
    assert all_of_them.value == pytest.approx(sample.y.mean())


def test_small_samples_have_a_curve_without_a_band():
    sample, model = simulated(80, seed=4)
    assert sample.withheld
    found = calibration_curve(sample, model)
    assert np.isfinite(found.observed).all()
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(calibration_summary(sample, model).slope.low)


def test_risks_that_tell_nobody_apart_or_everybody_have_no_curve():
    y = np.repeat([0.0, 1.0], 200)
    sample = Sample.of_arrays(y, np.arange(400))
    same = Predictor("model", "Model", np.full(400, 0.3), is_risk=True)
    with pytest.raises(DataError, match="the same"):
        calibration_curve(sample, same)
    found = calibration_summary(sample, same)
    assert np.isnan(found.slope.value)
    assert found.observed_expected.value == pytest.approx(0.5 / 0.3)
    perfect = Predictor("model", "Model", np.linspace(0.01, 0.99, 400), is_risk=True)
    with pytest.raises(SeparationError):
        calibration_curve(sample, perfect)
    assert np.isnan(calibration_summary(sample, perfect).slope.value)
    with pytest.raises(DataError, match="3 to 7 knots"):
        calibration_curve(sample, perfect, knots=2)
    with pytest.raises(DataError, match="no risk"):
        calibration_bands(sample, Predictor("score", "Score", np.arange(400.0)))
