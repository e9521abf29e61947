"""OMOP: the public samples as they are, and small tables of which the answer is known."""

import csv
import io
import os
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from sources.hospital import simulated_hospital
from sources.writers import omop_tables, write_omop

from clinflu.data import Exclusion, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import load, recognise
from data_loaders.omop_concepts import coded_diagnoses

CANARY = "Xq7canary"


def sample(name):
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / name
    if not path.exists():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="module")
def synthea():
    """28 simulated persons in OMOP 5.4: a zip with upper-case names and what macOS adds."""
    return sample("omop_synthea27")


@pytest.fixture(scope="module")
def mimic():
    """12 persons of MIMIC-IV in OMOP 5.3, with negative ids of 64 bits."""
    return sample("omop_mimic4_sample")


@pytest.fixture(scope="module")
def synthea_cohort(synthea):
    """The cohort of the sample."""
    return load(path=synthea)


@pytest.fixture(scope="module")
def mimic_cohort(mimic):
    """The cohort of the sample."""
    return load(path=mimic)


def rows_of(source, table):
    """The rows of a table by the standard library alone."""
    if (source / f"{table}.csv").is_file():
        return list(csv.DictReader(io.StringIO((source / f"{table}.csv").read_text())))
    with zipfile.ZipFile(next(source.glob("*.zip"))) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(f"{table.upper()}.csv").decode())))


# The public samples


def test_synthea_has_the_persons_and_visits_that_its_description_says(synthea):
    visits = rows_of(synthea, "visit_occurrence")

    assert len(rows_of(synthea, "person")) == 28
    assert len(visits) == 1791
    assert sum(row["visit_concept_id"] == "9201" for row in visits) == 13


def test_every_inpatient_visit_of_synthea_is_accounted_for(synthea, synthea_cohort):
    stays = {
        row["visit_occurrence_id"] for row in rows_of(synthea, "visit_occurrence") if row["visit_concept_id"] == "9201"
    }
    provenance = synthea_cohort.provenance

    assert set(synthea_cohort.frame.index) <= stays
    assert provenance.rows_read == 13
    assert len(synthea_cohort.frame) + sum(one.rows for one in provenance.exclusions) == 13
    assert (recognise(synthea), provenance.loader, provenance.source) == ("omop", "omop", "omop_synthea27")


def test_the_label_of_synthea_is_that_of_a_plain_loop(synthea, synthea_cohort):
    visits = [row for row in rows_of(synthea, "visit_occurrence") if row["visit_concept_id"] == "9201"]
    days = {row["visit_occurrence_id"]: pd.Timestamp(row["visit_end_date"]) for row in visits}
    for stay, row in synthea_cohort.frame.iterrows():
        gaps = [
            (pd.Timestamp(other["visit_start_date"]) - days[stay]).days
            for other in visits
            if other["person_id"] == row["patient_id"] and other["visit_occurrence_id"] != stay
        ]
        assert row["readmitted"] == any(0 <= gap <= 30 for gap in gaps)


def test_what_synthea_records_before_a_stay_is_counted(synthea, synthea_cohort):
    outpatient = [
        (row["person_id"], pd.Timestamp(row["visit_start_datetime"]))
        for row in rows_of(synthea, "visit_occurrence")
        if row["visit_concept_id"] == "9202"
    ]
    starts = {row["visit_occurrence_id"]: row["visit_start_datetime"] for row in rows_of(synthea, "visit_occurrence")}
    for stay, row in synthea_cohort.frame.iterrows():
        start = pd.Timestamp(starts[stay])
        before = [
            at
            for person, at in outpatient
            if person == row["patient_id"] and start - pd.Timedelta(days=365) <= at < start - pd.Timedelta(days=1)
        ]
        assert row["outpatient_before"] == len(before)


def test_diagnoses_of_synthea_are_known_by_its_concepts(synthea_cohort):
    frame = synthea_cohort.frame

    assert (frame["heart_failure"] == "yes").any()
    assert frame["sex"].isin(["Female", "Male"]).all()
    assert frame["creatinine_last"].dropna().between(0.1, 20).all()


def test_the_folder_and_the_zip_in_it_are_the_same(synthea, synthea_cohort):
    assert load(path=next(synthea.glob("*.zip"))).frame.equals(synthea_cohort.frame)


def test_negative_ids_of_mimic_keep_every_digit(mimic, mimic_cohort):
    visits = rows_of(mimic, "visit_occurrence")
    assert (len(rows_of(mimic, "person")), len(visits)) == (12, 68)
    stays = {
        row["visit_occurrence_id"]: row["person_id"] for row in visits if row["visit_concept_id"] in ("262", "9201")
    }

    assert mimic_cohort.provenance.rows_read == len(stays) == 4
    assert dict(mimic_cohort.frame["patient_id"]) == stays
    assert any(stay.startswith("-") for stay in mimic_cohort.frame.index)


def test_diagnoses_of_mimic_are_linked_to_their_stays(mimic, mimic_cohort):
    codes = {}
    for row in rows_of(mimic, "condition_occurrence"):
        codes.setdefault(row["visit_occurrence_id"], set()).add(row["condition_source_value"].strip())

    for stay, row in mimic_cohort.frame.iterrows():
        assert row["diagnoses"] == len(codes.get(stay, ()))


def test_a_sample_is_the_same_in_a_database_file(mimic, mimic_cohort, tmp_path):
    path = tmp_path / "mimic.duckdb"
    with duckdb.connect(str(path)) as connection:
        for file in mimic.glob("*.csv"):
            connection.read_csv(str(file)).create(file.stem)

    pd.testing.assert_frame_equal(load(path=f"duckdb:///{path}").frame, mimic_cohort.frame)


def test_a_sample_without_what_is_missing_says_so(mimic_cohort):
    assert "The source has no table observation_period, concept." in mimic_cohort.provenance.notes


# Small tables

PERSON = "person_id,gender_concept_id,year_of_birth\n1,8507,1950\n2,8532,1960\n"
VISIT = "visit_occurrence_id,person_id,visit_concept_id,visit_start_datetime,visit_end_datetime"
INDEX = "11,1,9201,2020-01-01 10:00:00,2020-01-05 12:00:00"
LATER = "12,1,9201,2020-01-20 10:00:00,2020-01-25 12:00:00"
OTHER = "21,2,9201,2020-03-01 10:00:00,2020-03-04 12:00:00"


def source(folder, *, visits=(INDEX, LATER, OTHER), header=VISIT, **tables):
    """OMOP of two persons; the first comes back after 15 days."""
    folder.mkdir(exist_ok=True)
    tables = {"person": PERSON, "visit_occurrence": "\n".join([header, *visits, ""]), **tables}
    for name, content in tables.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def frame(folder, spec=None, **tables):
    return load("omop", source(folder, **tables), spec).frame


def one_line(folder, **tables):
    with pytest.raises(LoaderError) as caught:
        load("omop", source(folder, **tables))
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


def test_a_patient_who_comes_back_is_readmitted(tmp_path):
    assert frame(tmp_path)["readmitted"].to_dict() == {"11": 1, "12": 0, "21": 0}


@pytest.mark.parametrize("concept", [9201, 262, 8717, 8920, 8971, 32037])
def test_a_stay_is_a_visit_of(concept, tmp_path):
    stays = frame(tmp_path, visits=(INDEX, LATER, OTHER.replace(",9201,", f",{concept},")))

    assert stays.index.tolist() == ["11", "12", "21"]


@pytest.mark.parametrize(("concept", "counts"), [(9201, 1), (262, 1), (8717, 1), (8920, 0), (8971, 0)])
def test_a_next_stay_that_is_always_planned_is_no_readmission(concept, counts, tmp_path):
    stays = frame(tmp_path, visits=(INDEX, LATER.replace(",9201,", f",{concept},"), OTHER))

    assert stays.loc["11", "readmitted"] == counts


def test_an_emergency_visit_that_became_a_stay_is_an_emergency(tmp_path):
    stays = frame(tmp_path, visits=(INDEX.replace(",9201,", ",262,"), LATER, OTHER))

    assert stays["admission_type"].fillna("?").tolist() == ["emergency", "?", "?"]


@pytest.mark.parametrize("concept", [9202, 9203, 581477, 0, 32036])
def test_other_visits_are_no_stays(concept, tmp_path):
    stays = frame(tmp_path, visits=(INDEX, LATER, OTHER, f"22,2,{concept},2020-03-10 10:00:00,2020-03-10 12:00:00"))

    assert stays["readmitted"].to_dict() == {"11": 1, "12": 0, "21": 0}


def test_visits_of_unknown_sort_are_counted(tmp_path):
    visits = (INDEX, LATER, OTHER, "22,2,32036,2020-03-10 10:00:00,2020-03-10 12:00:00")

    (finding,) = load("omop", source(tmp_path, visits=visits)).findings

    assert (finding.table, finding.column, finding.rows) == ("visit_occurrence", "visit_concept_id", 1)


def test_visits_before_a_stay_are_counted_by_their_sort(tmp_path):
    visits = [
        *(INDEX, LATER, OTHER),
        "31,1,9203,2019-12-01 10:00:00,2019-12-01 12:00:00",
        "32,1,9202,2019-12-02 10:00:00,2019-12-02 12:00:00",
        "33,1,581477,2019-12-03 10:00:00,2019-12-03 12:00:00",
        "34,1,9203,2018-12-03 10:00:00,2018-12-03 12:00:00",  # more than a year before
        "35,1,9203,2020-01-01 09:00:00,2020-01-01 10:00:00",  # led to the stay
        "36,1,9203,2020-01-06 09:00:00,2020-01-06 10:00:00",
    ]

    stays = frame(tmp_path, visits=visits)

    assert stays.loc["11", ["emergency_before", "outpatient_before", "stays_before"]].tolist() == [1, 2, 0]
    assert stays.loc["12", "stays_before"] == 1


# Versions and spelling

NEW = (
    *("admitted_from_concept_id", "admitted_from_source_value"),
    *("discharged_to_concept_id", "discharged_to_source_value"),
)
OLD = (
    *("admitting_source_concept_id", "admitting_source_value"),
    *("discharge_to_concept_id", "discharge_to_source_value"),
)


def with_places(folder, names, **tables):
    places = (",8870,EMERGENCY ROOM,8863,SNF", ",0,PHYSICIAN REFERRAL,0,HOME", ",,,4216643,")
    rows = [row + more for row, more in zip((INDEX, LATER, OTHER), places, strict=True)]
    return source(folder, visits=rows, header=f"{VISIT},{','.join(names)}", **tables)


def test_the_names_of_5_3_and_5_4_give_the_same(tmp_path):
    new, old = (load("omop", with_places(tmp_path / names[0], names)) for names in (NEW, OLD))

    pd.testing.assert_frame_equal(new.frame, old.frame)
    assert new.frame["admission_source"].tolist() == ["Emergency room", "Physician referral"]
    assert new.frame["disposition"].tolist() == ["another facility", "home"]


def test_names_in_upper_case_give_the_same(tmp_path):
    hospital = simulated_hospital(20, seed=3)
    write_omop(hospital, tmp_path / "lower")
    (tmp_path / "upper").mkdir()
    for name, table in omop_tables(hospital).items():
        table.rename(columns=str.upper).to_csv(tmp_path / "upper" / f"{name.upper()}.CSV", index=False)

    upper, lower = (load(path=tmp_path / name) for name in ("upper", "lower"))

    pd.testing.assert_frame_equal(upper.frame, lower.frame)
    assert len(lower.frame) > 20


def test_times_in_zulu_are_those_of_the_clock(tmp_path):
    visits = [
        row.replace("2020-", "2020-").replace(" ", "T").replace(":00,", ":00Z,") + "Z" for row in (INDEX, LATER, OTHER)
    ]

    pd.testing.assert_frame_equal(frame(tmp_path / "a", visits=visits), frame(tmp_path / "b"))


def test_dates_alone_are_enough(tmp_path):
    header = VISIT.replace("datetime", "date")
    visits = [",".join(cell.split(" ")[0] for cell in row.split(",")) for row in (INDEX, LATER, OTHER)]

    stays = frame(tmp_path, visits=visits, header=header)

    assert stays["readmitted"].to_dict() == {"11": 1, "12": 0, "21": 0}
    assert stays["length_of_stay_days"].tolist() == [4, 5, 3]


@pytest.fixture(scope="module")
def in_postgresql(postgresql):
    """The URL of a database of invented patients, and the patients."""
    hospital = simulated_hospital(80, seed=4)
    with postgresql.connect("postgres") as connection:
        connection.execute("CREATE DATABASE omop")
    with postgresql.connect("omop") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA cdm; SET search_path TO cdm")
        for name, table in omop_tables(hospital).items():
            kinds = {column: _kind(column) for column in table}
            cursor.execute(f"CREATE TABLE {name} ({', '.join(f'{one} {kind}' for one, kind in kinds.items())})")
            with cursor.copy(f"COPY {name} FROM STDIN (FORMAT csv)") as rows:
                rows.write(table.to_csv(index=False, header=False))
    return f"{postgresql.url('omop')}?schema=cdm", hospital


def test_a_database_gives_what_files_give(in_postgresql, tmp_path):
    url, hospital = in_postgresql
    write_omop(hospital, tmp_path / "omop")

    cohort = load(path=url)

    pd.testing.assert_frame_equal(cohort.frame, load(path=tmp_path / "omop").frame)
    assert (cohort.provenance.source, cohort.provenance.loader) == ("PostgreSQL database omop", "omop")


def test_a_run_on_a_database_never_shows_the_password(in_postgresql, postgresql, clinflu):
    code, out, err = clinflu("run", "--data", in_postgresql[0])

    assert (code, "defect" in err) == (0, False)
    assert f"--data 'postgresql://{postgresql.user}@" in out
    shown = out + err + Path("out/trace.html").read_text()
    assert postgresql.password not in shown


def _kind(column):
    if column.endswith("_datetime"):
        return "timestamp"
    if column.endswith("_date"):
        return "date"
    if column == "value_as_number":
        return "numeric"
    return "bigint" if column.endswith("_id") or "of_birth" in column else "varchar(250)"


# Deaths and follow-up


@pytest.mark.parametrize("died", ["2020-01-23", "2020-01-25", "2020-01-25 18:00:00", "2020-01-20"])
def test_who_died_during_a_stay_is_not_at_risk(died, tmp_path):
    cohort = load("omop", source(tmp_path, death=f"person_id,death_datetime\n1,{died}\n"))

    assert cohort.frame.index.tolist() == ["11", "21"]
    assert Exclusion("died in hospital", 1) in cohort.provenance.exclusions


@pytest.mark.parametrize(("concept", "words"), [(4216643, ""), (44814686, ""), (0, "DIED"), ("", "Expired")])
def test_who_was_discharged_dead_is_not_at_risk(concept, words, tmp_path):
    header = f"{VISIT},discharged_to_concept_id,discharged_to_source_value"
    visits = (f"{INDEX},0,HOME", f"{LATER},{concept},{words}", f"{OTHER},0,HOME")

    assert frame(tmp_path, visits=visits, header=header).index.tolist() == ["11", "21"]


@pytest.mark.parametrize(
    ("after_death", "left"), [("no event", {"11": 1, "12": 0, "21": 0}), ("event", {"11": 1, "12": 1, "21": 0})]
)
def test_a_death_after_discharge_is_what_the_definition_says(after_death, left, tmp_path):
    death = "person_id,death_date\n1,2020-02-10\n"

    found = frame(tmp_path, ReadmissionSpec(after_death=after_death), death=death)

    assert found["readmitted"].to_dict() == left


@pytest.mark.parametrize(
    ("until", "kept"),
    [("2020-02-23", ["11", "21"]), ("2020-02-24", ["11", "12", "21"]), ("2021-01-01", ["11", "12", "21"])],
)
def test_a_stay_that_was_not_followed_for_the_whole_window_is_left_out(until, kept, tmp_path):
    periods = f"person_id,observation_period_end_date\n1,2019-01-01\n1,{until}\n2,2022-01-01\n"

    assert frame(tmp_path, observation_period=periods).index.tolist() == kept


# What is not there


def test_tables_that_are_not_there_leave_their_variables_out(tmp_path):
    hospital = simulated_hospital(25, seed=5)
    write_omop(hospital, tmp_path / "all")
    whole = load(path=tmp_path / "all")
    gone = {
        "condition_occurrence": {"diagnoses", "diagnosis_group", "heart_failure", "lace", "hospital_simplified"},
        "procedure_occurrence": {"procedures"},
        "drug_exposure": {"medications", "insulin", "antibiotics"},
        "measurement": {"sodium_last", "creatinine_highest"},
    }
    for table, names in gone.items():
        write_omop(hospital, tmp_path / table)
        (tmp_path / table / f"{table}.csv").unlink()
        some = load(path=tmp_path / table)

        assert names <= set(whole.frame) - set(some.frame)
        assert any(table in note for note in some.provenance.notes)
        shared = [spec.name for spec in some.schema.features]
        pd.testing.assert_frame_equal(some.frame[shared], whole.frame[shared])


@pytest.mark.parametrize("table", ["person", "visit_occurrence"])
def test_without_a_table_that_is_needed(table, tmp_path):
    (source(tmp_path) / f"{table}.csv").unlink()

    with pytest.raises(LoaderError, match=f"1 problem: there is no table '{table}'") as caught:
        load("omop", tmp_path)

    assert str(caught.value) == caught.value.one_line
    with pytest.raises(LoaderError, match="no loader recognises"):
        recognise(tmp_path)


def test_columns_that_are_needed_are_all_told(tmp_path):
    told = one_line(tmp_path, person="id\n1\n", header=VISIT.replace("visit_start_datetime", "began"))

    assert "2 problems: table 'person' has no column 'person_id'; table 'visit_occurrence' has no column " in told


def test_no_stay_at_all(tmp_path):
    assert "holds no stay in hospital" in one_line(tmp_path, visits=(INDEX.replace("9201", "9202"),))


def test_twice_the_same_stay(tmp_path):
    assert "1 stays have the id of another" in one_line(tmp_path, visits=(INDEX, INDEX, OTHER))


def test_values_that_are_none_are_all_told_and_never_shown(tmp_path):
    told = one_line(
        tmp_path,
        visits=(INDEX, LATER, OTHER.replace("2020-03-04", CANARY)),
        measurement=f"person_id,measurement_concept_id,value_as_number\n1,3019550,{CANARY}\n",
        death=f"person_id,death_date\n1,{CANARY}\n",
    )

    assert "3 problems: " in told
    for where in ("visit_occurrence.csv row 4", "measurement.csv row 2, column 'value_as_number'", "death.csv row 2"):
        assert where in told
    assert CANARY not in told


def test_without_a_source():
    with pytest.raises(LoaderError, match="this loader needs OMOP tables: give --data"):
        load("omop")


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


CONDITION = (
    "person_id,visit_occurrence_id,condition_start_date,condition_source_value,condition_source_concept_id,"
    "condition_concept_id"
)


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

MEASUREMENT = (
    "person_id,visit_occurrence_id,measurement_datetime,measurement_concept_id,value_as_number,unit_concept_id,"
    "unit_source_value"
)


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


# Leaks

DRUG = "person_id,visit_occurrence_id,drug_exposure_start_datetime,drug_source_value"
PROCEDURE = "person_id,visit_occurrence_id,procedure_datetime"
EVENTS = {
    "condition_occurrence": (CONDITION.replace("start_date", "start_datetime"), "I50.9,0,0", "B20,0,0"),
    "procedure_occurrence": (PROCEDURE, None, None),
    "drug_exposure": (DRUG, "Insulin lispro", "Haloperidol"),
    "measurement": (MEASUREMENT, "3019550,140,9557,", "3019550,101,9557,"),
}
"""By table its header, what each person has of it, and what is planted."""
LATE = ("2020-03-04 12:00:01", "2020-03-05 00:00:00", "2021-01-01 09:00:00")
WITHIN = ("2020-03-03 10:00:00",)


def with_records(folder, table, stay, times):
    """Both persons with a record of every kind, and more of one table for the second, whose last stay is 21."""
    made = {}
    for name, (header, own, _) in EVENTS.items():
        made[name] = [header, _row("1", "11", "2020-01-03 10:00:00", own), _row("2", "21", "2020-03-02 10:00:00", own)]
    made[table] += [_row("2", stay, at, EVENTS[table][2]) for at in times]
    return load("omop", source(folder, **{name: "\n".join([*rows, ""]) for name, rows in made.items()}))


def _row(*cells):
    return ",".join(cell for cell in cells if cell is not None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The cohort of both persons with their own records alone."""
    return with_records(tmp_path_factory.mktemp("omop"), "measurement", "", ())


@pytest.mark.parametrize("stay", ["21", ""], ids=["naming the stay", "naming no stay"])
@pytest.mark.parametrize("table", EVENTS)
def test_what_is_recorded_after_a_discharge_changes_no_variable_and_no_score(table, stay, plain, tmp_path):
    leaky = with_records(tmp_path, table, stay, LATE)

    assert [one.name for one in leaky.schema.baselines] == [one.name for one in plain.schema.baselines] != []
    pd.testing.assert_frame_equal(leaky.frame, plain.frame)


@pytest.mark.parametrize("table", EVENTS)
def test_the_same_record_within_the_stay_would_have_changed_something(table, plain, tmp_path):
    changed = with_records(tmp_path, table, "21", WITHIN).frame

    assert not changed.loc["21", list(plain.frame)].equals(plain.frame.loc["21"])


@pytest.mark.parametrize("concept", [9202, 9203])
def test_a_visit_after_the_discharge_changes_nothing(concept, tmp_path):
    before = "31,2,9203,2019-12-01 10:00:00,2019-12-01 12:00:00", "32,1,9202,2019-12-02 10:00:00,2019-12-02 12:00:00"
    late = f"33,2,{concept},2020-03-05 10:00:00,2020-03-05 12:00:00"

    plain = frame(tmp_path / "a", visits=(INDEX, LATER, OTHER, *before))
    leaky = frame(tmp_path / "b", visits=(INDEX, LATER, OTHER, *before, late))

    pd.testing.assert_frame_equal(leaky, plain)


# What was wrong once


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [
        ("2021-01-01", "2022-01-01", ["11", "21"]),  # a gap: the last discharge lies in no period
        ("2020-02-01", "2022-01-01", ["11", "12", "21"]),  # the period after adjoins
        ("2020-02-03", "2022-01-01", ["11", "21"]),
    ],
)
def test_nobody_is_followed_across_a_gap(since, until, kept, tmp_path):
    columns = "person_id,observation_period_start_date,observation_period_end_date"
    periods = f"{columns}\n1,2019-01-01,2020-01-31\n1,{since},{until}\n2,2019-01-01,2022-01-01\n"

    assert frame(tmp_path, observation_period=periods).index.tolist() == kept


@pytest.mark.parametrize("written", ["11.0", " 11 ", "11"])
def test_an_id_is_the_same_however_it_is_written(written, tmp_path):
    conditions = (
        "person_id,visit_occurrence_id,condition_source_value\n"
        f"{'1.0' if '.' in written else written.replace('11', '1')},{written},I50.9\n"
    )

    assert frame(tmp_path, condition_occurrence=conditions).loc["11", "heart_failure"] == "yes"


def test_ids_that_have_lost_digits_are_refused(tmp_path):
    folder = source(tmp_path)
    (folder / "person.csv").unlink()
    pd.DataFrame({"person_id": [2.0**53, 1.0], "year_of_birth": [1950, 1960]}).to_parquet(folder / "person.parquet")
    with pytest.raises(LoaderError, match=r"person\.parquet row 1, column 'person_id': .* lost digits"):
        load("omop", folder)


def test_a_record_that_names_the_stay_of_another_patient_is_counted_and_not_theirs(tmp_path):
    conditions = "person_id,visit_occurrence_id,condition_start_date,condition_source_value\n2,11,2020-01-02,I50.9\n"
    cohort = load("omop", source(tmp_path, condition_occurrence=conditions))

    assert (cohort.frame["diagnoses"] == 0).all()
    assert [(one.table, one.rows) for one in cohort.findings] == [("diagnoses", 1)]


def test_a_table_of_nobody_in_hospital_is_told(tmp_path):
    conditions = "person_id,visit_occurrence_id,condition_source_value\nP1,11,I50.9\n"
    cohort = load("omop", source(tmp_path, condition_occurrence=conditions))

    assert "are ids written alike" in cohort.findings[0].what


def test_a_unit_concept_that_is_not_known_is_not_taken_for_ours(tmp_path):
    columns = "person_id,visit_occurrence_id,measurement_date,measurement_concept_id,value_as_number,unit_concept_id"
    labs = f"{columns}\n1,11,2020-01-02,3016723,12,44777\n1,11,2020-01-03,3016723,1.5,\n1,11,2020-01-03,3016723,1.7,0\n"
    cohort = load("omop", source(tmp_path, measurement=labs))

    assert cohort.frame.loc["11", ["creatinine_lowest", "creatinine_highest"]].tolist() == [1.5, 1.7]
    assert [(one.table, one.rows) for one in cohort.findings] == [("labs", 1)]


def test_an_open_stay_within_another_and_a_death_years_later(tmp_path):
    within = "13,1,32037,2020-01-02 10:00:00,"
    death = "person_id,death_date\n1,2029-01-01\n"
    cohort = load("omop", source(tmp_path, visits=(INDEX, within, LATER, OTHER), death=death))

    assert [one.reason[:4] for one in cohort.provenance.exclusions] == ["part"]
    assert cohort.frame.index.tolist() == ["11", "12", "21"]
