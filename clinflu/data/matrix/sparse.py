"""The sparse backend: the entries that are not zero, for code sets of thousands of columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from scipy.sparse import csc_array, csr_array, issparse

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.matrix.base import CHUNK_ROWS, DesignMatrix, OfGroup
from clinflu.data.matrix.passes import added_up, in_threads

GATHERED = 2_000_000  # entries of a form at once

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class SparseMatrix(DesignMatrix):
    """Rows in compressed sparse form.

    Parameters
    ----------
    values : csr_array (n, p) float64
        Its indices sorted, no entry twice.
    """

    values: csr_array
    backend: ClassVar[str] = "sparse"
    in_blocks: ClassVar[bool] = False

    @classmethod
    def of(cls, x: DesignMatrix) -> "SparseMatrix":
        """Return another backend's matrix in this form, made a chunk of rows at a time."""
        from scipy.sparse import vstack

        starts = range(0, len(x), CHUNK_ROWS)
        rows = (np.arange(start, min(start + CHUNK_ROWS, len(x))) for start in starts)
        return cls(vstack([csr_array(x.rows(some)) for some in rows], format="csr"))

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        n, p = self.values.shape
        return int(n), int(p)

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Write the rows out."""
        self.values[start:stop].toarray(out=out)

    def take(self, rows: Rows) -> "SparseMatrix":
        """Return these rows, sparse."""
        return SparseMatrix(self.values[rows])

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows dense."""
        found: Matrix = self.values[rows].toarray()
        return found

    def largest(self) -> Vector:
        """Return max |x_ij| of each column."""
        found: Vector = abs(self.values).max(axis=0).toarray().ravel()
        return found

    def matvec(self, v: Matrix) -> Matrix:
        """Return X v."""
        found: Matrix = np.concatenate(in_threads(lambda chunk: chunk @ v, self._chunks))
        return found

    def rmatvec(self, u: Matrix) -> Matrix:
        """Return X' u."""
        starts = range(0, len(self), CHUNK_ROWS)
        pairs = [(chunk, u[start : start + CHUNK_ROWS]) for start, chunk in zip(starts, self._chunks, strict=True)]
        return added_up(in_threads(lambda pair: (pair[0].T @ pair[1],), pairs))[0]

    def sandwich(self, d: Vector) -> Matrix:
        """Return X' diag(d) X, by sparse products of a chunk of rows at a time."""
        p = self.shape[1]
        starts = range(0, len(self), CHUNK_ROWS)
        pairs = [(chunk, d[start : start + CHUNK_ROWS]) for start, chunk in zip(starts, self._chunks, strict=True)]
        found = np.zeros((p, p))
        for part in in_threads(lambda pair: pair[0].T @ pair[0].multiply(pair[1][:, None]).tocsr(), pairs):
            found += part
        return found

    def quadratic(self, form: Matrix) -> Vector:
        """Return x_i' A x_i of each row, from the entries of A where the row is not zero."""
        found = np.zeros(len(self))
        counts = np.diff(self.values.indptr)
        for count in np.unique(counts[counts > 0]).tolist():
            rows = np.flatnonzero(counts == count)
            together = max(1, GATHERED // count**2)
            for start in range(0, len(rows), together):
                some = rows[start : start + together]
                entries = self.values.indptr[some][:, None] + np.arange(count)
                places, values = self.values.indices[entries], self.values.data[entries]
                between = form[places[:, :, None], places[:, None, :]]
                found[some] = np.einsum("ni,nij,nj->n", values, between, values, optimize=True)
        return found

    def column(self, place: int) -> Vector:
        """Return one column, (n,)."""
        found = np.zeros(len(self))
        entries = slice(*self._columns.indptr[place : place + 2])
        found[self._columns.indices[entries]] = self._columns.data[entries]
        return found

    @cached_property
    def _columns(self) -> csc_array:
        return self.values.tocsc()

    def differing(self, rows: Flags, values: Vector) -> Rows:
        """Return in how many of some rows each column is not a given value, (p,)."""
        chosen = self.values[rows]
        p, same = chosen.shape[1], chosen.data == values[chosen.indices]
        not_zero, equal = (np.bincount(chosen.indices[which], minlength=p) for which in (chosen.data != 0, same))
        found: Rows = np.where(values == 0, not_zero, chosen.shape[0] - equal)
        return found

    def all_zero(self, rows: Flags, groups: list[Rows]) -> Rows:
        """Return how many of some rows are zero in all columns of each group of them, (g,)."""
        columns = np.concatenate(groups) if groups else np.empty(0, dtype=np.intp)
        which = np.repeat(np.arange(len(groups)), [len(one) for one in groups])
        shape = (self.shape[1], len(groups))
        held = abs(self.values[rows]) @ csr_array((np.ones(len(columns)), (columns, which)), shape)
        held.eliminate_zeros()
        found: Rows = int(np.count_nonzero(rows)) - np.bincount(held.indices, minlength=len(groups))
        return found

    def of_groups(self, function: OfGroup[Found], groups: Iterable[Rows]) -> list[Found]:
        """Return what a function gives for each group of rows; it gets them sparse, and only takes products of them."""
        return [cast("Found", _dense(function(rows, cast("Matrix", _Group(self.values[rows]))))) for rows in groups]

    def weighted_squares(self, d: Vector) -> Vector:
        """Return the weighted sum of squares of each column."""
        found: Vector = self.values.power(2).T @ d
        return found

    @cached_property
    def _chunks(self) -> list[csr_array]:
        return [self.values[start : start + CHUNK_ROWS] for start in range(0, len(self), CHUNK_ROWS)]


class _Group(csr_array):  # type: ignore[misc]
    """Rows that say how many they are, as a plain array does."""

    def __len__(self) -> int:
        return int(self.shape[0])


def _dense(found: Any) -> Any:
    """Return a product, or a tuple of them, as plain arrays."""
    if isinstance(found, tuple):
        return tuple(map(_dense, found))
    return found.toarray() if issparse(found) else found
