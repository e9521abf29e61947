"""What every panel is: a title, a place of the page, and a tree that is made anew of the state."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from clinflu.dashboard.block import EMPTY, Block
from clinflu.dashboard.nodes import Child, Node, node
from clinflu.dashboard.screen import NOTHING
from clinflu.dashboard.state import SCREEN, State

PYTHON = "Show the Python"


class Panel(Protocol):
    """What the application needs of a panel."""

    title: ClassVar[str]
    widget: Any

    def show(self, encounter_id: str) -> None:
        """Show a prediction, or with an empty id that none is chosen."""


class TreePanel:
    """A panel that shows what the state holds; it computes nothing and remembers nothing.

    Parameters
    ----------
    state : State
    page : str
        Name of the application on the page.
    """

    title: ClassVar[str] = ""
    name: ClassVar[str] = ""
    answers: ClassVar[tuple[str, ...]] = ()  # the questions whose answers it shows

    def __init__(self, state: State, page: str) -> None:
        self._state = state
        self._page = page
        self.widget = Block(page, state.acting(self._receive))
        self.widget.add_class("clinflu-place")
        state.watch(self._hear)
        self.show(state.screen.encounter_id)

    def show(self, encounter_id: str) -> None:
        """Show a prediction, or with an empty id that none is chosen; where that fails, nothing."""
        try:
            tree = self._framed(encounter_id)
        except Exception:
            self.widget.show(EMPTY, self._state.stamp)
            raise
        self.widget.show(tree, self._state.stamp)

    def body(self, encounter_id: str) -> Child:
        """Return what is under the heading; None where the panel has nothing to show."""
        raise NotImplementedError

    def calls(self, encounter_id: str) -> str:  # noqa: ARG002
        """Return the Python behind what is shown; empty where there is none."""
        return ""

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what the user can do here: by name, called with the key and the value."""
        return {}

    def _framed(self, encounter_id: str) -> Node:
        body = self.body(encounter_id)
        if body is None:
            return EMPTY
        heading = node("h2", self.title, tabindex="-1", heading=True)
        tools = node("div", self._tools(encounter_id), class_="clinflu-tools")
        return node(
            "section",
            node("div", heading, tools, class_="clinflu-head"),
            body,
            class_=f"clinflu-panel clinflu-{self.name}",
            aria_label=self.title,
        )

    def _tools(self, encounter_id: str) -> Child:
        calls = self.calls(encounter_id)
        copy = node("button", "Copy as picture", type="button", picture=True, class_="clinflu-quiet")
        if not calls:
            return copy
        fold = node(
            "details",
            node("summary", PYTHON),
            node(
                "div",
                node("pre", node("code", calls), tabindex="0", aria_label="Python"),
                node("button", "Copy", type="button", copy=True, class_="clinflu-quiet"),
            ),
            open=self._state.role == "analyst",
            class_="clinflu-python",
        )
        return [copy, fold]

    def _hear(self, what: str) -> None:
        if what == SCREEN or what in self.answers:
            self._state.guarded(lambda: self.show(self._state.screen.encounter_id))()

    def _receive(self, act: str, key: str, value: Any) -> None:
        if act == "told":
            self._state.say(TOLD.get(str(value), ""))
        elif act in self.acts():
            self.acts()[act](key, value)


TOLD = {
    "copied": "Copied.",
    "saved": "Your browser lets no page write to the clipboard here, so it was saved as a file.",
    "failed": "Your browser could not copy that; take a screenshot instead.",
}


def nothing_chosen(encounter_id: str) -> bool:
    """Whether no prediction is chosen."""
    return encounter_id == NOTHING
