"""Effects of removing a group agree with explicit algebra on dense matrices, and fail where nothing is determined."""

import numpy as np
import pytest

from clinflu.errors import SingularHessianError
from clinflu.influence.group import group_first_order, group_newton, hessian_without
from clinflu.influence.refit import Change, refit
from clinflu.influence.training import TrainingRows

GROUPS = {
    "one row": [5],
    "a patient": [0, 17, 200],
    "fewer than columns": [0, 1, 2, 3, 4, 5, 6],
    "as many as columns": list(range(8)),
    "more than columns": list(range(3, 80)),
    "half": list(range(0, 600, 2)),
    "most": list(range(560)),
}


def dense(train, rows):
    """Gradient and Hessian at theta over the rows that stay."""
    kept = np.delete(np.arange(len(train.x)), rows)
    x, w = train.x[kept], train.weights[kept]
    p = 1 / (1 + np.exp(-x @ train.model.theta))
    gradient = x.T @ (w * (p - train.y[kept])) + train.model.penalty * train.model.theta
    return gradient, x.T @ (x * (w * p * (1 - p))[:, None]) + np.diag(train.model.penalty)


@pytest.mark.parametrize("rows", GROUPS.values(), ids=GROUPS)
def test_group_newton_is_one_explicit_newton_step(train, rows):
    gradient, hessian = dense(train, rows)
    np.testing.assert_allclose(hessian_without(train, np.array(rows)), hessian, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(group_newton(train, np.array(rows)), -np.linalg.solve(hessian, gradient), rtol=1e-8)


@pytest.mark.parametrize("rows", [GROUPS["one row"], GROUPS["a patient"], GROUPS["more than columns"]], ids=len)
def test_first_order_is_the_derivative_of_downweighting_the_group(train, rows):
    rows, epsilon = np.array(rows), 1e-3

    def theta(factor):
        return refit(train, Change(rows, train.weights[rows] * factor, train.y[rows])).theta

    slope = (theta(1 + epsilon) - theta(1 - epsilon)) / (2 * epsilon)
    np.testing.assert_allclose(group_first_order(train, rows), -slope, rtol=1e-5, atol=1e-8)


def test_both_branches_agree(train):
    wide = TrainingRows.fit(
        np.column_stack([train.x, np.random.default_rng(0).normal(size=(len(train.x), 60))]),
        train.y,
        train.weights,
        np.append(train.model.penalty, np.full(60, 2.0)),
    )
    rows = np.arange(40)
    gradient, hessian = dense(wide, rows)
    np.testing.assert_allclose(group_newton(wide, rows), -np.linalg.solve(hessian, gradient), rtol=1e-7, atol=1e-10)


def test_newton_is_nearer_to_the_refit_than_first_order(train):
    rows = np.arange(0, 150)
    truth = refit(train, Change.removal(train, rows)).theta - train.model.theta
    newton, first = group_newton(train, rows), group_first_order(train, rows)
    assert np.linalg.norm(newton - truth) < 0.3 * np.linalg.norm(first - truth)


@pytest.mark.parametrize("size", [6, 40, 250])
def test_a_group_that_alone_determines_a_column_is_named_singular(with_level, size):
    """What is left of the Hessian is rounding, positive about every other time."""
    for seed in range(12):
        train, rows = with_level(seed, size)
        with pytest.raises(SingularHessianError, match="columns 7"):
            group_newton(train, rows)
