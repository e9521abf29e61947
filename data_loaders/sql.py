"""Any query or table of a database, with the TOML of the ``table`` loader that says what its columns mean.

Instead of a file, a section says where the rows are; all else is as in :mod:`data_loaders.table`::

    [database]
    url = "postgresql://reader@server:5432/warehouse"   # or duckdb:///file.duckdb, sqlite:///file.db ...
    query = "SELECT * FROM discharges WHERE year >= 2023"   # or: table = "discharges"

The URL needs no password: PostgreSQL looks for it in ``PGPASSWORD`` or ``~/.pgpass``. Only the columns that are
described leave the database, in a transaction that can change nothing. Without an order of their own, rows are taken in
the order of the encounter ids.
"""

from pathlib import Path

import pandas as pd

from clinflu.data import Cohort
from clinflu.errors import LoaderError
from data_loaders.table import Rows, described_cohort
from data_loaders.table_description import DATABASE, Database, Description, read_description, read_toml
from data_loaders.tables.fields import text
from data_loaders.tables.source import Source, open_store
from data_loaders.tables.url import database_url

QUERY = "the rows that the query describes"
SUFFIX = ".toml"


def recognises(source: Source) -> bool:
    """Whether this is a TOML with a section ``[database]``."""
    try:
        return (
            isinstance(source, Path)
            and source.suffix.lower() == SUFFIX
            and source.is_file()
            and DATABASE in read_toml(source)
        )
    except (LoaderError, OSError):
        return False


def load(source: Source | None) -> Cohort:
    """Read described rows of a database into one row for each encounter at risk.

    Parameters
    ----------
    source : Path
        The TOML that says where the rows are and describes them.

    Raises
    ------
    LoaderError
        All that is wrong with the description, or else every value that breaks it, in one message; or the database does
        not answer.
    """
    if not isinstance(source, Path) or source.suffix.lower() != SUFFIX:
        raise LoaderError("this loader needs a TOML with a section [database]: give it with --data (see the README)")
    description = read_description(source)
    where = description.database
    if where is None:
        raise LoaderError(f"{source.name} has no section [{DATABASE}]; say there where the rows are")
    return described_cohort(source.name, description, lambda: _rows(where, description), "sql")


def _rows(where: Database, description: Description) -> Rows:
    """Return the described columns as text, in the order of the encounter ids."""
    with open_store(database_url(where.url), ()) as store:
        if where.query is not None:
            name = QUERY
            store.define(name, where.query)
        else:
            name = str(where.table).lower()
            if name not in store.tables:
                raise LoaderError(f"[{DATABASE}]: the {store.source} has no table {where.table!r}; check its name")
        spelled = {column.name: lower for lower, column in store.tables[name].items()}
        wanted = {column: text(spelled[column]) for column in description.columns if column in spelled}
        frame = store.read(name, wanted)
        store.finish()
        if frame.empty:
            raise LoaderError(f"the {store.source} gives no rows; check the query")
        frame = _sorted(frame, description).replace(dict.fromkeys(description.missing))
        return Rows(store.source, frame, list(spelled), store.sha256(), first_row=1)


def _sorted(frame: pd.DataFrame, description: Description) -> pd.DataFrame:
    key = None if description.schema is None else description.schema.encounter_id
    return frame.sort_values(key, ignore_index=True) if key in frame else frame
