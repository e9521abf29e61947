"""Every registered family: closed forms agree with automatic differentiation, and that with finite differences."""

import numpy as np
import pytest
import torch

from clinflu.model import FAMILIES, ModelFamily

N, P = 60, 5

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param].learned(np.random.default_rng(9).normal(size=(40, P)))


@pytest.fixture(params=[0.0, 1.0, 8.0], ids=["zero", "ordinary", "far out"])
def at(request, family):
    """Theta, x, y and weights; far out, some risks are 0 or 1 to rounding."""
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, P - 1))])
    y = (rng.random(N) < 0.4).astype(float)
    return request.param * rng.normal(size=family.parameters(P)), x, y, rng.choice([0.0, 0.5, 1.0, 3.0], N)


def objective(family, theta, x, y, weights):
    tensors = (torch.from_numpy(np.array(array)) for array in (theta, x, y))
    return float(weights @ family.loss(*tensors).numpy())


def central(function, theta, epsilon=1e-5):
    steps = epsilon * np.eye(len(theta))
    return np.array([(function(theta + step) - function(theta - step)) / (2 * epsilon) for step in steps])


def test_a_family_is_registered_under_its_name(family):
    assert type(FAMILIES[family.name]) is type(family)


def test_closed_forms_agree_with_automatic_differentiation(family, at):
    direction = np.random.default_rng(1).normal(size=len(at[0]))
    for name, extra in (("gradient", ()), ("hessian", ()), ("hvp", (direction,))):
        closed = getattr(family, name)(*at, *extra)
        automatic = getattr(ModelFamily, name)(family, *at, *extra)
        assert closed.dtype == np.float64
        np.testing.assert_allclose(closed, automatic, rtol=1e-10, atol=1e-10 * np.abs(automatic).max(), err_msg=name)


def test_the_losses_and_their_slopes_agree_with_automatic_differentiation(family, at):
    theta, x, y, weights = at
    direction = np.random.default_rng(1).normal(size=len(theta))
    for name, extra in (("losses", ()), ("losses_along", (direction,))):
        closed, automatic = (
            getattr(family, name)(theta, x, y, *extra),
            getattr(ModelFamily, name)(family, theta, x, y, *extra),
        )
        np.testing.assert_allclose(closed, automatic, rtol=1e-9, atol=1e-10 * np.abs(automatic).max(), err_msg=name)
    along = family.losses_along(theta, x, y, direction)
    assert weights @ along == pytest.approx(family.gradient(theta, x, y, weights) @ direction, rel=1e-9)


def test_the_gradient_agrees_with_finite_differences(family, at):
    theta, *data = at
    expected = central(lambda free: objective(family, free, *data), theta)
    np.testing.assert_allclose(family.gradient(theta, *data), expected, rtol=1e-6, atol=1e-6)


def test_the_hessian_and_its_products_agree_with_finite_differences(family, at):
    theta, *data = at
    expected = central(lambda free: family.gradient(free, *data), theta)
    hessian = family.hessian(theta, *data)
    np.testing.assert_allclose(hessian, expected, rtol=1e-6, atol=1e-7)
    for direction in np.random.default_rng(2).normal(size=(3, len(theta))):
        np.testing.assert_allclose(family.hvp(theta, *data, direction), hessian @ direction, rtol=1e-9, atol=1e-12)


def test_weights_count_rows(family, at):
    theta, x, y, weights = at
    copies = np.repeat(np.arange(N), (2 * weights).astype(int))
    for name in ("gradient", "hessian"):
        weighted = getattr(family, name)(theta, x, y, 2 * weights)
        copied = getattr(family, name)(theta, x[copies], y[copies], np.ones(len(copies)))
        np.testing.assert_allclose(weighted, copied, rtol=1e-11, atol=1e-11)


def test_more_rows_than_a_block_are_all_summed(family):
    rng = np.random.default_rng(0)
    x, theta = rng.normal(size=(5_000, P)), rng.normal(size=family.parameters(P))
    y, weights = (rng.random(5_000) < 0.5).astype(float), rng.random(5_000)
    parts = [slice(0, 1_700), slice(1_700, 5_000)]
    total = sum(family.hessian(theta, x[part], y[part], weights[part]) for part in parts)
    np.testing.assert_allclose(family.hessian(theta, x, y, weights), total, rtol=1e-10)


def test_a_family_without_a_loss_says_so():
    with pytest.raises(NotImplementedError, match="loss"):
        ModelFamily().gradient(np.zeros(1), np.ones((1, 1)), np.ones(1), np.ones(1))


def test_the_loss_and_its_derivatives_are_those_of_the_margin(family, at):
    theta, x, y, weights = at
    margin = family.margin(theta, x)
    np.testing.assert_allclose(weights @ family.row_loss(margin, y), objective(family, *at), rtol=1e-10)
    for of, slope in (("row_loss", "slope"), ("slope", "bend"), ("bend", "twist")):
        sides = [getattr(family, of)(margin + step, y) for step in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            getattr(family, slope)(margin, y), (sides[0] - sides[1]) / 2e-6, rtol=1e-4, atol=1e-4
        )


def test_the_slopes_of_the_margin_agree_with_finite_differences(family, at):
    theta, x, y, weights = at
    in_theta = central(lambda free: family.margin(free, x), theta).T
    np.testing.assert_allclose(family.tangent(theta, x), in_theta, rtol=1e-6, atol=1e-6)
    in_columns = np.array([central(lambda row: family.margin(theta, row[None])[0], row) for row in x])
    np.testing.assert_allclose(family.column_slopes(theta, x), in_columns, rtol=1e-6, atol=1e-5)
    gradient = (weights * family.slope(family.margin(theta, x), y)) @ family.tangent(theta, x)
    np.testing.assert_allclose(gradient, family.gradient(theta, x, y, weights), rtol=1e-9, atol=1e-9)


def test_the_slope_of_a_pulled_gradient_in_the_columns_agrees_with_finite_differences(family, at):
    theta, x, y, _ = at
    direction = np.random.default_rng(2).normal(size=len(theta))

    def slopes(row, outcome):
        return central(lambda free: direction @ family.gradient(theta, free[None], outcome[None], np.ones(1)), row)

    expected = np.array([slopes(row, outcome) for row, outcome in zip(x, y, strict=True)])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(family.perturbation(theta, x, y, direction), expected, rtol=1e-5, atol=1e-6 * scale)


def test_a_fit_is_where_the_gradient_of_the_penalised_objective_vanishes_and_begins_where_it_is_told_to(family, at):
    _, x, y, weights = at
    penalty = family.penalties(P, 0.5, has_intercept=True)
    model = family.fit(x, y, weights, penalty)
    gradient = family.gradient(model.theta, x, y, weights) + penalty * model.theta
    assert np.abs(gradient).max() <= 1e-8
    assert model.of_margin.name == model.family == family.name
    fewer = np.where(np.arange(N) == 3, 0.0, weights)
    again = family.fit(x, y, fewer, penalty, model.theta)
    gradient = family.gradient(again.theta, x, y, fewer) + penalty * again.theta
    assert np.abs(gradient).max() <= 1e-8
    if family.is_linear:
        np.testing.assert_allclose(again.theta, family.fit(x, y, fewer, penalty).theta, rtol=1e-7, atol=1e-8)
