"""Which features carry a removal effect, and which features carry a prediction."""

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.group import group_newton
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel

POINTS = 64


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
    pull = train.residual[[row]]
    if leverage_corrected:
        pull = pull / (1.0 - train.leverage[row])
    return _parts(train, np.array([row]), pull, x_audited, centred=centred)


def group_effect_decomposition(train: TrainingRows, rows: Rows, x_audited: Vector, *, centred: bool) -> Matrix:
    r"""Split the margin change of removing a group, by one Newton step, over (audited column x training column).

    .. math:: -\sum_{i \in U} c_i \, \tilde x_{tj} (H^{-1})_{jk} \tilde x_{ik}, \quad
        c_i = w_i r_i - w_i s_i \tilde x_i^\top \Delta\theta

    with :math:`\Delta\theta` the Newton step of :func:`clinflu.influence.group.group_newton`, so that c is, to first
    order, the residual that each encounter would have without the group. As :math:`H^{-1} \sum_U c_i \tilde x_i =
    -\Delta\theta` (Woodbury), the parts add up to the Newton step's margin change; for a group of one,
    :math:`c = w r / (1 - h)` and they are those of :func:`effect_decomposition`.

    Parameters
    ----------
    train : TrainingRows
    rows : (k,) int
        Positions of the training encounters; one named twice is removed once.
    x_audited : (p,)
    centred : bool
        As in :func:`effect_decomposition`.

    Returns
    -------
    (p, p), log-odds

    Raises
    ------
    SingularHessianError
        Without these rows the model is not determined.
    """
    chosen, pull = _pull(train, rows)
    return _parts(train, chosen, pull, x_audited, centred=centred)


def decomposition_from_average(train: TrainingRows, rows: Rows, x_audited: Vector) -> Matrix:
    r"""Split a group's Newton margin change over what all encounters have in common and what sets each apart.

    Every encounter is the training mean plus its deviation, with the mean an entry of its own in place 0; the other p
    are the deviations, column by column. Exact for any model: with an unpenalised intercept it is the centred
    :func:`group_effect_decomposition`, and without one it still gives columns that never vary no part.

    Parameters
    ----------
    train : TrainingRows
    rows : (k,) int
        Positions of the training encounters; one named twice is removed once.
    x_audited : (p,)

    Returns
    -------
    (p + 1, p + 1), log-odds

    Raises
    ------
    SingularHessianError
        Without these rows the model is not determined.
    """
    chosen, pull = _pull(train, rows)
    deviation = pull @ train.x[chosen] - pull.sum() * train.mean
    require_columns(train)
    audited = train.model.scale[1] * np.vstack([train.mean, np.diag(x_audited - train.mean)])
    taught = np.vstack([pull.sum() * train.mean, np.diag(deviation)])
    parts: Matrix = -audited @ train.model.solve(np.ascontiguousarray(taught.T))
    return parts


def column_sums(train: TrainingRows, row: int, inverse_hvp: Vector, *, centred: bool) -> Vector:
    r"""Return the share of each training column in the one-step margin change, (p,), without the whole matrix.

    Parameters
    ----------
    train : TrainingRows
    row : int
        Position of the training encounter.
    inverse_hvp : (p,)
        H^-1 times the slope of the audited log-odds in theta.
    centred : bool
        As in :func:`effect_decomposition`, of which these are the column sums.

    Notes
    -----
    Of a family that keeps no coefficient for each column they are, to first order, what the effect would lose if the
    column had its average value; they need not add up to it.
    """
    scale = -train.residual[row] / (1.0 - train.leverage[row])
    taught = train.x[row]
    if not train.model.of_margin.keeps_columns:
        pulled: Vector = train.weights[row] * (taught - train.mean) * _slopes(train, row, inverse_hvp)
        return pulled
    if centred:
        inverse_hvp, taught = _centring(train.mean) @ inverse_hvp, _centre(taught, train.mean)
    sums: Vector = scale * inverse_hvp * taught
    return sums


def attribution(model: FittedModel, x_audited: Vector, mean: Vector, *, has_intercept: bool) -> tuple[float, Vector]:
    r"""Split log-odds into a baseline and what each column adds to it.

    .. math:: m = m(\bar x) + \sum_j (x_{tj} - \bar x_j) \int_0^1 \partial_j m(\bar x + u (x_t - \bar x)) \, du

    Integrated gradients from the average encounter; where each column has a coefficient they are
    :math:`\theta_j (x_{tj} - \bar x_j)`.

    Returns
    -------
    baseline : float, log-odds
        Margin of the average training encounter.
    parts : (p,), log-odds
        They add up, with the baseline, to the margin; the intercept's part is 0.
    """
    parts: Vector = attributions(model, x_audited[None], mean)[0]
    if has_intercept:
        parts[0] = 0.0
    return model.log_odds_of(mean), parts


def attributions(model: FittedModel, x: Matrix, mean: Vector) -> Matrix:
    """Return what each column adds to the log-odds of each row, from those of the average encounter, (m, p)."""
    if model.of_margin.keeps_columns:
        parts: Matrix = model.scale[1] * model.theta * (x - mean)
        return parts
    places, shares = np.polynomial.legendre.leggauss(POINTS)
    slopes = np.zeros_like(x)
    for place, share in zip(places, shares, strict=True):
        way = mean + 0.5 * (place + 1.0) * (x - mean)
        slopes += 0.5 * share * model.of_margin.column_slopes(model.theta, way)
    return model.scale[1] * slopes * (x - mean)


def require_columns(train: TrainingRows) -> None:
    """Raise where no effect can be split over the columns.

    Raises
    ------
    DataError
        The family keeps no coefficient for each column.
    """
    if not train.model.of_margin.keeps_columns:
        raise DataError(
            f"the risks of a {train.model.family} model are no sum over the recorded variables, so an effect on them "
            "cannot be split over pairs of variables; look at audit.perturbation(...), or fit a logistic model"
        )


def _slopes(train: TrainingRows, row: int, inverse_hvp: Vector) -> Vector:
    """Return the slope, in each column of a training row, of what its removal does to the audited log-odds."""
    model, at = train.model, np.array([row])
    slopes: Vector = model.of_margin.perturbation(model.theta, train.x[at], train.y[at], inverse_hvp)[0]
    return slopes


def _pull(train: TrainingRows, rows: Rows) -> tuple[Rows, Vector]:
    """Return the rows, each once, and the residual of each after one Newton step without them."""
    chosen = np.unique(np.asarray(rows, dtype=np.intp))
    step = group_newton(train, chosen)
    return chosen, train.residual[chosen] - train.curvature[chosen] * (train.tangent[chosen] @ step)


def _parts(train: TrainingRows, rows: Rows, pull: Vector, x_audited: Vector, *, centred: bool) -> Matrix:
    """Return -x_tj (H^-1)_jk sum_i c_i x_ik, (p, p), with c the pull of each row."""
    inverse = train.model.inverse
    require_columns(train)
    audited, taught = train.model.scale[1] * x_audited, pull @ train.x[rows]
    if centred:
        shift = _centring(train.mean)
        inverse = shift @ inverse @ shift.T
        audited = train.model.scale[1] * _centre(x_audited, train.mean)
        taught = taught - pull.sum() * train.mean
        taught[0] = pull.sum()
    parts: Matrix = -audited[:, None] * inverse * taught
    return parts


def _centring(mean: Vector) -> Matrix:
    """Return T such that the coefficients of the centred columns are T theta."""
    shift = np.eye(len(mean))
    shift[0, 1:] = mean[1:]
    return shift


def _centre(x: Vector, mean: Vector) -> Vector:
    centred = x - mean
    centred[0] = 1.0
    return centred
