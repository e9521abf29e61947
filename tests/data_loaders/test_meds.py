"""MEDS shards become a cohort: the public sample, both conversions of codes, and stays without an id."""

import os
from pathlib import Path

import pandas as pd
import pytest

from clinflu.errors import LoaderError
from data_loaders import load, meds, meds_stays, recognise
from data_loaders.meds_codes import coded_diagnoses, lab_values, medication_names


@pytest.fixture(scope="session")
def sample():
    """The published sample, whose patients are invented."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "meds_sample"
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


def event(patient, at, code, value=None, **more):
    return {"subject_id": patient, "time": at, "code": code, "numeric_value": value, **more}


STAY = [
    event(1, None, "GENDER//F"),
    event(1, None, "RACE//WHITE"),
    event(1, "1950-06-01", "MEDS_BIRTH"),
    event(1, "2020-01-01 10:00", "HOSPITAL_ADMISSION//EW EMER.//EMERGENCY ROOM"),
    event(1, "2020-01-04 10:00", "HOSPITAL_DISCHARGE//HOME"),
]


def write(folder, events, name="0"):
    path = folder / "data" / "train" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(events)
    times = pd.to_datetime(frame["time"], format="ISO8601").astype("datetime64[us]")
    frame.assign(time=times, numeric_value=frame["numeric_value"].astype(float)).to_parquet(path, index=False)
    return folder


def frame(folder, *events):
    return meds.load(write(folder, [*STAY, *events])).frame


def test_the_sample(sample):
    assert recognise(sample) == "meds"
    cohort = load(None, sample)
    events = pd.concat(pd.read_parquet(path) for path in sample.rglob("*.parquet"))
    assert cohort.provenance.rows_read == events["code"].str.startswith("ADMISSION//").sum() == 194
    assert cohort.patients.nunique() == 100
    assert cohort.years is None
    starts, ends = (
        events[events["code"].str.startswith(word)].sort_values(["subject_id", "time"]) for word in ("ADM", "DISCH")
    )
    starts, ends = (part.set_index("subject_id")["time"].dt.normalize() for part in (starts, ends))
    days = (starts.groupby(level=0).shift(-1).to_numpy() - ends.to_numpy()) / pd.Timedelta(days=1)
    assert cohort.outcome.sum() == (days <= 30).sum()


def test_what_a_stay_says(tmp_path):
    found = frame(tmp_path)
    assert list(found.index) == ["1-1"]
    told = found.loc["1-1", ["age_years", "sex", "race", "admission_type", "admission_source", "disposition"]]
    assert told.tolist() == [69, "Female", "White", "emergency", "Emergency room", "home"]


def test_an_id_of_the_stay_is_kept(tmp_path):
    stays = [{**one, "hadm_id": 77 if "HOSPITAL" in one["code"] else None} for one in STAY]
    assert list(meds.load(write(tmp_path, stays)).frame.index) == ["77"]


def test_an_admission_without_a_discharge_before_the_next_has_none(tmp_path):
    again = [event(1, f"2020-03-0{day} 10:00", "HOSPITAL_ADMISSION//URGENT") for day in (1, 5)]
    cohort = meds.load(write(tmp_path, [*STAY, *again, event(1, "2020-03-09 10:00", "HOSPITAL_DISCHARGE//HOME")]))
    assert {one.reason: one.rows for one in cohort.provenance.exclusions} == {"no discharge is recorded": 1}
    assert list(cohort.frame.index) == ["1-1", "1-3"]


def start(patient, at, stay=None, kind="URGENT"):
    return event(patient, at, f"HOSPITAL_ADMISSION//{kind}", hadm_id=stay)


def end(patient, at, stay=None, where="HOME"):
    return event(patient, at, f"HOSPITAL_DISCHARGE//{where}", hadm_id=stay)


def closed(*events):
    """When each admission ended and where the patient went, by id of the stay."""
    columns = {"at": "datetime64[us]", "encounter_id": "str", "patient_id": "str", "code": "str"}
    frame = pd.DataFrame(events).rename(columns={"time": "at", "hadm_id": "encounter_id", "subject_id": "patient_id"})
    frame = frame[list(columns)].astype(columns)
    starts = frame["code"].str.startswith("HOSPITAL_ADMISSION")
    found = meds_stays.stays(frame.iloc[:0], frame[starts], frame[~starts]).set_index("encounter_id")
    days = found["discharged"].dt.day.astype("float64")
    return {key: None if pd.isna(day) else int(day) for key, day in days.items()}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                start(1, "2020-01-01", "a"),
                start(1, "2020-01-03", "b"),
                end(1, "2020-01-05", "b"),
                end(1, "2020-01-09", "a"),
            ],
            {"a": 9, "b": 5},
            id="one stay within another",
        ),
        pytest.param(
            [
                start(1, "2020-01-01", "a"),
                start(1, "2020-01-03", "b"),
                end(1, "2020-01-05", "a"),
                end(1, "2020-01-09", "b"),
            ],
            {"a": 5, "b": 9},
            id="stays that overlap",
        ),
        pytest.param(
            [start(1, "2020-01-01", "a"), end(1, "2020-01-05", "b"), start(1, "2020-01-07", "b")],
            {"a": None, "b": 5},
            id="the discharge of another stay closes none",
        ),
        pytest.param([start(1, "2020-01-01", "a"), end(1, "2020-01-05", "z")], {"a": None}, id="ids that differ"),
        pytest.param([start(1, "2020-01-01", "a"), end(2, "2020-01-05", "a")], {"a": None}, id="another patient"),
        pytest.param(
            [start(1, "2020-01-01", "a"), start(1, "2020-01-03"), end(1, "2020-01-05", "a"), end(1, "2020-01-09")],
            {"a": 5, "1-2": 9},
            id="one of two stays with an id",
        ),
        pytest.param([start(1, "2020-01-01", "a"), end(1, "2020-01-05")], {"a": 5}, id="a discharge without an id"),
        pytest.param([start(1, "2020-01-01", "a"), end(1, "2020-01-01", "a")], {"a": 1}, id="no length, with an id"),
        pytest.param([start(1, "2020-01-01"), end(1, "2020-01-01")], {"1-1": 1}, id="no length, without one"),
        pytest.param(
            [start(1, "2020-01-01"), end(1, "2020-01-05"), start(1, "2020-01-05"), end(1, "2020-01-09")],
            {"1-1": 5, "1-2": 9},
            id="a transfer, without ids",
        ),
        pytest.param(
            [start(1, "2020-01-01", "a"), end(1, "2020-01-05", "a"), start(1, "2020-01-05", "b")],
            {"a": 5, "b": None},
            id="a transfer whose second stay has no end",
        ),
        pytest.param(
            [start(1, "2020-01-01"), end(1, "2020-01-05"), start(1, "2020-01-05")],
            {"1-1": 5, "1-2": None},
            id="the same, without ids",
        ),
        pytest.param(
            [
                start(1, "2020-01-01"),
                end(1, "2020-01-03"),
                start(1, "2020-01-05"),
                end(1, "2020-01-05"),
                start(1, "2020-01-08"),
                end(1, "2020-01-09"),
            ],
            {"1-1": 3, "1-2": 5, "1-3": 9},
            id="no length, between others",
        ),
    ],
)
@pytest.mark.parametrize("step", [1, -1])
def test_each_admission_is_closed_by_its_own_discharge(events, expected, step):
    assert closed(*events[::step]) == expected


def test_what_the_emergency_department_did_before_an_admission_is_no_visit(tmp_path):
    stay = [{**one, "hadm_id": "a" if "HOSPITAL" in one["code"] else None} for one in STAY]
    told = {"a": "2019-12-30 10:00", None: "2019-12-01", "z": "2019-12-02"}
    visits = [event(1, at, "ED_REGISTRATION", hadm_id=key) for key, at in told.items()]

    assert meds.load(write(tmp_path, [*stay, *visits])).frame["emergency_before"].tolist() == [2]


@pytest.mark.parametrize(
    ("told", "race"),
    [
        ([(None, "WHITE")], "White"),
        ([("2020-01-01 10:00", "WHITE")], "White"),
        ([("2020-02-20 10:00", "ASIAN"), ("2019-02-01 10:00", "WHITE")], "White"),
        ([("2020-02-20 10:00", "ASIAN")], None),
    ],
)
def test_a_race_that_is_told_after_the_first_admission_is_not_known(tmp_path, told, race):
    races = [event(1, at, f"RACE//{word}") for at, word in told]
    again = [start(1, "2020-02-20 10:00"), end(1, "2020-02-22 10:00")]
    other = [{**one, "subject_id": 2} for one in STAY]
    own = [one for one in STAY if "RACE" not in one["code"]]
    found = meds.load(write(tmp_path, [*races, *own, *again, *other])).frame.loc[["1-1", "1-2"], "race"]

    assert found.isna().all() if race is None else (found == race).all()


@pytest.mark.parametrize(
    "last",
    [
        [STAY[-1], event(1, "2020-01-04", "MEDS_DEATH")],
        [event(1, "2020-01-04 10:00", "HOSPITAL_DISCHARGE//DIED")],
    ],
)
def test_a_death_in_hospital_is_told_by_its_time_or_by_the_discharge(tmp_path, last):
    other = [{**one, "subject_id": 2} for one in STAY]
    cohort = meds.load(write(tmp_path, [*STAY[:-1], *last, *other]))
    assert {one.reason: one.rows for one in cohort.provenance.exclusions} == {"died in hospital": 1}


def test_both_conversions_of_diagnoses():
    codes = pd.Series(["DIAGNOSIS//ICD//10//I509", "DIAGNOSIS//ICD//9//4280", "ICD10CM/I50.9", "SNOMED/84114007"])
    found = coded_diagnoses(codes)
    assert found["code"].tolist() == ["I509", "4280", "I50.9", "84114007"]
    assert found["system"].tolist() == ["ICD10CM", "ICD9CM", "ICD10CM", "SNOMED"]


def test_both_conversions_of_laboratory_values():
    labs = pd.DataFrame(
        {
            "code": ["LAB//50983//mEq/L", "LOINC/2160-0", "LAB//50912//UNK", "LAB//1//mg/dL"],
            "value": [140.0, 88.4, 1.5, 3.0],
            "unit": pd.Series([None, "umol/L", None, None], dtype="str"),
        }
    )
    found = lab_values(labs)
    assert found["analyte"].tolist()[:3] == ["sodium", "creatinine", "creatinine"]
    assert found["analyte"].isna().tolist() == [False, False, False, True]
    assert found["value"].round(3).tolist()[:3] == [140, 1.0, 1.5]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("MEDICATION//START//Warfarin", "Warfarin"),
        ("MEDICATION//Warfarin//Administered", "Warfarin"),
        ("MEDICATION//Warfarin", "Warfarin"),
        ("MEDICATION//STOP//Warfarin", None),
        ("MEDICATION//START", None),
        ("MEDICATION//START//UNK", None),
    ],
)
def test_the_name_in_the_code_of_a_medication(code, name):
    assert medication_names(pd.Series([code])).isna().item() is (name is None)
    assert name is None or medication_names(pd.Series([code])).item() == name


def test_what_is_nowhere_makes_no_variable(tmp_path):
    assert not {"diagnoses", "medications", "procedures", "emergency_before", "sodium_last"} & set(frame(tmp_path))
    more = event(1, "2020-01-02 10:00", "MEDICATION//START//Warfarin"), event(1, "2019-12-01", "ED_REGISTRATION")
    found = frame(tmp_path, *more)
    assert found.loc["1-1", ["anticoagulants", "medications", "emergency_before"]].tolist() == ["yes", 1, 1]


def test_metadata_beside_the_shards_is_no_shard(tmp_path):
    folder = write(tmp_path, STAY)
    (folder / "metadata").mkdir()
    pd.DataFrame({"code": ["x"], "description": ["y"]}).to_parquet(folder / "metadata" / "codes.parquet")
    assert meds.recognises(folder)
    assert len(meds.load(folder).frame) == 1


@pytest.mark.parametrize(
    ("columns", "telling"),
    [
        ({"subject_id": [1], "time": ["x"], "numeric_value": [1.0]}, "has no column 'code'"),
        (
            {"subject_id": [1], "time": ["soon"], "code": ["A"], "numeric_value": [1.0]},
            "1 problem: .* row 1, column 'time'",
        ),
        ({"subject_id": [1], "time": ["2020-01-01"], "code": ["A"], "numeric_value": [1.0]}, "holds no stay"),
        (
            {"subject_id": [1], "time": ["soon"], "code": ["HOSPITAL_ADMISSION"], "numeric_value": [1.0]},
            "row 1, column",
        ),
    ],
)
def test_shards_that_are_none(tmp_path, columns, telling):
    pd.DataFrame(columns).to_parquet(tmp_path / "0.parquet")
    with pytest.raises(LoaderError, match=telling) as caught:
        meds.load(tmp_path)
    assert "soon" not in str(caught.value)


def test_a_file_is_no_folder_of_shards(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("x")
    assert not meds.recognises(path)
    with pytest.raises(LoaderError, match="no Parquet file"):
        meds.load(path)
    with pytest.raises(LoaderError, match="give --data"):
        meds.load(None)
