"""Working papers for the owner alone: the terminal view and the offline page of a trace."""

from clinflu.report.files import as_json, write_private
from clinflu.report.trace_page import trace_page

__all__ = ["as_json", "trace_page", "write_private"]
