"""The codes of MEDS that a readmission needs."""

import pandas as pd

from data_loaders.hospital.laboratory import by_loinc, by_mimic_item, in_our_units
from data_loaders.hospital.records import EMERGENCY_VISIT, FEMALE, MALE, OTHER_SEX, OUTPATIENT_VISIT

BIRTH, DEATH = "MEDS_BIRTH", "MEDS_DEATH"
SEX, RACE = ("GENDER//", "SEX//"), ("RACE//",)
PEOPLE = (BIRTH, DEATH, *SEX, *RACE)
STARTS = ("HOSPITAL_ADMISSION", "ADMISSION//")
DISCHARGES = ("HOSPITAL_DISCHARGE", "DISCHARGE//")
VISITS = {"ED_REGISTRATION": EMERGENCY_VISIT, "OUTPATIENT_VISIT": OUTPATIENT_VISIT}
PROCEDURES = ("PROCEDURE//", "ICD9Proc/", "ICD10PCS/", "CPT4/", "HCPCS/")
GIVEN, STOPPED = ("MEDICATION//",), ("MEDICATION//STOP",)
WORDS_OF_NO_DRUG = ("START", "ADMINISTERED", "UNK")
SEXES = {"M": MALE, "F": FEMALE, "O": OTHER_SEX, "U": OTHER_SEX}
SYSTEMS = {
    "DIAGNOSIS//ICD//9//": "ICD9CM",
    "DIAGNOSIS//ICD//10//": "ICD10CM",
    "ICD9CM/": "ICD9CM",
    "ICD10CM/": "ICD10CM",
    "SNOMED/": "SNOMED",
}
LAB, LOINC = "LAB//", "LOINC/"
BETWEEN = "//"


def lab_prefixes() -> tuple[str, ...]:
    """Return how the codes of the laboratory values begin that are features."""
    items = (f"{LAB}{item}{BETWEEN}" for item in by_mimic_item())
    return (*items, *(f"{LOINC}{code}" for code in by_loinc()))


def coded_diagnoses(codes: pd.Series) -> dict[str, pd.Series]:
    """Return code and system of each diagnosis."""
    distinct = {code: next(prefix for prefix in SYSTEMS if code.startswith(prefix)) for code in codes.unique()}
    prefixes = codes.map(distinct)
    own = {code: code.removeprefix(prefix) for code, prefix in distinct.items()}
    return {"code": codes.map(own), "system": prefixes.map(SYSTEMS)}


def medication_names(codes: pd.Series) -> pd.Series:
    """Return the name in the code of a medication, missing where it was stopped and not given."""
    return codes.map({code: _drug(code) for code in codes.unique()}).astype("str")


def lab_values(labs: pd.DataFrame) -> dict[str, pd.Series]:
    """Return analyte and value of laboratory events, missing where they are none of ours.

    Parameters
    ----------
    labs : DataFrame
        ``code``, ``value`` and ``unit``; without a unit of its own, that of the code counts.
    """
    parts = {code: _analyte_and_unit(code) for code in labs["code"].unique()}
    analytes = labs["code"].map({code: part[0] for code, part in parts.items()}).astype("str")
    units = labs["code"].map({code: part[1] for code, part in parts.items()}).astype("str")
    units = labs["unit"].where(labs["unit"].notna(), units)
    return {"analyte": analytes, "value": in_our_units(analytes, labs["value"], units)}


def _drug(code: str) -> str | None:
    if code.startswith(STOPPED):
        return None
    words = [word for word in code.split(BETWEEN)[1:] if word.strip() and word.upper() not in WORDS_OF_NO_DRUG]
    return words[0] if words else None


def _analyte_and_unit(code: str) -> tuple[str | None, str | None]:
    if code.startswith(LOINC):
        return by_loinc().get(code.removeprefix(LOINC)), None
    _, item, *unit = code.split(BETWEEN)
    return by_mimic_item().get(int(item)) if item.isdigit() else None, unit[0] if unit and unit[0] != "UNK" else None
