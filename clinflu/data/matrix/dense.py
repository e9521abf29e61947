"""A plain array under the interface of the others: what they are compared with."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import DesignMatrix


@dataclass(frozen=True, eq=False)
class DenseMatrix(DesignMatrix):
    """All rows dense.

    Parameters
    ----------
    values : (n, p) float64
    """

    values: Matrix
    backend: ClassVar[str] = "dense"

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        n, p = self.values.shape
        return n, p

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Copy the rows."""
        out[:] = self.values[start:stop]

    def take(self, rows: Rows) -> "DenseMatrix":
        """Return these rows."""
        return DenseMatrix(self.values[rows])

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows."""
        found: Matrix = self.values[rows]
        return found

    def largest(self) -> Vector:
        """Return max |x_ij| of each column."""
        largest: Vector = np.abs(self.values).max(axis=0, initial=0.0)
        return largest
