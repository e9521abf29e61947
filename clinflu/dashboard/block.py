"""One place of the page, whose content Python sends as a tree, and which tells Python what the user does."""

import json
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from clinflu.dashboard.frontend import module
from clinflu.dashboard.nodes import Node, node
from clinflu.figures.config import SAFE_CONFIG
from clinflu.figures.theme import DARK_FOR_LIGHT

Act = Callable[[str, str, Any], None]
EMPTY = node("div")
LARGEST_NUMBER = 2**53


class Block(anywidget.AnyWidget):  # type: ignore[misc]
    """Shows a tree.

    Parameters
    ----------
    page : str
        Which application it belongs to; on one page there may be several.
    act : callable
        Called with what was done, to what, and a value: ``("choose", "E-K3QX7A2M5T", "")``.

    Attributes
    ----------
    content : str
        The tree as JSON; one text passes the widget protocol much faster than thousands of small lists.
    stamp : int
        Of the subject that it shows. A block with an older stamp than another of the same page is blanked until it
        has its own, so that no old picture stands beside a new number.
    arrivals : int
        Goes up when the reader is to be led here.
    heard : int
        Number of the last message from the page that was dealt with: only then a box takes what Python says of it.
    """

    _esm = module("block")
    page = traitlets.Unicode("").tag(sync=True)
    content = traitlets.Unicode("").tag(sync=True)
    stamp = traitlets.Int(0).tag(sync=True)
    arrivals = traitlets.Int(0).tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)
    part = traitlets.Unicode("").tag(sync=True)
    config = traitlets.Dict({**SAFE_CONFIG, "displayModeBar": False}).tag(sync=True)
    dark = traitlets.Dict(DARK_FOR_LIGHT).tag(sync=True)

    def __init__(self, page: str, act: Act) -> None:
        self._act = act
        self.node = EMPTY
        super().__init__(page=page, content=_as_json(EMPTY))
        self.on_msg(self._receive)

    def show(self, tree: Node, stamp: int) -> None:
        """Show another tree, of a subject."""
        if tree == self.node and stamp == self.stamp:
            return
        with self.hold_sync():
            if tree != self.node:
                self.node = tree
                self.content = _as_json(tree)
            self.stamp = stamp

    @property
    def tree(self) -> list[Any]:
        """What is shown, as :meth:`clinflu.dashboard.nodes.Node.plain` gives it."""
        return self.node.plain()

    def arrive(self, at: str = "") -> None:
        """Lead the reader here: to the heading, or as little as needed to a part of it, by its class."""
        with self.hold_sync():
            self.part = at
            self.arrivals += 1

    def download(self, name: str, text: str) -> None:
        """Hand the user a file."""
        self.send({"type": "download", "name": name, "text": text})

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Take a message from the browser; what it holds is checked where it is used."""
        act, key, value, number = (content.get(name) for name in ("act", "key", "value", "number"))
        if isinstance(act, str) and isinstance(key, str):
            whole = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            self._act(act, key, whole)  # without halves of a character, which no file and no message can hold
        if isinstance(number, int) and abs(number) < LARGEST_NUMBER:
            self.heard = number


def _as_json(tree: Node) -> str:
    return json.dumps(tree.plain(), ensure_ascii=False, separators=(",", ":"))
