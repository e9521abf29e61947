"""Other attacks, which the certified bound must also stand above."""

from collections.abc import Callable

import numpy as np

from clinflu.analysis.certified.game import Attack, Game, with_constant
from clinflu.analysis.certified.learner import WeightedRows
from clinflu.data.arrays import Matrix, Vector

ROUNDS = 15
STRIDE = 0.3
DAMPING = 1e-6


def flipped_labels(game: Game, rows: int, _seed: int = 0) -> Attack:
    """Return clean rows with the other label, moved into its set where they lie outside, the worst for the clean fit.

    Parameters
    ----------
    game : Game
    rows : int
        More than there are clean rows: the worst come again.
    """
    labels = 1.0 - game.clean.y
    points = with_constant(game.defence.nearest(game.clean.x[:, 1:], labels))
    signed = (2.0 * labels - 1.0) * (points @ game.clean_fit.theta)
    chosen = np.resize(np.argsort(signed, kind="stable"), rows)
    return points[chosen], labels[chosen], np.ones(rows)


def random_rows(game: Game, rows: int, seed: int = 0) -> Attack:
    """Return rows of random labels at the edge of what passes, in random directions.

    Parameters
    ----------
    game : Game
    rows, seed : int
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows).astype(float)
    directions = rng.normal(size=(rows, game.clean.x.shape[1] - 1))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    label = labels.astype(np.intp)
    features = game.defence.centroids[label] + directions * game.defence.radii[label, None]
    return with_constant(game.defence.nearest(features, labels)), labels, np.ones(rows)


def by_influence(game: Game, rows: int, seed: int = 0) -> Attack:
    """Move rows up the influence on the clean loss, refitting after each step, and return the most harmful on the way.

    Parameters
    ----------
    game : Game
    rows : int
    seed : int
        Not used: it starts from the flipped labels.

    References
    ----------
    P. W. Koh & P. Liang (2017), arXiv:1703.04730, section 5.2; here the learner is held in a ball, and the derivative
    stays on its surface.
    """
    attack = flipped_labels(game, rows, seed)
    damage = game.damage(attack)
    best, most = attack, damage.clean_loss
    for _ in range(ROUNDS):
        attack = _moved(game, attack, damage.fit.theta)
        damage = game.damage(attack, damage.fit.theta)
        if damage.clean_loss > most:
            best, most = attack, damage.clean_loss
    return best


RIVALS: dict[str, Callable[[Game, int, int], Attack]] = {
    "labels flipped": flipped_labels,
    "random rows at the edge": random_rows,
    "gradient of the influence": by_influence,
}


def harm_direction(game: Game, rows: WeightedRows, theta: Vector) -> Vector:
    r"""Return v such that a row added with weight w changes the clean loss by about :math:`-w \, v^\top \nabla l`.

    At an optimum on the surface of the ball, with multiplier :math:`\nu`, v solves :math:`(H + \nu I) v + \kappa \theta
    = \nabla L_c, \; \theta^\top v = 0`: added rows turn the coefficients, but cannot lengthen them.

    Parameters
    ----------
    game : Game
    rows : WeightedRows
        All rows of the fit.
    theta : (1 + d,)
        The fit.
    """
    family, columns = game.loss.curved(), len(theta)
    pull = float(np.linalg.norm(family.gradient(theta, rows.x, rows.y, rows.weights))) / game.radius
    hessian = family.hessian(theta, rows.x, rows.y, rows.weights)
    floor = DAMPING * float(np.abs(hessian).max())
    held = hessian + max(pull, floor) * np.eye(columns)
    wanted = game.clean.subgradient(theta, game.loss)
    if float(np.linalg.norm(theta)) < game.radius * (1.0 - DAMPING):
        return np.asarray(np.linalg.solve(hessian + floor * np.eye(columns), wanted), dtype=float)
    system = np.block([[held, theta[:, None]], [theta[None, :], np.zeros((1, 1))]])
    return np.asarray(np.linalg.solve(system, np.append(wanted, 0.0))[:-1], dtype=float)


def _moved(game: Game, attack: Attack, theta: Vector) -> Attack:
    points, labels, times = attack
    rows = game.clean.and_also(points, labels, times / game.n)
    v, signs = harm_direction(game, rows, theta), 2.0 * labels - 1.0
    signed = signs * (points @ theta)
    slope, bend = game.loss.slope(signed), game.loss.bend(signed)
    uphill: Matrix = -np.outer(signs * slope, v[1:]) - np.outer((points @ v) * bend, theta[1:])
    length = np.linalg.norm(uphill, axis=1)
    reach = STRIDE * game.defence.radii[labels.astype(np.intp)]
    step = uphill * (reach / np.maximum(length, np.finfo(float).tiny))[:, None]
    return with_constant(game.defence.nearest(points[:, 1:] + step, labels)), labels, times
