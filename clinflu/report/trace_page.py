"""A trace as one HTML page that opens offline: a working paper, for its owner alone."""

from clinflu.analysis.trace import Trace
from clinflu.analysis.trace_values import trace_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures.style import recorded_text, signed

TEMPLATE = "trace.html.j2"


def trace_page(trace: Trace, names: Pseudonyms) -> str:
    """Return the page; every value of the data is escaped, and nothing is loaded from outside.

    Parameters
    ----------
    trace : Trace
    names : Pseudonyms
        What encounters are called.
    """
    import jinja2
    from markupsafe import Markup

    from clinflu.figures.attribution import attribution_figure
    from clinflu.figures.config import SAFE_CONFIG
    from clinflu.figures.removal import removal_figure

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clinflu.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["recorded"] = recorded_text
    environment.filters["signed"] = signed
    figures = [attribution_figure(trace), removal_figure(trace, names)]
    charts = [
        Markup(figure.to_html(full_html=False, include_plotlyjs=first, config=SAFE_CONFIG))  # noqa: S704 -- plotly's own markup
        for figure, first in zip(figures, (True, False), strict=True)
    ]
    return environment.get_template(TEMPLATE).render(trace=trace_values(trace, names), charts=charts)
