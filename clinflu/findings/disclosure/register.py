"""What was exported of which audit before: two exports that differ could be subtracted from each other."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from clinflu.errors import DataError, StoreError
from clinflu.verdicts.private import OWNER_ONLY_FILE, is_there, make_folder

FILE = "exports.json"
SAME = 1e-12
LOCK_OPENED = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
UNUSABLE = "the register of exports ({}) cannot be read or written; make its folder yours"


@dataclass(frozen=True, slots=True)
class Exported:
    """What the exports of an audit showed.

    Parameters
    ----------
    threshold : float
        Alert threshold: alerts at two thresholds would show who lies between them.
    crossings : tuple of str
        Intersections, by key, in the order in which they were first shown.
    """

    threshold: float
    crossings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Register:
    """The exports of this user, by fingerprint of the audit; no value of the data is in it.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @classmethod
    def of_this_user(cls) -> Self:
        """Return the register in this user's data folder."""
        import platformdirs

        return cls(Path(platformdirs.user_data_dir("clinflu")) / FILE)

    def before(self, fingerprint: str, threshold: float) -> tuple[str, ...]:
        """Return the intersections that exports of this audit showed before.

        Raises
        ------
        DataError
            They were made at another threshold.
        StoreError
            The register is damaged.
        """
        found = self._read().get(fingerprint)
        if found is None:
            return ()
        if abs(found.threshold - threshold) > SAME:
            raise DataError(
                f"an export of this audit was made at the threshold {found.threshold!r}; exports at two thresholds "
                "would together show small counts: give that one, leave it out if it was the default, or make an "
                "internal report"
            )
        return found.crossings

    def add(self, fingerprint: str, exported: Exported, before: tuple[str, ...] = ()) -> None:
        """Keep what an export showed; nothing else in the register changes.

        Parameters
        ----------
        fingerprint : str
            Of the audit.
        exported : Exported
        before : tuple of str
            What :meth:`before` said when the export was planned.

        Raises
        ------
        DataError
            Another export of this audit was made since: at another threshold, or of other intersections.
        StoreError
            The register cannot be written.
        """
        with self._held():
            known = self._read()
            now = self.before(fingerprint, exported.threshold)
            merged = tuple(dict.fromkeys((*before, *exported.crossings)))
            if now not in (before, merged):
                raise DataError("another export of this audit was made meanwhile, and both must fit; give it again")
            known[fingerprint] = Exported(exported.threshold, merged)
            self._write(known)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Let no other export read and write meanwhile."""
        try:
            make_folder(self.path.parent)
            lock = os.open(self.path.with_suffix(".lock"), LOCK_OPENED, OWNER_ONLY_FILE)
        except OSError:
            raise StoreError(UNUSABLE.format(self.path)) from None
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, known: dict[str, Exported]) -> None:
        try:
            descriptor, place = tempfile.mkstemp(prefix=".clinflu-", dir=self.path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({name: asdict(one) for name, one in known.items()}, stream)
            Path(place).replace(self.path)
        except OSError:
            raise StoreError(
                f"the register of exports ({self.path}) cannot be written; make room, or its folder yours"
            ) from None

    def _read(self) -> dict[str, Exported]:
        try:
            if not is_there(self.path):
                return {}
            content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: _exported(one) for name, one in content.items()}
        except OSError:
            raise StoreError(UNUSABLE.format(self.path)) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"the register of exports ({self.path}) is damaged; restore it from a backup, or remove it and export "
                "each audit in one way only from now on"
            ) from None


def _exported(one: dict[str, Any]) -> Exported:
    return Exported(float(one["threshold"]), tuple(map(str, one["crossings"])))
