"""The streamed backend: parts are read from disk as a pass comes to them, within a stated budget of memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar, Self

from clinflu.data.arrays import Rows
from clinflu.data.matrix.base import BLOCK_ROWS, DesignMatrix
from clinflu.data.matrix.coded import CodedMatrix
from clinflu.data.matrix.in_turn import added_as_they_come, in_turn
from clinflu.data.matrix.parts import MatrixInParts, Piece
from clinflu.data.matrix.passes import Parts
from clinflu.data.matrix.spill import PART_ROWS, Layout, Spill
from clinflu.data.matrix.tasks import Task, as_it_is
from clinflu.errors import BackendError
from clinflu.progress import Progress, telling

GIBIBYTE = 2**30
COPIES = 4  # of a part, while it is read, decoded and cut to the rows that are asked for
BLOCKS = 3  # of dense rows, and as many of p x p, while a block is worked on


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pass keeps within its budget.

    Parameters
    ----------
    threads : int
        Parts worked on at once.
    part_rows : int
    room : int
        Bytes left for what stays in memory from one pass to the next: three quarters for parts, the rest for a sample.
    """

    threads: int
    part_rows: int
    room: int

    @classmethod
    def within(cls, budget: int, layout: Layout, most_rows: int = PART_ROWS) -> Self:
        """Return the most threads, then the largest parts, that a budget of bytes allows.

        Raises
        ------
        BackendError
            It allows none.
        """
        block = 8 * BLOCKS * layout.columns * (BLOCK_ROWS + layout.columns)
        least = block + COPIES * layout.row_bytes * BLOCK_ROWS
        if budget < least:
            raise BackendError(
                f"a table of {layout.columns:,} columns cannot be streamed in that little memory; give a budget of at "
                f"least {1.01 * least / GIBIBYTE:.2g} GiB"
            )
        threads = min(len(os.sched_getaffinity(0)), budget // least)
        rows = (budget // threads - block) // (COPIES * layout.row_bytes)
        part_rows = int(min(most_rows, rows))
        return cls(threads, part_rows, budget - threads * (block + COPIES * layout.row_bytes * part_rows))


class Reader:
    """Reads parts; the first ones stay in memory as far as there is room, so that a small table is read once.

    Which ones stay does not depend on what was read last: of parts that come round and round, the last ones read are
    those that will be needed latest.

    Parameters
    ----------
    spill : Spill
    plan : Plan
    progress : Progress, optional
        Over the parts of each pass; by default a bar, once a pass takes more than a second.
    """

    def __init__(self, spill: Spill, plan: Plan, progress: Progress | None = None) -> None:
        self.spill = spill
        self.plan = plan
        self.progress = progress
        self.sample_bytes = plan.room // 4
        self._staying = (plan.room - self.sample_bytes) // max(1, spill.layout.row_bytes * spill.part_rows)
        self._kept: dict[int, CodedMatrix] = {}
        self._lock = Lock()

    def part(self, piece: Piece) -> CodedMatrix:
        """Return the rows of a piece."""
        with self._lock:
            kept = self._kept.get(piece.number)
        if kept is None:
            kept = self.spill.read(piece.number)
            if piece.number < self._staying:
                with self._lock:
                    self._kept[piece.number] = kept
        return kept if piece.inside is None else kept.take(piece.inside)


@dataclass(frozen=True, eq=False)
class StreamedMatrix(MatrixInParts):
    """Parts of Parquet, of which few are in memory at once.

    Parameters
    ----------
    spill : Spill
    at : (n,) int, optional
    reader : Reader
        The same for all that is taken from one table.
    """

    backend: ClassVar[str] = "streamed"
    reader: Reader

    @classmethod
    def of(cls, spill: Spill, plan: Plan, progress: Progress | None = None) -> Self:
        """Return all rows of a spilled table."""
        return cls(spill, None, Reader(spill, plan, progress))

    @property
    def provenance(self) -> str:
        """What holds the matrix, and in how many parts."""
        return f"{super().provenance}, in {self.spill.count:,} parts on disk"

    def view(self, at: Rows) -> Self:
        """Return these rows of the spilled table."""
        return type(self)(self.spill, at, self.reader)

    def in_memory(self, rows: Rows) -> DesignMatrix:
        """Return these rows as codes in memory, where they stand in their order and the budget has room for them."""
        chosen = self.take(rows)
        in_order = all(isinstance(one.place, slice) for one in chosen.pieces)
        if not in_order or not 0 < len(chosen) * self.spill.layout.row_bytes <= self.reader.sample_bytes:
            return chosen
        return self.spill.layout.joined(list(chosen.results(as_it_is, (), ())))

    def results(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Iterator[Any]:
        """Yield what a task gives for each piece; few are read ahead."""
        reader = self.reader

        def ask(piece: Piece) -> Any:
            return task(reader.part(piece), tuple(one[piece.place] for one in along), fixed)

        with telling("Passing over the rows", reader.progress) as tell:
            for done, found in enumerate(in_turn(ask, self.pieces, min(reader.plan.threads, len(self.pieces))), 1):
                tell(done, len(self.pieces))
                yield found

    def total(self, task: Task, along: Parts, fixed: tuple[Any, ...]) -> Parts:
        """Add up what a task gives for each piece, pairwise, as they come."""
        return added_as_they_come(self.results(task, along, fixed))
