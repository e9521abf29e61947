"""The truth: the model trained again without each row, and what that does to the loss of the test row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clinflu.analysis.validation.problem import Labelled, Problem, fit
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.logistic import Logistic
from clinflu.model.minimise import minimise_again
from clinflu.model.smooth_hinge import hinge

Measure = Callable[[Vector], float]
LIBSVM_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Retrained:
    """What retraining without each row does to the test row.

    Parameters
    ----------
    change : (k,)
        Of its loss, nats; NaN where what is left has no finite fit.
    precision : (k,)
        How far a change may be from that of the exact optimum, by the fit's own stopping rule; 0 where not known.
    """

    change: Vector
    precision: Vector


class Retraining(Protocol):
    """A way to train again without each of some rows."""

    @property
    def words(self) -> str:
        """How, as a phrase after "refitted"."""

    def without_each(self, rows: Rows) -> Retrained:
        """Return the change of the loss of the test row without each row."""


@dataclass(frozen=True, eq=False)
class FromTheFit:
    """Trained again from where the fit is, to its own stopping rule.

    Parameters
    ----------
    problem : Problem
    measure : callable, optional
        What is measured at theta; by default the loss of the test row under the family itself.
    """

    problem: Problem
    measure: Measure | None = None

    @property
    def words(self) -> str:
        """How."""
        return "from the fitted model"

    def without_each(self, rows: Rows) -> Retrained:
        """Return the change of the loss of the test row without each row."""
        problem, measure = self.problem, self.measure or self.problem.loss_at
        before, reach = measure(problem.theta), float(np.abs(problem.test_gradient).sum())
        found = [(measure(theta) - before, reach * step) for theta, step in self._optima(rows)]
        return Retrained(*np.array(found).reshape(-1, 2).T)

    def _optima(self, rows: Rows) -> list[tuple[Vector, float]]:
        problem, train = self.problem, self.problem.train
        if isinstance(problem.family, Logistic):
            fitted = TrainingRows(problem.model, train.x, train.y, train.weights, np.arange(len(train.x)))
            changes = [Change.removal(fitted, np.array([row])) for row in rows]
            return [(one.theta, one.step_norm) for one in refit_each_or_nan(fitted, changes)]
        return [(one.theta, one.step_norm) for one in (self._without(int(row)) for row in rows)]

    def _without(self, row: int) -> FittedModel:
        left = self.problem.train.without(row)
        return minimise_again(self.problem.family, left.x, left.y, left.weights, self.problem.model)


@dataclass(frozen=True, eq=False)
class FromScratch:
    """Trained again from random starts, each beside the fit to all rows from the same start.

    Where the objective is not convex, each start may lead to an optimum of its own, with and without the row: the mean
    over starts is what removal does on average.

    Parameters
    ----------
    problem : Problem
    seeds : tuple of int
        Of the starts.
    """

    problem: Problem
    seeds: tuple[int, ...]

    @property
    def words(self) -> str:
        """How."""
        return f"from scratch, mean of {len(self.seeds)} starts"

    def without_each(self, rows: Rows) -> Retrained:
        """Return the mean change of the loss of the test row without each row."""
        changes = np.mean([self.changes_from(seed, rows) for seed in self.seeds], axis=0)
        return Retrained(changes, np.zeros(len(rows)))

    def changes_from(self, seed: int, rows: Rows) -> Vector:
        """Return the change of the loss without each row, all fits from one start, (k,)."""
        whole = self._loss(self.problem.train, seed)
        return np.array([self._loss(self.problem.train.without(int(row)), seed) - whole for row in rows])

    def _loss(self, train: Labelled, seed: int) -> float:
        problem = self.problem
        begin = None if problem.start is None else problem.start(seed)
        return problem.loss_at(fit(problem.family, train, problem.penalty, begin).theta)


@dataclass(frozen=True, eq=False)
class TrueHinge:
    """The support vector machine itself, with no corner rounded, trained again by another library.

    Parameters
    ----------
    problem : Problem
        Of two classes; column 0 is an intercept without penalty, all other columns have the same.

    Raises
    ------
    DataError
        The penalty is another: libsvm knows no other.
    """

    problem: Problem

    def __post_init__(self) -> None:
        penalty, x = self.problem.penalty, self.problem.train.x
        if penalty[0] != 0 or np.ptp(penalty[1:]) > 0 or np.any(x[:, 0] != 1):
            raise DataError("the true hinge needs a free intercept in column 0 and one penalty for all other columns")

    @property
    def words(self) -> str:
        """How."""
        return "as a support vector machine with the true hinge (libsvm)"

    def without_each(self, rows: Rows) -> Retrained:
        """Return the change of the true hinge of the test row without each row."""
        whole = self._loss(self.problem.train)
        changes = np.array([self._loss(self.problem.train.without(int(row))) - whole for row in rows])
        return Retrained(changes, np.zeros(len(rows)))

    def theta(self, train: Labelled) -> Vector:
        """Return the minimum of the summed hinge plus penalty on these rows, (p,)."""
        from sklearn.svm import SVC

        kept = train.take(np.flatnonzero(train.weights > 0))
        machine = SVC(kernel="linear", C=1.0 / self.problem.penalty[1], tol=LIBSVM_TOLERANCE, cache_size=500)
        machine.fit(kept.x[:, 1:], kept.y, sample_weight=kept.weights)
        return np.concatenate([machine.intercept_, machine.coef_[0]])

    def _loss(self, train: Labelled) -> float:
        return true_hinge(self.problem)(self.theta(train))


def true_hinge(problem: Problem) -> Measure:
    """Return the hinge of the test row as a function of theta: the limit of the smooth ones."""
    row = problem.audited

    def measured(theta: Vector) -> float:
        margin: Matrix = row.x @ theta
        return float(hinge(margin, row.y)[0])

    return measured
