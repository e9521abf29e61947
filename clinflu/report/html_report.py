"""A report as one HTML page that opens offline: every value is escaped, and nothing is loaded from anywhere."""

import json
from typing import Any

from clinflu.figures.config import SAFE_CONFIG
from clinflu.figures.theme import DARK_FOR_LIGHT
from clinflu.findings.document import Chart, Document, Section, Table, Words
from clinflu.findings.readable import readable

TEMPLATE = "report.html.j2"
LONG_ROWS = 40
WIDE_NUMBERS = 4
FIRST_OF_A_NUMBER = tuple("0123456789−<")
IN_A_SCRIPT = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
NOTICE = "INTERNAL working paper: small cells are shown; not for distribution."
SIMULATED = "SIMULATED patients: nobody here is real."


def html_page(document: Document) -> str:
    """Return the page; plotly.js is in it once, and the charts are data until it draws them.

    Parameters
    ----------
    document : Document
    """
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clinflu.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    specs = {chart.key: chart.spec for chart in document.charts()}
    titles = {table.key: table.title for table in document.tables()}
    return environment.get_template(TEMPLATE).render(
        document=document,
        sections=[_section(section, titles) for section in document.sections],
        notices=notices(document),
        charts=Markup(_script_data(specs)),  # noqa: S704 JSON that cannot end its script
        drawing=Markup(_script_data({"config": SAFE_CONFIG, "dark": DARK_FOR_LIGHT})),  # noqa: S704
        plotly=Markup(get_plotlyjs()),  # noqa: S704 plotly's own script
        has_charts=bool(specs),
    )


def notices(document: Document) -> list[str]:
    """Return what every page of a report must say."""
    return [NOTICE] * document.internal + [SIMULATED] * document.simulated


def _section(section: Section, titles: dict[str, str]) -> dict[str, Any]:
    return {"key": section.key, "title": section.title, "parts": [_part(part, titles) for part in section.parts]}


def _part(part: Words | Table | Chart, titles: dict[str, str]) -> dict[str, Any]:
    match part:
        case Words():
            return {"kind": "words", "paragraphs": part.paragraphs, "listed": part.listed}
        case Chart():
            said = {"title": part.title, "says": part.says, "table": part.table, "table_title": titles[part.table]}
            return {"kind": "chart", "key": part.key, **said}
        case Table():
            shown = readable(part)
            return {
                "kind": "table",
                "key": part.key,
                "title": part.title,
                "note": part.note,
                "files_only": part.files_only,
                "count": len(part.rows),
                "wide": sum(shown.numbers) >= WIDE_NUMBERS,
                "long": len(part.rows) > LONG_ROWS,
                "heads": list(zip(shown.heads, shown.numbers, strict=True)),
                "rows": [list(map(_cell, row, shown.numbers)) for row in shown.rows],
            }


def _cell(text: str, number: bool) -> tuple[str, list[str]]:  # noqa: FBT001 a column's kind
    """Return the class of a cell, and its pieces: a line may end before an interval, never within one."""
    if not number:
        return "", [text]
    if not text.startswith(FIRST_OF_A_NUMBER):
        return "number muted", [text]
    value, bracket, interval = text.partition(" (")
    return "number", [value, f"({interval}"] if bracket else [value]


def _script_data(values: Any) -> str:
    """Return values as JSON that is safe inside a script element: nothing in it can end the element."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(IN_A_SCRIPT)
