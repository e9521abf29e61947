"""Every conjunction of one to three conditions with enough encounters, and the worst of them: exact, not sampled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from clinflu.analysis.slices.items import Items
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.progress import Progress, silent

BLOCK_PAIRS = 256
BLOCK_ROWS = 2**16  # encounters at once
KEPT = 4000
RAISED = 1.1  # what a further condition must raise the score by


@dataclass(frozen=True, slots=True)
class Limits:
    """What is searched.

    Parameters
    ----------
    least : int
        Encounters that a slice must hold.
    prior : float
        How many average encounters are added to a slice before it is scored, so that small ones do not win by chance.
    most_variables : int
        1 to 3.
    """

    least: int
    prior: float
    most_variables: int


@dataclass(frozen=True, eq=False)
class Candidates:
    """Slices by the conditions that they are made of.

    Parameters
    ----------
    members : (c, v) int
        Conditions, by place among the items.
    sizes : (c,)
        Encounters.
    scores : (c,)
        Sum of the errors above the mean, over encounters plus the prior.
    floor : float
        All slices that score more are among them.
    """

    members: Rows
    sizes: Vector
    scores: Vector
    floor: float = -np.inf


@dataclass(frozen=True, slots=True)
class Counted:
    """How much work the search was: slices that were measured, and those left out by a bound or for want of support."""

    measured: int
    by_bound: int
    by_support: int


def search(
    items: Items, error: Vector, limits: Limits, wanted: int, progress: Progress = silent
) -> tuple[list[Candidates], Counted]:
    r"""Return, by number of variables, the slices that may be among the worst ``wanted``.

    A slice :math:`S` scores :math:`\sum_{i \in S} (e_i - \bar e) / (|S| + n_0)`. No slice within a slice :math:`P` can
    score more than :math:`\max_s \min(E_P, s \max(e - \bar e)) / (s + n_0)`, where :math:`E_P` sums what is above the
    mean: those that cannot reach the worst found so far are not measured, and neither is anything that holds too few
    encounters. Only slices that score a tenth more than each of their own parts are kept.

    Parameters
    ----------
    items : Items
    error : (n,)
    limits : Limits
    wanted : int
        KEPT at the least; which ones are there for certain is said by the floor of each level.
    progress : Progress

    References
    ----------
    Sagadeeva & Boehm (2021), SliceLine, doi:10.1145/3448016.3457323, for the level-wise search and its bounds.
    """
    found = _Search(items, error, limits, wanted)
    levels = [found.singles()]
    if limits.most_variables > 1:
        levels.append(found.pairs())
    if limits.most_variables > 2:
        levels.append(found.triples(progress))
    return levels, Counted(found.measured, found.by_bound, found.by_support)


class _Search:
    def __init__(self, items: Items, error: Vector, limits: Limits, wanted: int) -> None:
        self.items, self.limits, self.kept = items, limits, max(KEPT, wanted)
        self.above = np.asarray(error - error.mean(), dtype=np.float64)
        self.positive = np.maximum(self.above, 0.0)
        self.worst: Vector = np.empty(0)
        self.measured = self.by_bound = self.by_support = 0
        self.blocks = [slice(at, at + BLOCK_ROWS) for at in range(0, len(error), BLOCK_ROWS)]
        self.different = items.variable[:, None] != items.variable[None, :]

    def singles(self) -> Candidates:
        holds = self.items.holds
        self.size = holds.sum(axis=0, dtype=np.float64)
        self.score = self._score(
            _summed(holds[rows].T.astype(float) @ self.above[rows] for rows in self.blocks), self.size
        )
        self.measured += len(self.size)
        return self._kept(np.arange(len(self.size))[:, None], self.size, self.score)

    def pairs(self) -> Candidates:
        every = np.arange(len(self.items.conditions))
        size, excess = self._within((every,))
        parts = ((self.items.holds[rows].astype(float), self.positive[rows, None]) for rows in self.blocks)
        positive = _summed(holds.T @ (holds * weight) for holds, weight in parts)
        self.pair_size, self.pair_score = size, np.where(size > 0, self._score(excess, size), -np.inf)
        self.pair_bound = self._bound(positive, size)
        first, second = np.nonzero(np.triu(self.different, 1))
        enough = size[first, second] >= self.limits.least
        self.by_support += int((~enough).sum())
        first, second = first[enough], second[enough]
        self.measured += len(first)
        score = self.pair_score[first, second]
        by_second = np.argsort(second, kind="stable")
        self.frequent = first[by_second], second[by_second]
        better = score > RAISED * np.maximum(np.maximum(self.score[first], self.score[second]), 0.0)
        members = np.column_stack([first, second])[better]
        return self._kept(members, size[first, second][better], score[better])

    def triples(self, progress: Progress) -> Candidates:
        parts: list[Candidates] = []
        first, second = self.frequent
        for start in range(0, len(first), BLOCK_PAIRS):
            block = slice(start, start + BLOCK_PAIRS)
            parts.append(self._triples(first[block], second[block]))
            progress(min(start + BLOCK_PAIRS, len(first)), len(first))
        if not parts:
            return Candidates(np.empty((0, 3), dtype=np.intp), np.empty(0), np.empty(0))
        names = ("members", "sizes", "scores")
        members, sizes, scores = (np.concatenate([getattr(one, name) for one in parts]) for name in names)
        pruned = self._threshold() if self.by_bound else -np.inf
        floor = max(pruned, *(one.floor for one in parts))
        return _best(Candidates(members, sizes, scores, floor), self.kept)

    def _triples(self, first: Rows, second: Rows) -> Candidates:
        possible = self._possible(first, second)
        live = possible.any(axis=1)
        if not live.any():
            return Candidates(np.empty((0, 3), dtype=np.intp), np.empty(0), np.empty(0))
        since = int(second[live].min()) + 1
        first, second, possible = first[live], second[live], possible[live, since:]
        size, excess = self._within((first, second), since)
        enough = possible & (size >= self.limits.least)
        self.by_support += int((possible & ~enough).sum())
        self.measured += int(enough.sum())
        row, place = np.nonzero(enough)
        a, b, third = first[row], second[row], place + since
        score, size = self._score(excess[row, place], size[row, place]), size[row, place]
        alone = (self.score[a], self.score[b], self.score[third])
        paired = (self.pair_score[a, b], self.pair_score[a, third], self.pair_score[b, third])
        better = score > RAISED * np.maximum(np.max([*alone, *paired], axis=0), 0.0)
        members = np.column_stack([a, b, third])[better]
        return self._kept(members, size[better], score[better])

    def _possible(self, first: Rows, second: Rows) -> Flags:
        """Return which third conditions may make a slice that is among the worst, (pairs, m)."""
        later = np.arange(len(self.items.conditions))[None, :] > second[:, None]
        apart = later & self.different[first] & self.different[second]
        both = np.minimum(self.pair_size[first], self.pair_size[second])
        supported = apart & (both >= self.limits.least)
        self.by_support += int((apart & ~supported).sum())
        bound = np.minimum(
            np.minimum(self.pair_bound[first], self.pair_bound[second]), self.pair_bound[first, second][:, None]
        )
        reachable = supported & (bound > self._threshold())
        self.by_bound += int((supported & ~reachable).sum())
        return np.asarray(reachable)

    def _within(self, members: tuple[Rows, ...], since: int = 0) -> tuple[Matrix, Matrix]:
        """Return sizes and sums above the mean, of each slice with each condition from ``since`` on.

        Parameters
        ----------
        members : tuple of (k,) int
            Conditions of the slices, one of each in each array.
        since : int
        """
        parts = [self._within_rows(rows, members, since) for rows in self.blocks]
        return _summed(size for size, _ in parts), _summed(excess for _, excess in parts)

    def _within_rows(self, rows: slice, members: tuple[Rows, ...], since: int) -> tuple[Matrix, Matrix]:
        """Return the same of some of the encounters."""
        every = self.items.holds[rows]
        held = np.logical_and.reduce([every[:, one] for one in members])
        size = np.asarray(held.T.astype(np.float32) @ every[:, since:].astype(np.float32), dtype=np.float64)
        return size, np.asarray(held.T.astype(float) @ (every[:, since:] * self.above[rows, None]))

    def _score(self, excess: Vector, size: Vector) -> Vector:
        return np.asarray(excess / (size + self.limits.prior))

    def _bound(self, positive: Vector, size: Vector) -> Vector:
        """Return the most that any slice within may score: its positive part packed into as few as may be."""
        largest = float(self.positive.max(initial=0.0))
        packed = np.clip(positive / largest if largest > 0 else size, self.limits.least, np.maximum(size, 1.0))
        return np.asarray(np.minimum(positive, packed * largest) / (packed + self.limits.prior))

    def _threshold(self) -> float:
        return float(self.worst[0]) if len(self.worst) == self.kept else -np.inf

    def _kept(self, members: Rows, sizes: Vector, scores: Vector) -> Candidates:
        self.worst = np.sort(np.concatenate([self.worst, scores]))[-self.kept :]
        return _best(Candidates(members, sizes, scores), self.kept)


def _summed(parts: Iterable[Matrix]) -> Matrix:
    """Return the sum of arrays of the same shape; of one, itself."""
    total, *others = parts
    for part in others:
        total = total + part
    return total


def _best(candidates: Candidates, most: int) -> Candidates:
    order = np.argsort(-candidates.scores, kind="stable")
    cut = float(candidates.scores[order[most]]) if len(order) > most else -np.inf
    order, floor = order[:most], max(candidates.floor, cut)
    return Candidates(candidates.members[order], candidates.sizes[order], candidates.scores[order], floor)


def each(levels: list[Candidates]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Give the candidates of all levels, the worst first, each with its score."""
    rows = [
        (float(score), tuple(map(int, members)))
        for one in levels
        for members, score in zip(one.members, one.scores, strict=True)
    ]
    for score, members in sorted(rows, key=lambda row: (-row[0], len(row[1]), row[1])):
        yield members, score
