"""The second-order effect of each removal is that of a group of one, and the second derivative of refits."""

import numpy as np
import pytest

from clinflu.influence.group import group_second_order
from clinflu.influence.refit import Change, refit_each
from clinflu.influence.removal import removal_effect
from clinflu.influence.second_order import second_order
from clinflu.influence.training import TrainingRows
from clinflu.model import logistic
from clinflu.model.newton import fit_logistic

ROWS = [0, 1, 2, 3, 6, 50, 333, 599]


def all_rows(train, x_audited):
    return second_order(train, x_audited, removal_effect(train, x_audited))


def theta_at_weight(train, row, factor):
    weights = train.weights.copy()
    weights[row] *= factor
    return fit_logistic(train.x, train.y, weights, train.model.penalty).theta


def test_it_is_the_group_formula_for_a_group_of_one(train, problem):
    for x_audited in problem.audited:
        found = all_rows(train, x_audited)
        expected = [x_audited @ group_second_order(train, np.array([row])) for row in range(len(train.x))]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("row", ROWS)
def test_it_is_the_taylor_series_of_cold_refits_at_other_weights(train, problem, row):
    """Removal is the weight 1 - 1 of the row: m(0) is about m(1) - m'(1) + m''(1) / 2, by finite differences."""
    epsilon = 3e-3
    for x_audited in problem.audited:
        up, middle, down = (
            x_audited @ theta_at_weight(train, row, factor) for factor in (1 + epsilon, 1.0, 1 - epsilon)
        )
        slope = (up - down) / (2 * epsilon)
        bend = (up - 2 * middle + down) / epsilon**2
        first = removal_effect(train, x_audited)
        np.testing.assert_allclose(first[row], -slope, rtol=2e-5, atol=1e-8)
        added = second_order(train, x_audited, first)[row] - first[row]
        np.testing.assert_allclose(added, bend / 2, rtol=2e-3, atol=3e-7)


def test_it_is_nearer_to_the_refits_than_the_first_order(train, problem):
    refits = refit_each(train, [Change.removal(train, np.array([row])) for row in range(len(train.x))])
    for x_audited in problem.audited:
        truth = np.array([x_audited @ (one.theta - train.model.theta) for one in refits])
        first = removal_effect(train, x_audited)
        errors = np.abs(second_order(train, x_audited, first) - truth)
        assert np.median(errors) < 0.1 * np.median(np.abs(first - truth))
        assert np.corrcoef(second_order(train, x_audited, first), truth)[0, 1] > 0.9999


def test_the_last_term_is_there(train, problem):
    """Without it, as often printed, the error of the typical strong removal would be several times as large."""
    x_audited = problem.audited[0]
    first = removal_effect(train, x_audited)
    short = first * (1 + train.leverage)
    rows = np.argsort(-np.abs(first))[:30]
    refits = refit_each(train, [Change.removal(train, np.array([row])) for row in rows])
    truth = np.array([x_audited @ (one.theta - train.model.theta) for one in refits])
    full = second_order(train, x_audited, first)
    assert np.median(np.abs(full[rows] - truth)) < 0.3 * np.median(np.abs(short[rows] - truth))


def test_blocks_of_rows_do_not_matter(problem, monkeypatch):
    whole = all_rows(problem.fit(), problem.audited[0])
    monkeypatch.setattr("clinflu.influence.second_order.BLOCK_ROWS", 7)
    assert logistic.BLOCK_ROWS > 600
    np.testing.assert_allclose(all_rows(problem.fit(), problem.audited[0]), whole, rtol=1e-9, atol=1e-15)


def test_a_model_without_intercept_or_weights_is_served_too(problem):
    bare = problem.without_intercept()
    train = TrainingRows.fit(bare.x, bare.y, np.ones(len(bare.x)), np.full(bare.x.shape[1], 0.5))
    x_audited = bare.audited[1]
    expected = [x_audited @ group_second_order(train, np.array([row])) for row in ROWS]
    np.testing.assert_allclose(all_rows(train, x_audited)[ROWS], expected, rtol=1e-9, atol=1e-14)
