"""Whether the log is as it was written: what was changed, removed, reordered or added by somebody else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from clinflu.verdicts.events import event_of
from clinflu.verdicts.keys import SigningKey
from clinflu.verdicts.seals import BEGINNING, FOUND, Seal

Row = tuple[Any, ...]
GONE = "is gone"
CHANGED = "is not as it was added"
NO_SEAL = "has no seal: a program that does not sign added it, or its seal was removed"
OUT_OF_PLACE = "does not follow the event before it: something was changed, removed or reordered there"
FORGED = "bears a signature that your key did not make"
OTHERWISE = "is not the one that was added from this account"
FOUND_LATER = "was added by a program that does not sign, among signed ones"
SHOWN = 5
ADVICE = (
    "Compare it with a backup; if you began it anew yourself, move the file verdicts.seen of your state folder away."
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one event: its number, and what is to be said of it."""

    number: int
    what: str

    @property
    def words(self) -> str:
        """In words."""
        return f"event {self.number} {self.what}"


@dataclass(frozen=True, repr=False)
class Verification:
    """What was found.

    Parameters
    ----------
    events : int
    own : int
        Signed with this user's key.
    others : int
        Signed with other keys, which only their owners can prove: a team's. A signature in this user's name that this
        user's key did not make counts as nobody's.
    unsigned : int
        In the chain, but added where there was no key.
    found : int
        There before the log was signed: unchanged since, but nobody signed them when they were added.
    waiting : int
        The same, and not sealed yet: the next verdict seals them.
    problems : tuple of Problem
    """

    events: int
    own: int
    others: int
    unsigned: int
    found: int
    waiting: int
    problems: tuple[Problem, ...]

    def __repr__(self) -> str:
        return f"Verification: {self.words}"

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed, reordered or added by others, as far as can be known."""
        return not self.problems

    @property
    def words(self) -> str:
        """In words."""
        counts = f"{self.events:,} event{'' if self.events == 1 else 's'}: {self.own:,} signed with your key"
        parts = {
            "with other keys, which only their owners can prove": self.others,
            "without a key": self.unsigned,
            "from before the log was signed": self.found + self.waiting,
        }
        counts += "".join(f", {count:,} {what}" for what, count in parts.items() if count)
        if self.whole:
            return f"The log is whole. {counts}."
        told = "; ".join(one.words for one in self.problems[:SHOWN])
        more = len(self.problems) - SHOWN
        rest = f"; and {more:,} more" if more > 0 else ""
        return f"The log is NOT as it was written: {told}{rest}. {counts}. {ADVICE}"

    def to_frame(self) -> pd.DataFrame:
        """Return the problems, by the number of their event."""
        index = pd.Index([one.number for one in self.problems], dtype="int64", name="event")
        return pd.DataFrame({"problem": [one.what for one in self.problems]}, index=index, dtype="str")


def verified(
    events: Iterable[Row], seals: Iterable[Row], counted: int, seen: Mapping[int, set[str]], key: SigningKey | None
) -> Verification:
    """Compare events, seals, what the database counted, and what this account saw.

    Parameters
    ----------
    events, seals : iterable of tuples
        The rows as they are stored, in order.
    counted : int
        How many events were ever added, as the database says.
    seen : mapping
        Links of each event that was added from this account, by number.
    key : SigningKey, optional
        This user's.
    """
    rows = {_number(row, place): row for place, row in enumerate(events)}
    sealed = {_number(row, place): Seal(*row) for place, row in enumerate(seals)}
    numbers = {*rows, *sealed, *seen, *range(1, counted + 1)}
    waiting = 0 if sealed or seen else len(rows)
    problems, signed_before = [], False
    for number in range(1, max(numbers, default=0) + 1):
        found = sealed.get(number)
        what = "" if waiting else _wrong(number, rows.get(number), sealed, seen, key)
        what = what or ("" if number in rows and event_of(rows[number]) else CHANGED if number in rows else GONE)
        if not what and found and found.how == FOUND and signed_before:
            what = FOUND_LATER
        signed_before = signed_before or (found is not None and found.how != FOUND)
        problems += [Problem(number, what)] if what else []
    added = [one for one in sealed.values() if one.how != FOUND]
    own = sum(_is_own(one, key) for one in added)
    unsigned = sum(not one.signer for one in added)
    others = sum(bool(one.signer) and not _claims(one, key) for one in added)
    return Verification(len(rows), own, others, unsigned, len(sealed) - len(added), waiting, tuple(problems))


def _claims(found: Seal, key: SigningKey | None) -> bool:
    """Whether a seal says that this user's key signed it."""
    return key is not None and found.signer == key.name


def _is_own(found: Seal, key: SigningKey | None) -> bool:
    """Whether this user's key did sign it."""
    return key is not None and found.signer == key.name and key.has_signed(found.link, found.signature)


def _number(row: Row, place: int) -> int:
    """Return the number of a row; of a damaged one none that is asked for."""
    return row[0] if isinstance(row[0], int) else -place - 1


def _wrong(
    number: int, row: Row | None, sealed: Mapping[int, Seal], seen: Mapping[int, set[str]], key: SigningKey | None
) -> str:
    """Say what is wrong with an event and its seal; empty where nothing is."""
    if row is None:
        return GONE
    if event_of(row) is None:
        return CHANGED
    found = sealed.get(number)
    if found is None:
        return NO_SEAL
    before = sealed[number - 1].link if number - 1 in sealed else BEGINNING
    if not found.fits(str(row[-1]), before):
        return OUT_OF_PLACE
    if _claims(found, key) and not _is_own(found, key):
        return FORGED
    return OTHERWISE if seen.get(number, set()) - {found.link} else ""
