"""What was exported of which audit before: two exports that differ could be subtracted from each other."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from clinflu.errors import DataError, StoreError
from clinflu.verdicts.private import is_there, make_folder

FILE = "exports.json"
SAME = 1e-12
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

    def add(self, fingerprint: str, exported: Exported) -> None:
        """Keep what an export showed; nothing else in the register changes.

        Raises
        ------
        StoreError
            The register cannot be written.
        """
        known = self._read()
        old = known.get(fingerprint, Exported(exported.threshold))
        crossings = tuple(dict.fromkeys((*old.crossings, *exported.crossings)))
        known[fingerprint] = Exported(exported.threshold, crossings)
        try:
            make_folder(self.path.parent)
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
            return {
                name: Exported(float(one["threshold"]), tuple(map(str, one["crossings"])))
                for name, one in content.items()
            }
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
