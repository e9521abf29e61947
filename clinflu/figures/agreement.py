"""Every estimate against its refit."""

from collections.abc import Iterable

import numpy as np

from clinflu.analysis.check_points import FIRST_ORDER, GROUP, NEWTON, ONE_STEP, SECOND_ORDER, SINGLE, SORTS, methods_of
from clinflu.analysis.check_result import Check
from clinflu.data.arrays import Vector
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, DOWN, INK, NEUTRAL, UP, layout
from clinflu.influence.agreement import Pairs

HEIGHT = 600
ROOM = 0.05
SMALLEST_SPAN = 1e-9
MARKERS = {
    FIRST_ORDER: ("first order", UP, "circle-open"),
    SECOND_ORDER: ("second order", NEUTRAL, "square-open"),
    ONE_STEP: ("one Newton step", DOWN, "diamond-open"),
    NEWTON: ("one Newton step", DOWN, "diamond-open"),
}
PANELS = (
    (SINGLE, "Without one encounter", "", (0.0, 0.46)),
    (GROUP, "Without a group", "2", (0.54, 1.0)),
)


def agreement_figure(check: Check) -> SafeFigure:
    """Draw the change of risk refitted (upward) against the one estimated (across), single removals and groups.

    Both axes of a panel are linear and the same, so that an estimate that is right lies on the diagonal. No id and no
    recorded value is in the figure.

    Parameters
    ----------
    check : Check
    """
    figure = SafeFigure()
    for kind, title, axis, domain in PANELS:
        _draw(figure, check, kind, axis)
        _lay_out(figure, check, (kind, title, axis), domain)
    figure.update_layout(layout("Estimate against refit", HEIGHT, simulated=check.provenance.simulated))
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"t": 104, "b": 132, "l": 64},
    )
    figure.add_annotation(
        text=_caption(check), showarrow=False, xref="paper", yref="paper", x=0, xanchor="left", y=0, yanchor="top",
        yshift=-58, align="left", font={"color": NEUTRAL},
    )  # fmt: skip
    return figure


def _draw(figure: SafeFigure, check: Check, kind: str, axis: str) -> None:
    pairs = {method: _together(check, kind, method) for method in methods_of(kind)}
    low, high = _range(pairs.values())
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "estimate = refit",
            "legendgroup": "equal",
            "showlegend": kind == SINGLE,
            "x": [low, high],
            "y": [low, high],
            "line": {"color": INK, "dash": "dot", "width": 1},
            "hoverinfo": "skip",
            **_axes(axis),
        }
    )
    for method, found in pairs.items():
        name, colour, symbol = MARKERS[method]
        figure.add_trace(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "showlegend": kind == SINGLE or not check.has(SINGLE),
                "x": found.estimate[found.comparable],
                "y": found.refit[found.comparable],
                "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7, "line": {"width": 1.3}},
                "hovertemplate": f"{name}: %{{x:+.4f}}<br>refit: %{{y:+.4f}} percentage points<extra></extra>",
                **_axes(axis),
            }
        )


def _lay_out(figure: SafeFigure, check: Check, panel: tuple[str, str, str], domain: tuple[float, float]) -> None:
    kind, title, axis = panel
    pairs = [_together(check, kind, method) for method in methods_of(kind)]
    removals = int(np.isfinite(pairs[0].refit).sum())
    low, high = _range(pairs)
    shared = {"range": [low, high], "zeroline": True, "zerolinecolor": "#bbbbbb", "constrain": "domain"}
    font = {"size": AXIS_TITLE_PX}
    figure.update_layout(
        {
            f"xaxis{axis}": {
                **shared,
                "domain": list(domain),
                "anchor": f"y{axis}",
                "title": {"text": "estimated change of the risk, pp", "font": font},
            },
            f"yaxis{axis}": {
                **shared,
                "anchor": f"x{axis}",
                "scaleanchor": f"x{axis}",
                "title": {"text": "refitted change, pp", "font": font},
            },
        }
    )
    figure.add_annotation(
        text=f"<b>{title}</b>, n = {removals:,}", showarrow=False, xref="paper", yref="paper", x=domain[0],
        xanchor="left", y=1, yanchor="bottom", yshift=6,
    )  # fmt: skip


def _axes(axis: str) -> dict[str, str]:
    return {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}


def _together(check: Check, kind: str, method: str) -> Pairs:
    """Return the pairs of all predictions."""
    kinds = SORTS if kind == GROUP else (kind,)
    parts = [part.pairs(method) for part in check.points if part.kind in kinds]
    return Pairs(*(_joined(getattr(part, name) for part in parts) for name in ("estimate", "refit", "precision")))


def _joined(columns: Iterable[Vector]) -> Vector:
    return np.concatenate([np.empty(0), *columns])


def _range(pairs: Iterable[Pairs]) -> tuple[float, float]:
    """Return what both axes span: every estimate and every refit, and 0."""
    shown = _joined(values[one.comparable] for one in pairs for values in (one.estimate, one.refit))
    low, high = float(shown.min(initial=0.0)), float(shown.max(initial=0.0))
    room = ROOM * max(high - low, SMALLEST_SPAN)
    return low - room, high + room


def _caption(check: Check) -> str:
    """Return what n counts and what cannot be drawn."""
    methods = [(kind, method) for kind, *_ in PANELS for method in methods_of(kind)]
    grades = [check.grade(kind, method) for kind, method in methods]
    no_fit = grades[0].no_finite_fit + grades[-1].no_finite_fit
    no_estimate = sum(grade.no_estimate for grade in grades)
    counted = "1 prediction" if len(check.checked) == 1 else f"each of {len(check.checked)} predictions"
    return (
        f"n: removals, counted for {counted}; {check.refits:,} different refits.<br>"
        f"Not drawn: {no_fit:,} without a finite fit, {no_estimate:,} without an estimate."
    )
