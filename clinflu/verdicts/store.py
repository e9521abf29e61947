"""The one store of verdicts, an append-only signed log: events are added to it and never changed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from clinflu.errors import DataError, StoreError
from clinflu.verdicts.events import Event, Kind, current_frame, event_of, history_frame, standing
from clinflu.verdicts.keys import SigningKey, Witness
from clinflu.verdicts.private import own_folder
from clinflu.verdicts.seals import BEGINNING, FOUND, Seal, broken_links, seal
from clinflu.verdicts.verdict import Verdict
from clinflu.verdicts.verification import Verification, verified

if TYPE_CHECKING:
    from clinflu.verdicts.places import Place, Transaction

STORE_FILE = "verdicts.sqlite"
VARIABLE = "CLINFLU_VERDICTS"
WAIT_S = 10.0


def new_session() -> str:
    """Return a random name for one session of one person."""
    return secrets.token_hex(8)


class VerdictStore:
    """What was said of the predictions and records of every audit, by everyone who uses this log.

    Several processes may use it at once, and any of them may be killed: an event is there whole or not at all. Each
    event holds the digest of the one before it and the signature of whoever added it; see :meth:`verify`.

    Parameters
    ----------
    path : str or Path
        A file, made when the first verdict is given; or the URL of a PostgreSQL in which a team keeps one log.
    wait_s : float
        How long to wait while another process writes.
    """

    def __init__(self, path: str | Path, wait_s: float = WAIT_S) -> None:
        self._where = path
        self._wait_s = wait_s

    def __repr__(self) -> str:
        """Keep what a URL holds out of tracebacks and notebooks."""
        return f"VerdictStore({self._place.name})"

    @classmethod
    def of_this_user(cls) -> Self:
        """Return the store that the environment variable CLINFLU_VERDICTS names, by default this user's file."""
        named = os.environ.get(VARIABLE)
        if named:
            return cls(named)
        import platformdirs

        return cls(own_folder(platformdirs.user_data_dir("clinflu")) / STORE_FILE)

    def give(self, audit: str, session: str, verdict: Verdict) -> None:
        """Keep a verdict; it replaces what the same author said of the same before.

        Parameters
        ----------
        audit : str
            Fingerprint of the study.
        session : str
            As :func:`new_session` returned it.
        verdict : Verdict

        Raises
        ------
        StoreError
            It was not kept; the message says what to do.
        """
        with self._adding() as transaction:
            added = _add(transaction, audit, session, "given", verdict)
        self._witness.add(added.number, added.link)

    def withdraw(self, audit: str, session: str, verdict: Verdict) -> None:
        """Take a verdict back; what the same author said of the same before counts again.

        Raises
        ------
        DataError
            It was never given, or was withdrawn already.
        StoreError
            It was not withdrawn; the message says what to do.
        """
        with self._adding() as transaction:
            known = [event for same in standing(self._events(transaction, audit)) for event in same]
            if verdict not in [event.verdict for event in known]:
                raise DataError("this verdict was never given, or is withdrawn already; look at those that stand")
            added = _add(transaction, audit, session, "withdrawn", verdict)
        self._witness.add(added.number, added.link)

    def current(self, audit: str) -> pd.DataFrame:
        """Return the verdicts of an audit that stand, by the number of the event that gave each.

        Raises
        ------
        StoreError
            The store cannot be read, or is damaged.
        """
        return current_frame(self._read(audit))

    def history(self, audit: str) -> pd.DataFrame:
        """Return all that was given and withdrawn in an audit, in order.

        Raises
        ------
        StoreError
            The store cannot be read, or is damaged.
        """
        return history_frame(self._read(audit))

    def verify(self) -> Verification:
        """Say of every event whether it is as it was added, where it was added, and by whom.

        Nothing is changed. A file from before the log was signed is sealed by the next verdict.

        Raises
        ------
        StoreError
            The store cannot be read at all.
        """
        key, seen = SigningKey.of_this_user(), self._witness.seen()
        with self._place.reading() as transaction:
            if transaction is None:
                return verified([], [], 0, seen, key)
            tables = transaction.tables
            seals = transaction.rows(tables.seal) if transaction.has(tables.seal) else []
            return verified(transaction.rows(tables.event), seals, transaction.counted, seen, key)

    def verified_words(self) -> str:
        """Return what :meth:`verify` found, in words, or raise StoreError where the log is not as it was written."""
        found = self.verify()
        if not found.whole:
            raise StoreError(found.words)
        return found.words

    @cached_property
    def _place(self) -> "Place":
        from clinflu.verdicts.places import place_at  # SQLAlchemy takes a second to import

        return place_at(self._where, self._wait_s)

    @property
    def _witness(self) -> Witness:
        return Witness(self._place.key)

    def _read(self, audit: str) -> list[Event]:
        with self._place.reading() as transaction:
            return self._events(transaction, audit) if transaction else []

    @contextmanager
    def _adding(self) -> "Iterator[Transaction]":
        with self._place.writing() as transaction:
            _seal_what_was_found(transaction)
            yield transaction

    def _events(self, transaction: "Transaction", audit: str) -> list[Event]:
        """Read the events of an audit, and make sure that every event ever added is there, whole and in its place."""
        rows = transaction.rows(transaction.tables.event)
        events = [event for row in rows if (event := event_of(row))]
        digests = {event.number: str(event.values[-1]) for event in events}
        if list(digests) != list(range(1, transaction.counted + 1)) or broken_links(digests, _seals(transaction)):
            from clinflu.verdicts.places import DAMAGED

            raise StoreError(f"the store of verdicts ({self._place.name}) {DAMAGED}")
        return [event for event in events if event.audit == audit]


def _add(transaction: "Transaction", audit: str, session: str, kind: Kind, verdict: Verdict) -> Seal:
    """Add an event and its seal, and return the seal."""
    recorded = datetime.now(UTC).isoformat(timespec="seconds")
    last = transaction.last(transaction.tables.seal)
    event = Event(transaction.counted + 1, audit, session, kind, recorded, verdict)
    before = BEGINNING if last is None else Seal(*last).link
    made = seal(event.number, str(event.values[-1]), before, SigningKey.of_this_user())
    _insert(transaction, transaction.tables.event, event.values)
    _insert(transaction, transaction.tables.seal, made.values)
    return made


def _seal_what_was_found(transaction: "Transaction") -> None:
    """Seal the events that have no seal: those of a file from before the log was signed, or of an older clinflu.

    They stay as they are, and their seals say that they were found.
    """
    last = transaction.last(transaction.tables.seal)
    number, before = (0, BEGINNING) if last is None else (Seal(*last).number, Seal(*last).link)
    if number == transaction.counted:
        return
    key = SigningKey.of_this_user()
    for row in transaction.rows(transaction.tables.event):
        if row[0] > number:
            made = seal(int(row[0]), str(row[-1]), before, key, FOUND)
            _insert(transaction, transaction.tables.seal, made.values)
            before = made.link


def _insert(transaction: "Transaction", table: Any, values: tuple[int | str, ...]) -> None:
    names = (column.name for column in table.columns)
    transaction.execute(table.insert(), dict(zip(names, values, strict=True)))


def _seals(transaction: "Transaction") -> list[Seal]:
    table = transaction.tables.seal
    return [Seal(*row) for row in transaction.rows(table)] if transaction.has(table) else []
