"""What a fit costs against the number of rows, a line for each backend."""

from typing import Any

import numpy as np

from clinflu.analysis.scaling import Scaling
from clinflu.figures.beside import plain
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, SIMULATED, figure_text, layout
from clinflu.figures.theme import DOWN, INK, NEUTRAL, UP

HEIGHT = 460
LOOKS = (
    (DOWN, "circle", "solid"),
    (UP, "square-open", "solid"),
    (NEUTRAL, "diamond-open", "solid"),
    (INK, "triangle-up", "dash"),
    (DOWN, "x", "dot"),
    (UP, "star-open", "dashdot"),
)
PANELS = (("fit_seconds", "seconds of the fit", [0.0, 0.45]), ("design_bytes", "bytes of the design", [0.57, 1.0]))


def scaling_figure(found: Scaling) -> SafeFigure:
    """Draw seconds of the fit and bytes of the design against the number of encounters, both axes logarithmic.

    Parameters
    ----------
    found : Scaling
    """
    figure = SafeFigure()
    simulated = f"<b>{SIMULATED}</b>; " if found.simulated else ""
    figure.update_layout(layout(_finding(found), HEIGHT, simulated=found.simulated))
    figure.update_layout(
        title={"subtitle": {"text": f"{simulated}{_agreement(found)}", "font": {"size": 13}}},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"t": 84, "b": 100, "l": 64},
    )
    for panel, (measure, upward, domain) in enumerate(PANELS):
        axis = "" if panel == 0 else str(panel + 1)
        for place, name in enumerate(found.backends):
            figure.add_trace(_line(found, name, place, measure) | _on(axis, panel))
        _lay_out(figure, axis, upward, domain, found.rows)
    return figure


def _line(found: Scaling, name: str, place: int, measure: str) -> dict[str, Any]:
    colour, symbol, dash = LOOKS[place % len(LOOKS)]
    lines = found.of_backend(name)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": figure_text(name),
        "legendgroup": name,
        "x": [int(rows) for rows in lines["rows"]],
        "y": plain(lines[measure]),
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"color": colour, "symbol": symbol, "size": 9},
        "hovertemplate": f"{figure_text(name)}: %{{x:,}} encounters, %{{y:.3s}}<extra></extra>",
    }


def _on(axis: str, panel: int) -> dict[str, Any]:
    return {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "showlegend": panel == 0}


def _lay_out(figure: SafeFigure, axis: str, upward: str, domain: list[float], rows: tuple[int, ...]) -> None:
    font = {"size": AXIS_TITLE_PX}
    across = {"title": {"text": "encounters", "font": font}, "tickvals": list(rows)}
    across |= {"ticktext": [f"{one:,}" for one in rows], "domain": domain, "anchor": f"y{axis}"}
    figure.update_layout(
        {
            f"xaxis{axis}": {"type": "log", **across},
            f"yaxis{axis}": {
                "type": "log",
                "dtick": "D2",
                "title": {"text": upward, "font": font},
                "anchor": f"x{axis}",
            },
        }
    )


def _finding(found: Scaling) -> str:
    """Return which backend is the quickest and which the smallest at the most rows."""
    last = found.frame[found.frame["rows"] == max(found.rows)].reset_index(drop=True)
    fast, small = (last.loc[int(np.argmin(last[measure]))] for measure, *_ in PANELS)
    fitted = f"{int(fast['rows']):,} encounters in {fast['fit_seconds']:.2g} s"
    each = f"{small['design_bytes'] / small['rows']:,.0f} bytes a row"
    name = figure_text(fast["backend"])
    if len(last) == 1:
        return f"{name.capitalize()} fits {fitted} and takes {each}"
    return f"Quickest: {name}, {fitted}; smallest: {figure_text(small['backend'])}, {each}"


def _agreement(found: Scaling) -> str:
    if len(found.backends) == 1:
        return "fit of the training rows, and what holds all rows"
    same = "the same coefficients and influences from all" if found.agrees else "the backends do NOT agree"
    return f"fit of the training rows; {same}"
