"""Influence of training rows on one loss, for every family alike: one solve, and one derivative of all losses."""

from typing import TYPE_CHECKING

import numpy as np

from clinflu.analysis.explanations.taught import Taught
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.model.base import torch_device

if TYPE_CHECKING:
    import torch


def removal_influence(model: Taught, row: Vector, y: float) -> Vector:
    r"""First-order change of the loss of one row when each training row is removed.

    .. math:: I_i = w_i \, \nabla l_t^\top H^{-1} \nabla l_i

    Parameters
    ----------
    model : Taught
        Where its Hessian is not positive definite, H is the damped one.
    row : (d,)
        Pixels or encoded values, as ``model.rows``.
    y : float
        Its outcome or class.

    Returns
    -------
    (n,), nats
        Positive: helpful, for without it this loss is larger.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 2.
    """
    direction = solved_gradient(model, row, y)
    return model.weights * model.family.losses_along(model.fit.theta, model.x, model.y, direction)


def perturbation_slopes(model: Taught, row: Vector, y: float, positions: Rows) -> Matrix:
    r"""Slope of the loss of one row with respect to the values of training rows, through frozen columns too.

    .. math:: I_i = -w_i \, J_i^\top \nabla_{x_i} \left( \nabla_\theta l_i^\top H^{-1} \nabla l_t \right)

    with :math:`J_i` the slopes of the columns in the values. The columns stay those that were learned: a changed
    image does not move the network that was frozen, nor the landmarks of a kernel.

    Parameters
    ----------
    model : Taught
    row : (d,)
    y : float
    positions : (k,)
        Of the training rows.

    Returns
    -------
    (k, d), nats for each unit of the value

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 5.
    """
    from torch.func import grad, jvp

    theta, x, outcomes = _tensors(model.fit.theta, model.x[positions], model.y[positions])
    direction, weights = _tensors(solved_gradient(model, row, y), model.weights[positions])

    def along(rows: "torch.Tensor") -> "torch.Tensor":
        return (weights * jvp(lambda free: model.family.loss(free, rows, outcomes), (theta,), (direction,))[1]).sum()

    at_design: Matrix = -grad(along)(x).cpu().numpy()
    at_columns = at_design[:, int(model.has_intercept) :]
    return at_columns if model.columns is None else model.columns.pull(model.rows[positions], at_columns)


def solved_gradient(model: Taught, row: Vector, y: float) -> Vector:
    """Return H^-1 times the gradient of the loss of one row, (p,)."""
    gradient = model.family.gradient(model.fit.theta, model.design(row[None]), np.array([y]), np.ones(1))
    return model.fit.solve(gradient)


def removal_refits(model: Taught, row: Vector, y: float, positions: Rows) -> Vector:
    """Return the change of the loss of one row in the model refitted without each of these, (k,), nats: the truth.

    Raises
    ------
    FitError
        A model without one of them has no optimum.
    """
    audited, outcome = row[None], np.array([y])
    before = model.losses(audited, outcome)[0]
    after = [model.losses(audited, outcome, model.without(int(position)).theta)[0] for position in positions]
    changes: Vector = np.array(after, dtype=float) - before
    return changes


def _tensors(*arrays: Matrix) -> "list[torch.Tensor]":
    import torch

    device = torch_device()
    return [torch.from_numpy(np.array(array, dtype=float)).to(device) for array in arrays]
