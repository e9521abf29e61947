"""What was noticed in a source while it was read, by table, column and row, and never by value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with some rows of a source that did not keep it from being read.

    Parameters
    ----------
    table, column : str
        Where, in the words of the source.
    what : str
        What is wrong, and what was done about it.
    rows : int
        How many rows.
    first_rows : tuple of int
        Row numbers in the source of the first few, where it has any.
    """

    table: str
    column: str
    what: str
    rows: int
    first_rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Where it is and what is wrong with how many rows."""
        rows = f"{self.rows:,} row" if self.rows == 1 else f"{self.rows:,} rows"
        first = f", the first in row {self.first_rows[0]:,}" if self.first_rows else ""
        return f"{self.table}, column {self.column!r}: {self.what} ({rows}{first})"
