"""Predicted risk against what happened: the smoothed curve with its band, and bands of risk."""

from collections.abc import Sequence

from clinflu.figures.beside import plain
from clinflu.figures.config import Spec
from clinflu.figures.curve_lines import (
    Record,
    Trace,
    band,
    curve_layout,
    hovering,
    known,
    line,
    number,
    reference,
    shares,
)
from clinflu.figures.theme import INK, UP

ROOM = 1.05


def calibration_spec(
    bands: Sequence[Record], curve: Sequence[Record], *, title: str, level: float = 0.95, simulated: bool = False
) -> Spec:
    """Draw the share of events against the predicted risk; on the diagonal the risks mean what they say.

    Parameters
    ----------
    bands : sequence of dict
        ``mean_risk``, ``event_rate``, ``event_rate_low`` and ``event_rate_high``, shares of 1, and where it may be
        told ``encounters``; a band without a rate is not drawn.
    curve : sequence of dict
        ``risk``, ``observed``, ``low`` and ``high``; may be empty.
    title : str
        Plain text.
    level : float
        Coverage of the intervals, for the legend.
    simulated : bool
        Whether the patients are invented.
    """
    points, smooth = known(bands, "mean_risk", "event_rate"), known(curve, "risk", "observed")
    covered = known(smooth, "low", "high")
    told = f"{100 * level:.0f} % interval"
    data = []
    if covered:
        x, low, high = ([one[key] for one in covered] for key in ("risk", "low", "high"))
        data.append(band(f"{told}, by point", x, low, high))
    if smooth:
        x, y = ([one[key] for one in smooth] for key in ("risk", "observed"))
        along = line("smoothed", 0, x, y, marks=False)
        data.append(
            hovering(along, [f"risk {_percent(a)}, smoothed share {_percent(b)}" for a, b in zip(x, y, strict=True)])
        )
    if points:
        data.append(_dots(points, f"bands of risk, {told}"))
    most = _most(points, smooth)
    data.append(reference("risk = share with the event", [0.0, most], [0.0, most]))
    layout = curve_layout(title, "Predicted risk", "Share with the event", len(data), simulated=simulated)
    layout["xaxis"] = shares(layout["xaxis"], upto=most)
    layout["yaxis"] = shares(layout["yaxis"], upto=most)
    return {"data": data, "layout": layout}


def _dots(points: list[Record], name: str) -> Trace:
    rates = [one["event_rate"] for one in points]
    ends = zip(points, rates, strict=True)
    reach = [(_reach(one, "event_rate_high", rate), _reach(one, "event_rate_low", rate)) for one, rate in ends]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": plain(one["mean_risk"] for one in points),
        "y": plain(rates),
        "marker": {"color": UP, "symbol": "square", "size": 7, "line": {"color": INK, "width": 1}},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [up for up, _ in reach],
            "arrayminus": [down for _, down in reach],
            "color": UP,
            "thickness": 1.4,
            "width": 3,
        },
        "hovertext": [_hover(one) for one in points],
        "hoverinfo": "text",
    }


def _reach(one: Record, key: str, rate: float) -> float:
    end = number(one, key)
    return 0.0 if end is None else abs(end - rate)


def _most(points: list[Record], smooth: list[Record]) -> float:
    """Return where both axes end: above every value drawn, 1 at the most."""
    keys = "mean_risk", "event_rate", "event_rate_high", "risk", "observed"
    values = [number(one, key) for one in (*points, *smooth) for key in keys]
    return min(1.0, ROOM * max([0.01, *(value for value in values if value is not None)]))


def _hover(one: Record) -> str:
    count = number(one, "encounters")
    told = [f"mean risk {_percent(one['mean_risk'])}", f"with the event {_percent(one['event_rate'])}"]
    return "<br>".join([*told, f"{count:,.0f} encounters"] if count is not None else told)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
