"""The recorded variables of each episode, made in one way of the records of every source."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data import FeatureSpec
from clinflu.data.readmission import ADMISSION_TYPES, DISPOSITIONS
from data_loaders.hospital.comorbidities import COMORBIDITIES, diagnosis_group
from data_loaders.hospital.laboratory import ANALYTES
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.material import Material
from data_loaders.hospital.medications import CLASSES, class_flags, plain_name
from data_loaders.hospital.records import EMERGENCY_VISIT, FEMALE, MALE, OTHER_SEX, OUTPATIENT_VISIT
from data_loaders.hospital.timing import NONE
from data_loaders.hospital.words import race

YES, NO = "yes", "no"
YEAR = 365
MOST = 1_000_000
MOST_SOURCES, OTHER_SOURCE = 20, "Other"
DURING = "during the episode"
LOOK_BACK = "during the episode or the year before"
NOT_THE_LAST_DAY = "in the year before, but for the last 24 hours, whose visit led to the admission"


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One recorded variable and its values, a row an episode."""

    spec: FeatureSpec
    values: pd.Series


def features(material: Material) -> Iterator[Feature]:
    """Give every variable that the records hold; one that is missing in every episode is left out."""
    made = (
        *_of_the_patient(material),
        *_of_the_stay(material),
        *_prior_use(material),
        *_diagnoses(material),
        *_procedures(material),
        *_medications(material),
        *_laboratory(material),
    )
    yield from (one for one in made if one.values.notna().any())


def _of_the_patient(material: Material) -> Iterator[Feature]:
    episodes, patients = material.episodes, material.records.patients.set_index("patient_id")
    age = FeatureSpec("age_years", "Age", unit="years", bounds=(0, 130), recorded="at admission")
    yield Feature(age, np.floor(episodes["age_years"]))
    sex = FeatureSpec("sex", "Sex", levels=(FEMALE, MALE, OTHER_SEX), recorded="of the patient")
    yield Feature(sex, looked_up(episodes["patient_id"], patients["sex"]))
    spec = FeatureSpec("race", "Race", levels=(), recorded="of the patient, in the words of the US census")
    yield Feature(spec, looked_up(episodes["patient_id"], race(patients["race"])))


def _of_the_stay(material: Material) -> Iterator[Feature]:
    episodes = material.episodes
    kind = FeatureSpec("admission_type", "Admission type", levels=ADMISSION_TYPES, recorded="at admission")
    yield Feature(kind, episodes["admission_type"])
    sources = material.records.stays.set_index("encounter_id")["admission_source"]
    source = FeatureSpec("admission_source", "Admitted from", levels=(), recorded="at admission")
    yield Feature(source, _commonest(looked_up(episodes["first_stay"], sources)))
    went = FeatureSpec("disposition", "Discharged to", levels=DISPOSITIONS, recorded="at discharge")
    yield Feature(went, episodes["disposition"])
    days = FeatureSpec(
        "length_of_stay_days", "Length of stay", unit="days", bounds=(0, MOST), recorded="admission to discharge"
    )
    ended, began = (episodes[name].dt.normalize() for name in ("discharged", "admitted"))
    yield Feature(days, (ended - began).dt.days.astype(float))


def _prior_use(material: Material) -> Iterator[Feature]:
    stays = _count("stays_before", "Inpatient stays, year before", "stays", "of this patient, ended in the year before")
    yield Feature(stays, material.episodes["episodes_before"].astype(float))
    visits = material.records.visits
    recorded = set() if visits is None else set(visits["kind"].unique())  # a kind that is nowhere is not recorded
    for kind, name in ((EMERGENCY_VISIT, "Emergency"), (OUTPATIENT_VISIT, "Outpatient")):
        if kind not in recorded:
            continue
        spec = _count(f"{kind}_before", f"{name} visits, year before", "visits", NOT_THE_LAST_DAY)
        yield _feature(material, spec, material.visits_before(kind, YEAR))


def _diagnoses(material: Material) -> Iterator[Feature]:
    diagnoses = material.records.diagnoses
    if diagnoses is None:
        return
    number = _count("diagnoses", "Diagnoses", "diagnoses", f"different codes, {DURING}")
    yield _feature(material, number, material.distinct(material.diagnosis_rows, diagnoses["code"]))
    group = FeatureSpec("diagnosis_group", "First diagnosis", levels=(), recorded="first diagnosis of the last stay")
    yield Feature(group, _first_diagnosis(diagnoses[material.diagnosis_rows != NONE], material.episodes))
    for one in COMORBIDITIES:
        spec = FeatureSpec(one.key, one.label, levels=(NO, YES), recorded=f"coded {LOOK_BACK}")
        yield _feature(material, spec, np.where(material.comorbidities[one.key], YES, NO))


def _first_diagnosis(diagnoses: pd.DataFrame, episodes: pd.DataFrame) -> pd.Series:
    first = diagnoses[(diagnoses["position"] == 1) & diagnoses["encounter_id"].notna()]
    first = first.drop_duplicates("encounter_id")
    groups = diagnosis_group(first["code"], first["system"])
    return pd.Series(groups.to_numpy(), index=first["encounter_id"]).reindex(episodes.index)


def _procedures(material: Material) -> Iterator[Feature]:
    if material.records.procedures is None:
        return
    spec = _count("procedures", "Procedures other than laboratory tests", "procedures", DURING)
    yield _feature(material, spec, material.procedures)


def _medications(material: Material) -> Iterator[Feature]:
    medications, rows = material.records.medications, material.medication_rows
    if medications is None:
        return
    number = _count("medications", "Distinct medications", "medications", f"different names, {DURING}")
    yield _feature(material, number, material.distinct(rows, plain_name(medications["name"])))
    flags = class_flags(medications["name"])
    for one in CLASSES:
        given = material.tally(rows[flags[one.key].to_numpy()]) > 0
        spec = FeatureSpec(one.key, one.label, levels=(NO, YES), recorded=f"ordered {DURING}")
        yield _feature(material, spec, np.where(given, YES, NO))


def _laboratory(material: Material) -> Iterator[Feature]:
    for key, analyte in ANALYTES.items():
        for which in ("last", "lowest", "highest"):
            if (which, key) not in material.laboratory:
                continue
            spec = FeatureSpec(
                f"{key}_{which}",
                f"{analyte.label}, {which}",
                unit=analyte.unit,
                bounds=analyte.bounds,
                recorded=f"{which} {DURING}; LOINC {', '.join(analyte.loinc)}",
            )
            yield _feature(material, spec, material.laboratory[(which, key)])


def _commonest(values: pd.Series) -> pd.Series:
    """Return the commonest values as they are, and all others as one: hospitals have hundreds of ways in."""
    known = values.value_counts().index[:MOST_SOURCES]
    return values.where(values.isna() | values.isin(known), OTHER_SOURCE)


def _count(name: str, label: str, unit: str, recorded: str) -> FeatureSpec:
    return FeatureSpec(name, label, unit=unit, bounds=(0, MOST), log1p=True, recorded=recorded)


def _feature(material: Material, spec: FeatureSpec, values: object) -> Feature:
    return Feature(spec, pd.Series(np.asarray(values), index=material.episodes.index))
