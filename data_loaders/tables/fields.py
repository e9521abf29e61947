"""What is read of a table: named fields, each of a kind and from the first column that is there."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

Kind = Literal["text", "id", "number", "whole", "time"]
EARLIEST, LATEST = "1700-01-01", "2300-01-01"
LARGEST = 1e15
WHOLE_AS_DECIMAL = "^-?[0-9]+[.]0+$"
EXPECTED: dict[Kind, str] = {
    "text": "expected text",
    "id": "expected an id, as text or as a whole number; as a decimal number it may have lost digits",
    "number": "expected a number",
    "whole": "expected a whole number",
    "time": "expected a date or time, such as 2024-05-31 13:05:00, of the years 1700 to 2299",
}
TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    "text": sa.String(),
    "id": sa.String(),
    "number": sa.Double(),
    "whole": sa.BigInteger(),
    "time": sa.TIMESTAMP(),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One value of each row.

    Parameters
    ----------
    kind : str
        Of ``EXPECTED``; a time is read as the clock of the ward showed it, whatever its zone.
    columns : tuple of str
        Lower case; the first of them that holds something in a row.
    required : bool
        Whether a row without it is a problem; without any of its columns the table is.
    """

    kind: Kind
    columns: tuple[str, ...]
    required: bool = False


def text(*columns: str, required: bool = False) -> Field:
    """Return a field of text; numbers become text."""
    return Field("text", columns, required)


def identifier(*columns: str, required: bool = False) -> Field:
    """Return a field of ids, as text without blanks around it; ``7.0``, as some programs write 7, is ``7``."""
    return Field("id", columns, required)


def number(*columns: str, required: bool = False) -> Field:
    """Return a field of finite numbers."""
    return Field("number", columns, required)


def whole(*columns: str, required: bool = False) -> Field:
    """Return a field of whole numbers, such as concept ids."""
    return Field("whole", columns, required)


def time(*columns: str, required: bool = False) -> Field:
    """Return a field of times; a date alone is midnight."""
    return Field("time", columns, required)


def plain_id(written: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return an id without blanks around it, and ``7.0``, as some programs write 7, as ``7``."""
    told = sa.func.trim(sa.cast(written, sa.String()))
    return sa.case((told.regexp_match(WHOLE_AS_DECIMAL), sa.func.split_part(told, ".", 1)), else_=told)
