"""Serve a saved audit as a page: to this machine, and beyond it only behind a password or a stated proxy."""

import secrets
import subprocess
import sys
import webbrowser
from pathlib import Path

from clinflu.dashboard.serving.access import LOCAL, LOOPBACK, Access
from clinflu.dashboard.serving.place import READY, TEMPLATE, serve_environment
from clinflu.dashboard.serving.processes import (
    ANY_PORT,
    end_cleanly,
    listening_port,
    require_free,
    require_ours,
    stop,
    wait_for,
)
from clinflu.errors import StoreError

NOTEBOOK = Path(__file__).parents[1] / "app.ipynb"
EXTENSIONS = ("anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")
NO_FILE = "a^"  # matches no name
READY_LIMIT_S = 60.0
IDLE_LIMIT_S = 600
CULLING_EVERY_S = 60
REFILL_AFTER_S = 3  # the page of one visitor is there before the next kernel takes a core


def serve(
    folder: Path,
    place: Path,
    *,
    access: Access = LOCAL,
    role: str = "clinician",
    port: int | None = None,
    open_browser: bool = True,
) -> None:
    """Serve a saved audit until the user ends it with Ctrl+C.

    Parameters
    ----------
    folder : Path
        Made by ``audit.save``.
    place : Path
        A folder of the user's own for what the server needs. Where this process is killed, the server removes it.
    access : Access
        By default a token opens the page, on this machine alone.
    role : str
        Of whom the page is for.
    port : int, optional
        By default any free one.
    open_browser : bool
        Whether to open the page as well as saying where it is.

    Raises
    ------
    StoreError
        The folder holds no audit, or the server does not start.
    """
    from clinflu.audit import Audit

    end_cleanly()
    Audit.open(folder)
    require_ours(access.host)
    require_free(port, access.host)
    token = secrets.token_urlsafe(32)
    process = subprocess.Popen(  # noqa: S603
        serve_command(port or ANY_PORT, access.host),
        env=serve_environment(folder, token, place, access, role),
        cwd=place,
        start_new_session=True,  # Ctrl+C is for this process alone, which ends the other
    )
    try:
        url = access.url(listening_port(place, process), token)
        wait_for(place / READY, process, READY_LIMIT_S)
        _announce(access, url)
        if open_browser:
            webbrowser.open(_redirect(place, url))
        if process.wait():
            raise StoreError("the server stopped by itself; start it again")
    except KeyboardInterrupt:
        pass
    finally:
        stop(process)


def serve_command(
    port: int = ANY_PORT,
    host: str = LOOPBACK,
    *,
    idle_limit_s: int = IDLE_LIMIT_S,
    culling_every_s: int = CULLING_EVERY_S,
    refill_after_s: int = REFILL_AFTER_S,
) -> list[str]:
    """Return the command that starts the server; it needs :func:`serve_environment`.

    Neither the token nor the folder stands in it, because every user of a machine can list its commands.

    Parameters
    ----------
    port : int
        Where it is 0 the server takes a free one, and writes which into its place.
    host : str
        The address to listen on.
    idle_limit_s : int
        How long the kernel of a visitor who left is kept.
    culling_every_s : int
        How often it is looked who left.
    refill_after_s : int
        How long after a visitor came the kernel for the next one is made.
    """
    return [
        *(sys.executable, "-m", "clinflu.dashboard.serving", str(NOTEBOOK)),
        *("--no-browser", f"--port={port}", f"--Voila.ip={host}", "--Voila.port_retries=0"),
        *("--Voila.auto_token=True", "--Voila.log_level=WARN"),
        *(f"--template={TEMPLATE}", "--strip_sources=True", "--show_tracebacks=False"),
        "--VoilaConfiguration.multi_kernel_manager_class=clinflu.dashboard.serving.culling.CullingManager",
        *("--preheat_kernel=True", "--pool_size=1", f"--VoilaKernelManager.fill_delay={refill_after_s}"),
        *("--VoilaConfiguration.allow_template_override=NO", "--VoilaConfiguration.allow_theme_override=NO"),
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
        f"--VoilaConfiguration.file_allowlist={NO_FILE}",
        f"--MappingKernelManager.cull_idle_timeout={idle_limit_s}",
        f"--MappingKernelManager.cull_interval={culling_every_s}",
    ]


def _announce(access: Access, url: str) -> None:
    """Say where the page is, and what to know about it."""
    opens = "the password opens it" if access.password else "this address is a password"
    sys.stdout.write(f"clinflu: open {url}\nclinflu: {opens}; end with Ctrl+C\n")
    if access.note:
        sys.stdout.write(f"clinflu: note: {access.note}\n")
    sys.stdout.flush()


def _redirect(place: Path, url: str) -> str:
    """Return a page of the user's own that leads to the address: a browser's command line can be listed too."""
    page = place / "open.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">', encoding="utf-8")
    return page.as_uri()
