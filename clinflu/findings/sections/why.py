"""Section: who taught the model what it gets wrong in a group, in aggregate, and what would change without them."""

from collections.abc import Iterable
from typing import Any

from clinflu.analysis.why import Why
from clinflu.analysis.why.records import (
    concentration_records,
    left_out_records,
    remedy_records,
    support_record,
    training_group_records,
    variable_records,
)
from clinflu.figures.why_figures import remedies_spec, training_groups_spec, variables_spec
from clinflu.findings.compared import FAILED, chosen_by_loss, not_compared
from clinflu.findings.disclosure import is_small
from clinflu.findings.document import Chart, Column, Part, Section, Table, Words, with_interval
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES
from clinflu.findings.withheld import not_judged

KEY = "why"
LOSS_DIGITS = 5
INTRODUCTION = (
    "For the groups that the model fails most (or, where it fails none beyond chance, for the one of the largest mean "
    "loss): which training patients and groups its mean loss rests on, which "
    "recorded variables carry it, and what a model taught otherwise would say. Every change is of a model refitted "
    "without those encounters; where an estimate stands beside it, it is one Newton step. A group that the model "
    "predicts badly need not be badly taught: hard patients and chance come first. "
    "Mean loss (in nats) is the size of the prediction error, 0 being perfect; O:E is events that happened for each "
    "one predicted."
)
VARIABLES = 8
MEASURES = {"mean_risk": "Mean risk", "o_e": "O:E", "log_loss": "Mean loss", "auroc": "AUROC", "brier": "Brier score"}


def section(material: Material) -> Section:
    """Return the section."""
    intro = Words((INTRODUCTION,))
    if material.study.trust.reasons:
        reasons = " ".join(material.study.trust.reasons)
        return Section(
            KEY, TITLES[KEY], (Words((f"Influence of this fit means nothing, so nothing is shown. {reasons}",)),)
        )
    if not material.may_be_judged:
        return not_judged(material, KEY)
    if not material.explained:
        none = not_compared(material) or f"No subgroup is {FAILED}, and none has a mean loss above that of all others."
        return Section(KEY, TITLES[KEY], (intro, Words((f"{none} So none is explained.",))))
    parts: list[Part] = [intro]
    if material.furthest:
        parts.append(Words((f"No subgroup is {FAILED}. {chosen_by_loss(material, material.furthest)}",)))
    for place, why in enumerate(material.explained, start=1):
        parts += _of_group(material, why, place)
    return Section(KEY, TITLES[KEY], tuple(parts))


def _of_group(material: Material, why: Why, place: int) -> Iterable[Part]:
    groups, remedies = _groups(why, place), _remedies(why, place)
    carried = _variables(why, place)
    simulated = material.study.cohort.provenance.simulated
    title = f"What leaving out training groups does to {why.label}"
    yield Words((material.explanation(why),))
    spec = training_groups_spec(groups.records(), title=title, simulated=simulated)
    says = "Change of the mean loss without each training group, estimated and refitted; numbers in the table."
    yield Chart(f"why_{place}_groups_chart", title, spec, says, groups.key)
    yield groups
    title = f"What sets the risks of {why.label} apart"
    spec = variables_spec(carried.records(), title=title, unit="Difference of the mean log-odds", simulated=simulated)
    says = "How the difference of the mean log-odds splits over recorded variables; numbers in the table."
    yield Chart(f"why_{place}_variables_chart", title, spec, says, carried.key)
    yield carried
    yield _support(material, why, place)
    yield _patients(material, why, place)
    title = f"What would change for {why.label} and for all others"
    says = "Change of the mean loss under each remedy, of the group and of all others; numbers in the table."
    spec = remedies_spec(remedies.records(), title=title, simulated=simulated)
    yield Chart(f"why_{place}_remedies_chart", title, spec, says, remedies.key)
    yield remedies


def _loss(key: str, label: str) -> Column:
    return Column(key, label, "number", LOSS_DIGITS)


def _groups(why: Why, place: int) -> Table:
    columns = (
        Column("direction", "It"),
        Column("group", "Training group left out"),
        Column("encounters", "Training encounters", "count"),
        Column("events", "Events", "count"),
        _loss("estimate", "Change of mean loss, estimated (nats)"),
        *with_interval(_loss("loss_change", "Refitted")),
        Column("risk_change_pp", "Change of mean risk (points)", "number", 2),
        Column("o_e_before", "O:E before", "number"),
        Column("o_e_after", "O:E after", "number"),
        _loss("rest_change", "All others, refitted"),
        _loss("check_change", "The group's confirming encounters"),
    )
    note = "A positive change: without that training group the predictions of the group are worse, so it helps."
    title = f"{why.label}: training groups that harm and help"
    return Table.of(f"why_{place}_groups", title, columns, training_group_records(why), note)


def _variables(why: Why, place: int) -> Table:
    columns = (
        Column("variable", "Variable"),
        Column("value", "Log-odds", "number"),
        Column("share", "Share of the difference", "share"),
    )
    title = f"{why.label}: what sets its risks apart"
    return Table.of(f"why_{place}_variables", title, columns, variable_records(why.gap, VARIABLES))


def _support(material: Material, why: Why, place: int) -> Table:
    record = support_record(why)
    effective = record["effective_patients"]
    few = not material.internal and effective <= 10.5
    rows = [
        ("Training encounters like these", record["encounters"]),
        ("Training patients like these", material.patients(record["patients"])),
        ("Events among them", record["events"]),
        ("Share of the training encounters", f"{100 * record['share']:.1f} %"),
        ("Patients that the mean loss rests on in effect", "under 11" if few else material.patients(round(effective))),
        ("Share of what moves it that is theirs", f"{100 * record['own_influence']:.0f} %"),
    ]
    columns = (Column("what", "What"), Column("value", "Value"))
    records = ({"what": what, "value": value if isinstance(value, str) else f"{value:,}"} for what, value in rows)
    return Table.of(f"why_{place}_support", f"{why.label}: what training holds", columns, records)


def _patients(material: Material, why: Why, place: int) -> Table:
    concentrated = [{"what": "hold of the total influence", **one} for one in concentration_records(why)]
    left_out = [{"what": "left out together, refitted", **one} for one in left_out_records(why)]
    asked = why.options.together
    left_out = [one for one in left_out if one["patients"] in asked]
    rows = [one for one in (*concentrated, *left_out) if material.internal or not is_small(one["patients"])]
    columns = (
        Column("patients", "Strongest training patients", "count"),
        Column("what", "What"),
        Column("share", "Share", "share"),
        _loss("estimate", "Change of mean loss, estimated (nats)"),
        _loss("loss_change", "Refitted"),
        Column("share_of_excess", "Share of the excess undone", "share"),
        _loss("rest_change", "All others, refitted"),
        _loss("check_change", "The group's confirming encounters"),
    )
    title = f"{why.label}: how few patients it rests on"
    return Table.of(f"why_{place}_patients", title, columns, rows)


def _remedies(why: Why, place: int) -> Table:
    columns = [
        Column("remedy", "What if"),
        Column("encounters", "Training encounters", "count"),
        Column("side", "For"),
    ]
    for name, label in MEASURES.items():
        digits = LOSS_DIGITS if name == "log_loss" else 4
        columns += [
            Column(f"{name}_before", f"{label} before", "number", digits),
            Column(f"{name}_after", f"{label} after", "number", digits),
        ]
    columns += [
        *with_interval(_loss("log_loss_change", "Change of mean loss")),
    ]
    records: list[dict[str, Any]] = remedy_records(why)
    return Table.of(f"why_{place}_remedies", f"{why.label}: what would change", columns, records, why.interval_method)
