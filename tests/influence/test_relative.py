"""RelatIF against derivatives of refits, its bound, and rows that teach nothing."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.influence.relative import relatif
from clinflu.influence.removal import removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

EPSILON = 1e-3


def loss(theta, x, y):
    return np.logaddexp(0.0, x @ theta) - y * (x @ theta)


def slope_of_loss(train, row, x, y):
    """Derivative of a loss with respect to the weight of one training row, by refits."""
    losses = []
    for step in (EPSILON, -EPSILON):
        weights = train.weights.copy()
        weights[row] += step
        losses.append(loss(fit_logistic(train.x, train.y, weights, train.model.penalty).theta, x, y))
    return (losses[0] - losses[1]) / (2 * EPSILON)


@pytest.mark.parametrize("row", [0, 2, 3, 6, 50, 599])
@pytest.mark.parametrize("y_audited", [0.0, 1.0])
def test_it_is_the_influence_over_the_root_of_the_influence_on_itself(train, problem, row, y_audited):
    own = slope_of_loss(train, row, train.x[row], train.y[row])
    for x_audited in problem.audited[:4]:
        on_audited = slope_of_loss(train, row, x_audited, y_audited)
        found = relatif(train, x_audited, y_audited)[row]
        np.testing.assert_allclose(found, -on_audited / np.sqrt(-own), rtol=1e-4, atol=1e-7)


def test_positive_is_helpful_as_it_is_for_the_removal_effect(train, problem):
    for x_audited in problem.audited:
        rise_of_margin = removal_effect(train, x_audited)
        for y_audited in (0.0, 1.0):
            rise_of_loss = rise_of_margin if y_audited == 0 else -rise_of_margin
            assert np.array_equal(np.sign(relatif(train, x_audited, y_audited)), np.sign(rise_of_loss))


def test_no_outlier_passes_the_bound_that_holds_for_all(train, problem):
    inverse = np.linalg.inv(train.model.hessian)
    for x_audited in problem.audited:
        residual = 1.0 - 1.0 / (1.0 + np.exp(-x_audited @ train.model.theta))
        bound = residual * np.sqrt(x_audited @ inverse @ x_audited)
        assert np.abs(relatif(train, x_audited, 1.0)).max() <= bound * (1 + 1e-9)


def test_the_audited_record_itself_reaches_the_bound(train):
    inverse = np.linalg.inv(train.model.hessian)
    x_audited, y = train.x[0], train.y[0]
    residual = y - 1.0 / (1.0 + np.exp(-x_audited @ train.model.theta))
    found = relatif(train, x_audited, y)
    assert found[0] == pytest.approx(abs(residual) * np.sqrt(x_audited @ inverse @ x_audited), rel=1e-9)
    assert np.abs(found).max() == np.abs(found[0])


def test_rows_without_weight_or_values_have_none(problem):
    small = problem.without_intercept()
    x, weights = small.x.copy(), small.weights.copy()
    x[7], weights[8] = 0.0, 0.0
    train = TrainingRows.fit(x, small.y, weights, np.full(x.shape[1], 2.0))
    found = relatif(train, small.audited[0], 1.0)
    assert found[7] == found[8] == 0.0
    assert np.isfinite(found).all()
    assert np.count_nonzero(found) == len(found) - 2


def test_it_does_not_depend_on_the_size_of_a_weight(train, problem):
    doubled = replace(train, weights=np.where(np.arange(len(train.x)) == 5, 2 * train.weights, train.weights))
    found = [relatif(one, problem.audited[0], 1.0)[5] for one in (train, doubled)]
    assert found[0] == pytest.approx(found[1], rel=1e-12)
