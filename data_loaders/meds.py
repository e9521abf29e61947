"""MEDS, the Medical Event Data Standard: Parquet shards of events (https://medical-event-data-standard.github.io).

MEDS leaves the codes to each dataset. Those of the public conversion of MIMIC-IV are read, and for diagnoses,
procedures and laboratory values those of the conversion from OMOP too: ``HOSPITAL_ADMISSION//TYPE//SOURCE``,
``HOSPITAL_DISCHARGE//WHERE``, ``MEDS_BIRTH``, ``MEDS_DEATH``, ``GENDER//F``, ``RACE//WHITE``, ``ED_REGISTRATION``,
``OUTPATIENT_VISIT``, ``DIAGNOSIS//ICD//10//I509`` or ``ICD10CM/I50.9``, ``PROCEDURE//ICD//10//0DB68ZX``,
``MEDICATION//START//Metoprolol``, ``LAB//50983//mEq/L`` or ``LOINC/2951-2``.
"""

from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from clinflu.data import Cohort, ReadmissionSpec
from clinflu.errors import ClinfluError, LoaderError
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.hospital.records import EMERGENCY_VISIT, in_form
from data_loaders.meds_codes import (
    DISCHARGES,
    GIVEN,
    PEOPLE,
    PROCEDURES,
    STARTS,
    SYSTEMS,
    VISITS,
    coded_diagnoses,
    lab_prefixes,
    lab_values,
    medication_names,
)
from data_loaders.meds_stays import patients, stays
from data_loaders.tables.fields import identifier, number, text, time
from data_loaders.tables.members import members
from data_loaders.tables.source import Source, open_store
from data_loaders.tables.store import Store

EVENTS = "events"
SCHEMA = {
    EVENTS: {
        "patient_id": identifier("subject_id", "patient_id", required=True),
        "at": time("time"),
        "code": text("code", required=True),
        "value": number("numeric_value"),
        "encounter_id": identifier("hadm_id", "visit_id"),
        "unit": text("unit"),
    }
}
"""By table, what is read of it; a field is the first of its columns that holds something."""
SUFFIX = (".parquet",)
NO_EVENTS = ("codes", "subject_splits")  # files of metadata
COLUMNS = ("subject_id", "time", "code", "numeric_value")
WHOSE = ("patient_id", "encounter_id", "at")
NOTES = (
    "MEDS does not say whether its years are true, so no year is compared with another.",
    "A diagnosis has no order in MEDS, so there is no first one.",
)


def recognises(source: Source) -> bool:
    """Whether a folder or zip holds Parquet shards with the four columns of MEDS."""
    try:
        if not isinstance(source, Path) or not (source.is_dir() or source.suffix.lower() == ".zip"):
            return False
        stems = _stems(source)
        if not stems:
            return False
        with open_store(source, SCHEMA, stems) as store:
            return store.has(EVENTS, *COLUMNS)
    except (ClinfluError, OSError):
        return False


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read the stays of MEDS shards into one row for each episode at risk.

    Parameters
    ----------
    source : Path
        A folder or zip of Parquet files.
    spec : ReadmissionSpec, optional
        What counts as a readmission; by default any unplanned one within 30 days.

    Raises
    ------
    LoaderError
        It cannot be read, or holds values that it should not; all problems in one message.
    """
    if not isinstance(source, Path):
        raise LoaderError("this loader needs MEDS shards: give --data with the folder of their Parquet files")
    stems = _stems(source)
    if not stems:
        raise LoaderError(f"{source.name!r} holds no Parquet file; give the folder of the shards")
    with open_store(source, SCHEMA, stems) as store:
        store.require(EVENTS, SCHEMA[EVENTS])
        store.finish()
        records = _records(store)
        store.finish()
        origin = Origin(store.source, store.sha256(), "meds", NOTES, true_years=False)
    return hospital_cohort(records, spec or ReadmissionSpec(), origin)


def _stems(source: Path) -> dict[str, str]:
    return {one.stem: EVENTS for one in members(source, SUFFIX) if one.stem not in NO_EVENTS}


def _records(store: Store) -> Records:
    people, starts, ends = (_events(store, prefixes) for prefixes in (PEOPLE, STARTS, DISCHARGES))
    return Records(
        patients(people, starts),
        stays(people, starts, ends),
        _visits(_events(store, tuple(VISITS)), starts),
        _diagnoses(_events(store, tuple(SYSTEMS))),
        _or_none("procedures", _events(store, PROCEDURES)[list(WHOSE)]),
        _medications(_events(store, GIVEN)),
        _labs(_events(store, lab_prefixes())),
    )


def _events(store: Store, prefixes: tuple[str, ...]) -> pd.DataFrame:
    """Return the events whose code begins with one of these."""
    return store.read(
        EVENTS,
        SCHEMA[EVENTS],
        lambda values: sa.or_(*(values["code"].startswith(prefix, autoescape=True) for prefix in prefixes)),
    )


def _or_none(table: str, columns: pd.DataFrame) -> pd.DataFrame | None:
    """Return a table of records, None where the source has no such events at all."""
    return in_form(table, dict(columns.items())) if len(columns) else None


def _visits(events: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame | None:
    """Return the visits; what the emergency department did with the id of an admission is part of that."""
    kinds = {
        code: next(kind for mark, kind in VISITS.items() if code.startswith(mark)) for code in events["code"].unique()
    }
    visits = events.assign(kind=events["code"].map(kinds))
    led = (visits["kind"] == EMERGENCY_VISIT) & visits["encounter_id"].isin(starts["encounter_id"].dropna())
    return _or_none("visits", visits.loc[~led, ["patient_id", "at", "kind"]])


def _diagnoses(events: pd.DataFrame) -> pd.DataFrame | None:
    return _or_none("diagnoses", events[list(WHOSE)].assign(**coded_diagnoses(events["code"])))


def _medications(events: pd.DataFrame) -> pd.DataFrame | None:
    named = events[list(WHOSE)].assign(name=medication_names(events["code"]))
    return _or_none("medications", named[named["name"].notna()])


def _labs(events: pd.DataFrame) -> pd.DataFrame | None:
    return _or_none("labs", events[list(WHOSE)].assign(**lab_values(events)))
