"""Tables of a database: queries are pushed down, only read, and no part of its URL is ever told."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql import quoted_name

from clinflu.errors import LoaderError
from data_loaders.tables.duck import SECONDS
from data_loaders.tables.fields import EARLIEST, EXPECTED, LARGEST, LATEST, TYPES, Field, Kind, plain_id
from data_loaders.tables.store import FRAME_TYPES, INTEGERS, Column, Store, Where, plain_query, subquery
from data_loaders.tables.url import DatabaseUrl

BLOCK_ROWS = 100_000
PATIENCE_SECONDS = 8
PATIENCE = {
    "psycopg": {
        "connect_timeout": PATIENCE_SECONDS,
        "keepalives_idle": 3,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 1000 * PATIENCE_SECONDS,
    }
}
ARROW_TYPES = {
    "text": pa.string(),
    "id": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "time": pa.timestamp("us"),
}
FAULTS = (
    (
        "syntax error|multiple commands|top level|(relation|column) .* does not exist|no such (table|column)|ambiguous",
        "cannot answer the query; try it there first",
    ),
    ("read-only|read-write|readonly", "is only ever read; give a query that changes nothing"),
    ("timezone", "does not know that time zone; write it as ?timezone=Europe/Berlin"),
    ("password|authentication|role .* does not exist|no pg_hba", "refused the user or the password; check both"),
    ("database .* does not exist", "has no database of that name; check the end of the URL"),
    ("permission denied|insufficient", "does not let this user read; ask for the right to SELECT from these tables"),
    (
        "refused|timeout|timed out|could not translate|resolve|unreachable|no route",
        "does not answer; check the address",
    ),
    (
        "invalid (input syntax|literal)|cannot cast|out of range|convert|conversion|cannot safely|parsing datetime",
        "holds a value that is none of what its column should hold",
    ),
    ("not a database|malformed", "is damaged, or is none of that kind"),
    ("terminat|closed|lost|server shutdown|reset", "broke off while it was read; nothing was loaded, so try again"),
)


class SqlStore(Store):
    """Tables of a database that SQLAlchemy reaches.

    Parameters
    ----------
    where : DatabaseUrl
    """

    def __init__(self, where: DatabaseUrl) -> None:
        self._schema = where.schema
        self._spelled: dict[str, str] = {}
        self._queries: dict[str, str] = {}
        with told(where.name):
            self._engine = _engine(where)
            self._connection = self._engine.connect()
            try:
                self._set_clock(where.timezone)
                tables = self._columns()
            except BaseException:
                self.close()
                raise
        super().__init__(where.name, tables)

    def close(self) -> None:
        """Close the connection, if it has not broken off."""
        with suppress(sa.exc.SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def sha256(self) -> str:
        """Return the sha256 of all rows that were read."""
        return self.digest.hexdigest()

    def value(self, column: Column, field: Field) -> sa.ColumnElement[Any]:
        """Return a column as a value; one that is a whole number as it is, so that an index on it serves."""
        if field.kind == "whole" and "INT" in column.stored.upper():
            return column.expression
        if field.kind != "text" and self._engine.dialect.name == "sqlite":
            return _in_sqlite(column.expression, field.kind)
        if field.kind == "id" and "INT" not in column.stored.upper():
            return plain_id(column.expression)
        return sa.cast(column.expression, TYPES[field.kind])

    def from_table(self, table: str) -> sa.FromClause:
        """Return the table, in its schema."""
        if table in self._queries:
            return subquery(self._queries[table])
        return sa.table(quoted_name(self._spelled[table], quote=True), schema=self._schema)

    def define(self, name: str, query: str) -> None:
        """Make a table of a query."""
        self._queries[name] = plain_query(query)
        with told(self.source):
            result = self._connection.execute(sa.select(sa.text("*")).select_from(self.from_table(name)).limit(0))
            columns = list(result.keys())
        self.tables[name] = {column.lower(): Column(column, "") for column in columns}

    def fetch(self, table: str, fields: Mapping[str, Field], where: Where | None) -> pd.DataFrame:
        """Return the fields of the rows, and note what is no value of its field."""
        with told(self.source):
            blocks = list(self.blocks(self.rows(table, fields, where), fields))
        frame = pd.concat(blocks, ignore_index=True) if blocks else _frame([], fields)
        for name, field in fields.items():
            wrong = int(_wrong(frame[name], field).sum())
            if wrong:
                column = next((one for one in field.columns if one in self.tables[table]), field.columns[0])
                where_it_is = f"table {table!r}, column {column!r}: {EXPECTED[field.kind]}"
                self.problems.append(f"{where_it_is} in {wrong:,} row{'s' * (wrong != 1)}")
        return frame

    def blocks(self, query: sa.Select[Any], fields: Mapping[str, Field]) -> Iterator[pd.DataFrame]:
        """Give the rows of a query in blocks."""
        streamed = {"stream_results": True, "yield_per": BLOCK_ROWS}
        for rows in self._connection.execute(query, execution_options=streamed).partitions():
            yield _frame(rows, fields)

    def _set_clock(self, timezone: str) -> None:
        """Do nothing: times have no zone here."""

    def _columns(self) -> dict[str, dict[str, Column]]:
        inspector = sa.inspect(self._connection)
        kinds = sa.engine.reflection.ObjectKind.ANY
        found: dict[str, dict[str, Column]] = {}
        for (_, table), columns in inspector.get_multi_columns(self._schema, kind=kinds).items():
            self._spelled[table.lower()] = table
            found[table.lower()] = {str(one["name"]).lower(): Column(one["name"], str(one["type"])) for one in columns}
        return found


class PostgresStore(SqlStore):
    """Tables of PostgreSQL, which copies rows out several times faster than it answers queries.

    Parameters
    ----------
    where : DatabaseUrl
    """

    def _set_clock(self, timezone: str) -> None:
        """Read times with a zone by one clock, wherever they are read and whoever reads them."""
        self._connection.execute(sa.select(sa.func.set_config("TimeZone", timezone, False)))  # noqa: FBT003

    def blocks(self, query: sa.Select[Any], fields: Mapping[str, Field]) -> Iterator[pd.DataFrame]:
        """Give the rows of a query in blocks."""
        words = query.compile(dialect=PGDialect(paramstyle="named"), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
        connection: Any = self._connection.connection.driver_connection
        with connection.cursor().copy(f"COPY ({words}) TO STDOUT (FORMAT csv)") as rows:
            while block := b"".join(islice(rows, BLOCK_ROWS)):
                yield _from_csv(block, fields)


def _from_csv(block: bytes, fields: Mapping[str, Field]) -> pd.DataFrame:
    """Return rows as PostgreSQL copies them out: an empty cell is missing, an empty text stands in quotes."""
    kinds = {name: ARROW_TYPES[field.kind] for name, field in fields.items()}
    table = csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(column_names=list(fields), block_size=len(block)),  # whatever the length of a row
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),  # one is a row that holds nothing
        csv.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    frame = table.to_pandas(types_mapper=INTEGERS)
    return pd.DataFrame({name: frame[name].astype(FRAME_TYPES[field.kind]) for name, field in fields.items()})


def _in_sqlite(value: sa.ColumnElement[Any], kind: Kind) -> sa.ColumnElement[Any]:
    """Return a value of SQLite, which has no times, only their texts, and would take what is no number for 0."""
    if kind == "time":
        return sa.func.substr(value, 1, SECONDS)
    if kind == "id":
        whole = sa.cast(sa.cast(value, sa.BigInteger()), sa.String())
        return sa.case((sa.func.typeof(value) == "real", whole), else_=sa.func.trim(sa.cast(value, sa.String())))
    strange = sa.or_(value.op("GLOB")("*[^0-9.eE+-]*"), sa.not_(value.op("GLOB")("*[0-9]*")))
    return sa.case((strange, value), else_=sa.cast(value, sa.Numeric(asdecimal=False)))


def _engine(where: DatabaseUrl) -> sa.Engine:
    patience = PATIENCE.get(where.url.get_driver_name(), {})
    if where.url.get_backend_name() == "sqlite":
        path = Path(where.url.database or "")
        if not path.is_file():
            raise LoaderError(f"there is no database file {path.name!r} there; check the path")
        url = where.url.set(database=f"file:{quote(str(path.resolve()))}", query={"mode": "ro", "uri": "true"})
        return sa.create_engine(url)
    if where.url.get_backend_name() == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return sa.create_engine(where.url, connect_args=patience, execution_options=options)
    return sa.create_engine(where.url, connect_args=patience)


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn every error of a database into one line that holds nothing of its URL or its rows."""
    try:
        yield
    except ModuleNotFoundError as error:
        how = "'clinflu[postgresql]'" if error.name == "psycopg" else error.name
        raise LoaderError(f"the driver {error.name} is not installed; install it: pip install {how}") from None
    except LoaderError:
        raise
    except Exception as error:  # noqa: BLE001 -- of whatever driver it is
        words = str(getattr(error, "orig", None) or error).lower()
        told = next((told for mark, told in FAULTS if re.search(mark, words)), "does not answer as it should")
        raise LoaderError(f"the {name} {told}") from None


def _frame(rows: Any, fields: Mapping[str, Field]) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    pairs = zip(fields.items(), columns, strict=True)
    return pd.DataFrame({name: _column(list(values), field.kind) for (name, field), values in pairs})


def _column(values: list[Any], kind: Kind) -> pd.Series:
    if kind == "time":
        return pd.Series(np.array(values, dtype="datetime64[us]"))
    return pd.Series(values, dtype=FRAME_TYPES[kind])


def _wrong(values: pd.Series, field: Field) -> pd.Series:
    wrong = values.isna() if field.required else pd.Series(data=False, index=values.index)
    if field.kind == "time":
        wrong = wrong | (values < pd.Timestamp(EARLIEST)) | (values >= pd.Timestamp(LATEST))
    if field.kind == "number":
        wrong = wrong | (values.abs() > LARGEST)
    return wrong
