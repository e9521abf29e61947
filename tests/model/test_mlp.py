"""The network: its closed forms, and the points that its fit ends at."""

import numpy as np
import pytest
import torch

from clinflu.model import ModelFamily
from clinflu.model.minimise import stationary_point
from clinflu.model.mlp import Mlp

N, P, FAMILY = 150, 4, Mlp(3)
D = FAMILY.parameters(P)

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def rows(seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, P - 1))])
    y = (rng.random(N) < 1 / (1 + np.exp(-2 * x[:, 1] * x[:, 2] - x[:, 3]))).astype(float)
    return x, y, rng.choice([0.5, 1.0, 2.0], N)


def objective(theta, x, y, weights):
    tensors = (torch.from_numpy(np.array(array)) for array in (theta, x, y))
    return float(weights @ FAMILY.loss(*tensors).numpy())


def central(function, theta):
    return np.array([(function(theta + step) - function(theta - step)) / 2e-5 for step in 1e-5 * np.eye(D)])


@pytest.mark.parametrize("size", [0.0, 1.0, 4.0])
def test_closed_forms_agree_with_automatic_differentiation_and_differences(size):
    rng = np.random.default_rng(1)
    theta, direction, data = size * rng.normal(size=D), rng.normal(size=D), rows()
    for name, extra in (("gradient", ()), ("hvp", (direction,)), ("hessian", ())):
        closed = getattr(FAMILY, name)(theta, *data, *extra)
        automatic = getattr(ModelFamily, name)(FAMILY, theta, *data, *extra)
        np.testing.assert_allclose(closed, automatic, rtol=1e-10, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(
        FAMILY.gradient(theta, *data), central(lambda t: objective(t, *data), theta), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        FAMILY.hessian(theta, *data), central(lambda t: FAMILY.gradient(t, *data), theta), rtol=1e-5, atol=1e-5
    )


def test_a_seeded_start_leads_to_a_local_minimum_which_says_what_it_is():
    x, y, weights = rows()
    np.testing.assert_array_equal(FAMILY.start(P, seed=0), FAMILY.start(P, seed=0))
    one = stationary_point(FAMILY, x, y, weights, np.ones(D), FAMILY.start(P, seed=0))
    gradient = central(lambda t: objective(t, x, y, weights) + 0.5 * t @ t, one.theta)
    assert np.abs(gradient).max() <= 1e-6
    assert one.gradient_norm <= 1e-11
    assert one.smallest_eigenvalue == pytest.approx(np.linalg.eigvalsh(one.hessian)[0])
    assert one.damping == 0.0
    assert "local minimum" in one.words


def test_a_saddle_says_so_and_is_damped_until_it_can_be_solved():
    x, y, weights = rows()
    saddle = stationary_point(FAMILY, x, y, weights, np.full(D, 0.1), np.zeros(D))
    smallest, largest = np.linalg.eigvalsh(saddle.hessian)[[0, -1]]
    assert smallest < 0
    assert saddle.smallest_eigenvalue == pytest.approx(smallest)
    assert "saddle" in saddle.words
    damped = saddle.hessian + saddle.damping * np.eye(D)
    assert np.linalg.eigvalsh(damped)[0] == pytest.approx(1e-3 * largest)
    np.testing.assert_allclose(damped @ saddle.solve(np.ones(D)), np.ones(D), atol=1e-9)
