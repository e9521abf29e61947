"""The eICU Collaborative Research Database (https://eicu-crd.mit.edu): stays in intensive care, with offsets for dates.

Of a hospital discharge eICU tells the year alone, and it says of no two hospital stays of a patient which was first. So
a readmission within 30 days cannot be known. What can be is a return to intensive care within the same hospital stay:
units of one ``patienthealthsystemstayid`` have a common clock, on which everything here is put; its hours are those
since the admission to the hospital, and its dates mean nothing.

``stepdown/other`` is how eICU marks a stay in which a patient was in a unit's bed, but not in intensive care, most
often at once after it. Code that others publish leaves such stays out, and so does this loader.

References
----------
Pollard et al. (2018), Sci Data 5:180178, doi:10.1038/sdata.2018.178; for stays that follow each other without a gap
see MIT-LCP/eicu-code, issue 149.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from clinflu.data import Cohort, CohortSchema, FeatureSpec, Provenance, ReadmissionSpec, build_cohort
from clinflu.errors import ClinfluError, LoaderError
from data_loaders.eicu_codes import NEEDED, OVER_89, SCHEMA
from data_loaders.eicu_records import records_of
from data_loaders.eicu_stays import DEFINITION, AtRisk, at_risk, clock
from data_loaders.hospital import Records
from data_loaders.hospital.ages import OVER_OLDEST, capped
from data_loaders.hospital.cohort import possible_labs
from data_loaders.hospital.features import DURING, LOOK_BACK, MOST, Feature, features
from data_loaders.hospital.material import Material
from data_loaders.hospital.timing import Timeline
from data_loaders.tables.fields import text
from data_loaders.tables.source import Source, open_store, table_names
from data_loaders.tables.store import Store

SUBGROUPS = ("sex", "race", "unit_type", "admission_source", "disposition", "diagnosis_group")
OUTCOME = "readmitted to intensive care within the same hospital stay"
NOTES = (
    "The source does not tell the order of a patient's hospital stays, so nothing is counted of other ones.",
    "Some unit stays are not in the source, as gaps in their numbers show; a return that is not in it is not seen.",
    "Ages over 89 are not told; they are taken for 90.",
    "No record made after a stay in intensive care ended enters it.",
)
NO_30_DAYS = (
    "eICU holds only the year of a hospital discharge, so readmission within 30 days cannot be known; its label is the "
    "return to intensive care within the same hospital stay. Leave --readmission out"
)
WITHIN = "during the stay in intensive care"
BEFORE = f"{WITHIN}, or earlier in the hospital stay"
DAY_MINUTES = 1440
TREATMENTS = FeatureSpec(
    "treatments", "Different treatments", unit="treatments", bounds=(0, MOST), log1p=True, recorded=BEFORE
)
EARLIER = FeatureSpec(
    "icu_stays_before",
    "Earlier stays in intensive care",
    unit="stays",
    bounds=(0, MOST),
    log1p=True,
    recorded="in this hospital stay",
)
TOLD = {
    LOOK_BACK: BEFORE,
    DURING: BEFORE,
    "at admission": "at admission to the unit",
    "first diagnosis of the last stay": "last primary diagnosis recorded in the last unit stay",
}
RENAMED = {"procedures": TREATMENTS, "stays_before": EARLIER}


def recognises(source: Source) -> bool:
    """Whether a folder, zip or database holds the unit stays of eICU."""
    try:
        if "patient" not in table_names(source):
            return False
        with open_store(source, ("patient",)) as store:
            return store.has("patient", "patientunitstayid", "patienthealthsystemstayid")
    except (ClinfluError, OSError):
        return False


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read the unit stays of eICU into one row for each stay in intensive care at risk of a return to it.

    Parameters
    ----------
    source : Path or DatabaseUrl
        A folder or zip of CSV or Parquet files, packed or not, or a database.
    spec : ReadmissionSpec, optional
        None can be met; it is refused.

    Raises
    ------
    LoaderError
        It cannot be read, or holds values that it should not, all problems in one message; or a definition is given.
    """
    if spec is not None:
        raise LoaderError(NO_30_DAYS)
    if source is None:
        raise LoaderError("this loader needs eICU: give --data with the folder of its tables, a zip, or a database")
    with open_store(source, SCHEMA) as store:
        store.require("patient", {**SCHEMA["patient"], **{name: text(name, required=True) for name in NEEDED}})
        store.finish()
        units = _units(store)
        found = at_risk(units)
        records, findings = possible_labs(records_of(store, units))
        store.finish()
        sha256 = store.sha256()
    if found.frame.empty:
        raise LoaderError(
            f"{store.source} holds {len(units):,} unit stays, but none is at risk of a return to intensive care; check "
            "that it is the right source"
        )
    absent = [table for table in SCHEMA if table not in store.tables]
    provenance = Provenance(
        store.source,
        sha256,
        "eicu",
        len(units),
        found.exclusions,
        definition=DEFINITION,
        notes=(*NOTES, *((f"The source has no table {', '.join(absent)}.",) if absent else ())),
    )
    cohort = _cohort(records, units, found, provenance)
    return replace(cohort, findings=(*found.findings, *findings))


def _units(store: Store) -> pd.DataFrame:
    """Return the unit stays, with their start and end in minutes since the admission to the hospital."""
    units = store.read("patient", SCHEMA["patient"])
    twice = int(units["encounter_id"].duplicated().sum())
    if twice:
        store.problems.append(f"table 'patient': the id of another stands in {twice:,} rows")
    over = units["age"].str.fullmatch(OVER_89, na=False)
    ages = pd.to_numeric(units["age"].mask(over), errors="coerce")
    wrong = int((ages.isna() & ~over & (units["age"].str.strip().fillna("") != "")).sum())
    if wrong:
        store.problems.append(f"table 'patient', column 'age': expected a number or '> 89' ({wrong:,} rows)")
    store.finish()
    start = -units["before"]
    return units.assign(
        start=start,
        end=start + units["ended"],
        age_years=capped(ages.astype("float64").mask(over, OVER_OLDEST)),
        kind=units["kind"].fillna(""),
    )


def _cohort(records: Records, units: pd.DataFrame, found: AtRisk, provenance: Provenance) -> Cohort:
    """Return the cohort; features are made within hospital stays, which stand for patients until then."""
    frame = found.frame
    episodes = frame[["first_stay", "age_years", "episodes_before"]].assign(
        patient_id=frame["hospital_stay"],
        admitted=clock(frame["start"]),
        discharged=clock(frame["end"]),
        **dict.fromkeys(("admission_type", "disposition"), pd.Series(None, frame.index, dtype="str")),
    )
    stays = pd.DataFrame({"patient_id": units["hospital_stay"], "discharged": clock(units["end"])})
    timeline = Timeline(episodes, found.members, stays.set_index(units["encounter_id"]))
    shared = [_of_a_unit(one) for one in features(Material(records, episodes, timeline))]
    own = list(_of_the_unit(frame))
    taken = {one.spec.name for one in own}
    made = own + [one for one in shared if one.spec.name not in taken]
    rows = pd.DataFrame(
        {
            "patient_id": frame["patient_id"],
            "readmitted": frame["readmitted"],
            **{one.spec.name: one.values for one in made},
        }
    )
    schema = CohortSchema(
        encounter_id="encounter_id",
        patient_id="patient_id",
        outcome="readmitted",
        features=tuple(one.spec for one in made),
        outcome_label=OUTCOME,
        subgroups=tuple(name for name in SUBGROUPS if any(one.spec.name == name for one in made)),
    )
    return build_cohort(rows.reset_index(), schema, provenance)


def _of_a_unit(made: Feature) -> Feature:
    """Return a variable that is made of every hospital's records, told as one of a unit stay."""
    if made.spec.name in RENAMED:
        return replace(made, spec=RENAMED[made.spec.name])
    told = made.spec.recorded or ""
    for words, unit_words in TOLD.items():
        told = told.replace(words, unit_words)
    return replace(made, spec=replace(made.spec, recorded=told))


def _of_the_unit(frame: pd.DataFrame) -> Iterator[Feature]:
    """Give the variables that only unit stays have, but for those that are missing in all."""
    categories = {
        "unit_type": ("Unit", frame["unit"], "at discharge from the unit"),
        "disposition": ("Discharged from the unit to", frame["went"], "at discharge from the unit"),
    }
    for name, (label, values, recorded) in categories.items():
        if values.notna().any():
            yield Feature(FeatureSpec(name, label, levels=(), recorded=recorded), values.str.strip())
    days = {
        "days_before_unit": ("Days in hospital before intensive care", frame["start"], "at admission to the unit"),
        "length_of_stay_days": ("Length of stay in intensive care", frame["end"] - frame["start"], "in all its units"),
    }
    for name, (label, minutes, recorded) in days.items():
        spec = FeatureSpec(name, label, unit="days", bounds=(0, MOST), recorded=recorded)
        yield Feature(spec, (minutes.clip(lower=0) / DAY_MINUTES).round(3) + 0.0)  # no -0.0
