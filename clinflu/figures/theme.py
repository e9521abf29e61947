"""Colours of the figures, light and dark; told apart with any colour vision (Okabe and Ito 2008)."""

from typing import Any

UP = "#d55e00"
DOWN = "#0072b2"
NEUTRAL = "#595959"
INK = "#222222"
PAPER = "#ffffff"
GRID = "#e3e6ea"
CONNECTOR = "#bbbbbb"

DARK_FOR_LIGHT = {
    UP: "#f08c3a",
    DOWN: "#56b4e9",
    NEUTRAL: "#a8b0b8",
    INK: "#e6edf3",
    PAPER: "#151b23",
    GRID: "#333b45",
    CONNECTOR: "#5a6470",
}


def template() -> dict[str, Any]:
    """Return the plotly template of every figure."""
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": GRID,
        "ticks": "",
        "automargin": True,
        "title": {"standoff": 12},
    }
    return {
        "layout": {
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "colorway": [DOWN, UP, NEUTRAL],
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"bgcolor": PAPER, "bordercolor": NEUTRAL, "font": {"color": INK}},
        }
    }
