"""The boxes in which a clinician says what is to be thought of a prediction or of a past record."""

from collections.abc import Mapping
from typing import Any

from clinflu.analysis.review.decisions import FIXES, NO_EVENT
from clinflu.dashboard.nodes import Child, Node, node
from clinflu.dashboard.state import State
from clinflu.errors import DataError
from clinflu.verdicts import RECORD, Subject

NOTE_LENGTH = "2000"
KEPT = (
    "Kept in the log for those who look after the model, also when you close this page. A page that is opened anew no "
    "longer shows it here; a file that you save now does."
)
NONE_YET = "no verdict yet"


def verdict_box(state: State, subject: Subject, encounter_id: str, words: Mapping[str, str], legend: str) -> Node:
    """Return the choice of a verdict, its note and its author.

    Parameters
    ----------
    state : State
    subject : str
        ``"prediction"`` or ``"record"``.
    encounter_id : str
    words : mapping
        What can be said, in words.
    legend : str
    """
    name = state.names.encounter(encounter_id)
    key, said = f"{subject} {name}", state.verdict_of(subject, encounter_id)
    now = said.says if said else ""
    options = [node("option", NONE_YET, value="", selected=not now)]
    options += [node("option", text, value=word, selected=word == now) for word, text in words.items()]
    choice = node("select", options, act="judge", key=key, aria_label=f"{legend}: {name}")
    parts: list[Child] = [node("legend", legend), choice]
    if said:
        box = node(
            "textarea", said.note, value=said.note, act="note", key=key, rows="2", maxlength=NOTE_LENGTH,
            placeholder="Note: why? No names or numbers of patients: it cannot be erased", aria_label=f"Note on {name}",
        )  # fmt: skip
        author = node(
            "input", type="text", value=state.screen.author, act="sign", key=key, maxlength="80", aria_label="Your name"
        )
        signed = node("span", f"said by {said.author}, {said.time[:16].replace('T', ' ')} UTC", class_="clinflu-note")
        kept = node("p", KEPT, class_="clinflu-note")
        parts += [box, kept, node("div", node("span", "Your name"), author, signed, class_="clinflu-line")]
    return node("fieldset", parts, class_="clinflu-verdict", key=f"verdict {key}")


def possible(outcome: int, said: str = "") -> dict[str, str]:
    """Return what can be said of a past record, in words: where no event is recorded, none was planned.

    Parameters
    ----------
    outcome : int
        As it is recorded.
    said : str
        What was said before; it stays on offer.
    """
    return {word: text for word, text in RECORD.items() if outcome or FIXES.get(word) != NO_EVENT or word == said}


def judge(state: State, key: str, value: Any) -> None:
    """Take a verdict from the page: the key says of what, the value which."""
    subject, encounter_id = _subject(state, key)
    said = state.verdict_of(subject, encounter_id)
    state.judge(subject, encounter_id, str(value or ""), said.note if said else "")


def note(state: State, key: str, value: Any) -> None:
    """Take a note from the page, to the verdict that it goes with."""
    subject, encounter_id = _subject(state, key)
    said = state.verdict_of(subject, encounter_id)
    if said is None:
        raise DataError("say first what your verdict is; the note goes with it")
    state.judge(subject, encounter_id, said.says, str(value))


def sign(state: State, key: str, value: Any) -> None:
    """Take a name from the page: who says the verdict that the key names."""
    state.sign(str(value), *_subject(state, key))


def _subject(state: State, key: str) -> tuple[Subject, str]:
    subject, _, name = key.partition(" ")
    if subject == "prediction":
        return "prediction", state.screen.encounter_id
    if subject != "record":
        raise DataError("a verdict is on the prediction or on a past record; choose one of those shown")
    return "record", state.past_encounter(name)
