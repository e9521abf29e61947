"""The document that a report renders; see :mod:`clinflu.findings.document`."""

from clinflu.findings.document import Chart, Column, Document, Part, Section, Table, Value, Words

__all__ = ["Chart", "Column", "Document", "Part", "Section", "Table", "Value", "Words"]
