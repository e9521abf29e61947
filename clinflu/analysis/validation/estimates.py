"""What each estimate says will happen to the loss of the test row when a training row is removed."""

import numpy as np
from scipy.linalg import cho_solve

from clinflu.analysis.validation.problem import Problem
from clinflu.data.arrays import Rows, Vector
from clinflu.errors import SingularHessianError
from clinflu.model.cholesky import factor
from clinflu.model.logistic import Logistic
from clinflu.model.smooth_hinge import SmoothHinge

INFLUENCE = "influence"
ONE_STEP = "one Newton step"
NO_HESSIAN = "without the Hessian"
NO_LOSS = "without the training loss"
NEAREST = "nearest rows"
ESTIMATES = (INFLUENCE, ONE_STEP)  # in nats, as the change that they estimate
RIVALS = (NO_LOSS, NO_HESSIAN, NEAREST)  # in units of their own: only their order and proportions can be compared
ONE_MARGIN = (Logistic, SmoothHinge)
LARGEST_NEWTON = 1_000


def influence(problem: Problem, inverse_hvp: Vector, rows: Rows | slice = slice(None)) -> Vector:
    r"""First-order change of the loss of the test row when each training row is removed.

    .. math:: w_i \nabla l_t^\top H^{-1} \nabla l_i

    Parameters
    ----------
    problem : Problem
    inverse_hvp : (d,)
        :math:`H^{-1} \nabla l_t`, by any solver.
    rows : (k,), optional
        Positions of training rows; by default all of them.

    Returns
    -------
    (k,), nats
        Positive: the row is helpful, since without it the prediction is worse.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 2.
    """
    return problem.slopes(inverse_hvp, rows)


def one_newton_step(problem: Problem, rows: Rows) -> Vector:
    r"""Change of the loss of the test row after one Newton step without each training row.

    .. math:: l_t(\theta + (H - w_i \nabla^2 l_i)^{-1} w_i \nabla l_i) - l_t(\theta)

    Where a row has one margin, its Hessian is of rank one, and the step is the first-order one over 1 - leverage.

    Returns
    -------
    (k,), nats
        NaN where what is left is not positive definite, and for models of more than 1,000 coefficients.
    """
    if len(problem.theta) > LARGEST_NEWTON:
        return np.full(len(rows), np.nan)
    oracle, before = problem.oracle, problem.loss_at(problem.theta)
    of_all = problem.family.hessian(problem.theta, oracle.x, oracle.y, oracle.weights)
    of_all[np.diag_indices_from(of_all)] += oracle.penalty + oracle.damping
    changes = np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        alone = problem.theta, *_one(problem, int(row))
        try:
            left = factor(of_all - problem.family.hessian(*alone))
        except SingularHessianError:
            continue
        step = cho_solve(left, problem.family.gradient(*alone), check_finite=False)
        changes[place] = problem.loss_at(problem.theta + step) - before
    return changes


def without_hessian(problem: Problem, rows: Rows) -> Vector:
    r"""Inner product of the two gradients, :math:`w_i \nabla l_t^\top \nabla l_i`, (k,)."""
    return problem.slopes(problem.test_gradient, rows)


def without_loss(problem: Problem, inverse_hvp: Vector, rows: Rows) -> Vector:
    r"""Influence without the factor by which a row's own loss scales it, (k,).

    For one margin that factor is :math:`|\partial l_i / \partial m_i|`, and what is left is
    :math:`\pm w_i \nabla l_t^\top H^{-1} \tilde x_i`; it equals :math:`1 - e^{-l_i}` for cross-entropy, the probability
    missed, which is what influence is divided by where there are several outputs.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, figure 1.
    """
    train = problem.train
    if isinstance(problem.family, ONE_MARGIN):
        pulled: Vector = (1.0 - 2.0 * train.y[rows]) * train.weights[rows] * (train.x[rows] @ inverse_hvp)
        return pulled
    missed = -np.expm1(-problem.family.losses(problem.theta, train.x[rows], train.y[rows]))
    unscaled: Vector = influence(problem, inverse_hvp, rows) / missed.clip(min=np.finfo(float).tiny)
    return unscaled


def nearness(problem: Problem, rows: Rows) -> Vector:
    """How much nearer each row is to the test row than the farthest one: positive for its class, negative for others.

    Euclidean distance of the columns; the model does not enter.
    """
    train, test = problem.train, problem.audited
    distance = np.linalg.norm(train.x - test.x[0], axis=1)
    sign = np.where(train.y[rows] == test.y[0], 1.0, -1.0)
    signed: Vector = sign * (distance.max() - distance[rows])
    return signed


def estimates_of(problem: Problem, inverse_hvp: Vector, rows: Rows) -> dict[str, Vector]:
    """Return every estimate and rival at some training rows, each (k,)."""
    return {
        INFLUENCE: influence(problem, inverse_hvp, rows),
        ONE_STEP: one_newton_step(problem, rows),
        NO_LOSS: without_loss(problem, inverse_hvp, rows),
        NO_HESSIAN: without_hessian(problem, rows),
        NEAREST: nearness(problem, rows),
    }


def _one(problem: Problem, row: int) -> tuple[Vector, Vector, Vector]:
    alone = problem.train.take(np.array([row]))
    return alone.x, alone.y, alone.weights
