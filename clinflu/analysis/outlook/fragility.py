"""How far one record can move a risk: the records that are foreseen to move it most, each refitted."""

from collections.abc import Iterable

import numpy as np

from clinflu.analysis.outlook.penalty import FitRows, PenalisedFit, fit_penalised, slopes_of_gradient
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.influence.leave_one_out import share_left
from clinflu.influence.result import PERCENT
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.logistic import LOGISTIC, risk


def largest_changes(rows: FitRows, fit: PenalisedFit, x_audited: Matrix, verified: int) -> tuple[float, float]:
    """Return the largest change of any audited risk by one removed and by one relabelled record, percentage points.

    The records foreseen to change a risk most are tried, each by a refit of the same penalised objective: so many by
    one Newton step of the loss alone and, where there is a price, as many by the slope of the whole objective. Others
    may do more where neither foresees it.

    Parameters
    ----------
    rows : FitRows
    fit : PenalisedFit
    x_audited : (t, p)
    verified : int
        How many of each.
    """
    removed, relabelled = _candidates(rows, fit, x_audited, verified)
    return (
        _largest_change(fit, x_audited, (rows.without(row) for row in removed)),
        _largest_change(fit, x_audited, (rows.relabelled(row) for row in relabelled)),
    )


def largest_removal(rows: FitRows, fit: PenalisedFit, x_audited: Matrix, verified: int) -> float:
    """Return the first of :func:`largest_changes`."""
    removed, _ = _candidates(rows, fit, x_audited, verified)
    return _largest_change(fit, x_audited, (rows.without(row) for row in removed))


def moves_of_each(rows: FitRows, fit: PenalisedFit) -> tuple[Matrix, Matrix]:
    r"""Return the first-order change of theta when each record is removed, and when it is relabelled, (p, n) each.

    .. math:: -J^{-1} \, \partial_{w_i} \nabla \, (-w_i), \qquad -J^{-1} \, \partial_{y_i} \nabla \, (1 - 2 y_i)

    with :math:`\nabla` the gradient of the whole objective, the price in it, and J its Hessian.
    """
    of_theta, of_weights, of_outcomes = slopes_of_gradient(rows, fit.price, fit.theta)
    removed = np.linalg.solve(of_theta, of_weights * rows.weights)
    relabelled = np.linalg.solve(of_theta, of_outcomes * (2.0 * rows.y - 1.0))
    return removed.astype(np.float64), relabelled.astype(np.float64)


def _candidates(rows: FitRows, fit: PenalisedFit, x_audited: Matrix, verified: int) -> tuple[list[int], list[int]]:
    foreseen = [_by_newton(rows, fit.theta, x_audited)]
    if fit.price.mu > 0:
        before = risk(x_audited @ fit.theta)
        moved = (risk(x_audited @ (fit.theta[:, None] + move)) for move in moves_of_each(rows, fit))
        foreseen.append(tuple(np.abs(after - before[:, None]).max(axis=0) for after in moved))
    removed, relabelled = (
        list(dict.fromkeys(row for values in kind for row in _top(values, verified).tolist()))
        for kind in zip(*foreseen, strict=True)
    )
    return removed, relabelled


def _by_newton(rows: FitRows, theta: Vector, x_audited: Matrix) -> tuple[Vector, ...]:
    """Return the largest change of an audited risk by one Newton step for each record removed, and relabelled, (n,)."""
    hessian = LOGISTIC.hessian(theta, rows.x, rows.y, rows.weights) + np.diag(rows.penalty)
    model = FittedModel(LOGISTIC.name, theta, rows.penalty, hessian, 0.0, 0.0, 0)
    train = TrainingRows(model, rows.x, rows.y, rows.weights, np.arange(len(rows.y)))
    kernel = train.x @ model.solve(np.ascontiguousarray(x_audited.T))  # (n, t)
    left = np.nan_to_num(share_left(train), nan=np.inf)
    margins = x_audited @ theta
    before = risk(margins)
    moves = (-(train.residual / left), train.weights * (1.0 - 2.0 * train.y))
    return tuple(np.abs(risk(margins + move[:, None] * kernel) - before).max(axis=1) for move in moves)


def _largest_change(fit: PenalisedFit, x_audited: Matrix, others: Iterable[FitRows]) -> float:
    before = risk(x_audited @ fit.theta)
    thetas = (fit_penalised(other, fit.price, fit.theta).theta for other in others)
    return max(PERCENT * float(np.abs(risk(x_audited @ theta) - before).max()) for theta in thetas)


def _top(values: Vector, k: int) -> Rows:
    chosen: Rows = np.argsort(-values, kind="stable")[:k]
    return chosen
