"""The dashboard for clinicians, in JupyterLab and under Voila.

Its functions are imported when they are first used: the servers need what stands beside them, and no more.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinflu.dashboard.app import app, saved

__all__ = ["app", "saved"]


def __getattr__(name: str) -> Any:
    """Import a public function when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.app"), name)


class _Package(ModuleType):
    """Here ``app`` is the function, also once the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "app" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
