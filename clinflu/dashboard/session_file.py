"""The whole state of a session as a small text that opens again to the same screen and the same numbers."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.what_if.actions import combine
from clinflu.dashboard.questions import actions
from clinflu.dashboard.screen import (
    CHIPS,
    EDIT,
    LONGEST_NAME,
    NOTHING,
    RELABEL,
    REMOVE,
    SORTS,
    WHAT_IF,
    Screen,
    one_line,
)
from clinflu.dashboard.state import State
from clinflu.dashboard.worklist import PAGE_ROWS
from clinflu.errors import StoreError
from clinflu.findings.sections import SECTIONS
from clinflu.verdicts.verdict import LONGEST_NAME as LONGEST_AUTHOR
from clinflu.verdicts.verdict import LONGEST_NOTE

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = "clinflu-session-1"
NOTICE = (
    "INTERNAL working paper: not for distribution. Patients bear pseudonyms that only their maker's account resolves."
)
FILE_NAME = "clinflu-session.json"
LARGEST = 2_000_000
MOST_CHECKPOINTS = 200
FOREIGN = "that file is no saved state of clinflu, or it is damaged; open one that 'Save' made"


def as_text(state: State) -> str:
    """Return the screen, the verdicts and the checkpoints of a session; encounters bear pseudonyms."""
    values = {
        "format": FORMAT,
        "notice": NOTICE,
        "audit": state.audit.study.fingerprint,
        "screen": _named(state, state.screen),
        "checkpoints": {name: _named(state, screen) for name, screen in state.checkpoints.items()},
    }
    return json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False)


def open_text(state: State, text: str) -> None:
    """Go to the state that a text holds; where that fails, nothing changes.

    Raises
    ------
    StoreError
        It is no such text, of another model, or its pseudonyms are another user's.
    DataError
        It asks for something that makes no sense.
    """
    values = _read(text)
    if values["audit"] != state.audit.study.fingerprint:
        raise StoreError("that state is of another model; open the audit that it was saved from")
    try:
        screens = {
            name: _checked(state, _adapter().validate_python(one)) for name, one in values["checkpoints"].items()
        }
        screen = _checked(state, _adapter().validate_python(values["screen"]))
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(FOREIGN) from None
    if any(name != one_line(name) for name in screens):
        raise StoreError(FOREIGN)
    found = _ids(state, [screen, *screens.values()])
    screen, screens = _resolved(screen, found), {name: _resolved(one, found) for name, one in screens.items()}
    for one in (screen, *screens.values()):
        if one.asked and not one.asked.fewest:
            combine(state.audit.study, actions(state.audit, one.asked))
    state.open(screen)
    state.checkpoints = screens
    state.say("The saved state is open.")


def _read(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        values = None
    keys = {"format": str, "audit": str, "screen": dict, "checkpoints": dict}
    if not isinstance(values, dict) or not all(isinstance(values.get(key), kind) for key, kind in keys.items()):
        raise StoreError(FOREIGN)
    if values["format"] != FORMAT or len(values["checkpoints"]) > MOST_CHECKPOINTS:
        raise StoreError(FOREIGN)
    return values


@cache
def _adapter() -> "TypeAdapter[Screen]":
    import pydantic

    return pydantic.TypeAdapter(Screen)


def _checked(state: State, screen: Screen) -> Screen:
    """Return a screen that a session could have made, or raise StoreError."""
    check_threshold(screen.threshold)
    asked, schema = screen.asked, state.audit.cohort.schema
    groups = [screen.group, *([asked.group] if asked else [])]
    sound = (
        set(screen.chips) <= set(CHIPS)
        and screen.sort in SORTS
        and 0 <= screen.step <= WHAT_IF
        and bool(screen.encounter_id) == (screen.step > 0)
        and 0 <= screen.page * PAGE_ROWS <= len(state.worklist)
        and len(screen.search) <= LONGEST_NAME
        and len(screen.author) <= LONGEST_AUTHOR
        and screen.section in ("", *SECTIONS)
        and screen.by in ("", *schema.subgroups)
        and screen.variable in ("", *schema.feature_names)
        and {screen.action, asked.action if asked else REMOVE} <= {REMOVE, RELABEL, EDIT}
        and all(len(group) in (0, 2) for group in groups)
        and 0 <= screen.queue_place <= len(state.audit.train_rows)
        and len(screen.queue_note) <= LONGEST_NOTE
    )
    if not sound:
        raise StoreError(FOREIGN)
    return screen


def _named(state: State, screen: Screen) -> dict[str, Any]:
    name = state.names.encounter
    asked = screen.asked and replace(screen.asked, encounters=tuple(map(name, screen.asked.encounters)))
    named = replace(
        screen,
        encounter_id=name(screen.encounter_id) if screen.encounter_id else NOTHING,
        ticked=tuple(map(name, screen.ticked)),
        asked=asked,
        altered_for=name(screen.altered_for) if screen.altered_for else NOTHING,
    )
    return asdict(named)


def _mentioned(screen: Screen) -> set[str]:
    asked = screen.asked.encounters if screen.asked else ()
    judged = {name for one in screen.verdicts for name in (one.encounter, one.about)}
    return {screen.encounter_id, screen.altered_for, *screen.ticked, *asked, *judged} - {NOTHING}


def _ids(state: State, screens: Iterable[Screen]) -> dict[str, str]:
    """Return the encounters that pseudonyms stand for, or raise StoreError where one stands for none."""
    wanted = set().union(*(_mentioned(screen) for screen in screens))
    if not wanted:
        return {}
    ids = [str(one) for one in state.audit.cohort.frame.index]
    found = {name: one for name, one in zip(state.names.encounters(ids), ids, strict=True) if name in wanted}
    if len(found) < len(wanted):
        raise StoreError("that state names patients that your account does not know; open it where it was saved")
    return found


def _resolved(screen: Screen, ids: dict[str, str]) -> Screen:
    asked = screen.asked and replace(screen.asked, encounters=tuple(ids[one] for one in screen.asked.encounters))
    return replace(
        screen,
        encounter_id=ids[screen.encounter_id] if screen.encounter_id else NOTHING,
        ticked=tuple(ids[one] for one in screen.ticked),
        asked=asked,
        altered_for=ids[screen.altered_for] if screen.altered_for else NOTHING,
    )
