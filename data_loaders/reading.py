"""Read files that may be damaged, hostile or not what they seem."""

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from clinflu.errors import LoaderError

MAX_UNPACKED_BYTES = 4 * 2**30
MAX_RATIO = 200
MAX_MEMBERS = 10_000
MAX_HEADER_BYTES = 2**20
BLOCK_BYTES = 2**24  # no row of a CSV may be longer
SHOWN = 5
END = "\x1e"  # a last row of our own: if it does not come back, a quoted cell before it never closed


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_member(source: Path, member: str) -> tuple[bytes, str]:
    """Return the bytes of a table and the sha256 of the file that held it.

    Parameters
    ----------
    source : Path
        The file itself, a folder that holds it somewhere, or a zip that does.
    member : str
        File name of the table inside a folder or zip.

    Raises
    ------
    LoaderError
        The table is not there, or the zip is damaged or would unpack to more than it should.
    """
    try:
        path = _only_file(source, member)
        if path.suffix.lower() == ".zip":
            return _unzip(path, member), sha256_of(path)
        content = path.read_bytes()
    except OSError:
        raise LoaderError(f"{source.name} cannot be read; check that you may open it") from None
    return content, hashlib.sha256(content).hexdigest()


def _only_file(source: Path, member: str) -> Path:
    """Return the one file that is meant, once its size has been checked."""
    if source.is_dir():
        found = sorted(source.rglob(member))
        if len(found) != 1:
            raise LoaderError(
                f"the folder {source.name!r} holds {len(found)} files called {member}; give the file itself"
            )
        source = found[0]
    if not source.is_file():
        raise LoaderError(f"there is no file {source.name!r} there; check the path")
    size = source.stat().st_size
    if size == 0:
        raise LoaderError(f"{source.name} is empty; export or fetch it again")
    if size > MAX_UNPACKED_BYTES:
        raise LoaderError(
            f"{source.name} is larger than {MAX_UNPACKED_BYTES / 2**30:g} GiB; give fewer rows or columns"
        )
    return source


def _unzip(source: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(source) as archive:
            entry = _entry(archive, member, source.name)
            return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise LoaderError(f"{source.name} is damaged or not a plain zip; fetch it again") from None


def _entry(archive: zipfile.ZipFile, member: str, name: str) -> zipfile.ZipInfo:
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise LoaderError(f"{name} holds {len(entries):,} files; unpack it yourself and give the folder")
    named = [entry for entry in entries if PurePosixPath(entry.filename).name == member]
    named = [entry for entry in named if "__MACOSX" not in entry.filename]
    if len(named) != 1:
        raise LoaderError(f"{name} holds {len(named)} files called {member}; check that it is the right archive")
    entry = named[0]
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise LoaderError(f"{name} is packed in an unusual way; unpack it yourself and give the file")
    if entry.file_size > MAX_UNPACKED_BYTES or entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise LoaderError(f"{name} would unpack to far more than it should; unpack it yourself and give the file")
    return entry


def read_csv(content: bytes, name: str, *, missing: str | tuple[str, ...] = "") -> pd.DataFrame:
    """Return a CSV as text columns, with only the given strings read as missing.

    Rows without a single value, such as blank lines, are left out; the index is the place below the header,
    counted from 0, so that ``index + 2`` is always the row of the file.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a byte-order mark.
    name : str
        For the messages.
    missing : str or tuple of str
        What stands for a missing value; ``"None"`` and ``"NA"`` stay what they are.

    Raises
    ------
    LoaderError
        Not UTF-8, no rows, twice the same column, rows of different lengths, or a quote that never closes.
    """
    import pyarrow as pa

    _require_utf8(content, name)
    markers = [missing] if isinstance(missing, str) else list(missing)
    lengths: list[tuple[int, int, int]] = []

    def skip(row: Any) -> str:
        lengths.append((row.number, row.actual_columns, row.expected_columns))
        return "skip"

    columns = _columns(content, name)
    last = b"\n" + b",".join([END.encode()] * len(columns)) + b"\n"
    try:
        table = _parse(content + last, columns, markers, skip)
    except pa.ArrowInvalid as error:
        raise LoaderError(_unclosed(name) if "straddling" in str(error) else _not_csv(name)) from None
    if table.column_names != columns:
        raise LoaderError(_not_csv(name))
    if table.num_rows == 0 or any(column[-1].as_py() != END for column in table.columns):
        raise LoaderError(_unclosed(name))
    if lengths:
        raise LoaderError(_ragged(name, lengths))
    frame = _without_blank_rows(table.slice(0, table.num_rows - 1).to_pandas())
    if frame.empty:
        raise LoaderError(f"{name} has a header and no rows; export or fetch it again")
    return frame


def _require_utf8(content: bytes, name: str) -> None:
    if not content.strip():
        raise LoaderError(f"{name} is empty; export or fetch it again")
    place = content.find(b"\0")
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.start
    if place >= 0:
        raise LoaderError(f"{name} is not UTF-8 (byte {place:,}); save it as UTF-8 CSV and try again")


def _not_csv(name: str) -> str:
    return f"{name} is not a CSV table with one header row; open it and check it"


def _unclosed(name: str) -> str:
    return f"{name}: a quoted cell is never closed, so rows may be lost; export it again in full"


def _columns(content: bytes, name: str) -> list[str]:
    """Return the names in the header row."""
    start = content[:MAX_HEADER_BYTES].decode("utf-8-sig", errors="ignore")
    try:
        columns = next(csv.reader(io.StringIO(start, newline="")), [])
    except csv.Error:
        raise LoaderError(_not_csv(name)) from None
    if not any(columns):
        raise LoaderError(f"{name} must hold its column names in the first row; delete blank rows above them")
    require_distinct(columns, name)
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        raise LoaderError(f"{name} is not separated by commas; export it as a comma-separated CSV")
    return columns


def require_distinct(columns: list[str], name: str) -> None:
    """Raise if a table has two columns of the same name."""
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise LoaderError(f"{name} has the column {', '.join(map(repr, twice))} more than once; rename one")


def _parse(content: bytes, columns: list[str], markers: list[str], skip: Callable[[Any], str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow

    text = dict.fromkeys(columns, pa.string())
    return arrow.read_csv(
        pa.BufferReader(content),
        arrow.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),  # with threads, rows have no numbers
        arrow.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip),
        arrow.ConvertOptions(column_types=text, null_values=markers, strings_can_be_null=True),
    )


def _ragged(name: str, lengths: list[tuple[int, int, int]]) -> str:
    rows = ", ".join(f"row {number} has {actual}" for number, actual, _ in lengths[:SHOWN])
    more = f" and {len(lengths) - SHOWN:,} more rows differ" if len(lengths) > SHOWN else ""
    return f"{name}: the header has {lengths[0][2]} cells, but {rows}{more}; mend those rows or export it again in full"


def _without_blank_rows(frame: pd.DataFrame) -> pd.DataFrame:
    first = frame.iloc[:, 0]
    candidates = frame[first.isna() | (first == "")]
    blank = (candidates.isna() | (candidates == "")).all(axis=1)
    return frame.drop(candidates.index[blank])
