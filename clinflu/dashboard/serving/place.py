"""The private place of a server: its template, its kernel, its settings, and the environment that points there."""

import json
import os
import shutil
import sys
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from clinflu.dashboard.serving.access import LOCAL, PASSWORD_VARIABLE, Access
from clinflu.dashboard.serving.processes import one_thread

AUDIT_VARIABLE = "CLINFLU_AUDIT"
ROLE_VARIABLE = "CLINFLU_ROLE"
PLACE_VARIABLE = "CLINFLU_PLACE"
PAGE_VARIABLE = "CLINFLU_PLOTLY_IN_PAGE"
SETTINGS = "voila.json"
READY = "ready"
TEMPLATE = "clinflu"
TEMPLATE_FOLDER = Path(__file__).parents[1] / "voila"
PROVISIONER = "clinflu-forked"
PROVISIONERS = "jupyter_client.kernel_provisioners"
LONGEST_PLACE = 40  # bytes; the name of a socket in it ends within the 107 that Linux allows
PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
SECRETS = (PASSWORD_VARIABLE, "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE")


def serve_environment(
    folder: Path, token: str, place: Path, access: Access = LOCAL, role: str = "clinician"
) -> dict[str, str]:
    """Return the environment of the server.

    Parameters
    ----------
    folder : Path
        Of the saved audit.
    token : str
        Without it the server shows nothing, unless there is a password.
    place : Path
        An empty folder of the user's own, for the page template, the settings and the kernel, which is this Python.
    access : Access
    role : str
        Of whom the page is for.
    """
    template = place / "voila" / "templates" / TEMPLATE
    shutil.copytree(TEMPLATE_FOLDER, template)
    (template / "static").mkdir()
    shutil.copyfile(PLOTLY, template / "static" / PLOTLY.name)
    kernel = place / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(_kernel()))
    (place / SETTINGS).touch(mode=0o600)
    (place / SETTINGS).write_text(json.dumps(_settings(place, access)))
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("JUPYTER_PATH")]))
    return {
        **{name: value for name, value in os.environ.items() if name not in SECRETS},
        **({} if access.password else {"JUPYTER_TOKEN": token}),
        AUDIT_VARIABLE: str(folder.resolve()),
        ROLE_VARIABLE: role,
        PLACE_VARIABLE: str(place.resolve()),
        PAGE_VARIABLE: "1",
        "IPYTHONDIR": str(place / "ipython"),
        "JUPYTER_PATH": path,
        **({"TMPDIR": str(place.resolve())} if _fits_sockets(place) else {}),
        **one_thread(),
    }


def can_fork() -> bool:
    """Return whether kernels can share one memory here."""
    return sys.platform == "linux" and bool(entry_points(group=PROVISIONERS, name=PROVISIONER))


def _kernel() -> dict[str, object]:
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel: dict[str, object] = {
        "argv": command,
        "display_name": "clinflu",
        "language": "python",
        "interrupt_mode": "message",
    }
    if not can_fork():
        return kernel
    return {**kernel, "metadata": {"kernel_provisioner": {"provisioner_name": PROVISIONER}}}


def _settings(place: Path, access: Access) -> dict[str, dict[str, object]]:
    """Return what may stand in no command line, or would be long there."""
    identity: dict[str, object] = {"allow_password_change": False}
    server: dict[str, object] = {"connection_dir_root": str(place.resolve())}
    if access.password:
        from jupyter_server.auth.security import passwd

        identity["hashed_password"] = passwd(access.password)  # type: ignore[no-untyped-call]
    if access.proxy:
        identity["secure_cookie"] = True
        server["tornado_settings"] = {"allow_origin": access.proxy}
    return {"PasswordIdentityProvider": identity, "Voila": server, "KernelManager": {"transport": _transport(place)}}


def _transport(place: Path) -> str:
    """Return how server and kernels talk: by sockets in the private place, since everybody here can listen to TCP."""
    return "ipc" if _fits_sockets(place) else "tcp"


def _fits_sockets(place: Path) -> bool:
    return sys.platform == "linux" and len(os.fsencode(place.resolve())) <= LONGEST_PLACE
