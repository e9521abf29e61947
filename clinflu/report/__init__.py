"""Working papers for the owner alone: the terminal views and the offline pages of a trace and of a check."""

from clinflu.report.check_page import check_page
from clinflu.report.files import as_json, write_private
from clinflu.report.trace_page import trace_page

__all__ = ["as_json", "check_page", "trace_page", "write_private"]
