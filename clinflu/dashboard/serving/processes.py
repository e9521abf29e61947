"""Ports, and processes that are started, waited for and ended."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from clinflu.dashboard.serving.access import LOOPBACK
from clinflu.errors import DataError, StoreError

START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
PORT = "port"
ANY_PORT, LAST_PORT = 0, 65_535

Server = subprocess.Popen[bytes]


def end_cleanly() -> None:
    """Let this process end as on Ctrl+C when it is told to, so that no server and no patient data stay behind."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)


def require_ours(host: str) -> None:
    """Raise StoreError where a host is no address of this machine."""
    family, _, _, _, address = _resolved(host, 0)
    with socket.socket(family) as probe:
        try:
            probe.bind(address)
        except OSError:
            raise _not_ours(host) from None


def require_port(port: int | None) -> None:
    """Raise DataError where a number is no port: the server would take it for another one without a word."""
    if port is not None and not ANY_PORT <= port <= LAST_PORT:
        raise DataError(f"a port is a number from 1 to {LAST_PORT}, or {ANY_PORT} for any free one; give another")


def require_free(port: int | None, host: str = LOOPBACK) -> None:
    """Raise StoreError where somebody listens on the port already: what opens the page is not for them."""
    require_port(port)
    if port and listens(port, host):
        raise StoreError(f"port {port} is in use; give another port")


def listens(port: int, host: str = LOOPBACK) -> bool:
    """Return whether somebody listens on a port."""
    family, _, _, _, address = _resolved(host, port)
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def listening_port(place: Path, process: Server) -> int:
    """Wait until a server listens; return on which port, as it wrote it into its place, or raise StoreError."""
    wait_for(place / PORT, process, START_LIMIT_S)
    try:
        return int((place / PORT).read_text())
    except FileNotFoundError:
        raise StoreError("the server did not start; start it again, or give another port") from None


def wait_for(sign: Path, process: Server, limit_s: float) -> None:
    """Wait for a file that the server makes when it is ready, for some time and no longer."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None and not sign.exists():
        time.sleep(0.1)


def stop(process: Server) -> None:
    """End a process, gently if it can be."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def one_thread() -> dict[str, str]:
    """Return how many threads algebra may use: two spin against each other as soon as the machine is busy."""
    return {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}


def _resolved(host: str, port: int) -> tuple[int, int, int, str, tuple[str | int, ...]]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]  # type: ignore[return-value]
    except OSError:
        raise _not_ours(host) from None


def _not_ours(host: str) -> StoreError:
    return StoreError(f"{host} is no address of this machine; give one of its own, or leave out --host")
