"""The general fit: the same optimum and stopping rule as the logistic fit, and what makes it impossible is named."""

import numpy as np
import pytest

from clinflu.errors import FitError, NonFiniteError, NotConvergedError, OneClassError, TooFewRowsError, TooLargeError
from clinflu.model.logistic import LOGISTIC
from clinflu.model.minimise import LARGEST_EXPLICIT, minimise, minimise_along, stationary_point
from clinflu.model.newton import fit_logistic
from clinflu.model.smooth_hinge import SmoothHinge

N, P = 200, 5
FREE_INTERCEPT = np.append(0.0, np.ones(P - 1))


def rows(seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, P - 1))])
    y = (rng.random(N) < 1 / (1 + np.exp(-x @ [-0.8, 1.0, -0.6, 0.3, 0.9]))).astype(float)
    return x, y, rng.choice([0.0, 1.0, 3.0], N)


@pytest.mark.parametrize("penalty", [np.zeros(P), FREE_INTERCEPT, np.full(P, 10.0)], ids=str)
@pytest.mark.parametrize("fit", [minimise, stationary_point])
def test_the_logistic_optimum_is_the_one_of_its_own_fit(penalty, fit):
    reference = fit_logistic(*rows(), penalty)
    model = fit(LOGISTIC, *rows(), penalty, start=np.full(P, 0.5))
    np.testing.assert_allclose(model.theta, reference.theta, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.hessian, reference.hessian, rtol=1e-9, atol=1e-9)
    assert model.step_norm <= 1e-10
    assert model.family == "logistic"


@pytest.mark.parametrize("penalty", [FREE_INTERCEPT, np.ones(P)], ids=["free", "penalised"])
def test_the_smooth_hinge_meets_the_stopping_rule_at_the_end_of_its_path(penalty):
    x, y, weights = rows()
    family = SmoothHinge(0.001)
    model = minimise_along(family.path(), x, y, weights, penalty)
    gradient = family.gradient(model.theta, x, y, weights) + penalty * model.theta
    assert np.abs(gradient).max() / N <= 1e-12
    assert np.abs(np.linalg.solve(model.hessian, gradient)).max() <= 1e-10


def with_value(index, value):
    arrays = [array.copy() for array in rows()]
    arrays[index][(3, 2) if index == 0 else 3] = value
    return arrays


BAD = {
    "no rows": (lambda: [array[:0] for array in rows()], TooFewRowsError),
    "one class": (lambda: (rows()[0], np.ones(N), np.ones(N)), OneClassError),
    "NaN": (lambda: with_value(0, np.nan), NonFiniteError),
    "NaN outcome": (lambda: with_value(1, np.nan), NonFiniteError),
    "huge": (lambda: with_value(0, 1e9), TooLargeError),
    "outcome 2": (lambda: with_value(1, 2.0), FitError),
    "negative weight": (lambda: with_value(2, -1.0), FitError),
    "short outcome": (lambda: (rows()[0], np.ones(3), np.ones(N)), FitError),
}


@pytest.mark.parametrize(("make", "error"), BAD.values(), ids=BAD)
def test_what_makes_a_fit_impossible_is_named(make, error):
    with pytest.raises(error):
        minimise(LOGISTIC, *make(), np.ones(P))


@pytest.mark.parametrize(
    "penalty", [-np.ones(P), np.full(P, np.nan), np.ones(LARGEST_EXPLICIT + 1)], ids=lambda p: p[0]
)
def test_an_impossible_penalty_is_named(penalty):
    with pytest.raises(FitError):
        minimise(LOGISTIC, *rows(), penalty)


def test_complete_separation_without_a_penalty_does_not_pass_for_an_optimum():
    x, _, weights = rows()
    with pytest.raises((NotConvergedError, FitError)):
        minimise(LOGISTIC, x, (x[:, 1] > 0.1).astype(float), weights, np.zeros(P))


def test_a_path_of_no_families_is_named():
    with pytest.raises(FitError, match="at least one"):
        minimise_along((), *rows(), np.ones(P))
