"""Ways to a Dask cluster: workers of this process's own, a scheduler that is there, somebody's client."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from clinflu.data.matrix.folder import PrivateFolder
from clinflu.data.matrix.remote import has_pages, spills
from clinflu.errors import BackendError

CLOSING_S = 10.0
HOST = "127.0.0.1"
KEPT_IN_MEMORY = {f"distributed.worker.memory.{threshold}": False for threshold in ("target", "spill", "pause")}
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
ONE_THREAD = {f"{library}_NUM_THREADS": 1 for library in ("OMP", "MKL", "OPENBLAS")}
PLAIN_MEMORY = {"distributed.nanny.pre-spawn-environ": ONE_THREAD}  # Dask's own has each block's memory mapped anew
PATIENT = {"distributed.comm.timeouts.connect": "60s"}
WAITING_FOR_WORKERS = {"distributed.deploy.lost-worker-timeout": "1h"}  # one that starts again may take its time
IMPATIENT = {"distributed.comm.timeouts.connect": "1s"}
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Opened:
    """A client, and how it is let go."""

    client: Any
    close: Callable[[], None]


def own_workers(workers: int) -> Opened:
    """Start workers on this machine that nobody else can talk to, and whose memory never goes to disk."""
    import dask
    from distributed import Client, LocalCluster

    folder, pages = PrivateFolder(), has_pages()
    waiting = dask.config.set(WAITING_FOR_WORKERS)  # which Dask looks up whenever a worker is lost
    try:
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
    except (OSError, RuntimeError):
        folder.remove()
        raise BackendError(
            "Dask workers do not start here; in a script, put what it does under: if __name__ == '__main__':"
        ) from None

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


def scheduler_at(address: str, seconds: float) -> Opened:
    """Connect to a scheduler."""
    from distributed import Client

    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError):
        raise BackendError("no Dask scheduler answers at that address; start one, or leave the address out") from None
    _check_memory(client)
    return Opened(client, client.close)


def somebodys(client: Any, seconds: float) -> Opened:
    """Take a client that is connected, or is about to be again."""
    end = time.monotonic() + seconds
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
