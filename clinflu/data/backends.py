"""What holds the design matrix, chosen by its size: the same numbers from each."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from clinflu.data.coding import coded_matrix
from clinflu.data.design import Encoder
from clinflu.data.matrix import AnyMatrix
from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.errors import DataError

AUTO = "auto"
LARGEST_DENSE_BYTES = 2**29
MANY_COLUMNS = 2_000


class Backend(ABC):
    """One way to hold a design matrix."""

    name: ClassVar[str]

    @abstractmethod
    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Return the design matrix of the rows, (n, p)."""


@dataclass(frozen=True)
class Dense(Backend):
    """A plain array: 8 bytes for each row and column."""

    name: ClassVar[str] = "dense"

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Return a plain array."""
        return encoder.encode(frame)


@dataclass(frozen=True)
class Compact(Backend):
    """Codes: about one byte for each row and recorded variable."""

    name: ClassVar[str] = "compact"

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Return codes and what they stand for."""
        return coded_matrix(encoder, frame)


@dataclass(frozen=True)
class Sparse(Backend):
    """What is not zero: 12 bytes for each entry."""

    name: ClassVar[str] = "sparse"

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Return compressed rows."""
        return SparseMatrix.of(coded_matrix(encoder, frame))


BACKENDS: dict[str, type[Backend]] = {one.name: one for one in (Dense, Compact, Sparse)}
"""By name; each can be made without options."""


def chosen_backend(backend: str | Backend, rows: int, columns: int) -> Backend:
    """Return the backend of that name, or by the size of the table.

    Raises
    ------
    DataError
        There is no such backend.
    """
    if isinstance(backend, Backend):
        return backend
    if backend == AUTO:
        if 8 * rows * columns <= LARGEST_DENSE_BYTES:
            return Dense()
        return Sparse() if columns > MANY_COLUMNS else Compact()
    if backend not in BACKENDS:
        raise DataError(f"there is no backend of that name; there are: {AUTO}, {', '.join(BACKENDS)}")
    return BACKENDS[backend]()
