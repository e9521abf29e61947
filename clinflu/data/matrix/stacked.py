"""Matrices one under another, such as a table and the rows that joined it."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import DesignMatrix


@dataclass(frozen=True, eq=False)
class StackedMatrix(DesignMatrix):
    """The rows of several matrices in their order.

    Parameters
    ----------
    parts : tuple of DesignMatrix
        Of the same columns.
    """

    parts: tuple[DesignMatrix, ...]
    backend: ClassVar[str] = "stacked"

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return int(self._ends[-1]), self.parts[0].shape[1]

    @cached_property
    def _ends(self) -> Rows:
        return np.cumsum([0, *map(len, self.parts)])

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Write the rows of each part that lies there."""
        for part, first, last in zip(self.parts, self._ends[:-1], self._ends[1:], strict=True):
            low, high = max(start, first), min(stop, last)
            if low < high:
                part.fill(out[low - start : high - start], low - first, high - first)

    def take(self, rows: Rows) -> DesignMatrix:
        """Return these rows; they must stand in the order of the parts."""
        if np.any(np.diff(rows) < 0):
            raise ValueError("rows of stacked matrices are taken in their order")
        inside = zip(self.parts, self._ends[:-1], self._ends[1:], strict=True)
        return StackedMatrix(tuple(part.take(rows[(rows >= a) & (rows < b)] - a) for part, a, b in inside))

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows dense."""
        found = np.empty((len(rows), self.shape[1]))
        for part, first, last in zip(self.parts, self._ends[:-1], self._ends[1:], strict=True):
            here = (rows >= first) & (rows < last)
            found[here] = part.rows(rows[here] - first)
        return found

    def largest(self) -> Vector:
        """Return max |x_ij| of each column."""
        largest: Vector = np.max([part.largest() for part in self.parts], axis=0)
        return largest
