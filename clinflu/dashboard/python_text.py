"""The exact calls behind what a panel shows, to be pasted into a notebook."""

from clinflu.audit import Audit
from clinflu.dashboard.questions import grouping, other_outcomes, typed_value
from clinflu.dashboard.screen import EDIT, RELABEL, Ask, Screen
from clinflu.data.pseudonym import Pseudonyms
from clinflu.data.shown import shown

SECTION_CALLS = {
    "subgroups": "audit.subgroups(threshold={threshold}).to_frame()",
    "performance": "audit.subgroups([], threshold={threshold}).to_frame()",
    "model": "audit.odds_ratio_intervals",
}
OPENED = "import clinflu\n\naudit = clinflu.Audit.open(FOLDER)  # where clinflu run --save keeps it"


def list_calls(screen: Screen) -> str:
    """Return the calls behind the list of predictions."""
    return f"{OPENED}\nwrong = audit.mistakes(threshold={screen.threshold!r})"


def prediction_calls(screen: Screen, names: Pseudonyms) -> str:
    """Return the calls behind the explanation of one prediction."""
    return (
        f"{OPENED}\n{_encounter(screen, names)}\n"
        f"prediction = audit.prediction(encounter, threshold={screen.threshold!r})\n"
        "prediction.attribution, prediction.interval, prediction.patients_of_half, prediction.support\n"
        "clinflu.figures.attribution_figure(prediction)"
    )


def past_calls(screen: Screen, names: Pseudonyms, audit: Audit) -> str:
    """Return the calls behind the past patients of one prediction."""
    by = grouping(audit, screen)
    calls = [
        OPENED,
        _encounter(screen, names),
        "past = audit.past_patients(encounter)  # estimates beside refits",
        "past.toward_error, past.against, past.together",
    ]
    if by:
        calls.append(f"audit.ledger(encounter, {by!r}).to_frame()")
    return "\n".join(calls)


def what_if_calls(screen: Screen, names: Pseudonyms, audit: Audit) -> str:
    """Return the calls behind the answer to a what-if question; before one is asked, those of the prediction."""
    asked = screen.asked
    altered = f"audit.fragility(encounter, threshold={screen.threshold!r}).to_frame()"
    added = [altered] if screen.altered_for and screen.altered_for == screen.encounter_id else []
    if asked is None:
        return "\n".join([prediction_calls(screen, names), *added])
    lines = [OPENED, _encounter(screen, names), *added]
    if asked.fewest:
        relabel = asked.action == RELABEL
        option = ", relabel=True" if relabel else ""
        lines.append(f"found = audit.flip_set(encounter, threshold={screen.threshold!r}{option})")
        others = "{one: 1 - int(audit.cohort.outcome[one]) for one in found.encounters}"
        done = f"clinflu.Relabel({others})" if relabel else "clinflu.Remove(found.encounters)"
    else:
        done = _action(asked, names, audit)
    lines += [
        f"refit = audit.what_if({done})",
        "refit.risks([encounter]), refit.metrics(), refit.subgroup_metrics()",
    ]
    return "\n".join(lines)


def section_calls(screen: Screen) -> str:
    """Return the calls behind a section of what is found about the model as a whole."""
    called = SECTION_CALLS.get(screen.section, "")
    report = f"Options(threshold={screen.threshold!r}, internal=True)"
    return "\n".join(
        (
            OPENED,
            *([called.format(threshold=repr(screen.threshold))] if called else []),
            "from clinflu.findings import Material, Options, SECTIONS",
            f"SECTIONS[{screen.section!r}](Material(audit, {report}))  # with small cells",
        )
    )


def _encounter(screen: Screen, names: Pseudonyms) -> str:
    return f"encounter = audit.find({names.encounter(screen.encounter_id)!r})"


def _action(asked: Ask, names: Pseudonyms, audit: Audit) -> str:
    if asked.group:
        return f"clinflu.Remove(audit.training_group({asked.group[0]!r}, {asked.group[1]!r}))"
    found = [f"audit.find({names.encounter(one)!r})" for one in asked.encounters]
    if asked.action == EDIT:
        value = typed_value(audit, asked.variable, asked.value)
        said = shown(audit.cohort.schema.feature(asked.variable), value) if isinstance(value, str) else value
        return f"clinflu.Edit({found[0]}, {{{asked.variable!r}: {said!r}}})"
    if asked.action == RELABEL:
        outcomes = other_outcomes(audit, asked.encounters).values()
        pairs = ", ".join(f"{name}: {outcome}" for name, outcome in zip(found, outcomes, strict=True))
        return f"clinflu.Relabel({{{pairs}}})"
    return f"clinflu.Remove([{', '.join(found)}])"
