"""Metrics have the values of scikit-learn and of explicit refits, and the slopes of finite differences."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from clinflu.errors import ClinfluError, OneClassError
from clinflu.influence import pair_sums
from clinflu.influence.functional import (
    CalibrationIntercept,
    CalibrationSlope,
    EventRateMinusRisk,
    Gap,
    MeanLoss,
    functional_effects,
    group_effect,
)
from clinflu.influence.refit import Change, refit, refit_each
from clinflu.influence.removal import one_step
from clinflu.influence.smoothed import SmoothAuroc, SmoothFalseNegativeRate, default_bandwidth
from clinflu.model.metrics import auroc
from clinflu.model.newton import fit_logistic

THRESHOLD = 0.4
BANDWIDTH = 0.15
NAMES = ("loss", "rate - risk", "intercept", "slope", "auroc", "fnr", "fnr gap")
TOP = 30


def audited_rows(n=500, seed=3):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 5)) + 0.3, rng.random(n) < 0.3, rng.random(n) < 0.05])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ [-0.5, 0.6, -0.5, 0.3, 0.3, 0.4, 0.6, 0.5]))).astype(float)
    return x, y


def functionals(x, y):
    first = x[:, 6] == 1
    return {
        "loss": MeanLoss(x, y),
        "rate - risk": EventRateMinusRisk(x, y),
        "intercept": CalibrationIntercept(x, y),
        "slope": CalibrationSlope(x, y),
        "auroc": SmoothAuroc(x, y, BANDWIDTH),
        "fnr": SmoothFalseNegativeRate(x, y, THRESHOLD, BANDWIDTH),
        "fnr gap": Gap(
            SmoothFalseNegativeRate(x[first], y[first], THRESHOLD, BANDWIDTH),
            SmoothFalseNegativeRate(x[~first], y[~first], THRESHOLD, BANDWIDTH),
        ),
    }


@pytest.fixture(scope="module")
def audited():
    return audited_rows()


@pytest.fixture(scope="module")
def functional_of(audited):
    return functionals(*audited)


@pytest.fixture(scope="module")
def thetas_without(train):
    return [one.theta for one in refit_each(train, [Change.removal(train, np.array([i])) for i in range(len(train.x))])]


def test_values_are_those_of_scikit_learn(train, audited, functional_of):
    x, y = audited
    margins = x @ train.model.theta
    p = 1 / (1 + np.exp(-margins))
    theta = train.model.theta
    np.testing.assert_allclose(functional_of["loss"].value(theta), log_loss(y, p), rtol=1e-12)
    np.testing.assert_allclose(functional_of["rate - risk"].value(theta), y.mean() - p.mean(), rtol=1e-10)
    np.testing.assert_allclose(functional_of["auroc"].exact(theta), roc_auc_score(y, p), rtol=1e-13)
    np.testing.assert_allclose(functional_of["fnr"].exact(theta), np.mean(p[y == 1] < THRESHOLD), rtol=1e-13)
    recalibration = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(margins[:, None], y)
    np.testing.assert_allclose(functional_of["slope"].value(theta), recalibration.coef_[0, 0], rtol=1e-8)


def test_the_calibration_intercept_is_that_of_an_offset_fit(train, audited, functional_of):
    import statsmodels.api as sm

    x, y = audited
    fit = sm.GLM(y, np.ones((len(y), 1)), sm.families.Binomial(), offset=x @ train.model.theta).fit(tol=1e-14)
    np.testing.assert_allclose(functional_of["intercept"].value(train.model.theta), fit.params[0], atol=1e-10)


def test_a_gap_is_one_group_minus_the_other(train, audited, functional_of):
    x, y = audited
    p = 1 / (1 + np.exp(-x @ train.model.theta))
    missed = [np.mean(p[(y == 1) & (x[:, 6] == level)] < THRESHOLD) for level in (1, 0)]
    np.testing.assert_allclose(functional_of["fnr gap"].exact(train.model.theta), missed[0] - missed[1], rtol=1e-12)


def test_ties_count_half_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    margins, y = rng.integers(0, 5, 80).astype(float), rng.integers(0, 2, 80).astype(float)
    np.testing.assert_allclose(auroc(y, margins), roc_auc_score(y, margins), rtol=1e-13)
    everyone_tied = SmoothAuroc(np.zeros((80, 1)), y, BANDWIDTH)
    np.testing.assert_allclose(everyone_tied.value(np.ones(1)), 0.5, rtol=1e-13)


def central_difference(functional, theta, column):
    step = np.zeros(len(theta))
    step[column] = 1e-5
    return (functional.value(theta + step) - functional.value(theta - step)) / 2e-5


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(train, functional_of, name):
    functional = functional_of[name]
    for theta in (train.model.theta, 0.3 * train.model.theta - 0.1):
        numeric = np.array([central_difference(functional, theta, column) for column in range(len(theta))])
        np.testing.assert_allclose(functional.gradient(theta), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_first_order_is_the_derivative_of_a_reweighted_refit(train, functional_of, name):
    functional = functional_of[name]
    effects = functional_effects(train, functional)
    for row in (0, 4, 333):
        values = []
        for factor in (1 + 1e-3, 1 - 1e-3):
            weights = train.weights.copy()
            weights[row] *= factor
            values.append(functional.value(fit_logistic(train.x, train.y, weights, train.model.penalty).theta))
        np.testing.assert_allclose(effects[row], -(values[0] - values[1]) / 2e-3, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_effects_agree_with_the_functional_at_refits(train, functional_of, thetas_without, name):
    functional = functional_of[name]
    rows = np.arange(0, len(train.x), 3)
    truth = np.array([functional.value(thetas_without[row]) for row in rows]) - functional.value(train.model.theta)
    corrected = one_step(train, functional_effects(train, functional))[rows]
    assert np.corrcoef(corrected, truth)[0, 1] > 0.99
    strongest = np.argsort(-np.abs(truth))[:TOP]
    assert (np.sign(corrected[strongest]) == np.sign(truth[strongest])).all()
    assert np.median(np.abs(corrected / truth - 1)[strongest]) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_one_newton_step_evaluated_exactly_is_nearer_to_the_refit_than_first_order(
    train, functional_of, thetas_without, name
):
    rows = np.argsort(-train.leverage)[:15]
    functional = functional_of[name]
    before = functional.value(train.model.theta)
    truth = np.array([functional.value(thetas_without[row]) - before for row in rows])
    estimate = np.array([group_effect(train, functional, np.array([row])) for row in rows])
    first = functional_effects(train, functional)[rows]
    assert np.abs(estimate - truth).sum() < 0.5 * np.abs(first - truth).sum()


def test_smoothed_effects_follow_the_exact_auroc_of_refits(train, functional_of, thetas_without):
    functional = functional_of["auroc"]
    before = functional.exact(train.model.theta)
    exact = np.array([functional.exact(theta) for theta in thetas_without]) - before
    corrected = one_step(train, functional_effects(train, functional))
    strongest = np.argsort(-np.abs(corrected))[:TOP]
    assert np.corrcoef(corrected[strongest], exact[strongest])[0, 1] > 0.95


def test_the_effect_of_a_row_of_low_leverage_is_its_corrected_effect(train, functional_of):
    functional = functional_of["rate - risk"]
    corrected = one_step(train, functional_effects(train, functional))
    for row in np.argsort(train.leverage)[:5]:
        np.testing.assert_allclose(group_effect(train, functional, np.array([row])), corrected[row], rtol=5e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_effect_of_a_group_is_nearer_to_its_refit_than_the_sum(train, functional_of, name):
    rows = np.flatnonzero(train.x[:, 7] == 1)
    functional = functional_of[name]
    truth = functional.value(refit(train, Change.removal(train, rows)).theta) - functional.value(train.model.theta)
    estimate = group_effect(train, functional, rows)
    assert abs(estimate - truth) < 0.5 * abs(functional_effects(train, functional)[rows].sum() - truth)


def test_smoothing_vanishes_with_the_bandwidth(train, audited):
    x, y = audited
    theta = train.model.theta
    for make in (lambda h: SmoothAuroc(x, y, h), lambda h: SmoothFalseNegativeRate(x, y, THRESHOLD, h)):
        apart = [abs(make(h).value(theta) - make(h).exact(theta)) for h in (1.0, 0.1, 1e-5)]
        assert apart[0] > 5 * apart[1]
        assert apart[2] < 1e-3
    assert abs(SmoothAuroc(x, y, default_bandwidth(x @ theta)).value(theta) - auroc(y, x @ theta)) < 4e-3


def test_the_default_bandwidth_is_a_tenth_of_the_spread():
    margins = np.random.default_rng(0).normal(3.0, 2.0, 200_000)
    np.testing.assert_allclose(default_bandwidth(margins), 0.2, rtol=0.01)
    assert default_bandwidth(np.full(5, 2.0)) == 1.0


@pytest.mark.parametrize("bandwidth", [0.15, 1e-3])
def test_blocks_and_the_product_form_change_nothing(train, audited, monkeypatch, bandwidth):
    """A bandwidth of 1e-3 makes exponents beyond float64, which the product form must not be given."""
    x, y = audited
    margins = x @ train.model.theta
    pairs = (margins[y == 1][:, None] - margins[y == 0]) / bandwidth
    explicit = 0.5 * (1 + np.tanh(0.5 * pairs))
    whole = SmoothAuroc(x, y, bandwidth)
    np.testing.assert_allclose(whole.at(margins), explicit.mean(), rtol=1e-12)
    slope = whole.slope(margins)
    monkeypatch.setattr(pair_sums, "PAIRS_AT_ONCE", 1000)
    np.testing.assert_allclose(whole.at(margins), explicit.mean(), rtol=1e-12)
    np.testing.assert_allclose(whole.slope(margins), slope, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(
        slope[y == 1], (explicit * (1 - explicit)).sum(axis=1) / bandwidth / explicit.size, rtol=1e-9, atol=1e-15
    )


def test_one_outcome_is_said_plainly(train, audited):
    x, y = audited
    for functional in functionals(x[y == 0], y[y == 0]).values():
        if isinstance(functional, MeanLoss | EventRateMinusRisk):
            assert np.isfinite(functional.value(train.model.theta))
        else:
            with pytest.raises(ClinfluError):
                functional.value(train.model.theta)
    with pytest.raises(OneClassError, match="larger group"):
        SmoothAuroc(x[y == 1], y[y == 1], 0.1).gradient(train.model.theta)


def test_a_refit_that_does_not_exist_has_no_value(functional_of):
    for functional in functional_of.values():
        assert np.isnan(functional.value(np.full(8, np.nan)))
        assert np.isnan(functional.exact(np.full(8, np.nan)))
