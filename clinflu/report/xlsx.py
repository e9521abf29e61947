"""A report as a workbook: one sheet a table, and one of provenance; no cell is a formula."""

from io import BytesIO
from typing import Any

from clinflu.findings.document import DIGITS, Column, Document, Table, Value
from clinflu.report.cells import LONGEST_CELL, STARTS_A_FORMULA
from clinflu.report.html_report import notices

OVERVIEW, PROVENANCE = "Overview", "Provenance"
LONGEST_NAME = 31
NARROWEST, WIDEST = 9, 48
FIRST_ROW = 2
SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}


def workbook(document: Document) -> bytes:
    """Return a report as an XLSX file.

    Parameters
    ----------
    document : Document
    """
    import xlsxwriter

    stream = BytesIO()
    book = xlsxwriter.Workbook(stream, SAFE)
    book.set_properties({"title": document.title, "comments": " ".join(notices(document)), "author": "clinflu"})
    formats = _formats(book)
    names = _names(document)
    _overview(book, document, names, formats)
    for table in document.tables():
        _sheet(book, document, table, names[table.key], formats)
    _provenance(book, document, formats)
    book.close()
    return stream.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    kinds = {"text": "@", "count": "#,##0", "p": "0.0000"}
    made = {kind: book.add_format({"num_format": number, "valign": "top"}) for kind, number in kinds.items()}
    made["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    made["title"] = book.add_format({"bold": True, "font_size": 13})
    made["notice"] = book.add_format({"bold": True, "font_color": "#9a1c1c"})
    made["muted"] = book.add_format({"font_color": "#56626e", "valign": "top"})
    made["quoted"] = book.add_format({"quote_prefix": True, "valign": "top"})
    for digits in range(7):
        zeros = f"0.{'0' * digits}" if digits else "0"
        made[f"number{digits}"] = book.add_format({"num_format": zeros, "valign": "top"})
        made[f"share{digits}"] = book.add_format({"num_format": f"{zeros}%", "valign": "top"})
    return made


def _names(document: Document) -> dict[str, str]:
    """Return the name of each table's sheet: its key, cut, and told apart where the cut makes two alike."""
    names: dict[str, str] = {}
    for table in document.tables():
        name = table.key[:LONGEST_NAME]
        while name.casefold() in {one.casefold() for one in (*names.values(), OVERVIEW, PROVENANCE)}:
            name = f"{name[: LONGEST_NAME - 3]}_{len(names):02d}"
        names[table.key] = name
    return names


def _overview(book: Any, document: Document, names: dict[str, str], formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(OVERVIEW)
    sheet.set_column(0, 0, WIDEST + 20)
    sheet.set_column(1, 1, LONGEST_NAME)
    _text(sheet, 0, 0, document.title, formats, "title")
    row = 1
    for notice in notices(document):
        _text(sheet, row, 0, notice, formats, "notice")
        row += 1
    _text(sheet, row, 0, "Table", formats, "head")
    _text(sheet, row, 1, "Sheet", formats, "head")
    for table in document.tables():
        row += 1
        _text(sheet, row, 0, table.title, formats, "text")
        sheet.write_url(row, 1, f"internal:'{names[table.key]}'!A1", string=names[table.key])


def _sheet(book: Any, document: Document, table: Table, name: str, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(name)
    said = " ".join((table.title, *notices(document)))
    _text(sheet, 0, 0, said, formats, "notice" if document.internal else "title")
    _text(sheet, 1, 0, table.note, formats, "muted")
    for place, column in enumerate(table.columns):
        _text(sheet, FIRST_ROW, place, column.label, formats, "head")
        sheet.set_column(place, place, _width(table, place))
    for at, row in enumerate(table.rows, start=FIRST_ROW + 1):
        for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            _write(sheet, at, place, column, value, formats)
    sheet.freeze_panes(FIRST_ROW + 1, 1)
    if table.rows:
        sheet.autofilter(FIRST_ROW, 0, FIRST_ROW + len(table.rows), len(table.columns) - 1)


def _provenance(book: Any, document: Document, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(PROVENANCE)
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 72)
    _text(sheet, 0, 0, "What", formats, "head")
    _text(sheet, 0, 1, "Value", formats, "head")
    sheet.freeze_panes(1, 0)
    for row, (what, value) in enumerate(document.provenance.items(), start=1):
        _text(sheet, row, 0, str(what), formats, "text")
        _text(sheet, row, 1, str(value), formats, "text")


def _write(sheet: Any, row: int, place: int, column: Column, value: Value, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, str):
        _text(sheet, row, place, value, formats, "text" if column.kind == "text" else "muted")
        return
    digits = DIGITS[column.kind] if column.digits is None else column.digits
    kind = {"share": f"share{max(digits - 2, 0)}", "number": f"number{digits}"}.get(column.kind, column.kind)
    sheet.write_number(row, place, value, formats[kind])


def _text(sheet: Any, row: int, place: int, text: str, formats: dict[str, Any], kind: str) -> None:
    """Write a text as a text; one that begins like a formula is marked as text, so that editing it keeps it one."""
    plain = "".join(one if one.isprintable() else " " for one in text)[:LONGEST_CELL]
    risky = text.startswith(STARTS_A_FORMULA)
    sheet.write_string(row, place, plain, formats["quoted"] if risky else formats[kind])


def _width(table: Table, place: int) -> int:
    texts = [str(row[place]) for row in table.rows if row[place] is not None]
    longest = max((len(text) for text in texts), default=0)
    return min(max(longest + 2, NARROWEST), WIDEST)
