"""The compact backend: each recorded variable as small integer codes, and what each code stands for in its columns."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.matrix.base import CHUNK_ROWS, DesignMatrix, OfGroup
from clinflu.data.matrix.passes import Found, Parts, added_up, in_threads

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Coded:
    """A variable whose values are few: a category, or a count.

    Parameters
    ----------
    codes : (n,) small int
        0 to L - 1.
    table : (L, q)
        What each code is in the q columns of the variable.
    first : int
        Place of the first of these columns.
    """

    codes: Codes
    table: Matrix
    first: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.table.shape[1])

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Write the columns of these rows; out is zero there."""
        codes = self.codes[start:stop]
        if self.width == 1:
            out[:, self.first] = self.table[codes, 0]
            return
        rows = np.flatnonzero(self._is_unit[codes])  # most rows are at the reference, which is zero
        out[rows, self.first + self._unit[codes[rows]]] = 1.0
        if self._is_mixed.any():
            mixed = np.flatnonzero(self._is_mixed[codes])
            out[mixed, self.first : self.first + self.width] = self.table[codes[mixed]]

    @cached_property
    def _unit(self) -> Rows:
        unit: Rows = self.table.argmax(axis=1)
        return unit

    @cached_property
    def _is_unit(self) -> Flags:
        """Whether a code is 1 in one column and 0 in the others."""
        flags: Flags = (self.table == np.eye(self.width)[self._unit]).all(axis=1)
        return flags

    @cached_property
    def _is_mixed(self) -> Flags:
        """Whether a code is something else than that, and not zero in all columns."""
        flags: Flags = self.table.any(axis=1) & ~self._is_unit
        return flags

    def take(self, rows: Rows) -> "Coded":
        """Return the variable of these rows."""
        return replace(self, codes=self.codes[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A column whose values are many.

    Parameters
    ----------
    values : (n,) float64
    first : int
        Its place.
    """

    values: Vector
    first: int

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Write the column of these rows."""
        out[:, self.first] = self.values[start:stop]

    def take(self, rows: Rows) -> "Plain":
        """Return the column of these rows."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True, eq=False)
class CodedMatrix(DesignMatrix):
    """Variables side by side, about one byte for each and row.

    Parameters
    ----------
    variables : tuple of Coded or Plain
        They cover all columns, each once.
    columns : int
        p.
    """

    variables: tuple[Coded | Plain, ...]
    columns: int
    backend: ClassVar[str] = "compact"
    few_vectors: ClassVar[int] = 4  # of more, dense blocks and BLAS are faster than look-ups

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return len(_content(self.variables[0])), self.columns

    @property
    def nbytes(self) -> int:
        """Bytes that the codes and values take."""
        return sum(_content(one).nbytes for one in self.variables)

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Look the rows up."""
        out[:] = 0.0
        for variable in self.variables:
            variable.fill(out, start, stop)

    def take(self, rows: Rows) -> "CodedMatrix":
        """Return these rows, as codes."""
        return CodedMatrix(tuple(one.take(rows) for one in self.variables), self.columns)

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows dense."""
        found = np.empty((len(rows), self.columns))
        self.take(rows).fill(found, 0, len(rows))
        return found

    def of_groups(self, function: OfGroup[Found], groups: Iterable[Rows]) -> list[Found]:
        """Look the groups up in threads."""
        return in_threads(lambda rows: function(rows, self.rows(rows)), groups)

    def largest(self) -> Vector:
        """Return max |x_ij| of each column, over the values that codes may stand for."""
        found = np.zeros(self.columns)
        for one in self.variables:
            if isinstance(one, Coded):
                found[one.first : one.first + one.width] = np.abs(one.table).max(axis=0)
            else:
                found[one.first] = max(one.values.max(), -one.values.min())
        return found

    def matvec(self, v: Matrix) -> Matrix:
        """Return X v: a look-up for each variable."""
        if v.ndim > 1 and v.shape[1] > self.few_vectors:
            return super().matvec(v)
        found: Matrix = np.zeros((len(self), *v.shape[1:]))
        tables = [_looked_up(one, v) for one in self.variables]

        def add(start: int) -> None:
            rows = slice(start, start + CHUNK_ROWS)
            for one, table in zip(self.variables, tables, strict=True):
                if isinstance(one, Coded):
                    found[rows] += table[one.codes[rows]]
                else:
                    found[rows] += np.multiply.outer(one.values[rows], table)

        in_threads(add, range(0, len(self), CHUNK_ROWS))
        return found

    def rmatvec(self, u: Matrix) -> Matrix:
        """Return X' u: a sum for each code of each variable."""
        if u.ndim > 1 and u.shape[1] > self.few_vectors:
            return super().rmatvec(u)
        if u.ndim > 1:
            return np.column_stack([self.rmatvec(np.ascontiguousarray(column)) for column in u.T])
        chunks = range(0, len(self), CHUNK_ROWS)
        sums = added_up(in_threads(lambda start: self._sums_by_code(u, slice(start, start + CHUNK_ROWS)), chunks))
        found = np.empty(self.columns)
        for one, of_codes in zip(self.variables, sums, strict=True):
            if isinstance(one, Coded):
                found[one.first : one.first + one.width] = of_codes @ one.table
            else:
                found[one.first] = of_codes[0]
        return found

    def weighted_squares(self, d: Vector) -> Vector:
        """Return the weighted sum of squares of each column, by the weight of each code."""
        found = np.empty(self.columns)
        for one in self.variables:
            if isinstance(one, Coded):
                counts = np.bincount(one.codes, weights=d, minlength=len(one.table))
                found[one.first : one.first + one.width] = counts @ np.square(one.table)
            else:
                found[one.first] = d @ np.square(one.values)
        return found

    def _sums_by_code(self, u: Vector, rows: slice) -> Parts:
        return tuple(
            np.bincount(one.codes[rows], weights=u[rows], minlength=len(one.table))
            if isinstance(one, Coded)
            else np.atleast_1d(one.values[rows] @ u[rows])
            for one in self.variables
        )


def _content(variable: Coded | Plain) -> NDArray[Any]:
    return variable.codes if isinstance(variable, Coded) else variable.values


def _looked_up(variable: Coded | Plain, v: Matrix) -> Matrix:
    if isinstance(variable, Coded):
        product: Matrix = variable.table @ v[variable.first : variable.first + variable.width]
        return product
    one: Matrix = v[variable.first]
    return one
