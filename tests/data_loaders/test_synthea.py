"""A Synthea export becomes a cohort of invented patients: old and new headers, by hand and from a published sample."""

import gzip
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from clinflu.data import ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import omop, synthea
from data_loaders.tables.source import open_store

HEADERS = {
    "patients": (
        "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,"
        "BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE"
    ),
    "encounters": (
        "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,"
        "TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION"
    ),
}
PATIENTS, ENCOUNTERS = (header.split(",") for header in HEADERS.values())
CONDITIONS = ["START", "STOP", "PATIENT", "ENCOUNTER", "SYSTEM", "CODE", "DESCRIPTION"]
PROCEDURES = ["START", "STOP", "PATIENT", "ENCOUNTER", "SYSTEM", "CODE", "DESCRIPTION", "BASE_COST"]
MEDICATIONS = ["START", "STOP", "PATIENT", "PAYER", "ENCOUNTER", "CODE", "DESCRIPTION", "DISPENSES"]
OBSERVATIONS = ["DATE", "PATIENT", "ENCOUNTER", "CATEGORY", "CODE", "DESCRIPTION", "VALUE", "UNITS", "TYPE"]
OLD = {
    "patients": {"columns": {"Id": "ID"}, "drop": PATIENTS[17:]},
    "encounters": {"columns": {"Id": "ID"}, "drop": ["ORGANIZATION", "PROVIDER", "PAYER"]},
    "conditions": {"columns": {}, "drop": ["SYSTEM"]},
    "procedures": {"columns": {"START": "DATE"}, "drop": ["STOP", "SYSTEM"]},
    "medications": {"columns": {}, "drop": ["PAYER", "DISPENSES"]},
    "observations": {"columns": {}, "drop": ["CATEGORY"]},
}
CANARIES = ("999-11-2222", "S99912345", "X1234567X", "Aaron697", "Brekke496", "894 Brakus Bypass")
HEART_FAILURE, DIABETES, PNEUMONIA = "84114007", "44054006", "233604007"


@pytest.fixture(scope="session")
def sample():
    """The published sample of OMOP tables that were made of a Synthea export, whose patients are invented."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "omop_synthea27" / "Synthea27Nj_5.4.zip"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


def table(columns, *rows):
    return pd.DataFrame(list(rows)).reindex(columns=columns)


def encounter(identity, start, stop, patient="p1", **more):
    return {
        "Id": identity,
        "START": start,
        "STOP": stop,
        "PATIENT": patient,
        "ENCOUNTERCLASS": "inpatient",
        "DESCRIPTION": "Emergency hospital admission (procedure)",
        **more,
    }


def person(identity, sex="F", died=None):
    names = dict(zip(("SSN", "DRIVERS", "PASSPORT", "FIRST", "LAST", "ADDRESS"), CANARIES, strict=True))
    return {"Id": identity, "BIRTHDATE": "1950-06-15", "DEATHDATE": died, "RACE": "white", "GENDER": sex, **names}


def visit(identity, start, kind):
    return encounter(identity, start, start, ENCOUNTERCLASS=kind, DESCRIPTION="Visit")


def tables():
    """A small export, after the columns of the data dictionary of Synthea."""
    where, at = {"PATIENT": "p1", "ENCOUNTER": "e1"}, "2020-03-02T08:00:00Z"
    return {
        "patients": table(PATIENTS, person("p1"), person("p2", "M", "2020-06-20"), person("p3", "M", "2020-01-05")),
        "encounters": table(
            ENCOUNTERS,
            encounter("e1", "2020-03-01T10:00:00Z", "2020-03-05T12:00:00Z", REASONCODE=HEART_FAILURE),
            encounter("e2", "2020-04-04T23:00:00Z", "2020-04-06T12:00:00Z"),  # on the 30th day
            encounter("e3", "2020-05-07T10:00:00Z", "2020-05-09T12:00:00Z", DESCRIPTION="Hospital admission"),
            encounter("e4", "2020-05-08T10:00:00Z", "2020-05-10T12:00:00Z"),  # overlaps
            encounter("e5", "2020-05-20T10:00:00Z", "2020-05-22T12:00:00Z", DESCRIPTION="Elective hospital admission"),
            encounter("e6", "2020-06-01T10:00:00Z", "2020-06-04T12:00:00Z", "p2"),  # dies on day 16
            encounter("e7", "2020-01-01T10:00:00Z", "2020-01-05T12:00:00Z", "p3"),  # dies in hospital
            encounter("e8", "2020-08-10T10:00:00Z", "2020-08-12T12:00:00Z"),  # nobody knows what came after
            visit("v1", "2020-02-01T10:00:00Z", "emergency"),
            visit("v2", "2020-02-29T23:00:00Z", "emergency"),  # led to e1
            visit("v3", "2020-02-02T10:00:00Z", "wellness"),
            visit("v4", "2020-02-03T10:00:00Z", "urgentcare"),
            visit("v5", "2020-02-04T10:00:00Z", "hospice"),
            visit("v6", "2020-08-20T10:00:00Z", "ambulatory"),
        ),
        "conditions": table(
            CONDITIONS,
            {"START": "2020-03-01", **where, "CODE": PNEUMONIA},
            {"START": "2019-12-01", "PATIENT": "p1", "ENCOUNTER": "v0", "CODE": DIABETES},
        ),
        "procedures": table(PROCEDURES, {"START": at, **where, "CODE": "1"}, {"START": at, **where, "CODE": "2"}),
        "medications": table(MEDICATIONS, {"START": at, **where, "DESCRIPTION": "Furosemide 40 MG Oral Tablet"}),
        "observations": table(
            OBSERVATIONS,
            {"DATE": at, **where, "CODE": "2951-2", "VALUE": "131.0", "UNITS": "mmol/L", "TYPE": "numeric"},
            {"DATE": at, **where, "CODE": "72166-2", "VALUE": "Never smoker", "TYPE": "text"},
            {"DATE": at, **where, "CODE": "2823-3", "VALUE": "hemolysed", "UNITS": "mmol/L", "TYPE": "text"},
        ),
    }


def as_old(source):
    return {
        name: rows.rename(columns=OLD[name]["columns"]).drop(columns=OLD[name]["drop"]) for name, rows in source.items()
    }


def write(folder, source, suffix=".csv"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in source.items():
        rows.to_csv(folder / f"{name}{suffix}", index=False)
    return folder


def message(folder):
    with pytest.raises(LoaderError) as caught:
        synthea.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return synthea.load(write(tmp_path_factory.mktemp("synthea"), tables()))


# What it holds


def test_readmissions_to_the_30th_day_unplanned_and_followed(cohort):
    assert cohort.outcome.to_dict() == {"e1": 1, "e2": 0, "e4": 0, "e5": 0, "e6": 0}
    assert {one.reason: one.rows for one in cohort.provenance.exclusions} == {
        "part of a longer episode: a transfer or an overlapping stay": 1,
        "died in hospital": 1,
        "not followed for the whole window": 1,
    }
    assert cohort.provenance.rows_read == 8
    assert cohort.provenance.simulated
    assert synthea.FOLLOW_UP.format(2020) in cohort.provenance.notes
    assert cohort.years.tolist() == [2020] * 5


def test_one_wrong_date_does_not_move_the_end_of_follow_up(tmp_path, cohort):
    source = tables()
    wrong = [visit("x1", "2202-05-01T10:00:00Z", "ambulatory"), encounter("x2", "2019-01-01", "2202-01-01", "p9")]
    wrong[1]["ENCOUNTERCLASS"] = "hospice"
    source["encounters"] = pd.concat([source["encounters"], table(ENCOUNTERS, *wrong)])
    found = synthea.load(write(tmp_path, source))

    pd.testing.assert_frame_equal(found.frame, cohort.frame)
    assert found.provenance.exclusions == cohort.provenance.exclusions
    assert synthea.FOLLOW_UP.format(2020) in found.provenance.notes
    assert ("encounters", "start", 1) in {(one.table, one.column, one.rows) for one in found.findings}


def test_dates_that_were_shifted_into_the_future_end_follow_up(tmp_path, cohort):
    source = tables()
    for name, columns in {"encounters": ("START", "STOP"), "patients": ("BIRTHDATE", "DEATHDATE")}.items():
        for column in columns:
            source[name][column] = source[name][column].str.replace("20", "21", n=1).str.replace("19", "20", n=1)
    found = synthea.load(write(tmp_path, {name: source[name] for name in synthea.NEEDED}))

    assert found.outcome.to_dict() == cohort.outcome.to_dict()
    assert synthea.FOLLOW_UP.format(2120) in found.provenance.notes
    assert not found.findings


def test_planned_readmissions_and_deaths_count_where_asked(tmp_path):
    spec = ReadmissionSpec(planned_count=True, after_death="event")
    found = synthea.load(write(tmp_path, tables()), spec)

    assert found.outcome[["e4", "e6"]].tolist() == [1, 1]


def test_what_each_row_holds(cohort):
    row = cohort.frame.loc["e1"]

    assert row[["age_years", "sex", "race", "length_of_stay_days"]].tolist() == [69, "Female", "White", 4]
    assert row[["admission_type", "stays_before"]].tolist() == ["emergency", 0]
    assert row[["emergency_before", "outpatient_before"]].tolist() == [1, 2]
    assert row[["diagnoses", "diagnosis_group"]].tolist() == [2, "Heart and circulation"]
    assert row[["heart_failure", "diabetes"]].tolist() == ["yes", "yes"]
    assert row[["procedures", "medications", "loop_diuretics", "sodium_last"]].tolist() == [2, 1, "yes", 131]
    assert cohort.frame.loc["e2", "stays_before"] == 1
    assert [(one.table, one.rows) for one in cohort.findings] == [("observations", 1)]


def test_nothing_that_names_a_patient_is_read(cohort):
    names = {column for fields in synthea.SCHEMA.values() for field in fields.values() for column in field.columns}
    shown = cohort.frame.to_csv() + repr(cohort.provenance) + repr(cohort.schema) + repr(cohort.findings)

    assert names.isdisjoint({"ssn", "drivers", "passport", "first", "last", "maiden", "address", "zip", "lat", "lon"})
    assert not [one for one in CANARIES if one in shown]


def test_old_headers_give_the_same_rows(tmp_path, cohort):
    found = synthea.load(write(tmp_path, as_old(tables())))

    assert synthea.recognises(tmp_path)
    pd.testing.assert_frame_equal(found.frame, cohort.frame)


def test_the_sample_gives_the_readmissions_that_its_omop_tables_give(tmp_path, sample):
    """The ids of OMOP's source values are those of the export that it was made of."""
    with open_store(sample, omop.SCHEMA) as store:
        people, visits = (store.read(name, omop.SCHEMA[name]) for name in ("person", "visit_occurrence"))
    with zipfile.ZipFile(sample) as archive, archive.open("PERSON.csv") as stream:
        ids = pd.read_csv(stream, dtype=str).set_index("person_id")["person_source_value"]
    born = pd.to_datetime(people[["year", "month", "day"]].astype(int)).dt.date
    kinds = {9201: "inpatient", 9203: "emergency", 9202: "ambulatory"}
    source = {
        "patients": table(
            PATIENTS,
            *pd.DataFrame(
                {
                    "Id": people["patient_id"].map(ids),
                    "BIRTHDATE": born,
                    "RACE": people["race_words"],
                    "GENDER": people["sex_words"],
                }
            ).to_dict("records"),
        ),
        "encounters": table(
            ENCOUNTERS,
            *pd.DataFrame(
                {
                    "Id": visits["words"],
                    "START": visits["admitted"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "STOP": visits["discharged"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "PATIENT": visits["patient_id"].map(ids),
                    "ENCOUNTERCLASS": visits["kind"].map(kinds),
                }
            ).to_dict("records"),
        ),
    }
    ours, theirs = synthea.load(write(tmp_path, source)), omop.load(sample)
    named = theirs.frame.rename(index=visits.set_index("encounter_id")["words"].to_dict())

    assert ours.provenance.rows_read == 13
    shared = ["readmitted", "age_years", "sex", "length_of_stay_days", "stays_before", "outpatient_before"]
    both = ours.frame.index.intersection(named.index)
    assert len(both) == len(ours.frame)
    pd.testing.assert_frame_equal(ours.frame[shared], named.loc[ours.frame.index, shared], check_names=False)


# Nothing after a discharge


def test_nothing_recorded_after_a_discharge_changes_its_row(tmp_path, cohort):
    source, where, at = tables(), {"PATIENT": "p1", "ENCOUNTER": "e1"}, "2020-03-05T12:00:01Z"
    late = {
        "conditions": {"START": "2020-03-06", **where, "CODE": "68496003"},
        "procedures": {"START": at, **where, "CODE": "3"},
        "medications": {"START": at, **where, "DESCRIPTION": "Warfarin Sodium 5 MG Oral Tablet"},
        "observations": {"DATE": at, **where, "CODE": "2951-2", "VALUE": "101", "UNITS": "mmol/L"},
    }
    for name, row in late.items():
        source[name] = pd.concat([source[name], table(source[name].columns.tolist(), row)])
    found = synthea.load(write(tmp_path, source))

    pd.testing.assert_series_equal(found.frame.loc["e1"], cohort.frame.loc["e1"])


def test_what_comes_later_of_a_patient_changes_no_earlier_row(tmp_path, cohort):
    source = tables()
    gone = source["encounters"]["Id"].isin(["e2", "e3", "e4", "e5"])
    source["encounters"] = source["encounters"][~gone]
    found = synthea.load(write(tmp_path, source)).frame.loc["e1"]

    pd.testing.assert_series_equal(found.drop("readmitted"), cohort.frame.loc["e1"].drop("readmitted"))


# Where it lies, and what is wrong


def test_lower_case_packed_and_in_a_zip(tmp_path, cohort):
    source = {name.upper(): rows.rename(columns=str.lower) for name, rows in tables().items()}
    folder = write(tmp_path / "files", source, ".csv.gz")
    with zipfile.ZipFile(tmp_path / "synthea.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"output/csv/{path.name}")
            archive.writestr(f"__MACOSX/output/csv/._{path.name}", b"\x00\x05\x16")

    assert synthea.recognises(tmp_path / "synthea.zip")
    for place in (folder, tmp_path / "synthea.zip"):
        pd.testing.assert_frame_equal(synthea.load(place).frame, cohort.frame)


def test_tables_that_are_absent_or_empty(tmp_path):
    source = tables()
    alone = synthea.load(write(tmp_path / "alone", {name: source[name] for name in synthea.NEEDED}))
    empty = {name: rows if name in synthea.NEEDED else rows.iloc[:0] for name, rows in source.items()}
    found = synthea.load(write(tmp_path / "empty", empty))

    assert {"diagnoses", "procedures", "medications", "sodium_last"}.isdisjoint(alone.frame)
    assert any("no table conditions, procedures, medications, observations" in one for one in alone.provenance.notes)
    assert (found.frame[["procedures", "medications"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("name", "column", "value", "told"),
    [
        ("encounters", "START", "soon", "encounters.csv row 2, column 'start': expected a date or time"),
        ("encounters", "ENCOUNTERCLASS", None, "encounters.csv row 2, column 'encounterclass': expected text"),
        ("patients", "BIRTHDATE", "1950-13-01", "patients.csv row 2, column 'birthdate': expected a date or time"),
        ("conditions", "PATIENT", None, "conditions.csv row 2, column 'patient': expected text"),
    ],
)
def test_a_wrong_value_is_told(tmp_path, name, column, value, told):
    source = tables()
    source[name].loc[0, column] = value

    assert told in message(write(tmp_path, source))


def test_an_absent_column_a_damaged_file_and_no_source_are_told(tmp_path):
    source = tables()
    first = {**source, "encounters": source["encounters"].drop(columns=["ENCOUNTERCLASS"])}
    folder = write(tmp_path / "damaged", source)
    (folder / "conditions.csv").unlink()
    (folder / "conditions.csv.gz").write_bytes(gzip.compress(b"START,PATIENT,CODE\n2020-01-01,p1,1\n" * 99)[:-20])

    assert "table 'encounters' has no column 'encounterclass'" in message(write(tmp_path / "first", first))
    assert "conditions.csv.gz" in message(folder)
    assert "give --data" in message(None)


def test_tables_of_real_patients_are_not_taken_for_invented_ones(tmp_path):
    source = tables()
    real = {**source, "patients": source["patients"].drop(columns=["DRIVERS", "PASSPORT"])}
    (tmp_path / "damaged.zip").write_bytes(b"PK")

    assert synthea.recognises(write(tmp_path / "synthea", source))
    assert not synthea.recognises(write(tmp_path / "real", real))
    assert not synthea.recognises(tmp_path / "damaged.zip")
    assert not synthea.recognises(tmp_path / "absent")
