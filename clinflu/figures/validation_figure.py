"""Estimates of leaving a training row out, against retraining without it."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from clinflu.analysis.validation.estimates import INFLUENCE, RIVALS
from clinflu.analysis.validation.leave_one_out import LeaveOneOutAgreement
from clinflu.data.arrays import Flags, Vector
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout
from clinflu.figures.theme import CONNECTOR, DOWN, INK, NEUTRAL, UP
from clinflu.influence.agreement import correlation_text

ACROSS = 3
PANEL_PX, AROUND_PX = 330, 170
GAP_ACROSS, GAP_UPWARD_PX = 0.09, 110
ROOM, SMALLEST_SPAN = 0.05, 1e-12
GROUPS = (("random", DOWN, "circle-open"), ("strongest", UP, "diamond-open"))
ROOM_FOR_TEXT = 0.15
BAR_PX, BARS_AROUND_PX = 22, 190
BARS = dict(
    zip((INFLUENCE, *RIVALS), ((DOWN, ""), (UP, "/"), (NEUTRAL, "x"), (CONNECTOR, ".")), strict=True)
)  # colour and pattern


def leave_one_out_figure(found: Sequence[LeaveOneOutAgreement], method: str = INFLUENCE) -> SafeFigure:
    """Draw the change of the loss after retraining (upward) against the one estimated (across), a panel for each.

    Both axes of a panel are the same, so that an estimate that is right lies on the diagonal.

    Parameters
    ----------
    found : sequence of LeaveOneOutAgreement
        One or more.
    method : str
        The estimate drawn, one in nats.
    """
    figure, rows = SafeFigure(), ceil(len(found) / ACROSS)
    height = rows * PANEL_PX + (rows - 1) * GAP_UPWARD_PX + AROUND_PX
    figure.update_layout(layout(_finding(found, method), height, simulated=False))
    for place, one in enumerate(found):
        _draw_panel(figure, one, method, place, _domain(place, rows))
    below = "Change of the loss of one test row without each of some training rows, one at a time"
    figure.update_layout(
        title={"subtitle": {"text": below, "font": {"size": 13, "color": NEUTRAL}}},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"t": 104, "b": 96, "l": 64},
    )
    return figure


def rivals_figure(found: Sequence[LeaveOneOutAgreement]) -> SafeFigure:
    """Draw how well influence and what might stand in its place correlate with retraining, a group of bars a model.

    Parameters
    ----------
    found : sequence of LeaveOneOutAgreement
        One or more.
    """
    figure, names = SafeFigure(), [figure_text(one.name) for one in found]
    height = BAR_PX * len(BARS) * len(found) + BARS_AROUND_PX
    figure.update_layout(layout(_finding_of_rivals(found), height, simulated=False))
    for method, (colour, pattern) in BARS.items():
        values = [one.pearson(method) for one in found]
        figure.add_trace(
            {
                "type": "bar",
                "orientation": "h",
                "name": method,
                "x": values,
                "y": names,
                "text": [correlation_text(value) for value in values],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": colour, "pattern": {"shape": pattern, "fgcolor": INK, "size": 5}},
                "hovertemplate": f"{method}: r %{{x:.4f}}<extra></extra>",
            }
        )
    lowest = min(0.0, *(value for trace in figure.data for value in trace.x if np.isfinite(value)))
    room = ROOM_FOR_TEXT if lowest < 0 else 0.0
    figure.update_layout(
        barmode="group",
        xaxis={
            "title": {"text": "correlation with the change after retraining (Pearson's r)"},
            "range": [lowest - room, 1.0 + ROOM_FOR_TEXT],
        },
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"b": 110},
    )
    return figure


def _draw_panel(
    figure: SafeFigure,
    one: LeaveOneOutAgreement,
    method: str,
    place: int,
    domain: tuple[list[float], list[float]],
) -> None:
    axis = "" if place == 0 else str(place + 1)
    pairs = one.pairs(method)
    low, high = _range(np.concatenate([pairs.estimate[pairs.comparable], pairs.refit[pairs.comparable], [0.0]]))
    shared = {"legendgroup": "equal", "showlegend": place == 0, "hoverinfo": "skip"}
    line = {"color": INK, "dash": "dot", "width": 1}
    on = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
    figure.add_trace(
        {"type": "scatter", "mode": "lines", "name": "estimate = refit", "x": [low, high], "y": [low, high]}
        | {"line": line, **shared, **on}
    )
    for group, chosen in zip(GROUPS, (~one.is_strongest, one.is_strongest), strict=True):
        figure.add_trace(_points(group, pairs.estimate, pairs.refit, chosen & pairs.comparable) | _shown(place) | on)
    _lay_out_panel(figure, axis, domain, (low, high))
    figure.add_annotation(
        text=_panel_title(one, method), showarrow=False, xref="paper", yref="paper", x=domain[0][0], xanchor="left",
        y=domain[1][1], yanchor="bottom", yshift=4, align="left",
    )  # fmt: skip


def _points(group: tuple[str, str, str], across: Vector, upward: Vector, chosen: Flags) -> dict[str, Any]:
    name, colour, symbol = group
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{name} training rows",
        "legendgroup": name,
        "x": across[chosen],
        "y": upward[chosen],
        "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75, "line": {"width": 1.3}},
        "hovertemplate": "estimate %{x:+.4g}<br>refit %{y:+.4g} nats<extra></extra>",
    }


def _shown(place: int) -> dict[str, bool]:
    return {"showlegend": place == 0}


def _lay_out_panel(
    figure: SafeFigure, axis: str, domain: tuple[list[float], list[float]], span: tuple[float, float]
) -> None:
    shared = {"range": list(span), "zeroline": True, "zerolinecolor": CONNECTOR, "constrain": "domain", "nticks": 5}
    font = {"size": AXIS_TITLE_PX}
    across = {"domain": domain[0], "anchor": f"y{axis}", "title": {"text": "estimated change, nats", "font": font}}
    upward = {"domain": domain[1], "anchor": f"x{axis}", "title": {"text": "refitted change, nats", "font": font}}
    figure.update_layout(
        {f"xaxis{axis}": {**shared, **across}, f"yaxis{axis}": {**shared, **upward, "scaleanchor": f"x{axis}"}}
    )


def _domain(place: int, rows: int) -> tuple[list[float], list[float]]:
    """Return the share of the width and of the height that a panel takes; the first is at the top left."""
    row, column = divmod(place, ACROSS)
    width = (1.0 - (ACROSS - 1) * GAP_ACROSS) / ACROSS
    total = rows * PANEL_PX + (rows - 1) * GAP_UPWARD_PX
    left = column * (width + GAP_ACROSS)
    top = 1.0 - row * (PANEL_PX + GAP_UPWARD_PX) / total
    return [left, min(1.0, left + width)], [max(0.0, top - PANEL_PX / total), top]


def _range(values: Vector) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = ROOM * max(high - low, SMALLEST_SPAN)
    return low - room, high + room


def _panel_title(one: LeaveOneOutAgreement, method: str) -> str:
    grade = " (approximate)" if one.approximate_words else ""
    r, rank = correlation_text(one.pearson(method)), correlation_text(one.spearman(method))
    return f"<b>{figure_text(one.name)}</b>{grade}<br>r {r}, ranks {rank}, n = {one.grade(method).compared}"


def _finding(found: Sequence[LeaveOneOutAgreement], method: str) -> str:
    """Return the lowest correlation and whose it is."""
    known = [one for one in found if np.isfinite(one.pearson(method))]
    if not known:
        return "No refit to compare with"
    lowest = min(known, key=lambda one: one.pearson(method))
    r = correlation_text(lowest.pearson(method))
    return f"{method.capitalize()} foretells retraining with r {r} or more, lowest for {figure_text(lowest.name)}"


def _finding_of_rivals(found: Sequence[LeaveOneOutAgreement]) -> str:
    """Return for how many models no rival agrees better with retraining."""
    best = sum(one.pearson(INFLUENCE) >= max(one.pearson(rival) for rival in RIVALS) for one in found)
    return f"Influence agrees best with retraining for {best} of {len(found)} models"
