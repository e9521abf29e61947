"""How the coefficients move when training rows change their weight or outcome: three estimates, and the refit."""

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Vector
from clinflu.errors import SingularHessianError
from clinflu.influence.change import Change, Difference, hessian_after
from clinflu.influence.group import group_first_order, group_newton, group_second_order
from clinflu.influence.refit import refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.model.cholesky import factor
from clinflu.model.logistic import curvature, risk

FIRST_ORDER, SECOND_ORDER, NEWTON, REFIT = "first_order", "second_order", "newton", "refit"
METHODS = (FIRST_ORDER, SECOND_ORDER, NEWTON, REFIT)


def moves(train: TrainingRows, change: Change) -> dict[str, Vector]:
    """Return the change of theta, (p,), by each of ``METHODS``; NaN where it does not exist.

    Parameters
    ----------
    train : TrainingRows
    change : Change
        Of weights and outcomes; recorded values stay, and no row is added.
    """
    (refitted,) = refit_each_or_nan(train, [change])
    return {
        FIRST_ORDER: first_order(train, change),
        SECOND_ORDER: second_order(train, change),
        NEWTON: _newton_or_nan(train, change),
        REFIT: refitted.theta - train.model.theta,
    }


def first_order(train: TrainingRows, change: Change) -> Vector:
    r"""Return the first-order change of theta, (p,).

    .. math:: \delta = H^{-1} \sum_i \left[ w_i' (y_i' - p_i) - w_i (y_i - p_i) \right] \tilde x_i
    """
    if _is_removal(change):
        return group_first_order(train, change.rows)
    return train.model.solve(_push(train, change))


def second_order(train: TrainingRows, change: Change) -> Vector:
    r"""Return the second-order change of theta, (p,), with every term; see :func:`group_second_order`.

    .. math:: \delta - H^{-1} \Delta H \, \delta
        - \tfrac12 H^{-1} \sum_j w_j s_j (1 - 2 p_j) (\tilde x_j^\top \delta)^2 \tilde x_j

    with :math:`\Delta H = \sum_i (w_i' - w_i) s_i \tilde x_i \tilde x_i^\top` and j over all rows.
    """
    if _is_removal(change):
        return group_second_order(train, change.rows)
    first, different = first_order(train, change), Difference.of(train, change)
    curved = different.weights * curvature(risk(different.x @ train.model.theta))
    gained = (curved * (different.x @ first)) @ different.x
    bend = (train.curvature * (1.0 - 2.0 * train.risk) * np.square(train.x @ first)) @ train.x
    return first - train.model.solve(gained + 0.5 * bend)


def newton(train: TrainingRows, change: Change) -> Vector:
    r"""Return the change of theta after one Newton step of the changed objective, (p,).

    .. math:: (H + \Delta H)^{-1} \sum_i \left[ w_i' (y_i' - p_i) - w_i (y_i - p_i) \right] \tilde x_i

    Raises
    ------
    SingularHessianError
        What is left does not determine the model.
    """
    if _is_removal(change):
        return group_newton(train, change.rows)
    hessian = hessian_after(train, change, train.model.theta)
    step: Vector = cho_solve(factor(hessian), _push(train, change), check_finite=False)
    return step


def _newton_or_nan(train: TrainingRows, change: Change) -> Vector:
    try:
        return newton(train, change)
    except SingularHessianError:
        return np.full(train.x.shape[1], np.nan)


def _push(train: TrainingRows, change: Change) -> Vector:
    """Return minus the gradient of the changed objective at the fit, (p,): the fitted one has none there."""
    different = Difference.of(train, change)
    push: Vector = (different.events - different.weights * risk(different.x @ train.model.theta)) @ different.x
    return push


def _is_removal(change: Change) -> bool:
    return bool(np.all(change.weights == 0))
