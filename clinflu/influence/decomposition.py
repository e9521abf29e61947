"""Which features carry a removal effect, and which features carry a prediction."""

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.influence.training import TrainingRows


def effect_decomposition(
    train: TrainingRows, row: int, x_audited: Vector, *, centred: bool, leverage_corrected: bool = True
) -> Matrix:
    r"""Split the margin change of removing one encounter over (audited column x training column).

    .. math:: -\frac{w_i r_i}{1 - h_i} \, \tilde x_{tj} (H^{-1})_{jk} \tilde x_{ik}

    Parameters
    ----------
    train : TrainingRows
    row : int
        Position of the training encounter.
    x_audited : (p,)
    centred : bool
        Measure both encounters from the training mean, with an unpenalised intercept in column 0; the total
        stays the same. Without it, as recorded.
    leverage_corrected : bool
        Divide by 1 - h, so that the total is the one-step effect.

    Returns
    -------
    (p, p), log-odds
        Adds up exactly to the margin change. Row sums belong to columns of the audited encounter, column sums to
        columns of the training encounter.
    """
    scale = -train.residual[row]
    if leverage_corrected:
        scale /= 1.0 - train.leverage[row]
    inverse = train.model.solve(np.eye(len(x_audited)))
    audited, taught = x_audited, train.x[row]
    if centred:
        shift = _centring(train.mean)
        inverse = shift @ inverse @ shift.T
        audited, taught = _centre(audited, train.mean), _centre(taught, train.mean)
    parts: Matrix = scale * audited[:, None] * inverse * taught
    return parts


def column_sums(train: TrainingRows, row: int, inverse_hvp: Vector, *, centred: bool) -> Vector:
    r"""Return the share of each training column in the one-step margin change, (p,), without the whole matrix.

    Parameters
    ----------
    train : TrainingRows
    row : int
        Position of the training encounter.
    inverse_hvp : (p,)
        H^-1 times the audited row.
    centred : bool
        As in :func:`effect_decomposition`, of which these are the column sums.
    """
    scale = -train.residual[row] / (1.0 - train.leverage[row])
    taught = train.x[row]
    if centred:
        inverse_hvp, taught = _centring(train.mean) @ inverse_hvp, _centre(taught, train.mean)
    sums: Vector = scale * inverse_hvp * taught
    return sums


def attribution(theta: Vector, x_audited: Vector, mean: Vector, *, has_intercept: bool) -> tuple[float, Vector]:
    r"""Split a margin into a baseline and what each column adds to it.

    .. math:: m = \bar x^\top \theta + \sum_j \theta_j (x_{tj} - \bar x_j)

    Returns
    -------
    baseline : float, log-odds
        Margin of the average training encounter.
    parts : (p,), log-odds
        They add up, with the baseline, to the margin; the intercept's part is 0.
    """
    parts = theta * (x_audited - mean)
    if has_intercept:
        parts[0] = 0.0
    return float(mean @ theta), parts


def _centring(mean: Vector) -> Matrix:
    """Return T such that the coefficients of the centred columns are T theta."""
    shift = np.eye(len(mean))
    shift[0, 1:] = mean[1:]
    return shift


def _centre(x: Vector, mean: Vector) -> Vector:
    centred = x - mean
    centred[0] = 1.0
    return centred
