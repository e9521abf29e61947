"""A report as a workbook: one sheet a table, and one of provenance; no cell is a formula."""

from io import BytesIO
from textwrap import wrap
from typing import Any

from clinflu.findings.document import DIGITS, Column, Document, Table, Value
from clinflu.findings.readable import text as read
from clinflu.report.cells import LONGEST_CELL, is_risky, one_line
from clinflu.report.html_report import notices

OVERVIEW, PROVENANCE = "Overview", "Provenance"
LONGEST_NAME = 31
NARROWEST, WIDEST = 9, 48
FIRST_ROW = 2
MOST_DIGITS = 12
A4 = 9
LINE_PT, MOST_LINES = 15, 20
TOP_INCH, LINE_INCH = 0.75, 0.2
LONGEST_HEADER = 120
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
    if PROVENANCE not in names.values():
        _provenance(book, document, formats)
    book.close()
    return stream.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    kinds = {"text": "@", "count": "#,##0", "p": "0.0000"}
    made = {kind: book.add_format({"num_format": number, "valign": "top"}) for kind, number in kinds.items()}
    made["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    made["title"] = book.add_format({"bold": True, "font_size": 13})
    made["notice"] = book.add_format({"bold": True, "font_color": "#9a1c1c"})
    made["number head"] = book.add_format(
        {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"}
    )
    made["muted"] = book.add_format({"font_color": "#56626e", "valign": "top"})
    made["no number"] = book.add_format({"font_color": "#56626e", "valign": "top", "align": "right"})
    made["quoted"] = book.add_format({"quote_prefix": True, "valign": "top"})
    for digits in range(MOST_DIGITS + 1):
        zeros = f"0.{'0' * digits}" if digits else "0"
        made[f"number{digits}"] = book.add_format({"num_format": zeros, "valign": "top"})
        made[f"share{digits}"] = book.add_format({"num_format": f"{zeros}%", "valign": "top"})
    return made


def _names(document: Document) -> dict[str, str]:
    """Return the name of each table's sheet: its key, cut, and told apart where the cut makes two alike.

    A table of the provenance is the sheet of it.
    """
    names: dict[str, str] = {}
    for table in document.tables():
        if table.key == PROVENANCE.lower():
            names[table.key] = PROVENANCE
            continue
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
    row = 1 + _notices(sheet, document, 1, formats)
    _text(sheet, row, 0, "Table", formats, "head")
    _text(sheet, row, 1, "Sheet", formats, "head")
    for table in document.tables():
        row += 1
        _text(sheet, row, 0, table.title, formats, "text")
        sheet.write_url(row, 1, f"internal:'{names[table.key]}'!A1", string=names[table.key])


def _notices(sheet: Any, document: Document, row: int, formats: dict[str, Any]) -> int:
    """Write what every sheet must say from that row on, and on its printed pages; return the number of rows."""
    said = notices(document)
    for at, notice in enumerate(said, start=row):
        _text(sheet, at, 0, notice, formats, "notice")
    title = one_line(document.title)[:LONGEST_HEADER].replace("&", "&&")
    sheet.set_header("\n&B".join((f"&L{title}", *said)))
    sheet.set_margins(top=TOP_INCH + LINE_INCH * len(said))
    sheet.set_footer("&L&A&R&P / &N")
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    return len(said)


def _sheet(book: Any, document: Document, table: Table, name: str, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(name)
    _text(sheet, 0, 0, table.title, formats, "title")
    head = FIRST_ROW + _notices(sheet, document, 1, formats)
    _text(sheet, head - 1, 0, table.note, formats, "muted")
    widths = [_width(table, place) for place in range(len(table.columns))]
    for place, column in enumerate(table.columns):
        _text(sheet, head, place, column.label, formats, "head" if column.kind == "text" else "number head")
        sheet.set_column(place, place, widths[place])
    sheet.set_row(head, LINE_PT * _lines(table, widths))
    for at, row in enumerate(table.rows, start=head + 1):
        for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            _write(sheet, at, place, column, value, formats)
    sheet.freeze_panes(head + 1, 1)
    sheet.repeat_rows(head)
    if table.rows and table.columns:
        sheet.autofilter(head, 0, head + len(table.rows), len(table.columns) - 1)


def _provenance(book: Any, document: Document, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(PROVENANCE)
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 72)
    head = _notices(sheet, document, 0, formats)
    _text(sheet, head, 0, "What", formats, "head")
    _text(sheet, head, 1, "Value", formats, "head")
    sheet.freeze_panes(head + 1, 0)
    for row, (what, value) in enumerate(document.provenance.items(), start=head + 1):
        _text(sheet, row, 0, str(what), formats, "text")
        _text(sheet, row, 1, str(value), formats, "text")


def _write(sheet: Any, row: int, place: int, column: Column, value: Value, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, str):
        _text(sheet, row, place, value, formats, "text" if column.kind == "text" else "no number")
        return
    digits = min(DIGITS[column.kind] if column.digits is None else column.digits, MOST_DIGITS)
    kind = {"share": f"share{max(digits - 2, 0)}", "number": f"number{digits}"}.get(column.kind, column.kind)
    sheet.write_number(row, place, value, formats[kind])


def _text(sheet: Any, row: int, place: int, text: str, formats: dict[str, Any], kind: str) -> None:
    """Write a text as a text; one that begins like a formula is marked as text, so that editing it keeps it one."""
    kind = "quoted" if is_risky(text) else kind
    sheet.write_string(row, place, one_line(text)[:LONGEST_CELL], formats[kind])


def _lines(table: Table, widths: list[int]) -> int:
    """Return how many lines the highest head takes; not every reader of workbooks works that out."""
    wrapped = (wrap(one_line(column.label), width - 1) for column, width in zip(table.columns, widths, strict=True))
    return min(max((len(lines) for lines in wrapped), default=1), MOST_LINES) or 1


def _width(table: Table, place: int) -> int:
    column = table.columns[place]
    longest_word = max(map(len, column.label.split()), default=0)
    longest = max((len(read(column, row[place])) for row in table.rows), default=0)
    return min(max(longest + 2, longest_word + 3, NARROWEST), WIDEST)
