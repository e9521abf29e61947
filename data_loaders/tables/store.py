"""Named tables that are read by fields and rows; everything that is wrong with them is told at once."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from clinflu.errors import LoaderError
from data_loaders.tables.fields import TYPES, Field

SHOWN = 20
Expressions = Mapping[str, sa.ColumnElement[Any]]
Where = Callable[[Expressions], sa.ColumnElement[bool]]
FRAME_TYPES = {"text": "str", "id": "str", "number": "float64", "whole": "Int64", "time": "datetime64[us]"}
INTEGERS = {pa.int64(): pd.Int64Dtype()}.get  # beside missing values, so that ids keep every digit


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its table has it: its name, and what it holds in the words of the engine."""

    name: str
    stored: str

    @property
    def expression(self) -> sa.ColumnClause[Any]:
        """The column, quoted as it is spelled."""
        return sa.column(quoted_name(self.name, quote=True))


class Store(ABC):
    """Tables of one source, by name in lower case; a context, which ends in closing it.

    Parameters
    ----------
    source : str
        Name of the source, for the messages.
    tables : mapping of str to mapping of str to Column
        By table, its columns; both by their names in lower case.
    """

    def __init__(self, source: str, tables: Mapping[str, Mapping[str, Column]]) -> None:
        self.source = source
        self.tables = dict(tables)
        self.problems: list[str] = []
        self.digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of the source and of all that was put aside for it."""

    @abstractmethod
    def sha256(self) -> str:
        """Return the sha256 of the files that were read, or of the rows."""

    @abstractmethod
    def fetch(self, table: str, fields: Mapping[str, Field], where: Where | None) -> pd.DataFrame:
        """Return the fields of the rows, and note the problems found in them."""

    @abstractmethod
    def value(self, column: Column, field: Field) -> sa.ColumnElement[Any]:
        """Return a column as a value of the kind of a field."""

    @abstractmethod
    def from_table(self, table: str) -> sa.FromClause:
        """Return a table, to be selected from."""

    @abstractmethod
    def define(self, name: str, query: str) -> None:
        """Make a table of a query, which is only read.

        Raises
        ------
        LoaderError
            It is no query of this database.
        """

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table is there, and with it each of the columns."""
        return table in self.tables and all(column in self.tables[table] for column in columns)

    def read(self, table: str, fields: Mapping[str, Field], where: Where | None = None) -> pd.DataFrame:
        """Return a table, a column a field; a field whose columns are all absent is missing throughout.

        Parameters
        ----------
        table : str
            An absent table has no rows; a loader that needs it asks :meth:`require` first.
        fields : mapping of str to Field
        where : function, optional
            From the fields as expressions to the condition that rows must meet, so that no others leave the source.

        Returns
        -------
        DataFrame
            ``str``, ``float64``, ``Int64`` and ``datetime64[us]``, by kind.
        """
        if table not in self.tables or not self.require(table, fields):
            return self._typed(pd.DataFrame(columns=list(fields)), fields)
        frame = self._typed(self.fetch(table, fields, where), fields)
        self.note_rows(table, frame)
        return frame

    def note_rows(self, table: str, frame: pd.DataFrame) -> None:
        """Take rows into the digest, whatever order they came in."""
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        self.digest.update(f"{table} {len(frame)} {hashes.sum()} {np.bitwise_xor.reduce(hashes, initial=0)} ".encode())

    def require(self, table: str, fields: Mapping[str, Field]) -> bool:
        """Note a problem if the table or the columns of a required field are absent; return whether all are there."""
        if table not in self.tables:
            self.problems.append(f"there is no table {table!r}")
            return False
        absent = [
            one.columns[0]
            for one in fields.values()
            if one.required and not any(name in self.tables[table] for name in one.columns)
        ]
        self.problems += [f"table {table!r} has no column {name!r}" for name in absent]
        return not absent

    def finish(self) -> None:
        """Raise if there were problems.

        Raises
        ------
        LoaderError
            All of them in one message.
        """
        if not self.problems:
            return
        problems = list(dict.fromkeys(self.problems))  # a table that is read twice has its problems twice
        count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
        more = f"; and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
        told = "; ".join(problems[:SHOWN])
        raise LoaderError(
            f"{self.source}: nothing was loaded: {count}: {told}{more}. Mend the source and load it again"
        )

    def rows(
        self, table: str, fields: Mapping[str, Field], where: Where | None = None, only: Iterable[str] | None = None
    ) -> sa.Select[Any]:
        """Return the query for the fields of the rows, or for some of them, to be read or to be asked in another."""
        values = self.values(table, fields)
        columns = [value.label(name) for name, value in values.items() if only is None or name in only]
        query = sa.select(*columns).select_from(self.from_table(table))
        return query if where is None else query.where(where(values))

    def values(self, table: str, fields: Mapping[str, Field]) -> dict[str, sa.ColumnElement[Any]]:
        """Return each field as an expression over the table."""
        return {name: self.expression(table, field) for name, field in fields.items()}

    def expression(self, table: str, field: Field) -> sa.ColumnElement[Any]:
        """Return a field as an expression over the table: of the first of its columns that holds something."""
        found = [self.value(self.tables[table][name], field) for name in field.columns if name in self.tables[table]]
        if not found:
            return sa.cast(sa.null(), TYPES[field.kind])
        return found[0] if len(found) == 1 else sa.func.coalesce(*found)

    def _typed(self, frame: pd.DataFrame, fields: Mapping[str, Field]) -> pd.DataFrame:
        return pd.DataFrame({name: _as(frame[name], FRAME_TYPES[field.kind]) for name, field in fields.items()})


def plain_query(query: str) -> str:
    """Return a query as it stands in brackets: without the semicolon at its end, and whatever remark ends it."""
    return f"{query.rstrip().rstrip(';')}\n"


def subquery(query: str) -> sa.FromClause:
    """Return a query in words, to be selected from."""
    return sa.text(query.replace(":", r"\:")).columns().alias("described")


def _as(values: pd.Series, kind: str) -> pd.Series:
    return pd.to_datetime(values).dt.floor("s").astype(kind) if kind.startswith("datetime") else values.astype(kind)
