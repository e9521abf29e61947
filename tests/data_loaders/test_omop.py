"""OMOP: visits, versions, spelling, deaths and follow-up in small tables of which the answer is known."""

from pathlib import Path

import pandas as pd
import pytest
from sources.hospital import simulated_hospital
from sources.omop_tables import INDEX, LATER, OTHER, VISIT, frame, source
from sources.writers import omop_tables, write_omop

from clinflu.data import Exclusion, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import load


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
