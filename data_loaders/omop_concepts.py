"""The few standard concepts of OMOP that a readmission needs, by id (https://athena.ohdsi.org)."""

import pandas as pd

from clinflu.data.readmission import (
    AGAINST_ADVICE,
    FACILITY,
    HOME,
    HOSPICE,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
)
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import EMERGENCY_VISIT, FEMALE, MALE, OTHER_SEX, OUTPATIENT_VISIT
from data_loaders.hospital.words import DIED

INPATIENT, EMERGENCY_ADMISSION, INPATIENT_HOSPITAL = 9201, 262, 8717
REHABILITATION_STAY, PSYCHIATRIC_STAY = 8920, 8971
INTENSIVE_CARE = 32037
STAYS = (INPATIENT, EMERGENCY_ADMISSION, INPATIENT_HOSPITAL, REHABILITATION_STAY, PSYCHIATRIC_STAY, INTENSIVE_CARE)
SPECIAL_STAYS = {REHABILITATION_STAY: REHABILITATION, PSYCHIATRIC_STAY: PSYCHIATRY}
VISITS = {
    9203: EMERGENCY_VISIT,
    8870: EMERGENCY_VISIT,
    581381: EMERGENCY_VISIT,
    9202: OUTPATIENT_VISIT,
    8756: OUTPATIENT_VISIT,
    8883: OUTPATIENT_VISIT,
    8940: OUTPATIENT_VISIT,
    581477: OUTPATIENT_VISIT,
    581385: OUTPATIENT_VISIT,
    581478: OUTPATIENT_VISIT,
    38004207: OUTPATIENT_VISIT,
    38004208: OUTPATIENT_VISIT,
    5083: OUTPATIENT_VISIT,
    722455: OUTPATIENT_VISIT,
}
SEXES = {8507: MALE, 8532: FEMALE, 8521: OTHER_SEX}
SEX_LETTERS = {"M": MALE, "F": FEMALE, "O": OTHER_SEX}
RACES = {
    8515: "Asian",
    8516: "Black or African American",
    8527: "White",
    8557: "Native Hawaiian or other Pacific Islander",
    8657: "American Indian or Alaska Native",
}
SOURCES = {
    8536: "Home",
    581476: "Home",
    8870: "Emergency room",
    9203: "Emergency room",
    8717: "Hospital",
    9201: "Hospital",
    8863: "Skilled nursing facility",
    8676: "Nursing facility",
    8920: "Rehabilitation",
    8971: "Psychiatric hospital",
    8546: "Hospice",
    581477: "Office",
    8940: "Office",
    9202: "Outpatient",
    8756: "Outpatient",
    38004207: "Outpatient",
}
WENT = {
    8536: HOME,
    581476: HOME,
    38004519: HOME,
    8863: FACILITY,
    8676: FACILITY,
    8615: FACILITY,
    8827: FACILITY,
    8970: FACILITY,
    8546: HOSPICE,
    8717: OTHER_HOSPITAL,
    9201: OTHER_HOSPITAL,
    8920: REHABILITATION,
    8971: PSYCHIATRY,
    4021968: AGAINST_ADVICE,
    44814693: AGAINST_ADVICE,
    4216643: DIED,
    44814686: DIED,
}
UNITS = {
    8840: "mg/dl",
    8713: "g/dl",
    8751: "mg/l",
    8784: "cells/ul",
    8636: "g/l",
    8753: "mmol/l",
    9557: "meq/l",
    8749: "umol/l",
    8848: "10*3/ul",
    8961: "10*3/ul",
    9444: "10*9/l",
    8647: "/ul",
    8785: "/mm3",
}
VOCABULARIES = {"ICD9CM": "ICD9CM", "ICD10CM": "ICD10CM", "ICD10": "ICD10CM", "SNOMED": "SNOMED"}
ICD9_CONCEPTS = (44_819_000, 44_840_000)  # ids under which ICD-9-CM stands in the vocabulary


def coded_diagnoses(found: pd.DataFrame, names: pd.DataFrame) -> dict[str, pd.Series]:
    """Return code and system of each diagnosis.

    The concept of the source's own code comes first, then its code as written, then the standard concept.

    Parameters
    ----------
    found : DataFrame
        ``code`` as the source wrote it, ``source_concept`` and ``concept``.
    names : DataFrame
        ``vocabulary`` and ``code`` by concept id; may be empty.
    """
    known = names[names["vocabulary"].isin(VOCABULARIES)]
    codes, systems = pd.Series(None, index=found.index, dtype="str"), pd.Series(None, index=found.index, dtype="str")
    written = _written_system(found["code"].str.strip().str.upper(), found["source_concept"])
    vocabularies = known["vocabulary"].map(VOCABULARIES).astype("str")
    own, standard = (
        (looked_up(found[name], known["code"]), looked_up(found[name], vocabularies))
        for name in ("source_concept", "concept")
    )
    ways = (own, (found["code"], written.where(written != "SNOMED")), standard, (found["code"], written))
    for code, system in ways:
        fresh = systems.isna() & system.notna() & code.notna()
        codes, systems = codes.mask(fresh, code), systems.mask(fresh, system)
    return {"code": codes.where(codes.notna(), found["code"]), "system": systems}


def _written_system(codes: pd.Series, concepts: pd.Series) -> pd.Series:
    """Return the system that a code is of by its form, missing where it is of none.

    A V or E code may be of either ICD; the id of its concept tells them apart.
    """
    old = concepts.between(*ICD9_CONCEPTS).fillna(value=False).astype(bool)
    systems = pd.Series(None, index=codes.index, dtype="str")
    systems = systems.mask(codes.str.fullmatch(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?", na=False), "ICD10CM")
    systems = systems.mask(codes.str.fullmatch(r"\d{3}(\.?\d{1,2})?", na=False), "ICD9CM")
    systems = systems.mask(codes.str.fullmatch(r"(V\d{2}|E\d{3})(\.?\d{1,2})?", na=False) & old, "ICD9CM")
    return systems.mask(codes.str.fullmatch(r"\d{6,18}", na=False), "SNOMED")
