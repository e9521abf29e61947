"""A matrix whose rows lie in parts on disk: which rows of which part it holds, and passes over them."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import Along, DesignMatrix, RowSums, RowValues
from clinflu.data.matrix.passes import Parts
from clinflu.data.matrix.spill import Spill
from clinflu.data.matrix.tasks import Task, block_sums, block_values, dense, foremost, product, squares, strongest
from clinflu.data.matrix.tasks import transposed_product as transposed

Place = slice | Rows


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The rows of one part that a matrix holds.

    Parameters
    ----------
    number : int
        Of the part.
    inside : (m,) or None
        Positions in the part; None for all of them in their order.
    place : slice or (m,)
        Where they stand in the matrix.
    """

    number: int
    inside: Rows | None
    place: Place


@dataclass(frozen=True, eq=False)
class MatrixInParts(DesignMatrix):
    """Rows of a spilled table; what passes over them says how.

    Parameters
    ----------
    spill : Spill
    at : (n,) int or None
        Which of its rows, in any order; None for all.
    """

    spill: Spill
    at: Rows | None

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return self.spill.rows if self.at is None else len(self.at), self.spill.layout.columns

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The parts that it holds rows of, in their order."""
        if self.at is None:
            ends = np.minimum(np.arange(self.spill.count + 1) * self.spill.part_rows, self.spill.rows)
            return tuple(Piece(number, None, slice(ends[number], ends[number + 1])) for number in range(len(ends) - 1))
        return pieces_of(self.at, self.spill.part_rows)

    @abstractmethod
    def results(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Iterator[Any]:
        """Yield what a task gives for each piece, in their order."""

    @abstractmethod
    def total(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Parts:
        """Add up what a task gives for each piece, in an order of its own."""

    @abstractmethod
    def view(self, at: Rows) -> Self:
        """Return these rows of the spilled table."""

    def take(self, rows: Rows) -> Self:
        """Return these rows; nothing is read."""
        return self.view(np.asarray(rows) if self.at is None else self.at[rows])

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Read the rows."""
        out[:] = self.rows(np.arange(start, stop))

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows dense, from the parts that hold any."""
        chosen = self.take(rows)
        return chosen.gathered(dense, (), ())

    def largest(self) -> Vector:
        """Return max |x_ij| of each column of the spilled table."""
        return self.spill.largest

    def sums(self, function: RowSums, *along: Along, fixed: tuple[Any, ...] = ()) -> Parts:
        """Add up what a function gives for each block of rows: each part is read once."""
        if not len(self):
            return function(self._no_rows, *along, *fixed)
        return self.total(block_sums, along, (function, *fixed))

    def each(self, function: RowValues, *along: Along, fixed: tuple[Any, ...] = ()) -> Matrix:
        """Return what a function gives for each row: each part is read once."""
        if not len(self):
            return function(self._no_rows, *along, *fixed)
        return self.gathered(block_values, along, (function, *fixed))

    def matvec(self, v: Matrix) -> Matrix:
        """Return X v, by look-ups in each part."""
        return self.gathered(product, (), (v,))

    def rmatvec(self, u: Matrix) -> Matrix:
        """Return X' u, by a sum for each code in each part."""
        if not len(self):
            return np.zeros((self.shape[1], *u.shape[1:]))
        return self.total(transposed, (u,), ())[0]

    def squares(self) -> Vector:
        """Return the sum of squares of each column, from those of each part."""
        return self.total(squares, (), ())[0] if len(self) else np.zeros(self.shape[1])

    def strongest(self, v: Vector, pull: Vector, k: int) -> tuple[Rows, Vector]:
        """Return the rows whose pull_i x_i' v are the k largest by magnitude, and what these are, largest first.

        One vector goes to every part, and k numbers come back from each.

        Parameters
        ----------
        v : (p,)
        pull : (n,)
        k : int
        """
        found = zip(self.pieces, self.results(strongest, (pull,), (v, k)), strict=True)
        rows, effects = np.empty(0, dtype=np.intp), np.empty(0)
        for piece, (places, values) in found:
            rows = np.concatenate([rows, numbered(piece.place, places)])
            effects = np.concatenate([effects, values])
            first = foremost(rows, effects, k)
            rows, effects = rows[first], effects[first]
        return rows, effects

    def gathered(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Matrix:
        """Return what a task gives for the rows of each piece, each at its place."""
        found: Matrix | None = None
        for piece, values in zip(self.pieces, self.results(task, along, fixed), strict=True):
            if found is None:
                found = np.empty((len(self), *values.shape[1:]), dtype=values.dtype)
            found[piece.place] = values
        if found is None:
            return task(self.spill.layout.matrix({}, 0), along, fixed)  # type: ignore[no-any-return]
        return found

    @property
    def _no_rows(self) -> Matrix:
        return np.empty((0, self.shape[1]))


def pieces_of(at: Rows, part_rows: int) -> tuple[Piece, ...]:
    """Return the pieces that hold rows of a spilled table, given in any order."""
    numbers = at // part_rows
    in_order = bool(np.all(numbers[:-1] <= numbers[1:]))
    order = None if in_order else np.argsort(numbers, kind="stable")
    held, starts = np.unique(numbers if order is None else numbers[order], return_index=True)
    found = []
    for number, start, stop in zip(held, starts, np.append(starts, len(at))[1:], strict=True):
        place: Place = slice(int(start), int(stop)) if order is None else order[start:stop]
        found.append(Piece(int(number), at[place] - number * part_rows, place))
    return tuple(found)


def numbered(place: Place, positions: Rows) -> Rows:
    """Return the row numbers in the matrix of positions in a piece."""
    return positions + place.start if isinstance(place, slice) else place[positions]
