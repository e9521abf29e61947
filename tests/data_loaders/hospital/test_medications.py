"""Classes of medications, from names as hospitals write them."""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_loaders.hospital.medications import CLASSES, class_flags, plain_name

KEYS = [one.key for one in CLASSES]
DATA = Path(os.environ.get("CLINFLU_DATA", Path(__file__).parents[4] / "shared/data"))


def classes(name):
    flags = class_flags(pd.Series([name], dtype="str"))
    return flags.columns[flags.iloc[0]].tolist()


def plain(name):
    return plain_name(pd.Series([name], dtype="str")).item()


WRITTEN = {
    "WARFARIN SODIUM 5 MG PO TABS": "anticoagulants",
    "HEPARIN 25,000 unit(s) in D5W 25": "anticoagulants",
    "0.4 ML SYRINGE : ENOXAPARIN SODIUM 40 MG/0.4ML SC SOLN": "anticoagulants",
    "ASPIRIN (BABY ASA) 81 MG TAB": "antiplatelets",
    "Clopidogrel Bisulfate": "antiplatelets",
    "Insulin Lispro 100 UNT/ML": "insulin",
    "INSULIN-GLARGINE *UNIT* INJ": "insulin",
    "NovoLOG Flexpen": "insulin",
    "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet": "oral_glucose_lowering",
    "GlipiZIDE XL": "oral_glucose_lowering",
    "fentaNYL inj 50 mcg": "opioids",
    "ACETAMIN/HYDROCODON 325MG/5MG": "opioids",
    "OxycoDONE-Acetaminophen Elixir": "opioids",
    "1 ml crtrdg-ndl : lorazepam 2 mg/ml ij soln": "benzodiazepines_sedatives",
    "Quetiapine Fumarate": "antipsychotics",
    "traZODONE HCl": "antidepressants",
    "Divalproex (EXTended Release)": "antiepileptics",
    "furosemide (LASIX) injection 40 mg": "loop_diuretics",
    "Metoprolol Tartrate": "beta_blockers",
    "lisinopril 10 MG Oral Tablet": "ace_inhibitors_arbs",
    "Losartan Potassium": "ace_inhibitors_arbs",
    "ATORVASTATIN CALCIUM 40 MG PO TABS": "statins",
    "SOLU-MEDROL": "corticosteroids",
    "MethylPREDNISolone Sodium Succ": "corticosteroids",
    "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet": "antibiotics",
    "ZOSYN 3.375 GRAM in NS 100 mL IVPB": "antibiotics",
    "1 ML tacrolimus 5 MG/ML Injection": "immunosuppressants_antineoplastics",
    "VinCRIStine (Oncovin)": "immunosuppressants_antineoplastics",
    "Albuterol 0.083% Neb Soln": "bronchodilators",
}


@pytest.mark.parametrize(("name", "key"), WRITTEN.items())
def test_a_name_is_found_as_it_is_written(name, key):
    assert classes(name) == [key]
    assert classes(name.upper()) == classes(name.lower()) == [key]


def test_every_class_is_tested_and_no_ingredient_is_in_two():
    names = [name for one in CLASSES for name in one.names]
    assert set(WRITTEN.values()) == set(KEYS)
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
    assert len(KEYS) == len(set(KEYS)) == len({one.label for one in CLASSES}) == 17


def test_every_ingredient_is_found_alone_and_with_others():
    for one in CLASSES:
        for name in one.names:
            assert classes(name) == classes(f"{name.upper()}-Placebo 5 mg") == [one.key]
    assert classes("aspirin / simvastatin") == ["antiplatelets", "statins"]


NONE = [
    *("Heparin Flush (10 units/ml)", "Heparin Lock Flush", "Heparin Flush CRRT (5000 Units/mL)"),
    *("Erythromycin 0.5% Ophth Oint", "PrednisoLONE Acetate 1% Ophth. Susp.", "Ciprofloxacin 0.3% Ophth Soln"),
    *("Vancomycin Enema", "hydrocortisone 1% Cream", "Timolol Maleate 0.25%"),
    *("Methylnaltrexone", "Fludrocortisone Acetate", "budesonide 0.25 MG/ML Inhalation Suspension"),
    *("Propofol", "Prochlorperazine", "Potassium Chloride", "heparinoid", "preinsulin", "", None),
]


@pytest.mark.parametrize("name", NONE)
def test_what_acts_in_one_place_or_is_unknown_is_of_no_class(name):
    assert classes(name) == []


def test_flags_keep_the_index_and_agree_with_a_loop():
    names = pd.Series([*WRITTEN, *NONE], dtype="str").sample(500, replace=True, random_state=7)
    flags = class_flags(names)
    assert flags.index.equals(names.index)
    assert flags.columns.tolist() == KEYS
    assert flags.to_numpy().dtype == np.bool_
    assert [flags.columns[row].tolist() for row in flags.to_numpy()] == [classes(name) for name in names]
    assert class_flags(names.head(0)).shape == (0, 17)


PLAIN = {
    "Insulin Lispro 100 UNT/ML": "insulin lispro",
    "WARFARIN SODIUM 5 MG PO TABS": "warfarin sodium",
    "4 ML VIAL : FUROSEMIDE 10 MG/ML INJ SOLN": "furosemide",
    "2 ML  -  FUROSEMIDE 10 MG/ML IJ SOLN": "furosemide",
    "furosemide (LASIX) injection 40 mg": "furosemide",
    "FUROSEMIDE INJ": "furosemide",
    "Furosemide": "furosemide",
    "500 ML FLEX CONT EXCEL : SODIUM CHLORIDE 0.9 % IV SOLN": "sodium chloride",
    "0.9% Sodium Chloride": "sodium chloride",
    "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet": "metoprolol succinate",
    "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet": "amoxicillin / clavulanate",
    "Acetaminophen 325 MG Oral Tablet [Tylenol]": "acetaminophen",
    "Penicillin V Potassium 250 MG Oral Tablet": "penicillin v potassium",
    "D5W": "d5w",
    "Syringe": "syringe",
}


@pytest.mark.parametrize(("name", "expected"), PLAIN.items())
def test_a_plain_name_has_no_strength_form_or_container(name, expected):
    assert plain(name) == expected
    assert plain(f" {name.upper()} ") == expected


def test_plain_names_that_are_missing_stay_missing_and_the_index_is_kept():
    names = plain_name(pd.Series(["Aspirin EC", None, " ", "ASPIRIN 81 MG"], [4, 4, 1, 0], dtype="str"))
    assert names.index.tolist() == [4, 4, 1, 0]
    assert names.isna().tolist() == [False, True, True, False]
    assert names.nunique() == 1


def test_a_million_names_are_looked_up_once_each():
    names = pd.Series(np.resize([*WRITTEN, *NONE], 1_000_000), dtype="str")
    start = time.process_time()
    assert class_flags(names).to_numpy().any()
    assert plain_name(names).notna().any()
    assert time.process_time() - start < 20


SHARES = {
    "mimic3_demo/PRESCRIPTIONS.csv.gz": ("drug", 0.36),
    "eicu_demo/medication.csv": ("drugname", 0.44),
}


@pytest.mark.skipif(not (DATA / "eicu_demo").exists(), reason="the shared data are not here")
@pytest.mark.parametrize("path", SHARES)
def test_the_rest_of_real_orders_is_mostly_fluids(path):
    column, share = SHARES[path]
    names = pd.read_csv(DATA / path, dtype="str")[column].dropna()
    classed = class_flags(names).any(axis=1)
    assert classed.mean() > share
    assert plain_name(names).nunique() < names.nunique()
    assert names[~classed].str.contains("chloride|dextrose|water|d5|ns|lr", case=False).mean() > 0.25
