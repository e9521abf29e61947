"""What a design matrix must give: products, and any sum over its rows, a block of them dense at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.passes import Found, Parts, added_up, in_threads
from clinflu.errors import TooLargeError

BLOCK_ROWS = 4096
CHUNK_ROWS = 16 * BLOCK_ROWS
LARGEST_DENSE_BYTES = 2**28

Along = np.ndarray[Any, Any]
"""(n, ...): one entry a row."""

RowSums = Callable[..., Parts]
"""f(x (m, p), *along (m, ...), *fixed) -> arrays, to be added up over blocks of rows."""

RowValues = Callable[..., np.ndarray[Any, Any]]
"""f(x (m, p), *along (m, ...), *fixed) -> (m, ...), to be put one after another."""

OfGroup = Callable[[Rows, Matrix], Found]
"""f(rows (k,), x (k, p)) -> anything, of some rows and their positions."""


class DesignMatrix(ABC):
    r"""A design matrix X (n, p), float64, whose blocks of rows are dense one at a time.

    The algebra is the contract: every backend gives what the dense one gives, to rounding. ``x @ v``, ``u @ x`` and
    ``x[rows]`` are ``matvec``, ``rmatvec`` and ``rows``, so that a formula reads the same whatever holds the matrix;
    many rows at once stay in the backend. Sums over rows are added up in an order of their own, whatever the threads
    or workers: the same numbers each time.
    """

    __array_ufunc__ = None  # numpy leaves u @ x to __rmatmul__
    ndim: ClassVar[int] = 2
    backend: ClassVar[str]
    in_blocks: ClassVar[bool] = True  # whether dense blocks of rows are cheap; else products are
    few_vectors: ClassVar[int] = 0  # products with no more of them cost less than making the dense blocks

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(n, p)."""

    @abstractmethod
    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Write rows start to stop into out (stop - start, p)."""

    @abstractmethod
    def take(self, rows: Rows) -> "DesignMatrix":
        """Return these rows, by position, in the same backend."""

    def in_memory(self, rows: Rows) -> "DesignMatrix":
        """Return these rows, by position, where many passes over them cost least."""
        return self.take(rows)

    @abstractmethod
    def rows(self, rows: Rows) -> Matrix:
        """Return these rows dense, (k, p)."""

    @abstractmethod
    def largest(self) -> Vector:
        """Return max |x_ij| of each column, (p,); NaN where the column holds one."""

    @property
    def provenance(self) -> str:
        """What holds the matrix, in words."""
        n, p = self.shape
        return f"{self.backend} backend, {n:,} rows x {p:,} columns"

    def __array__(self, *_: object, **__: object) -> Matrix:
        """Refuse: what works on entries needs them all at once, and numpy would take them one by one.

        Raises
        ------
        TooLargeError
            Always.
        """
        return whole(self, f"what works on {len(self):,} rows at once")

    def __rmul__(self, _: object) -> Matrix:
        """Refuse, as :meth:`__array__` does."""
        return self.__array__()

    __mul__ = __add__ = __radd__ = __sub__ = __rsub__ = __truediv__ = __rmul__

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def sums(self, function: RowSums, *along: Along, fixed: tuple[Any, ...] = ()) -> Parts:
        """Add up what a function gives for each block of rows: one pass over the rows.

        Parameters
        ----------
        function : RowSums
            Of a dense block, the same rows of ``along``, and ``fixed``; a plain function of a module.
        along : (n, ...)
        fixed : tuple
            What it takes beside them, the same for all blocks.

        Returns
        -------
        tuple of arrays
        """
        chunks = range(0, len(self), CHUNK_ROWS)
        return added_up(in_threads(lambda start: self._chunk_sum(start, function, along, fixed), chunks))

    def each(self, function: RowValues, *along: Along, fixed: tuple[Any, ...] = ()) -> Matrix:
        """Return what a function gives for each row, in their order: one pass over the rows; see :meth:`sums`."""
        chunks = range(0, len(self), CHUNK_ROWS)
        found: Matrix = np.concatenate(
            in_threads(lambda start: self._chunk_values(start, function, along, fixed), chunks)
        )
        return found

    def of_groups(self, function: OfGroup[Found], groups: Iterable[Rows]) -> list[Found]:
        """Return what a function gives for each of several groups of rows, dense, in their order."""
        return [function(rows, self.rows(rows)) for rows in groups]

    def matvec(self, v: Matrix) -> Matrix:
        """Return X v, (n,) or (n, k); result[i] = sum_j X[i, j] v[j]."""
        return self.each(_times, fixed=(v,))

    def rmatvec(self, u: Matrix) -> Matrix:
        """Return X' u, (p,) or (p, k); result[j] = sum_i X[i, j] u[i]."""
        return self.sums(_transposed_times, u)[0]

    def sandwich(self, d: Vector) -> Matrix:
        """Return X' diag(d) X, (p, p); d of any sign."""
        return self.sums(_gram if np.all(d >= 0) else _signed_gram, d)[0]

    def quadratic(self, form: Matrix) -> Vector:
        """Return x_i' A x_i of each row, (n,), for a symmetric A (p, p)."""
        return self.each(_forms, fixed=(form,))

    def squares(self) -> Vector:
        """Return sum_i X[i, j]^2 of each column, (p,)."""
        return self.weighted_squares(np.ones(len(self)))

    def weighted_squares(self, d: Vector) -> Vector:
        """Return sum_i d[i] X[i, j]^2 of each column, (p,)."""
        return self.sums(_squares, d)[0]

    def column(self, place: int) -> Vector:
        """Return one column, (n,)."""
        unit = np.zeros(self.shape[1])
        unit[place] = 1.0
        return self.matvec(unit)

    def __matmul__(self, v: Matrix) -> Matrix:
        """X v."""
        return self.matvec(v)

    def __rmatmul__(self, u: Matrix) -> Matrix:
        """U X: of a vector (n,), or of the rows of a matrix (k, n)."""
        return self.rmatvec(u) if u.ndim == 1 else self.rmatvec(np.ascontiguousarray(u.T)).T

    def __getitem__(self, chosen: Any) -> Any:
        """One row (p,), rows (k, p) dense where they are few, in the backend where they are many, or x[:, j]."""
        if isinstance(chosen, tuple):
            rows, place = chosen
            return self.column(int(place))[rows]
        if isinstance(chosen, int | np.integer):
            return self.rows(np.array([range(len(self))[int(chosen)]]))[0]
        rows = np.arange(len(self))[chosen] if isinstance(chosen, slice) else np.asarray(chosen)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        few = 8 * len(rows) * self.shape[1] <= LARGEST_DENSE_BYTES
        return self.rows(rows) if few else self.take(rows)

    def _chunk_sum(self, start: int, function: RowSums, along: Parts, fixed: tuple[Any, ...]) -> Parts:
        total: Parts = ()
        for block, x in self._blocks(start):
            parts = function(x, *(one[block] for one in along), *fixed)
            total = tuple(map(np.add, total, parts)) if total else parts
        return total

    def _chunk_values(self, start: int, function: RowValues, along: Parts, fixed: tuple[Any, ...]) -> Any:
        return np.concatenate([function(x, *(one[b] for one in along), *fixed) for b, x in self._blocks(start)])

    def _blocks(self, start: int) -> Any:
        stop = min(start + CHUNK_ROWS, len(self))
        buffer = np.empty((min(BLOCK_ROWS, stop - start), self.shape[1]))
        for first in range(start, stop, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, stop)
            out = buffer[: last - first]
            self.fill(out, first, last)
            yield slice(first, last), out


AnyMatrix = Matrix | DesignMatrix
"""A plain array, or a matrix whose blocks alone are."""


def whole(x: AnyMatrix, what: str) -> Matrix:
    """Return a plain array, as it must be where every entry is looked at more than once.

    Raises
    ------
    TooLargeError
        The matrix is never dense as a whole.
    """
    if isinstance(x, DesignMatrix):
        raise TooLargeError(
            f"{what} needs the whole table in memory; audit a sample of it, or take the backend 'dense'"
        )
    return x


def _times(x: Matrix, v: Matrix) -> Matrix:
    product: Matrix = x @ v
    return product


def _transposed_times(x: Matrix, u: Matrix) -> Parts:
    return (x.T @ u,)


def _gram(x: Matrix, d: Vector) -> Parts:
    rooted = x * np.sqrt(d)[:, None]
    return (rooted.T @ rooted,)


def _signed_gram(x: Matrix, d: Vector) -> Parts:
    return ((x * d[:, None]).T @ x,)


def _forms(x: Matrix, form: Matrix) -> Vector:
    values: Vector = np.einsum("np,np->n", x @ form, x)
    return values


def _squares(x: Matrix, d: Vector) -> Parts:
    return (d @ np.square(x),)
