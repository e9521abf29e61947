"""What reporting guidelines ask for, item by item, and which section of the report answers it."""

from clinflu.findings.checklists import hti1, tripod_ai
from clinflu.findings.checklists.item import SECTION_KEYS, Item

CHECKLISTS: dict[str, tuple[str, tuple[Item, ...]]] = {
    "tripod_ai": (tripod_ai.TITLE, tripod_ai.ITEMS),
    "hti1": (hti1.TITLE, hti1.ITEMS),
}

__all__ = ["CHECKLISTS", "SECTION_KEYS", "Item"]
