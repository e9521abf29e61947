"""What was said and taken back, in order, and which verdicts stand after it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import pandas as pd

from clinflu.data.digest import digest
from clinflu.verdicts.verdict import Verdict

Kind = Literal["given", "withdrawn"]

VERDICT_FIELDS = tuple(one.name for one in fields(Verdict))
CURRENT = ("subject", "encounter", "about", "says", "words", "note", "author", "time", "session")
HISTORY = ("kind", "recorded", *CURRENT)


@dataclass(frozen=True, slots=True)
class Event:
    """A verdict that was given or withdrawn.

    Parameters
    ----------
    number : int
        Place in the store, from 1.
    audit : str
        Fingerprint of the study that it belongs to.
    session : str
        Of whoever gave or withdrew it.
    kind : {"given", "withdrawn"}
    recorded : str
        When, in UTC; the time of the verdict itself is when it was given.
    verdict : Verdict
    """

    number: int
    audit: str
    session: str
    kind: Kind
    recorded: str
    verdict: Verdict

    @property
    def values(self) -> tuple[int | str, ...]:
        """Every value, as it is stored, and their digest, which tells a whole event from a damaged one."""
        of_verdict = (getattr(self.verdict, name) for name in VERDICT_FIELDS)
        values = (self.number, self.audit, self.session, self.kind, self.recorded, *of_verdict)
        return *values, digest(*values)


def event_of(row: tuple[Any, ...]) -> Event | None:
    """Return the event that a stored row holds, None where the row is not as it was added."""
    try:
        number, audit, session, kind, recorded, *of_verdict, _ = row
        event = Event(number, audit, session, kind, recorded, Verdict(*of_verdict))
    except (TypeError, ValueError):
        return None
    return event if event.values == row else None


def standing(events: Iterable[Event]) -> list[list[Event]]:
    """Return the verdicts not withdrawn: a list for each author and target, the one that counts last."""
    given: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        same = given.setdefault(event.verdict.target, [])
        if event.kind == "given":
            same.append(event)
        else:
            _take_back(same, event.verdict)
    return [same for same in given.values() if same]


def _take_back(same: list[Event], verdict: Verdict) -> None:
    for place in reversed(range(len(same))):
        if same[place].verdict == verdict:
            del same[place]
            return


def current_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return the verdicts that count, in the order in which they were given."""
    counting = sorted((same[-1] for same in standing(events)), key=lambda event: event.number)
    return _frame(counting, CURRENT)


def history_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return every event, in order."""
    return _frame(events, HISTORY)


def _frame(events: Iterable[Event], columns: tuple[str, ...]) -> pd.DataFrame:
    listed = list(events)
    rows = [[_value(event, column) for column in columns] for event in listed]
    index = pd.Index([event.number for event in listed], dtype="int64", name="event")
    return pd.DataFrame(rows, index=index, columns=list(columns), dtype="str")


def _value(event: Event, column: str) -> str:
    found: str = getattr(event if column in ("kind", "recorded", "session") else event.verdict, column)
    return found
