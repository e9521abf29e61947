"""What raised and what lowered one predicted risk."""

from dataclasses import dataclass
from typing import Any

from clinflu.analysis.prediction import Prediction
from clinflu.data.shown import recorded_text, shown_value
from clinflu.figures.beside import row_axis
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout, shorten, signed
from clinflu.figures.theme import CONNECTOR, DOWN, INK, NEUTRAL, UP
from clinflu.influence.result import PERCENT

SHOWN_VARIABLES = 8
BAR_PX = 38


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded variable and the percentage points of risk that it adds; plain text, not escaped."""

    label: str
    recorded: str
    risk_pp: float


def attribution_steps(prediction: Prediction, variables: int = SHOWN_VARIABLES) -> tuple[Step, ...]:
    """Return the variables that move the risk most, largest first, then all others as one step.

    Parameters
    ----------
    prediction : Prediction
    variables : int
        How many stand on their own.

    Returns
    -------
    tuple of Step
        They add up from the baseline risk to the predicted risk.
    """
    top = prediction.attribution.head(variables)
    steps = [_step(row) for row in top.to_dict("records")]
    others = len(prediction.attribution) - len(top)
    if others:
        rest = PERCENT * (prediction.risk - prediction.baseline_risk) - sum(step.risk_pp for step in steps)
        steps.append(Step("all other variables", f"{others} together", rest))
    return tuple(steps)


def _step(row: dict[str, Any]) -> Step:
    value = shown_value(row["recorded"], row["variable"], row["label"], row["unit"])
    return Step(str(row["label"]), recorded_text(value, row["unit"]), float(row["risk_pp"]))


def attribution_figure(prediction: Prediction, variables: int = SHOWN_VARIABLES) -> SafeFigure:
    """Draw the way from the average past patient's risk to the predicted one, in percentage points.

    Parameters
    ----------
    prediction : Prediction
    variables : int
        How many recorded variables stand on their own.
    """
    return SafeFigure(attribution_spec(prediction, variables))


def attribution_spec(prediction: Prediction, variables: int = SHOWN_VARIABLES) -> Spec:
    """Return :func:`attribution_figure` as plain values."""
    steps = attribution_steps(prediction, variables)
    title = attribution_finding(steps)
    base = layout(figure_text(title), BAR_PX * (len(steps) + 2) + 120, simulated=prediction.provenance.simulated)
    labels = ["average past patient", *(_two_lines(step) for step in steps), "<b>predicted risk</b>"]
    risk = {
        "title": {"text": "Risk, %", "font": {"size": AXIS_TITLE_PX}},
        "range": _span(prediction, steps),
        "zeroline": False,
    }
    return {
        "data": [_waterfall(prediction, steps)],
        "layout": {**base, "yaxis": {**row_axis(labels), "showgrid": True}, "xaxis": risk, **_threshold(prediction)},
    }


def attribution_finding(steps: tuple[Step, ...]) -> str:
    """Return in one line what moved the risk most; plain text, not escaped."""
    if not steps:
        return "Nothing that was recorded moved this risk"
    strongest = steps[0]
    how = "raised" if strongest.risk_pp > 0 else "lowered"
    return f"{shorten(strongest.label)} {how} this risk most: {_points(strongest.risk_pp)} points"


def _waterfall(prediction: Prediction, steps: tuple[Step, ...]) -> dict[str, Any]:
    bars = len(steps) + 2
    baseline, risk = PERCENT * prediction.baseline_risk, PERCENT * prediction.risk
    texts = [f"{baseline:.1f} %", *(_points(step.risk_pp) for step in steps), f"<b>{risk:.1f} %</b>"]
    hovers = [
        "risk of the average past patient",
        *(f"{figure_text(step.label)}: {figure_text(step.recorded)}" for step in steps),
        "risk that the model predicted",
    ]
    return {
        "type": "waterfall",
        "orientation": "h",
        "measure": ["absolute", *["relative"] * len(steps), "total"],
        "x": [baseline, *(step.risk_pp for step in steps), risk],
        "y": list(range(bars)),
        "text": texts,
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [f"{hover}, {text}" for hover, text in zip(hovers, texts, strict=True)],
        "hoverinfo": "text",
        "increasing": {"marker": {"color": UP}},
        "decreasing": {"marker": {"color": DOWN}},
        "totals": {"marker": {"color": NEUTRAL}},
        "connector": {"line": {"color": CONNECTOR, "width": 1}},
        "showlegend": False,
    }


def _two_lines(step: Step) -> str:
    return f"{figure_text(shorten(step.label))}<br><i>{figure_text(shorten(step.recorded))}</i>"


def _points(change: float) -> str:
    return signed(change, 1)


def _span(prediction: Prediction, steps: tuple[Step, ...]) -> list[float]:
    """Return the ends of the risk axis: room for every bar, the number beside it and the threshold."""
    ends = [PERCENT * prediction.baseline_risk]
    for step in steps:
        ends.append(ends[-1] + step.risk_pp)
    low, high = min(0.0, *ends), max(PERCENT * prediction.threshold, *ends)
    room = high - low
    return [min(0.0, min(ends) - 0.22 * room), high + 0.14 * room]


def _threshold(prediction: Prediction) -> dict[str, Any]:
    """Return the line from which the model alerts, and what it says."""
    limit = PERCENT * prediction.threshold
    line = {"type": "line", "x0": limit, "x1": limit, "y0": 0, "y1": 1, "yref": "y domain", "layer": "below"}
    words = {"text": f"alert from {limit:.1f} %", "x": limit, "y": 1.0, "yref": "y domain", "yanchor": "bottom"}
    place = {"xanchor": "right", "xshift": 24, "showarrow": False, "font": {"size": 12, "color": INK}}
    return {
        "shapes": [{**line, "line": {"color": INK, "width": 1.5, "dash": "dash"}}],
        "annotations": [{**words, **place}],
    }
