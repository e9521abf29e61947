"""A fit from which influence means nothing is refused, and the refusal says why."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.errors import TrustError
from clinflu.influence.training import TrainingRows
from clinflu.influence.trust import assess, require_trust
from clinflu.model.logistic import LOGISTIC


def at(train, theta, penalty=None):
    """The same rows with a model that claims to be fitted, but holds this theta and its Hessian there."""
    strength = train.model.penalty if penalty is None else penalty
    hessian = LOGISTIC.hessian(theta, train.x, train.y, train.weights) + np.diag(strength)
    return replace(train, model=replace(train.model, theta=theta, penalty=strength, hessian=hessian))


def refused(train):
    with pytest.raises(TrustError) as caught:
        require_trust(assess(train))
    return caught.value.one_line


def test_a_good_fit_passes(problem):
    for penalty in (0.0, 2.0, 100.0):
        trust = assess(problem.fit(penalty))
        assert trust.reasons == ()
        require_trust(trust)


def test_what_is_reported_is_what_is_so(train):
    trust = assess(train)
    inverse = np.linalg.inv(train.model.hessian)
    leverage = train.curvature * np.einsum("ij,jk,ik->i", train.x, inverse, train.x)
    root = np.sqrt(np.diag(train.model.hessian))
    eigenvalues = np.linalg.eigvalsh(train.model.hessian / np.outer(root, root))
    np.testing.assert_allclose(trust.effective_parameters, leverage.sum(), rtol=1e-9)
    np.testing.assert_allclose(trust.largest_leverage, leverage.max(), rtol=1e-9)
    np.testing.assert_allclose(trust.condition, eigenvalues.max() / eigenvalues.min(), rtol=1e-9)


@pytest.mark.parametrize("size", [1e-8, 1e-3, 1.0])
def test_a_theta_beside_the_optimum(train, size):
    moved = at(train, train.model.theta + size * np.eye(len(train.model.theta))[2])
    message = refused(moved)
    assert "not at its optimum" in message
    np.testing.assert_allclose(assess(moved).step_norm, size, rtol=0.5)


def test_columns_that_are_the_same(problem):
    doubled = replace(problem, x=np.column_stack([problem.x, problem.x[:, 3]]))
    train = TrainingRows.fit(doubled.x, doubled.y, doubled.weights, doubled.penalty(1.0))
    without_penalty = at(train, train.model.theta, np.zeros(9))
    assert "not positive definite" in refused(without_penalty)

    hardly_any = at(train, train.model.theta, np.append(0.0, np.full(8, 1e-10)))
    assert "hardly be told apart" in refused(hardly_any)


def test_a_row_that_determines_a_coefficient_alone(problem):
    x = np.column_stack([problem.x, np.zeros(len(problem.x))])
    x[17, 8] = 1
    train = TrainingRows.fit(x, problem.y, problem.weights, np.append(np.zeros(8), 1e-8))
    assert train.leverage.argmax() == 17
    assert "determines a coefficient almost alone (leverage 0.9" in refused(train)
    held = TrainingRows.fit(x, problem.y, problem.weights, np.append(np.zeros(8), 1.0))
    require_trust(assess(held))


def test_nearly_as_many_parameters_as_rows(problem):
    few = problem.take(slice(0, 40))
    x = np.column_stack([few.x[:, :6], np.random.default_rng(0).normal(size=(40, 30))])
    train = TrainingRows.fit(x, few.y, np.ones(40), np.append(0.0, np.full(35, 1e-3)))
    message = refused(train)
    assert "effective parameters for only 40 encounters" in message
    assert "optimum (" not in message


def test_every_reason_is_named_at_once(problem):
    few = problem.take(slice(0, 30))
    x = np.column_stack([few.x[:, :6], np.random.default_rng(0).normal(size=(30, 22))])
    train = TrainingRows.fit(x, few.y, np.ones(30), np.append(0.0, np.full(27, 1e-3)))
    moved = at(train, 0.9 * train.model.theta)
    assert len(assess(moved).reasons) >= 2
    assert all(reason in refused(moved) for reason in assess(moved).reasons)
