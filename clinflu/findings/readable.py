"""A table as a person reads it: numbers in words' clothes, and a figure with its interval in one cell."""

from dataclasses import dataclass

from clinflu.findings.document import DIGITS, Column, Table, Value

LOW, HIGH = "_low", "_high"
PERCENT = 100.0
EMPTY = ""
FEW_DIGITS = 1


@dataclass(frozen=True, slots=True)
class Readable:
    """Heads and texts of a table.

    Parameters
    ----------
    heads : tuple of str
    numbers : tuple of bool
        Which columns hold numbers.
    rows : tuple of tuple of str
    """

    heads: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]


def readable(table: Table) -> Readable:
    """Return a table as texts; the columns ``x_low`` and ``x_high`` after ``x`` become part of its cell."""
    keys = [column.key for column in table.columns]
    with_interval = {key for key in keys if key + LOW in keys and key + HIGH in keys}
    shown = [column for column in table.columns if not _is_end(column.key, with_interval)]
    heads = tuple(f"{one.label} (95 % interval)" if one.key in with_interval else one.label for one in shown)
    rows = tuple(tuple(_cell(column, row, with_interval) for column in shown) for row in _rows(table))
    return Readable(heads, tuple(column.kind != "text" for column in shown), rows)


def text(column: Column, value: Value) -> str:
    """Return one value as it is read: shares as percentages, a true minus sign, nothing where there is none."""
    if value is None:
        return EMPTY
    if isinstance(value, str):
        return value
    if column.kind == "count":
        written = f"{value:,.0f}"
    elif column.kind == "share":
        digits = FEW_DIGITS if column.digits is None else max(column.digits - 2, 0)
        written = f"{PERCENT * value:.{digits}f} %"
    elif column.kind == "p":
        written = "<0.0001" if value < 0.0001 else f"{value:.4f}"
    else:
        written = f"{value:.{DIGITS['number'] if column.digits is None else column.digits}f}"
    return written.replace("-", "−")


def _rows(table: Table) -> list[dict[str, tuple[Column, Value]]]:
    return [
        {column.key: (column, value) for column, value in zip(table.columns, row, strict=True)} for row in table.rows
    ]


def _is_end(key: str, with_interval: set[str]) -> bool:
    return any(key == one + end for one in with_interval for end in (LOW, HIGH))


def _cell(column: Column, row: dict[str, tuple[Column, Value]], with_interval: set[str]) -> str:
    written = text(*row[column.key])
    if column.key not in with_interval:
        return written
    low, high = (row[column.key + end] for end in (LOW, HIGH))
    if not all(isinstance(one, int | float) for one in (row[column.key][1], low[1], high[1])):
        return written
    return f"{written} ({text(*low).removesuffix(' %')} to {text(*high)})"
