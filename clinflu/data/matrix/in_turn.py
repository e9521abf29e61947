"""A pass that holds few parts at once: results come in order, and are added up as they come."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from clinflu.data.matrix.passes import Parts

Item = TypeVar("Item")
Found = TypeVar("Found")


def in_turn(function: Callable[[Item], Found], items: Iterable[Item], threads: int) -> Iterator[Found]:
    """Yield what a function gives for each item, in their order, no more than one ahead for each thread."""
    if threads < 2:
        yield from map(function, items)
        return
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Found]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # also where the one who asks stops asking
            for one in waiting:
                one.cancel()


def added_as_they_come(parts: Iterable[Parts]) -> Parts:
    """Add up tuples of arrays pairwise, as a tree that holds no more than a sum for each of its levels."""
    levels: list[tuple[int, Parts]] = []
    for part in parts:
        size, total = 1, part
        while levels and levels[-1][0] == size:
            total = tuple(map(np.add, levels.pop()[1], total))
            size *= 2
        levels.append((size, total))
    _, total = levels.pop()
    while levels:
        total = tuple(map(np.add, levels.pop()[1], total))
    return total
