"""Head of the page: what it is about, and the ways back: undo, checkpoints, and the file of the whole state."""

from collections.abc import Callable
from typing import Any

from clinflu.audit import Audit
from clinflu.dashboard.block import Block
from clinflu.dashboard.nodes import Child, Node, node, paragraphs
from clinflu.dashboard.session_file import FILE_NAME, as_text, open_text
from clinflu.dashboard.state import State

INTERNAL = "INTERNAL working paper: not for distribution."
SIMULATED = "SIMULATED patients: nobody real."
FOR_CLINICIANS = "For clinicians: how to read this"


class Toolbar:
    """Stands above the panels.

    Parameters
    ----------
    state : State
    page : str
        Name of the application on the page.
    """

    def __init__(self, state: State, page: str) -> None:
        self._state = state
        self._about = about(state.audit)
        self.widget = Block(page, state.acting(self._receive))
        state.watch(lambda _: self.draw())
        self.draw()

    def draw(self) -> None:
        """Show what can be done now."""
        parts = [
            self._about,
            node("div", self._steps(), class_="clinflu-toolbar", role="group", aria_label="This session"),
        ]
        self.widget.show(node("header", parts), self._state.stamp)

    def _steps(self) -> list[Child]:
        state = self._state
        button, opened = "clinflu-quiet", "true" if state.help_open else "false"
        return [
            node("button", "Undo", type="button", act="undo", disabled=not state.can_undo, class_=button),
            node("button", "Redo", type="button", act="redo", disabled=not state.can_redo, class_=button),
            self._checkpoints(),
            node("button", "Save to a file", type="button", act="save", class_=button),
            node(
                "label",
                "Open a saved file ",
                node("input", type="file", accept=".json", act="open", aria_label="Open a saved file"),
                class_="clinflu-file",
            ),
            node("button", "Light or dark", type="button", theme=True, class_=button),
            node("button", FOR_CLINICIANS, type="button", act="help", class_=button, aria_expanded=opened),
        ]

    def _checkpoints(self) -> Node:
        names = list(self._state.checkpoints)
        name = node(
            "input",
            type="text",
            maxlength="80",
            placeholder="Name this point, then Enter",
            act="keep",
            aria_label="Name of a checkpoint",
            value="",
        )
        options = [node("option", "Return to …", value="", selected=True)]
        options += [node("option", one, value=one) for one in names]
        back = node("select", options, act="return", aria_label="Return to a checkpoint") if names else None
        return node("span", name, back, class_="clinflu-line", key=f"checkpoints {len(names)}")

    def _receive(self, act: str, _: str, value: Any) -> None:
        state = self._state
        acts: dict[str, Callable[[], None]] = {
            "undo": state.undo,
            "redo": state.redo,
            "keep": lambda: state.keep(str(value)) if value else None,
            "return": lambda: state.return_to(str(value)) if value else None,
            "save": self._save,
            "open": lambda: open_text(state, str(value or "")),
            "help": state.toggle_help,
        }
        if act in acts:
            acts[act]()

    def _save(self) -> None:
        self.widget.download(FILE_NAME, as_text(self._state))
        self._state.say("Saved: the file opens again to this screen, for you alone.")


def about(audit: Audit) -> Node:
    """Return what the page is about and what must stand on it."""
    provenance = audit.cohort.provenance
    banners = [node("strong", INTERNAL, class_="clinflu-banner")]
    if provenance.simulated:
        banners.append(node("strong", SIMULATED, class_="clinflu-banner clinflu-simulated"))
    text = (
        f"Source: {provenance.source}. Of {len(audit.cohort.frame):,} encounters the model learned from "
        f"{len(audit.train_rows):,} and is audited on {len(audit.audited_rows):,}. Outcome: "
        f"{audit.cohort.schema.outcome_label}."
    )
    return node(
        "div",
        node("div", banners, class_="clinflu-banners"),
        node("h1", "Why was this prediction wrong?"),
        node("p", text, class_="clinflu-about"),
        paragraphs(*([f"What counts: {' '.join(provenance.definition)}"] if provenance.definition else [])),
        paragraphs(*audit.study.notes, class_="clinflu-note"),
    )
