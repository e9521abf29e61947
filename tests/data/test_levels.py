"""The codes of a category are the same whatever holds it."""

import numpy as np
import pandas as pd
import pytest

from clinflu.data.levels import level_codes

VALUES = ["b", None, "a", "b", "zz"]
HELD = {
    "text": pd.Series(VALUES, dtype="str"),
    "objects": pd.Series(VALUES, dtype=object),
    "categories": pd.Series(pd.Categorical(VALUES, ["zz", "unused", "a", "b"])),
}


@pytest.mark.parametrize("values", HELD.values(), ids=HELD)
def test_levels_are_sorted_and_missing_is_one_of_them(values):
    codes, levels = level_codes(values)
    assert levels == ("a", "b", "missing", "zz")
    np.testing.assert_array_equal(codes, [1, 2, 0, 1, 3])


def test_missing_is_no_level_where_nothing_is_missing():
    codes, levels = level_codes(pd.Series(["b", "a"], index=[7, 7]))
    assert levels == ("a", "b")
    np.testing.assert_array_equal(codes, [1, 0])


def test_a_level_that_is_called_missing_is_the_same_as_none():
    codes, levels = level_codes(pd.Series(["missing", None, "a"]))
    assert levels == ("a", "missing")
    np.testing.assert_array_equal(codes, [1, 1, 0])


@pytest.mark.parametrize("values", [[], [None, None]])
def test_nothing_recorded(values):
    codes, levels = level_codes(pd.Series(values, dtype="str"))
    assert levels == (("missing",) if values else ())
    np.testing.assert_array_equal(codes, [0] * len(values))
