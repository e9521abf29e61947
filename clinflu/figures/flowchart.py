"""A flowchart of the cohort: from the rows read to the parts that taught and judge the model."""

from typing import Any

from clinflu.figures.config import Spec
from clinflu.figures.style import figure_text, layout, wrapped
from clinflu.figures.theme import GRID, INK, NEUTRAL, PAPER

ROW_PX, TALL_ROW_PX = 64, 92
TOP_PX, BOTTOM_PX = 60, 16
MAIN, ASIDE = (0.02, 0.46), (0.54, 0.98)
BOX_HEIGHT = 0.62
EXCLUDED = "excluded: "
LONGEST_LINE, MOST_LINES = 34, 2  # what a box holds where the window is 800 pixels wide


def flowchart_spec(steps: list[dict[str, Any]], *, simulated: bool) -> Spec:
    """Return the flowchart as plain values.

    Parameters
    ----------
    steps : list of dict
        ``step`` and ``encounters``; what was excluded stands aside, the parts of the cohort at the end as well.
    simulated : bool
        Whether the patients are invented.
    """
    shapes, texts = [], []
    trunk: list[int] = []
    for place, row in enumerate(steps):
        aside = str(row["step"]).startswith(EXCLUDED) or _is_part(row)
        left, right = ASIDE if aside else MAIN
        shapes.append(_box(left, right, place, dashed=str(row["step"]).startswith(EXCLUDED)))
        texts.append(_text((left + right) / 2, place, row))
        if aside:
            shapes.append(_line(0.24, place, ASIDE[0], place))
        else:
            trunk.append(place)
    if steps:
        shapes.insert(0, _line(0.24, trunk[0] if trunk else 0, 0.24, len(steps) - 1))
    row_px = TALL_ROW_PX if any("<br>" in _words(row) for row in steps) else ROW_PX
    height = TOP_PX + BOTTOM_PX + row_px * len(steps)
    base = layout("From the rows read to the encounters judged", height, simulated=simulated)
    hidden = {"visible": False, "fixedrange": True}
    base |= {
        "xaxis": {**hidden, "range": [0, 1]},
        "yaxis": {**hidden, "range": [len(steps) - 0.5, -0.5]},
        "shapes": shapes,
        "annotations": texts,
        "margin": {"l": 10, "r": 10, "t": TOP_PX, "b": BOTTOM_PX},
    }
    return {"data": [], "layout": base}


def _is_part(row: dict[str, Any]) -> bool:
    return str(row["step"]) in ("training encounters", "audited encounters", "confirming encounters")


def _box(left: float, right: float, place: int, *, dashed: bool) -> dict[str, Any]:
    half = BOX_HEIGHT / 2
    line = {"color": NEUTRAL if dashed else INK, "width": 1.2, "dash": "dash" if dashed else "solid"}
    corners = {"x0": left, "x1": right, "y0": place - half, "y1": place + half}
    return {"type": "rect", **corners, "line": line, "fillcolor": PAPER}


def _line(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "line": {"color": GRID, "width": 2},
        "layer": "below",
    }


def _text(x: float, place: int, row: dict[str, Any]) -> dict[str, Any]:
    text = f"{_words(row)}<br><b>{row['encounters']:,}</b>"
    return {"x": x, "y": place, "text": text, "hovertext": figure_text(row["step"]), "showarrow": False}


def _words(row: dict[str, Any]) -> str:
    """Return a step on the lines that its box holds."""
    return "<br>".join(figure_text(one) for one in wrapped(str(row["step"]), LONGEST_LINE, MOST_LINES))
