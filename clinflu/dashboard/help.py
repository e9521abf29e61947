"""What a clinician needs to know to read the page, in words and pictures, on two pages."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from clinflu.dashboard.block import EMPTY, Block
from clinflu.dashboard.nodes import PICTURE, Node, node
from clinflu.dashboard.state import State

PICTURES = Path(__file__).parent / "pictures"
TITLE = "For clinicians"


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, what is under it, and its picture, made on simulated patients."""

    title: str
    text: str
    picture: str


FIRST = (
    Part(
        "1. Find a prediction that was wrong",
        "The list begins with the worst misses: patients to whom the model gave a small risk and who came back, "
        "or a large one and who did not. Narrow it with the buttons above it, or search by age, diagnosis or "
        "pseudonym. The line under the alert threshold says what that threshold costs: how many it catches, "
        "misses and alarms for nothing.",
        "list",
    ),
    Part(
        "2. Read what the model said, and why",
        "One click shows the risk with its interval: how far it would move with other patients to learn from. The "
        "chart begins at the average past patient and adds, one bar at a time, what was recorded of this one. "
        "Most misses are chance: of a hundred patients at 8 %, eight come back, and nobody could have told which. "
        "The page says so when it is so.",
        "patient",
    ),
)
SECOND = (
    Part(
        "3. See which past patients taught it this",
        "A model knows only the patients that it learned from. Each card is one of them: what was recorded, what "
        "happened, and the risk of your patient if the model had never seen that one. It is really fitted again "
        "without them; until that is done, the number is marked as an estimate. Look at both columns: those that "
        "pushed toward the error, and those that pushed against it. Where no few patients explain a prediction, "
        "the page says that too, and shows the groups that it leans on.",
        "past",
    ),
    Part(
        "4. Ask what if, and say what you think",
        "Tick past patients, or take a whole group, and see the risk without them: of this patient, of patients "
        "like this one, and of everyone. Nothing is hidden: who is predicted worse stands beside who is predicted "
        "better. If a record is mislabelled, a planned return say, choose it under the card: a button there asks what "
        "the risk would be with that mended, and your verdict is kept for those who look after the model. A change "
        "that helps one patient is no reason to change the model: hand your verdict to the analyst.",
        "what-if",
    ),
)
WORDS = (
    ("Alert threshold", "the risk from which the model alerts."),
    ("Refitted", "the model was really fitted again; the number is the truth about this model."),
    ("Estimate", "computed without a refit; near the truth for one patient, and marked."),
    ("Low support", "few past patients are like this one; the risk is less certain, not necessarily wrong."),
    ("Pseudonym", "E-… stands for an encounter, so that no name or number is on the screen. Revealing one is logged."),
)


class Help:
    """Opens above the panels, and closes again."""

    def __init__(self, state: State, page: str) -> None:
        self._state = state
        self.widget = Block(page, state.acting(self._receive))
        state.watch(lambda _: self.draw())
        self.draw()

    def draw(self) -> None:
        """Show the pages, or nothing."""
        self.widget.show(_pages() if self._state.help_open else EMPTY, self._state.stamp)

    def _receive(self, act: str, _: str, __: Any) -> None:
        if act == "help":
            self._state.toggle_help()


@cache
def _pages() -> Node:
    words = node("ul", [node("li", node("strong", f"{term}: "), text) for term, text in WORDS])
    return node(
        "section",
        node("div", node("h2", TITLE, tabindex="-1", heading=True), _close(), class_="clinflu-head"),
        node("div", [_shown(one) for one in FIRST], class_="clinflu-help-page"),
        node("div", [_shown(one) for one in SECOND], class_="clinflu-help-page"),
        node("h3", "Words"),
        words,
        class_="clinflu-panel clinflu-help",
        aria_label=TITLE,
    )


def _shown(part: Part) -> Node:
    data = base64.b64encode((PICTURES / f"{part.picture}.png").read_bytes()).decode()
    picture = node("img", src=f"{PICTURE}{data}", alt=f"Picture of step {part.title}, on simulated patients")
    return node("div", node("h3", part.title), node("p", part.text), picture)


def _close() -> Node:
    return node("button", "Close", type="button", act="help", class_="clinflu-quiet")
