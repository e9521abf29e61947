"""Tables of an embedded DuckDB, whose values may be anything: what is no value of its field is told by row."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect
from sqlalchemy.sql import quoted_name

from clinflu.errors import LoaderError
from data_loaders.tables.fields import EARLIEST, EXPECTED, LARGEST, LATEST, TYPES, Field, plain_id
from data_loaders.tables.store import INTEGERS, Column, Store, Where, plain_query, subquery

ROW, FILE, BAD = "row of the file", "number of the file", "what is wrong"
FLOATS = {"FLOAT": 2**24, "DOUBLE": 2**53}  # ids with gaps are often stored so; larger ones have lost digits
SECONDS = 19  # characters of 2024-05-31 13:05:00; fractions and zones come after
MEMORY = "2GB"
ZONE = "SET TimeZone = 'UTC'"  # whatever that of this machine
LINE = re.compile(r"CSV Error on Line: (\d+)")
FAULTS = (
    ("not utf-8", "is not UTF-8; save it as UTF-8 CSV"),
    ("unterminated quote", "has a quoted cell that is never closed, or has something behind it"),
    ("Expected Number of Columns", "has more or fewer cells than the header"),
    ("Maximum line size", "is longer than any row should be"),
)


class _Compiler(PGCompiler):
    """Writes queries in the words of PostgreSQL, which DuckDB takes, and in the one that is its own."""

    def visit_try_cast(self, element: sa.TryCast[Any], **options: Any) -> str:
        """Write a cast that gives nothing where a value cannot be cast."""
        value, kind = (self.process(part, **options) for part in (element.clause, element.typeclause))
        return f"TRY_CAST({value} AS {kind})"


class _Dialect(PGDialect):
    """PostgreSQL as DuckDB speaks it."""

    statement_compiler = _Compiler
    supports_statement_cache = True


class DuckStore(Store):
    """Tables in a connection to DuckDB.

    Parameters
    ----------
    source : str
    connection : DuckDBPyConnection
        Closed with the store.
    tables : mapping of str to mapping of str to Column
    files : mapping of str to list of str
        By table, the names of the files that it is made of, where it is; such a table has the columns ``ROW`` and
        ``FILE``.
    """

    def __init__(
        self,
        source: str,
        connection: duckdb.DuckDBPyConnection,
        tables: Mapping[str, Mapping[str, Column]],
        files: Mapping[str, list[str]],
    ) -> None:
        super().__init__(source, tables)
        self._connection = connection
        self._files = files
        self._queries: dict[str, str] = {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def sha256(self) -> str:
        """Return the sha256 of all rows that were read."""
        return self.digest.hexdigest()

    def value(self, column: Column, field: Field) -> sa.ColumnElement[Any]:
        """Return a column as a value, missing where it is none."""
        if field.kind == "time":
            start = sa.func.substr(sa.cast(column.expression, sa.String()), 1, SECONDS)
            return sa.try_cast(start, sa.TIMESTAMP())
        if (field.kind == "id" and "INT" not in column.stored) or (field.kind == "text" and column.stored in FLOATS):
            return plain_id(column.expression)
        return sa.try_cast(column.expression, TYPES[field.kind])

    def from_table(self, table: str) -> sa.FromClause:
        """Return the table of the embedded database."""
        if table in self._queries:
            return subquery(self._queries[table])
        return sa.table(quoted_name(table, quote=True))

    def define(self, name: str, query: str) -> None:
        """Make a view of a query."""
        self._queries[name] = plain_query(query)
        try:
            statements = [one.type for one in duckdb.extract_statements(query)]
            if statements != [duckdb.StatementType.SELECT]:
                raise LoaderError(f"the {self.source} is only ever read; give one query that begins with SELECT")
            relation = self._connection.sql(f"SELECT * FROM ({self._queries[name]}) LIMIT 0")  # noqa: S608 -- of the user
            columns = zip(relation.columns, relation.types, strict=True)
            self.tables[name] = {column.lower(): Column(column, str(stored)) for column, stored in columns}
        except (duckdb.Error, RuntimeError, AttributeError):
            raise LoaderError(f"the query is none that the {self.source} understands; try it there first") from None

    def fetch(self, table: str, fields: Mapping[str, Field], where: Where | None) -> pd.DataFrame:
        """Return the fields of the rows, and note the rows that hold something else."""
        values = self.values(table, fields)
        flags = [self._wrong(table, field) for field in fields.values()]
        bits: list[sa.ColumnElement[int]] = [sa.case((flag, 1 << place), else_=0) for place, flag in enumerate(flags)]
        bad: sa.ColumnElement[int] = reduce(lambda left, right: left + right, bits, sa.literal(0))
        places = [sa.column(name) if table in self._files else sa.literal(0).label(name) for name in (ROW, FILE)]
        columns = [value.label(name) for name, value in values.items()]
        query = sa.select(*columns, bad.label(BAD), *places).select_from(self.from_table(table))
        if where is not None:
            query = query.where(sa.or_(where(values), bad > 0))
        frame = self._run(query, table)
        self._note(frame[frame[BAD] != 0], list(fields.values()), table)
        return frame.loc[frame[BAD] == 0, list(fields)]  # what is wrong may be outside what was asked for

    def _wrong(self, table: str, field: Field) -> sa.ColumnElement[bool]:
        """Return whether a row holds something that is no value of the field, or nothing where it needs one."""
        value = self.expression(table, field)
        columns = [self.tables[table][name].expression for name in field.columns if name in self.tables[table]]
        held = sa.true() if field.required else sa.or_(sa.false(), *(column.is_not(None) for column in columns))
        wrong: list[sa.ColumnElement[bool]] = [sa.and_(value.is_(None), held)]
        if field.kind == "id":
            stored = (self.tables[table][name] for name in field.columns if name in self.tables[table])
            wrong += [sa.func.abs(one.expression) >= FLOATS[one.stored] for one in stored if one.stored in FLOATS]
        if field.kind in ("text", "id"):
            wrong.append(sa.func.contains(value, sa.func.chr(0)))
        if field.kind == "time":
            wrong += [value < sa.text(f"TIMESTAMP '{EARLIEST}'"), value >= sa.text(f"TIMESTAMP '{LATEST}'")]
        if field.kind == "whole":
            given = self.expression(table, replace(field, kind="number"))
            wrong.append(given != sa.func.trunc(given))
        if field.kind == "number":
            wrong += [sa.func.isnan(value), sa.func.abs(value) > LARGEST]
        return sa.func.coalesce(sa.or_(*wrong), sa.false())

    def _run(self, query: sa.Select[Any], table: str) -> pd.DataFrame:
        dialect = _Dialect(paramstyle="named")  # type: ignore[no-untyped-call]
        words = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        try:
            frame: pd.DataFrame = self._connection.sql(words).to_arrow_table().to_pandas(types_mapper=INTEGERS)
        except (duckdb.Error, RuntimeError, ValueError) as error:
            raise LoaderError(self._fault(str(error), table)) from None
        return frame

    def _fault(self, words: str, table: str) -> str:
        """Return what an error of the engine means, without the line that it quotes."""
        line = LINE.search(words)
        files = self._files.get(table, [])
        name = files[0] if len(files) == 1 else f"the table {table!r} of {self.source}"
        told = next((told for mark, told in FAULTS if mark in words), "cannot be read as a table")
        return f"{name}{f', line {int(line[1]):,},' if line else ''} {told}; mend it or export it again in full"

    def _note(self, bad: pd.DataFrame, fields: list[Field], table: str) -> None:
        for row in bad.to_dict("records"):
            where = f"{self._files[table][row[FILE]]} row {row[ROW]:,}" if table in self._files else f"table {table!r}"
            for place, field in enumerate(fields):
                if int(row[BAD]) >> place & 1:
                    column = next((name for name in field.columns if name in self.tables[table]), field.columns[0])
                    self.problems.append(f"{where}, column {column!r}: {EXPECTED[field.kind]}")


def columns_of(connection: duckdb.DuckDBPyConnection, schema: str | None) -> dict[str, dict[str, Column]]:
    """Return the columns of every table of a database file, by names in lower case."""
    words = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = $schema"
    found: dict[str, dict[str, Column]] = {}
    for table, column, stored in connection.execute(words, {"schema": schema or "main"}).fetchall():
        found.setdefault(table.lower(), {})[column.lower()] = Column(column, stored)
    return found


def open_duckdb(path: Path, source: str, schema: str | None) -> DuckStore:
    """Open a database file of DuckDB, only to read it.

    Raises
    ------
    LoaderError
        It is absent, damaged, or open elsewhere.
    """
    if not path.is_file():
        raise LoaderError(f"there is no database file {path.name!r} there; check the path")
    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute(ZONE)
        connection.execute("SET enable_external_access = false")  # a query reaches nothing but the database
        connection.execute("SET lock_configuration = true")
    except (duckdb.Error, RuntimeError):
        raise LoaderError(f"{path.name} is no DuckDB database, is damaged, or is open for writing elsewhere") from None
    return DuckStore(source, connection, columns_of(connection, schema), {})
