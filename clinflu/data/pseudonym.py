"""Names for encounters and patients that mean nothing outside this user's machine."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from clinflu.data.own_key import KEY_BYTES, own_key

NAME_LENGTH = 10
NAMED_BYTES = 10  # of the digest: a whole number of 5-byte groups, more than a name needs
GROUP_LENGTH = 16  # characters of those bytes
KEY_FILE = "pseudonym.key"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Keyed names: the same id has the same name as long as the key is the same, and no name leads back.

    Parameters
    ----------
    key : bytes
        Secret of this user; never part of any output.
    """

    key: bytes

    def __repr__(self) -> str:
        """Keep the key out of tracebacks and notebooks."""
        return "Pseudonyms(key=secret)"

    @classmethod
    def of_this_user(cls) -> Self:
        """Read this user's key, or make one that only this user can read; without a home, one for this run.

        Raises
        ------
        StoreError
            The key is damaged.
        """
        import platformdirs

        path = Path(platformdirs.user_config_dir("clinflu")) / KEY_FILE
        try:
            return cls(own_key(path, "the key of your pseudonyms", "every encounter gets a new name"))
        except OSError:
            return cls(secrets.token_bytes(KEY_BYTES))

    def encounter(self, encounter_id: str) -> str:
        """Return the name of an encounter, such as ``"E-K3QX7A2M5T"``."""
        return self.encounters([encounter_id])[0]

    def encounters(self, encounter_ids: Iterable[str]) -> list[str]:
        """Return the names of many encounters, in their order."""
        return [f"E-{name}" for name in self._names("encounter", encounter_ids)]

    def patient(self, patient_id: str) -> str:
        """Return the name of a patient, such as ``"P-7YHB2C4DQ6"``."""
        return f"P-{self._names('patient', [patient_id])[0]}"

    def _names(self, kind: str, identifiers: Iterable[str]) -> list[str]:
        digests = (hmac.digest(self.key, f"{kind}:{one}".encode(), "sha256")[:NAMED_BYTES] for one in identifiers)
        text = base64.b32encode(b"".join(digests)).decode()
        return [text[start : start + NAME_LENGTH] for start in range(0, len(text), GROUP_LENGTH)]
