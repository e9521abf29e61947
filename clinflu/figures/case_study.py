"""The published case study drawn: its influential patients, and what happened to the test children."""

from typing import Any

import numpy as np

from clinflu.analysis.case_study import CHILD_LEVEL, CaseStudy
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout
from clinflu.figures.theme import DOWN, INK, NEUTRAL, PAPER, UP

ROW_PX = 24


def case_study_figure(study: CaseStudy) -> SafeFigure:
    """Draw the change of the audited loss without each strong patient, refitted (bar) and estimated (diamond).

    Parameters
    ----------
    study : CaseStudy
        Public data: patients are named by their position.
    """
    patients = (*study.harmful, *study.helpful)
    places = list(range(len(patients)))
    refits, estimates = ([getattr(one, name) for one in patients] for name in ("loss_change_refit", "loss_change"))
    colours = [UP if one.age == CHILD_LEVEL else NEUTRAL for one in patients]
    figure = SafeFigure(
        [
            _bars("refitted without the patient", refits, places, colours),
            _diamonds("estimated, without a refit", estimates, places),
        ]
    )
    figure.update_layout(
        layout("Loss of the audited patient without each past patient", ROW_PX * len(places) + 150, simulated=False)
    )
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top"}, margin={"b": 92})
    labels = [f"{figure_text(one.age)} · row {one.train_position}" for one in patients]
    figure.update_yaxes(tickvals=places, ticktext=labels, range=[len(places) - 0.5, -0.5], automargin=True)
    title = {"text": "Change of the loss, nats (orange: children [0-10))", "font": {"size": AXIS_TITLE_PX}}
    figure.update_xaxes(title=title, zeroline=True, zerolinecolor=INK)
    return figure


def children_figure(study: CaseStudy) -> SafeFigure:
    """Draw the risk of every test child before and after the healthy children were dropped."""
    figure = SafeFigure()
    for readmitted, name, colour, symbol in (
        (False, "not readmitted", DOWN, "circle"),
        (True, "readmitted", UP, "diamond"),
    ):
        chosen = [child for child in study.children if child.readmitted is readmitted]
        figure.add_trace(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [100 * child.risk_original for child in chosen],
                "y": [100 * child.risk_modified for child in chosen],
                "marker": {"color": colour, "symbol": symbol, "size": 9, "opacity": 0.8},
                "hovertext": [f"test row {child.test_position}" for child in chosen],
                "hoverinfo": "text+x+y",
            }
        )
    ends = np.array([0, 100])
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "lines",
            "x": ends,
            "y": ends,
            "name": "no change",
            "line": {"color": INK, "dash": "dot"},
        }
    )
    figure.update_layout(layout("Children of the test set: risk before and after", 460, simulated=False))
    figure.update_xaxes(title="Risk before, %", range=[0, 100])
    figure.update_yaxes(title="Risk after, %", range=[0, 100])
    return figure


def _bars(name: str, values: list[float], places: list[int], colours: list[str]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": values,
        "y": places,
        "width": 0.62,
        "marker": {"color": colours},
        "hoverinfo": "x",
    }


def _diamonds(name: str, values: list[float], places: list[int]) -> dict[str, Any]:
    marker = {"symbol": "diamond", "size": 10, "color": PAPER, "line": {"color": INK, "width": 2}}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": values,
        "y": places,
        "marker": marker,
        "hoverinfo": "x",
    }
