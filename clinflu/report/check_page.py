"""A check of the estimates as one HTML page that opens offline: a working paper, for its owner alone."""

from math import isnan

from clinflu.analysis.check.result import Check
from clinflu.analysis.check.values import check_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.influence.agreement import PERCENT, correlation_text, percent_text, points_text
from clinflu.report.page import render

TEMPLATE = "check.html.j2"
NOT_KNOWN = "–"
ALMOST_ALL = 99.9


def check_page(check: Check, names: Pseudonyms) -> str:
    """Return the page; every value of the data is escaped, and nothing is loaded from outside.

    Parameters
    ----------
    check : Check
    names : Pseudonyms
        What encounters are called.
    """
    from clinflu.figures.agreement import agreement_figure

    filters = {"per_cent": per_cent, "correlation": correlation, "slope": slope, "share": share, "points": points}
    return render(TEMPLATE, [agreement_figure(check)], filters, check=check_values(check, names))


def per_cent(value: float | None) -> str:
    """Return a percentage to two digits."""
    return NOT_KNOWN if value is None else percent_text(value / PERCENT)


def correlation(value: float | None) -> str:
    """Return a correlation with the digits that tell it from 1."""
    return NOT_KNOWN if value is None or isnan(value) else correlation_text(value)


def slope(value: float | None) -> str:
    """Return a slope to three decimals."""
    return NOT_KNOWN if value is None else f"{value:.3f}".replace("-", "−")


def points(value: float | None) -> str:
    """Return a size in percentage points to two digits."""
    return NOT_KNOWN if value is None else points_text(value)


def share(value: float | None) -> str:
    """Return a percentage to one decimal; 100 % only where it is all of them."""
    if value is None:
        return NOT_KNOWN
    return "100 %" if value == PERCENT else f"{min(value, ALMOST_ALL):.1f} %"
