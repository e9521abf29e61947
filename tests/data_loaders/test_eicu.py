"""Unit stays of eICU become stays in intensive care at risk of a return to it within the hospital stay."""

import gzip
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from clinflu.data import ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import eicu
from data_loaders.eicu_codes import coded

STEPDOWN = {"unitstaytype": "stepdown/other", "unitadmitsource": "ICU to SDU"}
TO_SDU = {"unitdischargelocation": "Step-Down Unit (SDU)"}
HOME = {"unitdischargelocation": "Home"}


@pytest.fixture(scope="session")
def demo():
    """The demo of eICU: real patients, published."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "eicu_demo"
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


def unit(number, hospital_stay, visit, times, **more):
    """A unit stay from and to minutes since the admission to the hospital."""
    start, end = times
    return {
        "patientunitstayid": number,
        "patienthealthsystemstayid": hospital_stay,
        "uniquepid": f"002-{hospital_stay}",
        "unitvisitnumber": visit,
        "gender": "Female",
        "age": "70",
        "ethnicity": "Caucasian",
        "hospitaladmitoffset": -start,
        "unittype": "MICU",
        "unitstaytype": "admit",
        "unitadmitsource": "Floor",
        "unitdischargeoffset": end - start,
        "unitdischargelocation": "Floor",
        "unitdischargestatus": "Alive",
        **more,
    }


def tables():
    """A few hospital stays, and what was recorded in unit stay 11, which ended 900 minutes after it began."""
    units = [
        unit(12, 1, 2, (3000, 4000), unitstaytype="readmit"),
        unit(11, 1, 1, (100, 1000), **TO_SDU),
        unit(21, 2, 1, (0, 1000), **TO_SDU),
        unit(22, 2, 2, (1000, 2000), **STEPDOWN),  # no return to intensive care
        unit(31, 3, 1, (0, 500), unitdischargelocation="Other ICU", unitadmitsource="Operating Room"),
        unit(32, 3, 2, (500 + 1440, 3000), unitstaytype="transfer", unittype="SICU"),  # the same stay, after a day
        unit(41, 4, 1, (0, 500), unitdischargelocation="Death", unitdischargestatus="Expired"),
        unit(51, 5, 1, (0, 500), **HOME),
        unit(61, 6, 1, (0, 500), age="> 89", uniquepid="002-1"),
        unit(71, 7, 1, (0, 500), unitdischargelocation="ICU"),
        unit(81, 8, 1, (0, 500)),
        unit(82, 8, 2, (560, 900)),  # within the hour, so the same stay
        unit(91, 9, 1, (0, 500)),
        unit(92, 9, 2, (561, 900)),
        unit(99, 10, 1, (0, -5)),
    ]
    return {
        "patient": pd.DataFrame(units),
        "diagnosis": pd.DataFrame(
            [
                (11, 5, "428.0, I50.9", "Primary"),
                (11, 800, "038.9, A41.9", "Primary"),
                (11, 20, "E980.2, 965.00, T40.60", "Other"),
                (11, 20, "", "Major"),
                (12, 5, "E87.1", "Other"),
            ],
            columns=["patientunitstayid", "diagnosisoffset", "icd9code", "diagnosispriority"],
        ),
        "treatment": pd.DataFrame(
            [(11, 5, "insulin"), (11, 600, "insulin"), (11, 6, "ventilation")],
            columns=["patientunitstayid", "treatmentoffset", "treatmentstring"],
        ),
        "medication": pd.DataFrame(
            [
                (11, 5, 10, "FUROSEMIDE 10 MG/ML", "1", "No"),
                (11, 5, 10, "", "1", "No"),  # the same drug, known by its number
                (11, 5, 10, "WARFARIN SODIUM 5 MG PO TABS", "2", "Yes"),
            ],
            columns=[
                *("patientunitstayid", "drugorderoffset", "drugstartoffset", "drugname", "drughiclseqno"),
                "drugordercancelled",
            ],
        ),
        "lab": pd.DataFrame(
            [
                (11, -50, "sodium", 131, "mmol/L"),  # before the unit, in the hospital
                (11, 500, "sodium", 128, "MEQ/L"),
                (11, 900, "sodium", 139, "mmol/L"),  # when it ended
                (11, 20, "chloride", 100, "mmol/L"),
                (11, 20, "Hgb", 99, "g/dL"),  # nobody has so much
            ],
            columns=["patientunitstayid", "labresultoffset", "labname", "labresult", "labmeasurenamesystem"],
        ),
    }


def write(folder, source, suffix=".csv"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in source.items():
        table.to_csv(folder / f"{name}{suffix}", index=False)
    return folder


def message(folder, *spec):
    with pytest.raises(LoaderError) as caught:
        eicu.load(folder, *spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left_out(cohort):
    return {one.reason: one.rows for one in cohort.provenance.exclusions}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return eicu.load(write(tmp_path_factory.mktemp("eicu"), tables()))


# The demo


def test_the_demo_is_counted(demo):
    assert eicu.recognises(demo)
    cohort = eicu.load(demo)

    assert cohort.provenance.rows_read == 174
    assert left_out(cohort) == {
        "stepdown or other, no intensive care": 27,
        "part of a longer stay in intensive care": 3,
        "died in the unit": 5,
        "left the hospital straight from the unit": 33,
    }
    assert (len(cohort.frame), cohort.outcome.sum(), cohort.patients.nunique()) == (106, 5, 78)
    assert set(cohort.frame["race"].dropna()) == {"White", "Black or African American", "Hispanic or Latino", "Asian"}
    assert cohort.frame["race"].eq("White").sum() > 80
    assert cohort.frame["age_years"].max() == 90
    assert cohort.frame["sodium_last"].notna().sum() == 102
    assert cohort.frame["heart_failure"].eq("yes").any()
    assert [(one.table, one.rows) for one in cohort.findings] == [("labs", 9)]  # results in words


# Who is at risk, and of what


def test_a_return_to_intensive_care_is_the_outcome(cohort):
    assert cohort.outcome.to_dict() == {"11": 1, "12": 0, "21": 0, "32": 0, "61": 0, "82": 0, "91": 1, "92": 0}
    assert left_out(cohort) == {
        "discharged before admission, or after ten years": 1,
        "stepdown or other, no intensive care": 1,
        "part of a longer stay in intensive care": 2,
        "died in the unit": 1,
        "left the hospital straight from the unit": 1,
        "moved to an ICU that is not recorded": 1,
    }
    assert len(cohort.provenance.definition) == 5
    assert cohort.years is None


def test_a_definition_of_30_days_is_refused_by_name(tmp_path):
    told = message(write(tmp_path, tables()), ReadmissionSpec())

    assert told.startswith("eICU holds only the year of a hospital discharge, so readmission within 30 days cannot be")
    assert "Leave --readmission out" in told


def test_what_each_row_holds(cohort):
    row = cohort.frame.loc["11"]

    assert row[["age_years", "sex", "race", "unit_type"]].tolist() == [70, "Female", "White", "MICU"]
    assert row["disposition"] == "Step-Down Unit (SDU)"
    assert row["length_of_stay_days"] == 0.625
    assert row["days_before_unit"] == pytest.approx(100 / 1440, abs=1e-3)
    assert row["diagnoses"] == 4
    assert row["diagnosis_group"] == "Infections"  # of two primary ones, the later
    assert row["heart_failure"] == "yes"
    assert row["treatments"] == 2
    assert row["medications"] == 1
    assert row[["loop_diuretics", "anticoagulants"]].tolist() == ["yes", "no"]
    assert [row[f"sodium_{which}"] for which in ("last", "lowest", "highest")] == [139, 128, 139]
    assert "haemoglobin_last" not in cohort.frame
    assert [(one.table, one.rows) for one in cohort.findings] == [("labs", 1)]


def test_what_came_before_is_that_of_the_same_hospital_stay(cohort):
    frame = cohort.frame

    assert frame.loc[["11", "12", "61"], "icu_stays_before"].tolist() == [0, 1, 0]
    assert frame.loc[["12", "61"], "heart_failure"].tolist() == ["yes", "no"]
    assert frame.loc[["11", "61"], "patient_id"].tolist() == ["002-1", "002-1"]
    assert frame.loc["61", "age_years"] == 90


def test_a_merged_stay_begins_as_its_first_unit_stay_and_ends_as_its_last(cohort):
    row = cohort.frame.loc["32"]

    assert row[["admission_source", "unit_type", "disposition"]].tolist() == ["Operating Room", "SICU", "Floor"]
    assert row["length_of_stay_days"] == pytest.approx(3000 / 1440, abs=1e-3)


def test_a_later_transfer_is_a_return(tmp_path):
    source = tables()
    late = source["patient"]["patientunitstayid"] == 32
    source["patient"].loc[late, "hospitaladmitoffset"] -= 1  # a minute after the day
    found = eicu.load(write(tmp_path, source))

    assert "31" not in found.frame.index
    assert left_out(found)["moved to an ICU that is not recorded"] == 2


def test_a_number_that_contradicts_its_time_is_told(tmp_path):
    source = tables()
    source["patient"].loc[source["patient"]["patientunitstayid"] == 12, "unitvisitnumber"] = 1
    found = eicu.load(write(tmp_path, source))

    assert [one.rows for one in found.findings if one.column == "unitvisitnumber"] == [1]
    assert found.outcome["11"] == 1


# Two systems in one cell


def test_a_diagnosis_counts_once_though_it_is_coded_twice():
    cells = ["253.2, E23.0", "E87.1", "E980.2, 965.00, T40.60", "V62.84, R45.851", "999.9,999.8", "nonsense", None]
    found = coded(pd.DataFrame({"codes": cells, "at": range(7)}))

    assert list(zip(found["code"], found["system"], found["at"], strict=True)) == [
        ("253.2", "ICD9CM", 0),
        ("E87.1", "ICD10CM", 1),
        ("965.00", "ICD9CM", 2),
        ("E980.2", "ICD9CM", 2),
        ("V62.84", "ICD9CM", 3),
        ("999.9", "ICD9CM", 4),
        ("999.8", "ICD9CM", 4),
    ]


# Nothing after a discharge


def test_nothing_recorded_after_the_discharge_from_the_unit_changes_its_row(tmp_path, cohort):
    source = tables()
    late = {
        "diagnosis": (11, 901, "585.9, N18.9", "Primary"),
        "treatment": (11, 901, "dialysis"),
        "medication": (11, 901, 10, "HEPARIN", "3", "No"),  # ordered too late
        "lab": (11, 901, "sodium", 101, "mmol/L"),
    }
    for name, row in late.items():
        source[name].loc[len(source[name])] = row
    source["medication"].loc[9] = (11, 10, 901, "METOPROLOL", "4", "No")  # started too late
    source["lab"].loc[99] = (11, 1e14, "sodium", 99, "mmol/L")
    found = eicu.load(write(tmp_path, source))

    pd.testing.assert_series_equal(found.frame.loc["11"], cohort.frame.loc["11"])


def test_what_comes_later_in_the_hospital_stay_changes_no_earlier_row(tmp_path, cohort):
    source = {name: table[table["patientunitstayid"] != 12] for name, table in tables().items()}
    found = eicu.load(write(tmp_path, source)).frame.loc["11"]

    pd.testing.assert_series_equal(found.drop("readmitted"), cohort.frame.loc["11"].drop("readmitted"))


# Where it lies, and what is wrong


def test_upper_case_packed_and_in_a_zip(tmp_path, cohort):
    source = {name.upper(): table.rename(columns=str.upper) for name, table in tables().items()}
    folder = write(tmp_path / "files", source, ".csv.gz")
    with zipfile.ZipFile(tmp_path / "eicu.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"eicu/{path.name}")
            archive.writestr(f"__MACOSX/eicu/._{path.name}", b"\x00\x05\x16")

    assert eicu.recognises(tmp_path / "eicu.zip")
    for place in (folder, tmp_path / "eicu.zip"):
        pd.testing.assert_frame_equal(eicu.load(place).frame, cohort.frame)


def test_tables_that_are_absent_or_empty(tmp_path):
    alone = eicu.load(write(tmp_path / "alone", {"patient": tables()["patient"]}))
    empty = {name: table if name == "patient" else table.iloc[:0] for name, table in tables().items()}
    found = eicu.load(write(tmp_path / "empty", empty))

    assert {"diagnoses", "treatments", "medications", "sodium_last"}.isdisjoint(alone.frame)
    assert "no table diagnosis, treatment, medication, lab" in alone.provenance.notes[-1]
    assert (found.frame[["diagnoses", "treatments", "medications"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("age", "old", "column 'age': expected a number or '> 89' (1 row"),
        ("unitdischargeoffset", "never", "patient.csv row 2, column 'unitdischargeoffset': expected a number"),
        ("patienthealthsystemstayid", None, "patient.csv row 2, column 'patienthealthsystemstayid': expected an id"),
        ("patientunitstayid", 11, "the id of another stands in 1 rows"),
    ],
)
def test_a_wrong_value_is_told(tmp_path, column, value, told):
    source = tables()
    source["patient"][column] = source["patient"][column].astype(object)
    source["patient"].loc[0, column] = value

    assert told in message(write(tmp_path, source))


@pytest.mark.parametrize("column", ["unitstaytype", "unitdischargelocation", "age", "unitvisitnumber"])
def test_an_absent_column_is_told(tmp_path, column):
    source = tables()
    source["patient"] = source["patient"].drop(columns=[column])

    assert f"table 'patient' has no column '{column}'" in message(write(tmp_path, source))


def test_a_damaged_file_no_row_at_risk_and_no_source_are_told(tmp_path):
    folder = write(tmp_path / "damaged", tables())
    (folder / "lab.csv").unlink()
    (folder / "lab.csv.gz").write_bytes(gzip.compress(b"patientunitstayid,labresultoffset\n1,2\n" * 99)[:-20])
    patient = tables()["patient"].assign(unitdischargelocation="Home")

    assert "lab.csv.gz" in message(folder)
    assert "none is at risk" in message(write(tmp_path / "home", {"patient": patient}))
    assert "give --data" in message(None)


def test_only_eicu_is_recognised(tmp_path):
    other = write(tmp_path / "other", {"patient": pd.DataFrame({"id": [1]})})
    (tmp_path / "damaged.zip").write_bytes(b"PK")

    assert not eicu.recognises(other)
    assert not eicu.recognises(tmp_path / "damaged.zip")
    assert not eicu.recognises(tmp_path / "absent")
