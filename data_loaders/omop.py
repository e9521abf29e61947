"""OMOP Common Data Model 5.3 and 5.4, from files or a database (https://ohdsi.github.io/CommonDataModel)."""

import pandas as pd
import sqlalchemy as sa

from clinflu.data import Cohort, Finding, ReadmissionSpec
from clinflu.data.readmission import EMERGENCY
from clinflu.errors import LoaderError
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.hospital.ages import age_at, birth_date, died_within
from data_loaders.hospital.laboratory import by_omop_concept, in_our_units
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import in_form
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words
from data_loaders.omop_concepts import (
    EMERGENCY_ADMISSION,
    RACES,
    SEX_LETTERS,
    SEXES,
    SOURCES,
    SPECIAL_STAYS,
    STAYS,
    UNITS,
    VISITS,
    WENT,
    coded_diagnoses,
)
from data_loaders.omop_periods import observed_until
from data_loaders.tables.fields import identifier, number, text, time, whole
from data_loaders.tables.source import Source, reading, table_names
from data_loaders.tables.store import Store, Where

SCHEMA = {
    "person": {
        "patient_id": identifier("person_id", required=True),
        "sex": whole("gender_concept_id"),
        "sex_words": text("gender_source_value"),
        "year": number("year_of_birth"),
        "month": number("month_of_birth"),
        "day": number("day_of_birth"),
        "race": whole("race_concept_id"),
        "race_words": text("race_source_value"),
    },
    "visit_occurrence": {
        "encounter_id": identifier("visit_occurrence_id", required=True),
        "patient_id": identifier("person_id", required=True),
        "kind": whole("visit_concept_id"),
        "admitted": time("visit_start_datetime", "visit_start_date", required=True),
        "discharged": time("visit_end_datetime", "visit_end_date"),
        "words": text("visit_source_value"),
        "came": whole("admitted_from_concept_id", "admitting_source_concept_id"),
        "came_words": text("admitted_from_source_value", "admitting_source_value"),
        "went": whole("discharged_to_concept_id", "discharge_to_concept_id"),
        "went_words": text("discharged_to_source_value", "discharge_to_source_value"),
    },
    "death": {"patient_id": identifier("person_id", required=True), "died_at": time("death_datetime", "death_date")},
    "observation_period": {
        "patient_id": identifier("person_id", required=True),
        "since": time("observation_period_start_date"),
        "until": time("observation_period_end_date", required=True),
    },
    "condition_occurrence": {
        "patient_id": identifier("person_id", required=True),
        "encounter_id": identifier("visit_occurrence_id"),
        "at": time("condition_start_datetime", "condition_start_date"),
        "code": text("condition_source_value"),
        "source_concept": whole("condition_source_concept_id"),
        "concept": whole("condition_concept_id"),
        "status": text("condition_status_source_value"),
    },
    "procedure_occurrence": {
        "patient_id": identifier("person_id", required=True),
        "encounter_id": identifier("visit_occurrence_id"),
        "at": time("procedure_datetime", "procedure_date"),
    },
    "drug_exposure": {
        "patient_id": identifier("person_id", required=True),
        "encounter_id": identifier("visit_occurrence_id"),
        "at": time("drug_exposure_start_datetime", "drug_exposure_start_date"),
        "concept": whole("drug_concept_id"),
        "words": text("drug_source_value"),
    },
    "measurement": {
        "patient_id": identifier("person_id", required=True),
        "encounter_id": identifier("visit_occurrence_id"),
        "at": time("measurement_datetime", "measurement_date"),
        "concept": whole("measurement_concept_id", required=True),
        "value": number("value_as_number"),
        "unit": whole("unit_concept_id"),
        "unit_words": text("unit_source_value"),
    },
    "concept": {
        "concept": whole("concept_id", required=True),
        "name": text("concept_name"),
        "vocabulary": text("vocabulary_id"),
        "code": text("concept_code"),
    },
}
"""By table, what is read of it; a field is the first of its columns that holds something."""
NEEDED = ("person", "visit_occurrence")
UNKNOWN_UNIT = "a unit that is not known"
FIRST_DIAGNOSIS = r"primary|principal|\b1st\b|first"


def recognises(source: Source) -> bool:
    """Whether a folder, zip or database holds the tables of persons and visits."""
    return table_names(source).issuperset(NEEDED)


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read the stays of an OMOP database into one row for each episode at risk.

    Parameters
    ----------
    source : Path or DatabaseUrl
        A folder or zip of CSV or Parquet files, or a database.
    spec : ReadmissionSpec, optional
        What counts as a readmission; by default any unplanned one within 30 days.

    Raises
    ------
    LoaderError
        It cannot be read, or holds values that it should not; all problems in one message.
    """
    if source is None:
        raise LoaderError("this loader needs OMOP tables: give --data with a folder, a zip or the URL of a database")
    with reading(source, SCHEMA, NEEDED) as store:
        records, findings = _records(store)
        origin = Origin(store.source, store.sha256(), "omop", _notes(store), findings)
    return hospital_cohort(records, spec or ReadmissionSpec(), origin)


def _records(store: Store) -> tuple[Records, tuple[Finding, ...]]:
    inpatients = _of_inpatients(store)
    people = store.read("person", SCHEMA["person"], inpatients)
    visits = store.read("visit_occurrence", SCHEMA["visit_occurrence"], inpatients)
    names = _concepts(store)
    records = Records(
        _patients(people),
        _stays(visits[visits["kind"].isin(STAYS)], people, store, inpatients),
        _visits(visits),
        _diagnoses(store, inpatients, names),
        _procedures(store, inpatients),
        _medications(store, inpatients, names),
        _labs(store, inpatients),
    )
    other = int((~visits["kind"].isin([*STAYS, *VISITS])).sum())
    what = "visits that are neither a stay nor an emergency or outpatient visit are not counted"
    return records, (Finding("visit_occurrence", "visit_concept_id", what, other),) if other else ()


def _of_inpatients(store: Store) -> Where:
    """Return the condition that a row is of a patient who was ever in hospital."""
    fields = {name: SCHEMA["visit_occurrence"][name] for name in ("patient_id", "kind")}
    inpatients = store.rows("visit_occurrence", fields, lambda values: values["kind"].in_(STAYS), only=("patient_id",))
    return lambda values: values["patient_id"].in_(inpatients)


def _patients(people: pd.DataFrame) -> pd.DataFrame:
    sex, race = people["sex"].map(SEXES), people["race"].map(RACES)
    columns = {
        "patient_id": people["patient_id"],
        "sex": sex.where(sex.notna(), people["sex_words"].str[:1].str.upper().map(SEX_LETTERS)),
        "race": race.where(race.notna(), people["race_words"]),
    }
    return in_form("patients", columns).drop_duplicates("patient_id")


def _stays(visits: pd.DataFrame, people: pd.DataFrame, store: Store, inpatients: Where) -> pd.DataFrame:
    births = pd.Series(birth_date(people["year"], people["month"], people["day"]).array, index=people["patient_id"])
    deaths = store.read("death", SCHEMA["death"], inpatients).groupby("patient_id")["died_at"].min()
    periods = store.read("observation_period", SCHEMA["observation_period"], inpatients)
    patients = visits["patient_id"]
    died_at = looked_up(patients, deaths)
    went = visits["went"].map(WENT)
    went = went.where(went.notna(), disposition(visits["went_words"]))
    died = (went == DIED) | died_within(died_at, visits["admitted"], visits["discharged"])
    kind = admission_type(visits["words"]).mask(visits["kind"] == EMERGENCY_ADMISSION, EMERGENCY)
    special = visits["kind"].map(SPECIAL_STAYS)
    kind = kind.mask(special.notna(), special)
    came = visits["came"].map(SOURCES)
    columns = {
        **{name: visits[name] for name in ("encounter_id", "patient_id", "admitted", "discharged")},
        "admission_type": kind,
        "admission_source": came.where(came.notna(), plain_words(visits["came_words"])),
        "disposition": went.mask(went == DIED),
        "died": died,
        "planned": is_planned(kind),
        "died_at": died_at,
        "followed_until": observed_until(visits, periods),
        "age_years": age_at(looked_up(patients, births[~births.index.duplicated()]), visits["admitted"]),
    }
    return in_form("stays", columns)


def _visits(visits: pd.DataFrame) -> pd.DataFrame:
    kinds = visits["kind"].map(VISITS)
    some = visits[kinds.notna()]
    columns = {"patient_id": some["patient_id"], "at": some["admitted"], "kind": kinds[kinds.notna()]}
    return in_form("visits", columns)


def _concepts(store: Store) -> pd.DataFrame:
    """Return name, vocabulary and code of the concepts of diagnoses and drugs, by id; empty without a vocabulary."""
    asked = [
        store.rows(table, {"concept": SCHEMA[table][field]})
        for table, field in (
            ("condition_occurrence", "source_concept"),
            ("condition_occurrence", "concept"),
            ("drug_exposure", "concept"),
        )
        if store.has(table)
    ]
    if not asked or not store.has("concept"):
        return pd.DataFrame(columns=["name", "vocabulary", "code"], index=pd.Index([], dtype="Int64"), dtype="str")
    used = sa.union(*asked)
    found = store.read("concept", SCHEMA["concept"], lambda values: values["concept"].in_(used))
    return found.drop_duplicates("concept").set_index("concept")


def _diagnoses(store: Store, inpatients: Where, names: pd.DataFrame) -> pd.DataFrame | None:
    if not store.has("condition_occurrence"):
        return None
    found = store.read("condition_occurrence", SCHEMA["condition_occurrence"], inpatients)
    coded = coded_diagnoses(found, names)
    columns = {name: found[name] for name in ("patient_id", "encounter_id", "at")}
    first = found["status"].str.casefold().str.contains(FIRST_DIAGNOSIS, na=False)
    return in_form("diagnoses", {**columns, **coded, "position": first.map({True: 1.0})})


def _procedures(store: Store, inpatients: Where) -> pd.DataFrame | None:
    if not store.has("procedure_occurrence"):
        return None
    return store.read("procedure_occurrence", SCHEMA["procedure_occurrence"], inpatients)


def _medications(store: Store, inpatients: Where, names: pd.DataFrame) -> pd.DataFrame | None:
    if not store.has("drug_exposure"):
        return None
    found = store.read("drug_exposure", SCHEMA["drug_exposure"], inpatients)
    named = looked_up(found["concept"], names["name"])
    columns = {name: found[name] for name in ("patient_id", "encounter_id", "at")}
    return in_form("medications", {**columns, "name": named.where(named.notna(), found["words"])})


def _labs(store: Store, inpatients: Where) -> pd.DataFrame | None:
    if not store.has("measurement"):
        return None
    known = by_omop_concept()
    found = store.read(
        "measurement",
        SCHEMA["measurement"],
        lambda values: sa.and_(values["concept"].in_(list(known)), inpatients(values)),
    )
    analytes, told = found["concept"].map(known).astype("str"), found["unit"].map(UNITS)
    units = told.where(told.notna(), found["unit_words"])
    units = units.mask(units.isna() & found["unit"].notna() & (found["unit"] != 0), UNKNOWN_UNIT)
    columns = {name: found[name] for name in ("patient_id", "encounter_id", "at")}
    return in_form("labs", {**columns, "analyte": analytes, "value": in_our_units(analytes, found["value"], units)})


def _notes(store: Store) -> tuple[str, ...]:
    absent = [table for table in SCHEMA if table not in store.tables]
    return (f"The source has no table {', '.join(absent)}.",) if absent else ()
