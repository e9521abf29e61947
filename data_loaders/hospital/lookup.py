"""Look values up by id."""

import pandas as pd


def looked_up(keys: pd.Series, by: pd.Series) -> pd.Series:
    """Return the value of each key, missing where there is none, in the type of the values and the index of the keys.

    Parameters
    ----------
    keys : Series
    by : Series
        Index: keys, each once. Unlike ``Series.map``, an empty one keeps its type.
    """
    return pd.Series(by.reindex(keys).array, index=keys.index)
