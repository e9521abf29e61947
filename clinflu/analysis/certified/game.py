"""The game between an attacker who adds rows and a learner who fits all that passes the defence."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.analysis.certified.defence import QUANTILE, SphereSlab
from clinflu.analysis.certified.learner import BallFit, WeightedRows, fit_in_ball
from clinflu.analysis.certified.losses import MarginLoss
from clinflu.analysis.certified.target import Target
from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import DataError

Attack = tuple[Matrix, Vector, Vector]


@dataclass(frozen=True)
class Move:
    """What the attacker answers to coefficients, and what that costs the learner.

    Parameters
    ----------
    value : float
        U, the bound at these coefficients.
    gradient : (1 + d,)
        A subgradient of U.
    point : (1 + d,)
        The worst row that passes, after a one for the intercept.
    label : int
        Its class.
    """

    value: float
    gradient: Vector
    point: Vector
    label: int


@dataclass(frozen=True)
class Damage:
    """What the learner comes to once it is fitted on clean rows and an attack.

    Parameters
    ----------
    fit : BallFit
        Its objective is the mean loss of clean and added rows, over the number of clean rows.
    clean_loss : float
        Mean loss of the clean training rows that pass the defence: what the bound is about.
    test_loss : float
        Mean loss of the test rows, of which nothing is certified.
    test_error : float
        Share of them on the wrong side.
    """

    fit: BallFit
    clean_loss: float
    test_loss: float
    test_error: float


@dataclass(frozen=True, repr=False)
class Game:
    r"""Clean rows behind a defence, a loss and a ball of coefficients.

    The learner minimises :math:`\frac1n (L(\theta; D_c) + L(\theta; D_p))` over :math:`\|\theta\|_2 \le \rho`, with
    D_c the n clean rows that pass. Whatever k rows that pass the attacker adds, the learner's minimum, and with it its
    mean loss on D_c, which is no larger because losses are not negative, is at most

    .. math:: U(\theta) = \frac1n L(\theta; D_c) + \frac{k}{n} \max_{(x, y) \in F} l(\theta; x, y)

    at **any** theta of the ball: the minimum is no higher than the value at theta, and k rows of F cost at most k times
    the worst. So U holds wherever a search has come to, converged or not; a better theta only makes it lower.

    Parameters
    ----------
    target : Target
    clean : WeightedRows
        D_c, each row of weight 1 / n.
    defence : SphereSlab
        What passes is F.
    loss : MarginLoss
    radius : float
        rho. The intercept is a coefficient like the others, of a constant column.
    """

    target: Target
    clean: WeightedRows
    defence: SphereSlab
    loss: MarginLoss
    radius: float

    @classmethod
    def behind_defence(cls, target: Target, loss: MarginLoss, radius: float, quantile: float = QUANTILE) -> Self:
        """Learn the defence on the clean rows and drop those that it drops.

        Parameters
        ----------
        target : Target
        loss : MarginLoss
        radius : float
            rho, above 0.
        quantile : float
            As for ``SphereSlab.learn``.

        Raises
        ------
        DataError
            The defence cannot be learned, or keeps no row of one class.
        """
        if not radius > 0.0:
            raise DataError(f"the ball of coefficients needs a radius above 0, not {radius}")
        defence = SphereSlab.learn(target.features, target.y, quantile)
        kept = defence.keeps(target.features, target.y)
        y = target.y[kept]
        if len(np.unique(y)) < 2:
            raise DataError("the defence keeps no clean row of one class; give it a larger share to keep")
        clean = WeightedRows(with_constant(target.features[kept]), y, np.full(len(y), 1.0 / len(y)))
        return cls(target, clean, defence, loss, radius)

    @property
    def n(self) -> int:
        """The number of clean rows that pass."""
        return len(self.clean.y)

    def __repr__(self) -> str:
        kept, all_rows = self.n, len(self.target.y)
        return (
            f"{self.target.name}, {self.loss.name} loss, coefficients of norm {self.radius:.3g} or less: {kept:,} of "
            f"{all_rows:,} clean rows pass the defence"
        )

    def parts(self, theta: Vector) -> tuple[float, float]:
        """Return the two parts of U: the mean clean loss, and the largest loss of a row that passes."""
        worst = self.loss.value(np.array(self.defence.worst(theta)[2]))
        return self.clean.loss(theta, self.loss), float(worst)

    def play(self, theta: Vector, share: float) -> Move:
        """Return the attacker's answer to coefficients, for a share k / n of poison."""
        point, label, signed = self.defence.worst(theta)
        signs, margins, at_worst = 2.0 * self.clean.y - 1.0, self.clean.signed_margins(theta), np.array(signed)
        value = self.clean.weights @ self.loss.value(margins) + share * self.loss.value(at_worst)
        gradient = (self.clean.weights * signs * self.loss.slope(margins)) @ self.clean.x
        gradient = gradient + share * (2.0 * label - 1.0) * self.loss.slope(at_worst) * point
        return Move(float(value), gradient, point, label)

    @cached_property
    def clean_fit(self) -> BallFit:
        """The learner without an attack."""
        return fit_in_ball(self.clean, self.loss, self.radius)

    def damage(self, attack: Attack, start: Vector | None = None) -> Damage:
        """Fit the learner on clean rows and an attack.

        Parameters
        ----------
        attack : (x, y, times)
            Rows after a one for the intercept, their classes and how often each is added.
        start : (1 + d,), optional
            Coefficients to start from, as for ``fit_in_ball``.
        """
        points, labels, times = attack
        fit = fit_in_ball(self.clean.and_also(points, labels, times / self.n), self.loss, self.radius, start)
        return self.judged(fit)

    @property
    def no_attack(self) -> Attack:
        """An attack of no rows."""
        return np.empty((0, self.clean.x.shape[1])), np.empty(0), np.empty(0)

    def at_best(self, damage: Damage, attack: Attack, theta: Vector) -> Damage:
        """Return the learner after an attack, moved to other coefficients in the ball if its mean loss is lower there.

        A fit stops a little above its minimum. Offered the coefficients of the bound, the learner's mean loss is no
        higher than theirs, and so no higher than the bound, without any allowance.

        Parameters
        ----------
        damage : Damage
            After the attack.
        attack : (x, y, times)
        theta : (1 + d,)
        """
        points, labels, times = attack
        objective = self.clean.loss(theta, self.loss)
        objective += WeightedRows(points, labels, times / self.n).loss(theta, self.loss)
        saved = damage.fit.objective - objective
        return damage if saved <= 0.0 else self.judged(BallFit(theta, objective, max(0.0, damage.fit.gap - saved)))

    def judged(self, fit: BallFit) -> Damage:
        """Return what coefficients do to clean and to test rows."""
        signed = (2.0 * self.target.test_y - 1.0) * (with_constant(self.target.test_features) @ fit.theta)
        clean = self.clean.loss(fit.theta, self.loss)
        return Damage(fit, clean, float(self.loss.value(signed).mean()), float((signed <= 0.0).mean()))


def with_constant(features: Matrix) -> Matrix:
    """Return features after a column of ones."""
    return np.column_stack([np.ones(len(features)), features])
