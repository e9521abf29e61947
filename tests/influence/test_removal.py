"""Effects of removing one row agree with derivatives of refits, with one Newton step, and with refits."""

import numpy as np
import pytest

from clinflu.influence.refit import Change, refit_each
from clinflu.influence.removal import (
    exact_loss_change,
    exact_risk_change,
    loss_change,
    one_step,
    removal_effect,
    removal_effects,
    sum_by_patient,
)
from clinflu.model.newton import fit_logistic

EPSILON = 1e-3


def theta_at_weight(train, row, factor):
    weights = train.weights.copy()
    weights[row] *= factor
    return fit_logistic(train.x, train.y, weights, train.model.penalty).theta


@pytest.mark.parametrize("row", [0, 1, 2, 3, 6, 50, 333, 599])
def test_first_order_is_the_derivative_of_a_reweighted_refit(train, problem, row):
    up, down = theta_at_weight(train, row, 1 + EPSILON), theta_at_weight(train, row, 1 - EPSILON)

    for x_audited in problem.audited:
        slope = x_audited @ (up - down) / (2 * EPSILON)
        np.testing.assert_allclose(removal_effect(train, x_audited)[row], -slope, rtol=2e-6, atol=1e-9)


def test_a_block_of_audited_rows_is_each_of_them(train, problem):
    block = removal_effects(train, problem.audited)
    for place, x_audited in enumerate(problem.audited):
        np.testing.assert_allclose(block[place], removal_effect(train, x_audited), rtol=1e-9, atol=1e-14)


def newton_step_without(train, row):
    kept = np.delete(np.arange(len(train.x)), row)
    x, w = train.x[kept], train.weights[kept]
    p = 1 / (1 + np.exp(-x @ train.model.theta))
    gradient = x.T @ (w * (p - train.y[kept])) + train.model.penalty * train.model.theta
    hessian = x.T @ (x * (w * p * (1 - p))[:, None]) + np.diag(train.model.penalty)
    return -np.linalg.solve(hessian, gradient)


def test_one_step_is_one_newton_step_without_the_row(train, problem):
    x_audited = problem.audited[0]
    estimate = one_step(train, removal_effect(train, x_audited))
    explicit = np.array([x_audited @ newton_step_without(train, row) for row in range(len(train.x))])
    np.testing.assert_allclose(estimate, explicit, rtol=1e-8, atol=1e-13)


@pytest.fixture(scope="module")
def refits(train):
    return refit_each(train, [Change.removal(train, np.array([row])) for row in range(len(train.x))])


def test_one_step_agrees_with_every_refit(train, problem, refits):
    for x_audited in problem.audited:
        first = removal_effect(train, x_audited)
        estimate = one_step(train, first)
        truth = np.array([x_audited @ (one.theta - train.model.theta) for one in refits])
        assert np.corrcoef(estimate, truth)[0, 1] >= 0.9999
        error = np.median(np.abs(estimate / truth - 1))
        assert error < 4e-3
        assert error < 0.5 * np.median(np.abs(first / truth - 1))


def test_the_leverage_correction_is_nearer_to_the_refit_where_it_matters(train, problem, refits):
    rows = np.argsort(-train.leverage)[:10]
    first = np.array([removal_effect(train, x)[rows] for x in problem.audited])
    corrected = first / (1 - train.leverage[rows])
    truth = np.array([[x @ (refits[row].theta - train.model.theta) for row in rows] for x in problem.audited])
    assert np.abs(corrected - truth).sum() < 0.5 * np.abs(first - truth).sum()


def test_leverage_adds_up_to_the_effective_parameters(train):
    data_part = train.model.hessian - np.diag(train.model.penalty)
    effective = np.trace(np.linalg.solve(train.model.hessian, data_part))
    np.testing.assert_allclose(train.leverage.sum(), effective, rtol=1e-10)
    explicit = train.curvature * np.einsum("ij,ij->i", train.x, np.linalg.solve(train.model.hessian, train.x.T).T)
    np.testing.assert_allclose(train.leverage, explicit, rtol=1e-9)


@pytest.mark.parametrize("y_audited", [0.0, 1.0])
def test_loss_change_is_the_derivative_of_the_audited_loss(train, problem, y_audited):
    x_audited, row = problem.audited[1], 4

    def loss(theta):
        p = 1 / (1 + np.exp(-x_audited @ theta))
        return -np.log(p if y_audited else 1 - p)

    slope = (loss(theta_at_weight(train, row, 1 + EPSILON)) - loss(theta_at_weight(train, row, 1 - EPSILON))) / 2e-3
    estimate = loss_change(removal_effect(train, x_audited), float(x_audited @ train.model.theta), y_audited)
    np.testing.assert_allclose(estimate[row], -slope, rtol=2e-6)


@pytest.mark.parametrize("margin", [-700.0, -3.0, 0.0, 2.5, 700.0])
def test_exact_changes_are_differences_of_risk_and_loss(margin):
    change = np.array([-1.5, -1e-3, 0.0, 0.7])
    before, after = 1 / (1 + np.exp(-margin)), 1 / (1 + np.exp(-(margin + change)))
    np.testing.assert_allclose(exact_risk_change(margin, change), after - before, atol=1e-15)
    for y in (0.0, 1.0):
        signed = -change if y else change
        expected = signed if margin * (1 - 2 * y) > 100 else np.zeros(4) if abs(margin) > 100 else None
        if expected is None:
            expected = -np.log(after if y else 1 - after) + np.log(before if y else 1 - before)
        np.testing.assert_allclose(exact_loss_change(margin, change, y), expected, rtol=1e-9, atol=1e-12)


def test_encounters_are_summed_by_patient(train):
    values = np.random.default_rng(1).normal(size=len(train.x))
    expected = [values[train.patients == patient].sum() for patient in range(train.patients.max() + 1)]
    np.testing.assert_allclose(sum_by_patient(values, train.patients), expected, atol=1e-12)
