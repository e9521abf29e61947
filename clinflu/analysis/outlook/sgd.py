"""Training by stochastic gradient steps, and what each training row did on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import check_count, check_number
from clinflu.errors import DataError, NotConvergedError
from clinflu.model.base import ModelFamily
from clinflu.model.logistic import Logistic, risk


@dataclass(frozen=True, slots=True)
class SgdPlan:
    r"""How a run goes: the rows in a new order each epoch, a step for each minibatch.

    .. math:: \theta_{t+1} = \theta_t - \frac{\eta_t}{|S_t|} \left[ \sum_{i \in S_t} w_i \nabla l_i(\theta_t)
        + \frac{|S_t|}{n} \Lambda \theta_t \right], \qquad \eta_t = \frac{\eta}{1 + \text{decay} \cdot \text{epoch}}

    so that the sum of an epoch's steps is one of the mean objective F / n.

    Parameters
    ----------
    epochs, batch : int
        Passes over the rows, and rows of a minibatch; a batch of n or more is plain gradient descent.
    rate : float
        eta, the step on the mean loss.
    decay : float
        How fast it falls with the epoch, from 0; 0 keeps it.
    seed : int
        Of the order of the rows.
    """

    epochs: int
    batch: int
    rate: float
    decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_count(self.epochs, "the number of epochs", 1)
        check_count(self.batch, "the rows of a minibatch", 1)
        check_count(self.seed, "the seed of the order")
        rate, decay = check_number(self.rate, "the rate"), check_number(self.decay, "the decay")
        if not (0 < rate < np.inf and 0 <= decay < np.inf):
            raise DataError("the rate must be above 0 and the decay 0 or more")

    def steps(self, n: int) -> tuple[tuple[Rows, float], ...]:
        """Return the minibatch and the rate of every step over n rows, in their order."""
        rng = np.random.default_rng(self.seed)
        found: list[tuple[Rows, float]] = []
        for epoch in range(self.epochs):
            order = rng.permutation(n)
            rate = self.rate / (1.0 + self.decay * epoch)
            found += [(order[start : start + self.batch], rate) for start in range(0, n, self.batch)]
        return tuple(found)


@dataclass(frozen=True, eq=False, repr=False)
class SgdRun:
    """A run from a start, with every point of its way.

    Parameters
    ----------
    family : ModelFamily
    x : (n, p)
    y, weights : (n,)
    penalty : (d,)
        On the summed loss.
    plan : SgdPlan
    start : (d,)
    """

    family: ModelFamily
    x: Matrix
    y: Vector
    weights: Vector
    penalty: Vector
    plan: SgdPlan
    start: Vector

    def __repr__(self) -> str:
        return (
            f"SgdRun of {self.plan.epochs:,} epochs over {len(self.x):,} rows, {self.plan.batch:,} a step; "
            "see .theta, .without(row), .influence(slope)"
        )

    @cached_property
    def steps(self) -> tuple[tuple[Rows, float], ...]:
        """The minibatch and the rate of every step."""
        return self.plan.steps(len(self.x))

    @cached_property
    def thetas(self) -> Matrix:
        """Where the run was before each step, and where it ended, (steps + 1, d).

        Raises
        ------
        NotConvergedError
            The steps are so large that the run left all bounds.
        """
        return self._walk(self.weights)

    @property
    def theta(self) -> Vector:
        """Where the run ended, (d,)."""
        end: Vector = self.thetas[-1]
        return end

    @property
    def epoch_ends(self) -> Rows:
        """Which of ``thetas`` end an epoch, (epochs,)."""
        each = len(self.steps) // self.plan.epochs
        return np.arange(1, self.plan.epochs + 1) * each

    def without(self, row: int) -> Vector:
        """Return where the same run, minibatches and rates unchanged, ends when one row teaches nothing, (d,).

        The row's place in its minibatch stays empty; the step is still divided by the size of the whole minibatch.
        """
        weights = self.weights.copy()
        weights[row] = 0.0
        end: Vector = self._walk(weights)[-1]
        return end

    def without_each(self, rows: Rows) -> Matrix:
        """Return :meth:`without` of several rows, each on its own, (k, d); of logistic regression all together."""
        if isinstance(self.family, Logistic):
            return self._walk_without_each(rows)
        return np.array([self.without(int(row)) for row in rows]).reshape(len(rows), len(self.start))

    def influence(self, slope: Vector) -> Vector:
        r"""Return the first-order change of an audited quantity at the end when each row is left out of the run, (n,).

        .. math:: \Delta\phi_i = \sum_{t :\, i \in S_t} u_{t+1}^\top \frac{\eta_t}{|S_t|} w_i \nabla l_i(\theta_t),
            \qquad u_t = (I - \eta_t H_t) u_{t+1}, \quad u_T = \nabla\phi(\theta_T)

        with :math:`H_t` the Hessian of the step's own objective; the end's quantity is carried back step by step, at
        the cost of one Hessian-vector product each.

        Parameters
        ----------
        slope : (d,)
            Gradient of the quantity at the end of the run.

        References
        ----------
        Hara, Nitanda & Maehara (2019), "Data Cleansing for Models Trained with SGD", arXiv:1906.08473.
        """
        change = np.zeros(len(self.x))
        carried = slope.copy()
        for (rows, rate), theta in zip(reversed(self.steps), self.thetas[-2::-1], strict=True):
            x, y, weights = self.x[rows], self.y[rows], self.weights[rows]
            share = rate / len(rows)
            change[rows] += share * weights * self.family.losses_along(theta, x, y, carried)
            bent = self.family.hvp(theta, x, y, weights, carried)
            carried = carried - share * bent - (rate / len(self.x)) * self.penalty * carried
        return change

    def tracin(self, slope: Callable[[Vector], Vector]) -> Vector:
        r"""Return what each row did to an audited quantity by its own steps alone, the sign turned, (n,).

        .. math:: \sum_{e} \frac{\eta_e}{|S|} \nabla\phi(\theta_e)^\top w_i \nabla l_i(\theta_e)

        over the ends of the epochs: no curvature, so nothing of what later steps undid.

        Parameters
        ----------
        slope : callable
            From theta (d,) to the gradient of the quantity there.

        References
        ----------
        Pruthi, Liu, Kale & Sundararajan (2020), "Estimating Training Data Influence by Tracing Gradient Descent",
        arXiv:2002.08484, TracInCP.
        """
        change = np.zeros(len(self.x))
        for end in self.epoch_ends:
            theta, (rows, rate) = self.thetas[end], self.steps[end - self.epoch_ends[0]]
            along = self.family.losses_along(theta, self.x, self.y, slope(theta))
            change += rate / len(rows) * self.weights * along
        return change

    def _walk(self, weights: Vector) -> Matrix:
        thetas = np.empty((len(self.steps) + 1, len(self.start)))
        thetas[0] = self.start
        for place, (rows, rate) in enumerate(self.steps):
            theta = thetas[place]
            pull = self.family.gradient(theta, self.x[rows], self.y[rows], weights[rows]) / len(rows)
            thetas[place + 1] = theta - rate * (pull + self.penalty * theta / len(self.x))
        _require_bounded(thetas[-1])
        return thetas

    def _walk_without_each(self, left_out: Rows) -> Matrix:
        """Return the ends of the logistic runs without each row, a step of all of them at a time."""
        ends = np.tile(self.start, (len(left_out), 1))
        runs_without = [np.flatnonzero(left_out == row) for row in range(len(self.x))]
        for rows, rate in self.steps:
            x = self.x[rows]
            pull = self.weights[rows] * (risk(ends @ x.T) - self.y[rows])  # (k, |S|)
            for place, row in enumerate(rows):
                pull[runs_without[row], place] = 0.0
            ends -= rate * (pull @ x / len(rows) + self.penalty * ends / len(self.x))
        _require_bounded(ends)
        return ends


def _require_bounded(ends: Matrix) -> None:
    if not np.isfinite(ends).all():
        raise NotConvergedError("the steps grew beyond all bounds; take a smaller rate, or scale the columns")
