"""ROC, precision-recall, calibration and decision curves, drawn from published rows."""

from collections.abc import Sequence
from typing import Any

from clinflu.figures.config import Spec
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout
from clinflu.figures.theme import CONNECTOR, DOWN, INK, NEUTRAL, UP

Record = dict[str, Any]
HEIGHT = 520
COLOURS = (DOWN, UP, NEUTRAL, "#009e73", "#cc79a7")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")
BAND = "rgba(0, 114, 178, 0.15)"


def roc_spec(records: Sequence[Record], *, title: str, simulated: bool) -> Spec:
    """Return ROC curves: sensitivity against 1 - specificity at the thresholds of each predictor.

    Parameters
    ----------
    records : sequence of dict
        ``predictor``, ``sensitivity``, ``specificity`` and ``threshold``.
    title : str
    simulated : bool
    """
    data = [_chance([0, 1], [0, 1])]
    for place, (name, rows) in enumerate(_by_predictor(records).items()):
        across = [1.0, *(1.0 - row["specificity"] for row in rows), 0.0]
        upward = [1.0, *(row["sensitivity"] for row in rows), 0.0]
        said = ["", *(_at(name, row) for row in rows), ""]
        data.append(_curve(name, across, upward, said, place))
    return _figure(data, title, "1 − specificity", "Sensitivity", simulated=simulated)


def pr_spec(records: Sequence[Record], *, rate: float, title: str, simulated: bool) -> Spec:
    """Return precision-recall curves; the line is the event rate, which chance gives."""
    data = [_chance([0, 1], [rate, rate])]
    for place, (name, rows) in enumerate(_by_predictor(records).items()):
        known = [row for row in rows if isinstance(row["ppv"], float)]
        across = [1.0, *(row["sensitivity"] for row in known)]
        upward = [rate, *(row["ppv"] for row in known)]
        said = ["alert to all", *(_at(name, row) for row in known)]
        data.append(_curve(name, across, upward, said, place))
    return _figure(data, title, "Sensitivity (recall)", "Positive predictive value (precision)", simulated=simulated)


def decision_spec(records: Sequence[Record], *, title: str, simulated: bool) -> Spec:
    """Return decision curves: net benefit of each predictor against the threshold; the last two are the defaults.

    Parameters
    ----------
    records : sequence of dict
        ``predictor``, ``threshold`` and ``net_benefit``; alerting to all and to none come last.
    title : str
    simulated : bool
    """
    *predictors, everyone, nobody = _by_predictor(records).items()
    data = []
    for (name, rows), colour in ((everyone, CONNECTOR), (nobody, INK)):
        at, worth = [row["threshold"] for row in rows], [row["net_benefit"] for row in rows]
        data.append(_line(figure_text(name), at, worth, colour, "solid"))
    for place, (name, rows) in enumerate(predictors):
        across, upward = [row["threshold"] for row in rows], [row["net_benefit"] for row in rows]
        said = [f"{_at(name, row)}<br>net benefit {row['net_benefit']:.4f}" for row in rows]
        data.append(_curve(name, across, upward, said, place))
    figure = _figure(data, title, "Alert threshold (risk)", "Net benefit", simulated=simulated)
    best = max([row["net_benefit"] for row in records], default=0.0) or 0.01
    figure["layout"]["yaxis"]["range"] = [-0.25 * best, 1.1 * best]
    return figure


def calibration_spec(bands: Sequence[Record], smoothed: Sequence[Record], *, title: str, simulated: bool) -> Spec:
    """Return the calibration plot: event rate in bands of risk, and the smoothed curve with its interval."""
    top = 1.05 * max(
        [row["event_rate_high"] for row in bands if isinstance(row["event_rate_high"], float)], default=1.0
    )
    data = [_chance([0, top], [0, top], "perfect")]
    if smoothed:
        across, low, high = ([row[key] for row in smoothed] for key in ("risk", "observed_low", "observed_high"))
        data.append(_band(across, low, high))
        data.append(_line("smoothed", across, [row["observed"] for row in smoothed], DOWN, "solid"))
    known = [row for row in bands if isinstance(row["event_rate"], float)]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "in bands of risk",
            "x": [row["mean_risk"] for row in known],
            "y": [row["event_rate"] for row in known],
            "marker": {"color": UP, "size": 8, "symbol": "square"},
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [row["event_rate_high"] - row["event_rate"] for row in known],
                "arrayminus": [row["event_rate"] - row["event_rate_low"] for row in known],
                "color": NEUTRAL,
                "thickness": 1.2,
                "width": 3,
            },
            "hovertext": [
                f"{row['encounters']:,} encounters<br>risk {row['mean_risk']:.3f}, rate {row['event_rate']:.3f}"
                for row in known
            ],
            "hoverinfo": "text",
        }
    )
    figure = _figure(data, title, "Predicted risk", "Event rate", simulated=simulated)
    figure["layout"]["xaxis"]["range"] = figure["layout"]["yaxis"]["range"] = [0, top]
    return figure


def _by_predictor(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in records:
        found.setdefault(str(row["predictor"]), []).append(row)
    return found


def _at(name: str, row: Record) -> str:
    return f"{figure_text(name)}<br>threshold {row['threshold']:.3f}"


def _chance(across: list[float], upward: list[float], name: str = "chance") -> dict[str, Any]:
    return _line(name, across, upward, CONNECTOR, "dot")


def _line(name: str, across: list[float], upward: list[float], colour: str, dash: str) -> dict[str, Any]:
    line = {"color": colour, "dash": dash, "width": 1.6}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": across,
        "y": upward,
        "line": line,
        "hoverinfo": "skip",
    }


def _curve(name: str, across: list[float], upward: list[float], said: list[str], place: int) -> dict[str, Any]:
    at = place % len(COLOURS)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": figure_text(name),
        "x": across,
        "y": upward,
        "line": {"color": COLOURS[at], "dash": DASHES[at], "width": 2},
        "marker": {"size": 5, "symbol": SYMBOLS[at]},
        "hovertext": said,
        "hoverinfo": "text",
    }


def _band(across: list[float], low: list[float], high: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "95 % interval",
        "x": [*across, *across[::-1]],
        "y": [*high, *low[::-1]],
        "fill": "toself",
        "fillcolor": BAND,
        "line": {"width": 0, "color": DOWN},
        "hoverinfo": "skip",
    }


def _figure(data: list[dict[str, Any]], title: str, across: str, upward: str, *, simulated: bool) -> Spec:
    base = layout(title, HEIGHT, simulated=simulated)
    font = {"size": AXIS_TITLE_PX}
    base |= {
        "xaxis": {"title": {"text": across, "font": font}, "zeroline": False},
        "yaxis": {"title": {"text": upward, "font": font}, "zeroline": False},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        "margin": {**base["margin"], "l": 60, "b": 110},
    }
    return {"data": data, "layout": base}
