"""One thing that a reporting guideline asks for."""

from dataclasses import dataclass
from typing import Literal

SECTION_KEYS = (
    *("summary", "data", "model", "performance", "subgroups", "weak_subgroups", "why", "calibration", "limits"),
    *("method", "provenance", "checklists"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a guideline.

    Parameters
    ----------
    number : str
        As the guideline numbers it.
    topic : str
    asks : str
        What it asks for, in short words of our own: the guideline itself is what counts.
    section : str, optional
        Key of the section that answers it; None where the report does not.
    answer : str
        What that section says; where there is none, why not and what the hospital must fill in.
    left : str
        What the hospital must add to the section; empty where nothing is left, or where there is no section.
    """

    number: str
    topic: str
    asks: str
    section: str | None
    answer: str
    left: str = ""

    @property
    def status(self) -> Literal["reported", "reported in part", "not reported"]:
        """Whether the report answers it, in words."""
        if self.section is None:
            return "not reported"
        return "reported in part" if self.left else "reported"
