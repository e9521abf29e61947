"""A Dask cluster: one of this process's own, or one that is there; and what is done when it is lost."""

import atexit
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from threading import RLock
from typing import Any, TypeVar

from clinflu.data.matrix.folder import PrivateFolder
from clinflu.data.matrix.remote import has_pages, spills
from clinflu.errors import BackendError, DataError

ATTEMPTS = 4
ANSWER_S = 30.0
CLOSING_S = 10.0
STALLED_S = 600.0  # longer than any one part takes
HOST = "127.0.0.1"
KEPT_IN_MEMORY = {f"distributed.worker.memory.{threshold}": False for threshold in ("target", "spill", "pause")}
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
ONE_THREAD = {f"{library}_NUM_THREADS": 1 for library in ("OMP", "MKL", "OPENBLAS")}
PLAIN_MEMORY = {"distributed.nanny.pre-spawn-environ": ONE_THREAD}  # Dask's own has each block's memory mapped anew
PATIENT = {"distributed.comm.timeouts.connect": "60s"}
WAITING_FOR_WORKERS = {"distributed.deploy.lost-worker-timeout": "1h"}  # one that starts again may take its time
IMPATIENT = {"distributed.comm.timeouts.connect": "1s"}
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

Found = TypeVar("Found")


@dataclass(frozen=True)
class Opened:
    """A client, and how it is let go."""

    client: Any
    close: Callable[[], None]


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
            client = self.client
            try:
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
    cluster = Cluster(partial(_embedded, workers))
    atexit.register(cluster.close)
    return cluster


def at_address(address: str) -> Cluster:
    """Return the cluster of a scheduler."""
    _dask()
    return Cluster(partial(_connected, address))


def of_client(client: Any) -> Cluster:
    """Return the cluster of somebody's client, who closes it."""
    _dask()
    return Cluster(partial(_given, client))


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


def _embedded(workers: int) -> Opened:
    """Start workers on this machine that nobody else can talk to, and whose memory never goes to disk."""
    import dask
    from distributed import Client, LocalCluster

    folder, pages = PrivateFolder(), has_pages()
    waiting = dask.config.set(WAITING_FOR_WORKERS)  # which Dask looks up whenever a worker is lost
    with dask.config.set({**KEPT_IN_MEMORY, **PLAIN_MEMORY, **PATIENT, **({} if pages else NO_PAGES)}):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=HOST,
            dashboard_address=f"{HOST}:0",
            scheduler_kwargs={"dashboard": pages},
            local_directory=str(folder.path),
            silence_logs=logging.CRITICAL,
            security=_credentials(folder),
        )
        client = Client(cluster, set_as_default=False)

    def close() -> None:
        for nanny in cluster.workers.values():
            _end(nanny)
        for one in (client, cluster):
            with suppress(Exception), dask.config.set(IMPATIENT):  # whatever is lost already
                one.close(timeout=CLOSING_S)
        waiting.__exit__(None, None, None)
        folder.remove()

    return Opened(client, close)


def _end(nanny: Any) -> None:
    """End a worker at once: it has nothing to put away, and one that looks for a lost scheduler would not end."""
    nanny.auto_restart = False
    with suppress(ProcessLookupError):
        if nanny.pid:
            os.kill(nanny.pid, signal.SIGKILL)


def _connected(address: str) -> Opened:
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError):
        raise BackendError("no Dask scheduler answers at that address; start one, or leave the address out") from None
    _check_memory(client)
    return Opened(client, client.close)


def _given(client: Any) -> Opened:
    end = time.monotonic() + ANSWER_S
    while client.status == "connecting" and time.monotonic() < end:
        time.sleep(0.1)
    if client.status != "running":
        raise BackendError("the Dask client has lost its scheduler; give one that is connected")
    _check_memory(client)
    return Opened(client, lambda: None)


def _check_memory(client: Any) -> None:
    """Refuse workers that would pickle patients' values to disk."""
    if any(client.run(spills).values()):
        raise BackendError(
            "Dask workers there would write patients' values to their disks; start them with "
            "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=False and DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False"
        )


def _credentials(folder: PrivateFolder) -> Any:
    """Return a key and a certificate for this cluster alone: who has none cannot talk to it, on this machine either."""
    from distributed.security import Security

    if find_spec("cryptography") is not None:
        return Security.temporary()
    key = folder.path / "key.pem"
    key.touch(mode=0o600)
    try:
        command = [*CERTIFICATE, "-subj", "/CN=clinflu", "-days", "365", "-keyout", str(key)]
        certificate = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise BackendError("a private Dask cluster needs cryptography: pip install 'clinflu[cluster]'") from None
    secret = key.read_text()
    key.unlink()
    sides = {f"tls_{side}_{kind}": text for side in ("client", "scheduler", "worker")
             for kind, text in (("key", secret), ("cert", certificate))}  # fmt: skip
    return Security(require_encryption=True, tls_ca_file=certificate, **sides)
