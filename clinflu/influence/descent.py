"""How a refit gets to its optimum: quasi-Newton steps from the fit that is there, in as few passes over X as can be."""

from contextlib import suppress
from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import DesignMatrix
from clinflu.influence.change import Change, Difference, hessian_after
from clinflu.influence.training import TrainingRows
from clinflu.model.cholesky import factor
from clinflu.model.logistic import curvature, risk, weighted_gram
from clinflu.model.newton import STEP_TOLERANCE, has_arrived

PASS_ROWS = 4096
LOW_RANK_SHARE = 0.25
LOST_IN_ROUNDING = 1e-10
ROUNDING = 1e-13
STEPS_WORTH_A_HESSIAN = 14
MAX_HESSIANS = 15
LARGEST_GROWTH = 4.0
SMALLEST_TAUGHT_STEP = 1e-8
FAR = 5.0  # log-odds


class Descent:
    """One refit on its way.

    The first steps use the Hessian of the fit with the changed rows' part exchanged; each step then teaches the next
    by a BFGS update (Nocedal & Wright 2006, algorithm 7.4), and where that would still need many steps a new
    Hessian is made at the point reached.

    Parameters
    ----------
    train : TrainingRows
    change : Change
    """

    def __init__(self, train: TrainingRows, change: Change) -> None:
        self._train = train
        self._change = change
        self._difference = Difference.of(train, change)
        self._pairs: list[tuple[Vector, Vector, float]] = []
        self._last: tuple[Vector, Vector] | None = None
        self._total = float(train.weights.sum() + self._difference.weights.sum())
        self.theta = train.model.theta
        self.step_norm = np.inf
        self.gradient_norm = np.inf
        self.steps = 0
        self.hessians = 0

    @cached_property
    def _inverse(self) -> "_Exchanged | _Inverted":
        return _inverse_at_start(self._train, self._change, self._difference)

    def start_gradient(self) -> Vector:
        """Return the gradient at the fit; only the difference enters, the fit being an optimum."""
        return self._gradient_of_difference()

    def gradient(self, of_all: Vector) -> Vector:
        """Return the gradient at theta, given the fitted objective's own."""
        return of_all + self._gradient_of_difference()

    def advance(self, gradient: Vector) -> bool | None:
        """Take a step; return whether theta was the optimum already, None where no step leads on.

        Raises
        ------
        SingularHessianError
            The changed rows do not determine every coefficient.
        """
        self._learn(gradient)
        step = self._direction(gradient)
        size = float(np.abs(step).max())
        stalled = size > 0.5 * self.step_norm
        if has_arrived(size, gradient, self._train.x, self._total, stalled=stalled):
            if self._may_have_run_away():
                return None
            self.step_norm, self.gradient_norm = size, float(np.linalg.norm(gradient)) / len(self._train.x)
            return True
        if not size < LARGEST_GROWTH * self.step_norm or self.hessians >= MAX_HESSIANS:
            return None
        if self._is_slow(size):
            self._refresh()
            step = self._direction(gradient)
        self._last = (step, gradient)
        self.step_norm = size
        self.theta = self.theta - step
        self.steps += 1
        return False

    def _gradient_of_difference(self) -> Vector:
        different = self._difference
        gradient: Vector = (different.weights * risk(different.x @ self.theta) - different.events) @ different.x
        return gradient

    def _learn(self, gradient: Vector) -> None:
        """Keep what the last step taught about the curvature along it."""
        if self._last is None or self.step_norm < SMALLEST_TAUGHT_STEP:
            return  # the difference of two nearly equal gradients is rounding
        step, before = self._last
        bent = before - gradient
        product = float(step @ bent)
        if product > 0:
            self._pairs.append((step, bent, 1.0 / product))

    def _direction(self, gradient: Vector) -> Vector:
        """Return the BFGS approximation of H^-1 g by the two-loop recursion."""
        rest, shares = gradient, []
        for step, bent, scale in reversed(self._pairs):
            share = scale * float(step @ rest)
            rest = rest - share * bent
            shares.append(share)
        direction = self._inverse.solve(rest)
        for (step, bent, scale), share in zip(self._pairs, reversed(shares), strict=True):
            direction = direction + (share - scale * float(bent @ direction)) * step
        return direction

    def _may_have_run_away(self) -> bool:
        """Whether this may be no optimum but a place without slope, far out where no penalty holds a coefficient.

        Where rows are separated the gradient vanishes with the curvature, and a step by a Hessian of elsewhere too.
        """
        if np.count_nonzero(self._train.model.penalty) >= len(self.theta) - 1:
            return False
        moved = self.theta - self._train.model.theta
        return bool(max(np.abs(x @ moved).max(initial=0.0) for x in (self._train.x, self._difference.x)) > FAR)

    def _is_slow(self, size: float) -> bool:
        """Whether steps shrinking at this rate would cost more than a new Hessian."""
        if not np.isfinite(self.step_norm):
            return False
        rate = size / self.step_norm
        return bool(rate >= 1 or np.log(STEP_TOLERANCE / size) / np.log(rate) > STEPS_WORTH_A_HESSIAN)

    def _refresh(self) -> None:
        self._inverse = _Inverted(hessian_after(self._train, self._change, self.theta))
        self._pairs.clear()
        self.hessians += 1


class _Inverted:
    """H^-1 of a Hessian that is positive definite; by numpy alone, see :class:`_Exchanged`."""

    def __init__(self, hessian: Matrix) -> None:
        if not _is_definite(hessian):
            factor(hessian)  # says which columns are to blame
        self._inverse = np.linalg.inv(hessian)

    def solve(self, rhs: Vector) -> Vector:
        solution: Vector = self._inverse @ rhs
        return solution


class _Exchanged:
    r"""(H + s B B')^-1 by H^-1 and Woodbury, with s = 1 or -1.

    .. math:: H^{-1} - s V (I + s B^\top V)^{-1} V^\top, \quad V = H^{-1} B

    By numpy alone: scipy brings a BLAS of its own, and where both have threads, those of the one that rests spin on the
    cores that the other needs; a step then takes five times as long.
    """

    def __init__(self, inverse: Matrix, columns: Matrix, sign: float) -> None:
        self._inverse = inverse
        self._sign = sign
        self._spread = inverse @ columns
        inner = np.eye(columns.shape[1]) + sign * (columns.T @ self._spread)
        if not _is_definite(inner, LOST_IN_ROUNDING):
            raise LinAlgError("nothing but these rows determines some combination of columns")
        self._share = np.linalg.solve(inner, self._spread.T)

    def solve(self, rhs: Vector) -> Vector:
        solution: Vector = self._inverse @ rhs - self._sign * (self._spread @ (self._share @ rhs))
        return solution


def _is_definite(matrix: Matrix, least: float = 0.0) -> bool:
    """Whether a symmetric matrix has a Cholesky factor, none of whose squared pivots is next to nothing."""
    try:
        pivots = np.square(np.diagonal(np.linalg.cholesky(matrix)))
    except LinAlgError:
        return False
    return bool(np.all(pivots > np.maximum(least, ROUNDING * np.diagonal(matrix))))


def pass_over(train: TrainingRows, thetas: Matrix) -> Matrix:
    """Return the gradients of the fitted objective at several theta (p, k), reading X once: (p, k)."""
    gradients = train.model.penalty[:, None] * thetas
    if isinstance(train.x, DesignMatrix):
        return gradients + _of_held(train.x, train, thetas)
    for start in range(0, len(train.x), PASS_ROWS):
        block = slice(start, start + PASS_ROWS)
        gradients += _gradients(train.x[block], train.y[block], train.weights[block], thetas)[0]
    return gradients


def _of_held(x: DesignMatrix, train: TrainingRows, thetas: Matrix) -> Matrix:
    if x.in_blocks and thetas.shape[1] > x.few_vectors:
        return x.sums(_gradients, train.y, train.weights, fixed=(thetas,))[0]
    return x.rmatvec(_residuals(x @ thetas, train.y, train.weights))


def _residuals(margins: Matrix, y: Vector, weights: Vector) -> Matrix:
    residuals: Matrix = weights[:, None] * (risk(margins) - y[:, None])
    return residuals


def _gradients(x: Matrix, y: Vector, weights: Vector, thetas: Matrix) -> tuple[Matrix]:
    residual = risk(x @ thetas)
    residual -= y[:, None]
    residual *= weights[:, None]
    return (x.T @ residual,)


def _inverse_at_start(train: TrainingRows, change: Change, difference: Difference) -> "_Exchanged | _Inverted":
    """Return the inverse of the changed Hessian at the fit."""
    bends = difference.weights != 0
    x, weights = difference.x[bends], difference.weights[bends]
    bent = weights * curvature(risk(x @ train.model.theta))
    if len(bent) <= LOW_RANK_SHARE * x.shape[1] and (np.all(bent > 0) or np.all(bent < 0)):
        with suppress(LinAlgError):  # then the rows determine a coefficient, and the whole Hessian names it
            return _Exchanged(train.model.inverse, (x * np.sqrt(np.abs(bent))[:, None]).T, np.sign(bent.sum()))
    if len(bent) <= len(train.x) // 2:
        gained, lost = bent > 0, bent < 0
        hessian = train.model.hessian + weighted_gram(x[gained], bent[gained]) - weighted_gram(x[lost], -bent[lost])
        if np.all(np.diagonal(hessian) > LOST_IN_ROUNDING * np.diagonal(train.model.hessian)):
            return _Inverted(hessian)
    return _Inverted(hessian_after(train, change, train.model.theta))
