"""Comorbidities, malignancy and groups: against the published lists, and the same of both classifications."""

import json
import os
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_loaders.hospital.comorbidities import (
    COMORBIDITIES,
    UNGROUPED,
    charlson_points,
    comorbidity_flags,
    diagnosis_group,
    is_malignant,
)
from data_loaders.hospital.diagnosis_codes import GROUPS, SNOMED
from data_loaders.readmission_scores import charlson

KEYS = [one.key for one in COMORBIDITIES]
NINE, TEN, SNOMED_CT = "ICD9CM", "ICD10CM", "SNOMED"
DATA = Path(os.environ.get("CLINFLU_DATA", Path(__file__).parents[4] / "shared/data"))


def asked(function, codes, system):
    series = pd.Series(codes, dtype="str")
    return function(series, pd.Series(system, series.index, dtype="str"))


def proven(code, system):
    flags = asked(comorbidity_flags, [code], system)
    return flags.columns[flags.iloc[0]].tolist()


# Quan et al. (2005), table 1, ICD-10, as beginnings of codes without the point.
PUBLISHED_10 = {
    "myocardial_infarction": "I21 I22 I252",
    "heart_failure": "I099 I110 I130 I132 I255 I420 I425 I426 I427 I428 I429 I43 I50 P290",
    "peripheral_vascular_disease": "I70 I71 I731 I738 I739 I771 I790 I792 K551 K558 K559 Z958 Z959",
    "cerebrovascular_disease": "G45 G46 H340 I60 I61 I62 I63 I64 I65 I66 I67 I68 I69",
    "dementia": "F00 F01 F02 F03 F051 G30 G311",
    "chronic_pulmonary_disease": (
        "I278 I279 J40 J41 J42 J43 J44 J45 J46 J47 J60 J61 J62 J63 J64 J65 J66 J67 J684 J701 J703"
    ),
    "connective_tissue_disease": "M05 M06 M315 M32 M33 M34 M351 M353 M360",
    "peptic_ulcer": "K25 K26 K27 K28",
    "mild_liver_disease": (
        "B18 K700 K701 K702 K703 K709 K713 K714 K715 K717 K73 K74 K760 K762 K763 K764 K768 K769 Z944"
    ),
    "diabetes": (
        "E100 E101 E106 E108 E109 E110 E111 E116 E118 E119 E120 E121 E126 E128 E129 E130 E131 E136 E138 E139 E140 E141 "
        "E146 E148 E149"
    ),
    "diabetes_with_damage": (
        "E102 E103 E104 E105 E107 E112 E113 E114 E115 E117 E122 E123 E124 E125 E127 E132 E133 E134 E135 E137 E142 E143 "
        "E144 E145 E147"
    ),
    "hemiplegia": "G041 G114 G801 G802 G81 G82 G830 G831 G832 G833 G834 G839",
    "kidney_disease": (
        "I120 I131 N032 N033 N034 N035 N036 N037 N052 N053 N054 N055 N056 N057 N18 N19 N250 Z490 Z491 Z492 Z940 Z992"
    ),
    "cancer": (
        "C00 C01 C02 C03 C04 C05 C06 C07 C08 C09 C10 C11 C12 C13 C14 C15 C16 C17 C18 C19 C20 C21 C22 C23 C24 C25 C26 "
        "C30 C31 C32 C33 C34 C37 C38 C39 C40 C41 C43 C45 C46 C47 C48 C49 C50 C51 C52 C53 C54 C55 C56 C57 C58 C60 C61 "
        "C62 C63 C64 C65 C66 C67 C68 C69 C70 C71 C72 C73 C74 C75 C76 C81 C82 C83 C84 C85 C88 C90 C91 C92 C93 C94 C95 "
        "C96 C97"
    ),
    "severe_liver_disease": "I850 I859 I864 I982 K704 K711 K721 K729 K765 K766 K767",
    "metastatic_cancer": "C77 C78 C79 C80",
    "hiv": "B20 B21 B22 B24",
}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CATEGORIES_10 = [f"{letter}{number:02d}" for letter in LETTERS for number in range(100)]
CATEGORIES_10 += ["C4A", "C7A", "C7B", "D3A", "I5A", "M1A", "O9A", "Z3A"]
CODES_10 = [category + digit for category in CATEGORIES_10 for digit in "0123456789"]
CODES_9 = [f"{category}{digits:02d}" for category in range(100, 1000) for digits in range(100)]


def test_the_published_lists_name_every_comorbidity():
    assert set(PUBLISHED_10) == set(KEYS)
    assert len(KEYS) == len({one.label for one in COMORBIDITIES}) == 17


@pytest.fixture(scope="module")
def flags_10():
    """What every ICD-10 code of four characters proves."""
    return asked(comorbidity_flags, CODES_10, TEN)


@pytest.mark.parametrize("key", KEYS)
def test_every_icd10_code_of_four_characters_is_proven_as_published(key, flags_10):
    beginnings = tuple(PUBLISHED_10[key].split())
    assert flags_10[key].tolist() == [code.startswith(beginnings) for code in CODES_10]


HEMIPLEGIA_9 = ("3341", "342", "343", "3440", "3441", "3442", "3443", "3444", "3445", "3446", "3449")


def test_icd9_codes_without_a_point_have_the_points_of_those_with_it():
    pointed = pd.Series([f"{code[:3]}.{code[3:]}" for code in CODES_9], dtype="str")
    flags = asked(comorbidity_flags, CODES_9, NINE)
    np.testing.assert_array_equal(charlson_points(flags), charlson(pointed.to_frame()))
    assert flags["hemiplegia"].tolist() == [code.startswith(HEMIPLEGIA_9) for code in CODES_9]


# The same disease in both classifications: by the published lists, and by the General Equivalence Mappings.
PAIRS = {
    ("41071", "I214", "myocardial_infarction"),
    ("412", "I25.2", "myocardial_infarction"),
    ("428.0", "I50.9", "heart_failure"),
    ("40291", "I110", "heart_failure"),
    ("440.20", "I70.209", "peripheral_vascular_disease"),
    ("4439", "I739", "peripheral_vascular_disease"),
    ("434.91", "I63.9", "cerebrovascular_disease"),
    ("4359", "G459", "cerebrovascular_disease"),
    ("2900", "F03.90", "dementia"),
    ("496", "J44.9", "chronic_pulmonary_disease"),
    ("49390", "J45909", "chronic_pulmonary_disease"),
    ("7140", "M06.9", "connective_tissue_disease"),
    ("710.0", "M32.10", "connective_tissue_disease"),
    ("4465", "M315", "connective_tissue_disease"),
    ("53140", "K254", "peptic_ulcer"),
    ("5712", "K70.30", "mild_liver_disease"),
    ("V42.7", "Z944", "mild_liver_disease"),
    ("5722", "K72.90", "severe_liver_disease"),
    ("572.3", "K766", "severe_liver_disease"),
    ("456.1", "I8500", "severe_liver_disease"),
    ("25000", "E119", "diabetes"),
    ("25001", "E10.9", "diabetes"),
    ("250.60", "E11.40", "diabetes_with_damage"),
    ("25041", "E1021", "diabetes_with_damage"),
    ("342.90", "G81.90", "hemiplegia"),
    ("5856", "N18.6", "kidney_disease"),
    ("V420", "Z94.0", "kidney_disease"),
    ("V4511", "Z992", "kidney_disease"),
    ("174.9", "C50.919", "cancer"),
    ("20410", "C91.10", "cancer"),
    ("1985", "C79.51", "metastatic_cancer"),
    ("042", "B20", "hiv"),
}


@pytest.mark.parametrize(("nine", "ten", "key"), sorted(PAIRS))
def test_both_classifications_prove_the_same_comorbidity(nine, ten, key):
    assert proven(nine, NINE) == proven(ten, TEN) == [key]


WRITINGS = ["4280", "428.0", " 428.0", "4280  ", "428"]


@pytest.mark.parametrize("code", WRITINGS)
def test_a_code_is_read_however_it_is_written(code):
    assert proven(code, NINE) == ["heart_failure"]
    assert proven(code.replace("428", "I50").lower(), TEN) == ["heart_failure"]


def test_leading_zeros_and_the_letters_of_icd9():
    assert proven("42", NINE) == proven("042", NINE) == proven("0429", NINE) == ["hiv"]
    assert proven("V420", NINE) == proven("v42.0", NINE) == ["kidney_disease"]
    assert asked(diagnosis_group, ["E8889", "E888.9", "E888", "V290"], NINE).tolist() == [
        *["Injury and poisoning"] * 3,
        "Other reasons for care",
    ]


UNKNOWN = [None, "", "  ", "nonsense", "?", "-", "428.0.0", "42800000", "4", "I", "5O9"]


@pytest.mark.parametrize("system", [NINE, TEN, SNOMED_CT, "READ", None])
def test_unknown_codes_and_systems_prove_nothing(system):
    assert not asked(comorbidity_flags, UNKNOWN, system).to_numpy().any()
    assert not asked(is_malignant, UNKNOWN, system).any()
    assert not asked(comorbidity_flags, ["4280", "I509", "84114007"], "READ").to_numpy().any()
    assert proven("I509", NINE) == proven("4280", TEN) == proven("4280", SNOMED_CT) == []


def test_what_was_cut_proves_only_what_all_of_it_would():
    assert proven("250", NINE) == proven("E11", TEN) == ["diabetes"]
    assert proven("443", NINE) == proven("K70", TEN) == proven("404", NINE) == []
    assert proven("404.93", NINE) == ["heart_failure", "kidney_disease"]


def test_the_gravest_of_an_organ_counts_and_the_index_is_kept():
    codes = pd.Series(
        ["250.00", "250.40", "571.2", "572.2", "174.9", "I50.9", None], [5, 5, 7, 7, 9, 9, 2], dtype="str"
    )
    systems = pd.Series([NINE] * 5 + [TEN, None], codes.index, dtype="str")
    flags = comorbidity_flags(codes, systems)
    stays = flags.groupby(level=0).any()

    assert flags.index.tolist() == codes.index.tolist()
    assert flags.columns.tolist() == KEYS
    assert flags.to_numpy().dtype == np.bool_
    assert dict(zip(stays.index, charlson_points(stays), strict=True)) == {2: 0, 5: 2, 7: 4, 9: 2 + 2}
    assert charlson_points(stays.head(0)).shape == (0,)


MALIGNANT = {"140": True, "1739": True, "2089": True, "139": False, "20900": True, "20940": False, "2330": False}
MALIGNANT_10 = {"C00.0": True, "C449": True, "C7A1": True, "C97": True, "D05.1": False, "D471": False, "B99": False}


def test_malignant_is_what_its_classification_calls_so():
    assert asked(is_malignant, list(MALIGNANT), NINE).tolist() == list(MALIGNANT.values())
    assert asked(is_malignant, list(MALIGNANT_10), TEN).tolist() == list(MALIGNANT_10.values())
    assert asked(is_malignant, ["254837009", "126906006"], SNOMED_CT).tolist() == [True, False]


GROUPED = [
    ("0389", "A41.9", "Infections"),
    ("1749", "C50919", "Neoplasms"),
    ("285.9", "D64.9", "Blood and immune system"),
    ("27906", "D839", "Blood and immune system"),
    ("25013", "E10.10", "Diabetes"),
    ("2449", "E039", "Hormones and metabolism"),
    ("276.51", "E86.0", "Hormones and metabolism"),
    ("29620", "F32.9", "Mental health"),
    ("34590", "G40.909", "Nervous system"),
    ("366.9", "H26.9", "Eye and ear"),
    ("3829", "H66.90", "Eye and ear"),
    ("428.0", "I50.9", "Heart and circulation"),
    ("4359", "G45.9", "Heart and circulation"),
    ("486", "J18.9", "Lungs and airways"),
    ("57410", "K80.10", "Digestive system"),
    ("5849", "N17.9", "Kidneys and genitals"),
    ("64421", "O60.14X0", "Pregnancy and birth"),
    ("650", "O80", "Pregnancy and birth"),
    ("6826", "L03.115", "Skin"),
    ("71536", "M17.9", "Bones, joints and muscles"),
    ("2749", "M10.9", "Bones, joints and muscles"),
    ("4465", "M31.6", "Bones, joints and muscles"),
    ("7455", "Q21.1", "Congenital and newborn"),
    ("769", "P22.0", "Congenital and newborn"),
    ("78650", "R07.9", "Symptoms"),
    ("99592", "R65.20", "Symptoms"),
    ("82021", "S72.141A", "Injury and poisoning"),
    ("99859", "T81.4XXA", "Injury and poisoning"),
    ("E8859", "W01.0XXA", "Injury and poisoning"),
    ("V5811", "Z51.11", "Other reasons for care"),
]


@pytest.mark.parametrize(("nine", "ten", "group"), GROUPED)
def test_both_classifications_have_the_same_group(nine, ten, group):
    assert asked(diagnosis_group, [nine], NINE).item() == asked(diagnosis_group, [ten], TEN).item() == group


def test_every_group_is_named_by_a_pair_and_every_icd9_category_has_one():
    assert {group for *_, group in GROUPED} == {group.name for group in GROUPS}
    assert UNGROUPED not in asked(diagnosis_group, [f"{number:03d}" for number in range(1, 1000)], NINE).to_numpy()


def test_what_is_missing_stays_missing_and_what_is_unknown_is_not_grouped():
    codes = pd.Series([None, " ", "428", "428", "nonsense", "U99"], list("abcdef"), dtype="str")
    systems = pd.Series([NINE, NINE, None, NINE, NINE, TEN], codes.index, dtype="str")
    groups = diagnosis_group(codes, systems)
    assert groups.index.tolist() == list("abcdef")
    assert groups.isna().tolist() == [True, True, False, False, False, False]
    assert groups.tolist()[2:] == [UNGROUPED, "Heart and circulation", UNGROUPED, UNGROUPED]


CODES = st.tuples(st.sampled_from([*CODES_9[::97], *CODES_10[::89], None, "x"]), st.sampled_from([NINE, TEN]))


@given(st.lists(CODES, max_size=12))
def test_many_codes_are_answered_like_one_at_a_time(rows):
    codes = pd.Series([code for code, _ in rows], dtype="str")
    systems = pd.Series([system for _, system in rows], dtype="str")
    flags, groups = comorbidity_flags(codes, systems), diagnosis_group(codes, systems)
    for place, (code, system) in enumerate(rows):
        assert flags.columns[flags.iloc[place]].tolist() == proven(code, system)
        one = asked(diagnosis_group, [code], system)
        assert one.isna().item() if pd.isna(groups[place]) else one.item() == groups[place]


# SNOMED CT

WORDS = {
    "cancer": "alignan|ancer|arcinoma",
    "diabetes_with_damage": "due to (?:type 2 )?diabetes",
    "dementia": "Alzheimer",
}


def test_the_names_of_snomed_say_what_their_comorbidity_is():
    for key, words in WORDS.items():
        names = pd.Series([one.name for one in SNOMED.values() if one.comorbidity == key])
        assert names.str.contains(words).all()
    assert {one.group for one in SNOMED.values()} <= {group.name for group in GROUPS}
    assert {one.comorbidity for one in SNOMED.values()} - {None} <= set(KEYS)
    assert proven("84114007 ", SNOMED_CT) == ["heart_failure"]
    assert asked(diagnosis_group, ["90560007", "73595000"], SNOMED_CT).tolist() == [
        "Bones, joints and muscles",
        UNGROUPED,
    ]


@pytest.mark.skipif(not (DATA / "omop_synthea27").exists(), reason="the shared data are not here")
def test_the_codes_of_snomed_have_the_names_of_the_omop_vocabulary():
    with ZipFile(DATA / "omop_synthea27/Synthea27Nj_5.4.zip") as folder, folder.open("CONCEPT.csv") as file:
        concepts = pd.read_csv(file, sep=None, engine="python", dtype="str")
    known = concepts[concepts["vocabulary_id"] == "SNOMED"].set_index("concept_code")["concept_name"]
    assert {code: known[code] for code in SNOMED} == {code: one.name for code, one in SNOMED.items()}


@pytest.mark.skipif(not (DATA / "fhir_smart10").exists(), reason="the shared data are not here")
def test_the_conditions_of_the_simulated_fhir_patients_are_found():
    lines = (DATA / "fhir_smart10/Condition.000.ndjson").read_text().splitlines()
    codes = pd.Series([json.loads(line)["code"]["coding"][0]["code"] for line in lines])
    flags = comorbidity_flags(codes, pd.Series(SNOMED_CT, codes.index)).sum()
    found = {"cancer": 3, "diabetes": 1, "diabetes_with_damage": 3, "kidney_disease": 5, "chronic_pulmonary_disease": 1}
    assert flags[flags > 0].to_dict() == found
