"""What the risk would have been without each of the strongest past patients: estimated and refitted."""

from typing import Any

import pandas as pd

from clinflu.analysis.mistakes import RIGHT
from clinflu.analysis.prediction import Prediction
from clinflu.analysis.pushed import Pushed
from clinflu.analysis.trace import Trace
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures.beside import CHANGE, estimates, refits, row_axis, rows_layout
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.style import figure_text
from clinflu.figures.theme import DOWN, UP

TOWARD, AGAINST = "Pushed toward the error", "Pushed against the error"
AWAY, BACK = "Pushed away from what happened", "Pushed toward what happened"


def removal_figure(trace: Trace, names: Pseudonyms) -> SafeFigure:
    """Draw the change of risk without each of the strongest past patients, refitted (bar) and estimated (diamond).

    Parameters
    ----------
    trace : Trace
    names : Pseudonyms
        What the past patients are called; no id of the source is in the figure.
    """
    found = Pushed(trace.pushed_toward_error, trace.pushed_against, trace.together)
    return SafeFigure(removal_spec(trace, found, names))


def removal_spec(prediction: Prediction, found: Pushed, names: Pseudonyms) -> Spec:
    """Return :func:`removal_figure` as plain values; where nothing was refitted yet, of the estimates alone."""
    labels: list[str] = []
    data: list[dict[str, Any]] = []
    toward, against = column_names(prediction)
    for name, colour, patients in ((toward, UP, found.toward_error), (against, DOWN, found.against)):
        if patients.empty:
            continue
        places = list(range(len(labels) + 1, len(labels) + 1 + len(patients)))
        labels += [f"<b>{name}</b>", *_labels(patients, names)]
        first = not data
        if found.together is not None:
            data.append(refits(patients["risk_change_refit_pp"], places, colour, first=first))
        data.append(estimates(patients["risk_change_estimate_pp"], places, first=first))
    title = f"Change of the risk without each past encounter (event: {figure_text(prediction.outcome_label)})"
    layout = rows_layout(title, len(labels), CHANGE, simulated=prediction.provenance.simulated)
    layout["yaxis"] = row_axis(labels)
    if not labels:
        nobody = {"text": "No past patient moved this prediction.", "showarrow": False, "x": 0.5, "y": 0.5}
        layout["annotations"] = [nobody]
    return {"data": data, "layout": layout}


def column_names(prediction: Prediction) -> tuple[str, str]:
    """Return what those are called that pushed the risk away from what happened, and the others."""
    return (AWAY, BACK) if prediction.kind == RIGHT else (TOWARD, AGAINST)


def _labels(patients: pd.DataFrame, names: Pseudonyms) -> list[str]:
    outcomes = patients["outcome"].map({1: "event", 0: "no event"})
    return [f"{names.encounter(str(name))} · {outcome}" for name, outcome in outcomes.items()]
