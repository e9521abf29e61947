"""OMOP: nothing after a discharge reaches a variable or a score."""

import pandas as pd
import pytest
from sources.omop_tables import CONDITION, INDEX, LATER, MEASUREMENT, OTHER, frame, source

from data_loaders import load

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


@pytest.mark.thorough
@pytest.mark.parametrize("stay", ["21", ""], ids=["naming the stay", "naming no stay"])
@pytest.mark.parametrize("table", EVENTS)
def test_what_is_recorded_after_a_discharge_changes_no_variable_and_no_score(table, stay, plain, tmp_path):
    leaky = with_records(tmp_path, table, stay, LATE)

    assert [one.name for one in leaky.schema.baselines] == [one.name for one in plain.schema.baselines] != []
    pd.testing.assert_frame_equal(leaky.frame, plain.frame)


@pytest.mark.thorough
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
