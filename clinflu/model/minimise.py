"""The fit of any family: Newton's method on its loss and penalty, in float64."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.linalg import cho_solve, eigvalsh
from scipy.optimize import minimize as quasi_newton
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, NonFiniteError, NotConvergedError, SingularHessianError
from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.checks import check_fit_input, check_start
from clinflu.model.cholesky import factor
from clinflu.model.newton import ARMIJO, MAX_HALVINGS, MAX_ITERATIONS, has_arrived

LARGEST_EXPLICIT = 8_000  # a Hessian of so many columns takes 0.5 GB
LARGEST_DECOMPOSED = 2_000
LANCZOS_RESTARTS = 100
FIRST_SHIFT = 1e-8
INDEFINITE = 1e-8
DAMPED_TO = 1e-3
QUASI_NEWTON_STEPS = 2_000


@dataclass(frozen=True)
class StationaryPoint(FittedModel):
    """Where the gradient of an objective that is not convex vanishes: perhaps one minimum of several, perhaps a saddle.

    ``solve`` and ``inverse`` are those of the damped Hessian, H + damping I.

    Parameters
    ----------
    smallest_eigenvalue : float
        Of H.
    damping : float
        0 where H is positive definite; else what lifts the smallest eigenvalue to 1e-3 of the largest.
    """

    smallest_eigenvalue: float
    damping: float

    @cached_property
    def cholesky(self) -> tuple[Matrix, bool]:
        """Cholesky factor of the damped Hessian."""
        return factor(self.hessian + self.damping * np.eye(len(self.theta)))

    def moved(self, theta: Vector, hessian: Matrix, gradient_norm: float, step_norm: float, iterations: int) -> Self:
        """Return the model at another stationary point, with its own damping."""
        plain = super().moved(theta, hessian, gradient_norm, step_norm, iterations)
        smallest, damping = damping_of(hessian)
        return replace(plain, smallest_eigenvalue=smallest, damping=damping)

    @property
    def words(self) -> str:
        """What kind of point this is, in a sentence."""
        if self.damping == 0:
            return f"a local minimum, perhaps not the lowest: smallest eigenvalue {self.smallest_eigenvalue:.3g}"
        return f"a saddle, or flat: smallest eigenvalue {self.smallest_eigenvalue:.3g}, damped by {self.damping:.3g}"


def minimise(
    family: ModelFamily, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None
) -> FittedModel:
    r"""Return the minimum of :math:`\sum_i w_i l_i(\theta) + \tfrac12 \theta^\top \Lambda \theta` of a convex family.

    Newton steps with halving until ``max |H^-1 g| <= 1e-10`` and ``max |g| / n <= 1e-12``.

    Parameters
    ----------
    family : ModelFamily
        Convex, or started near the minimum that is meant; for others :func:`stationary_point`.
    x : (n, p)
        Column 0 the intercept if there is one; columns in units near 1.
    y, weights : (n,)
        Classes, 0 to K - 1, and weights.
    penalty : (d,)
        On the summed loss, for each of the d entries of theta.
    start : (d,), optional
        By default zero.

    Raises
    ------
    FitError
        Its kinds name the reason, as for :func:`clinflu.model.newton.fit_logistic`.
    """
    objective = _Objective(family, x, y, weights, penalty)
    objective.check()
    theta = np.zeros(len(penalty)) if start is None else start
    check_start(theta, len(penalty))
    model = _descend(objective, theta)
    factor(model.hessian)  # a Hessian that was shifted all the way is singular, and has no influence function
    return model


def minimise_along(path: Iterable[ModelFamily], x: Matrix, y: Vector, weights: Vector, penalty: Vector) -> FittedModel:
    """Minimise each family from the optimum of the one before, and return the last.

    For a loss too sharp to start at zero: ``SmoothHinge(0.001).path()`` cools from 1 to 0.001.

    Parameters
    ----------
    path : families, the easiest first
    x, y, weights, penalty
        As in :func:`minimise`.

    Raises
    ------
    FitError
    """
    model = None
    for family in path:
        model = minimise(family, x, y, weights, penalty, None if model is None else model.theta)
    if model is None:
        raise FitError("no family to fit; the path needs at least one")
    return model


def minimise_again(family: ModelFamily, x: Matrix, y: Vector, weights: Vector, fit: FittedModel) -> FittedModel:
    """Return the fit to nearly the same rows, from where a fit stands.

    Where no Newton steps lead on from there, a convex family is fitted from cold, along its ``path`` where it has one;
    of another the point is looked for that is next to where the fit stands, never one far from it.

    Parameters
    ----------
    family, x, y, weights
        As in :func:`minimise`.
    fit : FittedModel
        Its penalty stays.

    Raises
    ------
    FitError
    """
    rows = x, y, weights, fit.penalty
    with suppress(NotConvergedError, SingularHessianError):
        return minimise(family, *rows, fit.theta)
    if isinstance(fit, StationaryPoint):
        return stationary_point(family, *rows, fit.theta)
    return minimise_along(path_of(family), *rows)


def path_of(family: ModelFamily) -> tuple[ModelFamily, ...]:
    """Return the families to fit one after the other to reach one from cold: its ``path``, or itself alone."""
    return family.path() if hasattr(family, "path") else (family,)


def stationary_point(
    family: ModelFamily, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector
) -> StationaryPoint:
    """Return where L-BFGS from a start leads, polished by Newton steps to the same gradient as :func:`minimise`.

    Parameters
    ----------
    family : ModelFamily
        May be non-convex.
    x, y, weights, penalty
        As in :func:`minimise`.
    start : (d,)
        Seeded, for instance ``Mlp(4).start(p, seed=0)``: another start may lead to another point.

    Raises
    ------
    FitError
    """
    objective = _Objective(family, x, y, weights, penalty)
    objective.check()
    check_start(start, len(penalty))
    near = quasi_newton(
        lambda theta: (objective.value(theta), objective.gradient(theta)),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": QUASI_NEWTON_STEPS, "gtol": 1e-4, "ftol": 1e-12},
    )
    return at_stationary_point(_descend(objective, near.x))


def at_stationary_point(fit: FittedModel) -> StationaryPoint:
    """Return a fit as what it is where the objective may have several: with its smallest eigenvalue and its damping."""
    known = {one.name: getattr(fit, one.name) for one in fields(FittedModel)}
    smallest, damping = damping_of(fit.hessian)
    return StationaryPoint(**known, smallest_eigenvalue=smallest, damping=damping)


def damping_of(hessian: Matrix) -> tuple[float, float]:
    """Return the smallest eigenvalue of a Hessian, and what lifts it to 1e-3 of the largest where it is not above 0."""
    smallest, largest = _extreme_eigenvalues(hessian)
    return smallest, 0.0 if smallest > INDEFINITE * largest else DAMPED_TO * largest - smallest


@dataclass(frozen=True, slots=True)
class _Objective:
    family: ModelFamily
    x: Matrix
    y: Vector
    weights: Vector
    penalty: Vector

    def check(self) -> None:
        """Raise the error that names what is wrong, if anything is."""
        if self.y.shape != (len(self.x),) or self.weights.shape != (len(self.x),):
            raise FitError(f"shapes do not match: x {self.x.shape}, y {self.y.shape}, weights {self.weights.shape}")
        if not (np.isfinite(self.y).all() and np.isfinite(self.penalty).all()):
            raise NonFiniteError("the outcome or the penalty holds missing (NaN) or infinite values")
        if self.penalty.min() < 0:
            raise FitError("penalties cannot be negative")
        if len(self.penalty) > LARGEST_EXPLICIT:
            raise FitError(f"{len(self.penalty):,} parameters are more than {LARGEST_EXPLICIT:,}; fold or drop columns")
        classes = getattr(self.family, "classes", 2)
        if not np.isin(self.y, np.arange(classes)).all():
            raise FitError(f"the outcome must be one of 0 to {classes - 1} in every row")
        lowest = self.y[self.weights > 0].min(initial=classes)
        check_fit_input(self.x, (self.y > lowest).astype(float), self.weights, np.zeros(self.x.shape[1]))

    def value(self, theta: Vector) -> float:
        losses = self.family.losses(theta, self.x, self.y)
        return float(self.weights @ losses + 0.5 * self.penalty @ theta**2)

    def gradient(self, theta: Vector) -> Vector:
        return self.family.gradient(theta, self.x, self.y, self.weights) + self.penalty * theta

    def hessian(self, theta: Vector) -> Matrix:
        return self.family.hessian(theta, self.x, self.y, self.weights) + np.diag(self.penalty)


def _descend(objective: _Objective, theta: Vector) -> FittedModel:
    total = float(objective.weights.sum())
    for iteration in range(MAX_ITERATIONS):
        gradient, hessian = objective.gradient(theta), objective.hessian(theta)
        step: Vector = cho_solve(_definite(hessian), gradient, check_finite=False)
        step_norm = float(np.abs(step).max())
        if has_arrived(step_norm, gradient, objective.x, total, stalled=False):
            gradient_norm = float(np.linalg.norm(gradient)) / len(objective.x)
            return FittedModel(
                objective.family.name, theta, objective.penalty, hessian, gradient_norm, step_norm, iteration
            )
        theta = _halve_until_lower(objective, theta, step, float(gradient @ step))
    raise NotConvergedError(
        f"the fit did not reach its stopping rule in {MAX_ITERATIONS} steps; scale the columns, or raise the penalty"
    )


def _definite(hessian: Matrix) -> tuple[Matrix, bool]:
    """Return the Cholesky factor of H + shift I, by the first of rising shifts that makes it positive definite."""
    size = max(float(np.abs(hessian).max()), np.finfo(float).tiny)
    for shift in (0.0, *(size * FIRST_SHIFT * 10.0 ** np.arange(12))):
        shifted = hessian + shift * np.eye(len(hessian))
        if np.diagonal(shifted).min() > 0:
            with suppress(SingularHessianError):
                return factor(shifted)
    raise NotConvergedError("the curvature of the loss is not finite; scale the columns, or raise the penalty")


def _halve_until_lower(objective: _Objective, theta: Vector, step: Vector, slope: float) -> Vector:
    """Take the Newton step, halved until the objective falls as its slope promises."""
    value = objective.value(theta)
    rounding = 1e-13 * max(abs(value), 1.0)
    for share in 0.5 ** np.arange(MAX_HALVINGS):
        moved: Vector = theta - share * step
        if objective.value(moved) <= value - ARMIJO * share * slope + rounding:
            return moved
    raise NotConvergedError("no step lowers the loss any more; scale the columns, or raise the penalty")


def _extreme_eigenvalues(hessian: Matrix) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue: by Lanczos where H is so large that all would take minutes.

    Lanczos stops short where the smallest lie close together, as those of units that died or do the same; then all
    are computed after all.
    """
    if len(hessian) > LARGEST_DECOMPOSED:
        with suppress(ArpackNoConvergence):
            return _end_by_lanczos(hessian, "SA"), _end_by_lanczos(hessian, "LA")
    values = eigvalsh(hessian, check_finite=False)
    return float(values[0]), float(values[-1])


def _end_by_lanczos(hessian: Matrix, end: str) -> float:
    begin = np.random.default_rng(0).normal(size=len(hessian))
    (value,) = eigsh(hessian, k=1, which=end, v0=begin, maxiter=LANCZOS_RESTARTS, return_eigenvectors=False)
    return float(value)
