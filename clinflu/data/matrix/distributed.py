"""The Dask backend: each part of the table in the memory of some worker, every pass one map and one tree of sums."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from threading import RLock
from typing import Any, ClassVar, Self

import numpy as np

from clinflu.data.arrays import Rows
from clinflu.data.matrix.cluster import Cluster, wait_for
from clinflu.data.matrix.parts import MatrixInParts, Piece
from clinflu.data.matrix.passes import Parts
from clinflu.data.matrix.remote import Failed, add, has_pages, load, run, same, taken
from clinflu.data.matrix.spill import Spill
from clinflu.data.matrix.tasks import Task
from clinflu.progress import Progress, telling

ARRAYS_KEPT = 4  # such as outcomes and weights, which every pass needs
SUMS_FIRST = 10  # adding up frees memory, so it goes before the next part

Futures = list[Any]


class Partitions:
    """What the workers hold for a matrix, put there again where it was lost.

    Parameters
    ----------
    make : callable
        Has the workers load or cut each part; they do so again by themselves when one of them dies.
    """

    def __init__(self, make: Callable[[Any], Futures]) -> None:
        self._make = make
        self._client: Any = None
        self._parts: Futures = []
        self._sent: OrderedDict[bytes, Futures] = OrderedDict()
        self._lock = RLock()

    def on(self, client: Any) -> Futures:
        """Return the parts as they are on this client's cluster."""
        with self._lock:
            if client is not self._client or any(one.cancelled() for one in self._parts):
                self._sent.clear()
                self._parts = self._make(client)
                self._client = client
            return self._parts

    def beside(self, client: Any, values: np.ndarray[Any, Any], pieces: tuple[Piece, ...]) -> Futures:
        """Send to each part what stands along its rows; the last few vectors stay there, known by their content."""
        if values.ndim > 1:
            return _sent(client, values, pieces)
        key = blake2b(np.ascontiguousarray(values).view(np.uint8).data, key=values.dtype.str.encode()).digest()
        with self._lock:
            kept = self._sent.get(key)
            if kept is None or any(one.cancelled() for one in kept):
                kept = self._sent[key] = _sent(client, values, pieces)
            self._sent.move_to_end(key)
            while len(self._sent) > ARRAYS_KEPT:
                self._sent.popitem(last=False)
        return kept


@dataclass(frozen=True, eq=False)
class DaskMatrix(MatrixInParts):
    """Codes of all rows in the memory of workers, who read them from a folder that all of them see.

    Parameters
    ----------
    spill : Spill
    at : (n,) int or None
    cluster : Cluster
    table : Partitions
        Of the whole table.
    progress : Progress, optional
        Over the parts of each pass; by default a bar, once a pass takes more than a second.
    """

    backend: ClassVar[str] = "dask"
    cluster: Cluster
    table: Partitions
    progress: Progress | None = None

    @classmethod
    def of(cls, spill: Spill, cluster: Cluster, progress: Progress | None = None) -> Self:
        """Return all rows of a spilled table."""

        def loaded(client: Any) -> Futures:
            layout = client.submit(same, spill.layout, pure=False)
            parts = ((spill.path(number), number, spill.rows_of(number)) for number in range(spill.count))
            return [client.submit(load, layout, *part, pure=False) for part in parts]

        return cls(spill, None, cluster, Partitions(loaded), progress)

    @property
    def provenance(self) -> str:
        """What holds the matrix, in how many parts, on how many workers; and where Dask shows its work."""
        workers, link = self.cluster.persevere(_seen)
        shown = f"; Dask's dashboard: {link}" if link else ""
        return f"{super().provenance}, in {self.spill.count:,} parts on {workers} Dask workers{shown}"

    def view(self, at: Rows) -> Self:
        """Return these rows of the spilled table."""
        return type(self)(self.spill, at, self.cluster, self.table, self.progress)

    def results(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Iterator[Any]:
        """Yield what a task gives for each piece, worked out by all workers."""

        def ask(client: Any) -> list[Any]:
            asked = self._asked(client, task, along, fixed)
            with self._telling() as tell:
                say = told(asked, tell)
                return [wait_for(client, one, say) for one in asked]

        return map(_checked, self.cluster.persevere(ask))

    def total(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Parts:
        """Add up what a task gives for each piece, by workers, pairwise in a fixed order."""

        def ask(client: Any) -> Any:
            asked = self._asked(client, task, along, fixed)
            with self._telling() as tell:
                say, asked = told(asked, tell), _added(client, asked)
                return wait_for(client, asked[0], say)

        return tuple(np.require(one, requirements="W") for one in _checked(self.cluster.persevere(ask)))

    @cached_property
    def _partitions(self) -> Partitions:
        if self.at is None:
            return self.table
        table, pieces = self.table, self.pieces

        def cut(client: Any) -> Futures:
            parts = table.on(client)
            return [client.submit(taken, parts[one.number], one.inside, pure=False) for one in pieces]

        return Partitions(cut)

    def _asked(self, client: Any, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Futures:
        parts = self._partitions.on(client)
        beside = [self._partitions.beside(client, one, self.pieces) for one in along]
        asked = client.submit(same, (task, fixed), pure=False)
        return list(client.map(run, [asked] * len(parts), parts, *beside, pure=False))

    def _telling(self) -> AbstractContextManager[Progress]:
        return telling("Passing over the rows", self.progress)


def told(asked: Futures, tell: Progress) -> Callable[[], int]:
    """Return what tells and returns how many are done; what is done is let go, so that workers can forget it."""
    total, waiting = len(asked), set(asked)

    def say() -> int:
        waiting.difference_update([one for one in waiting if one.done()])
        tell(total - len(waiting), total)
        return total - len(waiting)

    return say


def _added(client: Any, sums: Futures) -> Futures:
    """Return the sum of sums, by the same tree as :func:`clinflu.data.matrix.passes.added_up`."""
    while len(sums) > 1:
        odd = sums[-1:] if len(sums) % 2 else []
        sums = [*client.map(add, sums[: len(sums) - len(odd) : 2], sums[1::2], pure=False, priority=SUMS_FIRST), *odd]
    return sums


def _seen(client: Any) -> tuple[int, str | None]:
    return len(client.nthreads()), client.dashboard_link if client.run_on_scheduler(has_pages) else None


def _sent(client: Any, values: np.ndarray[Any, Any], pieces: tuple[Piece, ...]) -> Futures:
    return [client.submit(same, np.ascontiguousarray(values[one.place]), pure=False) for one in pieces]


def _checked(found: Any) -> Any:
    if isinstance(found, Failed):
        raise found.error
    return found
