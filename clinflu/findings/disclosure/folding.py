"""Put levels together until every count of what is left may be seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clinflu.analysis.groupings import Grouping, merged
from clinflu.data.arrays import Rows
from clinflu.findings.disclosure.cells import LARGEST_HIDDEN, Cells, Counts, encounters, unsafe

OTHER, ALL_OTHER = "other levels", "all other levels"
UP_TO, OR = " … ", " or "
NAMED = 3
LARGE_SHARE = 0.5

Classes = list[list[int]]  # the levels of each class, by code
MayBeSeen = Callable[[list[int]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """A grouping whose levels were put together, and which of its first levels each holds."""

    grouping: Grouping
    classes: tuple[tuple[int, ...], ...]


def fold(one: Grouping, may_be_seen: MayBeSeen, sizes: Rows, start: Classes | None = None) -> Classes:
    """Return the classes of a grouping once every class may be seen, or a single one.

    Neighbours are put together where levels are ordered. Otherwise the levels that may not be seen become one class,
    which takes in the next smallest until it may.

    Parameters
    ----------
    one : Grouping
    may_be_seen : callable
        Of the levels of a class, by code.
    sizes : (levels,) int
        Encounters of each level.
    start : list of list of int, optional
        Classes to start from; by default each level alone.
    """
    classes = [list(members) for members in start] if start else [[level] for level in range(len(one.levels))]
    size = _size_of(sizes)
    if one.ordered:
        return _fold_neighbours(classes, may_be_seen, size)
    hidden = [members for members in classes if not may_be_seen(members)]
    others = sorted((members for members in classes if may_be_seen(members)), key=size)
    if not hidden:
        return classes
    pool = sorted(level for members in hidden for level in members)
    while others and not may_be_seen(pool):
        pool = sorted([*pool, *others.pop(0)])
    return [*sorted(others), pool]


def _fold_neighbours(classes: Classes, may_be_seen: MayBeSeen, size: Callable[[list[int]], int]) -> Classes:
    while len(classes) > 1:
        place = next((at for at, members in enumerate(classes) if not may_be_seen(members)), None)
        if place is None:
            break
        beside = [at for at in (place - 1, place + 1) if 0 <= at < len(classes)]
        other = min(beside, key=lambda at: size(classes[at]))
        first = min(place, other)
        classes[first : first + 2] = [classes[first] + classes[first + 1]]
    return classes


def put_together(classes: Classes, first: int, second: int, *, ordered: bool) -> Classes:
    """Return the classes with two of them as one, and where levels are ordered with all that lie between them."""
    low, high = sorted((first, second))
    if ordered:
        between = [level for members in classes[low : high + 1] for level in members]
        return [*classes[:low], between, *classes[high + 1 :]]
    joined = sorted(classes[low] + classes[high])
    rest = [members for at, members in enumerate(classes) if at not in (low, high)]
    return [*rest, joined]


def folded(one: Grouping, classes: Classes, others: str | None = OTHER) -> Folded:
    """Return the grouping with these classes as its levels.

    ``others`` is what rare levels are called together; with None they are named, since each may be seen by itself.
    """
    sizes = np.bincount(one.codes, minlength=len(one.levels))
    names = [_name(one, members, sizes, others) for members in classes]
    return Folded(merged(one, classes, names), tuple(map(tuple, classes)))


def _name(one: Grouping, members: list[int], sizes: Rows, others: str | None) -> str:
    """Return the name of a class: its ends where levels are ordered, else its one large level, never a rare one."""
    if len(members) == 1:
        return one.levels[members[0]]
    if one.ordered:
        return f"{one.levels[members[0]].split(UP_TO)[0]}{UP_TO}{one.levels[members[-1]].split(UP_TO)[-1]}"
    if others is None:
        named = [one.levels[level] for level in members]
        return OR.join(named if len(named) <= NAMED else [*named[: NAMED - 1], f"{len(named) - NAMED + 1} others"])
    largest = max(members, key=lambda level: int(sizes[level]))
    if sizes[largest] > LARGE_SHARE * sizes[members].sum() and one.levels[largest] not in (OTHER, ALL_OTHER):
        return f"{one.levels[largest]} and {'rarer' if others == OTHER else 'other'} levels"
    return others


def seen_by_size(cells: Cells, one: Grouping) -> MayBeSeen:
    """Return whether the encounters and the patients of a class may be seen, in each part of the cohort."""
    counts = encounters(cells.by_level(one.codes, len(one.levels)))
    patients = cells.patients_by_level(one.codes, len(one.levels))

    def may_be_seen(members: list[int]) -> bool:
        if unsafe(counts[members].sum(axis=0)):
            return False
        by_part = zip(*(patients[level] for level in members), strict=True)
        numbers = (len(np.unique(np.concatenate(part))) for part in by_part)
        return not any(0 < number <= LARGEST_HIDDEN for number in numbers)

    return may_be_seen


def seen_by_outcome(counts: Counts) -> MayBeSeen:
    """Return whether every count by outcome of a class may be seen."""
    return lambda members: not bool(unsafe(counts[members].sum(axis=0)))


def _size_of(sizes: Rows) -> Callable[[list[int]], int]:
    return lambda members: sum(int(sizes[level]) for level in members)
