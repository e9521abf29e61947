"""The fit: Newton's method to the stopping rule, in float64, from zero or from a start."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.errors import NotConvergedError, SeparationError, SingularHessianError
from clinflu.model.base import FittedModel
from clinflu.model.checks import check_fit_input, check_start, is_separated
from clinflu.model.cholesky import factor
from clinflu.model.logistic import LOGISTIC, curvature, risk, row_loss, weighted_gram

STEP_TOLERANCE = 1e-10
GRADIENT_TOLERANCE = 1e-12
MAX_ITERATIONS = 100
MAX_HALVINGS = 40
ARMIJO = 1e-4
SEPARATED_MARGIN = 30.0


def has_arrived(step_norm: float, gradient: Vector, x: AnyMatrix, total: float, *, stalled: bool) -> bool:
    """Whether the stopping rule is met: ``max |H^-1 g| <= 1e-10`` and ``max |g| / n <= 1e-12``.

    Parameters
    ----------
    step_norm : float
        max |H^-1 g|.
    gradient : (p,)
    x : (n, p)
    total : float
        Sum of the weights: where it is more than n, it takes the place of n.
    stalled : bool
        Whether the steps have stopped shrinking. Then the gradient of a column of large values, which rounding keeps
        above its limit, is measured per unit of the column's root mean square.
    """
    if step_norm > STEP_TOLERANCE:
        return False
    left = np.abs(gradient) / max(len(x), total)
    if stalled and left.max() > GRADIENT_TOLERANCE:
        squares = x.squares() if isinstance(x, DesignMatrix) else np.einsum("ij,ij->j", x, x)
        left /= np.sqrt(squares / len(x)).clip(min=1.0)
    return bool(left.max() <= GRADIENT_TOLERANCE)


def fit_logistic(x: AnyMatrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
    r"""Return the minimum of :math:`\sum_i w_i l_i(\theta) + \tfrac12 \theta^\top \Lambda \theta`.

    Newton steps with halving until ``max |H^-1 g| <= 1e-10`` and ``max |g| / n <= 1e-12``.

    Parameters
    ----------
    x : (n, p)
        Column 0 the intercept if there is one.
    y, weights : (n,)
        Outcomes, 0 or 1, and weights; rows of weight 0 do not count.
    penalty : (p,)
        On the summed loss; 0 for a free intercept.
    start : (p,), optional
        By default zero; from where no step leads on, the fit begins at zero again.

    Raises
    ------
    FitError
        Its kinds name the reason: no rows, one class, values missing, infinite or huge, complete separation,
        collinear columns, or no convergence.
    """
    if isinstance(x, DesignMatrix):
        from clinflu.model.passes import fit_in_passes

        return fit_in_passes(x, y, weights, penalty, start)
    check_fit_input(x, y, weights, penalty)
    objective = _Objective(x, y, weights, penalty)
    if start is not None:
        check_start(start, x.shape[1])
        with suppress(SingularHessianError, NotConvergedError):
            return _descend(objective, np.array(start, dtype=float))
    try:
        return _descend(objective, np.zeros(x.shape[1]))
    except (SingularHessianError, NotConvergedError):
        if np.all(penalty > 0) or not is_separated(x, y, weights, penalty):
            raise
        raise SeparationError(
            "some combination of columns without a penalty predicts the outcome perfectly, so its odds ratio has no "
            "finite estimate; fit with a penalty above 0 (the default is 1.0)"
        ) from None


@dataclass(frozen=True, slots=True)
class _Objective:
    x: Matrix
    y: Vector
    weights: Vector
    penalty: Vector

    def value(self, theta: Vector, margin: Vector) -> float:
        return float(self.weights @ row_loss(margin, self.y) + 0.5 * self.penalty @ theta**2)

    def gradient(self, theta: Vector, p: Vector) -> Vector:
        gradient: Vector = (self.weights * (p - self.y)) @ self.x + self.penalty * theta
        return gradient

    def hessian(self, p: Vector) -> Matrix:
        hessian = weighted_gram(self.x, self.weights * curvature(p))
        hessian[np.diag_indices_from(hessian)] += self.penalty
        return hessian


def _descend(objective: _Objective, theta: Vector) -> FittedModel:
    margin = objective.x @ theta
    last_step, total = np.inf, float(objective.weights.sum())
    for iteration in range(MAX_ITERATIONS):
        p = risk(margin)
        hessian = objective.hessian(p)
        gradient = objective.gradient(theta, p)
        step: Vector = cho_solve(factor(hessian), gradient, check_finite=False)
        step_norm = float(np.abs(step).max())
        if has_arrived(step_norm, gradient, objective.x, total, stalled=step_norm > 0.5 * last_step):
            gradient_norm = float(np.linalg.norm(gradient)) / len(objective.x)
            return FittedModel(LOGISTIC.name, theta, objective.penalty, hessian, gradient_norm, step_norm, iteration)
        last_step = step_norm
        theta, margin = _halve_until_lower(objective, theta, margin, step, gradient)
        if np.abs(margin).min() > SEPARATED_MARGIN:
            break
    raise NotConvergedError(
        f"the fit did not reach its stopping rule in {MAX_ITERATIONS} steps; scale the columns, or raise the penalty"
    )


def _halve_until_lower(
    objective: _Objective, theta: Vector, margin: Vector, step: Vector, gradient: Vector
) -> tuple[Vector, Vector]:
    """Take the Newton step, halved until the objective falls as its slope promises."""
    value, slope = objective.value(theta, margin), float(gradient @ step)
    rounding = 1e-13 * max(abs(value), 1.0)
    share = 1.0
    for _ in range(MAX_HALVINGS):
        moved = theta - share * step
        moved_margin = objective.x @ moved
        if objective.value(moved, moved_margin) <= value - ARMIJO * share * slope + rounding:
            return moved, moved_margin
        share /= 2
    raise NotConvergedError("no step lowers the loss any more; scale the columns, or raise the penalty")
