"""What the dashboard is doing, and what went wrong, in one line each."""

import anywidget
import traitlets

from clinflu.dashboard.frontend import module
from clinflu.dashboard.state import State


class StatusLine(anywidget.AnyWidget):  # type: ignore[misc]
    """Two regions that a screen reader announces."""

    _esm = module("statusline")
    status = traitlets.Unicode("").tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, state: State) -> None:
        super().__init__()
        traitlets.dlink((state, "status"), (self, "status"))
        traitlets.dlink((state, "error"), (self, "error"))
