"""Who saw the identifier behind a pseudonym, and when."""

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from clinflu.errors import StoreError
from clinflu.verdicts.private import OWNER_ONLY_FILE, is_there, make_folder, own_folder, require_private
from clinflu.verdicts.verdict import account_name, check_name, check_pseudonym, one_line

LOG_FILE = "access.log"
WAIT_S = 10.0
BETWEEN_TRIES_S = 0.01
OPENED = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class AccessLog:
    """A file of its own with one line of JSON for each identifier that was shown; never the identifier itself.

    Parameters
    ----------
    path : str or Path
        Made when the first line is written.
    wait_s : float
        How long to wait while another process writes.
    """

    def __init__(self, path: str | Path, wait_s: float = WAIT_S) -> None:
        self._path = Path(path).absolute()
        self._wait_s = wait_s

    @classmethod
    def of_this_user(cls) -> Self:
        """Return the access log of this user."""
        import platformdirs

        return cls(own_folder(platformdirs.user_state_dir("clinflu")) / LOG_FILE)

    def record(self, pseudonym: str, said_to_be: str = "") -> None:
        """Write down that the identifier behind a pseudonym is about to be shown.

        Parameters
        ----------
        pseudonym : str
            Of the encounter.
        said_to_be : str
            The name that the person gave, if any.

        Raises
        ------
        DataError
            No pseudonym of an encounter, or a name that is too long; nothing may be shown.
        StoreError
            It could not be written down; nothing may be shown.
        """
        check_pseudonym(pseudonym)
        name = one_line(said_to_be)
        check_name(name)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"time": now, "user": account_name(), "said_to_be": name, "pseudonym": pseudonym})
        try:
            make_folder(self._path.parent)
            is_there(self._path)
            with self._opened() as descriptor:
                _append(descriptor, line)
        except OSError as error:
            reason = error.strerror or "the reason is unknown"
            raise StoreError(
                f"no identifier is shown, because the access log ({self._path}) cannot be written: {reason}; mend that "
                "and try again"
            ) from None

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the file, make sure that it is the private one, and wait until nobody else writes."""
        descriptor = os.open(self._path, OPENED, OWNER_ONLY_FILE)
        try:
            found = os.fstat(descriptor)
            require_private(self._path, found)
            _lock(descriptor, self._wait_s)
            yield descriptor
            if not found.st_size:
                _keep_name(self._path.parent)
        finally:
            os.close(descriptor)


def _lock(descriptor: int, wait_s: float) -> None:
    import fcntl

    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(BETWEEN_TRIES_S)
        else:
            return


def _append(descriptor: int, line: str) -> None:
    """Write a whole line that outlives a power cut, or raise OSError and leave the file as it was."""
    size = os.fstat(descriptor).st_size
    cut_off = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    content = f"\n{line}\n".encode() if cut_off else f"{line}\n".encode()
    try:
        _write(descriptor, content)
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _write(descriptor: int, content: bytes) -> None:
    """Write in one piece, so that no part of another line comes between."""
    if os.write(descriptor, content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _keep_name(folder: Path) -> None:
    """Make sure that the name of a new file outlives a power cut too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
