"""What makes the log a chain: a seal on every event, which holds the event before it, and a signature."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Literal

from clinflu.data.digest import digest
from clinflu.verdicts.keys import SigningKey

How = Literal["added", "found"]
ADDED: How = "added"
FOUND: How = "found"
BEGINNING = "0" * 64


@dataclass(frozen=True, slots=True)
class Seal:
    """Stands beside an event.

    Parameters
    ----------
    number : int
        Of the event.
    previous : str
        Link of the event before; zeros for the first.
    link : str
        Digest of all this, of the event and of the link before: it changes with anything that came earlier.
    how : {"added", "found"}
        Sealed as it was added, or found there without a seal, as in a file from before the log was signed.
    signer : str
        Name of the key that signed the link; empty where there was none.
    signature : str
        HMAC-SHA256 of the link; empty where there was no key.
    """

    number: int
    previous: str
    link: str
    how: How
    signer: str
    signature: str

    @property
    def values(self) -> tuple[int | str, ...]:
        """Every value, as it is stored."""
        return astuple(self)

    def fits(self, event: str, before: str) -> bool:
        """Whether it seals an event of this digest, after a link."""
        if not all(isinstance(one, str) for one in (self.how, self.signer)):
            return False
        return self.previous == before and self.link == _link(self.number, before, event, self.how, self.signer)


def seal(number: int, event: str, before: str, key: SigningKey | None, how: How = ADDED) -> Seal:
    """Return the seal of an event.

    Parameters
    ----------
    number : int
    event : str
        Its digest.
    before : str
        Link of the event before.
    key : SigningKey, optional
        None leaves it in the chain, but not signed.
    how : {"added", "found"}
    """
    signer = key.name if key else ""
    link = _link(number, before, event, how, signer)
    return Seal(number, before, link, how, signer, key.sign(link) if key else "")


def broken_links(events: Mapping[int, str], seals: Iterable[Seal]) -> list[int]:
    """Return the places, from 1, of the seals that do not fit their event, or the seal before.

    Parameters
    ----------
    events : mapping
        Digest of each event, by its number.
    seals : iterable of Seal
        In order.
    """
    broken, before = [], BEGINNING
    for number, one in enumerate(seals, 1):
        if one.number != number or number not in events or not one.fits(events[number], before):
            broken.append(number)
        before = one.link
    return broken


def _link(number: int, before: str, event: str, how: str, signer: str) -> str:
    return digest("clinflu log", number, before, event, how, signer)
