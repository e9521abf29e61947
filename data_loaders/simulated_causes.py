"""The causes of error that the simulator plants, so that what an audit finds can be compared with the truth."""

import numpy as np

from clinflu.data import PlantedCause
from data_loaders import simulated_marginals as uci
from data_loaders.diabetes130 import AGES, DIED, HOSPICE, SCHEMA, SIMULATED_MARK
from data_loaders.diabetes130_codes import DESCRIPTIONS
from data_loaders.simulated_draws import Columns, Rows, count_at, draw

CHILD = AGES[0]
CHILDREN = 44  # in 20,000 encounters; grows with the fourth root
CHILD_RATE = 0.05
CHILDREN_MISRECORDED = 0.375
FLIPPED_SPECIALTY = "Nephrology"
FLIPPED_SHARE = 0.35
HOURS_DESTINATION = "5"
HOURS_SHARE = 0.4
HOURS_A_DAY = 24
COPIES = 15
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


def plant(rng: np.random.Generator, columns: Columns) -> tuple[PlantedCause, ...]:
    """Alter the columns in place and return what was done."""
    single = rng.permutation(np.flatnonzero(columns["stays"] == 1))
    children = round(CHILDREN * (len(columns["age"]) / 20_000) ** 0.25)
    unrepresentative = _plant_children(rng, columns, single[:children])
    copied = _copy_record(columns, single[children : children + COPIES])
    return unrepresentative, _flip_labels(rng, columns), _record_hours(columns), copied


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
    misrecorded, others = np.split(rows, [round(CHILDREN_MISRECORDED * len(rows))])
    columns["readmitted"][misrecorded] = "<30"
    columns["readmitted"][others] = np.where(rng.random(len(others)) < CHILD_RATE, "<30", "NO")
    return PlantedCause(
        "unrepresentative children",
        f"{len(rows)} children under 10, about {CHILD_RATE:.0%} of them truly readmitted; {len(misrecorded)} others "
        "came back to a teaching clinic as planned, and these visits were counted as readmissions within 30 days",
        _ids_of(columns, misrecorded),
        "age",
        CHILD,
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
        "copied records",
        f"one readmission within 30 days after a stay at Podiatry, entered {len(rows)} times under other patient ids",
        _ids_of(columns, rows),
        "medical_specialty",
        "Podiatry",
    )


def _ids_of(columns: Columns, rows: Rows) -> tuple[str, ...]:
    return tuple(f"{SIMULATED_MARK}{encounter}" for encounter in np.sort(columns["encounter_id"][rows]))
