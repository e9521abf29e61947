"""The key with which this user signs the log, and what this user saw of the log: both kept outside of it."""

import hmac
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from clinflu.data.digest import digest
from clinflu.data.own_key import own_key
from clinflu.errors import StoreError
from clinflu.verdicts.private import OWNER_ONLY_FILE, is_there, own_folder

NAME_LENGTH = 16
KEY_FILE, WITNESS_FILE = "verdicts.key", "verdicts.seen"
LOST = "earlier events can no longer be proven to be yours"


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """Signs by HMAC-SHA256: who does not have it can neither change an event nor add one in its owner's name.

    Parameters
    ----------
    key : bytes
        Secret of this user; never part of any output.
    """

    key: bytes

    def __repr__(self) -> str:
        """Keep the key out of tracebacks and notebooks."""
        return "SigningKey(key=secret)"

    @classmethod
    def of_this_user(cls) -> Self | None:
        """Read this user's key, or make one that only this user can read; None where there is no place to keep one.

        Raises
        ------
        StoreError
            It is damaged, or others can write to it.
        """
        path = _folder() / KEY_FILE
        try:
            is_there(path)
            return cls(own_key(path, "the key that signs your verdicts", LOST))
        except OSError:
            return None

    @property
    def name(self) -> str:
        """What the key is known by; it does not lead back to it."""
        return digest("name of a key", self.key.hex())[:NAME_LENGTH]

    def sign(self, link: str) -> str:
        """Return the signature of a link of the chain."""
        return hmac.new(self.key, link.encode(), "sha256").hexdigest()

    def has_signed(self, link: str, signature: object) -> bool:
        """Whether this key made a signature; what was stored in its place need not be a text."""
        return isinstance(signature, str) and hmac.compare_digest(self.sign(link).encode(), signature.encode())


class Witness:
    """What this user saw of a log: the link of every event that was added from this account.

    A chain alone does not show that its end is missing; the witness does. It is only ever added to.

    Parameters
    ----------
    log : str
        Where the log is; it is not written down, only its digest is.
    """

    def __init__(self, log: str) -> None:
        self._log = digest("place of a log", log)[:NAME_LENGTH]

    @property
    def path(self) -> Path:
        """The file of all logs of this user."""
        return _folder() / WITNESS_FILE

    def add(self, number: int, link: str) -> None:
        """Write down what was added; a log is no worse kept where that cannot be done, only less proven."""
        with suppress(OSError, StoreError):
            is_there(self.path)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, OWNER_ONLY_FILE)
            try:
                os.write(descriptor, f"{self._log} {number} {link}\n".encode())
            finally:
                os.close(descriptor)

    def seen(self) -> dict[int, set[str]]:
        """Return the link of each event that was added from this account; several where a log was begun anew."""
        found: dict[int, set[str]] = {}
        with suppress(OSError, UnicodeDecodeError):
            lines = self.path.read_text().splitlines() if is_there(self.path) else []
            for parts in map(str.split, lines):
                if len(parts) == 3 and parts[0] == self._log and parts[1].isdecimal():
                    found.setdefault(int(parts[1]), set()).add(parts[2])
        return found


def _folder() -> Path:
    import platformdirs

    return own_folder(platformdirs.user_state_dir("clinflu"))
