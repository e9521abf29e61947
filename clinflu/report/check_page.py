"""A check of the estimates as one HTML page that opens offline: a working paper, for its owner alone."""

from clinflu.analysis.check_result import Check
from clinflu.analysis.check_values import check_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.influence.agreement import PERCENT, correlation_text, percent_text, points_text

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
    import jinja2
    from markupsafe import Markup

    from clinflu.figures.agreement import agreement_figure
    from clinflu.figures.config import SAFE_CONFIG

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clinflu.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["per_cent"] = per_cent
    environment.filters["correlation"] = correlation
    environment.filters["slope"] = slope
    environment.filters["share"] = share
    environment.filters["points"] = points
    chart = agreement_figure(check).to_html(full_html=False, include_plotlyjs=True, config=SAFE_CONFIG)
    values = check_values(check, names)
    return environment.get_template(TEMPLATE).render(check=values, chart=Markup(chart))  # noqa: S704 -- plotly's own markup


def per_cent(value: float | None) -> str:
    """Return a percentage to two digits."""
    return NOT_KNOWN if value is None else percent_text(value / PERCENT)


def correlation(value: float | None) -> str:
    """Return a correlation with the digits that tell it from 1."""
    return NOT_KNOWN if value is None else correlation_text(value)


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
