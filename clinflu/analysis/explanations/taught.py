"""A fitted model of any family with the rows that taught it, as they were given and as the fit takes them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.frozen_features import ColumnMap
from clinflu.model.minimise import minimise_again
from clinflu.model.rbf import design_of


@dataclass(frozen=True, repr=False)
class Taught:
    """A model and its training rows.

    Parameters
    ----------
    name : str
        As a reader knows it.
    family : ModelFamily
    fit : FittedModel
        At its optimum on these rows.
    rows : (n, d)
        Pixels of an image, or encoded values of an encounter, without an intercept.
    y, weights : (n,)
    columns : ColumnMap, optional
        What turns rows into the columns of the fit; by default they are the rows themselves.
    has_intercept : bool
        Whether a column of ones stands before them.
    """

    name: str
    family: ModelFamily
    fit: FittedModel
    rows: Matrix
    y: Vector
    weights: Vector
    columns: ColumnMap | None = None
    has_intercept: bool = True

    def __repr__(self) -> str:
        return f"{self.name}, taught by {len(self.y):,} rows: {len(self.fit.theta):,} parameters"

    @cached_property
    def x(self) -> Matrix:
        """The training rows as the fit takes them, (n, p)."""
        return self.design(self.rows)

    def design(self, rows: Matrix) -> Matrix:
        """Return rows (n, d) as the fit takes them, (n, p)."""
        columns = rows if self.columns is None else self.columns.transform(rows)
        return design_of(columns, intercept=self.has_intercept)

    def losses(self, rows: Matrix, y: Vector, theta: Vector | None = None) -> Vector:
        """Return the loss of rows (n, d) at the fit or at another theta, (n,)."""
        return self.family.losses(self.fit.theta if theta is None else theta, self.design(rows), y)

    def predicted(self, rows: Matrix) -> Vector:
        """Return the class of rows (n, d) whose loss is the smallest, (n,)."""
        classes = range(int(getattr(self.family, "classes", 2)))
        losses = [self.losses(rows, np.full(len(rows), float(one))) for one in classes]
        predicted: Vector = np.argmin(losses, axis=0).astype(np.float64)
        return predicted

    def without(self, position: int) -> FittedModel:
        """Return the fit without one training row, from where the fit stands.

        Raises
        ------
        FitError
            What is left has no optimum, or none was reached.
        """
        weights = self.weights.copy()
        weights[position] = 0.0
        return minimise_again(self.family, self.x, self.y, weights, self.fit)
