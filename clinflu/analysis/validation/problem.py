"""What is validated: a fitted model, the rows that taught it, and one test row whose loss is explained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.solvers import HessianOracle
from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.minimise import StationaryPoint, minimise_along, path_of, stationary_point

Start = Callable[[int], Vector]


@dataclass(frozen=True, eq=False, repr=False)
class Labelled:
    """Rows with their outcomes.

    Parameters
    ----------
    x : (n, p)
        Column 0 the intercept if there is one.
    y, weights : (n,)
        Classes, 0 to K - 1, and weights.
    """

    x: Matrix
    y: Vector
    weights: Vector

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.weights):
            raise DataError("each row needs one outcome and one weight")

    def __repr__(self) -> str:
        return f"{len(self.x):,} rows of {self.x.shape[1]:,} columns"

    @classmethod
    def of(cls, x: Matrix, y: Vector) -> Self:
        """Return rows that all weigh the same."""
        return cls(x, y, np.ones(len(x)))

    def take(self, rows: Rows) -> Self:
        """Return these rows only."""
        return replace(self, x=self.x[rows], y=self.y[rows], weights=self.weights[rows])

    def without(self, row: int) -> Self:
        """Return the same rows, one of them with weight 0."""
        weights = self.weights.copy()
        weights[row] = 0.0
        return replace(self, weights=weights)


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """A model at its optimum on training rows, and one row of a test set.

    Parameters
    ----------
    name : str
        As figures and tables call it.
    family : ModelFamily
    train, test : Labelled
    penalty : (d,)
        On the summed loss, for each of the d entries of theta.
    model : FittedModel
        At its optimum on the training rows.
    test_row : int
        Position of the row whose loss is explained.
    start : callable, optional
        Of a family that is not convex: from a seed to the theta from which it is fitted.
    """

    name: str
    family: ModelFamily
    train: Labelled
    test: Labelled
    penalty: Vector
    model: FittedModel
    test_row: int = 0
    start: Start | None = None

    def __repr__(self) -> str:
        loss = self.loss_at(self.model.theta)
        return (
            f"{self.name}: {len(self.train.x):,} training rows, test row {self.test_row} at a loss of {loss:.3g} nats"
        )

    @property
    def theta(self) -> Vector:
        """Where the model is, (d,)."""
        return self.model.theta

    @property
    def is_approximate(self) -> bool:
        """Whether the objective is not convex, so that retraining need not lead to the same optimum."""
        return isinstance(self.model, StationaryPoint)

    @property
    def audited(self) -> Labelled:
        """The test row, as one row."""
        return self.test.take(np.array([self.test_row]))

    def at(self, test_row: int) -> Self:
        """Return the same model at another test row.

        Raises
        ------
        DataError
            There is no such row.
        """
        if not 0 <= test_row < len(self.test.x):
            raise DataError(f"there are test rows 0 to {len(self.test.x) - 1}; give one of them")
        return replace(self, test_row=test_row)

    @cached_property
    def oracle(self) -> HessianOracle:
        """The Hessian of the penalised objective, damped as the fit says that it must be."""
        return HessianOracle.of(self.model, self.family, self.train.x, self.train.y, self.train.weights)

    @cached_property
    def test_gradient(self) -> Vector:
        """Gradient of the loss of the test row, (d,)."""
        row = self.audited
        return self.family.gradient(self.theta, row.x, row.y, np.ones(1))

    def loss_at(self, theta: Vector) -> float:
        """Return the loss of the test row at some theta, nats."""
        row = self.audited
        return float(self.family.losses(theta, row.x, row.y)[0])

    def slopes(self, direction: Vector, rows: Rows | slice = slice(None)) -> Vector:
        """Return how fast the weighted loss of each training row rises along a direction of theta, (k,)."""
        train = self.train
        along = self.family.losses_along(self.theta, train.x[rows], train.y[rows], direction)
        return train.weights[rows] * along


def fit(family: ModelFamily, train: Labelled, penalty: Vector, begin: Vector | None = None) -> FittedModel:
    """Fit a family from cold, in the way that it needs.

    Parameters
    ----------
    family : ModelFamily
        Fitted along its ``path`` where it has one.
    train : Labelled
    penalty : (d,)
    begin : (d,), optional
        Of a family that is not convex; the others begin at zero.

    Raises
    ------
    FitError
    """
    rows = train.x, train.y, train.weights, penalty
    if begin is not None:
        return stationary_point(family, *rows, begin)
    return minimise_along(path_of(family), *rows)


def fit_problem(
    name: str, family: ModelFamily, train: Labelled, test: Labelled, penalty: Vector, start: Start | None = None
) -> Problem:
    """Fit a family and ask about the test row that it predicts worst.

    Parameters
    ----------
    name : str
    family : ModelFamily
    train, test : Labelled
    penalty : (d,)
    start : callable, optional
        Of a family that is not convex, from a seed to theta; the fit begins at that of seed 0.

    Raises
    ------
    FitError
    """
    model = fit(family, train, penalty, None if start is None else start(0))
    worst = int(np.argmax(family.losses(model.theta, test.x, test.y)))
    return Problem(name, family, train, test, penalty, model, worst, start)
