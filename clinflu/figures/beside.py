"""Rows of refits, each with its estimate beside it: what the removal and the ledger figures share."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from clinflu.figures.style import AXIS_TITLE_PX, layout, signed
from clinflu.figures.theme import INK, PAPER

ROW_PX = 24
CHANGE = "Change of the risk, percentage points"


def refits(changes_pp: Iterable[float], places: list[int], colour: str | list[str], *, first: bool) -> dict[str, Any]:
    """Return refitted changes of risk as bars; one without a finite fit has none.

    Parameters
    ----------
    changes_pp : iterable of float
        Percentage points.
    places : list of int
        Rows that they stand on.
    colour : str or list of str
    first : bool
        Whether they stand for all such bars in the legend.
    """
    changes = [float(one) for one in changes_pp]
    return {
        "type": "bar",
        "orientation": "h",
        "name": "refitted without them",
        "legendgroup": "refit",
        "showlegend": first,
        "x": plain(changes),
        "y": places,
        "width": 0.62,
        "marker": {"color": colour},
        "hovertext": [f"refitted: {signed(change, 3)} percentage points" for change in changes],
        "hoverinfo": "text",
    }


def estimates(changes_pp: Iterable[float], places: list[int], *, first: bool) -> dict[str, Any]:
    """Return estimated changes of risk as diamonds; see :func:`refits`."""
    changes = [float(one) for one in changes_pp]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "estimated, without a refit",
        "legendgroup": "estimate",
        "showlegend": first,
        "x": plain(changes),
        "y": places,
        "marker": {"symbol": "diamond", "size": 10, "color": PAPER, "line": {"color": INK, "width": 2}},
        "hovertext": [f"estimated: {signed(change, 3)} percentage points" for change in changes],
        "hoverinfo": "text",
    }


def rows_layout(title: str, rows: int, x_title: str, *, simulated: bool) -> dict[str, Any]:
    """Return the layout of a figure of rows, with its legend below."""
    base = layout(title, ROW_PX * max(rows, 1) + 150, simulated=simulated)
    return {
        **base,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        "margin": {**base["margin"], "b": 92},
        "xaxis": {
            "title": {"text": x_title, "font": {"size": AXIS_TITLE_PX}},
            "zeroline": True,
            "zerolinecolor": INK,
        },
    }


def row_axis(labels: list[str]) -> dict[str, Any]:
    """Return the axis of rows, the first at the top; labels are escaped already."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": labels,
        "range": [len(labels) - 0.5, -0.5],
        "automargin": True,
        "showgrid": False,
    }


def plain(values: Iterable[float]) -> list[float | None]:
    """Return numbers as JSON holds them; what is not finite is None."""
    return [value if isfinite(value) else None for value in map(float, values)]
