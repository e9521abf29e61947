"""A folder that is written as a whole or not at all, and closed to others where it must be."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = ".clinflu-"
LOCK, NEW, OLD = "lock", "new", "old"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Give a private folder beside another one, and put it in the other's place once it is filled.

    Whatever ends the work half way leaves the other folder as it was; what a killed process left, the next one clears.

    Raises
    ------
    OSError
        It cannot be written there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_left_behind(folder.parent)
    workplace = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder.parent))
    kept = workplace / OLD / folder.name
    with (workplace / "mine").open("w") as lock:
        try:
            _take(lock, workplace)
            (workplace / NEW).mkdir(mode=PRIVATE_FOLDER)
            (workplace / OLD).mkdir(mode=PRIVATE_FOLDER)
            yield workplace / NEW
            _exchange(folder, workplace / NEW, kept)
        finally:
            if folder.exists() or not kept.exists():  # never the only copy of the report that was there
                shutil.rmtree(workplace, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Raise OSError where a folder could not be made or replaced; what is tried is gone again."""
    nearest = next(one for one in folder.absolute().parents if one.exists())
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=nearest):
        pass


def close(folder: Path) -> None:
    """Close a folder to everyone but its owner."""
    for path in folder.rglob("*"):
        path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)


def give_usual_rights(folder: Path) -> None:
    """Give a folder the rights that new files of this user have."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _take(lock: IO[str], workplace: Path) -> None:
    """Mark the workplace as held by this process; the mark is there only once it is held, and ends with the process."""
    with suppress(OSError):  # a file system without locks: what is left there, nobody clears
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (workplace / "mine").rename(workplace / LOCK)


def _clear_left_behind(folder: Path) -> None:
    """Remove what processes of this user that were killed have left here; an older report among it is put back."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.is_symlink() or path.lstat().st_uid != os.geteuid():
                continue
            with (path / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its process lives
                for kept in (path / OLD).iterdir():
                    if not (folder / kept.name).exists():
                        kept.rename(folder / kept.name)
                shutil.rmtree(path, ignore_errors=True)


def _exchange(folder: Path, new: Path, kept: Path) -> None:
    """Put the new folder in place; where that fails, the old one is back."""
    if folder.exists():
        folder.rename(kept)
    try:
        new.rename(folder)
    except BaseException:
        if kept.exists():
            kept.rename(folder)
        raise
