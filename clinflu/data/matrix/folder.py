"""A private folder for what does not stay in memory: seen by its owner alone, and never left behind."""

import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from clinflu.errors import BackendError

PREFIX = "clinflu-spill-"
UNFINISHED = "clinflu-new-"
LOCK = "lock"


class PrivateFolder:
    """A new folder of mode 0700, removed when this object is collected, and at the end of the process.

    Its owner holds a lock in it. What a killed process left behind is therefore known by its lock being free, and is
    removed by the next that makes a folder in the same place.

    Parameters
    ----------
    place : Path, optional
        The folder to make it in; by default that of temporary files.
    prefix : str
        What its name begins with, by which those left behind are known.

    Raises
    ------
    BackendError
        Nothing can be written there.
    """

    def __init__(self, place: Path | None = None, prefix: str = PREFIX) -> None:
        where = Path(tempfile.gettempdir()) if place is None else Path(place)
        try:
            where.mkdir(parents=True, exist_ok=True)
            sweep(where, prefix)
            self.path, lock = _locked(where, prefix)
        except OSError as error:
            raise BackendError(
                f"no private folder can be made for the table ({error.strerror}); name another"
            ) from None
        self._remove = weakref.finalize(self, _removed, self.path, lock, os.getpid())

    def remove(self) -> None:
        """Remove it with all that it holds; at once, and once."""
        self._remove()


def sweep(place: Path, prefix: str = PREFIX) -> None:
    """Remove the folders of ours that no process holds any more."""
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):  # another's, another user's, or already gone
            lock = os.open(folder / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked(place: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder and its lock; it gets the name that is swept only when it is locked."""
    new = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=place))
    lock = os.open(new / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return new.rename(place / new.name.replace(UNFINISHED, prefix)), lock


def _removed(path: Path, lock: int, process: int) -> None:
    if os.getpid() != process:
        return  # a fork of the process that the folder belongs to
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        os.close(lock)
