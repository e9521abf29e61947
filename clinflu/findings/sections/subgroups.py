"""Section: the performance of the model in every subgroup, and its difference to everyone else."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clinflu.analysis.subgroups import MEASURES, Subgroup
from clinflu.figures.forest import forest_spec
from clinflu.findings.differences import differences, notable
from clinflu.findings.document import Chart, Column, Kind, Part, Section, Table, Words
from clinflu.findings.material import WITHHELD, Material
from clinflu.findings.titles import TITLES

KEY = "subgroups"
EVERYONE = "Everyone"
TABLES = {
    "subgroup_outcomes": ("What happened and what was predicted", ("event_rate", "mean_risk", "oe")),
    "subgroup_fit": (
        "Discrimination and calibration",
        ("auroc", "calibration_intercept", "calibration_slope", "brier"),
    ),
    "subgroup_alerts": (
        "At the alert threshold",
        ("sensitivity", "specificity", "ppv", "npv", "alert_rate", "net_benefit"),
    ),
}
CHARTS = {
    "auroc": ("forest_auroc", "subgroup_fit", "AUROC", None),
    "oe": ("forest_oe", "subgroup_outcomes", "Events observed for each one expected", 1.0),
    "sensitivity": ("forest_sensitivity", "subgroup_alerts", "Share of events that were alerted to", None),
}


def section(material: Material) -> Section:
    """Return the section."""
    tables = {key: _table(material, key, *described) for key, described in TABLES.items()}
    drawn = ((name, tables[table]) for name, (_, table, *_) in CHARTS.items())
    charts = tuple(_chart(material, name, table) for name, table in drawn if _figures(table, name))
    every = differences(material)
    parts: tuple[Part, ...] = (_words(material), *charts, *tables.values(), notable(material, every), every)
    return Section(KEY, TITLES[KEY], parts)


def _words(material: Material) -> Words:
    left_out = _labels(material, material.left_out)
    one_level = [material.sizes(key).label for key in material.variables if len(material.outcomes(key).levels) < 2]
    said = [] if material.may_be_judged else [material.not_judged]
    said += [
        (
            f"Every figure is given beside its 95 % interval. Differences are to the complement, everyone who is not "
            f"in the subgroup, from the same bootstrap draws; q is p after Benjamini and Hochberg over all "
            f"{material.table.tests:,} differences. Instead of a figure that would rest on too few events it says so."
        ),
    ]
    if not material.internal:
        said.append(
            "No count from 1 to 10 is shown or can be worked out: levels are put together until none is left, the same "
            "way in every export of this audit. How many there are of smaller levels is in the "
            "section on the data."
        )
    if left_out:
        said.append(f"Not shown, because with the other tables it would let small counts be worked out: {left_out}.")
    if one_level:
        said.append(
            "Not compared, because in all levels but one too few have an event, or an alert, to show: "
            f"{', '.join(one_level)}."
        )
    return Words(tuple(said))


def _labels(material: Material, keys: Iterable[str]) -> str:
    return ", ".join(" × ".join(material.sizes(part).label for part in key.split("*")) for key in keys)


def _table(material: Material, key: str, title: str, measures: tuple[str, ...]) -> Table:
    everyone = material.table.everyone
    rows = [_row(material, everyone, measures)]
    by_key: dict[str, dict[str, Subgroup]] = {}
    for found in material.table.groups:
        by_key.setdefault(found.variable, {})[found.level] = found
    for one in material.compared:
        rows += [_row(material, found, measures) for found in by_key.get(one.key, {}).values()]
    return Table.of(key, title, _columns(measures), rows, _note(measures))


def _columns(measures: tuple[str, ...]) -> list[Column]:
    columns = [
        Column("variable", "Variable"),
        Column("level", "Level"),
        Column("encounters", "Encounters", "count"),
        Column("patients", "Patients", "count"),
        Column("events", "Events", "count"),
    ]
    for name in measures:
        measure = MEASURES[name]
        kind: Kind = "share" if measure.unit == "share" else "number"
        columns.append(Column(name, measure.label, kind))
        columns += [
            Column(f"{name}_{end}", f"{measure.label}, 95 % {word}", kind)
            for end, word in (("low", "from"), ("high", "to"))
        ]
    return columns


def _row(material: Material, one: Subgroup, measures: tuple[str, ...]) -> dict[str, Any]:
    counted = material.may_be_counted
    row: dict[str, Any] = {
        "variable": one.label or EVERYONE,
        "level": one.level,
        "encounters": one.encounters,
        "patients": material.patients(one.patients),
        "events": one.events if counted else WITHHELD,
    }
    for name in measures:
        found, may = one.estimates[name], material.may_be_shown(name)
        row |= {name: (found.withheld if np.isnan(found.value) else found.value) if may else WITHHELD}
        if may:
            row |= {f"{name}_low": found.patient_low, f"{name}_high": found.patient_high}
    return row


def _note(measures: tuple[str, ...]) -> str:
    notes = ["Patients to the nearest ten in exports."]
    if "oe" in measures:
        notes.append("Observed : expected above 1: more events than predicted.")
    if "net_benefit" in measures:
        notes.append("Net benefit: true alerts less false alerts weighted by the odds of the threshold, an encounter.")
    return " ".join(notes)


def _chart(material: Material, name: str, table: Table) -> Chart:
    key, _, axis, reference = CHARTS[name]
    simulated = material.study.cohort.provenance.simulated
    shown = _figures(table, name)
    title = f"{MEASURES[name].label} by subgroup"
    says = f"{MEASURES[name].label} with its 95 % interval for each of {len(shown)} groups; numbers in the table."
    spec = forest_spec(shown, name, axis, title=title, reference=reference, simulated=simulated)
    return Chart(key, title, spec, says, table.key)


def _figures(table: Table, name: str) -> list[dict[str, Any]]:
    """Return the rows that have a figure, of which a chart can be drawn."""
    return [row for row in table.records() if isinstance(row[name], float)]
