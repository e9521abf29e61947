"""Where the log can be: a SQLite file of this user, or a PostgreSQL of a team, with its transactions and errors."""

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from clinflu.errors import DataError, StoreError
from clinflu.verdicts.private import is_there, make_file, make_folder
from clinflu.verdicts.tables import SQLITE_EVENT, SQLITE_SEAL, Tables, postgresql_guards, tables

APPLICATION_ID = 0x636C6676  # "clfv"
VERSION = 1  # the seals are a table beside: an older clinflu still opens the file
PREFIX = "clinflu_"
PSYCOPG = "postgresql+psycopg"

IN_USE = "is in use by another program; close it there, or try again"
NO_SPACE = "cannot be read or written: the disk may be full; free some space and try again"
NO_ACCESS = "cannot be opened or written; make it and its folder yours, and writable for you"
DAMAGED = "is damaged or not clinflu's; restore it from a backup, or move it away: a new one is begun"
NEWER = "was made by a newer clinflu; install that one"
NOT_REACHED = "cannot be reached; check its URL, its password (PGPASSWORD or ~/.pgpass) and the network"
NO_RIGHT = "may not be read or written by this user; ask for the right to select and insert, the first time to create"
SQLITE_ADVICE = {
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
POSTGRESQL_ADVICE = {"55P03": IN_USE, "40001": IN_USE, "53100": NO_SPACE, "42501": NO_RIGHT}


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction on the log: all that is done in it, or nothing, is there in the end."""

    connection: sa.Connection
    tables: Tables
    counting: str

    def execute(self, statement: str | sa.Executable, values: Mapping[str, Any] | None = None) -> sa.CursorResult[Any]:
        """Run a statement: a text as the driver takes it, or one of SQLAlchemy's."""
        if isinstance(statement, str):
            return self.connection.exec_driver_sql(statement)
        return self.connection.execute(statement, values)

    def rows(self, table: "sa.Table[Any]") -> list[tuple[Any, ...]]:
        """Return all rows of a table, in order."""
        return [tuple(row) for row in self.connection.execute(sa.select(table).order_by(table.c.number))]

    def last(self, table: "sa.Table[Any]") -> tuple[Any, ...] | None:
        """Return the row of the highest number."""
        found = self.connection.execute(sa.select(table).order_by(table.c.number.desc()).limit(1)).first()
        return None if found is None else tuple(found)

    def has(self, table: "sa.Table[Any]") -> bool:
        """Whether a table is there."""
        return sa.inspect(self.connection).has_table(table.name)

    @property
    def counted(self) -> int:
        """How many events were ever added, as far as the database itself counts them."""
        found = self.connection.exec_driver_sql(self.counting).scalar()
        return int(found or 0)


class Place(Protocol):
    """What the log needs of a database."""

    name: str  # as a person may see it, without what is secret
    key: str  # by which its witness knows it

    def reading(self) -> AbstractContextManager[Transaction | None]:
        """Return a context with a transaction that reads, None where no log is begun there."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Return a context with a transaction that nobody else writes in; the tables are there."""


class SqlitePlace:
    """A file of this user; it is made when the first verdict is given."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self._path = path.absolute()
        self._wait_s = wait_s
        self.name = str(self._path)
        self.key = str(self._path)

    @cached_property
    def _engine(self) -> sa.Engine:
        place = f"{self._path.as_uri()}?mode=rw"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(place, timeout=self._wait_s, isolation_level=None, uri=True)

        return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @contextmanager
    def reading(self) -> Iterator[Transaction | None]:
        """Yield a transaction that sees one state of the log, None where no log is begun."""
        with self._saying_what_to_do():
            if not is_there(self._path):
                yield None
                return
            with self._transaction("BEGIN") as transaction:
                yield transaction if self._is_begun(transaction) else None

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Yield a transaction in which nobody else writes."""
        with self._saying_what_to_do():
            self._make()
            with self._transaction("BEGIN IMMEDIATE") as transaction:
                if not self._is_begun(transaction):
                    self._begin(transaction)
                if not transaction.has(transaction.tables.seal):
                    _run(transaction, SQLITE_SEAL)
                yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        """Do all of it or, where anything fails, nothing: closing rolls back what was not committed."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous = EXTRA")
            connection.exec_driver_sql(begin)
            yield Transaction(connection, tables(), "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
            connection.exec_driver_sql("COMMIT")

    def _begin(self, transaction: Transaction) -> None:
        _run(transaction, SQLITE_EVENT)
        _run(transaction, (f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"))

    def _make(self) -> None:
        """Make sure of a file that is private before anything is in it; SQLite gives its journal the same mode."""
        if not is_there(self._path):
            make_folder(self._path.parent)
            is_there(self._path)
            make_file(self._path)

    def _is_begun(self, transaction: Transaction) -> bool:
        """Whether the table of events is there; False where the file is still empty."""
        application, version = (
            transaction.execute(f"PRAGMA {name}").scalar() or 0 for name in ("application_id", "user_version")
        )
        if application == APPLICATION_ID and version == VERSION:
            return True
        if application == APPLICATION_ID and version > VERSION:
            raise self._error(NEWER)
        others = transaction.execute("SELECT count(*) FROM sqlite_master").scalar()
        if application or version or others:
            raise self._error(DAMAGED)
        return False

    @contextmanager
    def _saying_what_to_do(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            kind = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & KIND_OF_ERROR
            raise self._error(SQLITE_ADVICE.get(kind, DAMAGED)) from None
        except UnicodeDecodeError:  # SQLite quotes what is damaged in its own message
            raise self._error(DAMAGED) from None
        except OSError as error:
            raise self._error(NO_SPACE if error.errno in FULL else NO_ACCESS) from None

    def _error(self, advice: str) -> StoreError:
        return StoreError(f"the store of verdicts ({self.name}) {advice}")


class PostgresqlPlace:
    """A database of a team; nobody's password, name or address is in any message.

    Its users need SELECT and INSERT on both tables, and whoever gives the first verdict CREATE. Only the owner of the
    tables can take the guards away; the chain and its signatures then show what was done.
    """

    def __init__(self, url: sa.URL, wait_s: float) -> None:
        self._url = url.set(drivername=PSYCOPG)
        self._wait_s = wait_s
        self.name = "PostgreSQL"
        self.key = url.set(drivername="postgresql", username=None, password=None).render_as_string()

    @cached_property
    def _engine(self) -> sa.Engine:
        waiting = {"connect_timeout": max(2, int(self._wait_s))}
        try:
            return sa.create_engine(self._url, poolclass=sa.NullPool, connect_args=waiting)
        except ImportError:
            raise StoreError("PostgreSQL needs a driver; install clinflu[postgresql]") from None

    @contextmanager
    def reading(self) -> Iterator[Transaction | None]:
        """Yield a transaction that sees one state of the log, None where no log is begun."""
        with self._saying_what_to_do(), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                transaction = self._of(connection)
                yield transaction if transaction.has(transaction.tables.seal) else None

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Yield a transaction in which nobody else writes: they wait for the lock, and then see what was added."""
        with self._saying_what_to_do(), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(1000 * self._wait_s)}ms'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")
                transaction = self._of(connection)
                if not transaction.has(transaction.tables.seal):
                    transaction.tables.event.metadata.create_all(connection)
                    _run(transaction, postgresql_guards(transaction.tables))
                yield transaction

    @staticmethod
    def _of(connection: sa.Connection) -> Transaction:
        return Transaction(connection, tables(PREFIX), f"SELECT max(number) FROM {PREFIX}event")  # noqa: S608 -- a name of ours

    @contextmanager
    def _saying_what_to_do(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            advice = POSTGRESQL_ADVICE.get(str(state), DAMAGED if state else NOT_REACHED)
            raise StoreError(f"the log of verdicts in {self.name} {advice}") from None


def place_at(where: str | Path, wait_s: float) -> Place:
    """Return the place that a path, or the URL of a SQLite or PostgreSQL database, names.

    Raises
    ------
    DataError
        The URL cannot be read, or is of another kind of database.
    """
    text = str(where)
    if isinstance(where, Path) or "://" not in text:
        return SqlitePlace(Path(where), wait_s)
    try:
        url = sa.engine.make_url(text)
        kind = url.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise DataError(_KINDS) from None
    if kind in ("postgresql", "postgres"):
        return PostgresqlPlace(url, wait_s)
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return SqlitePlace(Path(url.database), wait_s)
    raise DataError(_KINDS)


_KINDS = (
    "the log of verdicts is a SQLite file, given as a path or sqlite:///file.sqlite, or a PostgreSQL, given as "
    "postgresql://user@host/database"
)


def _run(transaction: Transaction, statements: tuple[str, ...]) -> None:
    for statement in statements:
        transaction.execute(statement)
