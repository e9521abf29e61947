"""MIMIC-III and MIMIC-IV become one and the same cohort: the demo, both layouts by hand, and what can go wrong."""

import gzip
import os
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from clinflu.data import ReadmissionSpec
from clinflu.data.readmission import NEWBORN, OBSERVATION, OTHER_HOSPITAL
from clinflu.errors import LoaderError
from data_loaders import mimic
from data_loaders.tables.url import database_url

HOSP = ("admissions", "patients", "diagnoses_icd", "procedures_icd", "prescriptions", "labevents")
OF_III = {
    "admissions": {"race": "ethnicity"},
    "diagnoses_icd": {"icd_code": "icd9_code"},
    "prescriptions": {"starttime": "startdate"},
}
NOT_IN_III = {
    "diagnoses_icd": ["icd_version"],
    "procedures_icd": ["chartdate"],
    "patients": ["anchor_age", "anchor_year"],
}


@pytest.fixture(scope="session")
def demo():
    """The demo of MIMIC-III: real patients, published."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "mimic3_demo"
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


def stay(hadm, patient, times, kind="EMERGENCY", went="HOME"):
    admitted, discharged = times
    died = discharged if went == "DEAD/EXPIRED" else ""
    return {
        "subject_id": patient,
        "hadm_id": hadm,
        "admittime": admitted,
        "dischtime": discharged,
        "deathtime": died,
        "admission_type": kind,
        "admission_location": "EMERGENCY ROOM ADMIT",
        "discharge_location": went,
        "race": "UNKNOWN" if hadm in {102, 201} else "HISPANIC/LATINO - PUERTO RICAN",
        "hospital_expire_flag": int(bool(died)),
    }


def tables():
    """A small MIMIC, in the columns of MIMIC-IV, with those of MIMIC-III beside them."""
    stays = [
        stay(101, 1, ("2150-03-01 10:00:00", "2150-03-05 12:00:00")),
        stay(102, 1, ("2150-04-04 23:00:00", "2150-04-06 09:00:00"), "URGENT", "SNF"),  # on the 30th day
        stay(103, 1, ("2150-05-07 08:00:00", "2150-05-09 09:00:00")),  # on the 31st
        stay(201, 2, ("2150-06-01 10:00:00", "2150-06-04 12:00:00"), "ELECTIVE"),  # dies on day 16
        stay(301, 3, ("2150-01-01 10:00:00", "2150-01-03 12:00:00"), went="SHORT TERM HOSPITAL"),
        stay(302, 3, ("2150-01-03 20:00:00", "2150-01-09 12:00:00")),  # a transfer
        stay(303, 3, ("2150-01-08 10:00:00", "2150-01-10 12:00:00")),  # overlaps
        stay(304, 3, ("2150-01-20 10:00:00", "2150-01-22 12:00:00"), "ELECTIVE", "DISC-TRAN CANCER/CHLDRN H"),
        stay(401, 4, ("2150-01-01 10:00:00", "2150-01-03 12:00:00"), went="DEAD/EXPIRED"),
        stay(501, 5, ("2150-02-02 10:00:00", "2150-02-04 12:00:00"), "NEWBORN"),
        stay(601, 6, ("2150-02-02 10:00:00", "2150-02-04 12:00:00"), went="HOSPICE-HOME"),
    ]
    born = {1: 2080, 2: 1850, 3: 2100, 4: 2100, 5: 2150, 6: 2100}
    people = [
        {
            "subject_id": patient,
            "gender": "F" if patient % 2 else "M",
            "dob": f"{year}-01-01 00:00:00",
            "anchor_age": 91 if year == 1850 else 2150 - year,
            "anchor_year": 2150,
            "dod": {2: "2150-06-20 00:00:00", 4: "2150-01-03 00:00:00"}.get(patient, ""),
        }
        for patient, year in born.items()
    ]
    diagnoses = [(1, 101, 1, "4280"), (1, 101, 2, "25000"), (1, 102, 1, "1623"), (3, 303, 1, "486")]
    drugs = [("Furosemide", "MAIN"), ("furosemide", "MAIN"), ("Insulin", "MAIN"), ("D5W", "BASE")]
    labs = [
        (101, 50983, "2150-03-02 08:00:00", 131, "mEq/L"),
        ("", 50983, "2150-03-03 08:00:00", 128, "mEq/L"),  # names no admission
        (101, 50983, "2150-03-05 11:00:00", 139, "mEq/L"),
        (101, 51222, "2150-03-05 11:00:00", 99, "g/dL"),  # nobody has so much
        (101, 99999, "2150-03-05 11:00:00", 7, "mEq/L"),
    ]
    return {
        "admissions": pd.DataFrame(stays),
        "patients": pd.DataFrame(people),
        "diagnoses_icd": pd.DataFrame(diagnoses, columns=["subject_id", "hadm_id", "seq_num", "icd_code"]).assign(
            icd_version=9
        ),
        "procedures_icd": pd.DataFrame(
            {
                "subject_id": 1,
                "hadm_id": 101,
                "seq_num": [1, 2],
                "icd_code": ["3722", "8856"],
                "chartdate": "2150-03-02",
            }
        ),
        "prescriptions": pd.DataFrame(drugs, columns=["drug", "drug_type"]).assign(
            subject_id=1, hadm_id=101, starttime="2150-03-02 00:00:00"
        ),
        "labevents": pd.DataFrame(labs, columns=["hadm_id", "itemid", "charttime", "valuenum", "valueuom"]).assign(
            subject_id=1
        ),
    }


def as_iii(source):
    return {
        name: table.rename(columns=OF_III.get(name, {})).drop(columns=NOT_IN_III.get(name, []))
        for name, table in source.items()
    }


def as_iv(source):
    return {name: table.drop(columns=["dob"], errors="ignore") for name, table in source.items()}


def write(folder, source, **options):
    """Write tables; ``upper`` names and headers, or ``into`` folders, packed or not."""
    upper, packed = options.get("upper", False), options.get("packed", True)
    for name, table in source.items():
        path = folder / options.get("into", {}).get(name, "") / (name.upper() if upper else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = table.rename(columns=str.upper) if upper else table
        shown.to_csv(f"{path}.csv.gz" if packed else f"{path}.csv", index=False)
    return folder


def message(folder):
    with pytest.raises(LoaderError) as caught:
        mimic.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left_out(cohort):
    return {one.reason: one.rows for one in cohort.provenance.exclusions}


# The demo


def test_the_demo_counts_as_its_authors_say(demo):
    assert mimic.recognises(demo)
    cohort = mimic.load(demo)

    assert cohort.provenance.rows_read == 129
    assert left_out(cohort) == {"died in hospital": 40, "discharged: hospice": 1}
    assert (len(cohort.frame), cohort.outcome.sum()) == (88, 10)
    assert cohort.years is None
    assert not cohort.findings
    assert "labevents, edstays" in cohort.provenance.notes[-3]


def test_no_planned_stay_follows_another_in_the_demo(demo):
    cohort = mimic.load(demo, ReadmissionSpec(planned_count=True, leave_out=(), calendar_days=False))

    assert left_out(cohort) == {"died in hospital": 40}
    assert cohort.outcome.sum() == 10


def test_ages_near_300_are_90_in_the_demo(demo):
    with mimic.open_store(demo, mimic.SCHEMA) as store:
        ages = mimic._records(store).stays["age_years"]

    assert (ages == 90).sum() == 9
    assert ages.max() == 90


# Both layouts


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return mimic.load(write(tmp_path_factory.mktemp("mimic"), as_iv(tables())))


def test_both_layouts_give_the_same_rows(tmp_path, cohort):
    old = mimic.load(write(tmp_path, as_iii(tables()), upper=True))

    pd.testing.assert_frame_equal(old.frame, cohort.frame)
    assert old.schema == cohort.schema


def test_readmissions_are_counted_to_the_30th_day_and_planned_ones_not(cohort):
    assert cohort.outcome.to_dict() == {"101": 1, "102": 0, "103": 0, "201": 0, "303": 0, "304": 0, "501": 0}
    assert left_out(cohort) == {
        "part of a longer episode: a transfer or an overlapping stay": 2,
        "died in hospital": 1,
        "discharged: hospice": 1,
    }


def test_planned_readmissions_and_deaths_count_where_asked(tmp_path):
    folder = write(tmp_path, as_iv(tables()))
    found = mimic.load(folder, ReadmissionSpec(planned_count=True, after_death="event"))

    assert found.outcome[["201", "303"]].tolist() == [1, 1]


def test_what_each_row_holds(cohort):
    row = cohort.frame.loc["101"]

    assert row["age_years"] == 70
    assert row["sex"] == "Female"
    assert row["race"] == "Hispanic or Latino"
    assert row["length_of_stay_days"] == 4
    assert row["diagnoses"] == 2
    assert row["diagnosis_group"] == "Heart and circulation"
    assert (row["heart_failure"], row["diabetes"], row["cancer"]) == ("yes", "yes", "no")
    assert row["procedures"] == 2
    assert row["medications"] == 2  # what they are dissolved in is none
    assert (row["loop_diuretics"], row["insulin"]) == ("yes", "yes")
    assert [row[f"sodium_{which}"] for which in ("last", "lowest", "highest")] == [139, 128, 139]
    assert "haemoglobin_last" not in cohort.frame
    assert [(one.table, one.rows) for one in cohort.findings] == [("labs", 1)]


def test_the_oldest_and_the_youngest(cohort):
    frame = cohort.frame

    assert frame.loc["201", "age_years"] == 90
    assert pd.isna(frame.loc["201", "race"])
    assert frame.loc["501", ["age_years", "admission_type"]].tolist() == [0, NEWBORN]
    assert frame.loc["304", "disposition"] == OTHER_HOSPITAL
    assert frame.loc["102", "race"] == "Hispanic or Latino"  # told at the first admission


def test_a_race_that_only_a_later_admission_tells_is_not_known(tmp_path):
    source = as_iv(tables())
    first = source["admissions"]["hadm_id"] == 101
    source["admissions"].loc[first, "race"] = "UNKNOWN"
    source["admissions"].loc[source["admissions"]["hadm_id"] == 102, "race"] = "WHITE"
    source["admissions"] = source["admissions"].iloc[::-1]
    frame = mimic.load(write(tmp_path, source)).frame

    assert frame.loc[["101", "102", "103"], "race"].isna().all()
    assert frame.loc["303", "race"] == "Hispanic or Latino"


def test_diagnoses_of_mimic_iv_are_of_either_version(tmp_path):
    source = as_iv(tables())
    more = pd.DataFrame([[3, 304, 1, "I509", 10]], columns=source["diagnoses_icd"].columns)
    source["diagnoses_icd"] = pd.concat([source["diagnoses_icd"], more])
    frame = mimic.load(write(tmp_path, source)).frame

    assert frame.loc["304", ["heart_failure", "diagnosis_group"]].tolist() == ["yes", "Heart and circulation"]


def test_emergency_visits_are_those_that_led_to_no_admission(tmp_path):
    source = as_iv(tables())
    visits = [(1, 101, "2150-03-01 04:00:00"), (1, "", "2150-03-20 04:00:00"), (3, "", "2150-01-19 20:00:00")]
    source["edstays"] = pd.DataFrame(visits, columns=["subject_id", "hadm_id", "intime"])
    into = {**dict.fromkeys(HOSP, "hosp"), "edstays": "ed"}
    found = mimic.load(write(tmp_path, source, into=into)).frame["emergency_before"]

    assert found.to_dict() == {"101": 0, "102": 1, "103": 1, "201": 0, "303": 0, "304": 0, "501": 0}


def test_observation_is_told(tmp_path):
    source = as_iv(tables())
    source["admissions"].loc[source["admissions"]["hadm_id"] == 103, "admission_type"] = "EU OBSERVATION"
    found = mimic.load(write(tmp_path, source))

    assert found.frame.loc["103", "admission_type"] == OBSERVATION
    assert any(note.startswith("Admissions under observation") and "are 1." in note for note in found.provenance.notes)


# Nothing after a discharge


def test_nothing_recorded_after_a_discharge_changes_its_row(tmp_path, cohort):
    source = as_iv(tables())
    late = {
        "labevents": {"hadm_id": 101, "itemid": 50983, "charttime": "2150-03-05 12:01:00", "valuenum": 101},
        "prescriptions": {"hadm_id": 101, "starttime": "2150-03-06", "drug": "Warfarin", "drug_type": "MAIN"},
        "procedures_icd": {"hadm_id": 101, "seq_num": 3, "icd_code": "3722", "chartdate": "2150-03-06"},
        "diagnoses_icd": {"hadm_id": 102, "seq_num": 2, "icd_code": "585", "icd_version": 9},
    }
    for name, row in late.items():
        source[name] = pd.concat([source[name], pd.DataFrame([{"subject_id": 1, **row}])])
    found = mimic.load(write(tmp_path, source))

    pd.testing.assert_series_equal(found.frame.loc["101"], cohort.frame.loc["101"])
    assert found.frame.loc["102", "kidney_disease"] == "yes"


def test_what_comes_later_of_a_patient_changes_no_earlier_row(tmp_path, cohort):
    source = {
        name: table[~table["hadm_id"].isin([102, 103])] if "hadm_id" in table else table
        for name, table in as_iv(tables()).items()
    }
    found = mimic.load(write(tmp_path, source)).frame.loc["101"]

    pd.testing.assert_series_equal(found.drop("readmitted"), cohort.frame.loc["101"].drop("readmitted"))


# Where it lies


def test_a_zip_with_what_macos_adds(tmp_path, cohort):
    folder = write(tmp_path / "files", as_iv(tables()), packed=False)
    with zipfile.ZipFile(tmp_path / "mimic.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"mimic/hosp/{path.name}")
            archive.writestr(f"__MACOSX/mimic/hosp/._{path.name}", b"\x00\x05\x16")

    assert mimic.recognises(tmp_path / "mimic.zip")
    pd.testing.assert_frame_equal(mimic.load(tmp_path / "mimic.zip").frame, cohort.frame)


def test_parquet_and_a_database(tmp_path, cohort):
    folder = tmp_path / "files"
    folder.mkdir()
    with duckdb.connect(str(tmp_path / "mimic.duckdb")) as connection:
        for name, table in as_iv(tables()).items():
            table.astype(str).replace("", None).to_parquet(folder / f"{name}.parquet")
            connection.execute(f"CREATE TABLE {name} AS FROM read_parquet('{folder / name}.parquet')")
    url = database_url(f"duckdb:///{tmp_path}/mimic.duckdb")

    assert mimic.recognises(url)
    for source in (folder, url):
        pd.testing.assert_frame_equal(mimic.load(source).frame, cohort.frame)


def test_tables_that_are_absent_leave_their_variables_out(tmp_path):
    source = {name: table for name, table in as_iv(tables()).items() if name in {"admissions", "patients"}}
    found = mimic.load(write(tmp_path, source))

    assert {"diagnoses", "medications", "procedures", "sodium_last"}.isdisjoint(found.frame)
    assert found.schema.baselines == ()


def test_tables_that_are_empty_say_that_there_was_nothing(tmp_path):
    source = as_iii(tables())
    for name in ("diagnoses_icd", "procedures_icd", "prescriptions", "labevents"):
        source[name] = source[name].iloc[:0]
    source["icustays"] = pd.DataFrame(columns=["subject_id", "intime"])
    found = mimic.load(write(tmp_path, source)).frame

    assert (found[["diagnoses", "procedures", "medications"]] == 0).all(axis=None)
    assert "sodium_last" not in found


# What is wrong is told in one line


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("admissions", "admittime", "soon", "admissions.csv.gz row 2, column 'admittime': expected a date"),
        ("admissions", "hospital_expire_flag", "", "column 'hospital_expire_flag': expected a whole number"),
        ("patients", "anchor_age", "old", "patients.csv.gz row 2, column 'anchor_age': expected a number"),
        ("labevents", "valuenum", "high", "labevents.csv.gz row 2, column 'valuenum': expected a number"),
    ],
)
def test_a_wrong_value_is_told(tmp_path, table, column, value, told):
    source = as_iv(tables())
    source[table][column] = source[table][column].astype(object)
    source[table].loc[0, column] = value

    assert told in message(write(tmp_path, source))


@pytest.mark.parametrize(
    ("table", "column", "told"),
    [
        ("admissions", "hospital_expire_flag", "table 'admissions' has no column 'hospital_expire_flag'"),
        ("patients", "anchor_age", "table 'patients' has no column 'dob'"),
        ("patients", "anchor_year", "table 'patients' has no column 'anchor_year'"),
    ],
)
def test_an_absent_column_is_told(tmp_path, table, column, told):
    source = as_iv(tables())
    source[table] = source[table].drop(columns=[column])

    assert told in message(write(tmp_path, source))


def test_an_absent_table_a_damaged_file_and_no_source_are_told(tmp_path):
    source = as_iv(tables())
    assert "there is no table 'patients'" in message(write(tmp_path / "a", {"admissions": source["admissions"]}))
    broken = write(tmp_path / "b", source) / "labevents.csv.gz"
    broken.write_bytes(gzip.compress(b"subject_id,itemid\n1,50983\n" * 99)[:-20])
    assert "labevents.csv.gz" in message(tmp_path / "b")
    assert "give --data" in message(None)


def test_only_mimic_is_recognised(tmp_path):
    source = as_iv(tables())
    other = {"admissions": source["admissions"], "patients": source["patients"].drop(columns=["anchor_age"])}
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK")

    assert mimic.recognises(write(tmp_path / "iv", source))
    assert mimic.recognises(write(tmp_path / "iii", as_iii(tables())))
    assert not mimic.recognises(write(tmp_path / "other", other))
    assert not mimic.recognises(damaged)
    assert not mimic.recognises(tmp_path / "absent")
