"""The smooth hinge: its closed forms, its limit, and its fit against scikit-learn's support vector machine."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from clinflu.errors import FitError
from clinflu.model import ModelFamily
from clinflu.model.minimise import minimise_along
from clinflu.model.smooth_hinge import SmoothHinge, hinge

N, P = 300, 6

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def rows(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, P - 1))])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ [0.3, 1.0, -1.0, 0.5, 0.0, 2.0]))).astype(float)
    return x, y, np.ones(n)


def loss(family, theta, x, y):
    return family.loss(*(torch.from_numpy(np.array(array)) for array in (theta, x, y))).numpy()


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.001])
def test_closed_forms_agree_with_automatic_differentiation(temperature):
    rng = np.random.default_rng(1)
    x, y, _ = rows()
    family, theta, weights, direction = SmoothHinge(temperature), rng.normal(size=P), rng.random(N), rng.normal(size=P)
    for name, extra in (("gradient", ()), ("hvp", (direction,)), ("hessian", ())):
        closed = getattr(family, name)(theta, x, y, weights, *extra)
        automatic = getattr(ModelFamily, name)(family, theta, x, y, weights, *extra)
        np.testing.assert_allclose(closed, automatic, rtol=1e-9, atol=1e-9 * np.abs(automatic).max())


def test_the_gradient_agrees_with_differences():
    x, y, weights = rows()
    family, theta = SmoothHinge(0.2), np.random.default_rng(2).normal(size=P)
    steps = 1e-6 * np.eye(P)
    expected = [(loss(family, theta + s, x, y) - loss(family, theta - s, x, y)).sum() / 2e-6 for s in steps]
    np.testing.assert_allclose(family.gradient(theta, x, y, weights), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 0.001, 1e-6])
def test_it_lies_above_the_hinge_by_at_most_its_temperature(temperature):
    margin = np.concatenate([[-1e4, 0.0, 1.0, 1e4], np.linspace(0.99, 1.01, 50)])
    smooth = loss(SmoothHinge(temperature), np.ones(1), margin[:, None], np.ones(54))
    above = smooth - hinge(margin, np.ones(54))
    assert np.isfinite(smooth).all()
    assert above.min() >= -1e-12
    assert above.max() == pytest.approx(temperature * np.log(2), rel=1e-6)


def test_at_a_small_temperature_it_is_the_support_vector_machine():
    x, y, weights = rows()
    machine = LinearSVC(loss="hinge", dual=True, C=1.0, fit_intercept=False, tol=1e-8, max_iter=10**6).fit(x, y)
    model = minimise_along(SmoothHinge(0.001).path(), x, y, weights, np.ones(P))
    smooth, exact = (hinge(x @ at, y).sum() + 0.5 * at @ at for at in (model.theta, machine.coef_[0]))
    assert exact <= smooth <= exact * (1 + 1e-4)
    np.testing.assert_allclose(model.theta, machine.coef_[0], atol=0.01)


def test_the_path_cools_to_the_temperature_asked_for():
    path = [family.temperature for family in SmoothHinge(0.001).path()]
    assert path[-1] == 0.001
    assert 0.4 <= path[0] <= 1.0
    np.testing.assert_allclose(np.divide(path[1:], path[:-1]), 0.4)
    assert SmoothHinge(2.0).path() == (SmoothHinge(2.0),)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan])
def test_an_impossible_temperature_is_named(temperature):
    with pytest.raises(FitError, match=r"try 0\.001"):
        SmoothHinge(temperature)
