"""No word of an outcome turns into "no event" unnoticed."""

import pytest

from clinflu.errors import LoaderError
from data_loaders import load

TOML = """\
[table]
encounter_id = "visit"
patient_id = "person"
outcome = "readmitted"
outcome_event = "yes"
{more}

[features.age]
bounds = [0, 120]
"""


@pytest.fixture
def table(tmp_path):
    """Write outcomes in words, and what the description says beside; return the path."""

    def write(words, more="", ages=None):
        path = tmp_path / "discharges.csv"
        ages = ages or [50] * len(words)
        rows = [f"v{k},p{k},{word},{age}" for k, (word, age) in enumerate(zip(words, ages, strict=True))]
        path.write_text("\n".join(["visit,person,readmitted,age", *rows]) + "\n")
        path.with_suffix(".toml").write_text(TOML.format(more=more))
        return path

    return write


def test_the_event_in_other_capitals_or_spaces_is_a_problem_by_row_beside_all_others(table):
    with pytest.raises(LoaderError) as caught:
        load("table", table(["yes", "Yes", "no", "YES ", "yes"], ages=[50, 50, 999, 50, 50]))
    said = caught.value.one_line
    for row in (3, 5):
        assert f"row {row}, column 'readmitted': expected the event exactly as outcome_event writes it" in said
    assert "row 4, column 'age': expected a number" in said
    assert "3 problems" in said
    assert "Yes" not in said


def test_where_the_other_words_are_named_any_third_is_a_problem(table):
    path = table(["yes", "no", "maybe", "later"], 'outcome_others = ["no", "later"]')
    with pytest.raises(LoaderError, match="1 problem: row 4, column 'readmitted': expected outcome_event or one of"):
        load("table", path)
    cohort = load("table", table(["yes", "no", "later", "no"], 'outcome_others = ["no", "later"]'))
    assert cohort.outcome.tolist() == [1, 0, 0, 0]
    assert cohort.findings == ()


def test_several_words_beside_the_event_are_noticed_and_two_words_are_not(table, clinflu):
    path = table(["yes", "no", "maybe", "no"] * 30)
    (found,) = load("table", path).findings
    assert (found.column, found.rows) == ("readmitted", 90)
    assert "2 values beside the event all count as no event; name them in outcome_others" in str(found)
    code, said, _ = clinflu("data", "check", path)
    assert code == 0
    assert "2 values beside the event" in " ".join(said.split())
    assert load("table", table(["yes", "no"] * 3)).findings == ()


@pytest.mark.parametrize("more", ['outcome_others = ["yes", "no"]', 'outcome_others = "no"', "outcome_others = [true]"])
def test_others_that_hold_the_event_or_are_no_list_of_texts_are_refused(table, more):
    with pytest.raises(LoaderError, match="outcome_others"):
        load("table", table(["yes", "no"], more))
