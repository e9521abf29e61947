"""What eICU calls its tables and columns, and what its words and codes mean."""

import pandas as pd

from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import FEMALE, MALE, OTHER_SEX
from data_loaders.tables.fields import identifier, number, text

SCHEMA = {
    "patient": {
        "encounter_id": identifier("patientunitstayid", required=True),
        "hospital_stay": identifier("patienthealthsystemstayid", required=True),
        "patient_id": identifier("uniquepid", required=True),
        "visit": number("unitvisitnumber", required=True),
        "before": number("hospitaladmitoffset", required=True),
        "ended": number("unitdischargeoffset", required=True),
        "sex": text("gender"),
        "age": text("age"),
        "race": text("ethnicity"),
        "unit": text("unittype"),
        "kind": text("unitstaytype"),
        "came": text("unitadmitsource"),
        "went": text("unitdischargelocation"),
        "status": text("unitdischargestatus"),
    },
    "diagnosis": {
        "encounter_id": identifier("patientunitstayid", required=True),
        "offset": number("diagnosisoffset", required=True),
        "codes": text("icd9code"),
        "priority": text("diagnosispriority"),
    },
    "treatment": {
        "encounter_id": identifier("patientunitstayid", required=True),
        "offset": number("treatmentoffset", required=True),
        "words": text("treatmentstring", required=True),
    },
    "medication": {
        "encounter_id": identifier("patientunitstayid", required=True),
        "ordered": number("drugorderoffset"),
        "started": number("drugstartoffset", required=True),
        "name": text("drugname"),
        "list_number": text("drughiclseqno"),
        "cancelled": text("drugordercancelled"),
    },
    "lab": {
        "encounter_id": identifier("patientunitstayid", required=True),
        "offset": number("labresultoffset", required=True),
        "name": text("labname"),
        "value": number("labresult"),
        "unit": text("labmeasurenamesystem", "labmeasurenameinterface"),
    },
}
"""By table, what is read of it; an offset counts minutes from the admission to the unit."""
NEEDED = ("patienthealthsystemstayid", "age", "unitstaytype", "unitdischargelocation", "unitdischargestatus")
"""Columns of ``patient`` without which the label, or who is at risk of it, would be another."""

SEXES = {"female": FEMALE, "male": MALE, "other": OTHER_SEX}
OVER_89 = r"\s*>\s*\d+\s*"
STEPDOWN = "stepdown/other"
DIED = ("death", "expired")
INTENSIVE = r"\bicu\b"
STILL_INTENSIVE = rf"{INTENSIVE}|operating room"
LEFT_HOSPITAL = r"home|other hospital|external|skilled|nursing|rehab|hospice"
CANCELLED = "yes"

ICD9 = r"\d{3}(?:\.\d{1,2})?|V\d{2}(?:\.\d{1,2})?|E\d{3}(?:\.\d)?"
ICD10 = r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?"
CAUSE = r"E\d{3}(?:\.\d)?"  # an external cause, in ICD-9-CM


def coded(diagnoses: pd.DataFrame) -> pd.DataFrame:
    """Return a row a code, with ``code`` and ``system``, where eICU writes ``"253.2, E23.0"`` in one cell.

    Both systems say the same, so that a diagnosis counts once: the codes of ICD-9-CM, for which the column is named,
    and those of ICD-10-CM only where there are none. An external cause comes after what it caused.

    Parameters
    ----------
    diagnoses : DataFrame
        ``codes`` as eICU writes them, and any other column.
    """
    some = diagnoses[diagnoses["codes"].notna()].reset_index(drop=True)
    parts = some.assign(cell=some.index, code=some["codes"].str.split(",")).explode("code", ignore_index=True)
    codes = parts["code"].astype("str").str.strip().str.upper()
    old, new = codes.str.fullmatch(ICD9, na=False), codes.str.fullmatch(ICD10, na=False)
    has_old = old.groupby(parts["cell"]).transform("any")
    system = pd.Series("ICD10CM", parts.index, dtype="str").mask(old, "ICD9CM")
    parts = parts.assign(code=codes, system=system, cause=codes.str.fullmatch(CAUSE, na=False))
    kept = parts[old | (new & ~has_old)].sort_values(["cell", "cause"], kind="stable", ignore_index=True)
    return kept.drop(columns=["codes", "cell", "cause"])


def named(medications: pd.DataFrame) -> pd.Series:
    """Return the name of each drug; one without is named as others of the same number of the drug list are.

    Parameters
    ----------
    medications : DataFrame
        ``name`` and ``list_number``, either of which may be missing.
    """
    known = medications[medications["name"].notna() & medications["list_number"].notna()]
    names = known.drop_duplicates("list_number").set_index("list_number")["name"]
    return medications["name"].fillna(looked_up(medications["list_number"], names))
