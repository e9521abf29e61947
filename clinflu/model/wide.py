"""The logistic fit of designs too wide for a Hessian: Newton steps by conjugate gradients, products alone."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import DesignMatrix
from clinflu.errors import FitError, NotConvergedError
from clinflu.model.base import FittedModel
from clinflu.model.checks import check_outcomes, check_start, check_values
from clinflu.model.logistic import LOGISTIC, curvature, risk, row_loss
from clinflu.model.newton import ARMIJO, GRADIENT_TOLERANCE, MAX_HALVINGS, MAX_ITERATIONS, STEP_TOLERANCE

LARGEST_EXPLICIT = 8_000  # a Hessian of so many columns takes 0.5 GB, and some seconds to factor
SAMPLED_ROWS = 1_000
SAMPLE_SEED = 0
FORCING = 1e-3  # relative residual of a Newton step: each then gains three digits
SOLVED = 1e-10
MAX_PRODUCTS = 2_000


@dataclass(frozen=True, slots=True)
class Preconditioner:
    r"""The inverse of a Hessian's diagonal and some of its rows.

    .. math:: P = D + A^\top A, \qquad A = \sqrt{n / m} \, \mathrm{diag}(s)^{1/2} X_S, \qquad
        D = \mathrm{diag}(H - A^\top A) \text{ where that is above the penalty}

    of m rows S drawn at random; by Woodbury, so that nothing of size (p, p) is made.

    Parameters
    ----------
    diagonal : (p,)
        D.
    sampled : (m, p)
        A.
    """

    diagonal: Vector
    sampled: Matrix
    inner: tuple[Matrix, bool]

    @classmethod
    def of(cls, x: DesignMatrix, bend: Vector, penalty: Vector) -> "Preconditioner":
        """Return that of X' diag(bend) X + diag(penalty)."""
        n = len(x)
        chosen = np.sort(np.random.default_rng(SAMPLE_SEED).permutation(n)[:SAMPLED_ROWS])
        sampled = x.rows(chosen) * np.sqrt(bend[chosen] * n / len(chosen))[:, None]
        whole = x.weighted_squares(bend)
        floor = penalty + 1e-3 * whole + np.finfo(float).tiny
        diagonal = np.maximum(whole + penalty - np.einsum("ij,ij->j", sampled, sampled), floor)
        inner = cho_factor(np.eye(len(chosen)) + (sampled / diagonal) @ sampled.T, lower=True)
        return cls(diagonal, sampled, inner)

    def solve(self, rest: Vector) -> Vector:
        """Return P^-1 r."""
        scaled = rest / self.diagonal
        inside = cho_solve(self.inner, self.sampled @ scaled, check_finite=False)
        solved: Vector = scaled - (self.sampled.T @ inside) / self.diagonal
        return solved


@dataclass(frozen=True, slots=True)
class Solved:
    """What conjugate gradients reached: the solution, its relative residual and the products that it took."""

    solution: Vector
    residual: float
    products: int


@dataclass(frozen=True)
class WideModel(FittedModel):
    """A fit whose Hessian is never formed; ``hessian`` is empty, ``solve`` works by conjugate gradients.

    Parameters
    ----------
    x : DesignMatrix, (n, p)
    bend : (n,)
        w_i p_i (1 - p_i) at theta.
    """

    x: DesignMatrix = field(kw_only=True, repr=False)
    bend: Vector = field(kw_only=True, repr=False)

    @cached_property
    def preconditioner(self) -> Preconditioner:
        """That of the Hessian at theta."""
        return Preconditioner.of(self.x, self.bend, self.penalty)

    @cached_property
    def cholesky(self) -> tuple[Matrix, bool]:
        """Raise: there is no factor.

        Raises
        ------
        FitError
            Always.
        """
        raise FitError(
            f"a Hessian of {len(self.theta):,} columns is not formed (at most {LARGEST_EXPLICIT:,} are); ask for one "
            "effect at a time, or fold rare codes"
        )

    def solve(self, rhs: Matrix) -> Matrix:
        """Return H^-1 times a vector (p,) or the columns of a matrix (p, k), to a relative residual of 1e-10.

        Raises
        ------
        NotConvergedError
            It was not reached.
        """
        if rhs.ndim == 1:
            return self.solved(rhs).solution
        return np.column_stack([self.solved(column).solution for column in rhs.T])

    def solved(self, rhs: Vector, tolerance: float = SOLVED) -> Solved:
        """Return :meth:`solve` of a vector with its residual, max products 2,000."""
        return conjugate_gradients(self.x, self.bend, self.penalty, self.preconditioner, rhs, tolerance)


def conjugate_gradients(
    x: DesignMatrix, bend: Vector, penalty: Vector, inverse: Preconditioner, rhs: Vector, tolerance: float
) -> Solved:
    """Solve (X' diag(bend) X + diag(penalty)) s = rhs until ||H s - rhs|| <= tolerance ||rhs||.

    Raises
    ------
    NotConvergedError
        Not within 2,000 products; the residual is named.

    References
    ----------
    Nocedal & Wright (2006), algorithm 5.3.
    """
    size = float(np.linalg.norm(rhs))
    solution, rest = np.zeros_like(rhs), rhs
    direction = better = inverse.solve(rest)
    product = float(rest @ better)
    for taken in range(MAX_PRODUCTS):
        if np.linalg.norm(rest) <= tolerance * size:
            return Solved(solution, float(np.linalg.norm(rest)) / size if size else 0.0, taken)
        bent = (bend * (x @ direction)) @ x + penalty * direction
        length = product / float(direction @ bent)
        solution, rest = solution + length * direction, rest - length * bent
        better = inverse.solve(rest)
        last, product = product, float(rest @ better)
        direction = better + (product / last) * direction
    left = float(np.linalg.norm(rest)) / size
    raise NotConvergedError(
        f"conjugate gradients left a relative residual of {left:.1e} after {MAX_PRODUCTS:,} products; raise the "
        "penalty, or fold rare codes"
    )


def fit_wide(x: DesignMatrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> WideModel:
    """Return the minimum of :func:`clinflu.model.newton.fit_logistic`, by its stopping rule and products alone.

    Parameters
    ----------
    x : DesignMatrix, (n, p)
        Products with it should be cheap: sparse, or codes.
    y, weights : (n,)
    penalty : (p,)
    start : (p,), optional
        By default zero.

    Raises
    ------
    FitError
        Its kinds name the reason.
    """
    check_values(x.largest(), x.shape, y, weights, penalty)
    check_outcomes(y, weights)
    theta = np.zeros(x.shape[1]) if start is None else np.array(start, dtype=float)
    check_start(theta, x.shape[1])
    at = _At.of(x, y, weights, penalty, theta)
    products = 1
    for iteration in range(MAX_ITERATIONS):
        inverse = Preconditioner.of(x, at.bend, penalty)
        step = conjugate_gradients(x, at.bend, penalty, inverse, at.gradient, FORCING)
        step_norm, products = float(np.abs(step.solution).max()), products + step.products
        total = max(len(x), float(weights.sum()))
        if step_norm <= STEP_TOLERANCE and np.abs(at.gradient).max() / total <= GRADIENT_TOLERANCE:
            norm = float(np.linalg.norm(at.gradient)) / len(x)
            known = (LOGISTIC.name, at.theta, penalty, np.empty((0, 0)), norm, step_norm, iteration)
            return WideModel(*known, passes=products, x=x, bend=at.bend)
        at, tried = _lower(at, step.solution, x, y, weights, penalty)
        products += tried
    raise NotConvergedError(
        f"the fit did not reach its stopping rule in {MAX_ITERATIONS} steps; raise the penalty, or fold rare codes"
    )


@dataclass(frozen=True, slots=True)
class _At:
    """The objective at theta."""

    theta: Vector
    value: float
    gradient: Vector
    bend: Vector

    @classmethod
    def of(cls, x: DesignMatrix, y: Vector, weights: Vector, penalty: Vector, theta: Vector) -> "_At":
        margin = x @ theta
        p = risk(margin)
        value = float(weights @ row_loss(margin, y) + 0.5 * penalty @ theta**2)
        return cls(theta, value, (weights * (p - y)) @ x + penalty * theta, weights * curvature(p))


def _lower(at: _At, step: Vector, x: DesignMatrix, y: Vector, weights: Vector, penalty: Vector) -> tuple[_At, int]:
    """Take the step, halved until the objective falls as its slope promises; and say in how many products."""
    slope, rounding = float(at.gradient @ step), 1e-13 * max(abs(at.value), 1.0)
    for halvings in range(MAX_HALVINGS):
        share = 0.5**halvings
        moved = _At.of(x, y, weights, penalty, at.theta - share * step)
        if moved.value <= at.value - ARMIJO * share * slope + rounding:
            return moved, halvings + 1
    raise NotConvergedError("no step lowers the loss any more; raise the penalty")
