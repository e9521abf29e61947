"""What workers run. Nothing raises there: Dask would log the arguments of what failed, which are patients' values."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from clinflu.data.arrays import Rows
from clinflu.data.matrix.coded import CodedMatrix
from clinflu.data.matrix.passes import Parts
from clinflu.data.matrix.spill import Layout, read_part
from clinflu.data.matrix.tasks import Task


@dataclass(frozen=True, slots=True, repr=False)
class Failed:
    """An error on its way to the one who asked."""

    error: Exception


def same(value: Any) -> Any:
    """Return what was sent; a worker that is lost is sent it again by the scheduler."""
    return value


def load(layout: Layout, path: Path, number: int, rows: int) -> CodedMatrix | Failed:
    """Return a part of the table."""
    try:
        return read_part(path, number, rows, layout)
    except Exception as error:  # noqa: BLE001 -- see above
        return Failed(error)


def taken(part: CodedMatrix | Failed, rows: Rows) -> CodedMatrix | Failed:
    """Return rows of a part."""
    return part if isinstance(part, Failed) else part.take(rows)


def run(asked: tuple[Task, tuple[Any, ...]], part: CodedMatrix | Failed, *along: np.ndarray[Any, Any]) -> Any:
    """Return what a task gives for a part."""
    if isinstance(part, Failed):
        return part
    task, fixed = asked
    try:
        return task(part, along, fixed)
    except Exception as error:  # noqa: BLE001 -- see above
        return Failed(error)


def add(first: Parts | Failed, second: Parts | Failed) -> Parts | Failed:
    """Add two results up; the first failure stays."""
    if isinstance(first, Failed):
        return first
    return second if isinstance(second, Failed) else tuple(map(np.add, first, second))


def spills(dask_worker: Any) -> bool:
    """Whether a worker that is short of memory would write what it holds to its disk."""
    from distributed.spill import SpillBuffer

    return isinstance(dask_worker.data, SpillBuffer)


def has_pages() -> bool:
    """Whether a scheduler shows its work to a browser."""
    return find_spec("bokeh") is not None
