"""What MIMIC calls its tables and columns, and what its words mean."""

from data_loaders.hospital.records import FEMALE, MALE
from data_loaders.tables.fields import identifier, number, text, time, whole

SCHEMA = {
    "patients": {
        "patient_id": identifier("subject_id", required=True),
        "sex": text("gender"),
        "born": time("dob"),
        "anchor_age": number("anchor_age"),
        "anchor_year": number("anchor_year"),
        "died_at": time("dod"),
    },
    "admissions": {
        "encounter_id": identifier("hadm_id", required=True),
        "patient_id": identifier("subject_id", required=True),
        "admitted": time("admittime", required=True),
        "discharged": time("dischtime"),
        "died_at": time("deathtime"),
        "died": whole("hospital_expire_flag", required=True),
        "kind": text("admission_type"),
        "came": text("admission_location"),
        "went": text("discharge_location"),
        "race": text("race", "ethnicity"),
    },
    "diagnoses_icd": {
        "patient_id": identifier("subject_id", required=True),
        "encounter_id": identifier("hadm_id", required=True),
        "position": number("seq_num"),
        "code": text("icd_code", "icd9_code"),
        "version": whole("icd_version"),
    },
    "procedures_icd": {
        "patient_id": identifier("subject_id", required=True),
        "encounter_id": identifier("hadm_id", required=True),
        "at": time("chartdate"),
    },
    "prescriptions": {
        "patient_id": identifier("subject_id", required=True),
        "encounter_id": identifier("hadm_id", required=True),
        "at": time("starttime", "startdate"),
        "name": text("drug", required=True),
        "part": text("drug_type"),
    },
    "labevents": {
        "patient_id": identifier("subject_id", required=True),
        "encounter_id": identifier("hadm_id"),
        "at": time("charttime"),
        "item": whole("itemid", required=True),
        "value": number("valuenum"),
        "unit": text("valueuom"),
    },
    "edstays": {
        "patient_id": identifier("subject_id", required=True),
        "encounter_id": identifier("hadm_id"),
        "at": time("intime", required=True),
    },
}
"""By table, what is read of it; a field is the first of its columns that holds something."""
NEEDED = ("admissions", "patients")
AGE_COLUMNS = {"iii": ("dob",), "iv": ("anchor_age", "anchor_year")}
SEXES = {"F": FEMALE, "M": MALE}
VERSIONS = {9: "ICD9CM", 10: "ICD10CM"}
SOLVENT = "BASE"  # what a drug is dissolved in, such as dextrose
ELSEWHERE = r"cancer|federal"
"""Hospitals of others, cut off in MIMIC-III: ``DISC-TRAN CANCER/CHLDRN H`` and ``DISC-TRAN TO FEDERAL HC``."""
NOTES = (
    "Dates are shifted, each patient's by another span, so years are not those of the calendar.",
    "Only stays in one hospital are recorded, so a readmission to another one is not seen.",
    "Ages over 89 are not told; they are taken for 90.",
)
OBSERVED = "Admissions under observation count as stays, of the type observation; there are {}."
