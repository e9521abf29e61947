"""Slopes with respect to recorded features agree with refits on slightly changed features."""

import numpy as np
import pytest

from clinflu.influence.perturbation import perturbation_influence
from clinflu.model.newton import fit_logistic

EPSILON = 1e-4
COORDINATES = [(0, 1), (0, 5), (2, 3), (4, 2), (4, 7), (33, 1), (90, 4), (512, 6)]


def audited_loss(train, row, column, shift, audited, outcome):
    x = train.x.copy()
    x[row, column] += shift
    theta = fit_logistic(x, train.y, train.weights, train.model.penalty, start=train.model.theta).theta
    margin = audited @ theta
    return np.logaddexp(0, margin) - outcome * margin


def slopes(train, audited, outcome):
    return np.array(
        [
            (
                audited_loss(train, row, column, EPSILON, audited, outcome)
                - audited_loss(train, row, column, -EPSILON, audited, outcome)
            )
            / (2 * EPSILON)
            for row, column in COORDINATES
        ]
    )


@pytest.mark.parametrize("penalty", [0.5, 100.0])
@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_slopes_agree_with_refits(problem, penalty, outcome):
    train = problem.fit(penalty)
    for audited in problem.audited[:4]:
        residual = outcome - 1 / (1 + np.exp(-audited @ train.model.theta))
        found = perturbation_influence(train, audited, float(residual))
        chosen = np.array([found[row, column] for row, column in COORDINATES])
        truth = slopes(train, audited, outcome)
        np.testing.assert_allclose(chosen, truth, rtol=1e-4, atol=1e-5 * np.abs(truth).max())


def test_a_large_penalty_matters_to_the_slopes(problem):
    """The test above could not see a forgotten penalty if the two fits hardly differed."""
    train = problem.fit(100.0)
    forgotten = np.linalg.inv(train.model.hessian - np.diag(train.model.penalty))
    kept = np.linalg.inv(train.model.hessian)
    ratio = np.abs(forgotten @ problem.audited.T) / np.abs(kept @ problem.audited.T)
    assert np.median(np.abs(ratio - 1)) > 0.2
