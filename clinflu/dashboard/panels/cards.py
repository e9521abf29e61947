"""A past patient as a card: what was recorded, what happened, and the risk without them."""

from typing import Any

import pandas as pd

from clinflu.analysis.carriers import Carrier
from clinflu.analysis.prediction import Prediction
from clinflu.dashboard.answers import WORKING
from clinflu.dashboard.nodes import Child, Node, node
from clinflu.dashboard.panels.verdicts import mend_button, possible, verdict_box
from clinflu.dashboard.state import State
from clinflu.dashboard.wording import outcome, points, step
from clinflu.data.shown import shown

ESTIMATE = "estimate; the refit is under way"
ESTIMATE_ALONE = "estimate; not refitted"


def cards(state: State, patients: pd.DataFrame, *, refitted: bool) -> list[Node]:
    """Return the cards of several past encounters; see :func:`card`."""
    prediction = state.prediction
    here = prediction.attribution.set_index("variable")["recorded"]
    rows = zip(patients.index, patients.to_dict("records"), strict=True)
    return [card(state, prediction, here, str(name), row, refitted=refitted) for name, row in rows]


def card(
    state: State, prediction: Prediction, here: pd.Series, encounter_id: str, row: dict[str, Any], *, refitted: bool
) -> Node:
    """Return the card of a past encounter.

    Parameters
    ----------
    state : State
    prediction : Prediction
    here : Series
        What was recorded of the audited encounter, by variable.
    encounter_id : str
        It is not in the card; its pseudonym is.
    row : dict
        Of ``Pushed.toward_error`` or ``Pushed.against``.
    refitted : bool
        Whether the refit is known.
    """
    name = state.names.encounter(encounter_id)
    box = node(
        "input",
        type="checkbox",
        act="tick",
        key=name,
        checked=encounter_id in state.screen.ticked,
        aria_label=f"Tick {name}",
    )
    happened = outcome(row["outcome"], prediction.outcome_label)
    head = node(
        "label", box, node("span", name), node("span", happened, class_="clinflu-outcome"), class_="clinflu-card-name"
    )
    return node(
        "li",
        head,
        _flag(row, itself=encounter_id == prediction.encounter_id),
        node("ul", [_value(state, one, here) for one in row["carried_by"]], class_="clinflu-values"),
        _alike(state, row),
        _effect(state, prediction.risk, row, refitted=refitted),
        verdict_box(state, "record", encounter_id, _possible(state, encounter_id, row), "This record is"),
        mend_button(state, encounter_id),
        class_="clinflu-card",
        key=name,
    )


def _possible(state: State, encounter_id: str, row: dict[str, Any]) -> dict[str, str]:
    said = state.verdict_of("record", encounter_id)
    return possible(row["outcome"], said.says if said else "")


def _flag(row: dict[str, Any], *, itself: bool) -> Child:
    notes = []
    if itself:
        notes.append("This very encounter.")
    elif row["same_patient"]:
        notes.append("Another encounter of this same patient.")
    if row["patient_encounters"] > 1:
        notes.append(f"One of {row['patient_encounters']} encounters of that patient in training.")
    return node("p", " ".join(notes), class_="clinflu-flag") if notes else None


def _value(state: State, carrier: Carrier, here: pd.Series) -> Node:
    spec = state.audit.cohort.schema.feature(carrier.variable)
    theirs, ours = shown(spec, carrier.recorded), shown(spec, here[carrier.variable])
    same = theirs == ours and (pd.isna(carrier.recorded) or carrier.recorded == here[carrier.variable])
    also = "also " if theirs == ours else ""  # two ages over 89 look alike
    words = " (as this patient)" if same else f" (this patient: {also}{ours})"
    kind = "clinflu-same" if same else "clinflu-different"
    return node("li", node("span", f"{spec.label}: "), node("strong", theirs), node("span", words, class_=kind))


def _alike(state: State, row: dict[str, Any]) -> Node:
    """Say how much of what was recorded is the same."""
    of_all = len(state.audit.cohort.schema.feature_names)
    said = f"{row['values_alike']} of {of_all} recorded variables are the same as this patient's."
    return node("p", said, class_="clinflu-note")


def _effect(state: State, risk: float, row: dict[str, Any], *, refitted: bool) -> Node:
    who = "encounter" if row["patient_encounters"] > 1 else "patient"
    change = row["risk_change_refit_pp"] if refitted else row["risk_change_estimate_pp"]
    proof = (
        f"refitted; {points(change, 2)} points (estimated {points(row['risk_change_estimate_pp'], 2)})"
        if refitted
        else _estimate(state)
    )
    kind = "clinflu-refitted" if refitted else "clinflu-estimated"
    return node(
        "p",
        f"Without this {who}: ",
        node("strong", step(risk, change)),
        " ",
        node("span", proof, class_=kind),
        class_="clinflu-effect",
    )


def _estimate(state: State) -> str:
    found = state.answers.get("refits")
    return ESTIMATE if found and found.status == WORKING else ESTIMATE_ALONE
