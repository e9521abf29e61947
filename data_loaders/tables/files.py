"""CSV and Parquet files as tables of an embedded database, which reads no more of them than is asked for."""

import csv
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from clinflu.errors import LoaderError
from data_loaders.tables.duck import FILE, MEMORY, ROW, ZONE, DuckStore
from data_loaders.tables.members import Member, members, require_sound, sha256_of
from data_loaders.tables.store import Column

SUFFIXES = (".csv", ".parquet")
HEADER_BYTES = 2**20
UNREADABLE = "\ufffd"  # what stands for bytes that are no UTF-8
SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a table: the query that reads it, its columns, and its name."""

    query: str
    columns: dict[str, Column]
    name: str


class FileStore(DuckStore):
    """The CSV and Parquet files of a folder or zip; several files of one table are read as one.

    Parameters
    ----------
    source : Path
    names : mapping of str to str
        By stem of a file in lower case, the table that it is part of; other files are not read.

    Raises
    ------
    LoaderError
        A file that cannot be read as a table.
    """

    def __init__(self, source: Path, names: Mapping[str, str]) -> None:
        self._members = [one for one in members(source, SUFFIXES) if one.stem in names]
        _require_once(self._members, names)
        self._folder = tempfile.TemporaryDirectory(prefix="clinflu-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._connection = duckdb.connect(
            ":memory:", config={"temp_directory": str(folder / "spill"), "memory_limit": MEMORY}
        )
        try:
            parts = self._parts(folder / "tables", names)
            tables = {table: _create(self._connection, table, some) for table, some in parts.items()}
        except BaseException:
            self.close()
            raise
        files = {table: [part.name for part in some] for table, some in parts.items()}
        super().__init__(source.name, self._connection, tables, files)

    def close(self) -> None:
        """Close the embedded database and remove the folder of links and unpacked files."""
        super().close()
        self._folder.cleanup()

    def sha256(self) -> str:
        """Return the sha256 of the names and contents of the files that are tables here."""
        return sha256_of(self._members)

    def note_rows(self, table: str, frame: pd.DataFrame) -> None:
        """Do nothing: the files themselves are known by their sha256."""

    def _parts(self, links: Path, names: Mapping[str, str]) -> dict[str, list[_Part]]:
        links.mkdir()
        self._connection.execute(ZONE)
        parts: dict[str, list[_Part]] = {}
        for member in self._members:
            require_sound(member)
            some = parts.setdefault(names[member.stem], [])
            some.append(self._part(member, len(some), member.put_into(links)))
        return parts

    def _part(self, member: Member, place: int, path: Path) -> _Part:
        if member.suffix == ".parquet":
            columns = self._parquet_columns(path, member.name)
            rows, read = "file_row_number + 1", f"read_parquet({_text(path)}, file_row_number=true)"
        else:
            columns = {name: Column(name, "VARCHAR") for name in _header(member)}
            rows, read = "row_number() OVER () + 1", _read_csv(path, columns)
        query = f"SELECT *, {rows} AS {_name(ROW)}, {place} AS {_name(FILE)} FROM {read}"  # noqa: S608 -- all quoted
        return _Part(query, columns, member.name)

    def _parquet_columns(self, path: Path, name: str) -> dict[str, Column]:
        try:
            described = self._connection.sql(f"DESCRIBE FROM read_parquet({_text(path)})").fetchall()
        except (duckdb.Error, RuntimeError):
            raise LoaderError(f"{name} is damaged or not Parquet; export it again") from None
        return {str(row[0]).lower(): Column(str(row[0]), str(row[1])) for row in described}


def _require_once(found: list[Member], names: Mapping[str, str]) -> None:
    """Raise if a table that is named after its one file is there twice: as CSV and as Parquet, or in two folders."""
    seen: dict[str, Member] = {}
    for one in found:
        if names[one.stem] == one.stem and one.stem in seen:
            raise LoaderError(
                f"the table {one.stem!r} is there as {seen[one.stem].name} and as {one.name}; give the folder of one "
                "export alone"
            )
        seen[one.stem] = one


def _create(connection: duckdb.DuckDBPyConnection, table: str, parts: list[_Part]) -> dict[str, Column]:
    """Make a table of its files and return its columns."""
    first = parts[0]
    for part in parts[1:]:
        if part.columns.keys() != first.columns.keys():
            raise LoaderError(f"{part.name} and {first.name} are parts of one table, but their columns differ")
    connection.execute(f"CREATE VIEW {_name(table)} AS {' UNION ALL BY NAME '.join(part.query for part in parts)}")
    return first.columns


def _read_csv(path: Path, columns: Mapping[str, Column]) -> str:
    """Return the call that reads a CSV as text, and refuses what is none."""
    typed = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in columns)
    form = "header=true, auto_detect=false, delim=',', quote='\"', escape='\"', nullstr='', strict_mode=true"
    return f"read_csv({_text(path)}, {form}, columns={{{typed}}})"


def _header(member: Member) -> list[str]:
    """Return the names in the header row, in lower case."""
    with member.unpacked() as stream:
        start = stream.read(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    if "\0" in start:
        raise LoaderError(f"{member.name} is no text, or not UTF-8; save it as UTF-8 CSV")
    try:
        names = [name.strip().lower() for name in next(csv.reader(io.StringIO(start, newline="")), [])]
    except csv.Error:
        names = []
    if any(UNREADABLE in name for name in names):
        raise LoaderError(f"{member.name} is not UTF-8; save it as UTF-8 CSV")
    if not any(names) or "" in names:
        raise LoaderError(f"{member.name} must hold the name of every column in its first row")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LoaderError(f"{member.name} has the column {', '.join(map(repr, twice[:SHOWN]))} more than once")
    return names


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
