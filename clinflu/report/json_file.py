"""A report for machines."""

from typing import Any

from clinflu.findings.document import DIGITS, Chart, Column, Document, Part, Table
from clinflu.report.files import as_json
from clinflu.report.html_report import notices

SCHEMA = "clinflu-report-1"


def json_text(document: Document) -> str:
    """Return a report as JSON: sections of words and tables, rounded as they are published; charts are their tables."""
    return as_json(
        {
            "schema": SCHEMA,
            "title": document.title,
            "internal": document.internal,
            "simulated": document.simulated,
            "notices": notices(document),
            "provenance": document.provenance,
            "sections": [
                {"key": one.key, "title": one.title, "parts": [_part(part) for part in one.parts]}
                for one in document.sections
            ],
        }
    )


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Table):
        columns = [
            {"key": one.key, "label": one.label, "kind": one.kind, "digits": _digits(one)} for one in part.columns
        ]
        named = {"kind": "table", "key": part.key, "title": part.title, "note": part.note}
        return {**named, "columns": columns, "rows": [list(row) for row in part.rows]}
    if isinstance(part, Chart):
        return {"kind": "chart", "key": part.key, "title": part.title, "says": part.says, "table": part.table}
    return {"kind": "words", "listed": part.listed, "paragraphs": list(part.paragraphs)}


def _digits(column: Column) -> int:
    return DIGITS[column.kind] if column.digits is None else column.digits
