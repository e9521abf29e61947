"""MIMIC-III and MIMIC-IV (https://mimic.mit.edu): admissions to one hospital, every patient's dates shifted alike.

Both layouts are read by the same code, since a field is the first of its columns that holds something. The tables of
MIMIC-IV may lie in their folders ``hosp`` and ``ed``; none of those read here has the name of one in another module.
What was done in the emergency department before an admission (``edregtime``, or a row of ``edstays`` with the
``hadm_id`` of an admission) is part of that admission, and no visit of its own.

References
----------
Johnson et al. (2016), Sci Data 3:160035, doi:10.1038/sdata.2016.35; Johnson et al. (2023), Sci Data 10:1,
doi:10.1038/s41597-022-01899-x.
"""

import pandas as pd
import sqlalchemy as sa

from clinflu.data import Cohort, ReadmissionSpec
from clinflu.data.readmission import OBSERVATION, OTHER_HOSPITAL
from clinflu.errors import ClinfluError, LoaderError
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.hospital.ages import age_at, capped
from data_loaders.hospital.laboratory import by_mimic_item, in_our_units
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import EMERGENCY_VISIT, in_form
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words
from data_loaders.mimic_codes import (
    AGE_COLUMNS,
    ELSEWHERE,
    NEEDED,
    NOTES,
    OBSERVED,
    SCHEMA,
    SEXES,
    SOLVENT,
    VERSIONS,
)
from data_loaders.tables.fields import text
from data_loaders.tables.source import Source, open_store, reading, table_names
from data_loaders.tables.store import Expressions, Store, Where


def recognises(source: Source) -> bool:
    """Whether a folder, zip or database holds the admissions and patients of MIMIC."""
    try:
        if not table_names(source).issuperset(NEEDED):
            return False
        with open_store(source, ("patients",)) as store:
            return any(store.has("patients", "subject_id", *columns) for columns in AGE_COLUMNS.values())
    except (ClinfluError, OSError):
        return False


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read the admissions of MIMIC into one row for each episode at risk.

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
        raise LoaderError("this loader needs MIMIC: give --data with the folder of its tables, a zip, or a database")
    with reading(source, SCHEMA, NEEDED) as store:
        _require_ages(store)
        store.finish()
        records = _records(store)
        origin = Origin(store.source, store.sha256(), "mimic", _notes(store, records.stays), true_years=False)
    return hospital_cohort(records, spec or ReadmissionSpec(), origin)


def _require_ages(store: Store) -> None:
    """Note a problem unless the columns of one layout are there that tell ages."""
    if "patients" not in store.tables:
        return
    needed = AGE_COLUMNS["iv" if store.has("patients", "anchor_age") else "iii"]
    store.require("patients", {name: text(name, required=True) for name in needed})


def _records(store: Store) -> Records:
    people = store.read("patients", SCHEMA["patients"]).drop_duplicates("patient_id").set_index("patient_id")
    admissions = store.read("admissions", SCHEMA["admissions"])
    return Records(
        _patients(admissions, people),
        _stays(admissions, people),
        _visits(store, admissions),
        _diagnoses(store),
        _procedures(store),
        _medications(store),
        _labs(store),
    )


def _patients(admissions: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return the patients who were ever admitted, with the race of the first admission: a later one tells of itself."""
    first = admissions.sort_values(["admitted", "encounter_id"]).drop_duplicates("patient_id")
    ids = admissions["patient_id"].drop_duplicates()
    columns = {
        "patient_id": ids,
        "sex": looked_up(ids, people["sex"]).str.strip().str.upper().map(SEXES),
        "race": looked_up(ids, first.set_index("patient_id")["race"]),
    }
    return in_form("patients", columns)


def _stays(admissions: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    patients = admissions["patient_id"]
    kind, went = admission_type(admissions["kind"]), disposition(admissions["went"])
    elsewhere = went.isna() & admissions["went"].str.casefold().str.contains(ELSEWHERE, na=False)
    died_at = admissions["died_at"].fillna(looked_up(patients, people["died_at"]))
    columns = {
        **{name: admissions[name] for name in ("encounter_id", "patient_id", "admitted", "discharged")},
        "admission_type": kind,
        "admission_source": plain_words(admissions["came"]),
        "disposition": went.mask(went == DIED).mask(elsewhere, OTHER_HOSPITAL),
        "died": (admissions["died"] > 0) | admissions["died_at"].notna() | (went == DIED),
        "planned": is_planned(kind),
        "died_at": died_at,
        "age_years": _ages(admissions, people),
    }
    return in_form("stays", columns)


def _ages(admissions: pd.DataFrame, people: pd.DataFrame) -> pd.Series:
    """Return the age at admission; MIMIC-III tells one over 89 as about 300, MIMIC-IV as 91 in the anchor year."""
    patients, admitted = admissions["patient_id"], admissions["admitted"]
    since_birth = age_at(looked_up(patients, people["born"]), admitted)
    anchor = looked_up(patients, people["anchor_age"]) - looked_up(patients, people["anchor_year"])
    return capped(since_birth.fillna(anchor + admitted.dt.year))


def _visits(store: Store, admissions: pd.DataFrame) -> pd.DataFrame | None:
    if not store.has("edstays"):
        return None
    found = store.read("edstays", SCHEMA["edstays"], _of_admitted(store))
    own = found[~found["encounter_id"].isin(admissions["encounter_id"])]
    return in_form("visits", {"patient_id": own["patient_id"], "at": own["at"], "kind": EMERGENCY_VISIT})


def _diagnoses(store: Store) -> pd.DataFrame | None:
    if not store.has("diagnoses_icd"):
        return None
    found = store.read("diagnoses_icd", SCHEMA["diagnoses_icd"])
    system = found["version"].map(VERSIONS) if store.has("diagnoses_icd", "icd_version") else VERSIONS[9]
    return in_form("diagnoses", {**_columns(found, "patient_id", "encounter_id", "code", "position"), "system": system})


def _procedures(store: Store) -> pd.DataFrame | None:
    if not store.has("procedures_icd"):
        return None
    return store.read("procedures_icd", SCHEMA["procedures_icd"])


def _medications(store: Store) -> pd.DataFrame | None:
    if not store.has("prescriptions"):
        return None

    def is_a_drug(values: Expressions) -> sa.ColumnElement[bool]:
        return sa.func.coalesce(sa.func.upper(values["part"]), "") != SOLVENT

    found = store.read("prescriptions", SCHEMA["prescriptions"], is_a_drug)
    return in_form("medications", _columns(found, "patient_id", "encounter_id", "at", "name"))


def _labs(store: Store) -> pd.DataFrame | None:
    if not store.has("labevents"):
        return None
    known, admitted = by_mimic_item(), _of_admitted(store)

    def wanted(values: Expressions) -> sa.ColumnElement[bool]:
        return sa.and_(values["item"].in_(list(known)), values["value"].is_not(None), admitted(values))

    found = store.read("labevents", SCHEMA["labevents"], wanted)
    analytes = found["item"].map(known).astype("str")
    values = in_our_units(analytes, found["value"], found["unit"])
    return in_form(
        "labs", {**_columns(found, "patient_id", "encounter_id", "at"), "analyte": analytes, "value": values}
    )


def _of_admitted(store: Store) -> Where:
    """Return the condition that a row is of a patient who was ever admitted."""
    admitted = store.rows("admissions", {"patient_id": SCHEMA["admissions"]["patient_id"]})
    return lambda values: values["patient_id"].in_(admitted)


def _columns(frame: pd.DataFrame, *names: str) -> dict[str, pd.Series]:
    return {name: frame[name] for name in names}


def _notes(store: Store, stays: pd.DataFrame) -> tuple[str, ...]:
    observed = int((stays["admission_type"] == OBSERVATION).sum())
    absent = [table for table in SCHEMA if table not in store.tables]
    return (
        *NOTES,
        *((OBSERVED.format(f"{observed:,}"),) if observed else ()),
        *((f"The source has no table {', '.join(absent)}.",) if absent else ()),
    )
