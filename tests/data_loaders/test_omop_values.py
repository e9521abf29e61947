"""OMOP: codes of diagnoses and units of the laboratory."""

import numpy as np
import pandas as pd
import pytest
from sources.omop_tables import CONDITION, MEASUREMENT, frame

from data_loaders.omop_concepts import coded_diagnoses

# Diagnoses


def coded(code, source_concept=None, concept=None, names=()):
    found = pd.DataFrame({"code": [code]}, dtype="str").assign(
        source_concept=pd.array([source_concept], "Int64"), concept=pd.array([concept], "Int64")
    )
    index = pd.Index([one[0] for one in names], dtype="Int64")
    table = pd.DataFrame(
        {"name": "?", "vocabulary": [one[1] for one in names], "code": [one[2] for one in names]}, index, dtype="str"
    )
    one = pd.DataFrame(coded_diagnoses(found, table)).iloc[0]
    return one["code"], None if pd.isna(one["system"]) else one["system"]


ICD9_V, ICD10_V = 44_835_610, 35_225_404
CODES = {
    "ICD-9 with blanks": (coded("4280  "), "ICD9CM"),
    "ICD-9 with a point": (coded("428.0"), "ICD9CM"),
    "ICD-9 of three digits": (coded("042"), "ICD9CM"),
    "ICD-10": (coded("I50.9"), "ICD10CM"),
    "ICD-10 without a point": (coded("E1121"), "ICD10CM"),
    "ICD-10 in lower case": (coded("i50.9"), "ICD10CM"),
    "ICD-10 with a letter": (coded("C7A.00"), "ICD10CM"),
    "V of ICD-9 by its concept": (coded("V4581", ICD9_V), "ICD9CM"),
    "E of ICD-9 by its concept": (coded("E8788", ICD9_V), "ICD9CM"),
    "V of ICD-10 by its concept": (coded("V4581", ICD10_V), "ICD10CM"),
    "E of ICD-10": (coded("E1121", ICD10_V), "ICD10CM"),
    "SNOMED": (coded("84114007"), "SNOMED"),
    "words": (coded("heart failure"), None),
    "nothing": (coded(None), None),
}


@pytest.mark.parametrize("what", CODES)
def test_the_system_of_a_code_as_written(what):
    (_, system), expected = CODES[what]

    assert system == expected


def test_the_concept_of_the_own_code_comes_first():
    names = [(1, "ICD10CM", "I50.9"), (2, "SNOMED", "84114007")]

    assert coded("local 7", 1, 2, names) == ("I50.9", "ICD10CM")
    assert coded("local 7", 9, 2, names) == ("84114007", "SNOMED")
    assert coded("428.0", 9, 2, names) == ("428.0", "ICD9CM")
    assert coded("local 7", 9, 9, names) == ("local 7", None)
    assert coded("local 7", 3, None, [(3, "Read", "G58")]) == ("local 7", None)


@pytest.mark.parametrize(
    "row",
    [
        "1,11,2020-01-01,4280  ,44824250,0",
        "1,11,2020-01-01,I50.9,0,0",
        "1,11,2020-01-01,?,0,316139",
        "1,11,,84114007,,",
    ],
    ids=["ICD-9", "ICD-10", "SNOMED by its concept", "SNOMED"],
)
def test_heart_failure_is_known_by(row, tmp_path):
    concept = "concept_id,concept_name,vocabulary_id,concept_code\n316139,Heart failure,SNOMED,84114007\n"

    stays = frame(tmp_path, condition_occurrence=f"{CONDITION}\n{row}\n", concept=concept)

    assert stays.loc[["11", "21"], "heart_failure"].tolist() == ["yes", "no"]
    assert stays.loc[["11", "21"], "diagnoses"].tolist() == [1, 0]


# Laboratory


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("1.5", 8840, ""),
        ("1.5", 0, "mg/dL"),
        ("1.5", "", ""),
        ("132.6", 8749, "umol/L"),
        ("0.1326", 8753, ""),
        ("132.6", 0, "µmol/L"),
    ],
)
def test_creatinine_is_in_one_unit_whatever_was_written(value, unit, words, tmp_path):
    row = f"1,11,2020-01-02 08:00:00,3016723,{value},{unit},{words}"

    stays = frame(tmp_path, measurement=f"{MEASUREMENT}\n{row}\n")

    np.testing.assert_allclose(stays.loc["11", "creatinine_last"], 1.5)


def test_a_unit_that_is_not_known_is_no_value(tmp_path):
    row = "1,11,2020-01-02 08:00:00,3016723,1.5,0,furlongs"

    assert "creatinine_last" not in frame(tmp_path, measurement=f"{MEASUREMENT}\n{row}\n")


def test_the_last_the_lowest_and_the_highest_of_a_stay(tmp_path):
    rows = [
        f"1,11,2020-01-0{day} 12:00:00,3019550,{value},9557," for day, value in ((3, 140), (2, 125), (4, 133), (1, 130))
    ]

    stays = frame(tmp_path, measurement="\n".join([MEASUREMENT, *rows, ""]))

    assert stays.loc["11", ["sodium_last", "sodium_lowest", "sodium_highest"]].tolist() == [133, 125, 140]
