"""ROC and precision-recall curves through published cuts."""

from collections.abc import Sequence

from clinflu.figures.config import Spec
from clinflu.figures.curve_lines import (
    ALERT,
    Record,
    Trace,
    curve_layout,
    hovering,
    known,
    labels_of,
    line,
    marked,
    number,
    reference,
    shares,
    threshold_of,
)
from clinflu.figures.style import figure_text

TALLER_PX = 140  # the ROC is square
SMOOTH = 8  # steps between two cuts of a precision-recall curve, which is no straight line


def roc_spec(records: Sequence[Record], *, title: str, threshold: float | None = None, simulated: bool = False) -> Spec:
    """Draw sensitivity against the false positive rate.

    Parameters
    ----------
    records : sequence of dict
        A row a predictor and cut: ``label``, ``threshold``, ``sensitivity`` and ``false_positive_rate``, shares of 1;
        a row without one of them is not drawn. The first predictor is the model.
    title : str
        Plain text.
    threshold : float, optional
        Alert threshold of the model; marked where it is one of the cuts.
    simulated : bool
        Whether the patients are invented.
    """
    data = []
    for place, label in enumerate(labels_of(records)):
        points = _of(records, label, "false_positive_rate")
        x = [1.0, *(one["false_positive_rate"] for one in points), 0.0]
        y = [1.0, *(one["sensitivity"] for one in points), 0.0]
        data.append(hovering(line(label, place, x, y), ["everybody", *map(_hover, points), "nobody"]))
    data += _alert(records, threshold, "false_positive_rate", "sensitivity")
    data.append(reference("no better than chance", [0.0, 1.0], [0.0, 1.0]))
    axes = "False positive rate (1 - specificity)", "Sensitivity"
    layout = curve_layout(title, *axes, len(data), simulated=simulated)
    layout["height"] += TALLER_PX
    layout["xaxis"] = shares(layout["xaxis"]) | {"constrain": "domain"}
    layout["yaxis"] = shares(layout["yaxis"]) | {"scaleanchor": "x", "constrain": "domain"}
    return {"data": data, "layout": layout}


def precision_recall_spec(
    records: Sequence[Record],
    *,
    event_rate: float,
    title: str,
    threshold: float | None = None,
    simulated: bool = False,
) -> Spec:
    """Draw the positive predictive value against the sensitivity.

    Between two cuts the curve is that of alerting from either by chance, which is not a straight line.

    Parameters
    ----------
    records : sequence of dict
        As for :func:`roc_spec`, with ``ppv`` and ``sensitivity``.
    event_rate : float
        Where everybody is alerted.
    title, threshold, simulated
        As for :func:`roc_spec`.

    References
    ----------
    Davis & Goadrich (2006), doi:10.1145/1143844.1143874.
    """
    data = []
    for place, label in enumerate(labels_of(records)):
        points = _of(records, label, "ppv")
        x, y = _between([(1.0, event_rate), *((one["sensitivity"], one["ppv"]) for one in points)])
        data.append({**line(label, place, x, y, marks=False), "legendgroup": str(place)})
        dots = line(label, place, [one["sensitivity"] for one in points], [one["ppv"] for one in points])
        dots |= {"mode": "markers", "legendgroup": str(place), "showlegend": False}
        data.append(hovering(dots, [_hover(one) for one in points]))
    data += _alert(records, threshold, "sensitivity", "ppv")
    data.append(reference("no better than chance", [0.0, 1.0], [event_rate, event_rate]))
    axes = "Sensitivity (recall)", "Positive predictive value (precision)"
    entries = sum(one.get("showlegend", True) for one in data)
    layout = curve_layout(title, *axes, entries, simulated=simulated)
    layout["xaxis"] = shares(layout["xaxis"])
    highest = max([event_rate, *(one["ppv"] for one in known(records, "ppv"))])
    layout["yaxis"] = shares(layout["yaxis"], upto=min(1.0, 1.15 * highest))
    return {"data": data, "layout": layout}


def _of(records: Sequence[Record], label: str, key: str) -> list[Record]:
    """Return the points of a predictor, from the lowest cut up."""
    points = known([one for one in records if str(one["label"]) == label], "threshold", "sensitivity", key)
    return sorted(points, key=lambda one: float(one["threshold"]))


def _alert(records: Sequence[Record], threshold: float | None, x: str, y: str) -> list[Trace]:
    labels = labels_of(records)
    point = threshold_of([one for one in records if str(one["label"]) == labels[0]], threshold) if labels else None
    if point is None or number(point, x) is None or number(point, y) is None:
        return []
    return [marked(ALERT, point[x], point[y], _hover(point))]


def _between(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return sensitivities and predictive values along the curve through some of them."""
    rates = [(found, found * (1.0 - right) / right) for found, right in points if right > 0]
    x, y = [], []
    for place, (found, false) in enumerate(rates):
        further, fewer = rates[min(place + 1, len(rates) - 1)]
        for step in range(SMOOTH if place + 1 < len(rates) else 1):
            part = step / SMOOTH
            true, wrong = found + part * (further - found), false + part * (fewer - false)
            x.append(true)
            y.append(true / (true + wrong))
    return x, y


def _hover(one: Record) -> str:
    keys = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "alert_rate": "alerts"}
    told = [f"{name} {100 * value:.1f} %" for key, name in keys.items() if (value := number(one, key)) is not None]
    return "<br>".join([f"{figure_text(one['label'])}, from {one['threshold']:.4g} up", *told])
