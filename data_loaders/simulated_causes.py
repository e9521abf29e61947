"""The causes of error that the simulator plants, so that what an audit finds can be compared with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from clinflu.data import PlantedCause
from data_loaders import simulated_marginals as uci
from data_loaders.diabetes130 import AGES, DIED, HOSPICE, SCHEMA, SIMULATED_MARK
from data_loaders.diabetes130_codes import DESCRIPTIONS
from data_loaders.simulated_draws import Columns, Rows, count_at, draw

CHILD = AGES[0]
ENCOUNTERS = 20_000
CHILDREN = 44  # in that many encounters; in one table it grows with the fourth root, in a table of parts with the rows
CHILD_RATE = 0.05
CHILDREN_MISRECORDED = 0.375
FLIPPED_SPECIALTY = "Nephrology"
FLIPPED_SHARE = 0.35
HOURS_DESTINATION = "5"
HOURS_SHARE = 0.4
HOURS_A_DAY = 24
COPIES = 15  # in one table, however many rows it has; in a table of parts it grows with the rows
COPIED_RECORD = {
    "age": "[60-70)",
    "admission_source_id": "1",
    "discharge_disposition_id": "1",
    "medical_specialty": "Podiatry",
    "diag_1": "250.8",
    "diag_2": "707",
    "diag_3": "730",
    "number_diagnoses": 8,
    "readmitted": "<30",
}


UNREPRESENTATIVE = "unrepresentative children"
COPIED = "copied records"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many encounters are made children and copies; the other causes take a share of a specialty or destination."""

    children: int
    copies: int

    @classmethod
    def of_table(cls, encounters: int) -> "Counts":
        """Return those of one table: few children, however large it is."""
        return cls(round(CHILDREN * (encounters / ENCOUNTERS) ** 0.25), COPIES)

    @classmethod
    def of_part(cls, encounters: int) -> "Counts":
        """Return those of one part of many, so that the whole has the shares that a table of 20,000 has."""
        return cls(max(round(CHILDREN * encounters / ENCOUNTERS), 1), max(round(COPIES * encounters / ENCOUNTERS), 1))


def plant(rng: np.random.Generator, columns: Columns, counts: Counts) -> tuple[PlantedCause, ...]:
    """Alter the columns in place and return what was done."""
    single = rng.permutation(np.flatnonzero(columns["stays"] == 1))
    children, copied = np.split(single[: counts.children + counts.copies], [counts.children])
    unrepresentative = _plant_children(rng, columns, children)
    copies = _copy_record(columns, copied)
    return unrepresentative, _flip_labels(rng, columns), _record_hours(columns), copies


def whole(parts: Sequence[tuple[PlantedCause, ...]], encounters: Sequence[int]) -> tuple[PlantedCause, ...]:
    """Return the causes of a table of parts, from those of each part and the encounters simulated in each."""
    counts = [Counts.of_part(one) for one in encounters]
    told = {
        UNREPRESENTATIVE: _children_described(
            sum(one.children for one in counts), sum(_misrecorded(one.children) for one in counts)
        ),
        COPIED: _copies_described(sum(one.copies for one in counts), len(counts)),
    }
    return tuple(
        replace(
            same[0],
            description=told.get(same[0].name, same[0].description),
            responsible=tuple(chain.from_iterable(one.responsible for one in same)),
        )
        for same in zip(*parts, strict=True)
    )


def _misrecorded(children: int) -> int:
    return round(CHILDREN_MISRECORDED * children)


def _plant_children(rng: np.random.Generator, columns: Columns, rows: Rows) -> PlantedCause:
    columns["age"][rows] = CHILD
    for name, counts in uci.CHILD_COUNT_SHARES.items():
        columns[name][rows] = count_at(rng.random(len(rows)), counts)
    for name, shares in uci.CHILD_SHARES.items():
        columns[name][rows] = draw(rng, shares, len(rows))
    for name in uci.DOSE_SHARES:
        columns[name][rows] = "No"
    for order in (2, 3):
        columns[f"diag_{order}"][rows[columns["number_diagnoses"][rows] < order]] = None
    misrecorded, others = np.split(rows, [_misrecorded(len(rows))])
    columns["readmitted"][misrecorded] = "<30"
    columns["readmitted"][others] = np.where(rng.random(len(others)) < CHILD_RATE, "<30", "NO")
    return PlantedCause(
        UNREPRESENTATIVE,
        _children_described(len(rows), len(misrecorded)),
        _ids_of(columns, misrecorded),
        "age",
        CHILD,
    )


def _children_described(children: int, misrecorded: int) -> str:
    return (
        f"{children:,} children under 10, about {CHILD_RATE:.0%} of them truly readmitted; {misrecorded:,} others "
        "came back to a teaching clinic as planned, and these visits were counted as readmissions within 30 days"
    )


def _copies_described(copies: int, records: int = 1) -> str:
    if records == 1:
        return (
            f"one readmission within 30 days after a stay at Podiatry, entered {copies} times under other patient ids"
        )
    return (
        f"{records:,} readmissions within 30 days after a stay at Podiatry, entered {copies:,} times in all, each time "
        "under another patient id"
    )


def _flip_labels(rng: np.random.Generator, columns: Columns) -> PlantedCause:
    other = {"<30": "NO", "NO": "<30"}
    ended = np.isin(columns["discharge_disposition_id"], (*DIED, *HOSPICE))
    labelled = np.isin(columns["readmitted"], tuple(other))
    eligible = np.flatnonzero((columns["medical_specialty"] == FLIPPED_SPECIALTY) & labelled & ~ended)
    rows = rng.choice(eligible, round(FLIPPED_SHARE * len(eligible)), replace=False)
    columns["readmitted"][rows] = [other[label] for label in columns["readmitted"][rows]]
    return PlantedCause(
        "flipped labels at one specialty",
        f'at {FLIPPED_SPECIALTY} "<30" and "NO" were exchanged in {FLIPPED_SHARE:.0%} of the encounters with either',
        _ids_of(columns, rows),
        "medical_specialty",
        FLIPPED_SPECIALTY,
    )


def _record_hours(columns: Columns) -> PlantedCause:
    """Put hours of this stay in the place of earlier stays, in the latest encounters of one destination."""
    rows = np.flatnonzero(columns["discharge_disposition_id"] == HOURS_DESTINATION)
    in_order = rows[np.argsort(columns["encounter_id"][rows])]
    altered = in_order[len(in_order) - round(HOURS_SHARE * len(in_order)) :]
    columns["number_inpatient"][altered] = HOURS_A_DAY * columns["time_in_hospital"][altered]
    return PlantedCause(
        "unit error at one destination",
        f"for the last {HOURS_SHARE:.0%} of the encounters that ended in another inpatient institution, a new "
        "interface delivered the hours of the stay as the number of inpatient stays in the year before",
        _ids_of(columns, altered),
        "discharge_disposition_id",
        DESCRIPTIONS["discharge_disposition_id"][HOURS_DESTINATION],
    )


def _copy_record(columns: Columns, rows: Rows) -> PlantedCause:
    for name in (*SCHEMA.feature_names, "weight", "payer_code", "readmitted"):
        columns[name][rows] = COPIED_RECORD.get(name, columns[name][rows[0]])
    return PlantedCause(
        COPIED,
        _copies_described(len(rows)),
        _ids_of(columns, rows),
        "medical_specialty",
        "Podiatry",
    )


def _ids_of(columns: Columns, rows: Rows) -> tuple[str, ...]:
    return tuple(f"{SIMULATED_MARK}{encounter}" for encounter in np.sort(columns["encounter_id"][rows]))
