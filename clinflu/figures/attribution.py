"""What raised and what lowered one predicted risk."""

from dataclasses import dataclass
from typing import Any

from clinflu.analysis.trace import Trace
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import (
    AXIS_TITLE_PX,
    DOWN,
    INK,
    NEUTRAL,
    UP,
    figure_text,
    layout,
    recorded_text,
    shorten,
    signed,
)
from clinflu.influence.result import PERCENT

SHOWN_VARIABLES = 8
BAR_PX = 38


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded variable and the percentage points of risk that it adds; plain text, not escaped."""

    label: str
    recorded: str
    risk_pp: float


def attribution_steps(trace: Trace, variables: int = SHOWN_VARIABLES) -> tuple[Step, ...]:
    """Return the variables that move the risk most, largest first, then all others as one step.

    Parameters
    ----------
    trace : Trace
    variables : int
        How many stand on their own.

    Returns
    -------
    tuple of Step
        They add up from the baseline risk to the predicted risk.
    """
    top = trace.attribution.head(variables)
    steps = [
        Step(str(row["label"]), recorded_text(row["recorded"], row["unit"]), float(row["risk_pp"]))
        for row in top.to_dict("records")
    ]
    others = len(trace.attribution) - len(top)
    if others:
        rest = PERCENT * (trace.risk - trace.baseline_risk) - sum(step.risk_pp for step in steps)
        steps.append(Step("all other variables", f"{others} together", rest))
    return tuple(steps)


def attribution_figure(trace: Trace, variables: int = SHOWN_VARIABLES) -> SafeFigure:
    """Draw the way from the average past patient's risk to the predicted one, in percentage points.

    Parameters
    ----------
    trace : Trace
    variables : int
        How many recorded variables stand on their own.
    """
    steps = attribution_steps(trace, variables)
    figure = SafeFigure(_waterfall(trace, steps))
    bars = len(steps) + 2
    text = "What raised and lowered this risk"
    figure.update_layout(layout(text, BAR_PX * bars + 120, simulated=trace.provenance.simulated))
    figure.update_yaxes(
        tickvals=list(range(bars)),
        ticktext=["average past patient", *(_two_lines(step) for step in steps), "<b>predicted risk</b>"],
        range=[bars - 0.5, -0.5],
        automargin=True,
    )
    figure.update_xaxes(
        title={"text": "Risk, %", "font": {"size": AXIS_TITLE_PX}}, range=_span(trace, steps), zeroline=False
    )
    _mark_threshold(figure, trace)
    return figure


def _waterfall(trace: Trace, steps: tuple[Step, ...]) -> dict[str, Any]:
    bars = len(steps) + 2
    baseline, risk = PERCENT * trace.baseline_risk, PERCENT * trace.risk
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
        "connector": {"line": {"color": "#bbbbbb", "width": 1}},
        "showlegend": False,
    }


def _two_lines(step: Step) -> str:
    return f"{figure_text(shorten(step.label))}<br><i>{figure_text(shorten(step.recorded))}</i>"


def _points(change: float) -> str:
    return signed(change, 1)


def _span(trace: Trace, steps: tuple[Step, ...]) -> list[float]:
    """Return the ends of the risk axis: room for every bar, the number beside it and the threshold."""
    ends = [PERCENT * trace.baseline_risk]
    for step in steps:
        ends.append(ends[-1] + step.risk_pp)
    low, high = min(0.0, *ends), max(PERCENT * trace.threshold, *ends)
    room = high - low
    return [min(0.0, min(ends) - 0.22 * room), high + 0.14 * room]


def _mark_threshold(figure: SafeFigure, trace: Trace) -> None:
    figure.add_vline(
        x=PERCENT * trace.threshold,
        layer="below",
        line={"color": INK, "width": 1.5, "dash": "dash"},
        annotation={
            "text": f"alert from {PERCENT * trace.threshold:.1f} %",
            "xanchor": "right",
            "xshift": 24,
            "yanchor": "bottom",
            "y": 1.0,
            "font": {"size": 12, "color": INK},
        },
    )
