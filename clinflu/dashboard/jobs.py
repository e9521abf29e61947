"""Work beside the interface: it tells how far it is, it can be stopped, and of what is asked twice the last wins."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from clinflu.errors import Cancelled
from clinflu.progress import Progress

WORKERS = 2  # one may still be busy with what nobody wants any more

Compute = Callable[[Progress], Any]
Deliver = Callable[[Callable[[], None]], None]


class Jobs:
    """Runs work in threads where the interface has an event loop, and at once where it has none.

    Results are delivered on the interface's own thread, so that nothing else needs a lock.
    """

    def __init__(self) -> None:
        self._deliver = _loop_of_this_thread()
        self._pool = ThreadPoolExecutor(WORKERS, "clinflu") if self._deliver else None
        self._wanted: dict[str, Event] = {}

    def start(
        self, name: str, compute: Compute, ended: Callable[[Any, BaseException | None], None], told: Progress
    ) -> None:
        """Begin work under a name; what runs under that name already is no longer wanted.

        Parameters
        ----------
        name : str
        compute : callable
            Given a progress.
        ended : callable
            Called with the result or the exception, unless the work was replaced or stopped.
        told : Progress
            Called with how far it is.
        """
        self.stop(name)
        job = self._wanted[name] = Event()

        def finish(result: Any, error: BaseException | None) -> None:
            if self._wanted.get(name) is job:
                del self._wanted[name]
                ended(result, error)

        def tell(done: int, total: int) -> None:
            if self._wanted.get(name) is job:
                told(done, total)

        if self._pool is None or self._deliver is None:
            finish(*_run(compute, job, tell))
            return
        deliver = self._deliver

        def tell_there(done: int, total: int) -> None:
            deliver(lambda: tell(done, total))

        def work() -> None:
            outcome = _run(compute, job, tell_there)
            deliver(lambda: finish(*outcome))

        self._pool.submit(work)

    def stop(self, name: str) -> None:
        """Let nothing come of the work under a name."""
        job = self._wanted.pop(name, None)
        if job:
            job.set()


def _run(compute: Compute, job: Event, tell: Progress) -> tuple[Any, BaseException | None]:
    def progress(done: int, total: int) -> None:
        if job.is_set():
            raise Cancelled("stopped")
        tell(done, total)

    try:
        progress(0, 0)
        return compute(progress), None
    except Exception as error:  # noqa: BLE001 it is shown by whoever asked
        return None, error


def _loop_of_this_thread() -> Deliver | None:
    """Return how to run something on this thread's event loop, None where none runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None

    def deliver(action: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(action)

    return deliver
