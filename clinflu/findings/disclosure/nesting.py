"""Counts that follow from one variable being a part of another: an age band and the age group that holds it."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.groupings import Grouping
from clinflu.findings.disclosure.cells import OUTCOMES, Cells, Counts, encounters, unsafe
from clinflu.findings.disclosure.folding import Classes, put_together

BLOCK_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Crossed:
    """How often each level of each variable meets each level of each other.

    Parameters
    ----------
    counts : (8, L, L) int
        By outcome, over the levels of all variables one after the other.
    starts : tuple of int
        Where the levels of each variable begin.
    """

    counts: Counts
    starts: tuple[int, ...]

    @classmethod
    def of(cls, cells: Cells, groupings: tuple[Grouping, ...]) -> "Crossed":
        """Count them over all encounters of a cohort."""
        starts = np.concatenate([[0], np.cumsum([len(one.levels) for one in groupings])])
        codes = np.stack([one.codes + start for one, start in zip(groupings, starts[:-1], strict=True)], axis=1)
        found = np.zeros((len(OUTCOMES), starts[-1], starts[-1]), dtype=np.int64)
        for outcome in range(len(OUTCOMES)):
            rows = np.flatnonzero(cells.outcome == outcome)
            for start in range(0, len(rows), BLOCK_ROWS):
                block = codes[rows[start : start + BLOCK_ROWS]]
                shown = np.zeros((len(block), starts[-1]), dtype=np.float32)
                shown[np.arange(len(block))[:, None], block] = 1.0
                found[outcome] += np.rint(shown.T @ shown).astype(np.int64)
        return cls(found, tuple(int(start) for start in starts[:-1]))

    def between(self, first: int, second: int, classes: list[Classes]) -> Counts:
        """Return the counts by outcome of each class of one variable with each of another, (a, b, 8)."""
        rows, columns = (
            np.stack([_indicator(members, self._width(at)) for members in classes[at]]) for at in (first, second)
        )
        block = self.counts[:, self._slice(first), self._slice(second)]
        found: Counts = np.einsum("al,olm,bm->abo", rows, block, columns, optimize=True)
        return found

    def _slice(self, at: int) -> slice:
        return slice(self.starts[at], self.starts[at] + self._width(at))

    def _width(self, at: int) -> int:
        ends = (*self.starts[1:], self.counts.shape[1])
        return int(ends[at] - self.starts[at])


def without_remainders(
    crossed: Crossed, groupings: tuple[Grouping, ...], classes: list[Classes], *, by_outcome: bool
) -> list[Classes]:
    """Return classes of every variable such that no class less the classes that it holds leaves a small count.

    Who knows that one variable is a part of another can subtract: the children less those of ten and older are those
    under ten. Where that would show a small count, the finer variable gets coarser.

    Parameters
    ----------
    crossed : Crossed
    groupings : tuple of Grouping
    classes : list of list of list of int
        By variable.
    by_outcome : bool
        Whether counts by outcome are shown of these classes, or only encounters.
    """
    classes = list(classes)
    changed = True
    while changed:
        changed = False
        for whole in range(len(groupings)):
            for part in range(len(groupings)):
                if part != whole and len(classes[part]) > 1:
                    pair = _remainder(crossed.between(part, whole, classes), by_outcome=by_outcome)
                    if pair:
                        classes[part] = put_together(classes[part], *pair, ordered=groupings[part].ordered)
                        changed = True
    return classes


def _remainder(between: Counts, *, by_outcome: bool) -> tuple[int, int] | None:
    """Return two classes of the finer variable to put together, or None where nothing small can be worked out."""
    meets = between.sum(axis=-1) > 0
    alone = np.eye(meets.shape[1], dtype=bool)
    for whole in np.unique(np.vstack([alone, meets]), axis=0):
        touched = meets[:, whole].any(axis=1)
        inside = touched & ~meets[:, ~whole].any(axis=1)
        held, straddling = np.flatnonzero(inside), np.flatnonzero(touched & ~inside)
        if not len(held) or not len(straddling):
            continue
        left = between[np.ix_(straddling, np.flatnonzero(whole))].sum(axis=(0, 1))
        if unsafe(left if by_outcome else encounters(left)):
            _, first, second = min((abs(a - b), a, b) for a in held for b in straddling)
            return int(first), int(second)
    return None


def _indicator(members: list[int], width: int) -> Counts:
    row = np.zeros(width, dtype=np.int64)
    row[members] = 1
    return row
