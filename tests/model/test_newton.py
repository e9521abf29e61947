"""The fit meets its stopping rule, agrees with statsmodels, and names what makes a fit impossible."""

import tracemalloc

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.errors import (
    FitError,
    NonFiniteError,
    OneClassError,
    SeparationError,
    SingularHessianError,
    TooFewRowsError,
    TooLargeError,
)
from clinflu.influence.interval import model_covariance
from clinflu.influence.training import TrainingRows
from clinflu.model.cholesky import factor
from clinflu.model.newton import fit_logistic

N, P = 500, 6
FREE = np.zeros(P)
PENALISED = np.append(0.0, np.ones(P - 1))


def rows(seed=0, n=N):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, P - 2)), rng.random(n) < 0.2])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ [-0.8, 1.0, -0.6, 0.3, 0.0, 0.9]))).astype(float)
    return x, y, rng.choice([1.0, 2.0, 5.0], n)


def remaining(x, y, weights, penalty, theta):
    """Largest gradient per row and the largest step that Newton would still take, from the definitions."""
    p = 1 / (1 + np.exp(-(x @ theta)))
    gradient = np.array([(weights * (p - y) * column).sum() for column in x.T]) + penalty * theta
    hessian = sum(np.multiply.outer(w * q * (1 - q) * row, row) for w, q, row in zip(weights, p, x, strict=True))
    return np.abs(gradient).max() / len(x), np.abs(np.linalg.solve(hessian + np.diag(penalty), gradient)).max()


@pytest.mark.parametrize("penalty", [FREE, 0.3 * PENALISED, 100 * PENALISED, np.full(P, 2.0)], ids=str)
def test_the_stopping_rule_is_met(penalty):
    x, y, weights = rows()
    model = fit_logistic(x, y, weights, penalty)
    gradient, step = remaining(x, y, weights, penalty, model.theta)
    assert gradient <= 1e-12
    assert step <= 1e-10
    assert model.step_norm <= 1e-10
    assert model.gradient_norm <= np.sqrt(P) * 1e-12
    np.testing.assert_allclose(model.solve(model.hessian), np.eye(P), atol=1e-12)


def test_agrees_with_statsmodels_logit():
    x, y, _ = rows()
    reference = sm.Logit(y, x).fit(method="newton", tol=1e-14, maxiter=100, disp=0)
    train = TrainingRows.fit(x, y, np.ones(N), FREE)
    np.testing.assert_allclose(train.model.theta, reference.params, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(model_covariance(train))), reference.bse, rtol=1e-8)


def test_agrees_with_statsmodels_glm_with_weights():
    x, y, weights = rows()
    reference = sm.GLM(y, x, family=sm.families.Binomial(), freq_weights=weights).fit(tol=1e-14, tol_criterion="params")
    train = TrainingRows.fit(x, y, weights, FREE)
    np.testing.assert_allclose(train.model.theta, reference.params, rtol=1e-8)
    doubled = TrainingRows.fit(x, y, 2 * np.ones(N), FREE)  # the same fit: weights of a loss bring no new patients
    once = TrainingRows.fit(x, y, np.ones(N), FREE)
    np.testing.assert_allclose(model_covariance(doubled), model_covariance(once), rtol=1e-7, atol=1e-12)
    influence = reference.get_influence(observed=False)
    np.testing.assert_allclose(train.leverage, influence.hat_matrix_diag, rtol=1e-7)


def test_standard_errors_under_weights_are_those_of_the_sandwich():
    x, y, weights = rows()
    glm = sm.GLM(y, x, family=sm.families.Binomial(), var_weights=weights)
    sandwich = glm.fit(tol=1e-14, tol_criterion="params", cov_type="HC0").bse  # from residuals, not from the model
    ours = np.sqrt(np.diag(model_covariance(TrainingRows.fit(x, y, weights, FREE))))
    np.testing.assert_allclose(ours, sandwich, rtol=0.15)


def changed(place, column, value):
    x, y, weights = rows()
    x[place, column] = value
    return x, y, weights


def with_column(column, seed):
    x, y, weights = rows(seed)
    return np.column_stack([x, column(x)]), y, weights


BAD = {
    "no rows": (lambda: (np.ones((0, P)), np.ones(0), np.ones(0)), TooFewRowsError, "no rows"),
    "no weight": (lambda: (*rows()[:2], np.zeros(N)), TooFewRowsError, "no rows"),
    "one class": (lambda: (rows()[0], np.ones(N), np.ones(N)), OneClassError, "500 rows have the outcome 1"),
    "one class with weight": (lambda: (*rows()[:2], rows()[1]), OneClassError, "outcome 1"),
    "NaN": (lambda: changed(3, 2, np.nan), NonFiniteError, "x holds missing"),
    "infinite": (lambda: changed(3, 2, np.inf), NonFiniteError, "x holds missing"),
    "both infinities": (lambda: changed([3, 4], 2, [np.inf, -np.inf]), NonFiniteError, "x holds missing"),
    "NaN outcome": (lambda: (rows()[0], np.append(np.nan, rows()[1][1:]), np.ones(N)), NonFiniteError, "outcome"),
    "NaN weight": (lambda: (*rows()[:2], np.append(np.nan, np.ones(N - 1))), NonFiniteError, "weights"),
    "huge": (lambda: changed([3, 4], 2, 1.7e308), TooLargeError, "column 2"),
    "hugely negative": (lambda: changed(3, 4, -1e9), TooLargeError, "column 4"),
    "negative weight": (lambda: (*rows()[:2], np.append(-1.0, np.ones(N - 1))), FitError, "negative"),
    "outcome 2": (lambda: (rows()[0], rows()[1] + 1, np.ones(N)), FitError, "0 or 1"),
    "outcome 1/2": (lambda: (rows()[0], rows()[1] / 2, np.ones(N)), FitError, "0 or 1"),
    "short outcome": (lambda: (rows()[0], np.ones(3), np.ones(N)), FitError, "shapes"),
    "short weights": (lambda: (*rows()[:2], np.ones(3)), FitError, "shapes"),
    "flat x": (lambda: (np.ones(N), rows()[1], np.ones(N)), FitError, "shapes"),
}


@pytest.mark.parametrize(("make", "error", "words"), BAD.values(), ids=BAD)
def test_what_makes_a_fit_impossible_is_named(make, error, words):
    x, y, weights = make()
    with pytest.raises(error, match=words) as caught:
        fit_logistic(x, y, weights, PENALISED)
    assert isinstance(caught.value, ValueError)
    assert caught.value.one_line == str(caught.value)


@pytest.mark.parametrize("penalty", [-PENALISED, PENALISED * np.nan, np.ones(3)], ids=str)
def test_an_impossible_penalty_is_named(penalty):
    with pytest.raises(FitError):
        fit_logistic(*rows(), penalty)


@pytest.mark.parametrize("start", [np.full(P, np.nan), np.full(P, np.inf), np.zeros(P - 1)], ids=str)
def test_an_impossible_start_is_named(start):
    with pytest.raises(FitError, match="start"):
        fit_logistic(*rows(), PENALISED, start=start)


def separated(kind):
    x, y, weights = rows()
    if kind == "completely":
        return x, (x[:, 1] + 0.5 * x[:, 2] > 0.1).astype(float), weights
    level = 1.0 if kind == "by a level of events" else 0.0
    return x, np.where(x[:, -1] == 1, level, y), weights


@pytest.mark.parametrize("kind", ["completely", "by a level of events", "by a level of none"])
def test_separation_is_named_without_a_penalty_and_fits_with_one(kind):
    x, y, weights = separated(kind)
    with pytest.raises(SeparationError, match="penalty above 0"):
        fit_logistic(x, y, weights, FREE)
    only_the_level_free = np.append(PENALISED[:-1], 0.0)
    if kind != "completely":
        with pytest.raises(SeparationError):
            fit_logistic(x, y, weights, only_the_level_free)
    model = fit_logistic(x, y, weights, 0.01 * PENALISED)
    assert max(remaining(x, y, weights, 0.01 * PENALISED, model.theta)) <= 1e-10


def test_rows_of_weight_zero_do_not_hide_separation():
    x, y, weights = separated("completely")
    contrary = np.vstack([x, x[:20]]), np.append(y, 1 - y[:20]), np.append(weights, np.zeros(20))
    with pytest.raises(SeparationError):
        fit_logistic(*contrary, FREE)


def test_separation_by_a_penalised_column_is_not_blamed_for_collinear_ones():
    x, y, weights = separated("completely")
    collinear = np.column_stack([x, x[:, 3]])
    with pytest.raises(SingularHessianError):
        fit_logistic(collinear, y, weights, np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]))


@pytest.mark.parametrize("seed", [3, 5, 8, 24, 31])
def test_steps_are_halved_where_newton_alone_would_run_away(seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(20), rng.normal(size=(20, 3)) * rng.choice([1, 5])])
    y = (rng.random(20) < 0.3).astype(float)
    y[:2] = [1, 0]
    weights, penalty = np.where(rng.random(20) < 0.3, 1000.0, 1.0), np.array([0.0, 0.01, 0.01, 0.01])
    model = fit_logistic(x, y, weights, penalty)
    assert remaining(x, y, weights, penalty, model.theta)[1] <= 1e-9


COLLINEAR = {
    "a copy": (lambda x: x[:, 2], {2, 6}),
    "a sum": (lambda x: x[:, 1] - 3 * x[:, 3], {1, 3, 6}),
    "a constant": (lambda x: np.full(len(x), 7.0), {0, 6}),
    "the other level": (lambda x: 1 - x[:, 5], {0, 5, 6}),
    "nothing": (lambda x: np.zeros(len(x)), {6}),
}


@pytest.mark.parametrize(("column", "involved"), COLLINEAR.values(), ids=COLLINEAR)
@pytest.mark.parametrize("seed", range(8))
def test_collinear_columns_are_named_without_a_penalty_and_fit_with_one(column, involved, seed):
    x, y, weights = with_column(column, seed)
    with pytest.raises(SingularHessianError) as caught:
        fit_logistic(x, y, weights, np.zeros(P + 1))
    named = {int(word) for word in caught.value.one_line.split("(columns ")[1].split(")")[0].split(", ")}
    assert named
    assert named <= involved
    penalty = np.append(PENALISED, 1.0)
    assert max(remaining(x, y, weights, penalty, fit_logistic(x, y, weights, penalty).theta)) <= 1e-10


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e6])
@pytest.mark.parametrize("corner", [0.5, 1.0, 1.0 + 1e-15, 1.0 + 5e-14])
def test_a_matrix_that_is_not_positive_definite_but_for_rounding_is_no_hessian(corner, scale):
    units = np.diag([1.0, scale])
    with pytest.raises(SingularHessianError):
        factor(units @ np.array([[1.0, 1.0], [1.0, corner]]) @ units)
    factor(units @ np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]]) @ units)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.sets(st.integers(0, 79), min_size=1))
def test_weight_two_is_two_copies_and_order_does_not_matter(seed, doubled):
    x, y, _ = rows(seed, n=80)
    chosen = np.array(sorted(doubled))
    weights = np.ones(80)
    weights[chosen] = 2
    order = np.random.default_rng(seed).permutation(80 + len(chosen))
    copies = np.vstack([x, x[chosen]])[order], np.append(y, y[chosen])[order], np.ones(len(order))
    np.testing.assert_allclose(
        fit_logistic(x, y, weights, PENALISED).theta, fit_logistic(*copies, PENALISED).theta, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("penalty", [FREE, PENALISED], ids=["free", "penalised"])
@pytest.mark.parametrize("size", [0.1, 5.0, 50.0, 1e4])
def test_the_start_does_not_matter(penalty, size):
    x, y, weights = rows()
    truth = fit_logistic(x, y, weights, penalty).theta
    for direction in (np.ones(P), np.eye(P)[0], -np.eye(P)[0], np.resize([1.0, -1.0], P)):
        found = fit_logistic(x, y, weights, penalty, start=size * direction).theta
        np.testing.assert_allclose(found, truth, rtol=0, atol=1e-9)


def test_a_start_at_the_optimum_takes_no_step():
    x, y, weights = rows()
    model = fit_logistic(x, y, weights, PENALISED)
    again = fit_logistic(x, y, weights, PENALISED, start=model.theta)
    assert again.iterations == 0
    np.testing.assert_array_equal(again.theta, model.theta)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_badly_scaled_columns_reach_the_same_optimum(scale):
    x, y, weights = rows()
    scales = np.array([1.0, scale, 1.0, scale, 1.0, 1.0])
    truth = fit_logistic(x, y, weights, FREE).theta
    found = fit_logistic(x * scales, y, weights, FREE).theta
    np.testing.assert_allclose(found * scales, truth, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("mean", "spread"), [(2015.0, 3.0), (250_000.0, 80_000.0), (1e5, 1e4)])
@pytest.mark.parametrize("seed", range(4))
def test_columns_in_their_recorded_units_reach_the_same_optimum(mean, spread, seed):
    """A year or a platelet count: rounding of theta alone keeps the plain gradient above 1e-12."""
    x, y, weights = rows(seed, n=5_000)
    truth = fit_logistic(x, y, weights, FREE).theta
    recorded = x.copy()
    recorded[:, 1] = mean + spread * x[:, 1]
    found = fit_logistic(recorded, y, weights, FREE)
    assert found.step_norm <= 1e-10
    np.testing.assert_allclose(found.theta[1] * spread, truth[1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.theta[0] + found.theta[1] * mean, truth[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.theta[2:], truth[2:], rtol=0, atol=1e-9)


def test_rows_of_weight_zero_do_not_count():
    x, y, weights = rows()
    weights[::3] = 0
    kept = weights > 0
    found = fit_logistic(x, y, weights, PENALISED).theta
    np.testing.assert_allclose(found, fit_logistic(x[kept], y[kept], weights[kept], PENALISED).theta, rtol=0, atol=1e-9)


def test_a_fit_needs_little_memory_beside_its_design():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 127))
    x[:, 0] = 1
    y = (rng.random(len(x)) < 0.2).astype(float)
    penalty = np.append(0.0, np.ones(126))
    tracemalloc.start()
    fit_logistic(x, y, np.ones(len(x)), penalty)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * x.nbytes
