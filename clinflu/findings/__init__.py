"""What is found about a model, as words, tables and charts: the same for a report and for the analyst's page."""

from clinflu.findings.document import Chart, Column, Document, Section, Table, Words
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS

__all__ = ["SECTIONS", "Chart", "Column", "Document", "Material", "Options", "Section", "Table", "Words"]
