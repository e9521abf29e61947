"""A trace in plain words, for a clinician between two wards."""

from math import isnan

import pandas as pd

from clinflu.analysis.mistakes import FALSE_ALARM, RIGHT, SURPRISING
from clinflu.analysis.prediction import Prediction
from clinflu.analysis.pushed import Together
from clinflu.analysis.similar import FEWEST
from clinflu.analysis.trace import Trace
from clinflu.data.shown import shown_value
from clinflu.influence.result import PERCENT

RARE_SHARE = 0.02
FEW_PATIENTS = 10


def headline(trace: Trace) -> str:
    """Return the one sentence that says what happened and whether few patients explain it."""
    explained = together_words(trace, trace.together, _shared(trace), _leaning(trace))
    return f"{what_happened(trace)} {explained}"


def chance(trace: Prediction) -> str:
    """Return how surprising the outcome is at this risk."""
    if not trace.similar_encounters:
        return "No other audited encounter is there to compare its risk with."
    event = round(trace.similar_event_rate * trace.similar_encounters)
    base = (
        f"Of the {trace.similar_encounters} audited encounters closest in risk, {event} "
        f"({_percent(trace.similar_event_rate)}) were {trace.outcome_label}"
    )
    if trace.kind == RIGHT:
        return f"{base}."
    if trace.similar_encounters < FEWEST:
        return f"{base}: too few to say whether this is a surprise."
    if trace.verdict == SURPRISING:
        return (
            f"{base}: what happened to this patient is surprising at this risk. Among all {trace.audited_encounters:,} "
            "audited encounters, some outcomes as rare as this one happen by chance."
        )
    if trace.similar_rate_differs:
        return f"{base}. Among these what happened is no surprise; it is the risk that looks wrong."
    return f"{base}: what happened is expected at this risk; most mistakes of this kind are chance."


def what_happened(trace: Prediction) -> str:
    """Return what the model said and what happened, in one sentence."""
    happened = "was" if trace.outcome else "was not"
    said = f"The model gave this patient a risk of {_percent(trace.risk)} (alert from {_percent(trace.threshold)})"
    if trace.kind == RIGHT:
        return f"{said}, and the patient {happened} {trace.outcome_label}: no mistake."
    name = "a false alarm" if trace.kind == FALSE_ALARM else "a miss"
    return f"{said}, but the patient {happened} {trace.outcome_label}: {name}."


def carried(trace: Prediction) -> str:
    """Return in one sentence whether few past patients carry the prediction."""
    patients = trace.patients_of_half
    if patients == 0:
        return "No past patient has any influence on this prediction."
    if patients <= FEW_PATIENTS:
        who = "one past patient" if patients == 1 else f"{patients} past patients"
        return f"Half of what moves it comes from {who}."
    return f"No few patients explain this prediction: half of what moves it comes from {patients:,} past patients."


def together_words(trace: Prediction, together: Together, shared: str = "", leaning: str = "") -> str:
    """Return in one sentence what the refitted model says without those that pushed hardest toward the error.

    Parameters
    ----------
    trace : Prediction
    together : Together
    shared, leaning : str
        What is added where they explain it, and where they do not.
    """
    refitted = trace.risk + together.risk_change_refit_pp / PERCENT
    if together.encounters == 0:
        return "No past encounter pushed toward the error."
    without = f"without the {together.encounters} past encounters that pushed hardest toward this"
    if isnan(refitted):
        return f"{without.capitalize()}, the model cannot be fitted at all: what is left does not determine it."
    points = _points(together.risk_change_refit_pp)
    if together.few_patients_explain:
        return (
            f"{without.capitalize()}, the refitted model says {_percent(refitted)} ({points}), "
            f"{_decision(trace, refitted)}{shared}."
        )
    still = f"{without}, the refitted model still says {_percent(refitted)} ({points})"
    return f"No few patients explain it: {still}{leaning}."


def group_words(trace: Prediction, line: pd.Series, group: str) -> str:
    """Return what the model learned from a whole group of past encounters, and the risk without them.

    Parameters
    ----------
    trace : Prediction
    line : Series
        Of a :class:`clinflu.analysis.ledger.Ledger`, by one variable.
    group : str
        The variable and the level, as a person sees them.
    """
    encounters, events = int(line["encounters"]), int(line["events"])
    learned = (
        f"It learned from {encounters:,} past encounters of {group}, of whom {events:,} "
        f"({_percent(events / max(encounters, 1))}) were {trace.outcome_label}"
    )
    change = float(line["risk_change_refit_pp"])
    if isnan(change):
        return f"{learned}; without them the model cannot be fitted at all."
    return f"{learned}; without them it would say {_percent(trace.risk + change / PERCENT)}."


def _decision(trace: Prediction, refitted: float) -> str:
    """Say whether the change of risk would change the decision."""
    if (refitted >= trace.threshold) == (trace.risk >= trace.threshold):
        return "the same decision"
    return "and would alert" if refitted >= trace.threshold else "and would not alert"


def _shared(trace: Trace) -> str:
    """Name the smallest subgroup that most of the strongest patients belong to."""
    groups = trace.subgroups
    common = groups[groups["of_strongest"] > trace.together.encounters / 2]
    if common.empty:
        return ""
    group = common.loc[common["training_encounters"].idxmin()]
    rare = group["training_encounters"] < RARE_SHARE * len(trace.influence.train_ids)
    return (
        f"; {group['of_strongest']} of them are {_named(group)}, of whom it learned from "
        f"{'only ' if rare else ''}{group['training_encounters']:,}"
    )


def _leaning(trace: Trace) -> str:
    """Name the subgroup whose removal moves the prediction most."""
    if trace.subgroups.empty:
        return ""
    groups = trace.subgroups
    moved = groups["risk_change_refit_pp"].abs()
    if moved.isna().all():
        return ""
    group = groups.loc[moved.idxmax()]
    return (
        f"; it leans most on {_named(group)} ({group['training_encounters']:,} encounters, "
        f"{_points(group['risk_change_refit_pp'])} without them)"
    )


def _named(group: pd.Series) -> str:
    return f"{group['label']} {shown_value(group['level'], group['variable'], group['label'])}"


def _percent(share: float) -> str:
    return f"{PERCENT * share:.1f} %"


def _points(change: float) -> str:
    return f"{change:+.1f} percentage points".replace("-", "−")
