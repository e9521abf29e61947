"""A query chooses the rows that it is true of, executes nothing, and says in one line what it cannot read."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.data import CohortSchema, FeatureSpec
from clinflu.data import query as query_module
from clinflu.data.query import DEEPEST, matching
from clinflu.data.query_text import LONGEST
from clinflu.errors import DataError

SCHEMA = CohortSchema(
    encounter_id="encounter",
    patient_id="patient",
    outcome="event",
    features=(
        FeatureSpec("age", "Age", levels=()),
        FeatureSpec("visits", "Visits", bounds=(0, 60)),
        FeatureSpec("creatinine", "Creatinine"),
        FeatureSpec("ward", "Ward", levels=("medical", "surgical", "burns", "never seen")),
        FeatureSpec("my column", "A name with a space"),
        FeatureSpec("class", "A word of Python's"),
        FeatureSpec("µg", "A name that Python spells otherwise"),
    ),
    subgroups=("ward",),
)
FRAME = pd.DataFrame(
    {
        "patient": list("aabbcd"),
        "event": [0, 1, 0, 1, 0, 1],
        "age": ["[0-10)", "[10-20)", None, "[80-90)", "[0-10)", "it's"],
        "visits": [0.0, 3.0, 4.0, np.nan, 12.0, 4.0],
        "creatinine": [np.nan, 1.0, 1.5, -2.0, np.nan, 3.25],
        "ward": ["burns", "medical", "burns", None, "surgical", "medical"],
        "my column": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "class": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "µg": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    },
    index=pd.Index([f"e{k}" for k in range(6)], name="encounter"),
)

CHOSEN = {
    "age in ['[0-10)', '[10-20)']": [0, 1, 4],
    "age not in ('[0-10)', '[10-20)')": [2, 3, 5],
    'age == "it\'s"': [5],
    "age == 'it\\'s'": [5],
    "visits > 3 and not (ward == 'burns')": [4, 5],
    "not ward == 'burns'": [1, 3, 4, 5],
    "ward != 'burns'": [1, 3, 4, 5],
    "ward is missing": [3],
    "ward == missing": [3],
    "ward == 'missing'": [3],
    "ward is not missing": [0, 1, 2, 4, 5],
    "creatinine is missing": [0, 4],
    "creatinine == missing": [0, 4],
    "not (creatinine != missing)": [0, 4],
    "creatinine is None": [0, 4],
    "creatinine > 1": [2, 5],
    "not creatinine > 1": [1, 3],  # a missing number is neither above 1 nor not
    "creatinine <= 1": [1, 3],
    "creatinine != 1": [2, 3, 5],
    "creatinine not in [1, 1.5]": [3, 5],
    "creatinine in [1, missing]": [0, 1, 4],
    "creatinine == -2": [3],
    "creatinine > 1 or visits > 10": [2, 4, 5],  # true or unknown is true
    "not (creatinine > 1 or visits > 10)": [1],  # of e0 and e3 one side is unknown
    "0 < visits <= 4": [1, 2, 5],
    "4 >= visits > 0": [1, 2, 5],
    "3 < visits": [2, 4, 5],
    "event == 1": [1, 3, 5],
    "event == 1 and ward == 'medical'": [1, 5],
    "`my column` >= 5": [4, 5],
    "`class` == 2 or `my column`== 1": [0, 1],
    "µg > 5": [5],
    "visits in []": [],
    "visits not in []": [0, 1, 2, 3, 4, 5],
    "visits > 1e300": [],
    "visits > 3  # more than three\n and ward == 'burns'": [2],
    "  ward\n==\n'burns'": [0, 2],
}


@pytest.mark.parametrize(("query", "rows"), CHOSEN.items(), ids=CHOSEN)
def test_the_rows_that_a_query_is_true_of(query, rows):
    assert list(np.flatnonzero(matching(query, FRAME, SCHEMA))) == rows


REFUSED = {
    "": "empty",
    " \n ": "empty",
    "agee > 3": "did you mean 'age'",
    "`my colum` > 3": "did you mean 'my column'",
    "nothing_like_it > 3": "there are: age, visits, creatinine, ward, my column, class, µg, event",
    "ward == 'burn'": "no encounter has the level 'burn' of 'ward'; none of its levels is held by 10",
    "ward == 'never seen'": "so none is named here",
    "ward == burns": "called 'burns'; where it is a text, put text in quotes",
    "burns == ward": "called 'burns'; where it is a text, put text in quotes",
    "ward in [burns]": "called 'burns'; where it is a text, put text in quotes",
    "ward == `bu\nrns`": "put text in quotes",
    "ward is NaN": "write: is missing",
    "creatinine == nan": "write: is missing",
    "creatinine in [NA]": "write: is missing",
    "visits = 3": "write == for equal",
    "ward = 'a == b'": "write == for equal",
    "visits > 3 & ward == 'burns'": "write and / or",
    "(visits > 3) | (ward == 'burns')": "write and / or",
    "visits > 3 && ward == 'burns'": "write and / or",
    "visits > 3 AND ward == 'burns'": "in small letters",
    "ward in ['burns', 'burn']": "no encounter has the level",
    "ward > 'burns'": "no order",
    "ward == 3": "a category; compare it with text",
    "ward in [3]": "a category; compare it with text",
    "visits == 'three'": "a number; compare it with a number",
    "visits > missing": "a number; compare it with a number",
    "visits == True": "a value is a number",
    "visits == 1j": "a value is a number",
    "visits == b'3'": "a value is a number",
    "visits == ...": "a value is a number",
    "visits > --3": "a value is a number",
    "visits > 9" + "9" * 400: "too large",
    "visits is 3": "goes only with missing",
    "visits": "with what 'visits'",
    "visits and ward == 'burns'": "with what 'visits'",
    "visits == creatinine": "with a value",
    "3 > 2": "recorded variable with a value",
    "missing > 3": "recorded variable with a value",
    "'burns' in ward": "recorded variable with a value",
    "ward in 'burns'": "comes a list",
    "ward in medical": "comes a list",
    "visits + 1 > 3": "recorded variable with a value",
    "visits.real > 3": "recorded variable with a value",
    "visits[0] > 3": "recorded variable with a value",
    "f'{visits}' == ward": "a value is a number",
    "__import__('os').system('true')": "only comparisons",
    "(lambda: 1)()": "only comparisons",
    "[1 for one in visits]": "only comparisons",
    "visits > 3 if ward else 1": "only comparisons",
    "visits := 3": "only comparisons",
    "visits > 3, ward": "only comparisons",
    "encounter == 'e1'": "by their ids",
    "patient == 'a'": "by their ids",
    "visits >": "cannot be read",
    "visits > 3; visits > 4": "cannot be read",
    "visits > 3\0": "cannot be read",
    "visits > '\ud800'": "cannot be read",
    "class > 3": "back-ticks",
    "`visits > 3": "cannot be read",
    "import os": "cannot be read",
    "visits > " + "9" * 5000: "at most 4,000",
    "(" * 300 + "visits > 1" + ")" * 300: "cannot be read",
    "not " * 900 + "visits > 1": "nested|cannot be read",
    "-" * 3500 + "1 < visits": "cannot be read",
    "visits" + ".x" * 1900: "only comparisons|cannot be read",
}


@pytest.mark.parametrize(("query", "reason"), REFUSED.items(), ids=[f"refused {k}" for k in range(len(REFUSED))])
def test_what_cannot_be_read_is_said_in_one_line(query, reason):
    with pytest.raises(DataError, match=reason) as caught:
        matching(query, FRAME, SCHEMA)
    assert str(caught.value) == caught.value.one_line
    assert len(str(caught.value)) < 500


def test_only_levels_that_ten_encounters_hold_are_named():
    """A rarer level may be a patient's own value."""
    often = pd.concat([FRAME] * 5).assign(age=["[0-10)"] * 29 + ["rarely"])  # 10 of burns and medical, 5 of the others
    for query in ("ward == 'burn'", "ward == 'BURNS'"):
        with pytest.raises(DataError, match=r"did you mean 'burns'\?; there are: 'burns', 'medical' and 2 more$"):
            matching(query, often, SCHEMA)
    with pytest.raises(DataError) as caught:
        matching("age == 'rarel'", often, SCHEMA)
    assert str(caught.value).endswith("the level 'rarel' of 'age'; there are: '[0-10)' and 1 more")


def test_a_long_list_looks_at_the_column_once(monkeypatch):
    wanted = [f"level {k}" for k in range(300)]
    frame = pd.concat([FRAME] * 100).assign(age=[wanted[k % 300] for k in range(600)])
    looked_at = []
    coded = query_module.level_codes
    monkeypatch.setattr(query_module, "level_codes", lambda values: looked_at.append(1) or coded(values))
    chosen = [f"level {k}" for k in range(0, 300, 2)]
    found = matching(f"age in {chosen} or age == 'level 1'", frame, SCHEMA)
    np.testing.assert_array_equal(found, [k % 300 % 2 == 0 or k % 300 == 1 for k in range(600)])
    assert len(looked_at) == 1


@pytest.mark.parametrize("query", [None, 3, b"visits > 3", ["visits > 3"]])
def test_only_text_is_a_query(query):
    with pytest.raises(DataError, match="no text"):
        matching(query, FRAME, SCHEMA)


def test_as_long_and_as_deep_as_is_promised():
    tests = " or ".join(["visits > 3"] * 280)
    assert len(tests) < LONGEST
    expected = matching("visits > 3", FRAME, SCHEMA)
    np.testing.assert_array_equal(matching(tests, FRAME, SCHEMA), expected)
    np.testing.assert_array_equal(matching("not " * DEEPEST + "visits > 3", FRAME, SCHEMA), expected)
    with pytest.raises(DataError, match="nested"):
        matching("not " * (DEEPEST + 1) + "visits > 3", FRAME, SCHEMA)


def test_nothing_of_a_query_is_executed(monkeypatch):
    def fail(*_):
        raise AssertionError("executed")

    for name in ("eval", "exec"):
        monkeypatch.setattr(f"builtins.{name}", fail)
    assert matching("visits > 3", FRAME, SCHEMA).sum() == 3


COMPARISONS = ["visits > 3", "creatinine <= 1", "ward == 'burns'", "creatinine is missing", "event == 1", "visits != 4"]
TREES = st.recursive(
    st.sampled_from(COMPARISONS),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def text_of(tree):
    if isinstance(tree, str):
        return tree
    op, rest = tree
    return f"not ({text_of(rest)})" if op == "not" else f" {op} ".join(f"({text_of(one)})" for one in rest)


def truth(tree, row):
    """Three-valued logic for one row, as SQL has it: None where it is unknown."""
    if isinstance(tree, str):
        simple = {
            "visits > 3": lambda: row["visits"] > 3,
            "visits != 4": lambda: row["visits"] != 4,
            "creatinine <= 1": lambda: row["creatinine"] <= 1,
            "creatinine is missing": lambda: pd.isna(row["creatinine"]),
            "ward == 'burns'": lambda: not pd.isna(row["ward"]) and row["ward"] == "burns",
            "event == 1": lambda: row["event"] == 1,
        }
        number = tree.split()[0]
        unknown = number in ("visits", "creatinine") and "missing" not in tree and pd.isna(row[number])
        return None if unknown else bool(simple[tree]())
    op, rest = tree
    if op == "not":
        found = truth(rest, row)
        return None if found is None else not found
    parts = [truth(one, row) for one in rest]
    decisive = op == "or"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_any_combination_follows_three_valued_logic(tree):
    expected = [truth(tree, row) is True for _, row in FRAME.iterrows()]
    assert list(matching(text_of(tree), FRAME, SCHEMA)) == expected


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="visitsward '\"`()[]<>=!and or not in is missing 0123,.-+\\\n#:{}\0", max_size=40))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        found = matching(text, FRAME, SCHEMA)
    except DataError as error:
        found = error.one_line == str(error)
    assert found is True or (found.shape == (6,) and found.dtype == bool)
