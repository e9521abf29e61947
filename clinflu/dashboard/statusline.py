"""What the dashboard is doing, how far it is, and what went wrong, in one line each."""

import time
from typing import Any

from clinflu.dashboard.answers import WORKING
from clinflu.dashboard.block import Block
from clinflu.dashboard.nodes import Child, node
from clinflu.dashboard.questions import doing
from clinflu.dashboard.state import State
from clinflu.dashboard.wording import time_left


class StatusLine:
    """Two regions that a screen reader announces, and the button that stops what is going on."""

    def __init__(self, state: State, page: str) -> None:
        self._state = state
        self.widget = Block(page, state.acting(self._receive))
        self.widget.add_class("clinflu-statusplace")
        state.watch(lambda _: self.draw())
        self.draw()

    def draw(self) -> None:
        """Show what is so now."""
        state = self._state
        error = node("div", state.error, class_="clinflu-error", role="alert", hidden=not state.error)
        status = node("div", self._working() or state.status, class_="clinflu-status", role="status")
        bar = node("div", self._bar(), class_="clinflu-line clinflu-progress")
        self.widget.show(node("div", error, node("div", status, bar, class_="clinflu-doing")), state.stamp)

    def _first(self) -> str:
        """Return which of the questions that are worked on is told of: the one just asked, where it is among them."""
        working = [name for name, one in self._state.answers.items() if one.status == WORKING]
        return min(working, key=lambda name: name != self._state.awaited, default="")

    def _working(self) -> str:
        first = self._first()
        return doing(first, self._state.screen) if first else ""

    def _bar(self) -> Child:
        first = self._first()
        if not first:
            return None
        answer = self._state.answers[first]
        done, total = answer.done, answer.total
        value = {"value": str(done), "max": str(total)} if total else {}
        stop = node("button", "Stop", type="button", act="stop", class_="clinflu-quiet")
        left = time_left(time.monotonic() - answer.since, done, total)
        return [node("progress", aria_label="How far it is", **value), node("span", left) if left else None, stop]

    def _receive(self, act: str, _: str, __: Any) -> None:
        if act == "stop":
            self._state.stop()
