"""How the simulator draws from the shares that :mod:`data_loaders.simulated_marginals` states."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_loaders.simulated_marginals import Shares, Table

Columns = dict[str, NDArray[Any]]
Rows = NDArray[np.intp]


def draw(rng: np.random.Generator, shares: Shares, size: int) -> NDArray[Any]:
    """Draw levels at random, with these shares."""
    share = np.array(list(shares.values()))
    return np.take(np.array(list(shares), dtype=object), rng.choice(len(share), size, p=share / share.sum()))


def draw_given(rng: np.random.Generator, table: Table, condition: Rows) -> NDArray[Any]:
    """Draw a level for each row from the column of the table that its condition names."""
    cumulative = np.cumsum(np.array(list(table.values()), dtype=float), axis=0)
    bounds = (cumulative / cumulative[-1]).T[condition]
    place: Rows = (rng.random(len(condition))[:, None] >= bounds).sum(axis=1)
    return np.take(np.array(list(table), dtype=object), place)


def count_at(level: NDArray[np.float64], counts: tuple[int, tuple[int, ...]]) -> NDArray[Any]:
    """Return the quantiles of a count that is given by its first value and the shares from there on."""
    first, shares = counts
    return first + np.searchsorted(np.cumsum(shares) / sum(shares), level, side="right")
