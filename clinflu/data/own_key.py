"""A secret key of this user's, in a file that nobody else reads."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from clinflu.errors import StoreError

KEY_BYTES = 32


def own_key(path: Path, named: str, lost: str) -> bytes:
    """Read a key, or make one that only this user can read.

    Parameters
    ----------
    path : Path
        Of the key; its folder is made too.
    named : str
        What the key is for, as the message names it.
    lost : str
        What is lost with the key.

    Returns
    -------
    bytes
        32 of them.

    Raises
    ------
    StoreError
        What is there is no key.
    OSError
        It can be neither read nor made.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make(path)
    path.chmod(0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"{named} ({path}) is damaged; restore it from a backup, or move it away: a new one is made, and {lost}"
        )
    return key


def _make(path: Path) -> None:
    """Make the key under another name first: it is there whole or not at all, and only one of two at once counts."""
    descriptor, place = tempfile.mkstemp(prefix=".clinflu-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(place, path)
    finally:
        Path(place).unlink()
