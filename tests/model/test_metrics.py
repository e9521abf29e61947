"""Metrics of predictions are those of scikit-learn and statsmodels, and NaN where there is none."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinflu.model.metrics import MEASURES, Metrics, metrics, metrics_at

CALIBRATION = ("calibration_intercept", "calibration_slope")


def predictions(seed, n=400, bias=0.4, slope=0.7):
    rng = np.random.default_rng(seed)
    p = expit(-1 + rng.normal(size=n)).round(2).clip(0.01, 0.99)  # rounded: ties
    y = (rng.random(n) < expit(bias + slope * logit(p))).astype(float)
    return y, p, rng.choice([0.5, 1.0, 3.0], n)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_metric_is_that_of_the_libraries(weighted):
    y, p, w = predictions(1)
    w = w if weighted else np.ones(len(y))
    found = metrics(y, p, w if weighted else None)

    m = logit(p)
    offset = sm.GLM(y, np.ones((len(y), 1)), sm.families.Binomial(), offset=m, freq_weights=w).fit(tol=1e-14)
    recalibrated = sm.GLM(y, sm.add_constant(m), sm.families.Binomial(), freq_weights=w).fit(tol=1e-14)
    expected = {
        "auroc": roc_auc_score(y, p, sample_weight=w),
        "brier": brier_score_loss(y, p, sample_weight=w),
        "log_loss": log_loss(y, p, sample_weight=w),
        "calibration_intercept": offset.params[0],
        "calibration_slope": recalibrated.params[1],
        "mean_risk": np.average(p, weights=w),
        "event_rate": np.average(y, weights=w),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=0, atol=1e-9, err_msg=name)
    assert (found.n, found.events) == (400, int(y.sum()))
    assert set(expected) == set(MEASURES)


def test_calibration_finds_the_bias_and_the_slope_that_were_put_in():
    y, p, _ = predictions(2, n=200_000)
    found = metrics(y, p)
    assert abs(found.calibration_slope - 0.7) < 0.02
    in_the_large = metrics_at(y, logit(p) + found.calibration_intercept)
    np.testing.assert_allclose(in_the_large.mean_risk, in_the_large.event_rate, rtol=0, atol=1e-12)


def test_whole_weights_are_copies():
    y, p, _ = predictions(3, n=60)
    times = np.arange(60) % 4
    weighted, copied = metrics(y, p, times.astype(float)), metrics(np.repeat(y, times), np.repeat(p, times))
    for name in MEASURES:
        np.testing.assert_allclose(getattr(weighted, name), getattr(copied, name), rtol=1e-9, err_msg=name)
    assert (weighted.n, weighted.events) == (45, int(y[times > 0].sum()))


UNDEFINED = {
    "nobody": ([], [], MEASURES),
    "no event": ([0, 0, 0], [0.1, 0.2, 0.3], ("auroc", *CALIBRATION)),
    "only events": ([1, 1], [0.1, 0.2], ("auroc", *CALIBRATION)),
    "the same risk for all": ([0, 1, 0], [0.3, 0.3, 0.3], ("calibration_slope",)),
    "risks that separate": ([0, 0, 1], [0.1, 0.2, 0.3], ("calibration_slope",)),
}


@pytest.mark.parametrize(("y", "p", "absent"), UNDEFINED.values(), ids=UNDEFINED)
def test_what_is_not_defined_is_nan_and_nothing_else_is(y, p, absent):
    found = metrics(np.array(y, dtype=float), np.array(p))
    assert {name for name in MEASURES if np.isnan(getattr(found, name))} == set(absent)
    assert (found.n, found.events) == (len(y), sum(y))


def test_certain_predictions_have_finite_metrics():
    wrong = metrics(np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert all(np.isfinite(getattr(wrong, name)) for name in MEASURES)
    assert wrong.log_loss > 150
    np.testing.assert_allclose(metrics_at(np.array([0.0, 1.0]), np.array([800.0, -800.0])).log_loss, 800)


@pytest.mark.parametrize(
    ("y", "p", "w"),
    [
        ([0, 1], [0.1], None),
        ([0, 2], [0.1, 0.2], None),
        ([0, 1], [0.1, 1.2], None),
        ([0, 1], [0.1, np.nan], None),
        ([0, 1], [0.1, 0.2], [1, -1]),
        ([0, 1], [0.1, 0.2], [1, np.inf]),
    ],
)
def test_what_is_no_prediction_is_an_error(y, p, w):
    with pytest.raises(ValueError, match=r"give one of each|outcome is 0 or 1|between 0 and 1"):
        metrics(np.array(y), np.array(p), None if w is None else np.array(w))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(-30, 30, allow_subnormal=False)), min_size=1, max_size=25)
)
def test_any_small_group_gives_metrics_within_their_bounds(pairs):
    y, margin = (np.array(values) for values in zip(*pairs, strict=True))
    found = metrics_at(y, margin)
    both = 0 < y.sum() < len(y)
    assert np.isnan(found.auroc) == np.isnan(found.calibration_intercept) == (not both)
    assert 0 <= found.brier <= 1
    assert found.log_loss >= 0
    if both:
        assert 0 <= found.auroc <= 1
        flipped = metrics_at(1 - y, -margin)
        np.testing.assert_allclose(flipped.auroc, found.auroc, atol=1e-12)
        np.testing.assert_allclose(flipped.calibration_intercept, -found.calibration_intercept, atol=1e-8)
    assert isinstance(found, Metrics)
