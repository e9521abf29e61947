"""A small document with a part of every kind, and one whose every text is an attack."""

from clinflu.figures.forest import forest_spec
from clinflu.findings.document import Chart, Column, Document, Section, Table, Words

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1",
    "\r=1",
    "<!--<script>",
    "{{ 7 * 7 }}",
    "http://example.invalid/",
)
ROWS = (
    ("Everyone", "all", 1234, 0.123, 0.1, 0.15, -1.25, 0.00004),
    ("Age group", "children (under 20)", 166, "withheld", None, None, None, None),
    ("Age group", "20 to 39", 1068, 0.2, 0.15, 0.25, 0.5, 0.03),
)
COLUMNS = (
    Column("variable", "Variable"),
    Column("level", "Level"),
    Column("encounters", "Encounters", "count"),
    Column("rate", "Event rate", "share"),
    Column("rate_low", "from", "share"),
    Column("rate_high", "to", "share"),
    Column("change", "Change", "number", 2),
    Column("p", "p", "p"),
)


def example(*, internal=False, simulated=False):
    """Return a document as a report has it."""
    table = Table("rates", "Event rates", COLUMNS, ROWS, "A note.")
    long = Table("long", "A long table", COLUMNS[:3], tuple(("Ward", f"w{at}", 100 + at) for at in range(60)))
    files = Table("files", "For files", COLUMNS[:3], (("a", "b", 12),), files_only=True)
    drawn = [row for row in table.records() if isinstance(row["rate"], float)]
    spec = forest_spec(drawn, "rate", "Rate", title="Rates", reference=None, simulated=simulated)
    words = Words(("First point.", "Second point."), listed=True)
    sections = (
        Section("summary", "Summary", (words, Words(("A paragraph.",)))),
        Section("rates", "Rates", (Chart("forest", "Rates", spec, "Rates by group.", "rates"), table, long, files)),
    )
    provenance = {"source": "example.csv", "clinflu": "0.1.0", "made on": "2026-01-31", "seed": 0}
    return Document("Where the model fails", sections, internal, simulated, provenance)


def hostile():
    """Return a document whose every text, wherever it comes from, is an attack."""
    columns = tuple(Column(f"c{at}", text) for at, text in enumerate(HOSTILE))
    rows = tuple(tuple(HOSTILE[(at + shift) % len(HOSTILE)] for at in range(len(HOSTILE))) for shift in range(11))
    tables = tuple(Table(f"t{at}", text, columns, rows, text) for at, text in enumerate(HOSTILE))
    points = [
        {"variable": text, "level": text, "rate": 0.1 * at, "rate_low": 0.05, "rate_high": 1.5}
        for at, text in enumerate(HOSTILE)
    ]
    spec = forest_spec(points, "rate", HOSTILE[0], title="Rates", reference=None, simulated=False)
    chart = Chart("chart", HOSTILE[0], spec, HOSTILE[1], "t0")
    sections = (Section("first", HOSTILE[0], (Words(HOSTILE), Words(HOSTILE, listed=True), chart, *tables)),)
    provenance = dict(zip(HOSTILE, HOSTILE, strict=True))
    return Document(HOSTILE[1], sections, internal=False, simulated=False, provenance=provenance)
