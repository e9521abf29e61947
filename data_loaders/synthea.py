"""Synthea, an export of invented patients as CSV (https://github.com/synthetichealth/synthea/wiki).

Exports of every release that tells the class of an encounter are read; those before 3.0 call the time of a procedure
``DATE``. Whatever names a patient, such as ``SSN``, ``PASSPORT``, ``LAST`` and ``ADDRESS``, is never read. Stays are
encounters of the class ``inpatient``; hospice and skilled nursing are neither stays nor visits.
"""

import pandas as pd
import sqlalchemy as sa

from clinflu.data import Cohort, Finding, ReadmissionSpec
from clinflu.errors import ClinfluError, LoaderError
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.hospital.ages import age_at, died_within
from data_loaders.hospital.laboratory import by_loinc, in_our_units
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import EMERGENCY_VISIT, FEMALE, MALE, OUTPATIENT_VISIT, in_form
from data_loaders.hospital.words import admission_type, is_planned
from data_loaders.tables.fields import text, time
from data_loaders.tables.source import Source, open_store, reading, table_names
from data_loaders.tables.store import Expressions, Store, Where

WHOSE = {"patient_id": text("patient", required=True), "encounter_id": text("encounter")}
SCHEMA = {
    "patients": {
        "patient_id": text("id", required=True),
        "born": time("birthdate", required=True),
        "died_at": time("deathdate"),
        "race": text("race"),
        "sex": text("gender"),
    },
    "encounters": {
        "encounter_id": text("id", required=True),
        "patient_id": text("patient", required=True),
        "admitted": time("start", required=True),
        "discharged": time("stop"),
        "kind": text("encounterclass", required=True),
        "words": text("description"),
        "reason": text("reasoncode"),
    },
    "conditions": {**WHOSE, "at": time("start"), "code": text("code", required=True)},
    "procedures": {**WHOSE, "at": time("start", "date")},
    "medications": {**WHOSE, "at": time("start"), "name": text("description")},
    "observations": {
        **WHOSE,
        "at": time("date"),
        "code": text("code"),
        "value": text("value"),
        "unit": text("units"),
    },
}
"""By table, what is read of it; a field is the first of its columns that holds something."""
NEEDED = ("patients", "encounters")
MARKS = ("id", "birthdate", "deathdate", "drivers", "passport")
"""Columns by which its patients are known; another's table of real patients must not be taken for invented ones."""
STAY = "inpatient"
VISITS = {
    "emergency": EMERGENCY_VISIT,
    **dict.fromkeys(("ambulatory", "outpatient", "wellness", "urgentcare", "home", "virtual"), OUTPATIENT_VISIT),
}
SEXES = {"F": FEMALE, "M": MALE}
SNOMED = "SNOMED"
FOLLOW_UP = "Follow-up is taken to end with the last encounter of the export, in {}."
AHEAD = "after today, and not taken for the end of follow-up"
NOTES = (
    "Times are in UTC, so days end at its midnight and not at that of the ward.",
    "The reason of an encounter is taken for its first diagnosis.",
)


def recognises(source: Source) -> bool:
    """Whether a folder, zip or database holds the patients and encounters of Synthea."""
    try:
        if not table_names(source).issuperset(NEEDED):
            return False
        with open_store(source, ("patients",)) as store:
            return store.has("patients", *MARKS)
    except (ClinfluError, OSError):
        return False


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read the stays of a Synthea export into one row for each episode at risk.

    Parameters
    ----------
    source : Path or DatabaseUrl
        A folder or zip of CSV or Parquet files, packed or not, or a database.
    spec : ReadmissionSpec, optional
        What counts as a readmission; by default any unplanned one within 30 days.

    Raises
    ------
    LoaderError
        It cannot be read, or holds values that it should not; all problems in one message.
    """
    if source is None:
        raise LoaderError("this loader needs a Synthea export: give --data with the folder of its CSV files, or a zip")
    with reading(source, SCHEMA, NEEDED) as store:
        records, findings = _records(store)
        origin = Origin(store.source, store.sha256(), "synthea", _notes(store, records.stays), findings, simulated=True)
    return hospital_cohort(records, spec or ReadmissionSpec(), origin)


def _records(store: Store) -> tuple[Records, tuple[Finding, ...]]:
    inpatients = _of_inpatients(store)
    people = store.read("patients", SCHEMA["patients"]).drop_duplicates("patient_id")
    encounters = store.read("encounters", SCHEMA["encounters"], inpatients)
    encounters = encounters.assign(kind=encounters["kind"].str.strip().str.casefold())
    stays = encounters[encounters["kind"] == STAY]
    last, ahead = _last(store, stays)
    labs, strange = _labs(store, inpatients)
    records = Records(
        _patients(people),
        _stays(stays, people.set_index("patient_id"), last),
        _visits(encounters),
        _diagnoses(store, inpatients, stays),
        _events(store, "procedures", inpatients),
        _events(store, "medications", inpatients),
        labs,
    )
    return records, (*ahead, *strange)


def _of_inpatients(store: Store) -> Where:
    """Return the condition that a row is of a patient who was ever in hospital."""
    fields = {name: SCHEMA["encounters"][name] for name in ("patient_id", "kind")}
    found = store.rows("encounters", fields, lambda values: _kind(values) == STAY, only=("patient_id",))
    return lambda values: values["patient_id"].in_(found)


def _kind(values: Expressions) -> sa.ColumnElement[str]:
    return sa.func.lower(sa.func.trim(values["kind"]))


def _last(store: Store, stays: pd.DataFrame) -> tuple[pd.Timestamp, tuple[Finding, ...]]:
    """Return when the last encounter began; one after today is none unless most stays are, as with shifted dates."""
    tomorrow = pd.Timestamp.now(tz="UTC").tz_localize(None).floor("s") + pd.Timedelta(days=1)
    shifted = (stays["admitted"] > tomorrow).mean() > 0.5
    fields = {"at": time("start")}
    times = store.rows("encounters", fields, None if shifted else lambda values: values["at"] <= tomorrow).subquery()
    latest = sa.select(sa.func.max(times.c.at)).scalar_subquery()
    found = store.read("encounters", fields, lambda values: values["at"] >= latest)["at"]
    ahead = (found > tomorrow) & (not shifted)
    return found[~ahead].max(), (Finding("encounters", "start", AHEAD, int(ahead.sum())),) if ahead.any() else ()


def _patients(people: pd.DataFrame) -> pd.DataFrame:
    sex = people["sex"].str.strip().str.upper().map(SEXES)
    return in_form("patients", {"patient_id": people["patient_id"], "sex": sex, "race": people["race"]})


def _stays(stays: pd.DataFrame, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    patients = stays["patient_id"]
    died_at, kind = looked_up(patients, people["died_at"]), admission_type(stays["words"])
    columns = {
        **{name: stays[name] for name in ("encounter_id", "patient_id", "admitted", "discharged")},
        "admission_type": kind,
        "died": died_within(died_at, stays["admitted"], stays["discharged"]),
        "planned": is_planned(kind),
        "died_at": died_at,
        "followed_until": pd.Series(last, stays.index),
        "age_years": age_at(looked_up(patients, people["born"]), stays["admitted"]),
    }
    return in_form("stays", columns)


def _visits(encounters: pd.DataFrame) -> pd.DataFrame:
    kinds = encounters["kind"].map(VISITS)
    some = encounters[kinds.notna()]
    return in_form("visits", {"patient_id": some["patient_id"], "at": some["admitted"], "kind": kinds[some.index]})


def _diagnoses(store: Store, inpatients: Where, stays: pd.DataFrame) -> pd.DataFrame | None:
    """Return the conditions, and before them the reason of each stay as its first."""
    if not store.has("conditions"):
        return None
    found = store.read("conditions", SCHEMA["conditions"], inpatients)
    reasons = stays.loc[stays["reason"].notna(), ["patient_id", "encounter_id", "reason"]]
    first = reasons.rename(columns={"reason": "code"}).assign(position=1.0)
    rows = pd.concat([first, found], ignore_index=True)
    return in_form("diagnoses", {**{name: rows[name] for name in rows}, "system": pd.Series(SNOMED, rows.index)})


def _events(store: Store, table: str, inpatients: Where) -> pd.DataFrame | None:
    if not store.has(table):
        return None
    return in_form(table, dict(store.read(table, SCHEMA[table], inpatients).items()))


def _labs(store: Store, inpatients: Where) -> tuple[pd.DataFrame | None, tuple[Finding, ...]]:
    if not store.has("observations"):
        return None, ()
    known = by_loinc()

    def wanted(values: Expressions) -> sa.ColumnElement[bool]:
        return sa.and_(values["code"].in_(list(known)), inpatients(values))

    found = store.read("observations", SCHEMA["observations"], wanted)
    analytes = found["code"].map(known).astype("str")
    numbers = pd.to_numeric(found["value"], errors="coerce").astype("float64")
    strange = int((numbers.isna() & found["value"].notna()).sum())
    found, analytes, numbers = (one[numbers.notna()] for one in (found, analytes, numbers))
    columns = {name: found[name] for name in ("patient_id", "encounter_id", "at")}
    labs = in_form("labs", {**columns, "analyte": analytes, "value": in_our_units(analytes, numbers, found["unit"])})
    what = "laboratory values that are no number are left out"
    return labs, (Finding("observations", "value", what, strange),) if strange else ()


def _notes(store: Store, stays: pd.DataFrame) -> tuple[str, ...]:
    absent = [table for table in SCHEMA if table not in store.tables]
    last = stays["followed_until"].max()
    followed = () if pd.isna(last) else (FOLLOW_UP.format(last.year),)
    return (*followed, *NOTES, *((f"The source has no table {', '.join(absent)}.",) if absent else ()))
