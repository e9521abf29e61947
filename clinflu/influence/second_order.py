"""Second-order effect of removing one training encounter on one audited encounter, for all of them at once."""

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import BLOCK_ROWS


def second_order(train: TrainingRows, x_audited: Vector, first_order: Vector) -> Vector:
    r"""Second-order change of an audited margin when each training encounter is removed.

    .. math:: \Delta m_i (1 + h_i) - \tfrac12 \, \delta_i^\top M \delta_i, \qquad
        M = \sum_j w_j s_j (1 - 2 p_j) (v^\top \tilde x_j) \, \tilde x_j \tilde x_j^\top, \quad v = H^{-1} \tilde x_t

    with :math:`\Delta m_i` the first-order change, :math:`\delta_i = -w_i r_i H^{-1} \tilde x_i` and j over all rows:
    :func:`clinflu.influence.group.group_second_order` for a group of one. Its last sum over all rows, once for each
    i, is a third derivative along :math:`v, \delta_i, \delta_i`; contracted with v first it is one matrix for all i.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    first_order : (n,)
        From :func:`clinflu.influence.removal.removal_effect`.

    Returns
    -------
    (n,), log-odds
        Positive: without that encounter the audited risk would be higher. One Gram matrix and one product of X with
        a (p, p) matrix, in blocks of rows.
    """
    bend = train.twist * (train.tangent @ train.model.solve(train.model.direction(x_audited)))
    solved = train.model.solve(_gram(train.tangent, bend))  # H^-1 M
    between = train.model.solve(np.ascontiguousarray(solved.T))  # H^-1 M H^-1
    change: Vector = first_order * (1.0 + train.leverage)
    change -= 0.5 * np.square(train.residual) * _quadratic(train.tangent, between)
    return change


def _gram(x: AnyMatrix, weights: Vector) -> Matrix:
    """Return X' diag(weights) X for weights of either sign, in blocks of rows."""
    if isinstance(x, DesignMatrix):
        return x.sandwich(weights)
    gram = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        gram += x[block].T @ (x[block] * weights[block, None])
    return gram


def _quadratic(x: AnyMatrix, form: Matrix) -> Vector:
    """Return x_i' A x_i for each row, in blocks of rows."""
    if isinstance(x, DesignMatrix):
        return x.quadratic(form)
    values = np.empty(len(x))
    for start in range(0, len(x), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        values[block] = np.einsum("np,np->n", x[block] @ form, x[block])
    return values
