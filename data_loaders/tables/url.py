"""Where a database is, told without what is secret of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from clinflu.errors import LoaderError

URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+_.]*://")
NAMES = {"postgresql": "PostgreSQL", "duckdb": "DuckDB", "sqlite": "SQLite", "mysql": "MySQL", "mssql": "SQL Server"}
SCHEMA, TIMEZONE = "schema", "timezone"
UTC = "UTC"
PSYCOPG = "postgresql+psycopg"


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """Where a database is; never shown, since it may hold a password."""

    url: sa.URL
    schema: str | None = None
    timezone: str = UTC

    def __repr__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What a person may see of it: its kind and the name of the database."""
        kind = self.url.get_backend_name()
        database = Path(self.url.database).name if self.url.database else ""
        return f"{NAMES.get(kind, kind)} database {database}".strip()


def is_url(text: str) -> bool:
    """Whether a text is the URL of a database and no path."""
    return URL.match(text) is not None


def without_secrets(text: str) -> str:
    """Return a source as it may be printed: the URL of a database without its password."""
    if not is_url(text):
        return text
    where = database_url(text)
    url, query = where.url, {} if where.schema is None else {SCHEMA: where.schema}
    query |= {} if where.timezone == UTC else {TIMEZONE: where.timezone}
    return sa.URL.create(
        url.get_backend_name(), url.username, host=url.host, port=url.port, database=url.database, query=query
    ).render_as_string()


def database_url(text: str) -> DatabaseUrl:
    """Return where a database is.

    Parameters
    ----------
    text : str
        As SQLAlchemy writes it: ``"postgresql://user@host/database"``, ``"duckdb:///file.duckdb"``. ``?schema=NAME``
        says in which schema the tables are, ``?timezone=Europe/Berlin`` by which clock times are read that PostgreSQL
        holds with a zone; otherwise by UTC. Without a password, PostgreSQL looks for it where it always does:
        ``PGPASSWORD`` or ``~/.pgpass``.

    Raises
    ------
    LoaderError
        It cannot be read, or is of a kind for which nothing is installed.
    """
    try:
        url = sa.engine.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise LoaderError(
            "the URL of the database cannot be read; write it as postgresql://user@host:5432/database, and special "
            "characters of a password as %40 for @"
        ) from None
    schema, timezone = url.query.get(SCHEMA), url.query.get(TIMEZONE, UTC)
    if isinstance(schema, tuple) or isinstance(timezone, tuple):
        raise LoaderError("the URL of the database names more than one schema or time zone; name one")
    url = url.difference_update_query([SCHEMA, TIMEZONE])
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername=PSYCOPG)
    try:
        url.get_dialect()
    except (sa.exc.NoSuchModuleError, sa.exc.ArgumentError):
        if url.get_backend_name() != "duckdb":  # which is read without SQLAlchemy
            raise LoaderError("that kind of database is not known; check the beginning of the URL") from None
    return DatabaseUrl(url, schema, timezone)
