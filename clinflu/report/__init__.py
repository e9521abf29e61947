"""What leaves the screen: working papers for the owner alone, and exports without patients."""

from clinflu.report.trace_page import write_trace_page

__all__ = ["write_trace_page"]
