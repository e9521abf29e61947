"""Every problem of a table is named once, by row and column, and no value is."""

import re
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.data import CohortSchema, FeatureSpec, validation
from clinflu.data.validation import Problem, require_columns, validate
from clinflu.errors import LoaderError

SCHEMA = CohortSchema(
    encounter_id="visit",
    patient_id="person",
    outcome="event",
    features=(
        FeatureSpec("age", "Age", unit="years", bounds=(0, 120)),
        FeatureSpec("weight", "Weight"),
        FeatureSpec("sex", "Sex", levels=("F", "M")),
        FeatureSpec("ward", "Ward", levels=()),
    ),
)


def table(**columns):
    good = {
        "visit": ["v1", "v2", "v3"],
        "person": ["a", "a", "b"],
        "event": ["0", "1", "1"],
        "age": ["70", "71.5", None],
        "weight": ["80", None, "1e2"],
        "sex": ["F", None, "M"],
        "ward": ["4 West", None, "ICU"],
    }
    return pd.DataFrame({**good, **columns})


def valid(frame):
    return validate(frame, SCHEMA, pd.Series(range(2, 2 + len(frame))))


def message_of(frame, schema=SCHEMA):
    with pytest.raises(LoaderError) as caught:
        validate(frame, schema, pd.Series(range(2, 2 + len(frame))))
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


def places(message):
    return {(int(row), column) for row, column in re.findall(r"row (\d+), column '(\w+)'", message)}


def test_text_becomes_the_types_of_the_schema():
    frame = valid(table())

    np.testing.assert_array_equal(frame["age"], [70, 71.5, np.nan])
    np.testing.assert_array_equal(frame["weight"], [80, np.nan, 100])
    np.testing.assert_array_equal(frame["event"], [0.0, 1.0, 1.0])
    assert frame["sex"].isna().tolist() == [False, True, False]
    assert {str(frame[name].dtype) for name in ("visit", "person", "sex", "ward")} == {"str"}


def test_the_index_stays_and_other_columns_go():
    frame = table(other=[1, 2, 3], self=["x", "y", "z"]).set_index(pd.Index([7, 3, 5]))

    checked = valid(frame)

    assert checked.index.tolist() == [7, 3, 5]
    assert list(checked.columns) == list(table().columns)


READABLE = {
    "numbers": table(age=[70, 71, 0], weight=[1, 2, 3], event=[0, 1, 0]),
    "nullable numbers": table(age=pd.array([70, None, 3], dtype="Int64"), event=pd.array([1, 0, 1], dtype="int8")),
    "truth values": table(event=[True, False, True], weight=pd.array([True, None, False], dtype="boolean")),
    "objects": table(ward=pd.Series(["a", None, "b"], dtype=object), age=pd.Series([1, "2", None], dtype=object)),
    "categories": table(ward=pd.Categorical(["a", None, "b"]), sex=pd.Categorical(["F", "M", "F"])),
    "categories of numbers": table(age=pd.Categorical([70, None, 3]), weight=pd.Categorical(["5", "1e2", "5"])),
    "nothing at all": table(
        ward=[None] * 3, sex=[np.nan] * 3, age=[None] * 3, weight=pd.array([None] * 3, dtype="str")
    ),
    "bounds": table(age=[0, 120, "120.0"]),
    "spaces and signs": table(weight=[" 5 ", "+5", "-0.5"]),
}


@pytest.mark.parametrize("frame", READABLE.values(), ids=READABLE)
def test_what_can_be_read_is_read(frame):
    assert valid(frame)["age"].dtype == valid(frame)["weight"].dtype == np.float64


def test_a_category_stays_one_with_its_levels_in_order_and_none_without_a_row():
    ward = pd.Categorical(["ICU", None, "4 West"], ["closed", "ICU", "4 West"], ordered=True)
    checked = valid(table(ward=ward, sex=pd.Categorical(["F", None, "M"])))

    assert checked["ward"].dtype == pd.CategoricalDtype(pd.Index(["4 West", "ICU"], dtype="str"), ordered=False)
    assert list(checked["ward"].cat.categories) == ["4 West", "ICU"]
    assert checked["ward"].tolist()[::2] == ["ICU", "4 West"]
    assert checked["ward"].isna().tolist() == [False, True, False]
    assert str(valid(table(person=pd.Categorical(["a", "a", "b"])))["person"].dtype) == "str"


def test_what_is_wrong_in_a_category_is_named_by_its_cells():
    message = message_of(table(sex=pd.Categorical(["F", "x", "x"], ["x", "F"]), ward=pd.Categorical([1, None, "a"])))

    assert places(message) == {(3, "sex"), (4, "sex"), (2, "ward")}
    assert message.count("expected one of F, M") == 2
    assert message.count("expected text") == 1


def test_ids_are_as_unique_among_many_as_among_few(monkeypatch):
    monkeypatch.setattr(validation, "MANY", 2)

    assert len(valid(table(visit=["a1", "b1", "a2"]))) == 3
    assert places(message_of(table(visit=["a1", "b1", "a1"]))) == {(2, "visit"), (4, "visit")}
    assert places(message_of(table(visit=["a1", None, "a1"]))) == {(row, "visit") for row in (2, 3, 4)}
    assert places(message_of(table(visit=["a1", "", "a2"]))) == {(3, "visit")}


def test_a_level_without_a_row_is_no_problem():
    assert len(valid(table(sex=pd.Categorical(["F", None, "M"], ["x", "F", "M", 3])))) == 3


def test_a_million_rows_are_checked_without_looking_at_any_alone():
    n = 1_000_000
    codes = np.arange(n) % 3 - 1
    ids = pd.Series(np.arange(n)).astype("str")
    frame = pd.DataFrame(
        {"visit": ids, "person": ids, "event": 1.0, "age": 70.0, "weight": np.nan}
        | {"sex": pd.Categorical.from_codes(codes, ["M", "F"]), "ward": pd.Categorical.from_codes(codes, ["b", "a"])}
    )
    start = time.process_time()
    checked = validate(frame, SCHEMA)
    assert time.process_time() - start < 3
    assert checked["sex"].isna().sum() == (codes < 0).sum()
    with pytest.raises(LoaderError, match=r"1 problem: row 1000000, column 'sex'"):
        validate(frame.assign(sex=pd.Categorical.from_codes(np.r_[codes[:-1], 2], ["M", "F", "x"])), SCHEMA)


UNREADABLE = [
    "abc",
    "",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1e999",
    "1_000",
    "1,000",
    "0x10",
    "５",
    "None",
    "True",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_text_that_is_no_finite_number_is_a_problem_and_never_missing(text):
    message = message_of(table(weight=["80", text, "90"]))

    assert places(message) == {(3, "weight")}
    assert "expected a finite number" in message


@pytest.mark.parametrize("value", [-1, 120.001, 300, np.inf, -np.inf])
def test_numbers_out_of_bounds(value):
    message = message_of(table(age=[50, 60, value]))

    assert "1 problem: row 4, column 'age': expected a number from 0 to 120 years." in message


def test_dates_are_no_numbers():
    assert places(message_of(table(weight=pd.to_datetime(["2020-01-01"] * 3)))) == {
        (row, "weight") for row in (2, 3, 4)
    }


def test_numbers_are_no_text():
    message = message_of(table(visit=[1, 2, 3], ward=[1, 2, 3]))

    assert places(message) == {(row, column) for row in (2, 3, 4) for column in ("visit", "ward")}
    assert message.count("expected text") == 6


def test_ids_and_outcome_are_needed_and_ids_unique():
    frame = table(visit=["v1", "v1", None], person=["", None, "b"], event=[None, "2", "yes"])

    message = message_of(frame)

    assert places(message) == {
        *((row, "visit") for row in (2, 3, 4)),
        *((row, "person") for row in (2, 3)),
        *((row, "event") for row in (2, 3, 4)),
    }
    assert message.count("stands more than once; keep one row for each encounter") == 2
    assert message.count("missing, but every row needs it") == 4
    assert message.count("expected 0 or 1") == 2


def test_an_outcome_in_other_words_is_one_problem_that_says_what_to_do():
    frame = pd.concat([table()] * 10, ignore_index=True)
    frame["visit"] = [f"v{row}" for row in range(len(frame))]
    frame["event"] = "yes"

    message = message_of(frame)

    assert places(message) == set()
    assert "1 problem" in message
    assert "name the event's value as outcome_event" in message


def test_absent_columns_are_named_once():
    message = message_of(table().drop(columns=["visit", "event", "age", "ward"]))

    assert message.startswith("nothing was loaded: 4 problems: ")
    assert re.findall(r"column '(\w+)': the column is absent", message) == ["age", "event", "visit", "ward"]


BREAKS = {"age": "4711", "weight": "secret", "sex": "secret", "event": "4711", "person": None}


@settings(max_examples=25, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 11), st.sampled_from(sorted(BREAKS))), min_size=1, max_size=20))
def test_exactly_the_broken_cells_are_named_and_none_is_shown(cells):
    frame = pd.concat([table()] * 4, ignore_index=True).assign(visit=[f"v{n}" for n in range(12)])
    for row, column in cells:
        frame.loc[row, column] = BREAKS[column]

    message = message_of(frame)

    assert places(message) == {(row + 2, column) for row, column in cells}
    assert message.startswith(f"nothing was loaded: {len(cells)} problem")
    assert "secret" not in message
    assert "4711" not in message


def test_rows_are_counted_as_the_source_counts_them():
    with pytest.raises(LoaderError, match="row 903, column 'sex'"):
        validate(table(sex=["F", "x", "M"]), SCHEMA, pd.Series([901, 903, 907], index=[5, 6, 7]))


def test_many_problems_are_counted_and_the_first_20_shown():
    frame = pd.concat([table()] * 20, ignore_index=True).assign(visit=[f"v{n}" for n in range(60)], age="x")

    message = message_of(frame)

    assert message.startswith("nothing was loaded: 60 problems: row 2, ")
    assert len(places(message)) == 20
    assert "; and 40 more. " in message


def test_hostile_names_and_levels_are_only_text():
    name, level = "<img src=x onerror=alert(1)>\n\x1b[31m", "=1+1"
    schema = CohortSchema("visit", "person", "event", (FeatureSpec(name, name, levels=(level,)),))

    good = table().assign(**{name: [level, None, level]})
    assert validate(good, schema, pd.Series([1, 2, 3]))[name].tolist()[0] == level
    message = message_of(good.assign(**{name: "x"}), schema)
    assert repr(name) in message
    assert "\x1b" not in message


def test_absent_columns_of_a_table_are_named_together():
    require_columns(table(), ["visit", "age"], "t.csv")
    with pytest.raises(LoaderError, match=r"t\.csv lacks the columns a, b; check that it is the right table"):
        require_columns(table(), ["visit", "a", "b"], "t.csv")


def test_a_problem_reads_as_place_and_expectation():
    assert str(Problem(3, "age", "expected text")) == "row 3, column 'age': expected text"
    assert str(Problem(0, "age", "the column is absent")) == "column 'age': the column is absent"
