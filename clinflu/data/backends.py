"""What holds the design matrix, chosen by its size: the same numbers from each."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from clinflu.data.asking import check_count, nearest
from clinflu.data.coding import MOST_OF_A_SET, coded_matrix, sparse_matrix
from clinflu.data.design import Encoder
from clinflu.data.matrix import AnyMatrix
from clinflu.data.matrix.spill import PART_ROWS, Layout, Spill
from clinflu.data.matrix.streamed import GIBIBYTE, Plan, StreamedMatrix
from clinflu.errors import BackendError, DataError
from clinflu.progress import Progress

if TYPE_CHECKING:
    from clinflu.data.matrix.cluster import Cluster

AUTO = "auto"
LARGEST_DENSE_BYTES = 2**29
MANY_COLUMNS = 2_000
MANY_CODES = 1_000


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
    """Codes: about one byte for each row and recorded variable, or code of a set of at most 256."""

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
        return sparse_matrix(encoder, frame)


@dataclass(frozen=True)
class Streamed(Backend):
    """Codes on disk, read a part at a time.

    Parameters
    ----------
    budget_gib : float
        Memory that a pass may take, in GiB: parts that are read or kept, their blocks and sums. Beside it stand one
        number a row for each outcome, weight and result.
    folder : Path, optional
        Where the private folder of the parts is made; by default that of temporary files.
    part_rows : int
        Rows of a part at most; fewer where the budget asks for it.
    progress : Progress, optional
        Over the parts of each pass; by default a bar, once a pass takes more than a second.
    """

    budget_gib: float = 2.0
    folder: Path | None = None
    part_rows: int = PART_ROWS
    progress: Progress | None = None
    name: ClassVar[str] = "streamed"

    def __post_init__(self) -> None:
        if not self.budget_gib > 0:
            raise DataError(f"a budget of {self.budget_gib} GiB makes no sense; give a positive number, such as 2.0")
        check_count(self.part_rows, "the number of rows of a part", 1)

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Write codes to disk; what they stand for stays in memory."""
        codes = coded_matrix(encoder, frame)
        plan = Plan.within(int(self.budget_gib * GIBIBYTE), Layout.of(codes), self.part_rows)
        return StreamedMatrix.of(Spill.write(codes, self.folder, plan.part_rows), plan, self.progress)


@dataclass(frozen=True)
class OnDask(Backend):
    """Codes in the memory of Dask workers, who read them from disk.

    Parameters
    ----------
    address : str, optional
        Of a scheduler; by default a cluster on this machine that nobody else can talk to.
    workers : int
        Of that cluster.
    folder : Path, optional
        Where the private folder of the parts is made, a place that every worker sees; by default that of temporary
        files.
    client : distributed.Client, optional
        One that is connected, instead of an address.
    part_rows : int
        Rows of a part.
    progress : Progress, optional
        Over the parts of each pass; by default a bar, once a pass takes more than a second.
    """

    address: str | None = None
    workers: int = 2
    folder: Path | None = None
    client: Any = None
    part_rows: int = PART_ROWS
    progress: Progress | None = None
    name: ClassVar[str] = "dask"

    def __post_init__(self) -> None:
        check_count(self.workers, "the number of workers", 1)
        check_count(self.part_rows, "the number of rows of a part", 1)

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Write codes to disk, for the workers to read."""
        from clinflu.data.matrix.distributed import DaskMatrix

        cluster = self._cluster()
        spill = Spill.write(coded_matrix(encoder, frame), self.folder, self.part_rows)
        return DaskMatrix.of(spill, cluster, self.progress)

    def _cluster(self) -> "Cluster":
        from clinflu.data.matrix.cluster import at_address, embedded, of_client

        if self.client is not None:
            return of_client(self.client)
        if self.address is not None:
            return at_address(self.address)
        return embedded(self.workers)


@dataclass(frozen=True)
class Gpu(Backend):
    """All rows in the memory of a CUDA device, products by torch in float64."""

    name: ClassVar[str] = "gpu"

    def encode(self, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
        """Copy the rows to the device.

        Raises
        ------
        BackendError
            Torch sees no CUDA device, or none with room for them.
        """
        from clinflu.data.matrix.device import DeviceMatrix, fits_on_a_gpu

        if not fits_on_a_gpu(len(frame), len(encoder.columns)):
            raise BackendError("torch sees no CUDA device with room for this table; leave the backend out")
        return DeviceMatrix.of(coded_matrix(encoder, frame), "cuda")


BACKENDS: dict[str, type[Backend]] = {one.name: one for one in (Dense, Compact, Sparse, Streamed, OnDask, Gpu)}
"""By name; each can be made without options."""


def named_backend(text: str | None) -> str | Backend:
    """Return what a name or the address of a Dask scheduler stands for; without one, by the size of the table.

    Raises
    ------
    DataError
        There is no such backend.
    """
    if text is not None and "://" in text:
        return OnDask(address=text)
    if text is not None and text != AUTO and text not in BACKENDS:
        raise _no_such(text)
    return AUTO if text is None else text


def chosen_backend(backend: str | Backend, rows: int, columns: int, most_codes: int = 0) -> Backend:
    """Return the backend of that name, or by the size of the table.

    Parameters
    ----------
    backend : str or Backend
    rows, columns : int
        Of the design matrix.
    most_codes : int
        Columns of its widest set of codes.

    Raises
    ------
    DataError
        There is no such backend.
    """
    if isinstance(backend, Backend):
        return backend
    if backend == AUTO:
        return _by_size(rows, columns, most_codes)
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise _no_such(backend)
    return BACKENDS[backend]()


def _by_size(rows: int, columns: int, most_codes: int) -> Backend:
    from clinflu.data.matrix.device import fits_on_a_gpu

    if most_codes > MANY_CODES:
        return Sparse()
    if 8 * rows * columns <= LARGEST_DENSE_BYTES:
        return Dense()
    if columns > MANY_COLUMNS or most_codes > MOST_OF_A_SET:
        return Sparse()
    return Gpu() if fits_on_a_gpu(rows, columns) else Compact()


def _no_such(backend: object) -> DataError:
    meant = nearest(backend, [AUTO, *BACKENDS]) if isinstance(backend, str) else ""
    return DataError(f"there is no backend of that name{meant}; there are: {AUTO}, {', '.join(BACKENDS)}")
