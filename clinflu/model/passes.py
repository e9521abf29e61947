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
from clinflu.model.newton import ARMIJO, GRADIENT_TOLERANCE, MAX_HALVINGS, MAX_ITERATIONS, STEP_TOLERANCE
from clinflu.model.wide import LARGEST_EXPLICIT, fit_wide
from clinflu.progress import Progress, silent

ROWS_OF_A_COLUMN = 500.0
FEWEST_SAMPLED = 20_000
SAMPLE_SEED = 0
ROUGH_STEP = 1e-2  # a sample's optimum is farther than this from that of all rows


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

    Above 8,000 columns :func:`clinflu.model.wide.fit_wide` takes over, which never forms a Hessian.

    Parameters
    ----------
    x : DesignMatrix, (n, p)
    y, weights : (n,)
    penalty : (p,)
    start : (p,), optional
        By default nearly the optimum on some rows, drawn so that none of the levels is rare among them.
    progress : Progress
        Of the passes, as far as they can be foreseen.

    Raises
    ------
    FitError
        Its kinds name the reason, as for ``fit_logistic``; separation shows as steps that do not converge.
    """
    if x.shape[1] > LARGEST_EXPLICIT:
        return fit_wide(x, y, weights, penalty, start)
    check_values(x.largest(), x.shape, y, weights, penalty)
    check_outcomes(y, weights)
    rows = _Rows(x, y, weights, penalty)
    if start is None:
        start = _on_a_sample(rows)
    check_start(start, x.shape[1])
    return _descend(rows, np.array(start, dtype=float), progress)


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


def _on_a_sample(rows: _Rows) -> Vector:
    """Return nearly the optimum of all rows, from some of them; zero where these have none, or there are few."""
    n, columns = rows.x.shape
    share = _share_drawn(rows.x)
    drawn = np.flatnonzero(np.random.default_rng(SAMPLE_SEED).random(n) < share)
    if n < FEWEST_SAMPLED or len(drawn) > n // 2:
        return np.zeros(columns)
    some = _Rows(rows.x.in_memory(drawn), rows.y[drawn], rows.weights[drawn] / share[drawn], rows.penalty)
    with suppress(FitError):
        check_outcomes(some.y, some.weights)
        return _descend(some, np.zeros(columns), silent, ROUGH_STEP).theta
    return np.zeros(columns)


def _share_drawn(x: DesignMatrix) -> Vector:
    """Return the chance of each row to be drawn, (n,): the larger, the rarer its levels.

    So that each level stands in the sample about 500 times, or as often as there is; drawn rows weigh as many more,
    and the sample's objective is that of all rows in expectation, with the same penalty.
    """
    n = len(x)
    counts, squares = np.ones(n) @ x, x.squares()
    per_row = np.divide(ROWS_OF_A_COLUMN, counts, out=np.zeros(x.shape[1]), where=(counts == squares) & (counts > 0))
    share: Vector = (x @ per_row).clip(min(1.0, FEWEST_SAMPLED / n), 1.0)
    return share


def _descend(rows: _Rows, theta: Vector, progress: Progress, rough: float = 0.0) -> FittedModel:
    at, passes, last_step = rows.terms(theta), 1, np.inf
    for iteration in range(MAX_ITERATIONS):
        step: Vector = cho_solve(factor(at.hessian), at.gradient, check_finite=False)
        step_norm = float(np.abs(step).max())
        if step_norm <= rough or rows.has_arrived(step_norm, at.gradient, stalled=step_norm > 0.5 * last_step):
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
