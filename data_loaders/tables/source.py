"""Where tables are: a file, a folder, a zip, or a database."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from clinflu.errors import ClinfluError, LoaderError
from data_loaders.tables.duck import open_duckdb
from data_loaders.tables.fields import Field
from data_loaders.tables.files import SUFFIXES, FileStore
from data_loaders.tables.members import members
from data_loaders.tables.sql import PostgresStore, SqlStore
from data_loaders.tables.store import Store
from data_loaders.tables.url import PSYCOPG, DatabaseUrl

Source = Path | DatabaseUrl


def open_store(source: Source, tables: Iterable[str], stems: Mapping[str, str] | None = None) -> Store:
    """Open the tables of a source.

    Parameters
    ----------
    source : Path or DatabaseUrl
    tables : iterable of str
        Those that are wanted; a file is the table of its stem.
    stems : mapping of str to str, optional
        By the stem of a file the table that it is part of, where that differs.

    Raises
    ------
    LoaderError
        It cannot be opened.
    """
    if isinstance(source, DatabaseUrl):
        return _open_database(source)
    return FileStore(source, {name: name for name in tables} if stems is None else stems)


@contextmanager
def reading(source: Source, schema: Mapping[str, Mapping[str, Field]], needed: Iterable[str]) -> Iterator[Store]:
    """Open the tables of a source to be read; at the end all that was wrong with what was read is raised.

    Parameters
    ----------
    source : Path or DatabaseUrl
    schema : mapping of str to mapping of str to Field
        By table, what is read of it.
    needed : iterable of str
        Tables without which nothing can be read.

    Raises
    ------
    LoaderError
        It cannot be opened, lacks what is needed, or holds what is no value of its field.
    """
    with open_store(source, schema) as store:
        for table in needed:
            store.require(table, schema[table])
        store.finish()
        yield store
        store.finish()


def require_path(source: Source | None) -> Path | None:
    """Return the source of a loader that reads files alone.

    Raises
    ------
    LoaderError
        It is a database.
    """
    if isinstance(source, DatabaseUrl):
        raise LoaderError("this loader reads files and no database; name another with --loader")
    return source


def table_names(source: Source) -> frozenset[str]:
    """Return the names of the tables of a source in lower case; none where it cannot be read."""
    try:
        if isinstance(source, DatabaseUrl):
            with _open_database(source) as store:
                return frozenset(store.tables)
        if not source.is_dir() and source.suffix.lower() != ".zip":
            return frozenset()
        return frozenset(one.stem for one in members(source, SUFFIXES))
    except (ClinfluError, OSError):
        return frozenset()


def _open_database(where: DatabaseUrl) -> Store:
    if where.url.get_backend_name() == "duckdb":
        return open_duckdb(Path(where.url.database or ""), where.name, where.schema)
    return PostgresStore(where) if where.url.drivername == PSYCOPG else SqlStore(where)
