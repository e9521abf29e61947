"""Equal content has the same digest, anything else another."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from clinflu.data.digest import digest

DIFFERENT = [
    ("ab",),
    ("a", "b"),
    (("a", "b"),),
    (1,),
    (1.0,),
    (True,),
    ("1",),
    (None,),
    (),
    (np.array([1.0]),),
    (np.array([1]),),
    (np.array([[1.0]]),),
    (np.array([1.0, 2.0]),),
    (np.array([2.0, 1.0]),),
    ({"a": 1, "b": 2},),
    ({"a": 2, "b": 1},),
    (float("nan"),),
]


@pytest.mark.parametrize(("one", "other"), [*combinations(DIFFERENT, 2)], ids=repr)
def test_different_content_differs(one, other):
    assert digest(*one) != digest(*other)


@pytest.mark.parametrize("parts", DIFFERENT, ids=repr)
def test_equal_content_made_anew_is_the_same(parts):
    copies = tuple(part.copy() if hasattr(part, "copy") else part for part in parts)
    assert digest(*copies) == digest(*parts)


def test_what_does_not_belong_to_the_content_does_not_count():
    rows = np.arange(6.0).reshape(2, 3)
    assert digest(rows.T) == digest(np.ascontiguousarray(rows.T))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) == digest((1, 2))
    assert digest(np.float64(0.5)) == digest(0.5)
    assert digest(pd.Index(["a", "b"])) == digest(["a", "b"])
    assert digest(np.array(["a", 1], dtype=object)) == digest(["a", 1])


def test_a_value_without_a_known_content_is_refused():
    with pytest.raises(TypeError, match="object has no digest"):
        digest(object())
