"""Effect of a small change in the features of a training encounter on an audited loss."""

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.influence.training import TrainingRows


def perturbation_influence(
    train: TrainingRows, x_audited: Vector, residual_audited: float, rows: Rows | slice = slice(None)
) -> Matrix:
    r"""Slope of the audited loss with respect to each feature of each training encounter.

    .. math:: w_i r_t \left[ s_i (v^\top \tilde x_i)\, \theta - r_i v \right], \quad v = H^{-1} \tilde x_t

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    residual_audited : float
        r_t = y_t - p_t.
    rows : (k,), optional
        Positions of the training encounters; by default all of them.

    Returns
    -------
    (k, p), nats per unit of the column
        A slope: not for columns that stand for a category, whose change is an edit and needs a refit. The
        intercept column, which cannot be perturbed, holds what the formula gives for it.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 5.
    """
    model = train.model
    v = model.solve(model.direction(x_audited))
    if not model.of_margin.keeps_columns:
        pulled = model.of_margin.perturbation(model.theta, train.x[rows], train.y[rows], v)
        return residual_audited * train.weights[rows][:, None] * pulled
    through_risk = (train.curvature[rows] * (train.x[rows] @ v))[:, None] * model.theta
    slopes: Matrix = residual_audited * (through_risk - train.residual[rows][:, None] * v)
    return slopes
