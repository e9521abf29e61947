"""How long work tells how far it is, and how it is stopped."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

SHOWN_AFTER_S = 1.0


class Progress(Protocol):
    """Called between the parts of long work; to stop the work, raise :class:`clinflu.errors.Cancelled`.

    Whoever works leaves nothing half-done behind: no result, no entry of a cache, no file.
    """

    def __call__(self, done: int, total: int) -> None:
        """Say how many parts of how many are done."""


def silent(done: int, total: int) -> None:
    """Say nothing."""


@contextmanager
def shown(what: str) -> Iterator[Progress]:
    """Give a progress that appears as a bar on stderr, or in the notebook, once the work takes more than a second.

    Where stderr is a file or a pipe nothing appears.

    Parameters
    ----------
    what : str
        What is being done; never a value of the data.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    bar = Bar(*columns, console=console, transient=True)
    task = bar.add_task(f"{what} …", total=None)
    start, is_seen = time.monotonic(), console.is_terminal or console.is_jupyter

    def progress(done: int, total: int) -> None:
        if is_seen and not bar.live.is_started and time.monotonic() - start > SHOWN_AFTER_S:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


def telling(what: str, progress: Progress | None) -> AbstractContextManager[Progress]:
    """Give the progress that was asked for, or else a bar; see :func:`shown`."""
    return shown(what) if progress is None else nullcontext(progress)
