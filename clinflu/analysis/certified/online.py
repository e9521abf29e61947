"""Algorithm 1 of Steinhardt, Koh & Liang (2017): a bound on the damage, and the attack that comes with it."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.certified.game import Game
from clinflu.data.arrays import Matrix, Rows, Vector


@dataclass(frozen=True, repr=False)
class OnlineRun:
    """One run of the algorithm.

    Parameters
    ----------
    values : (T,)
        U at each iterate; the lowest is the bound of the paper.
    thetas : (2, 1 + d)
        The iterate of the lowest value, and the mean of all iterates.
    points : (T, 1 + d)
        The worst row at each iterate: the attack.
    labels : (T,)
        Their classes.
    average_regret : float
        The lowest value lies at most this far above the learner's lowest mean loss on the clean rows and all T points,
        each of weight share / T.
    """

    values: Vector
    thetas: Matrix
    points: Matrix
    labels: Vector
    average_regret: float

    def attack(self, rows: int) -> tuple[Matrix, Vector, Vector]:
        """Return points spread evenly over the run, their classes and how often each is added, ``rows`` in sum."""
        times = repeats(rows, len(self.points))
        used: Rows = np.flatnonzero(times)
        return self.points[used], self.labels[used], times[used].astype(float)


def repeats(rows: int, steps: int) -> Rows:
    """Return how often each of T steps is taken, so that they sum to the number of rows, as evenly as can be."""
    upto = (np.arange(steps + 1, dtype=np.int64) * rows) // steps
    return np.diff(upto).astype(np.intp)


def run_online(game: Game, share: float, steps: int, step_size: float) -> OnlineRun:
    r"""Play regularised dual averaging against the worst row that passes.

    .. math:: z_t = z_{t-1} - g_t, \quad \lambda_t = \max(\lambda_{t-1}, \|z_t\| / \rho), \quad
              \theta_t = z_t / \lambda_t, \quad \lambda_0 = 1 / \eta

    with :math:`g_t` a subgradient of U at :math:`\theta_{t-1}`. Its regret is at most
    :math:`\tfrac12 \lambda_{T-1} \rho^2 + \tfrac12 \sum_t \|g_t\|^2 / \lambda_{t-1}` (McMahan 2017, theorem 1), and
    by Proposition 1 of the paper the lowest U exceeds the best attack's mean loss by at most regret / T.

    Parameters
    ----------
    game : Game
    share : float
        k / n, 0 or above.
    steps : int
        T, 1 or more. The bound holds at any number; more make it tighter.
    step_size : float
        eta, above 0, as a multiple of :math:`\rho / (G \sqrt T)` with G the norm of the first subgradient.

    References
    ----------
    J. Steinhardt, P. W. Koh & P. Liang (2017), arXiv:1706.03691, Algorithm 1 and Proposition 1;
    H. B. McMahan (2017), A Survey of Algorithms and Analysis for Adaptive Online Learning, JMLR 18.
    """
    columns = game.clean.x.shape[1]
    z, total, best, theta = (np.zeros(columns) for _ in range(4))
    values, points, labels = np.empty(steps), np.empty((steps, columns)), np.empty(steps)
    steepness = max(float(np.linalg.norm(game.play(theta, share).gradient)), np.finfo(float).tiny)
    strength = played = steepness * np.sqrt(steps) / (step_size * game.radius)
    spent = 0.0
    for step in range(steps):
        move = game.play(theta, share)
        values[step], points[step], labels[step] = move.value, move.point, move.label
        if move.value <= values[: step + 1].min():
            best = theta
        total += theta
        spent += float(move.gradient @ move.gradient) / strength
        played = strength
        z = z - move.gradient
        strength = max(strength, float(np.linalg.norm(z)) / game.radius)
        theta = z / strength
    regret = 0.5 * (played * game.radius**2 + spent)
    return OnlineRun(values, np.array([best, total / steps]), points, labels, regret / steps)
