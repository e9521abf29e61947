"""The logistic fit where a pass over the rows is what costs: from an optimum on a sample, then whole Newton steps.

Each pass gives loss, gradient and Hessian together, so that the number of passes is the number of steps and one.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import DesignMatrix
from clinflu.data.matrix.passes import Parts
from clinflu.errors import FitError, NotConvergedError
from clinflu.model.base import FittedModel
from clinflu.model.checks import check_outcomes, check_start, check_values
from clinflu.model.cholesky import factor
from clinflu.model.logistic import LOGISTIC, curvature, risk, row_loss
from clinflu.model.newton import ARMIJO, GRADIENT_TOLERANCE, MAX_HALVINGS, MAX_ITERATIONS, STEP_TOLERANCE, fit_logistic
from clinflu.progress import Progress, silent

SAMPLE_ROWS = 50_000
SAMPLE_SEED = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What one pass gives at theta: the objective, its gradient and its Hessian."""

    theta: Vector
    value: float
    gradient: Vector
    hessian: Matrix


def fit_in_passes(
    x: DesignMatrix,
    y: Vector,
    weights: Vector,
    penalty: Vector,
    start: Vector | None = None,
    progress: Progress = silent,
) -> FittedModel:
    """Return the same minimum as :func:`clinflu.model.newton.fit_logistic`, by its stopping rule, in few passes.

    Parameters
    ----------
    x : DesignMatrix, (n, p)
    y, weights : (n,)
    penalty : (p,)
    start : (p,), optional
        By default the optimum on 50,000 rows drawn at random, of a penalty as much weaker.
    progress : Progress
        Of the passes, as far as they can be foreseen.

    Raises
    ------
    FitError
        Its kinds name the reason, as for ``fit_logistic``; separation shows as steps that do not converge.
    """
    check_values(x.largest(), x.shape, y, weights, penalty)
    check_outcomes(y, weights)
    if start is None:
        start = _on_a_sample(x, y, weights, penalty)
    check_start(start, x.shape[1])
    return _descend(_Rows(x, y, weights, penalty), np.array(start, dtype=float), progress)


def holding_note(x: DesignMatrix, model: FittedModel) -> str:
    """Return what holds a design matrix, and in how many passes the model was fitted to its training rows."""
    return f"Design matrix held by the {x.provenance}; fitted in {model.passes} passes over the training rows."


@dataclass(frozen=True, slots=True)
class _Rows:
    x: DesignMatrix
    y: Vector
    weights: Vector
    penalty: Vector

    def terms(self, theta: Vector) -> Terms:
        """Pass over the rows once."""
        value, gradient, hessian = self._of_loss(theta)
        hessian[np.diag_indices_from(hessian)] += self.penalty
        whole = float(value[0] + 0.5 * self.penalty @ theta**2)
        return Terms(theta, whole, gradient + self.penalty * theta, hessian)

    def _of_loss(self, theta: Vector) -> Parts:
        if self.x.in_blocks:
            return self.x.sums(newton_terms, self.y, self.weights, fixed=(theta,))
        margin = self.x @ theta
        p = risk(margin)
        value = np.atleast_1d(self.weights @ row_loss(margin, self.y))
        return value, (self.weights * (p - self.y)) @ self.x, self.x.sandwich(self.weights * curvature(p))

    def has_arrived(self, step_norm: float, gradient: Vector, *, stalled: bool) -> bool:
        """As :func:`clinflu.model.newton.has_arrived`."""
        if step_norm > STEP_TOLERANCE:
            return False
        left = np.abs(gradient) / max(len(self.x), float(self.weights.sum()))
        if stalled and left.max() > GRADIENT_TOLERANCE:
            left /= np.sqrt(self.x.squares() / len(self.x)).clip(min=1.0)
        return bool(left.max() <= GRADIENT_TOLERANCE)


def newton_terms(x: Matrix, y: Vector, weights: Vector, theta: Vector) -> Parts:
    """Return the loss (1,), its gradient (p,) and its Hessian (p, p) over a block of rows."""
    margin = x @ theta
    p = risk(margin)
    rooted = x * np.sqrt(weights * curvature(p))[:, None]
    return np.atleast_1d(weights @ row_loss(margin, y)), (weights * (p - y)) @ x, rooted.T @ rooted


def _on_a_sample(x: DesignMatrix, y: Vector, weights: Vector, penalty: Vector) -> Vector:
    """Return the optimum on some of the rows, or zero where these have none."""
    chosen = np.sort(np.random.default_rng(SAMPLE_SEED).permutation(len(x))[:SAMPLE_ROWS])
    share = len(chosen) / len(x)
    some = y[chosen], weights[chosen], penalty * share
    with suppress(FitError):
        if x.in_blocks:
            return fit_logistic(x.rows(chosen), *some).theta
        check_outcomes(*some[:2])
        return _descend(_Rows(x.take(chosen), *some), np.zeros(x.shape[1]), silent).theta
    return np.zeros(x.shape[1])


def _descend(rows: _Rows, theta: Vector, progress: Progress) -> FittedModel:
    at, passes, last_step = rows.terms(theta), 1, np.inf
    for iteration in range(MAX_ITERATIONS):
        step: Vector = cho_solve(factor(at.hessian), at.gradient, check_finite=False)
        step_norm = float(np.abs(step).max())
        if rows.has_arrived(step_norm, at.gradient, stalled=step_norm > 0.5 * last_step):
            progress(passes, passes)
            norm = float(np.linalg.norm(at.gradient)) / len(rows.x)
            found = at.theta, rows.penalty, at.hessian, norm, step_norm, iteration
            return FittedModel(LOGISTIC.name, *found, passes=passes)
        progress(passes, passes + _steps_left(step_norm))
        last_step = step_norm
        at, tried = _lower(rows, at, step)
        passes += tried
    raise NotConvergedError(
        f"the fit did not reach its stopping rule in {MAX_ITERATIONS} steps; raise the penalty, and look for columns "
        "that tell the outcome"
    )


def _steps_left(step_norm: float) -> int:
    """Return how many steps are to be expected, each squaring the last."""
    return max(1, int(np.ceil(np.log2(np.log(STEP_TOLERANCE) / np.log(min(step_norm, 0.5))))))


def _lower(rows: _Rows, at: Terms, step: Vector) -> tuple[Terms, int]:
    """Take the Newton step, halved until the objective falls as its slope promises; and say in how many passes."""
    slope, rounding = float(at.gradient @ step), 1e-13 * max(abs(at.value), 1.0)
    for halvings in range(MAX_HALVINGS):
        share = 0.5**halvings
        moved = rows.terms(at.theta - share * step)
        if moved.value <= at.value - ARMIJO * share * slope + rounding:
            return moved, halvings + 1
    raise NotConvergedError("no step lowers the loss any more; raise the penalty")
