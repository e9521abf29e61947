"""The files of a source: a file, a folder or a zip; with limits against what would never end."""

import gzip
import hashlib
import io
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from clinflu.errors import LoaderError

MOST_FILES = 10_000
MOST_BYTES = 64 * 2**30
MOST_RATIO = 200
LOOKED_AT_BYTES = 2**26
BLOCK_BYTES = 2**20
PACKED = ".gz"
HIDDEN = ("__MACOSX", ".")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a source.

    Parameters
    ----------
    name : str
        Name without folders, as the messages show it.
    path : Path
        The file itself, or the zip that holds it.
    entry : str, optional
        Its name within the zip.
    """

    name: str
    path: Path
    entry: str | None = None

    @property
    def stem(self) -> str:
        """Name in lower case without its suffixes, such as ``"admissions"`` for ``ADMISSIONS.csv.gz``."""
        return self.name.lower().removesuffix(PACKED).rpartition(".")[0]

    @property
    def suffix(self) -> str:
        """What kind of file it is, such as ``".csv"``, also where it is packed."""
        return PurePosixPath(self.name.lower().removesuffix(PACKED)).suffix

    @property
    def is_packed(self) -> bool:
        """Whether it is packed with gzip."""
        return self.name.lower().endswith(PACKED)

    @contextmanager
    def raw(self) -> Iterator[IO[bytes]]:
        """Open it as it lies there, packed or not."""
        try:
            if self.entry is None:
                with self.path.open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.entry) as stream:
                    yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError, RuntimeError):
            raise LoaderError(f"{self.name} is damaged; export or fetch it again") from None
        except OSError:
            raise LoaderError(f"{self.name} cannot be read; check that you may open it") from None

    @contextmanager
    def unpacked(self) -> Iterator[IO[bytes]]:
        """Open it unpacked."""
        with self.raw() as stream:
            yield io.BufferedReader(gzip.GzipFile(fileobj=stream), BLOCK_BYTES) if self.is_packed else stream

    def put_into(self, folder: Path) -> Path:
        """Return a path in a private folder that leads to it: a link, or for one in a zip its bytes."""
        target = folder / f"{sum(1 for _ in folder.iterdir())}{self.suffix}{PACKED if self.is_packed else ''}"
        if self.entry is None:
            target.symlink_to(self.path.resolve())
            return target
        with self.raw() as stream, target.open("xb") as copy:
            shutil.copyfileobj(stream, copy, BLOCK_BYTES)
        return target


def members(source: Path, suffixes: tuple[str, ...]) -> list[Member]:
    """Return the files of a source that end so, by name.

    Parameters
    ----------
    source : Path
        A file, a folder with folders in it, or a zip. Hidden files and what macOS adds to a zip are left out.
    suffixes : tuple of str
        Such as ``".csv"``; a packed ``.csv.gz`` is one too.

    Raises
    ------
    LoaderError
        It cannot be read, or a zip is damaged, leads out of itself, or would unpack to more than it should.
    """
    try:
        if source.is_dir():
            found = [Member(path.name, path) for path in _files(source) if not _is_hidden(path.relative_to(source))]
        elif source.suffix.lower() == ".zip":
            found = _in_zip(source)
        else:
            found = [Member(source.name, source)]
    except OSError:
        raise LoaderError(f"{source.name} cannot be read; check that you may open it") from None
    found = sorted((one for one in found if one.suffix in suffixes), key=lambda one: (one.name, str(one.entry)))
    _require_once(found)
    return found or _in_only_zip(source, suffixes)


def _require_once(found: list[Member]) -> None:
    """Raise if a file is there both packed and not, since it would be read twice."""
    seen: dict[str, Member] = {}
    for one in found:
        place = (one.entry or str(one.path)).lower().removesuffix(PACKED)
        if place in seen:
            raise LoaderError(f"{seen[place].name} and {one.name} are the same table; put one of them elsewhere")
        seen[place] = one


def _in_only_zip(source: Path, suffixes: tuple[str, ...]) -> list[Member]:
    """Return the files of the one zip that a folder holds, if there is one."""
    zips = [path for path in sorted(source.glob("*")) if path.suffix.lower() == ".zip"] if source.is_dir() else []
    return members(zips[0], suffixes) if len(zips) == 1 else []


def require_sound(member: Member) -> None:
    """Raise if a file is empty, or packed so densely that it would unpack to more than it should."""
    with member.raw() as stream:
        head = stream.read(BLOCK_BYTES)
        if not head:
            raise LoaderError(f"{member.name} is empty; export or fetch it again")
        if member.is_packed and _ratio(head, stream, member.name) > MOST_RATIO:
            raise LoaderError(_too_much(member.name))


def sha256_of(found: list[Member]) -> str:
    """Return the sha256 of the names and contents of files, in order of their names."""
    state = hashlib.sha256()
    for member in found:
        with member.raw() as stream:
            state.update(f"{member.name} {_digest(stream)} ".encode())
    return state.hexdigest()


def _digest(stream: IO[bytes]) -> str:
    state = hashlib.sha256()
    while block := stream.read(BLOCK_BYTES):
        state.update(block)
    return state.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, path in enumerate(folder.rglob("*")):
        if place > MOST_FILES:
            raise LoaderError(f"{folder.name} holds more than {MOST_FILES:,} files; give the folder of one export")
        if path.is_file():
            yield path


def _is_hidden(path: Path | PurePosixPath) -> bool:
    return any(part.startswith(HIDDEN) for part in path.parts)


def _in_zip(source: Path) -> list[Member]:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise LoaderError(f"{source.name} is damaged or not a plain zip; fetch it again") from None
    if len(entries) > MOST_FILES:
        raise LoaderError(f"{source.name} holds {len(entries):,} files; unpack it yourself and give the folder")
    for entry in entries:
        _require_plain(entry, source.name)
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise LoaderError(_too_much(source.name))
    names = [(entry.filename, PurePosixPath(entry.filename)) for entry in entries]
    return [Member(path.name, source, name) for name, path in names if not _is_hidden(path)]


def _require_plain(entry: zipfile.ZipInfo, name: str) -> None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise LoaderError(f"{name} holds a file that would lie outside it; do not unpack it, and ask who made it")
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise LoaderError(f"{name} is packed in an unusual way, or with a password; unpack it yourself")
    if entry.file_size > LOOKED_AT_BYTES and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
        raise LoaderError(_too_much(name))


def _ratio(head: bytes, stream: IO[bytes], name: str) -> float:
    """Return how many times larger the beginning of a packed file becomes."""
    unpacker = zlib.decompressobj(wbits=31)
    taken = given = 0
    block = head
    try:
        while block and given < LOOKED_AT_BYTES and not unpacker.eof:
            given += len(unpacker.decompress(block, LOOKED_AT_BYTES))
            taken += len(block)
            block = unpacker.unconsumed_tail or stream.read(BLOCK_BYTES)
    except zlib.error:
        raise LoaderError(f"{name} is damaged or not packed with gzip; export it again") from None
    return given / taken if given >= LOOKED_AT_BYTES else 0.0


def _too_much(name: str) -> str:
    return f"{name} would unpack to far more than it should; unpack it yourself and give the folder"
