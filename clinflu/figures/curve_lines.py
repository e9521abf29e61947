"""What the figures of curves share: series told apart by dash and mark as well as by colour, axes and legend."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout
from clinflu.figures.theme import CONNECTOR, DOWN, INK, NEUTRAL, UP

Record = dict[str, Any]
Trace = dict[str, Any]

HEIGHT = 460
LEGEND_ROW_PX = 24
ALERT = "alert threshold"
SERIES = (  # the first is the model's; in grey the dashes and the marks still differ
    (DOWN, "solid", "circle"),
    (UP, "dash", "square"),
    (INK, "dashdot", "diamond"),
    (NEUTRAL, "dot", "triangle-up"),
    (UP, "longdash", "cross"),
    (DOWN, "longdashdot", "x"),
)


def number(record: Record, key: str) -> float | None:
    """Return a published number; None where a text says why there is none, and where there is nothing."""
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def known(records: Sequence[Record], *keys: str) -> list[Record]:
    """Return the records that have all of these numbers."""
    return [one for one in records if all(number(one, key) is not None for key in keys)]


def labels_of(records: Sequence[Record], key: str = "label") -> list[str]:
    """Return what the series are called, in the order in which they come."""
    return list(dict.fromkeys(str(one[key]) for one in records))


def line(name: str, place: int, x: Sequence[float | None], y: Sequence[float | None], *, marks: bool = True) -> Trace:
    """Return a series as a line, with a mark a point.

    Parameters
    ----------
    name : str
        Plain text.
    place : int
        Of the series: which colour, dash and mark.
    x, y : sequence of float
    marks : bool
    """
    colour, dash, symbol = SERIES[place % len(SERIES)]
    return {
        "type": "scatter",
        "mode": "lines+markers" if marks else "lines",
        "name": figure_text(name),
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"color": colour, "symbol": symbol, "size": 5},
        "hoverinfo": "skip",
    }


def band(name: str, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> Trace:
    """Return the area between two curves."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": figure_text(name),
        "x": [*x, *reversed(x)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": CONNECTOR,
        "line": {"color": NEUTRAL, "width": 0.5},
        "hoverinfo": "skip",
    }


def reference(name: str, x: Sequence[float], y: Sequence[float]) -> Trace:
    """Return a thin line to compare with, such as a diagonal."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": figure_text(name),
        "x": list(x),
        "y": list(y),
        "line": {"color": INK, "dash": "dot", "width": 1},
        "hoverinfo": "skip",
    }


def marked(name: str, x: float, y: float, hover: str) -> Trace:
    """Return one point that stands out; the hover text is escaped already."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": figure_text(name),
        "x": [x],
        "y": [y],
        "marker": {"symbol": "star", "size": 15, "color": INK},
        "hovertext": [hover],
        "hoverinfo": "text",
    }


def hovering(trace: Trace, texts: Sequence[str]) -> Trace:
    """Return a trace whose points say something; the texts are escaped already."""
    return trace | {"hovertext": list(texts), "hoverinfo": "text"}


def vertical(at: float) -> Record:
    """Return a thin line from the bottom to the top."""
    place = {"x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **place, "line": {"color": INK, "width": 1, "dash": "dot"}}


def said_above(at: float, text: str) -> Record:
    """Return words at the top of a vertical line; plain text."""
    place = {"x": at, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return {**place, "text": figure_text(text), "showarrow": False, "font": {"size": 11}}


def threshold_of(records: Sequence[Record], threshold: float | None) -> Record | None:
    """Return the record at a threshold; None where there is none."""
    if threshold is None:
        return None
    return next((one for one in known(records, "threshold") if abs(one["threshold"] - threshold) < 1e-9), None)


def curve_layout(title: str, x_title: str, y_title: str, entries: int, *, simulated: bool) -> dict[str, Any]:
    """Return the layout of a figure of curves, its legend below.

    Parameters
    ----------
    title, x_title, y_title : str
        Plain text.
    entries : int
        Of the legend.
    simulated : bool
        Whether the patients are invented.
    """
    below = LEGEND_ROW_PX * max(entries, 1)
    base = layout(figure_text(title), HEIGHT + below, simulated=simulated)
    return {
        **base,
        "legend": {
            "orientation": "v",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 0.01,
            "yanchor": "bottom",
            "tracegroupgap": 0,
        },
        "margin": {**base["margin"], "b": 64 + below},
        "xaxis": _axis(x_title),
        "yaxis": _axis(y_title),
    }


def _axis(title: str) -> dict[str, Any]:
    return {"title": {"text": figure_text(title), "font": {"size": AXIS_TITLE_PX}}, "zeroline": False}


def shares(axis: dict[str, Any], *, upto: float = 1.0) -> dict[str, Any]:
    """Return an axis of shares of 1 in percent."""
    room = 0.02 * upto
    return axis | {"range": [-room, upto + room], "tickformat": ".0%"}
