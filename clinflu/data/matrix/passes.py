"""A pass over the rows: chunks in threads, their sums added up in an order that no thread changes."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

Parts = tuple[np.ndarray[Any, Any], ...]
Item = TypeVar("Item")
Found = TypeVar("Found")


def in_threads(function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Return what a function gives for each item, in their order, worked out by as many threads as there are cores.

    Each thread has one of BLAS: threads of its own would wait for one another on small blocks.
    """
    items = list(items)
    workers = min(len(os.sched_getaffinity(0)), len(items))
    if workers < 2:
        return [function(item) for item in items]
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))


def added_up(parts: list[Parts]) -> Parts:
    """Add up tuples of arrays pairwise, as a tree: rounding grows with the logarithm of their number."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        odd = [parts[-1]] if len(parts) % 2 else []
        parts = [tuple(map(np.add, first, second)) for first, second in pairs] + odd
    return parts[0]
