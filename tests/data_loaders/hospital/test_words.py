"""What hospitals write for how a stay began and ended, and for race: words of real tables, and their negations."""

import pandas as pd
import pytest

from clinflu.data.readmission import (
    AGAINST_ADVICE,
    ELECTIVE,
    EMERGENCY,
    FACILITY,
    HOME,
    HOSPICE,
    NEWBORN,
    OBSERVATION,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
    URGENT,
)
from data_loaders.diabetes130_codes import DESCRIPTIONS
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words, race

WENT = {
    "HOME": HOME,
    "HOME HEALTH CARE": HOME,
    "Discharged to home": HOME,
    "Discharged/transferred to home with home health service": HOME,
    "Discharged from hospital to home": HOME,
    "Discharged to home with a planned acute care hospital inpatient readmission": HOME,
    "SKILLED NURSING FACILITY": FACILITY,
    "Discharged to nursing home": FACILITY,
    "CHRONIC/LONG TERM ACUTE CARE": FACILITY,
    "Discharged/transferred to court/law enforcement": FACILITY,
    "OTHER FACILITY": FACILITY,
    "ACUTE HOSPITAL": OTHER_HOSPITAL,
    "Discharged/transferred to another short term hospital": OTHER_HOSPITAL,
    "SHORT TERM HOSPITAL": OTHER_HOSPITAL,
    "Transferred": OTHER_HOSPITAL,
    "HOSPICE-HOME": HOSPICE,
    "PSYCH FACILITY": PSYCHIATRY,
    "REHAB/DISTINCT PART HOSP": REHABILITATION,
    "LEFT AGAINST MEDICAL ADVI": AGAINST_ADVICE,
    "AGAINST ADVICE": AGAINST_ADVICE,
    "DEAD/EXPIRED": DIED,
    "DIED": DIED,
    "Not dead": None,
    "": None,
}
CAME = {
    "EW EMER.": EMERGENCY,
    "DIRECT EMER.": EMERGENCY,
    "ED": EMERGENCY,
    "URGENT": URGENT,
    "Non-elective": URGENT,
    "Unplanned": URGENT,
    "Not planned": URGENT,
    "not scheduled": URGENT,
    "ELECTIVE": ELECTIVE,
    "SURGICAL SAME DAY ADMISSION": ELECTIVE,
    "planned": ELECTIVE,
    "NON-EMERGENCY": ELECTIVE,
    "Non-urgent orthopedic admission": ELECTIVE,
    "EU OBSERVATION": OBSERVATION,
    "NEWBORN": NEWBORN,
    "10011398|27505812": None,
}
RACES = {
    "WHITE - RUSSIAN": "White",
    "Caucasian": "White",
    "BLACK/AFRICAN AMERICAN": "Black or African American",
    "ASIAN - CHINESE": "Asian",
    "HISPANIC/LATINO - CUBAN": "Hispanic or Latino",
    "AMERICAN INDIAN/ALASKA NATIVE": "American Indian or Alaska Native",
    "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": "Native Hawaiian or other Pacific Islander",
    "Martian": "Other",
    "UNKNOWN": None,
    "PATIENT DECLINED TO ANSWER": None,
}


def only(found):
    return None if found.isna().item() else found.item()


@pytest.mark.parametrize("words", WENT)
def test_where_a_patient_went(words):
    assert only(disposition(pd.Series([words], dtype="str"))) == WENT[words]


@pytest.mark.parametrize("words", CAME)
def test_how_a_stay_began(words):
    assert only(admission_type(pd.Series([words], dtype="str"))) == CAME[words]


@pytest.mark.parametrize("words", RACES)
def test_race(words):
    assert only(race(pd.Series([words], dtype="str"))) == RACES[words]


def test_the_dispositions_of_the_uci_table_are_those_that_its_codes_mean():
    """The codes of the deaths, of hospices, of leaving against advice, and of home, with or without help."""
    words = pd.Series(DESCRIPTIONS["discharge_disposition_id"])
    found = disposition(words.astype("str"))
    for codes, meaning in (("11 19 20 21", DIED), ("13 14", HOSPICE), ("7", AGAINST_ADVICE), ("1 6", HOME)):
        assert set(found[codes.split()]) == {meaning}
    assert set(found[["2"]]) == {OTHER_HOSPITAL}


def test_a_planned_admission_is_known_by_its_type():
    found = is_planned(pd.Series([ELECTIVE, NEWBORN, EMERGENCY, URGENT, OBSERVATION, PSYCHIATRY, None], dtype="str"))
    assert found.astype("float").fillna(-1).tolist() == [1, 1, 0, 0, 0, 1, -1]


def test_words_are_shown_plainly():
    words = pd.Series(["EMERGENCY  ROOM", " clinic", "0", None], dtype="str")
    assert plain_words(words).fillna("-").tolist() == ["Emergency room", "Clinic", "-", "-"]
