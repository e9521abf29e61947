"""A report as one HTML page that opens offline: every value is escaped, and nothing is loaded from anywhere."""

import json
from typing import Any

from clinflu.figures.config import SAFE_CONFIG
from clinflu.findings.document import Chart, Document, Section, Table, Words
from clinflu.findings.readable import readable

TEMPLATE = "report.html.j2"
LONG_ROWS = 40
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
    return environment.get_template(TEMPLATE).render(
        document=document,
        sections=[_section(section) for section in document.sections],
        notices=notices(document),
        charts=Markup(_script_data(specs)),  # noqa: S704 JSON that cannot end its script
        config=Markup(_script_data(SAFE_CONFIG)),  # noqa: S704
        plotly=Markup(get_plotlyjs()),  # noqa: S704 plotly's own script
        has_charts=bool(specs),
    )


def notices(document: Document) -> list[str]:
    """Return what every page of a report must say."""
    return [NOTICE] * document.internal + [SIMULATED] * document.simulated


def _section(section: Section) -> dict[str, Any]:
    return {"key": section.key, "title": section.title, "parts": [_part(part) for part in section.parts]}


def _part(part: Words | Table | Chart) -> dict[str, Any]:
    match part:
        case Words():
            return {"kind": "words", "paragraphs": part.paragraphs, "listed": part.listed}
        case Chart():
            return {"kind": "chart", "key": part.key, "title": part.title, "says": part.says, "table": part.table}
        case Table():
            shown = readable(part)
            return {
                "kind": "table",
                "key": part.key,
                "title": part.title,
                "note": part.note,
                "files_only": part.files_only,
                "count": len(part.rows),
                "long": len(part.rows) > LONG_ROWS,
                "heads": list(zip(shown.heads, shown.numbers, strict=True)),
                "rows": [list(zip(row, shown.numbers, strict=True)) for row in shown.rows],
            }


def _script_data(values: Any) -> str:
    """Return values as JSON that is safe inside a script element: nothing in it can end the element."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(IN_A_SCRIPT)
