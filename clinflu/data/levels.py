"""The levels of a category as codes, whether it is held as text or as a ``category`` column."""

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.data.design import MISSING


def level_codes(values: pd.Series) -> tuple[Rows, tuple[str, ...]]:
    """Return the code of each row's level, and the level of each code; missing is a level of its own.

    Parameters
    ----------
    values : Series, (n,)
        A recorded category. No cell of it becomes a Python object where it is a ``category`` column.

    Returns
    -------
    codes : (n,)
    levels : tuple of str
        Those that occur, sorted as text.
    """
    codes, levels = pd.factorize(values)
    texts = [*map(str, levels), *([MISSING] if (codes < 0).any() else [])]
    ordered = tuple(sorted(set(texts)))
    place = {level: code for code, level in enumerate(ordered)}
    coded: Rows = np.array([place[text] for text in texts], dtype=np.intp)[codes]  # code -1, missing, is the last
    return coded, ordered
