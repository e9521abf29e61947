"""Imported once, by the parent of all kernels: from then on it is silent and holds the warmed audit.

Every kernel is a fork of it, and what none of them changes is in memory once.
"""

import gc
import os
from contextlib import suppress
from importlib import import_module

from clinflu.dashboard.serving.place import AUDIT_VARIABLE
from clinflu.dashboard.serving.warm import warmed

NEEDED = (
    *("IPython.core.completerlib", "IPython.extensions.storemagic", "ipykernel.debugger", "ipykernel.kernelapp"),
    *("clinflu.dashboard.serving.kernel", "clinflu.dashboard.app"),
)


def preload() -> None:
    """Import what a kernel imports, and open the audit; a kernel finds out for itself what could not be done."""
    _say_nothing()
    for name in NEEDED:
        import_module(name)
    with suppress(Exception):
        warmed(os.environ[AUDIT_VARIABLE])
    gc.collect()
    gc.freeze()


def _say_nothing() -> None:
    """Send what this process and its forks write nowhere: it may hold values of patients, and the log may not."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


preload()
