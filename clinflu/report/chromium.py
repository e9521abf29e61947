"""Chrome or Chromium of this machine, started so that it asks nothing of any other."""

import os
import shutil
from functools import cache
from typing import Any

from clinflu.errors import DataError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_VARIABLE = "BROWSER_PATH"
LEAVE_OUT = "or leave out the formats pdf and figures"
OFFLINE = (
    "--host-resolver-rules=MAP * ~NOTFOUND",  # names and addresses alike
    *("--disable-background-networking", "--disable-domain-reliability", "--disable-client-side-phishing-detection"),
    *("--disable-default-apps", "--disable-extensions", "--disable-quic", "--no-pings", "--no-proxy-server"),
)
TOO_OPEN = ("--disable-web-security", "--allow-file-access-from-files", "--enable-unsafe-swiftshader")


def find_browser() -> str:
    """Return the path of a Chrome or Chromium.

    Raises
    ------
    DataError
        There is none.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if found is None:
        raise DataError(
            "the PDF and the figures are drawn by Chrome or Chromium, and there is none; install it (on Debian: "
            f"apt-get install chromium), name it in {BROWSER_VARIABLE}, {LEAVE_OUT}"
        )
    return found


def settings() -> dict[str, Any]:
    """Return how the browser is started: offline, and in its sandbox, which root alone cannot have."""
    return {"path": find_browser(), "browser_cls": _offline(), "enable_sandbox": os.geteuid() != 0}


@cache
def _offline() -> Any:
    """Return the class of the browser; its library takes long to import."""
    from choreographer.browsers.chromium import Chromium

    class Offline(Chromium):  # type: ignore[misc]
        """A browser that reaches no other machine."""

        def get_cli(self) -> list[str]:
            return [*(one for one in super().get_cli() if one not in TOO_OPEN), *OFFLINE]

    return Offline
