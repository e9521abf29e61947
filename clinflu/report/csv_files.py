"""Tables as CSV files, in UTF-8 with a mark that makes Excel read them so; no cell is a formula."""

import csv
import io

from clinflu.findings.document import Table, Value
from clinflu.report.cells import harmless


def csv_text(table: Table) -> str:
    """Return a table as CSV: labels in the first row, texts in quotation marks, numbers as plain numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([harmless(column.label) for column in table.columns])
    writer.writerows([[_cell(value) for value in row] for row in table.rows])
    return "\ufeff" + stream.getvalue()


def _cell(value: Value) -> str | int | float:
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else value
