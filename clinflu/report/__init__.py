"""The subgroup report for others; and working papers for the owner alone: the views of a trace and of a check."""

from clinflu.report.check_page import check_page
from clinflu.report.files import as_json, write_private
from clinflu.report.subgroup_report import subgroup_report
from clinflu.report.trace_page import trace_page

__all__ = ["as_json", "check_page", "subgroup_report", "trace_page", "write_private"]
