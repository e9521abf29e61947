"""Which groups of past patients one prediction leans on: the risk without each of them."""

import pandas as pd

from clinflu.analysis.ledger import Ledger
from clinflu.analysis.prediction import Prediction
from clinflu.data.design import MISSING
from clinflu.data.shown import NOT_RECORDED, shown_value
from clinflu.figures.beside import CHANGE, estimates, refits, row_axis, rows_layout
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.style import NO_FIT, figure_text, shorten_apart, signed
from clinflu.figures.theme import DOWN, UP

SHOWN = 12
NOTICEABLE_PP = 0.05


def ledger_figure(prediction: Prediction, ledger: Ledger) -> SafeFigure:
    """Draw the change of one risk without each group of past patients, refitted (bar) and estimated (diamond).

    Parameters
    ----------
    prediction : Prediction
    ledger : Ledger
        By one recorded variable, of the same prediction.
    """
    return SafeFigure(ledger_spec(prediction, ledger))


def ledger_spec(prediction: Prediction, ledger: Ledger) -> Spec:
    """Return :func:`ledger_figure` as plain values."""
    lines = ledger.frame.head(SHOWN)
    places = list(range(len(lines)))
    changes = lines["risk_change_refit_pp"].astype(float)
    colours = [UP if not change < 0 else DOWN for change in changes]
    layout = rows_layout(
        figure_text(ledger_finding(ledger)),
        len(lines),
        CHANGE,
        simulated=prediction.provenance.simulated,
    )
    levels = shorten_apart([_level(ledger, name) for name in lines.index])
    layout["yaxis"] = row_axis([_label(level, line) for level, (_, line) in zip(levels, lines.iterrows(), strict=True)])
    beside = [refits(changes, places, colours, first=True)]
    beside.append(estimates(lines["risk_change_newton_pp"], places, first=True))
    return {"data": beside, "layout": layout}


def ledger_finding(ledger: Ledger) -> str:
    """Return in one line which group matters most; plain text, not escaped."""
    if ledger.frame.empty:
        return "No group of past patients"
    changes = ledger.frame["risk_change_refit_pp"].astype(float)
    label, level = ledger.labels[0], _level(ledger, ledger.frame.index[0])
    if changes.isna().iloc[0]:
        return f"Without {label} {level}: {NO_FIT}"
    if abs(changes.iloc[0]) < NOTICEABLE_PP:
        return f"No {label} group moves this risk noticeably"
    return f"Without {label} {level} the risk changes by {signed(changes.iloc[0], 1)} points"


def _label(level: str, line: pd.Series) -> str:
    mine = " (as this patient)" if line["holds_audited_patient"] else ""
    return f"{figure_text(level)}{mine}"


def _level(ledger: Ledger, name: object) -> str:
    """Return a level as a person sees it."""
    recorded = name[0] if isinstance(name, tuple) else name
    level = str(shown_value(recorded, str(ledger.frame.index.names[0]), ledger.labels[0]))
    return NOT_RECORDED if level == MISSING else level
