"""From the worst slices to a list of different weaknesses: versions of a worse slice are set aside."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.slices import search as searching
from clinflu.analysis.slices.items import Items
from clinflu.analysis.slices.search import Candidates, Counted, Limits, each, search
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.progress import Progress, silent

NEW_SHARE = 0.5
MUCH_LARGER = 2.0  # what lies within a slice that much larger is no version of it
WIDER = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """What a list is made of.

    Parameters
    ----------
    items : Items
    patients : (n,) int
        Of each encounter.
    min_patients : int
        Of a slice.
    shown : int
        Slices of each number of variables.
    """

    items: Items
    patients: Rows
    min_patients: int
    shown: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The worst slices of one number of variables.

    Parameters
    ----------
    picked : list of (members, score)
        The worst first.
    set_aside : int
        Passed over on the way as versions of worse ones.
    whole : bool
        Whether no slice that was not kept by the search could be among them.
    """

    picked: list[tuple[tuple[int, ...], float]]
    set_aside: int
    whole: bool


def listed_apart(
    choice: Choice, error: Vector, limits: Limits, progress: Progress = silent
) -> tuple[list[Listed], Counted]:
    """Return the list of each number of variables; the search keeps more slices where one would end too early.

    Parameters
    ----------
    choice : Choice
    error : (n,)
    limits : Limits
    progress : Progress
    """
    wanted = choice.shown
    while True:
        levels, counted = search(choice.items, error, limits, wanted, progress)
        listed = [apart(level, choice) for level in levels]
        if all(one.whole for one in listed):
            return listed, counted
        wanted = WIDER * max(searching.KEPT, wanted)


def apart(candidates: Candidates, choice: Choice) -> Listed:
    """Return the worst slices that are no versions of a worse one; those that score 0 or less are not weak."""
    picked: list[tuple[tuple[int, ...], float]] = []
    worse, sizes = np.empty((choice.shown, len(choice.patients)), dtype=bool), np.empty(choice.shown)
    set_aside = 0
    for members, score in each([candidates]):
        if score <= max(0.0, candidates.floor) or len(picked) == choice.shown:
            break
        inside = np.asarray(choice.items.holds[:, list(members)].all(axis=1))
        if np.count_nonzero(np.bincount(choice.patients[inside])) < choice.min_patients:
            continue
        if is_version(inside, worse[: len(picked)], sizes[: len(picked)]):
            set_aside += 1
            continue
        worse[len(picked)], sizes[len(picked)] = inside, inside.sum()
        picked.append((members, score))
    return Listed(picked, set_aside, whole=len(picked) == choice.shown or candidates.floor <= 0)


def is_version(inside: Flags, worse: Flags, sizes: Vector) -> bool:
    """Return whether half of a slice, (n,), is in worse ones, (k, n), that are at most twice its size."""
    rows = np.flatnonzero(inside)
    covered = np.zeros(len(rows), dtype=bool)
    for place in np.flatnonzero(sizes <= MUCH_LARGER * len(rows)):
        covered |= worse[place, rows]
    return bool((~covered).sum() < NEW_SHARE * len(rows))
