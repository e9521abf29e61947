"""What the risk would have been without each of the strongest past patients: estimated and refitted."""

from typing import Any

import pandas as pd

from clinflu.analysis.trace import Trace
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, DOWN, INK, UP, figure_text, layout, signed

TOWARD = "Pushed toward the error"
AGAINST = "Pushed against the error"
ROW_PX = 24


def removal_figure(trace: Trace, names: Pseudonyms) -> SafeFigure:
    """Draw the change of risk without each of the strongest past patients, refitted (bar) and estimated (diamond).

    Parameters
    ----------
    trace : Trace
    names : Pseudonyms
        What the past patients are called; no id of the source is in the figure.
    """
    groups = ((TOWARD, UP, trace.pushed_toward_error), (AGAINST, DOWN, trace.pushed_against))
    figure = SafeFigure()
    labels: list[str] = []
    first = True
    for name, colour, patients in groups:
        if patients.empty:
            continue
        places = list(range(len(labels) + 1, len(labels) + 1 + len(patients)))
        labels += [f"<b>{name}</b>", *_labels(patients, names)]
        figure.add_trace(_refits(patients, places, colour, first=first))
        figure.add_trace(_estimates(patients, places, first=first))
        first = False
    _lay_out(figure, labels, trace)
    return figure


def _labels(patients: pd.DataFrame, names: Pseudonyms) -> list[str]:
    outcomes = patients["outcome"].map({1: "event", 0: "no event"})
    return [f"{names.encounter(str(name))} · {outcome}" for name, outcome in outcomes.items()]


def _refits(patients: pd.DataFrame, places: list[int], colour: str, *, first: bool) -> dict[str, Any]:
    changes = patients["risk_change_refit_pp"].tolist()
    return {
        "type": "bar",
        "orientation": "h",
        "name": "refitted without the patient",
        "legendgroup": "refit",
        "showlegend": first,
        "x": changes,
        "y": places,
        "width": 0.62,
        "marker": {"color": colour},
        "hovertext": [f"refitted: {signed(change, 3)} percentage points" for change in changes],
        "hoverinfo": "text",
    }


def _estimates(patients: pd.DataFrame, places: list[int], *, first: bool) -> dict[str, Any]:
    changes = patients["risk_change_estimate_pp"].tolist()
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "estimated, without a refit",
        "legendgroup": "estimate",
        "showlegend": first,
        "x": changes,
        "y": places,
        "marker": {"symbol": "diamond", "size": 10, "color": "white", "line": {"color": INK, "width": 2}},
        "hovertext": [f"estimated: {signed(change, 3)} percentage points" for change in changes],
        "hoverinfo": "text",
    }


def _lay_out(figure: SafeFigure, labels: list[str], trace: Trace) -> None:
    text = f"Risk without each past patient (event: {figure_text(trace.outcome_label)})"
    height = ROW_PX * max(len(labels), 1) + 150
    figure.update_layout(layout(text, height, simulated=trace.provenance.simulated))
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"b": 92},
    )
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[len(labels) - 0.5, -0.5],
        automargin=True,
        showgrid=False,
    )
    title = {"text": "Change of the risk, percentage points", "font": {"size": AXIS_TITLE_PX}}
    figure.update_xaxes(title=title, zeroline=True, zerolinecolor=INK)
    if not labels:
        figure.add_annotation(text="No past patient moved this prediction.", showarrow=False, x=0.5, y=0.5)
