"""What each threshold costs and finds."""

from collections.abc import Sequence

from clinflu.figures.config import Spec
from clinflu.figures.curve_lines import ALERT, Record, curve_layout, hovering, known, line, said_above, shares, vertical

MEASURES = {
    "sensitivity": "sensitivity: share of events that are alerted",
    "alert_rate": "alert rate: share of encounters that are alerted",
    "ppv": "positive predictive value: share of alerts with the event",
    "specificity": "specificity: share of the others that are not alerted",
}


def thresholds_spec(
    records: Sequence[Record], *, title: str, threshold: float | None = None, simulated: bool = False
) -> Spec:
    """Draw sensitivity, alert rate, positive predictive value and specificity against the threshold.

    Parameters
    ----------
    records : sequence of dict
        A row a threshold: ``threshold`` and those measures, shares of 1; a measure that is missing is not drawn there.
    title : str
        Plain text.
    threshold : float, optional
        Alert threshold in use, where a line stands.
    simulated : bool
        Whether the patients are invented.
    """
    ordered = sorted(known(records, "threshold"), key=lambda one: float(one["threshold"]))
    data = []
    for place, (key, name) in enumerate(MEASURES.items()):
        points = known(ordered, key)
        if not points:
            continue
        x, y = ([one[what] for one in points] for what in ("threshold", key))
        told = [
            f"from {100 * at:.1f} % up: {name.split(':')[0]} {100 * share:.1f} %"
            for at, share in zip(x, y, strict=True)
        ]
        data.append(hovering(line(name, place, x, y), told))
    axis = "Threshold: risk from which one alerts"
    layout = curve_layout(title, axis, "Share", len(data), simulated=simulated)
    layout["xaxis"] |= {"tickformat": ".0%"}
    layout["yaxis"] = shares(layout["yaxis"])
    if threshold is not None:
        layout["shapes"], layout["annotations"] = [vertical(threshold)], [said_above(threshold, ALERT)]
    return {"data": data, "layout": layout}
