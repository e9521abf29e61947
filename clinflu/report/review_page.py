"""A chart review as one HTML page that opens offline: a working paper, for its owner alone."""

from typing import Any

from clinflu.report.page import render
from clinflu.report.review_terminal import NOT_KNOWN

TEMPLATE = "review.html.j2"


def review_page(values: dict[str, Any]) -> str:
    """Return the page of :func:`clinflu.analysis.review.review_values`; every value is escaped, nothing is loaded."""
    return render(TEMPLATE, [], {"five": five}, review=values)


def five(value: float | None) -> str:
    """Return a number to five decimals."""
    return NOT_KNOWN if value is None else f"{value:.5f}".replace("-", "−")
