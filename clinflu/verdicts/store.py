"""The one store of verdicts: events are added to it and never changed."""

import errno
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clinflu.errors import DataError, StoreError
from clinflu.verdicts.events import Event, Kind, current_frame, history_frame, standing
from clinflu.verdicts.private import is_there, make_file, make_folder, own_folder
from clinflu.verdicts.verdict import Verdict

STORE_FILE = "verdicts.sqlite"
WAIT_S = 10.0
APPLICATION_ID = 0x636C6676  # "clfv"
VERSION = 1

CREATE = (
    """CREATE TABLE event (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        audit TEXT NOT NULL,
        session TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('given', 'withdrawn')),
        recorded TEXT NOT NULL,
        subject TEXT NOT NULL,
        encounter TEXT NOT NULL,
        about TEXT NOT NULL,
        says TEXT NOT NULL,
        note TEXT NOT NULL,
        author TEXT NOT NULL,
        time TEXT NOT NULL,
        digest TEXT NOT NULL
    )""",
    "CREATE TRIGGER never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END",
    "CREATE TRIGGER never_removed BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)
INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
SELECT = """SELECT number, audit, session, kind, recorded, subject, encounter, about, says, note, author, time, digest
    FROM event ORDER BY number"""
COUNTED = "SELECT seq FROM sqlite_sequence WHERE name = 'event'"

IN_USE = "is in use by another program; close it there, or try again"
NO_SPACE = "cannot be read or written: the disk may be full; free some space and try again"
NO_ACCESS = "cannot be opened or written; make it and its folder yours, and writable for you"
DAMAGED = "is damaged or not clinflu's; restore it from a backup, or move it away: a new one is begun"
NEWER = "was made by a newer clinflu; install that one"
ADVICE = {
    sqlite3.SQLITE_BUSY: IN_USE,
    sqlite3.SQLITE_LOCKED: IN_USE,
    sqlite3.SQLITE_FULL: NO_SPACE,
    sqlite3.SQLITE_IOERR: NO_SPACE,
    sqlite3.SQLITE_CANTOPEN: NO_ACCESS,
    sqlite3.SQLITE_PERM: NO_ACCESS,
    sqlite3.SQLITE_READONLY: NO_ACCESS,
}
KIND_OF_ERROR = 0xFF
FULL = (errno.ENOSPC, errno.EDQUOT)


def new_session() -> str:
    """Return a random name for one session of one person."""
    return secrets.token_hex(8)


class VerdictStore:
    """What was said of the predictions and records of every audit, by everyone who uses this file.

    Several processes may use it at once, and any of them may be killed: an event is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        Made when the first verdict is given.
    wait_s : float
        How long to wait while another process writes.
    """

    def __init__(self, path: str | Path, wait_s: float = WAIT_S) -> None:
        self._path = Path(path).absolute()
        self._wait_s = wait_s

    @classmethod
    def of_this_user(cls) -> Self:
        """Return the store of this user."""
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
        with self._writing() as connection:
            _add(connection, audit, session, "given", verdict)

    def withdraw(self, audit: str, session: str, verdict: Verdict) -> None:
        """Take a verdict back; what the same author said of the same before counts again.

        Raises
        ------
        DataError
            It was never given, or was withdrawn already.
        StoreError
            It was not withdrawn; the message says what to do.
        """
        with self._writing() as connection:
            known = [event for same in standing(self._events(connection, audit)) for event in same]
            if verdict not in [event.verdict for event in known]:
                raise DataError("this verdict was never given, or is withdrawn already; look at those that stand")
            _add(connection, audit, session, "withdrawn", verdict)

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

    def _read(self, audit: str) -> list[Event]:
        with self._saying_what_to_do():
            if not is_there(self._path):
                return []
            with self._transaction("BEGIN") as connection:
                return self._events(connection, audit) if self._is_begun(connection) else []

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._saying_what_to_do():
            self._make()
            with self._transaction("BEGIN IMMEDIATE") as connection:
                if not self._is_begun(connection):
                    for statement in CREATE:
                        connection.execute(statement)
                yield connection

    @contextmanager
    def _saying_what_to_do(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & KIND_OF_ERROR
            raise self._error(ADVICE.get(kind, DAMAGED)) from None
        except UnicodeDecodeError:  # SQLite quotes what is damaged in its own message
            raise self._error(DAMAGED) from None
        except OSError as error:
            raise self._error(NO_SPACE if error.errno in FULL else NO_ACCESS) from None

    def _error(self, advice: str) -> StoreError:
        return StoreError(f"the store of verdicts ({self._path}) {advice}")

    def _make(self) -> None:
        """Make sure of a file that is private before anything is in it; SQLite gives its journal the same mode."""
        if not is_there(self._path):
            make_folder(self._path.parent)
            is_there(self._path)
            make_file(self._path)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        """Do all of it or, where anything fails, nothing: closing rolls back what was not committed."""
        place = f"{self._path.as_uri()}?mode=rw"
        with closing(sqlite3.connect(place, timeout=self._wait_s, isolation_level=None, uri=True)) as connection:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")

    def _is_begun(self, connection: sqlite3.Connection) -> bool:
        """Whether the table of events is there; False where the file is still empty."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application == APPLICATION_ID and version == VERSION:
            return True
        if application == APPLICATION_ID and version > VERSION:
            raise self._error(NEWER)
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or version or tables:
            raise self._error(DAMAGED)
        return False

    def _events(self, connection: sqlite3.Connection, audit: str) -> list[Event]:
        """Read the events of an audit, and make sure that every event ever added is there and whole."""
        rows = connection.execute(SELECT).fetchall()
        try:
            events = [_event(row) for row in rows]
        except (TypeError, ValueError):
            raise self._error(DAMAGED) from None
        if [event.number for event in events] != list(range(1, _count(connection) + 1)):
            raise self._error(DAMAGED)
        return [event for event in events if event.audit == audit]


def _add(connection: sqlite3.Connection, audit: str, session: str, kind: Kind, verdict: Verdict) -> None:
    recorded = datetime.now(UTC).isoformat(timespec="seconds")
    event = Event(_count(connection) + 1, audit, session, kind, recorded, verdict)
    connection.execute(INSERT, event.values)


def _count(connection: sqlite3.Connection) -> int:
    """Return how many events were ever added, which SQLite counts apart from those that are there."""
    counted = connection.execute(COUNTED).fetchone()
    return int(counted[0]) if counted else 0


def _event(row: tuple[Any, ...]) -> Event:
    """Return the event that a row holds, or raise ValueError or TypeError where it is not as it was added."""
    number, audit, session, kind, recorded, *of_verdict, _ = row
    event = Event(number, audit, session, kind, recorded, Verdict(*of_verdict))
    if event.values != row:
        raise ValueError("not as it was added")
    return event
