"""What the codes of FHIR mean for a stay; words are left to :mod:`data_loaders.hospital.words`.

References
----------
Encounter classes: v3-ActEncounterCode of HL7, and the words of FHIR before R4. Dispositions: discharge-disposition of
HL7, and the codes of the National Uniform Billing Committee that US Core asks for. Priorities: v3-ActPriority of HL7.
"""

from functools import lru_cache

from clinflu.data.readmission import (
    AGAINST_ADVICE,
    ELECTIVE,
    EMERGENCY,
    FACILITY,
    HOME,
    HOSPICE,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
    URGENT,
)
from data_loaders.fhir_nodes import Coding
from data_loaders.hospital.words import DIED

STAY, EMERGENCY_ROOM, OUTPATIENT, OBSERVED = range(4)
CLASSES = {
    **dict.fromkeys(("imp", "acute", "nonac", "inpatient"), STAY),
    **dict.fromkeys(("emer", "emergency"), EMERGENCY_ROOM),
    "obsenc": OBSERVED,
    **dict.fromkeys(("amb", "ss", "hh", "vr", "fld", "outpatient", "ambulatory", "home"), OUTPATIENT),
    **dict.fromkeys(("field", "daytime", "virtual"), OUTPATIENT),
}
"""In lower case. A stay under observation is a visit, as it is for CMS; a pre-admission (``PRENC``) is neither."""

NOT_KNOWN = ""
DISPOSITIONS = {
    **dict.fromkeys(("home", "alt-home", "1", "6", "8", "81", "86"), HOME),
    **dict.fromkeys(("hosp", "50", "51"), HOSPICE),
    **dict.fromkeys(("exp", "20", "40", "41", "42"), DIED),
    **dict.fromkeys(("aadvice", "aama", "7"), AGAINST_ADVICE),
    **dict.fromkeys(("other-hcf", "2", "5", "43", "66", "82", "85", "88", "94"), OTHER_HOSPITAL),
    **dict.fromkeys(("rehab", "62", "90"), REHABILITATION),
    **dict.fromkeys(("psy", "65", "93"), PSYCHIATRY),
    **dict.fromkeys(("snf", "long", "3", "4", "21", "61", "63", "64", "69", "70"), FACILITY),
    **dict.fromkeys(("83", "84", "87", "89", "91", "92", "95"), FACILITY),
    **dict.fromkeys(("oth", "9", "30"), NOT_KNOWN),
}
"""In lower case, without zeros in front. Another healthcare facility (``other-hcf``) is taken for another hospital,
since nursing homes, rehabilitation and psychiatry have codes of their own. Of the numbers, 81 to 95 are others with a
planned readmission: 81 to 86 are 1 to 6, 87 is 21 (court or law enforcement), 88 is 43, 89 to 94 are 61 to 66, 95 is
70.
"""
NUBC = (
    "www.nubc.org/codesystem/patdischargestatus",
    "www.nubc.org/patient-discharge",
    "urn:oid:2.16.840.1.113883.6.301.5",
)
"""In lower case, without ``http://``."""

SOURCES = {
    "hosp-trans": "Transferred from other hospital",
    "emd": "From accident/emergency department",
    "outp": "From outpatient department",
    "born": "Born in hospital",
    "gp": "General practitioner referral",
    "mp": "Medical practitioner/physician referral",
    "nursing": "From nursing home",
    "psych": "From psychiatric hospital",
    "rehab": "From rehabilitation facility",
    "other": "Other",
}
PRIORITIES = {"em": EMERGENCY, "s": EMERGENCY, "ur": URGENT, "a": URGENT, "el": ELECTIVE}
PRIORITY_SYSTEM = "ActPriority"
ADMISSIONS = {
    **dict.fromkeys(("183452005", "50849002", "183478001"), EMERGENCY),
    **dict.fromkeys(("8715000", "183450002"), ELECTIVE),
}
"""SNOMED CT: emergency admissions, and elective ones."""

RACES = {
    "1002-5": "American Indian or Alaska Native",
    "2028-9": "Asian",
    "2054-5": "Black or African American",
    "2076-8": "Native Hawaiian or Other Pacific Islander",
    "2106-3": "White",
    "UNK": NOT_KNOWN,
    "ASKU": NOT_KNOWN,
}
ICD9, ICD10, SNOMED = "ICD9CM", "ICD10CM", "SNOMED"
OIDS = {
    "urn:oid:2.16.840.1.113883.6.90": ICD10,
    "urn:oid:2.16.840.1.113883.6.3": ICD10,
    "urn:oid:2.16.840.1.113883.6.103": ICD9,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
}
LOINC = ("http://loinc.org", "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1")


@lru_cache(maxsize=1024)
def diagnosis_system(system: str) -> str | None:
    """Return which classification of diagnoses a system is, such as ``http://hl7.org/fhir/sid/icd-10-cm``."""
    plain = system.lower()
    if plain in OIDS:
        return OIDS[plain]
    if "snomed.info/sct" in plain:
        return SNOMED
    joined = plain.replace("-", "")
    if "pcs" in joined:  # procedures
        return None
    return ICD10 if "icd10" in joined else ICD9 if "icd9" in joined else None


def meaning(codings: list[Coding], known: dict[str, str]) -> str | None:
    """Return what the first code that is known means, None where none is, ``NOT_KNOWN`` where it says nothing."""
    for one in codings:
        code = one.code.strip().lower()
        found = known.get(code.lstrip("0") or code)
        if found is not None:
            return found
    return None


def went(codings: list[Coding]) -> str | None:
    """Return what a discharge disposition means, or else its words; numbers are codes of the NUBC alone."""
    found = meaning([one for one in codings if not one.code.strip().isdigit() or _of_nubc(one.system)], DISPOSITIONS)
    return words(codings) if found is None else found or None


def _of_nubc(system: str) -> bool:
    """Whether a system is that of the National Uniform Billing Committee, or not told."""
    plain = system.strip().lower().removeprefix("http://").removeprefix("https://")
    return not plain or plain in NUBC


def words(codings: list[Coding]) -> str | None:
    """Return the first words among codings, or else the first code."""
    return next((one.words for one in codings if one.words), None) or next((one.code for one in codings), None)
