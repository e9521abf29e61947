"""JupyterLab with the notebooks, on this machine alone."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from clinflu.dashboard.serving.access import LOOPBACK
from clinflu.dashboard.serving.processes import ANY_PORT, end_cleanly, one_thread, require_free, stop
from clinflu.errors import StoreError

ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"
FIRST_NOTEBOOK = "02_trace_a_wrong_prediction.ipynb"
SAVING = "clinflu.dashboard.serving.notebooks.without_outputs"


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
    require_free(port)
    if not folder.is_dir():
        raise StoreError(f"there is no folder {folder.name} here; change to the folder that holds the notebooks")
    with tempfile.TemporaryDirectory(prefix="clinflu-") as place:
        process = subprocess.Popen(lab_command(folder, port), env=lab_environment(Path(place)))  # noqa: S603
        try:
            process.wait()
        except KeyboardInterrupt:
            pass
        finally:
            stop(process)


def lab_command(folder: Path, port: int | None = None) -> list[str]:
    """Return the command that starts JupyterLab in a folder of notebooks, on this machine alone.

    It wants :func:`lab_environment`. JupyterLab makes its own token, unless the variable JUPYTER_TOKEN holds one.
    Notebooks are saved without what their cells put out, which is patient data.

    Parameters
    ----------
    folder : Path
    port : int, optional
        By default any free one.
    """
    opened = [f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}"] if (folder / FIRST_NOTEBOOK).is_file() else []
    return [
        *(sys.executable, "-m", "clinflu.dashboard.serving.lab_server"),
        *(f"--ServerApp.root_dir={folder.resolve()}", *opened),
        *(f"--ServerApp.ip={LOOPBACK}", f"--ServerApp.port={port or ANY_PORT}", "--ServerApp.port_retries=0"),
        *("--ServerApp.allow_remote_access=False", "--LabApp.extension_manager=readonly"),
        *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"),
        f"--FileContentsManager.pre_save_hook={SAVING}",
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
    return {**os.environ, "JUPYTER_CONFIG_PATH": path, **one_thread()}
