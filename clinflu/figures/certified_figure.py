"""The certified bound on poisoning damage over the share of poison, beside what attacks reach."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from clinflu.analysis.certified import BoundAtShare, CertifiedCurve
from clinflu.errors import DataError
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.curve_lines import LEGEND_ROW_PX, SERIES, Trace, hovering
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout, shorten

HEIGHT = 470
GAP = 0.08
TOP_PX = 92
BOUND = "certified bound"
CERTAIN = "No poison that passes the filter lifts the loss above the solid lines"
ATTACK = "strongest attack found"
UNITS = {"hinge": "units of the margin", "logistic": "nats"}


def certified_figure(curves: Sequence[CertifiedCurve], *, simulated: bool = False) -> SafeFigure:
    """Draw the bound and the strongest attack over the share of poison, a panel for each data set.

    Parameters
    ----------
    curves : sequence of CertifiedCurve
        One or more; where a data set has several losses, its panel shows them all.
    simulated : bool
        Whether patients among them are invented.

    Raises
    ------
    DataError
        There is no curve.
    """
    return SafeFigure(certified_spec(curves, simulated=simulated))


def certified_spec(curves: Sequence[CertifiedCurve], *, simulated: bool = False) -> Spec:
    """Return the figure as plain values; see :func:`certified_figure`."""
    if not curves:
        raise DataError("give at least one curve, as certified_curve(...) returns it")
    panels = list(dict.fromkeys(one.game.target.name for one in curves))
    losses = list(dict.fromkeys(one.game.loss.name for one in curves))
    below = LEGEND_ROW_PX * 2 * len(losses)
    drawn = layout(figure_text(finding(curves)), HEIGHT + below, simulated=simulated)
    drawn["margin"] = {**drawn["margin"], "t": TOP_PX, "b": 70 + below}
    drawn["legend"] = {"x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"}
    drawn["annotations"] = []
    data: list[Trace] = []
    for place, name in enumerate(panels):
        here = [one for one in curves if one.game.target.name == name]
        drawn |= _axes(place, len(panels))
        drawn["annotations"].append(_heading(place, len(panels), here[0]))
        for curve in here:
            data += _lines(curve, losses.index(curve.game.loss.name), place)
    for loss in range(len(losses)):
        first = [one for one in data if one["line"]["color"] == _colour(loss)][:2]
        for one in first:
            one["showlegend"] = True
    return {"data": data, "layout": drawn}


def finding(curves: Sequence[CertifiedCurve]) -> str:
    """Return what the figure shows, in a sentence: the loosest bound at any share."""
    loosest = max(one.looseness for curve in curves for one in curve.points)
    if not isfinite(loosest):
        return CERTAIN
    return f"{CERTAIN}, at most {loosest:.1f} × attacks"


def _lines(curve: CertifiedCurve, loss: int, panel: int) -> list[Trace]:
    x = [one.share for one in curve.points]
    bounds = [one.bound for one in curve.points]
    attacks = [one.strongest[1].clean_loss for one in curve.points]
    symbol = SERIES[loss % len(SERIES)][2]
    colour = _colour(loss)
    texts = [_said(curve, one) for one in curve.points]
    found = []
    for what, y, dash in ((BOUND, bounds, "solid"), (ATTACK, attacks, "dot")):
        name = f"{curve.game.loss.name} loss, {UNITS[curve.game.loss.name]}: {what}"
        trace: Trace = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": figure_text(name),
            "legendgroup": name,
            "showlegend": False,
            "x": x,
            "y": y,
            "xaxis": _axis_id("x", panel),
            "yaxis": _axis_id("y", panel),
            "line": {"color": colour, "dash": dash, "width": 2},
            "marker": {"color": colour, "symbol": symbol if what == BOUND else f"{symbol}-open", "size": 7},
        }
        found.append(hovering(trace, texts))
    return found


def _said(curve: CertifiedCurve, point: BoundAtShare) -> str:
    name, damage = point.strongest
    return (
        f"{point.share:.0%} poison, {point.poisoned_rows:,} rows beside {curve.game.n:,} clean ones<br>"
        f"certified: no mean clean loss above {point.bound:.3f}<br>"
        f"strongest attack ({figure_text(name)}): {damage.clean_loss:.3f}; {damage.test_error:.1%} of test rows wrong"
    )


def _heading(panel: int, panels: int, curve: CertifiedCurve) -> dict[str, Any]:
    game = curve.game
    low, high = _domain(panel, panels)
    text = (
        f"<b>{figure_text(shorten(game.target.name))}</b><br>"
        f"{game.n:,} clean rows, {game.target.features.shape[1]} features"
    )
    place = {"xref": "paper", "x": (low + high) / 2, "xanchor": "center", "yref": "paper", "y": 1, "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"size": 12}}


def _axes(panel: int, panels: int) -> dict[str, Any]:
    number = "" if panel == 0 else str(panel + 1)
    font = {"size": AXIS_TITLE_PX}
    across = {
        "title": {"text": "Poisoned rows, % of clean rows", "font": font},
        "domain": _domain(panel, panels),
        "anchor": _axis_id("y", panel),
        "tickformat": ".0%",
        "zeroline": False,
    }
    up: dict[str, Any] = {"anchor": _axis_id("x", panel), "rangemode": "tozero", "zeroline": False}
    if panel == 0:
        up["title"] = {"text": "Mean loss of clean training rows", "font": font}
    return {f"xaxis{number}": across, f"yaxis{number}": up}


def _colour(loss: int) -> str:
    return SERIES[loss % len(SERIES)][0]


def _domain(panel: int, panels: int) -> list[float]:
    width = (1.0 - GAP * (panels - 1)) / panels
    start = panel * (width + GAP)
    return [start, min(start + width, 1.0)]


def _axis_id(letter: str, panel: int) -> str:
    return letter if panel == 0 else f"{letter}{panel + 1}"
