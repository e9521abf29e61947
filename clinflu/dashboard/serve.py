"""Serve a saved audit to the clinician at this machine, and to nobody else."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from pathlib import Path

from clinflu.audit import Audit
from clinflu.dashboard.app import AUDIT_VARIABLE
from clinflu.errors import StoreError

HERE = Path(__file__).parent
NOTEBOOK = HERE / "app.ipynb"
TEMPLATE = "clinflu"
LOOPBACK = "127.0.0.1"
EXTENSIONS = ("anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")
NO_FILE = "a^"  # matches no name
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


def serve(folder: Path, *, port: int | None = None, open_browser: bool = True) -> None:
    """Serve a saved audit until the user ends it with Ctrl+C.

    Parameters
    ----------
    folder : Path
        Made by ``audit.save``.
    port : int, optional
        By default any free one.
    open_browser : bool
        Whether to open the page as well as saying where it is.

    Raises
    ------
    StoreError
        The folder holds no audit, or the server does not start.
    """
    end_cleanly()
    Audit.open(folder)
    _require_free(port)
    port, token = port or free_port(), secrets.token_urlsafe(32)
    url = f"http://{LOOPBACK}:{port}/?token={token}"
    with tempfile.TemporaryDirectory(prefix="clinflu-") as place:
        environment = serve_environment(folder, token, Path(place))
        process = subprocess.Popen(serve_command(port), env=environment, cwd=place)  # noqa: S603
        try:
            _wait(process, port)
            sys.stdout.write(f"clinflu: open {url}\nclinflu: this address is a password; end with Ctrl+C\n")
            sys.stdout.flush()
            if open_browser:
                webbrowser.open(_redirect(Path(place), url))
            if process.wait():
                raise StoreError("the server stopped by itself; start it again")
        except KeyboardInterrupt:
            pass
        finally:
            _stop(process)


def end_cleanly() -> None:
    """Let this process end as on Ctrl+C when it is told to, so that no server and no patient data stay behind."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)


def serve_command(port: int) -> list[str]:
    """Return the command that starts the server; it needs :func:`serve_environment`.

    Neither the token nor the folder stands in it, because every user of a machine can list its commands.
    """
    return [
        *(sys.executable, "-m", "voila", str(NOTEBOOK)),
        *("--no-browser", f"--port={port}", f"--Voila.ip={LOOPBACK}", "--Voila.port_retries=0"),
        *("--Voila.auto_token=True", "--Voila.log_level=WARN"),
        *(f"--template={TEMPLATE}", "--strip_sources=True", "--show_tracebacks=False"),
        *("--VoilaConfiguration.allow_template_override=NO", "--VoilaConfiguration.allow_theme_override=NO"),
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
        f"--VoilaConfiguration.file_allowlist={NO_FILE}",
        *("--MappingKernelManager.cull_idle_timeout=600", "--MappingKernelManager.cull_interval=60"),
    ]


def serve_environment(folder: Path, token: str, place: Path) -> dict[str, str]:
    """Return the environment of the server.

    Parameters
    ----------
    folder : Path
        Of the saved audit.
    token : str
        Without it the server shows nothing.
    place : Path
        An empty folder of the user's own, for the page template and the kernel, which is this Python.
    """
    shutil.copytree(HERE / "voila", place / "voila" / "templates" / TEMPLATE)
    kernel = place / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "clinflu", "language": "python"}))
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("JUPYTER_PATH")]))
    return {
        **os.environ,
        AUDIT_VARIABLE: str(folder.resolve()),
        "IPYTHONDIR": str(place / "ipython"),
        "JUPYTER_PATH": path,
        "JUPYTER_TOKEN": token,
        **_one_thread(),
    }


def serve_lab(folder: Path, *, port: int | None = None) -> None:
    """Open JupyterLab in a folder of notebooks until the user ends it with Ctrl+C.

    Parameters
    ----------
    folder : Path
    port : int, optional
        By default any free one.

    Raises
    ------
    StoreError
        There is no such folder.
    """
    end_cleanly()
    _require_free(port)
    if not folder.is_dir():
        raise StoreError(f"there is no folder {folder.name} here; change to the folder that holds the notebooks")
    with tempfile.TemporaryDirectory(prefix="clinflu-") as place:
        process = subprocess.Popen(lab_command(folder, port), env=lab_environment(Path(place)))  # noqa: S603
        try:
            process.wait()
        except KeyboardInterrupt:
            pass
        finally:
            _stop(process)


def lab_command(folder: Path, port: int | None = None) -> list[str]:
    """Return the command that starts JupyterLab in a folder of notebooks, on this machine alone.

    It wants :func:`lab_environment`. JupyterLab makes its own token, unless the variable JUPYTER_TOKEN holds one.

    Parameters
    ----------
    folder : Path
    port : int, optional
        By default any free one.
    """
    return [
        *(sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"),
        *(f"--ServerApp.ip={LOOPBACK}", f"--ServerApp.port={port or free_port()}", "--ServerApp.port_retries=0"),
        *("--ServerApp.allow_remote_access=False", "--LabApp.extension_manager=readonly"),
        *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"),
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def lab_environment(place: Path) -> dict[str, str]:
    """Return the environment of JupyterLab, in which it asks nobody for news.

    Parameters
    ----------
    place : Path
        An empty folder of the user's own.
    """
    (place / "labconfig").mkdir(parents=True)
    settings = {"disabledExtensions": {ANNOUNCEMENTS: True}}
    (place / "labconfig" / "page_config.json").write_text(json.dumps(settings))
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("JUPYTER_CONFIG_PATH")]))
    return {**os.environ, "JUPYTER_CONFIG_PATH": path, **_one_thread()}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _one_thread() -> dict[str, str]:
    """Return how many threads algebra may use: two spin against each other as soon as the machine is busy."""
    return {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}


def _require_free(port: int | None) -> None:
    """Raise StoreError where somebody listens on the port already: the token is not for them."""
    with socket.socket() as probe:
        if port and probe.connect_ex((LOOPBACK, port)) == 0:
            raise StoreError(f"port {port} is in use; give another port")


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server listens, or raise StoreError."""
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.1)
    raise StoreError(f"the server did not start on port {port}; give another port")


def _redirect(place: Path, url: str) -> str:
    """Return a page of the user's own that leads to the address: a browser's command line can be listed too."""
    page = place / "open.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">', encoding="utf-8")
    return page.as_uri()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
