"""What all offline pages share: escaped values, and figures that load and send nothing."""

from typing import TYPE_CHECKING, Any

from clinflu.data.shown import recorded_text
from clinflu.figures.style import signed
from clinflu.report.estimates import estimated

if TYPE_CHECKING:
    from clinflu.figures.config import SafeFigure


def render(template: str, figures: "list[SafeFigure]", filters: dict[str, Any], **values: Any) -> str:
    """Return a page; every value of the data is escaped, and nothing is loaded from outside.

    Parameters
    ----------
    template : str
        In ``report/templates``; it finds the figures as ``charts``.
    figures : list of SafeFigure
        The first brings plotly along.
    filters : dict
        Of the template, beside ``recorded``, ``signed`` and ``estimated``.
    **values
        What else the template names.
    """
    import jinja2
    from markupsafe import Markup

    from clinflu.figures.config import SAFE_CONFIG

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clinflu.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update({"recorded": recorded_text, "signed": signed, "estimated": estimated, **filters})
    charts = [
        Markup(figure.to_html(full_html=False, include_plotlyjs=place == 0, config=SAFE_CONFIG))  # noqa: S704 -- plotly's own markup
        for place, figure in enumerate(figures)
    ]
    return environment.get_template(template).render(charts=charts, **values)
