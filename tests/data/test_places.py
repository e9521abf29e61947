"""Ids are found alike in a short index and in a long one."""

import numpy as np
import pandas as pd
import pytest

from clinflu.data import places
from clinflu.data.places import is_among, places_of


@pytest.fixture(params=["short", "long"])
def index(request, monkeypatch):
    monkeypatch.setattr(places, "LONG", 10 if request.param == "long" else 1_000)
    return pd.Index([f"e{k}" for k in range(100)], dtype="str")


def test_places_of_ids_in_any_order_twice_and_absent(index):
    np.testing.assert_array_equal(places_of(index, ["e99", "e0", "none", "e5", "e0"]), [99, 0, -1, 5, 0])
    assert places_of(index, []).shape == (0,)


def test_which_entries_are_among_ids(index):
    np.testing.assert_array_equal(np.flatnonzero(is_among(index, {"e3", "e77", "none"})), [3, 77])
    assert not is_among(index, []).any()


def test_an_index_of_repeated_ids_gives_each_of_them(index):
    doubled = index.append(index)
    np.testing.assert_array_equal(np.flatnonzero(is_among(doubled, ["e4"])), [4, 104])
