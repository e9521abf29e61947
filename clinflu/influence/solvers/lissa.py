"""H s = v by a stochastic recursion over small batches of rows (LiSSA), refined on what it leaves."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from clinflu.data.arrays import Rows, Vector
from clinflu.influence.solvers.oracle import HessianOracle
from clinflu.influence.solvers.solution import Solution, verdict

SCALE_BATCHES, POWER_STEPS, SCALE_MARGIN = 8, 12, 1.2
FIRST_WINDOW = 32
STILL = 0.1
ROUND_ERROR = 0.1
PROGRESS = 0.95
MIN_REPEATS = 2
DAMPING_SHARE = 1e-4
RUN_AWAY = 1e9


@dataclass(frozen=True, slots=True)
class LissaLimits:
    """How far LiSSA may go.

    Parameters
    ----------
    batch_rows : int
        Rows of each product, drawn with replacement.
    depth : int
        Steps of one recursion.
    repeats : int
        Recursions averaged in a round.
    steps : int
        All steps together: no recursion begins beyond them.
    """

    batch_rows: int = 32
    depth: int = 20_000
    repeats: int = 30
    steps: int = 200_000


def lissa(
    oracle: HessianOracle,
    v: Vector,
    *,
    tolerance: float = 1e-4,
    seed: int = 0,
    limits: LissaLimits = LissaLimits(),
) -> Solution:
    r"""Return s as a mean of stochastic recursions, each on batches B drawn anew.

    .. math:: s \leftarrow s + (v - H_B s - \delta s) / c

    Nothing is left to the reader to choose. The scale c is 1.2 times the largest eigenvalue met in batches, by
    power iteration. :math:`\delta` is 0 where the penalty makes the objective strongly convex, else c / 10,000. A
    recursion goes on until its mean over the second half of the steps stands still, and that mean is its result;
    recursions are repeated until the standard error of their mean is a tenth of it. Then the next round solves for
    what is left, v - H s on all rows, so that the noise shrinks with every round and :math:`\delta` leaves no bias.

    Parameters
    ----------
    oracle : HessianOracle
    v : (d,)
    tolerance : float
        On the relative residual and on the standard error relative to ||s||.
    seed : int
        Of the batches.
    limits : LissaLimits

    References
    ----------
    Agarwal, Bullins & Hazan (2017), arXiv:1602.03943; Koh & Liang (2017), arXiv:1703.04730, section 3.
    """
    recursion = _Recursion.tuned(oracle, np.random.default_rng(seed), limits)
    solution, left, rounds, remedy = np.zeros_like(v), v, 0, "allow more steps, or use 'cg'"
    size = float(np.linalg.norm(v)) or 1.0
    residual, error = float(np.any(v)), 0.0
    while max(residual, error) > tolerance and recursion.steps < limits.steps:
        correction, noise = recursion.mean(left)
        moved = solution + correction
        left_then = v - oracle.product(moved)
        residual_then, rounds = float(np.linalg.norm(left_then)) / size, rounds + 1
        if not residual_then < PROGRESS * residual:
            remedy = "a round no longer lowers the residual: allow more depth and repeats, add damping, or use 'cg'"
            break
        solution, left, residual, error = moved, left_then, residual_then, noise / float(np.linalg.norm(moved))
    converged, words = verdict(max(residual, error), tolerance, remedy=remedy)
    steps = recursion.steps
    passes = rounds + steps * limits.batch_rows / len(oracle.x)
    return Solution(solution, residual, steps, steps + rounds, passes, converged, words, error, recursion.damping)


@dataclass
class _Recursion:
    oracle: HessianOracle
    rng: Generator
    limits: LissaLimits
    scale: float = 1.0
    damping: float = 0.0
    steps: int = field(default=0, init=False)

    @classmethod
    def tuned(cls, oracle: HessianOracle, rng: Generator, limits: LissaLimits) -> "_Recursion":
        """Return a recursion whose scale is above the eigenvalues of batches, and whose damping follows from it."""
        recursion = cls(oracle, rng, limits)
        recursion.scale = SCALE_MARGIN * max(recursion._largest_eigenvalue() for _ in range(SCALE_BATCHES))
        recursion.damping = 0.0 if oracle.is_strongly_convex else DAMPING_SHARE * recursion.scale
        return recursion

    def mean(self, v: Vector) -> tuple[Vector, float]:
        """Return the mean of repeated recursions and the norm of its standard error."""
        runs: list[Vector] = []
        mean, error = np.zeros_like(v), np.inf
        for _ in range(self.limits.repeats):
            runs.append(self._run(v))
            mean = np.mean(runs, axis=0)
            if len(runs) >= MIN_REPEATS:
                error = float(np.sqrt(np.var(runs, axis=0, ddof=1).sum() / len(runs)))
            if error <= ROUND_ERROR * np.linalg.norm(mean) or self.steps >= self.limits.steps:
                break
        return mean, error

    def _run(self, v: Vector) -> Vector:
        """Return the mean of the recursion over a window that doubles, once it differs little from the one before."""
        s, before = v / self.scale, np.full_like(v, np.inf)
        window, end = FIRST_WINDOW, self.steps + self.limits.depth
        too_large = RUN_AWAY * np.linalg.norm(s)
        while True:
            total = np.zeros_like(v)
            for _ in range(window):
                s = s + (v - self._product(self._batch(), s)) / self.scale
                if np.linalg.norm(s) > too_large:
                    return s
                total += s
            mean = total / window
            if np.linalg.norm(mean - before) <= STILL * np.linalg.norm(mean) or self.steps + 2 * window > end:
                return mean
            before, window = mean, 2 * window

    def _largest_eigenvalue(self) -> float:
        rows = self._batch()
        vector, length = self.rng.normal(size=len(self.oracle.theta)), 1.0
        for _ in range(POWER_STEPS):
            vector = self._product(rows, vector / np.linalg.norm(vector))
            length = float(np.linalg.norm(vector))
        return length

    def _product(self, rows: Rows, direction: Vector) -> Vector:
        self.steps += 1
        return self.oracle.batch_product(rows, direction) + self.damping * direction

    def _batch(self) -> Rows:
        return self.rng.integers(len(self.oracle.x), size=self.limits.batch_rows)
