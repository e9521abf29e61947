"""A trace in plain words, for a clinician between two wards."""

from math import isnan

from clinflu.analysis.mistakes import FALSE_ALARM, RIGHT, SURPRISING
from clinflu.analysis.trace import Trace
from clinflu.influence.result import PERCENT

RARE_SHARE = 0.02


def headline(trace: Trace) -> str:
    """Return the one sentence that says what happened and whether few patients explain it."""
    return f"{_prediction(trace)} {_explanation(trace)}"


def chance(trace: Trace) -> str:
    """Return how surprising the outcome is at this risk."""
    event = round(trace.similar_event_rate * trace.similar_encounters)
    base = (
        f"Of the {trace.similar_encounters} audited encounters closest in risk, {event} "
        f"({_percent(trace.similar_event_rate)}) were {trace.outcome_label}"
    )
    if trace.kind == RIGHT:
        return f"{base}."
    if trace.verdict == SURPRISING:
        return (
            f"{base}: what happened to this patient is surprising at this risk. Among all {trace.audited_encounters:,} "
            "audited encounters, some outcomes as rare as this one happen by chance."
        )
    if trace.similar_rate_differs:
        return f"{base}: what happened is expected, and the risk itself looks wrong."
    return f"{base}: what happened is expected at this risk; most mistakes of this kind are chance."


def _prediction(trace: Trace) -> str:
    happened = "was" if trace.outcome else "was not"
    said = f"The model gave this patient a risk of {_percent(trace.risk)} (alert from {_percent(trace.threshold)})"
    if trace.kind == RIGHT:
        return f"{said}, and the patient {happened} {trace.outcome_label}: no mistake."
    name = "a false alarm" if trace.kind == FALSE_ALARM else "a miss"
    return f"{said}, but the patient {happened} {trace.outcome_label}: {name}."


def _explanation(trace: Trace) -> str:
    together = trace.together
    refitted = trace.risk + together.risk_change_refit_pp / PERCENT
    if together.encounters == 0:
        return "No past encounter pushed toward the error."
    without = f"without the {together.encounters} past encounters that pushed hardest toward this"
    if isnan(refitted):
        return f"{without.capitalize()}, the model cannot be fitted at all: what is left does not determine it."
    points = _points(together.risk_change_refit_pp)
    if trace.few_patients_explain:
        return (
            f"{without.capitalize()}, the refitted model says {_percent(refitted)} ({points}), "
            f"{_decision(trace, refitted)}{_shared(trace)}."
        )
    return (
        f"No few patients explain it: {without}, the refitted model still says {_percent(refitted)} ({points})"
        f"{_leaning(trace)}."
    )


def _decision(trace: Trace, refitted: float) -> str:
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
        f"; {group['of_strongest']} of them are {group['label']} {group['level']}, of whom it learned from "
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
        f"; it leans most on {group['label']} {group['level']} ({group['training_encounters']:,} encounters, "
        f"{_points(group['risk_change_refit_pp'])} without them)"
    )


def _percent(share: float) -> str:
    return f"{PERCENT * share:.1f} %"


def _points(change: float) -> str:
    return f"{change:+.1f} percentage points".replace("-", "−")
