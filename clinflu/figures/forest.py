"""A figure of every subgroup with its interval, everyone first."""

from typing import Any

from clinflu.figures.beside import row_axis, rows_layout
from clinflu.figures.config import Spec
from clinflu.figures.style import figure_text, shorten_within
from clinflu.figures.theme import DOWN, INK, NEUTRAL

LONGEST_LEVEL = 64
LONG = 25


def forest_spec(
    rows: list[dict[str, Any]], name: str, axis: str, *, title: str, reference: float | None, simulated: bool
) -> Spec:
    """Return a forest plot as plain values.

    Parameters
    ----------
    rows : list of dict
        Published rows: ``variable``, ``level``, and the figure with ``_low`` and ``_high``; everyone first.
    name : str
        Key of the figure.
    axis : str
        What it is, in words.
    title : str
    reference : float, optional
        Where the line stands; by default at everyone's figure.
    simulated : bool
        Whether the patients are invented.
    """
    values = [float(row[name]) for row in rows]
    labels = [figure_text(shorten_within(_label(row), LONGEST_LEVEL)) for row in rows]
    layout = rows_layout(title, len(rows), axis, simulated=simulated)
    layout["yaxis"] = row_axis(labels)
    if len(rows) > LONG:
        layout["xaxis"]["side"] = "top"  # where reading begins
    line = reference if reference is not None else (values[0] if values else None)
    if line is not None:
        layout["shapes"] = [_line(line)]
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": list(range(len(rows))),
        "marker": {"color": [INK if place == 0 else DOWN for place in range(len(rows))], "size": 8},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_reach(row[f"{name}_high"], value) for row, value in zip(rows, values, strict=True)],
            "arrayminus": [_reach(value, row[f"{name}_low"]) for row, value in zip(rows, values, strict=True)],
            "color": NEUTRAL,
            "thickness": 1.4,
            "width": 3,
        },
        "hovertext": [_hover(row, name) for row in rows],
        "hoverinfo": "text",
        "showlegend": False,
    }
    return {"data": [points], "layout": layout}


def _label(row: dict[str, Any]) -> str:
    return f"{row['variable']}: {row['level']}"


def _reach(high: object, low: object) -> float:
    return float(high) - float(low) if isinstance(high, float) and isinstance(low, float) else 0.0


def _hover(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = f" ({low:.3f} to {high:.3f})" if isinstance(low, float) and isinstance(high, float) else ""
    return f"{figure_text(_label(row))}<br>{row[name]:.3f}{interval}"


def _line(at: float) -> dict[str, Any]:
    place = {"x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **place, "line": {"color": INK, "width": 1, "dash": "dot"}}
