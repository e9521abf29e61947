"""A Dask cluster: work sent to it, and what is done when it is lost."""

import atexit
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from threading import RLock
from typing import Any, TypeVar

from clinflu.data.matrix.opening import Opened, own_workers, scheduler_at, somebodys
from clinflu.errors import BackendError, DataError

ATTEMPTS = 4
ANSWER_S = 30.0
STALLED_S = 600.0  # longer than any one part takes

Found = TypeVar("Found")


class Cluster:
    """What work is sent to; opened when it is first needed, and again when it was lost.

    Parameters
    ----------
    opening : callable
        Returns a client that answers, or raises.
    """

    def __init__(self, opening: Callable[[], Opened]) -> None:
        self._opening = opening
        self._opened: Opened | None = None
        self._lock = RLock()

    @property
    def client(self) -> Any:
        """A client of the cluster as it is now."""
        with self._lock:
            if self._opened is None:
                self._opened = self._opening()
            return self._opened.client

    def persevere(self, work: Callable[[Any], Found]) -> Found:
        """Return what work with a client gives; where the cluster is lost meanwhile, begin again, a few times.

        Raises
        ------
        BackendError
            It was lost each time, or cannot be had.
        """
        from distributed import KilledWorker

        for _ in range(ATTEMPTS):
            client = None
            try:
                client = self.client
                check_connected(client)
                return work(client)
            except KilledWorker:
                raise BackendError(
                    "Dask workers die over the same part of the table, most likely for want of memory; give each more "
                    "of it, or take fewer workers"
                ) from None
            except ImportError:
                raise BackendError("Dask workers cannot import clinflu; install this version of it there") from None
            except _lost():
                self.close(client)
        raise BackendError(f"the Dask cluster was lost {ATTEMPTS} times; nothing of the work is kept; see its machines")

    def close(self, client: Any = None) -> None:
        """Let the cluster go; of a lost client only where nobody has opened another meanwhile."""
        with self._lock:
            opened = self._opened
            if opened is None or client not in {None, opened.client}:
                return
            self._opened = None
            opened.close()


@cache
def embedded(workers: int) -> Cluster:
    """Return the cluster of this process with so many workers; it stays for the next table, until the process ends."""
    _dask()
    cluster = Cluster(partial(own_workers, workers))
    atexit.register(cluster.close)
    return cluster


def at_address(address: str) -> Cluster:
    """Return the cluster of a scheduler."""
    _dask()
    return Cluster(partial(scheduler_at, address, ANSWER_S))


def of_client(client: Any) -> Cluster:
    """Return the cluster of somebody's client, who closes it."""
    _dask()
    return Cluster(partial(somebodys, client, ANSWER_S))


def check_connected(client: Any) -> None:
    """Raise where a client has lost its scheduler: what it is asked then, it may never answer."""
    if client.status != "running":
        raise ConnectionError


def wait_for(client: Any, future: Any, told: Callable[[], int]) -> Any:
    """Return a result; meanwhile have told how far the work is, and notice where nobody works at it.

    Raises
    ------
    BackendError
        There is no worker, and none comes.
    ConnectionError
        The scheduler is gone, or the work does not go on.
    """
    worked_on = moved = time.monotonic()
    done = -1
    while not future.done():
        with suppress(TimeoutError):
            future.exception(timeout=0.5)
        check_connected(client)
        now, before, done = time.monotonic(), done, told()
        moved = now if done != before else moved
        if future.done():
            break
        waiting = client.processing()
        worked_on = now if any(waiting.values()) else worked_on
        if now - worked_on > ANSWER_S and not waiting:
            raise BackendError("the Dask cluster has no worker; start some at the same scheduler")
        if now - worked_on > ANSWER_S or now - moved > STALLED_S:
            raise ConnectionError
    return future.result()


def _dask() -> None:
    if find_spec("distributed") is None:
        raise DataError("the backend 'dask' needs Dask: pip install 'clinflu[cluster]'")


def _lost() -> tuple[type[BaseException], ...]:
    """Return the errors that say that a scheduler or all of its memory is gone."""
    from concurrent.futures import CancelledError

    from distributed.client import ClosedClientError

    return CancelledError, ClosedClientError, OSError
