"""Net benefit by threshold, and how much of it the model adds."""

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
    labels_of,
    line,
    reference,
    vertical,
)
from clinflu.figures.style import figure_text
from clinflu.figures.theme import INK, NEUTRAL

PER = 1000
ROOM = 0.25
UNIT = f"Net true alerts per {PER:,} encounters"
DEFAULTS = {"Treat all": (NEUTRAL, "longdash"), "Treat none": (INK, "solid")}


def decision_spec(
    records: Sequence[Record], *, title: str, threshold: float | None = None, simulated: bool = False
) -> Spec:
    """Draw the net benefit of each predictor, of treating all and of treating none.

    Parameters
    ----------
    records : sequence of dict
        A row a predictor and threshold: ``label``, ``threshold``, and ``net_benefit_per_1000``; a row without one is
        not drawn. The first label is the model; ``Treat all`` and ``Treat none`` are drawn thin.
    title : str
        Plain text.
    threshold : float, optional
        Alert threshold, where a line stands.
    simulated : bool
        Whether the patients are invented.
    """
    drawn = known(records, "threshold", "net_benefit_per_1000")
    data, place = [], 0
    for label in labels_of(drawn):
        data.append(_series(drawn, label, place))
        place += label not in DEFAULTS
    layout = _layout(title, UNIT, len(data), threshold, simulated=simulated)
    layout["yaxis"] |= {"range": _range(drawn), "zeroline": False}
    return {"data": data, "layout": layout}


def decision_difference_spec(
    records: Sequence[Record], *, title: str, threshold: float | None = None, simulated: bool = False
) -> Spec:
    """Draw what the model adds over the better of treating all and treating none, with its interval.

    Parameters
    ----------
    records : sequence of dict
        A row a threshold: ``threshold``, ``per_1000``, ``per_1000_low`` and ``per_1000_high``.
    title, threshold, simulated
        As for :func:`decision_spec`.
    """
    drawn = sorted(known(records, "threshold", "per_1000"), key=lambda one: float(one["threshold"]))
    covered = known(drawn, "per_1000_low", "per_1000_high")
    x, y = ([one[key] for one in drawn] for key in ("threshold", "per_1000"))
    data = []
    if covered:
        ends = ([one[key] for one in covered] for key in ("threshold", "per_1000_low", "per_1000_high"))
        data.append(band("95 % interval, by threshold", *ends))
    told = [f"threshold {_percent(at)}: {gain:+.1f}".replace("-", "−") for at, gain in zip(x, y, strict=True)]
    data.append(hovering(line("model, over the better default", 0, x, y), told))
    if x:
        data.append(reference("no better than the default", [min(x), max(x)], [0.0, 0.0]))
    unit = f"More net true alerts per {PER:,}"
    return {"data": data, "layout": _layout(title, unit, len(data), threshold, simulated=simulated)}


def _series(records: Sequence[Record], label: str, place: int) -> Trace:
    points = sorted((one for one in records if str(one["label"]) == label), key=lambda one: float(one["threshold"]))
    x, y = (plain(one[key] for one in points) for key in ("threshold", "net_benefit_per_1000"))
    told = [f"{figure_text(label)}, threshold {_percent(one['threshold'])}: {_worth(one)}" for one in points]
    if label not in DEFAULTS:
        return hovering(line(label, place, x, y), told)
    colour, dash = DEFAULTS[label]
    thin = reference(label, [], []) | {"line": {"color": colour, "dash": dash, "width": 1.3}}
    return hovering(thin | {"x": x, "y": y}, told)


def _layout(title: str, unit: str, entries: int, threshold: float | None, *, simulated: bool) -> Record:
    layout = curve_layout(title, "Threshold: risk from which one alerts", unit, entries, simulated=simulated)
    layout["xaxis"] |= {"tickformat": ".0%"}
    if threshold is not None:
        layout["shapes"] = [vertical(threshold)]
    return layout


def _range(records: Sequence[Record]) -> list[float]:
    """Return what the axis spans: all that is worth something; treating all falls out of it below."""
    every = [float(one["net_benefit_per_1000"]) for one in records]
    shown = [float(one["net_benefit_per_1000"]) for one in records if str(one["label"]) not in DEFAULTS]
    high = max([0.01, *every])
    return [min([-ROOM * high, *(1.1 * one for one in shown)]), 1.05 * high]


def _worth(one: Record) -> str:
    return f"{one['net_benefit_per_1000']:.1f} per {PER:,}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
