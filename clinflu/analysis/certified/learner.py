"""The learner behind the defence: the lowest mean loss among coefficients of bounded norm."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq

from clinflu.analysis.certified.losses import MarginLoss
from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, NotConvergedError
from clinflu.model.margin import MarginFamily

GAP = 1e-6
BLUR_SHARE = 0.1
MAX_STEPS = 200
MAX_HALVINGS = 40
ARMIJO = 1e-4
FLATTEST = 1e-12


@dataclass(frozen=True)
class WeightedRows:
    """Rows with a weight each, column 0 the constant of the intercept.

    Parameters
    ----------
    x : (n, 1 + d)
    y : (n,)
        0 or 1.
    weights : (n,)
        Whatever the mean loss multiplies each row by, for instance 1 / n.
    """

    x: Matrix
    y: Vector
    weights: Vector

    def __post_init__(self) -> None:
        if self.y.shape != (len(self.x),) or self.weights.shape != (len(self.x),):
            raise FitError(f"shapes do not match: x {self.x.shape}, y {self.y.shape}, weights {self.weights.shape}")

    def signed_margins(self, theta: Vector) -> Vector:
        """Return (2 y - 1) x' theta of each row."""
        margins: Vector = (2.0 * self.y - 1.0) * (self.x @ theta)
        return margins

    def loss(self, theta: Vector, loss: MarginLoss) -> float:
        """Return the weighted loss."""
        return float(self.weights @ loss.value(self.signed_margins(theta)))

    def subgradient(self, theta: Vector, loss: MarginLoss) -> Vector:
        """Return a subgradient of the weighted loss, (1 + d,)."""
        slopes = self.weights * (2.0 * self.y - 1.0) * loss.slope(self.signed_margins(theta))
        gradient: Vector = slopes @ self.x
        return gradient

    def and_also(self, x: Matrix, y: Vector, weights: Vector) -> "WeightedRows":
        """Return these rows and others after them."""
        return WeightedRows(np.vstack([self.x, x]), np.append(self.y, y), np.append(self.weights, weights))


@dataclass(frozen=True)
class BallFit:
    """Coefficients of norm at most rho, close to the lowest weighted loss.

    Parameters
    ----------
    theta : (1 + d,)
    objective : float
        The weighted loss there.
    gap : float
        The lowest weighted loss in the ball is at most this much lower.
    """

    theta: Vector
    objective: float
    gap: float


def fit_in_ball(rows: WeightedRows, loss: MarginLoss, radius: float, start: Vector | None = None) -> BallFit:
    r"""Return the minimum of the weighted loss over :math:`\|\theta\|_2 \le \rho`, the intercept included.

    Newton's method: each step minimises the quadratic model over the ball, with halving. It stops when the value is
    within 1e-6, or a tenth of what smoothing its corners costs, of the linear lower bound
    :math:`f(\theta) - g^\top \theta - \rho \|g\|` of a convex function.

    Parameters
    ----------
    rows : WeightedRows
    loss : MarginLoss
    radius : float
        rho, above 0.
    start : (1 + d,), optional
        In the ball; by default zero.

    Raises
    ------
    FitError
        The ball has no inside, or the stopping rule was not reached.
    """
    if not radius > 0.0:
        raise FitError(f"the ball of coefficients needs a radius above 0, not {radius}")
    theta = np.zeros(rows.x.shape[1]) if start is None else start
    gap = np.inf
    for family in loss.path():
        theta, gap = _descend(family, loss, rows, radius, theta)
    return BallFit(theta, rows.loss(theta, loss), gap + loss.blur * float(rows.weights.sum()))


def _descend(
    family: MarginFamily, loss: MarginLoss, rows: WeightedRows, radius: float, theta: Vector
) -> tuple[Vector, float]:
    allowed = max(GAP, BLUR_SHARE * loss.blur)
    margins = rows.x @ theta
    for _ in range(MAX_STEPS):
        gradient = family.gradient(theta, rows.x, rows.y, rows.weights)
        gap = float(gradient @ theta) + radius * float(np.linalg.norm(gradient))
        if gap <= allowed:
            return theta, gap
        bending = loss.bending(family, (2.0 * rows.y - 1.0) * margins)
        hessian = family.hessian(theta, rows.x[bending], rows.y[bending], rows.weights[bending])
        step = _lowest_of_model(hessian, hessian @ theta - gradient, radius) - theta
        share = _lowering(family, rows, margins, rows.x @ step, float(gradient @ step))
        theta = theta + share * step
        margins = rows.x @ theta
    raise NotConvergedError(f"no minimum in the ball within {MAX_STEPS} steps; scale the columns, or lower the radius")


def _lowest_of_model(hessian: Matrix, linear: Vector, radius: float) -> Vector:
    """Return the minimum of u' H u / 2 - c' u over the ball."""
    curvatures, directions = eigh(hessian)
    parts = directions.T @ linear
    curvatures = np.maximum(curvatures, FLATTEST * max(float(curvatures[-1]), FLATTEST))

    def excess(shift: float) -> float:
        return float(np.linalg.norm(parts / (curvatures + shift))) - radius

    if excess(0.0) > 0.0:
        most = float(np.linalg.norm(parts)) / radius
        shift = brentq(excess, 0.0, most, xtol=1e-15, rtol=1e-12, maxiter=500)
    else:
        shift = 0.0
    found: Vector = directions @ (parts / (curvatures + shift))
    return found * min(1.0, radius / max(float(np.linalg.norm(found)), FLATTEST))


def _lowering(family: MarginFamily, rows: WeightedRows, margins: Vector, along: Vector, slope: float) -> float:
    """Return the share of a step that lowers the loss as its slope promises; along it, margins change in proportion."""
    value = _value(family, rows, margins)
    rounding = 1e-14 * max(abs(value), 1.0)
    for share in 0.5 ** np.arange(MAX_HALVINGS):
        if _value(family, rows, margins + share * along) <= value + ARMIJO * share * slope + rounding:
            return float(share)
    raise NotConvergedError("no step lowers the loss any more; scale the columns, or lower the radius of the ball")


def _value(family: MarginFamily, rows: WeightedRows, margins: Vector) -> float:
    """Return the weighted loss at margins, which are the loss's only way to know theta."""
    return float(rows.weights @ family.row_loss(margins, rows.y))
