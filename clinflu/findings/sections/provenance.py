"""Section: what the report was made from, and with what."""

from clinflu.findings.document import Column, Section, Table
from clinflu.findings.material import Material
from clinflu.findings.origin import origin
from clinflu.findings.titles import TITLES

KEY = "provenance"


def section(material: Material) -> Section:
    """Return the section."""
    rows = [{"what": what, "value": str(value)} for what, value in origin(material).items()]
    columns = (Column("what", "What"), Column("value", "Value"))
    return Section(KEY, TITLES[KEY], (Table.of("provenance", "Data, code and options", columns, rows),))
