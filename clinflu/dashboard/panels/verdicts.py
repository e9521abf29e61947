"""The boxes in which a clinician says what is to be thought of a prediction or of a past record."""

from collections.abc import Mapping
from typing import Any

from clinflu.analysis.review.decisions import FIXES, LEFT_OUT, NO_EVENT, OTHER
from clinflu.dashboard.nodes import Child, Node, node
from clinflu.dashboard.screen import RELABEL, REMOVE, Ask
from clinflu.dashboard.state import State
from clinflu.errors import DataError
from clinflu.verdicts import RECORD, Subject

NOTE_LENGTH = "2000"
KEPT = (
    "Kept in the log for those who look after the model, also when you close this page. A page that is opened anew no "
    "longer shows it here; a file that you save now does."
)
MENDED = {
    RELABEL: "What would the risk be with the right outcome?",
    REMOVE: "What would the risk be without this record?",
}
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


def mended(says: str, outcome: int) -> str | None:
    """Return what mends a record by a verdict on it, ``"relabel"`` or ``"remove"``; None where nothing is wrong.

    Parameters
    ----------
    says : str
        The verdict; empty where there is none.
    outcome : int
        As it is recorded.
    """
    fix = FIXES.get(says)
    if fix == LEFT_OUT:
        return REMOVE
    return RELABEL if fix == OTHER or (fix == NO_EVENT and outcome) else None


def mend_button(state: State, encounter_id: str) -> Child:
    """Return the button that refits with a past record mended, where the verdict on it says that it is wrong."""
    action = _mended(state, encounter_id)
    if action is None:
        return None
    key = f"record {state.names.encounter(encounter_id)}"
    return node("p", node("button", MENDED[action], type="button", act="mend", key=key, class_="clinflu-quiet"))


def mend(state: State, key: str) -> None:
    """Ask for the refit with the record mended that the key names."""
    subject, encounter_id = _subject(state, key)
    action = _mended(state, encounter_id) if subject == "record" else None
    if action is None:
        raise DataError("say first what is wrong with that record; then it can be mended in a refit")
    state.ask(Ask(action, encounters=(encounter_id,)))


def _mended(state: State, encounter_id: str) -> str | None:
    said = state.verdict_of("record", encounter_id)
    return mended(said.says if said else "", int(state.audit.cohort.outcome[encounter_id]))


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
