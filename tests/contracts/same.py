"""Whether two results say the same, wherever they hold numbers."""

import dataclasses

import numpy as np
import pandas as pd

from clinflu.errors import ClinfluError

APART = {"train", "study", "notes", "passes", "iterations"}
COMPARED = (pd.DataFrame, np.ndarray, np.generic, str, int, float, type(None))


def outcome(call):
    """Give what a call returns, or how it refuses."""
    try:
        return call()
    except ClinfluError as error:
        return error


def alike(ours, truth, size=1e-7):
    """Assert that two results agree, by default to 1e-7 of their size."""
    first, second = dict(leaves(ours)), dict(leaves(truth))
    assert first.keys() == second.keys()
    for path, value in first.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, second[path], rtol=size, atol=1e-9)
        elif isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
            np.testing.assert_allclose(value, second[path], rtol=size, atol=1e-9, err_msg=path)
        else:
            assert np.all(value == second[path]), path


def leaves(value, path="."):
    """Give the path and value of everything in a result that is no container, but of the study that it is about."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, tuple | list):
        parts = enumerate(value)
    elif dataclasses.is_dataclass(value):
        parts = ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value) if one.name not in APART)
    else:
        value = value.to_frame() if isinstance(value, pd.Series) else value
        yield path, value if isinstance(value, COMPARED) else type(value)
        return
    for name, part in parts:
        yield from leaves(part, f"{path}{name}.")
