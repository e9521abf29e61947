"""Effect of removing one training encounter on one audited encounter."""

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import loss_at, risk, risk_at, row_loss


def removal_effect(train: TrainingRows, x_audited: Vector) -> Vector:
    r"""First-order change of an audited margin when each training encounter is removed.

    .. math:: \Delta m_i = - w_i r_i \, \tilde x_t^\top H^{-1} \tilde x_i

    One solve and one product with X.

    Parameters
    ----------
    train : TrainingRows
        The fit; ``H`` is the Hessian of the summed loss plus penalty.
    x_audited : (p,)

    Returns
    -------
    (n,), log-odds
        Positive: without that encounter the audited risk would be higher.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 2.
    """
    return direction_effect(train, train.model.direction(x_audited))


def direction_effect(train: TrainingRows, direction: Vector) -> Vector:
    """Return :func:`removal_effect` on anything whose slope in theta is a direction, (d,): (n,), in its unit."""
    return -train.residual * (train.tangent @ train.model.solve(direction))


def one_step(train: TrainingRows, first_order: Vector) -> Vector:
    r"""Correct first-order changes by leverage: one Newton step without that encounter.

    .. math:: \Delta m_i / (1 - h_i)

    Parameters
    ----------
    train : TrainingRows
    first_order : (n,)
        From :func:`removal_effect`.

    Returns
    -------
    (n,), log-odds

    References
    ----------
    Pregibon (1981), doi:10.1214/aos/1176345513. Not exact: the refit is.
    """
    return first_order / (1.0 - train.leverage)


def loss_change(first_order: Vector, margin_audited: float, y_audited: float) -> Vector:
    r"""First-order change of the audited loss when each training encounter is removed.

    .. math:: w_i r_t r_i \, \tilde x_t^\top H^{-1} \tilde x_i

    Returns
    -------
    (n,), nats
        Negative: the encounter is harmful, since the prediction is better without it.
    """
    return -(y_audited - risk_at(margin_audited)) * first_order


def exact_risk_change(margin_audited: float, margin_change: Vector) -> Vector:
    """Return the change of risk that belongs to a change of margin, (n,), as a share of 1."""
    return risk(margin_audited + margin_change) - risk_at(margin_audited)


def exact_loss_change(margin_audited: float, margin_change: Vector, y_audited: float) -> Vector:
    """Return the change of the audited loss that belongs to a change of margin, (n,), in nats."""
    with np.errstate(invalid="ignore"):  # NaN stands for a refit that does not exist, and stays NaN
        return row_loss(margin_audited + margin_change, y_audited) - loss_at(margin_audited, y_audited)


def sum_by_patient(values: Vector, patients: Rows) -> Vector:
    """Add up the values of each patient's encounters, (C,)."""
    return np.bincount(patients, weights=values).astype(np.float64)


def removal_effects(train: TrainingRows, x_audited: Matrix) -> Matrix:
    """First-order margin changes for a block of audited rows (t, p) at once: (t, n), log-odds."""
    directions = np.ascontiguousarray(train.model.directions(x_audited).T)
    return -(train.tangent @ train.model.solve(directions)).T * train.residual
