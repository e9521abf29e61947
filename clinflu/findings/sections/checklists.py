"""Section: every item of TRIPOD+AI and of HTI-1, and where this report answers it."""

from clinflu.findings.checklists import CHECKLISTS, Item
from clinflu.findings.document import Column, Section, Table, Words
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES

KEY = "checklists"
NOT_REPORTED = "not reported"
SAID = (
    "Which section answers each item of TRIPOD+AI and each source attribute of HTI-1, 45 CFR 170.315(b)(11). What no "
    "program can know (who paid, who was asked, how the model is used) is not reported here: the hospital adds it."
)


def section(material: Material) -> Section:  # noqa: ARG001 the same of every audit
    """Return the section."""
    words = Words((SAID,))
    tables = (_table(key, title, items) for key, (title, items) in CHECKLISTS.items())
    return Section(KEY, TITLES[KEY], (words, *tables))


def _table(key: str, title: str, items: tuple[Item, ...]) -> Table:
    columns = (
        Column("number", "Item"),
        Column("topic", "Topic"),
        Column("asks", "Asks for"),
        Column("status", "Status"),
        Column("section", "Section"),
        Column("answer", "Here"),
        Column("left", "Left to add"),
    )
    rows = (
        {
            "number": one.number,
            "topic": one.topic,
            "asks": one.asks,
            "status": one.status,
            "section": TITLES[one.section] if one.section else NOT_REPORTED,
            "answer": one.answer,
            "left": one.left,
        }
        for one in items
    )
    return Table.of(f"checklist_{key}", title, columns, rows)
