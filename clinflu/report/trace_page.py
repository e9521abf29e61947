"""A trace as one HTML page that opens offline: a working paper, for its owner alone."""

from clinflu.analysis.adversarial.fragility import Fragility
from clinflu.analysis.adversarial.fragility_values import fragility_values
from clinflu.analysis.trace import Trace
from clinflu.analysis.trace_values import trace_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.report.page import render

TEMPLATE = "trace.html.j2"


def trace_page(trace: Trace, names: Pseudonyms, fragility: Fragility | None = None) -> str:
    """Return the page; every value of the data is escaped, and nothing is loaded from outside.

    Parameters
    ----------
    trace : Trace
    names : Pseudonyms
        What encounters are called.
    fragility : Fragility, optional
        Of the same prediction, shown with it.
    """
    from clinflu.figures.attribution import attribution_figure
    from clinflu.figures.removal import removal_figure

    figures = [attribution_figure(trace), removal_figure(trace, names)]
    altered = None if fragility is None else fragility_values(fragility, names)
    return render(TEMPLATE, figures, {}, trace={**trace_values(trace, names), "fragility": altered})
