"""A check of a source as one HTML page that opens offline: a working paper, for its owner alone."""

from typing import Any

from clinflu.analysis.source_check import SourceCheck
from clinflu.data.shown import recorded_text
from clinflu.report.page import render

TEMPLATE = "source_check.html.j2"
NOT_KNOWN = "–"
SMALLEST_SHARE, ALMOST_ALL = 0.05, 99.95
NO_DEFINITION = "The outcome stands in the source; no definition was worked out here."
NO_YEARS = "not known: the source has no true dates"


def source_check_page(check: SourceCheck) -> str:
    """Return the page; every value of the data is escaped, and nothing is loaded from outside or run.

    Parameters
    ----------
    check : SourceCheck
    """
    filters = {"share": share, "known": known, "auroc": auroc, "count": count}
    words = {"period": period, "no_definition": NO_DEFINITION}
    return render(TEMPLATE, [], filters, check=check.to_dict(), **words)


def period(summary: dict[str, Any]) -> str:
    """Return the years of admission in words."""
    first, last = summary["first_year"], summary["last_year"]
    if first is None:
        return NO_YEARS
    return str(first) if first == last else f"{first} to {last}"


def share(value: float | None) -> str:
    """Return a percentage to one decimal; 0 and 100 % only where it is none or all of them."""
    if value is None:
        return NOT_KNOWN
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    return "under 0.1 %" if value < SMALLEST_SHARE else f"{min(value, ALMOST_ALL - SMALLEST_SHARE):.1f} %"


def known(value: float | str | None) -> str:
    """Return a value as a person reads it, a dash where there is none."""
    return NOT_KNOWN if value is None else recorded_text(value)


def auroc(value: float | None) -> str:
    """Return an AUROC to three decimals."""
    return NOT_KNOWN if value is None else f"{value:.3f}"


def count(value: int | None) -> str:
    """Return a count with commas."""
    return NOT_KNOWN if value is None else f"{value:,}"
