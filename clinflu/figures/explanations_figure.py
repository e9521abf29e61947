"""One prediction explained by several models: influence against distance, and the images that taught it most."""

from typing import Any

import numpy as np

from clinflu.analysis.explanations import Explanation, Explanations, Taught, perturbation_slopes
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.digits import SIDE, Digits
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, escape, layout, signed
from clinflu.figures.theme import DOWN, GRID, INK, PAPER, UP

GAP = 0.09
PANEL_PX, STRIP_PX, SLOPES_PX = 460, 150, 300
CLASSES = ((True, "same class", DOWN, "circle"), (False, "other class", UP, "square"))
LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"}


def explanations_figure(found: Explanations) -> SafeFigure:
    """Draw each training row's influence against its distance, a panel for each model; refits are diamonds.

    Parameters
    ----------
    found : Explanations
        No name of a training row is in the figure.
    """
    base = layout(distance_title(found), PANEL_PX, simulated=found.simulated)
    data: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for place, one in enumerate(found.models):
        axis = "" if place == 0 else str(place + 1)
        data += [*_points(one, axis, first=place == 0), _refits(one, axis, first=place == 0)]
        low, high = _span(place, len(found.models))
        base[f"xaxis{axis}"] = {
            "domain": [low, high],
            "anchor": f"y{axis}",
            **_titled(f"Distance ({found.distance_unit})"),
        }
        base[f"yaxis{axis}"] = {"anchor": f"x{axis}", "zerolinecolor": INK, "zeroline": True}
        notes.append(_note(f"<b>{escape(one.name)}</b><br>far half holds {100 * one.far_share:.0f} %", low, 1.0))
    base["yaxis"] |= _titled("Change of the loss without it")
    margin = {**base["margin"], "t": 116 if found.simulated else 98, "b": 100}
    return SafeFigure({"data": data, "layout": {**base, "annotations": notes, "legend": LEGEND, "margin": margin}})


def distance_title(found: Explanations) -> str:
    """Return what the panels show, in a sentence."""
    shares = [f"{100 * one.far_share:.0f} %" for one in found.models]
    if len(shares) == 1:
        return f"The farther half of the training rows holds {shares[0]} of the influence"
    return f"The farther half of the training rows holds {', '.join(shares[:-1])} and {shares[-1]} of the influence"


def strip_title(found: Explanations) -> str:
    """Return how many of the strongest images the models share, in a sentence."""
    count, most = len(found.shared), max(len(one.strongest) for one in found.models)
    shared = "none of them is" if count == 0 else "1 of them is" if count == 1 else f"{count} of them are"
    return f"{_capital(found.subject)}: the {most} training images that count most; {shared} the same for every model"


def strip_figure(found: Explanations, digits: Digits) -> SafeFigure:
    """Draw the test image, and for each model the training images that helped and harmed it most, with their refits.

    Parameters
    ----------
    found : Explanations
        Of an image of ``digits``.
    digits : Digits
    """
    columns = 1 + max(len(one.strongest) for one in found.models)
    height = STRIP_PX * len(found.models) + 90
    base = layout(strip_title(found), height, simulated=False)
    data: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for line, one in enumerate(found.models):
        top = 1.0 - line / len(found.models)
        rows = np.concatenate([[found.row], digits.train[one.strongest]])
        for column, (row, words) in enumerate(zip(rows, _captions(found, one, digits), strict=True)):
            axis = str(line * columns + column + 1)
            low, high = (column + 0.06) / columns, (column + 0.94) / columns
            data.append(_picture(digits.image(int(row)), axis))
            base[f"xaxis{axis}"] = {
                "domain": [low, high],
                "anchor": f"y{axis}",
                "visible": False,
                "constrain": "domain",
            }
            notes.append(_note(words, (column + 0.5) / columns, top - 0.98 / len(found.models), size=10, middle=True))
        notes.append(_note(f"<b>{escape(one.name)}</b>", 0.0, top - 0.13 / len(found.models)))
    margin = {**base["margin"], "b": 14}
    return SafeFigure({"data": data, "layout": {**base, "annotations": notes, "margin": margin}})


def slopes_figure(found: Explanations, digits: Digits, models: tuple[Taught, ...]) -> SafeFigure:
    """Draw the most harmful training image of each model, and the slope of the test loss in each of its pixels.

    Parameters
    ----------
    found : Explanations
        Of an image of ``digits``.
    digits : Digits
    models : tuple of Taught
        Those that ``found`` explains, in its order.
    """
    base = layout(
        f"{_capital(found.subject)}: where ink in its most harmful image moves the loss", SLOPES_PX, simulated=False
    )
    data: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    image, label = digits.pixels[found.row], float(digits.labels[found.row])
    shown = [(one, model) for one, model in zip(found.models, models, strict=True) if len(one.harmful)]
    for place, (one, model) in enumerate(shown):
        worst = one.harmful[:1]
        slopes = perturbation_slopes(model, image, label, worst)[0].reshape(SIDE, SIDE)
        left, right = _span(place, len(shown))
        middle = (left + right) / 2
        axes = str(2 * place + 1), str(2 * place + 2)
        data += [_picture(digits.image(int(digits.train[worst[0]])), axes[0]), _slopes(slopes, axes[1])]
        for axis, ends in zip(axes, ((left, middle - 0.01), (middle + 0.01, right)), strict=True):
            base |= _frame(axis, ends, (0.12, 0.86))
        reach = float(np.abs(slopes).max())
        notes.append(_note(f"<b>{escape(one.name)}</b>", left, 0.92))
        notes.append(_note(f"a {_shown(digits, worst)[0]} · steepest slope {reach:.2g} a pixel", left, 0.0))
    margin = {**base["margin"], "b": 20}
    return SafeFigure({"data": data, "layout": {**base, "annotations": notes, "margin": margin}})


def _points(one: Explanation, axis: str, *, first: bool) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{name}, estimated",
            "legendgroup": name,
            "showlegend": first,
            "x": one.distance[_of(one, same=same)].tolist(),
            "y": one.influence[_of(one, same=same)].tolist(),
            "xaxis": f"x{axis}",
            "yaxis": f"y{axis}",
            "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7},
            "hovertemplate": "distance %{x:.2f}, loss %{y:+.4f}<extra></extra>",
        }
        for same, name, colour, symbol in CLASSES
    ]


def _refits(one: Explanation, axis: str, *, first: bool) -> dict[str, Any]:
    changes: Vector = np.concatenate([one.helpful_refit, one.harmful_refit])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "refitted without it",
        "legendgroup": "refit",
        "showlegend": first,
        "x": one.distance[one.strongest].tolist(),
        "y": changes.tolist(),
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "marker": {"symbol": "diamond-open", "size": 11, "color": INK, "line": {"width": 1.5}},
        "hovertemplate": "distance %{x:.2f}, refitted loss %{y:+.4f}<extra></extra>",
    }


def _of(one: Explanation, *, same: bool) -> Flags:
    chosen: Flags = one.same_class == same
    return chosen


def _captions(found: Explanations, one: Explanation, digits: Digits) -> list[str]:
    """Return the text under each picture of a line: the class, the estimate and the refit."""
    right = "right" if one.is_right else "wrong"
    captions = [f"<b>test: a {escape(found.truth)}</b><br>{right}, loss {one.loss:.2f}<br> "]
    sides = (("helpful", one.helpful, one.helpful_refit), ("harmful", one.harmful, one.harmful_refit))
    for side, rows, refits in sides:
        shown = _shown(digits, rows)
        captions += [
            f"{side}: a {escape(name)}<br>est. {signed(one.influence[row], 3)}<br>refit {signed(refit, 3)}"
            for name, row, refit in zip(shown, rows, refits, strict=True)
        ]
    return captions


def _shown(digits: Digits, positions: Rows) -> list[str]:
    return [digits.names[int(label)] for label in digits.labels[digits.train[positions]]]


def _picture(image: Matrix, axis: str) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "z": image.tolist(),
        "zmin": 0.0,
        "zmax": 1.0,
        "colorscale": [[0.0, PAPER], [0.08, GRID], [1.0, INK]],
        "showscale": False,
        "hoverinfo": "skip",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _slopes(slopes: Matrix, axis: str) -> dict[str, Any]:
    reach = float(np.abs(slopes).max()) or 1.0
    return {
        **_picture(slopes, axis),
        "zmin": -reach,
        "zmax": reach,
        "colorscale": [[0.0, DOWN], [0.5, PAPER], [1.0, UP]],
        "hoverinfo": None,
        "hovertemplate": "slope %{z:+.3g} a pixel<extra></extra>",
    }


def _frame(axis: str, across: tuple[float, float], upward: tuple[float, float]) -> dict[str, Any]:
    """Return the axes of a picture, its first row at the top and its pixels square."""
    x = {"domain": list(across), "anchor": f"y{axis}", "visible": False, "constrain": "domain"}
    y = {"domain": list(upward), "anchor": f"x{axis}", "scaleanchor": f"x{axis}", "autorange": "reversed"}
    return {f"xaxis{axis}": x, f"yaxis{axis}": {**y, "visible": False, "constrain": "domain"}}


def _capital(text: str) -> str:
    return escape(text[:1].upper() + text[1:])


def _span(place: int, panels: int) -> tuple[float, float]:
    """Return where a panel begins and ends across the figure, as shares of it."""
    width = (1.0 - GAP * (panels - 1)) / panels
    begin = place * (width + GAP)
    return begin, min(begin + width, 1.0)


def _titled(text: str) -> dict[str, Any]:
    return {"title": {"text": text, "font": {"size": AXIS_TITLE_PX}}}


def _note(text: str, x: float, y: float, *, size: int = 13, middle: bool = False) -> dict[str, Any]:
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center" if middle else "left",
        "yanchor": "bottom",
        "align": "center" if middle else "left",
        "showarrow": False,
        "font": {"size": size},
    }
