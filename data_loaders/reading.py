"""Read files that may be damaged, hostile or not what they seem."""

import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath

import pandas as pd

from clinflu.errors import LoaderError

MAX_UNPACKED_BYTES = 4 * 2**30
MAX_RATIO = 200
MAX_MEMBERS = 10_000


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
    if source.is_dir():
        found = sorted(source.rglob(member))
        if len(found) != 1:
            raise LoaderError(
                f"the folder {source.name!r} holds {len(found)} files called {member}; give the file itself"
            )
        source = found[0]
    if not source.is_file():
        raise LoaderError(f"there is no file {source.name!r} there; check the path")
    if source.stat().st_size == 0:
        raise LoaderError(f"{source.name} is empty; fetch it again")
    if source.suffix == ".zip":
        return _unzip(source, member), sha256_of(source)
    content = source.read_bytes()
    return content, hashlib.sha256(content).hexdigest()


def _unzip(source: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(source) as archive:
            entry = _entry(archive, member, source.name)
            return archive.read(entry)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError):
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
    if entry.file_size > MAX_UNPACKED_BYTES or entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise LoaderError(f"{name} would unpack to far more than it should; unpack it yourself and give the file")
    return entry


def read_csv(content: bytes, name: str, *, missing: str | tuple[str, ...] = "") -> pd.DataFrame:
    """Return a CSV as text columns, with only the given strings read as missing.

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
        Not UTF-8, no rows, twice the same column, or rows of different lengths.
    """
    markers = [missing] if isinstance(missing, str) else list(missing)
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoaderError(f"{name} is not UTF-8 (byte {error.start:,}); save it as UTF-8 CSV and try again") from None
    try:
        header = pd.read_csv(io.BytesIO(content), header=None, nrows=1, dtype=str, encoding="utf-8-sig")
        frame = pd.read_csv(
            io.BytesIO(content),
            dtype=str,
            keep_default_na=False,
            na_values=markers,
            encoding="utf-8-sig",
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning, ValueError):
        raise LoaderError(f"{name} is not a CSV table with one header row; open it and check it") from None
    names = header.iloc[0].tolist()
    twice = sorted({str(column) for column in names if names.count(column) > 1})
    if twice:
        raise LoaderError(f"{name} has the column {', '.join(twice)} more than once; rename one")
    if frame.empty:
        raise LoaderError(f"{name} has a header and no rows; fetch it again")
    return frame
