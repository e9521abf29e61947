"""Laboratory tests: units against molar masses, codes against the vocabularies."""

import os
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_loaders.hospital.laboratory import (
    ANALYTES,
    by_loinc,
    by_mimic_item,
    by_name,
    by_omop_concept,
    in_our_units,
)

NAN = float("nan")
DATA = Path(os.environ.get("CLINFLU_DATA", Path(__file__).parents[4] / "shared/data"))
needs_data = pytest.mark.skipif(not (DATA / "eicu_demo").exists(), reason="the shared data are not here")


def ours(analyte, value, unit):
    return in_our_units(
        pd.Series([analyte], dtype="str"), pd.Series([value], dtype="float64"), pd.Series([unit], dtype="str")
    ).item()


# The same concentration twice, by molar mass (g/mol): 10 * mmol/L * g/mol / 1000 g/dL.
CREATININE, GLUCOSE, UREA_NITROGEN, HAEMOGLOBIN_CHAIN = 113.12, 180.16, 2 * 14.007, 16_114.0
MOLAR = [
    ("creatinine", 100, "umol/L", 100e-6 * CREATININE * 100),
    ("creatinine", 0.1, "mmol/L", 0.1e-3 * CREATININE * 100),
    ("glucose", 5.5, "mmol/L", 5.5e-3 * GLUCOSE * 100),
    ("urea_nitrogen", 7, "mmol/L", 7e-3 * UREA_NITROGEN * 100),
    ("haemoglobin", 8.7, "mmol/L", 8.7e-3 * HAEMOGLOBIN_CHAIN / 10),
]


@pytest.mark.parametrize(("analyte", "value", "unit", "expected"), MOLAR)
def test_molar_units_agree_with_molar_masses(analyte, value, unit, expected):
    assert ours(analyte, value, unit) == pytest.approx(expected, rel=1e-3)


WRITTEN = [
    ("sodium", 140, "mEq/L", 140),
    ("sodium", 140, "mmol/L", 140),
    ("potassium", 4.1, " MEQ/L ", 4.1),
    ("creatinine", 1.2, "mg/dL", 1.2),
    ("creatinine", 88.4, "µmol/L", 1),
    ("creatinine", 88.4, "μmol/l", 1),
    ("glucose", 90, "mg/dL{calc}", 90),
    ("haemoglobin", 120, "g/L", 12),
    ("haemoglobin", 12, "g/dL", 12),
    ("albumin", 38, "g/L", 3.8),
    ("white_cells", 7.5, "10*3/uL", 7.5),
    ("white_cells", 7.5, "K/uL", 7.5),
    ("white_cells", 7.5, "K/mcL", 7.5),
    ("white_cells", 7.5, "x10^9/L", 7.5),
    ("white_cells", 7500, "{cells}/uL", 7.5),
    ("platelets", 250_000, "/uL", 250),
    ("platelets", 250, "10^3/µL", 250),
    ("platelets", 250, "10*9/L", 250),
    ("platelets", 250, "Thousand / uL", 250),
]


@pytest.mark.parametrize(("analyte", "value", "unit", "expected"), WRITTEN)
def test_a_unit_is_read_however_it_is_written(analyte, value, unit, expected):
    assert ours(analyte, value, unit) == pytest.approx(expected)


@pytest.mark.parametrize("key", ANALYTES)
def test_a_missing_unit_is_ours_and_an_unknown_one_gives_nothing(key):
    analyte = ANALYTES[key]
    assert ours(key, 5.0, None) == ours(key, 5.0, "") == ours(key, 5.0, "  ") == ours(key, 5.0, analyte.unit) == 5
    assert np.isnan([ours(key, 5.0, unit) for unit in ("furlong", "%", "1", "mol/kg")]).all()
    assert np.isnan([ours(key, NAN, analyte.unit), ours(None, 5.0, analyte.unit), ours("urine", 5.0, None)]).all()


def test_a_unit_of_one_analyte_is_none_of_another():
    assert np.isnan([ours("sodium", 140, "mg/dL"), ours("glucose", 5, "mEq/L"), ours("platelets", 5, "mg/dL")]).all()
    assert (ours("white_cells", 5, "g/L"), ours("albumin", 5, "g/L")) == (5, 0.5)  # giga, and grams


ROWS = st.tuples(
    st.sampled_from([*ANALYTES, "unknown", None]),
    st.floats(0, 1000),
    st.sampled_from(["mg/dL", "mmol/L", "g/L", "/uL", "10*9/L", "parsec", "", None]),
)


@given(st.lists(ROWS, min_size=1, max_size=12))
def test_many_values_are_turned_like_one_at_a_time(rows):
    analytes, values, units = zip(*rows, strict=True)
    index = range(len(rows), 0, -1)
    columns = [pd.Series(column, index, dtype=kind) for column, kind in ((analytes, "str"), (values, float))]
    found = in_our_units(*columns, pd.Series(units, index, dtype="str"))
    assert found.index.tolist() == list(index)
    np.testing.assert_array_equal(found, [ours(*row) for row in rows])


def test_every_code_is_of_one_analyte_and_reference_values_are_possible():
    for table, field in (
        (by_loinc, "loinc"),
        (by_omop_concept, "omop_concepts"),
        (by_mimic_item, "mimic_items"),
        (by_name, "names"),
    ):
        assert len(table()) == sum(len(getattr(one, field)) for one in ANALYTES.values())
        assert set(table().values()) == set(ANALYTES)
        assert table() is table()
    usual = dict(zip(ANALYTES, (140, 4, 1, 15, 100, 14, 7, 250, 4), strict=True))
    assert all(ANALYTES[key].bounds[0] < value < ANALYTES[key].bounds[1] for key, value in usual.items())
    assert all(one.factors[one.unit.lower().replace("^", "*")] == 1 for one in ANALYTES.values())


def test_items_of_mimic():
    expected = {50983: "sodium", 50971: "potassium", 50912: "creatinine", 51006: "urea_nitrogen", 50931: "glucose"}
    expected |= {51222: "haemoglobin", 51301: "white_cells", 51265: "platelets", 50862: "albumin"}
    expected |= {50824: "sodium", 50822: "potassium", 50809: "glucose", 50811: "haemoglobin", 51300: "white_cells"}
    assert by_mimic_item() == expected


COMPONENTS = {
    "sodium": "Sodium [Moles/volume]",
    "potassium": "Potassium [Moles/volume]",
    "creatinine": "Creatinine [",
    "urea_nitrogen": "Urea nitrogen [Mass/volume]",
    "glucose": "Glucose [Mass/volume]",
    "haemoglobin": "Hemoglobin [Mass/volume]",
    "white_cells": "Leukocytes [#/volume]",
    "platelets": "Platelets [#/volume]",
    "albumin": "Albumin [Mass/volume]",
}


@pytest.fixture(scope="module")
def synthea():
    """The concepts of LOINC, and the measurements, of the simulated OMOP source."""
    with ZipFile(DATA / "omop_synthea27/Synthea27Nj_5.4.zip") as folder:
        with folder.open("CONCEPT.csv") as file:
            concepts = pd.read_csv(file, dtype="str")
        with folder.open("MEASUREMENT.csv") as file:
            measurements = pd.read_csv(file, dtype="str")
    return concepts[concepts["vocabulary_id"] == "LOINC"], measurements


@needs_data
def test_loinc_and_omop_agree_in_the_vocabulary(synthea):
    concepts, _ = synthea
    named = concepts[concepts["concept_code"].isin(by_loinc())]
    assert len(named) >= 16
    for _, row in named.iterrows():
        key = by_loinc()[row["concept_code"]]
        assert row["concept_name"].startswith(COMPONENTS[key])
        assert "Urine" not in row["concept_name"]
        assert by_omop_concept()[int(row["concept_id"])] == key
    assert set(by_omop_concept()) == set(named["concept_id"].astype(int))


@needs_data
def test_all_measurements_of_the_simulated_source_are_turned_and_possible(synthea):
    _, rows = synthea
    keys = rows["measurement_concept_id"].astype(int).map(by_omop_concept())
    rows, keys = rows[keys.notna()], keys.dropna()
    values = in_our_units(keys, rows["value_as_number"].astype(float), rows["unit_source_value"])
    assert set(keys) == set(ANALYTES)
    for key, analyte in ANALYTES.items():
        assert values[keys == key].between(*analyte.bounds).all()


@needs_data
def test_the_laboratory_of_eicu_is_turned_and_possible():
    rows = pd.read_csv(DATA / "eicu_demo/lab.csv")
    keys = rows["labname"].str.strip().str.lower().map(by_name())
    rows, keys = rows[keys.notna()], keys.dropna()
    values = in_our_units(keys, rows["labresult"], rows["labmeasurenamesystem"])
    assert set(keys) == set(ANALYTES)
    assert (values.isna() == rows["labresult"].isna()).all()
    for key, analyte in ANALYTES.items():
        assert values[keys == key].dropna().between(*analyte.bounds).all()
    np.testing.assert_array_equal(values, rows["labresult"])


@needs_data
def test_the_units_of_the_hospitals_behind_eicu_are_known():
    rows = pd.read_csv(DATA / "eicu_demo/lab.csv").dropna(subset=["labresult", "labmeasurenameinterface"])
    keys = rows["labname"].str.strip().str.lower().map(by_name())
    rows, keys = rows[keys.notna()], keys.dropna()
    values = in_our_units(keys, rows["labresult"], rows["labmeasurenameinterface"])
    assert set(rows["labmeasurenameinterface"][values.isna()].str.strip()) == {"10"}
    np.testing.assert_array_equal(values.dropna(), rows["labresult"][values.notna()])
