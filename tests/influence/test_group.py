"""Effects of removing a group agree with explicit algebra on dense matrices, and fail where nothing is determined."""

import numpy as np
import pytest

from clinflu.errors import SingularHessianError
from clinflu.influence.group import (
    group_effects,
    group_first_order,
    group_newton,
    group_second_order,
    hessian_without,
)
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
    slope = (theta_with(train, rows, 1 + epsilon) - theta_with(train, rows, 1 - epsilon)) / (2 * epsilon)
    np.testing.assert_allclose(group_first_order(train, rows), -slope, rtol=1e-5, atol=1e-8)


def theta_with(train, rows, factor):
    """Refit with the weights of the rows times a factor."""
    return refit(train, Change(rows, train.weights[rows] * factor, train.y[rows])).theta


@pytest.mark.parametrize("rows", [GROUPS["one row"], GROUPS["a patient"], GROUPS["more than columns"]], ids=len)
def test_second_order_adds_half_of_the_second_derivative_of_downweighting_the_group(train, rows):
    rows, epsilon = np.array(rows), 0.01
    bend = theta_with(train, rows, 1 + epsilon) + theta_with(train, rows, 1 - epsilon) - 2 * train.model.theta
    added = group_second_order(train, rows) - group_first_order(train, rows)
    np.testing.assert_allclose(added, bend / (2 * epsilon**2), rtol=2e-3, atol=1e-4 * np.abs(added).max())


def in_portions(train, rows, portions):
    """Split each of these rows into copies that share its weight, the first ones first; the fit stays the same."""
    kept = np.setdiff1d(np.arange(len(train.x)), rows)
    order = np.concatenate([*[rows] * len(portions), kept])
    shares = np.concatenate([np.repeat(portions, len(rows)), np.ones(len(kept))])
    return TrainingRows(
        train.model, train.x[order], train.y[order], train.weights[order] * shares, np.arange(len(order))
    )


def without_last_term(train, rows):
    first = group_first_order(train, rows)
    return first + train.model.solve((train.curvature[rows] * (train.x[rows] @ first)) @ train.x[rows])


def test_halving_the_removed_weight_quarters_the_relative_error_of_second_order_only(train):
    rows, portions = np.arange(3, 80), [1 / 32, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    split = in_portions(train, rows, np.array(portions))
    errors = {name: [] for name in ("first", "without the last term", "second")}
    for copies in (4, 3, 2, 1):  # an eighth of their weight, and then less
        removed = np.arange(copies * len(rows))
        truth = theta_with(train, rows, 1 - sum(portions[:copies])) - train.model.theta
        estimates = (
            group_first_order(split, removed),
            without_last_term(split, removed),
            group_second_order(split, removed),
        )
        for name, estimate in zip(errors, estimates, strict=True):
            errors[name].append(np.linalg.norm(estimate - truth) / np.linalg.norm(truth))
    ratios = {name: np.array(found[1:]) / found[:-1] for name, found in errors.items()}
    np.testing.assert_allclose(ratios["second"], 0.25, atol=0.02)
    np.testing.assert_allclose(ratios["first"], 0.5, atol=0.02)
    np.testing.assert_allclose(ratios["without the last term"], 0.5, atol=0.05)
    assert errors["second"][-1] < 0.1 * errors["first"][-1]


def test_effects_on_an_audited_row_are_the_three_steps_seen_from_it(train, problem):
    rows = np.array([80, 3, 7, 3])
    once = np.array([3, 7, 80])
    gradient, hessian = dense(train, once)
    for x in problem.audited:
        found = group_effects(train, rows, x)
        np.testing.assert_allclose(found.first_order, x @ group_first_order(train, once), rtol=1e-12)
        np.testing.assert_allclose(found.second_order, x @ group_second_order(train, once), rtol=1e-12)
        np.testing.assert_allclose(found.newton, -x @ np.linalg.solve(hessian, gradient), rtol=1e-8)


def test_nobody_removed_changes_nothing(train, problem):
    nobody = group_effects(train, np.array([], dtype=np.intp), problem.audited[0])
    assert (nobody.first_order, nobody.second_order, nobody.newton) == (0, 0, 0)


def test_a_newton_step_that_does_not_exist_hides_no_other_estimate(with_level, problem):
    train, rows = with_level(0, 6)
    found = group_effects(train, rows, problem.audited[0])
    assert np.isnan(found.newton)
    assert np.isfinite([found.first_order, found.second_order]).all()


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
