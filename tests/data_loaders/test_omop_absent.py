"""OMOP: what is not there, or is no value, is told, all at once."""

import pandas as pd
import pytest
from sources.hospital import simulated_hospital
from sources.omop_tables import INDEX, LATER, OTHER, VISIT, one_line, source
from sources.writers import write_omop

from clinflu.errors import LoaderError
from data_loaders import load, recognise

CANARY = "Xq7canary"


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
