"""Matrices one under another, such as a table and the rows that joined it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import Along, DesignMatrix, RowSums, RowValues
from clinflu.data.matrix.passes import Parts, added_up


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

    def sums(self, function: RowSums, *along: Along, fixed: tuple[Any, ...] = ()) -> Parts:
        """Add up what a function gives for each block of rows, each part in its own way."""
        found = [part.sums(function, *(one[rows] for one in along), fixed=fixed) for part, rows in self._placed()]
        return added_up(found)

    def each(self, function: RowValues, *along: Along, fixed: tuple[Any, ...] = ()) -> Matrix:
        """Return what a function gives for each row, each part in its own way."""
        found = [part.each(function, *(one[rows] for one in along), fixed=fixed) for part, rows in self._placed()]
        values: Matrix = np.concatenate(found)
        return values

    def _placed(self) -> list[tuple[DesignMatrix, slice]]:
        """Return the parts that have rows, and where these stand."""
        placed = zip(self.parts, self._ends[:-1], self._ends[1:], strict=True)
        return [(part, slice(int(first), int(last))) for part, first, last in placed if first < last]

    def largest(self) -> Vector:
        """Return max |x_ij| of each column."""
        largest: Vector = np.max([part.largest() for part in self.parts], axis=0)
        return largest
