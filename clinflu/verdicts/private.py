"""Files that nobody but their owner reads or writes."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from clinflu.errors import StoreError

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_FOLDER = 0o700
OTHERS = 0o077
OTHERS_WRITE = 0o022


def own_folder(place: str) -> Path:
    """Return a folder of clinflu's own; where it is there already, others can no longer look into it."""
    folder = Path(place)
    with suppress(OSError):
        folder.chmod(OWNER_ONLY_FOLDER)
    return folder


def make_folder(folder: Path) -> None:
    """Make a folder, closed to others, unless it is there; raise OSError where it cannot be made."""
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)


def make_file(path: Path) -> None:
    """Make an empty file, closed to others, unless it is there; raise OSError where it cannot be made.

    It is closed before it has its name: closing a file drops the locks that other threads of this process hold on it.
    """
    descriptor, place = tempfile.mkstemp(prefix=".clinflu-", dir=path.parent)
    os.close(descriptor)
    try:
        with suppress(FileExistsError):
            os.link(place, path)
    finally:
        Path(place).unlink()


def is_there(path: Path) -> bool:
    """Return whether a file is there, and close it to others.

    Raises
    ------
    StoreError
        It is a link or no plain file, or others can write to it or to its folder.
    OSError
        It cannot be looked at.
    """
    try:
        _require_folder(path.parent)
        found = path.lstat()
    except FileNotFoundError:
        return False
    require_private(path, found)
    if found.st_mode & OTHERS:
        path.chmod(OWNER_ONLY_FILE)
    return True


def require_private(path: Path, found: os.stat_result) -> None:
    """Raise StoreError where what was found at a path is no plain file, or others can write to it."""
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is a link or no plain file; move it away")
    if found.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user, who can write to it; move it away")
    if found.st_mode & OTHERS_WRITE:
        raise StoreError(f"others can write to {path}; move it away, or run chmod 600 on it if you trust what it holds")


def _require_folder(folder: Path) -> None:
    if folder.stat().st_mode & OTHERS_WRITE:
        raise StoreError(f"others can write to the folder {folder}; run chmod go-w on it")
