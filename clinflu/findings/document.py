"""What a report says, before any format: sections of words, tables and charts. Renderers add nothing to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from clinflu.errors import DataError
from clinflu.figures.config import Spec

Value = str | int | float | None
Kind = Literal["text", "count", "share", "number", "p"]

P_DIGITS = 3  # significant
DIGITS: dict[str, int] = {"text": 0, "count": 0, "share": 3, "number": 3, "p": 4}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    key : str
        For machines: ``"auroc_low"``.
    label : str
        For people.
    kind : str
        ``"text"``; ``"count"``, a whole number; ``"share"``, of 1; ``"number"``; ``"p"``, a p or q value.
    digits : int, optional
        Decimals to which numbers are rounded; by default those of the kind.
    """

    key: str
    label: str
    kind: Kind = "text"
    digits: int | None = None

    def rounded(self, value: Any) -> Value:
        """Return a value as it is published: rounded; a number that is not finite is None, a text stays a text."""
        if value is None or isinstance(value, str):
            return value
        number = float(value)
        if not isfinite(number):
            return None
        if self.kind == "count":
            return round(number)
        if self.kind == "p":
            return float(f"{number:.{P_DIGITS}g}")
        digits = DIGITS[self.kind] if self.digits is None else self.digits
        return round(number, digits) + 0.0


def with_interval(value: Column) -> tuple[Column, Column, Column]:
    """Return a column, and those of its interval: ``key_low`` and ``key_high``, rounded as it is."""
    low = Column(f"{value.key}_low", "95 % from", value.kind, value.digits)
    return value, low, Column(f"{value.key}_high", "95 % to", value.kind, value.digits)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: one row a tuple of published values, in the order of the columns.

    A text in a column of numbers says why there is no number, such as ``"withheld"``.

    Parameters
    ----------
    key : str
        Unique in the document; names the sheet and the files.
    title : str
    columns : tuple of Column
    rows : tuple of tuple
    note : str
        What the reader must know to read it.
    files_only : bool
        Whether it is too long to be read on a page: it is then in the workbook, the CSV files and the JSON alone.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    files_only: bool = False

    @classmethod
    def of(
        cls, key: str, title: str, columns: Iterable[Column], records: Iterable[dict[str, Any]], note: str = ""
    ) -> "Table":
        """Return a table of records, rounded; a key that a record lacks is an empty cell."""
        columns = tuple(columns)
        rows = tuple(tuple(column.rounded(record.get(column.key)) for column in columns) for record in records)
        return cls(key, title, columns, rows, note)

    def records(self) -> list[dict[str, Value]]:
        """Return the rows by column key, as charts and JSON read them."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, made of nothing but the published values of a table.

    Parameters
    ----------
    key : str
        Unique in the document; names the image files.
    title : str
    spec : dict
        Plotly figure as plain values.
    says : str
        What it shows, in words: the text for those who cannot see it.
    table : str
        Key of the table with the same numbers.
    """

    key: str
    title: str
    spec: Spec
    says: str
    table: str


@dataclass(frozen=True, slots=True)
class Words:
    """Paragraphs, or with ``listed`` the points of a list. Plain text: renderers escape it."""

    paragraphs: tuple[str, ...]
    listed: bool = False


Part = Words | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a report."""

    key: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Parameters
    ----------
    title : str
    sections : tuple of Section
    internal : bool
        Whether small cells are in it: every page then says INTERNAL.
    simulated : bool
        Whether the patients are invented: every page then says so.
    provenance : dict
        Plain values: data hash, code version, seed, options, library versions, date.
    """

    title: str
    sections: tuple[Section, ...]
    internal: bool
    simulated: bool
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = [part.key for part in self._parts() if not isinstance(part, Words)]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise DataError(f"the report has more than one {', '.join(sorted(twice))}; give each part its own key")

    def tables(self) -> tuple[Table, ...]:
        """Return every table, in order."""
        return tuple(part for part in self._parts() if isinstance(part, Table))

    def charts(self) -> tuple[Chart, ...]:
        """Return every chart, in order."""
        return tuple(part for part in self._parts() if isinstance(part, Chart))

    def _parts(self) -> Iterator[Part]:
        for section in self.sections:
            yield from section.parts
