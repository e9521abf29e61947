"""Why the model fails a group: charts of the published values of its tables."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from clinflu.analysis.why import Why
from clinflu.analysis.why.records import remedy_records, training_group_records
from clinflu.figures.beside import row_axis, rows_layout
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.style import figure_text, shorten, signed
from clinflu.figures.theme import DOWN, INK, NEUTRAL, PAPER, UP

Record = dict[str, Any]
LONGEST = 60
ROOM_PX = 20
LOSS = "Change of the mean loss, nats (right: worse)"


def training_groups_figure(why: Why, *, simulated: bool = False) -> SafeFigure:
    """Draw what leaving out each training group does to a group's mean loss: see :func:`training_groups_spec`."""
    title = f"What leaving out training groups does to {why.label}"
    return SafeFigure(training_groups_spec(training_group_records(why), title=title, simulated=simulated))


def remedies_figure(why: Why, *, simulated: bool = False) -> SafeFigure:
    """Draw what each remedy does to the mean loss of a group and of all others: see :func:`remedies_spec`."""
    title = f"What would change for {why.label} and for all others"
    return SafeFigure(remedies_spec(remedy_records(why), title=title, simulated=simulated))


def training_groups_spec(records: Sequence[Record], *, title: str, simulated: bool = False) -> Spec:
    """Draw what leaving out each training group does to the mean loss of a group: refitted (bar), estimated (diamond).

    Parameters
    ----------
    records : sequence of dict
        ``group``, ``loss_change`` and ``estimate``, nats; a value that is withheld, or not known, is not drawn.
    title : str
        Plain text.
    simulated : bool
        Whether the patients are invented.
    """
    changes = [_number(one, "loss_change") for one in records]
    estimates = _dots("estimated, without a refit", [_number(one, "estimate") for one in records], PAPER, "diamond")
    data = [_bars("refitted without them", changes, [_colour(one) for one in changes], digits=5), estimates]
    return {"data": data, "layout": _layout([one["group"] for one in records], title, LOSS, simulated=simulated)}


def remedies_spec(records: Sequence[Record], *, title: str, simulated: bool = False) -> Spec:
    """Draw what each remedy does to the mean loss of the group, with its interval, and of everyone else.

    Parameters
    ----------
    records : sequence of dict
        ``remedy``, ``side``, ``log_loss_change``, ``log_loss_change_low`` and ``log_loss_change_high``, nats; a row of
        the chart a remedy, a mark a side, in the order in which they come.
    title : str
    simulated : bool
    """
    names = list(dict.fromkeys(str(one["remedy"]) for one in records))
    sides = list(dict.fromkeys(str(one["side"]) for one in records))
    data = []
    for place, (side, colour) in enumerate(zip(sides, (UP, NEUTRAL, DOWN), strict=False)):
        by_name = {str(one["remedy"]): one for one in records if one["side"] == side}
        found = [by_name.get(name, {}) for name in names]
        offset = 0.22 * (place - (len(sides) - 1) / 2)
        data.append(_with_interval(figure_text(side), found, colour, offset))
    layout = _layout(names, title, LOSS, simulated=simulated)
    layout["height"] += ROOM_PX * len(names)
    return {"data": data, "layout": layout}


def variables_spec(records: Sequence[Record], *, title: str, unit: str, simulated: bool = False) -> Spec:
    """Draw how a total splits over recorded variables.

    Parameters
    ----------
    records : sequence of dict
        ``variable`` and ``value``; the values add up to the total.
    title : str
    unit : str
        What the values are, for the axis.
    simulated : bool
    """
    values = [_number(one, "value") for one in records]
    bars = {**_bars("part", values, [_colour(one) for one in values], digits=4), "showlegend": False}
    return {
        "data": [bars],
        "layout": _layout([one["variable"] for one in records], title, unit, simulated=simulated),
    }


def _bars(name: str, values: list[float | None], colours: list[str], digits: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": values,
        "y": list(range(len(values))),
        "width": 0.62,
        "marker": {"color": colours},
        "hovertext": ["not known" if value is None else signed(value, digits) for value in values],
        "hoverinfo": "text",
    }


def _dots(name: str, values: list[float | None], colour: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": values,
        "y": list(range(len(values))),
        "marker": {"symbol": symbol, "size": 10, "color": colour, "line": {"color": INK, "width": 2}},
        "hovertext": ["not known" if value is None else signed(value, 5) for value in values],
        "hoverinfo": "text",
    }


def _with_interval(name: str, records: list[Record], colour: str, offset: float) -> dict[str, Any]:
    values = [_number(one, "log_loss_change") for one in records]
    up = [_reach(one, value, "log_loss_change_high") for one, value in zip(records, values, strict=True)]
    down = [_reach(one, value, "log_loss_change_low") for one, value in zip(records, values, strict=True)]
    return {
        **_dots(name, values, colour, "circle"),
        "y": [place + offset for place in range(len(values))],
        "error_x": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": colour},
    }


def _reach(record: Record, value: float | None, key: str) -> float:
    end = _number(record, key)
    return 0.0 if value is None or end is None else abs(end - value)


def _layout(labels: Sequence[object], title: str, x_title: str, *, simulated: bool) -> dict[str, Any]:
    layout = rows_layout(figure_text(title), len(labels), figure_text(x_title), simulated=simulated)
    layout["yaxis"] = row_axis([figure_text(shorten(str(one), LONGEST)) for one in labels]) | {"zeroline": False}
    return layout


def _number(record: Record, key: str) -> float | None:
    """Return a published number; None where a text says why there is none."""
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _colour(value: float | None) -> str:
    return UP if value is not None and value > 0 else DOWN
