"""LACE, HOSPITAL and Charlson: worked by hand at every cut, and against the published lists of codes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from data_loaders import diabetes130
from data_loaders.diabetes130_baselines import BASELINES, baseline_scores
from data_loaders.readmission_scores import (
    FIRST_CUTS,
    LATER_CUTS,
    charlson,
    has_malignancy,
    hospital,
    hospital_simplified,
    lace,
)

NAN = float("nan")


def points(*codes):
    return charlson(pd.DataFrame([codes], dtype=object)).item()


# LACE


@pytest.mark.parametrize(
    ("days", "expected"),
    [(0, 0), (0.9, 0), (1, 1), (2, 2), (3, 3), (4, 4), (6, 4), (7, 5), (13, 5), (14, 7), (90, 7), (None, NAN)],
)
def test_length_of_stay_in_lace(days, expected):
    np.testing.assert_array_equal(lace([days], [False], [0], [0]), [expected])


@pytest.mark.parametrize(
    ("comorbidity", "expected"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 5), (5, 5), (20, 5), (None, NAN)]
)
def test_comorbidity_in_lace(comorbidity, expected):
    np.testing.assert_array_equal(lace([0], [False], [comorbidity], [0]), [expected])


@pytest.mark.parametrize(("visits", "expected"), [(0, 0), (1, 1), (3, 3), (4, 4), (5, 4), (76, 4), (None, NAN)])
def test_emergency_visits_in_lace(visits, expected):
    np.testing.assert_array_equal(lace([0], [False], [0], [visits]), [expected])


def test_lace_adds_up_from_0_to_19_also_from_text():
    found = lace(["0", "5", "14"], [False, True, True], [0.0, 2.0, 6.0], ["0", "1", "9"])
    assert found.tolist() == [0, 4 + 3 + 2 + 1, 19]


# HOSPITAL

ADMISSIONS = [(0, 0, 0), (1, 0, 2), (2, 2, 2), (5, 2, 2), (6, 5, 5), (21, 5, 5), (None, NAN, NAN)]


@pytest.mark.parametrize(("admissions", "later", "first"), ADMISSIONS)
def test_both_published_cuts_of_admissions_in_hospital(admissions, later, first):
    none = [0], [False], [False], [0]
    np.testing.assert_array_equal(hospital(*none, [admissions], cuts=LATER_CUTS), [later])
    np.testing.assert_array_equal(hospital(*none, [admissions], cuts=FIRST_CUTS), [first])
    np.testing.assert_array_equal(hospital(*none, [admissions]), [later])


@pytest.mark.parametrize(("days", "expected"), [(1, 0), (4, 0), (5, 2), (14, 2), (None, NAN)])
def test_length_of_stay_in_hospital(days, expected):
    np.testing.assert_array_equal(hospital([days], [False], [False], [0], [0]), [expected])


def test_the_other_items_of_hospital_and_its_ceiling_of_11():
    found = hospital([1, 1, 1, 1, 9], [1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 6, 2], [0, 0, 0, 0, 9])
    assert found.tolist() == [1, 2, 1, 1, 11]


NOBODY = [0], [False], [False], [0], [0]
HAEMOGLOBIN = [(11.99, 1), (12, 0), (12.1, 0), (4, 1), ("11.9", 1), (None, 0), (NAN, 0)]
SODIUM = [(134.9, 1), (135, 0), (150, 0), (None, 0)]


@pytest.mark.parametrize(("value", "expected"), HAEMOGLOBIN)
def test_haemoglobin_in_hospital(value, expected):
    assert hospital(*NOBODY, haemoglobin=[value]).tolist() == [expected]


@pytest.mark.parametrize(("value", "expected"), SODIUM)
def test_sodium_in_hospital(value, expected):
    assert hospital(*NOBODY, sodium=[value]).tolist() == [expected]


def test_hospital_with_its_laboratory_ends_at_13_and_simplified_at_12():
    worst = {"haemoglobin": [7, 7], "sodium": [120, None]}
    stay = [9, 9], [True, True], [True, True]
    assert hospital(*stay, [1, 0], [9, 9], **worst).tolist() == [13, 11]
    assert hospital_simplified(*stay, [9, 9], **worst).tolist() == [12, 11]
    assert hospital_simplified(*stay, [9, 9]).tolist() == [10, 10]
    np.testing.assert_array_equal(hospital([None], [0], [0], [0], [0], haemoglobin=[7]), [NAN])


@pytest.mark.parametrize(("admissions", "expected"), [(0, 0), (1, 0), (2, 2), (5, 2), (6, 5), (None, NAN)])
def test_simplified_hospital_by_hand(admissions, expected):
    np.testing.assert_array_equal(hospital_simplified([4], [False], [False], [admissions]), [expected])
    np.testing.assert_array_equal(hospital_simplified([5], [True], [True], [admissions], [11], [134]), [expected + 7])


# Charlson

CODES = {
    ("428",): 2,
    ("410", "412"): 1,
    ("250",): 1,
    ("250.83",): 1,
    ("250.4",): 2,
    ("250.71",): 2,
    ("250", "250.6", "250.7"): 2,
    ("443",): 0,  # in part Raynaud's syndrome
    ("443.9",): 1,
    ("404",): 0,  # with or without heart failure and kidney disease
    ("404.93",): 4,  # with both
    ("342.90", "343"): 0,  # LACE leaves hemiplegia out
    ("437.3",): 2,  # of the brain, and a peripheral vessel
    ("042",): 4,
    ("42",): 4,  # leading zeros are lost in many tables
    ("070.54", "571", "572.2"): 4,
    ("174", "197"): 6,
    ("197", "428", "496"): 10,
    ("V42.0",): 2,
    ("V42.7",): 2,
    ("V42",): 0,  # of any organ
    ("V56",): 2,
    ("294.1", "710.0"): 6,
    ("E888", "V57", "780"): 0,
    (None, "nonsense", "4280"): 0,
    (None, None, None): 0,
    ("428", None, "?"): 2,
}


@pytest.mark.parametrize(("codes", "expected"), CODES.items())
def test_codes_prove_what_they_prove(codes, expected):
    assert points(*codes) == expected


def test_rows_are_counted_apart_and_a_table_may_be_empty():
    table = pd.DataFrame({"a": ["428", None, "250"], "b": ["250.4", "428", None]}, dtype="str")
    assert charlson(table).tolist() == [4, 2, 1]
    assert has_malignancy(table.replace("250", "199")).tolist() == [False, False, True]
    assert charlson(table.head(0)).tolist() == has_malignancy(table.head(0)).tolist() == []


def test_malignant_neoplasms_are_140_to_208():
    codes = ["139", "140", "173.9", "208", "208.9", "209", "239", "V10", None, "140-208", ""]
    found = has_malignancy(pd.DataFrame({"code": codes}, dtype="str"))
    assert [code for code, one in zip(codes, found, strict=True) if one] == ["140", "173.9", "208", "208.9"]


# The enhanced ICD-9-CM codes of Quan et al. (2005), table 1, as beginnings of codes without the point; the points of
# LACE. Of the conditions of one organ the gravest counts.
PUBLISHED = {
    ("heart", 1): "410 412",
    ("failure", 2): ("39891 40201 40211 40291 40401 40403 40411 40413 40491 40493 4254 4255 4256 4257 4258 4259 428"),
    ("vessels", 1): "0930 4373 440 441 4431 4432 4433 4434 4435 4436 4437 4438 4439 4471 5571 5579 V434",
    ("brain", 1): "36234 430 431 432 433 434 435 436 437 438",
    ("dementia", 3): "290 2941 3312",
    ("lung", 2): "4168 4169 490 491 492 493 494 495 496 497 498 499 500 501 502 503 504 505 5064 5081 5088",
    ("joints", 3): "4465 7100 7101 7102 7103 7104 7140 7141 7142 7148 725",
    ("ulcer", 1): "531 532 533 534",
    ("liver", 2): "07022 07023 07032 07033 07044 07054 0706 0709 570 571 5733 5734 5738 5739 V427",
    ("liver", 4): "4560 4561 4562 5722 5723 5724 5725 5726 5727 5728",
    ("diabetes", 1): "2500 2501 2502 2503 2508 2509",
    ("diabetes", 2): "2504 2505 2506 2507",
    ("kidney", 2): (
        "40301 40311 40391 40402 40403 40412 40413 40492 40493 582 5830 5831 5832 5833 5834 5835 5836 5837 585 586 "
        "5880 V420 V451 V56"
    ),
    ("cancer", 2): (
        "140 141 142 143 144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159 160 161 162 163 164 165 166 "
        "167 168 169 170 171 172 174 175 176 177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 "
        "195 200 201 202 203 204 205 206 207 208 2386"
    ),
    ("cancer", 6): "196 197 198 199",
    ("immune", 4): "042 043 044",
}


BEGINNINGS = [(organ, worth, tuple(listed.split())) for (organ, worth), listed in PUBLISHED.items()]


def published_points(code):
    found, digits = {}, code.replace(".", "")
    for organ, worth, beginnings in BEGINNINGS:
        if digits.startswith(beginnings):
            found[organ] = max(found.get(organ, 0), worth)
    return sum(found.values())


CATEGORIES = [*(f"{number:03d}" for number in range(1, 1000)), *(f"V{number:02d}" for number in range(1, 92))]
FULL = [f"{category}.{digits:02d}" for category in CATEGORIES for digits in range(100)]


@pytest.fixture(scope="module")
def full_points():
    """The points of every code of five digits."""
    return charlson(pd.DataFrame({"code": FULL}, dtype="str"))


def test_every_code_of_five_digits_has_the_points_of_the_published_lists(full_points):
    np.testing.assert_array_equal(full_points, [published_points(code) for code in FULL])
    assert set(full_points) == {0, 1, 2, 3, 4, 6}


@pytest.mark.parametrize("digits", [0, 1])
def test_a_code_that_was_cut_has_the_fewest_points_of_those_it_may_have_been(digits, full_points):
    short = pd.Series(FULL).str[: len("000.00") - 2 + digits].str.removesuffix(".")
    fewest = pd.Series(np.asarray(full_points)).groupby(short).min()
    np.testing.assert_array_equal(charlson(pd.DataFrame({"code": fewest.index}, dtype="str")), fewest)


@given(st.lists(st.sampled_from(FULL[::7]), min_size=1, max_size=5))
def test_less_knowledge_never_has_more_points(codes):
    assert points(*(code.partition(".")[0] for code in codes)) <= points(*codes)
    assert points(*codes[1:], None) <= points(*codes)


# The loaders


def test_every_baseline_is_called_approximate_and_says_what_is_missing():
    assert [spec.name for spec in BASELINES] == ["lace", "hospital_2_5", "hospital_1_5"]
    for spec in BASELINES:
        assert spec.approximate
        assert "~ (approximate)" in spec.label
    assert [spec.largest for spec in BASELINES] == [19, 11, 11]
    for words in ("lower bound", "over-counted", "unknown admission type"):
        assert words in BASELINES[0].note
    for spec in BASELINES[1:]:
        assert all(words in spec.note for words in ("Haemoglobin and sodium", "11 of 13", "malignant neoplasm"))
        assert spec.label.rpartition("cuts ")[2] in spec.note


def test_two_patients_of_the_table_worked_by_hand():
    table = {
        "diag_1": ["250.6", "153"],
        "diag_2": ["428", None],
        "diag_3": ["443", "496"],
        "time_in_hospital": ["5", "4"],
        "admission_type_id": ["2", "3"],
        "num_procedures": ["0", "2"],
        "number_emergency": ["6", "1"],
        "number_inpatient": ["1", "6"],
    }
    found = baseline_scores(pd.DataFrame(table, dtype="str", index=[7, 3]))

    assert found.index.tolist() == [7, 3]
    assert found["lace"].tolist() == [4 + 3 + 5 + 4, 4 + 0 + 5 + 1]  # 2 + 2 of Charlson, and 2 + 2
    assert found["hospital_2_5"].tolist() == [2 + 1, 2 + 1 + 5]
    assert found["hospital_1_5"].tolist() == [2 + 1 + 2, 2 + 1 + 5]


def test_the_simulated_patients_have_the_scores_of_their_records(simulated_cohort):
    from data_loaders.simulated import simulate

    raw = simulate().set_index("encounter_id")
    scores = baseline_scores(raw.loc[simulated_cohort.frame.index])
    for name in simulated_cohort.schema.baseline_names:
        np.testing.assert_array_equal(simulated_cohort.frame[name], scores[name])
        assert roc_auc_score(simulated_cohort.outcome, scores[name]) > 0.5


@pytest.fixture(scope="module")
def uci(uci_cohort):
    return uci_cohort


MEASURED = {"lace": 0.571, "hospital_2_5": 0.590, "hospital_1_5": 0.601}


@pytest.mark.uci
@pytest.mark.parametrize(("name", "expected"), MEASURED.items())
def test_discrimination_on_the_uci_table_is_that_measured_before(uci, name, expected):
    assert uci.schema == diabetes130.SCHEMA
    assert uci.frame[name].notna().all()
    assert abs(roc_auc_score(uci.outcome, uci.frame[name]) - expected) < 0.002


@pytest.mark.uci
def test_the_scores_of_the_uci_table_reach_both_ends(uci):
    assert [(uci.frame[one.name].min(), uci.frame[one.name].max()) for one in BASELINES] == [(1, 19), (0, 11), (0, 11)]
