"""The patient-cluster bootstrap of subgroups: every replicate draws patients, and all subgroups share the draw."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from clinflu.analysis.subgroups.judged import Judged, Members
from clinflu.analysis.subgroups.measures import CALIBRATION, MEASURES, PLAIN, with_counts
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import check_count, check_number
from clinflu.errors import DataError

BLOCK, LEAST_BLOCK = 125, 8  # replicates at once
BLOCK_VALUES = 2**23  # draws at once: the memory that a block takes does not grow with the encounters
KEPT_BYTES = 2**29  # of what each encounter adds to calibrations; more is worked out anew for each block
THREADS = 2  # numpy lets go of the interpreter in nearly all of this work

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How often patients are drawn anew, and from which seed.

    Parameters
    ----------
    replicates : int
    seed : int
    level : float
        Coverage that intervals aim at.
    """

    replicates: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        check_count(self.replicates, "how often patients are drawn", least=2)
        check_count(self.seed, "the seed of the draws")
        if not 0 < check_number(self.level, "the level of an interval") < 1:
            raise DataError("the level of an interval lies between 0 and 1; 0.95 is usual")


def drawn(judged: Judged, bootstrap: Bootstrap) -> Iterator[Block]:
    """Give, block by block, how often each encounter is in each replicate, (n, b); a patient is drawn as a whole."""
    rng = np.random.default_rng(bootstrap.seed)
    patients = int(judged.patients.max()) + 1
    together = min(BLOCK, max(LEAST_BLOCK, BLOCK_VALUES // len(judged.rows)))
    for start in range(0, bootstrap.replicates, together):
        size = min(together, bootstrap.replicates - start)
        draws = rng.integers(0, patients, (size, patients))
        counts = np.stack([np.bincount(one, minlength=patients) for one in draws]).astype(np.float32)
        yield np.ascontiguousarray(counts.T[judged.patients])


class Ordered:
    """Sums, and pairs of (event, no event) in order, by replicate, for many subgroups at once.

    Parameters
    ----------
    judged : Judged
    codes : (n,) int
        Subgroup of each encounter.
    groups : int
        How many subgroups.
    """

    def __init__(self, judged: Judged, codes: Rows, groups: int) -> None:
        self.judged = judged
        self.order = np.lexsort((judged.margin, codes))
        self.event = (judged.y[self.order] == 1)[:, None]
        margin = judged.margin[self.order]
        ends = np.searchsorted(codes[self.order], np.arange(groups + 1))
        self.slices = [slice(start, end) for start, end in pairwise(ends)]
        self.ties = [_ties(margin[one]) for one in self.slices]

    def within(self, weights: Block) -> tuple[Matrix, Matrix]:
        """Return the weighted plain sums of each subgroup, (groups, 6, b), and its ordered pairs, (groups, b).

        The sums are in double precision: those of a complement are differences of large ones.
        """
        weights = weights[self.order]
        sums = [self.judged.plain[self.order[one]].T @ weights[one].astype(np.float64) for one in self.slices]
        events, others = np.where(self.event, weights, 0), np.where(self.event, 0, weights)
        pairs = zip(self.slices, self.ties, strict=True)
        return np.array(sums), np.array([_pairs(events[one], _below(others[one], *ties)) for one, ties in pairs])


class OfAll:
    """Pairs of (event, no event) in order among all encounters, and the share in them of each encounter."""

    def __init__(self, judged: Judged) -> None:
        self.order = np.argsort(judged.margin, kind="stable")
        self.back = np.argsort(self.order, kind="stable")
        self.event = (judged.y[self.order] == 1)[:, None]
        self.ties = _ties(judged.margin[self.order])

    def shares(self, weights: Block) -> tuple[Block, Block]:
        """Return, per encounter, its ordered pairs as an event and as one without, (n, b) each."""
        ordered = weights[self.order]
        events, others = np.where(self.event, ordered, 0), np.where(self.event, 0, ordered)
        above = events.sum(axis=0) - _below(events, *self.ties)
        return (events * _below(others, *self.ties))[self.back], (others * above)[self.back]


def _ties(margin: Vector) -> tuple[Rows, Rows]:
    """Return, for each margin in order, how many are smaller, and how many are not larger."""
    return np.searchsorted(margin, margin, "left"), np.searchsorted(margin, margin, "right")


def _below(weights: Block, first: Rows, last: Rows) -> Block:
    """Return the weight below each encounter in order, that of ties counting half."""
    running = np.zeros((len(weights) + 1, weights.shape[1]), dtype=weights.dtype)
    np.cumsum(weights, axis=0, out=running[1:])
    below: Block = running[first]
    below += running[last]
    below *= np.float32(0.5)
    return below


def _pairs(events: Block, below: Block) -> Vector:
    return np.asarray(np.einsum("nb,nb->b", events, below, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Partition:
    """A grouping of the judged encounters, with each subgroup beside its complement.

    Parameters
    ----------
    codes : (n,) int
        Subgroup of each encounter.
    sides : tuple of (Members, Members)
        By subgroup: itself and its complement.
    """

    codes: Rows
    sides: tuple[tuple[Members, Members], ...]


Measured = dict[str, Vector]


def replicated(
    judged: Judged, partitions: list[Partition], bootstrap: Bootstrap
) -> Iterator[tuple[int, list[list[tuple[Measured, Measured]]]]]:
    """Give, block by block, every measure of each subgroup and of its complement.

    Parameters
    ----------
    judged : Judged
    partitions : list of Partition
    bootstrap : Bootstrap

    Yields
    ------
    done : int
        How many replicates are done.
    measures : list of list of (dict, dict)
        By partition and subgroup, then inside and outside: each measure, (b,).
    """
    of_all = OfAll(judged)
    within = [Ordered(judged, one.codes, len(one.sides)) for one in partitions]
    columns = _columns(judged, partitions)

    def measured(weights: Block) -> tuple[int, list[list[tuple[Measured, Measured]]]]:
        shared = _Shared(weights, of_all.shares(weights))
        parts = zip(partitions, within, columns, strict=True)
        return weights.shape[1], [_of_partition(one, shared, ordered, kept) for one, ordered, kept in parts]

    done, pool, blocks = 0, ThreadPoolExecutor(THREADS), drawn(judged, bootstrap)
    try:
        begun = deque(pool.submit(measured, one) for one in islice(blocks, THREADS))
        while begun:
            size, found = begun.popleft().result()
            begun.extend(pool.submit(measured, one) for one in islice(blocks, 1))
            done += size
            yield done, found
    finally:
        pool.shutdown(cancel_futures=True)


def _columns(judged: Judged, partitions: list[Partition]) -> list[list[Block] | None]:
    """Return the calibration columns of each subgroup, by partition; None where they would take too much memory."""
    groups = sum(len(one.sides) for one in partitions)
    if 2 * len(CALIBRATION) * 4 * len(judged.rows) * groups > KEPT_BYTES:
        for one in partitions:
            for pair in one.sides:
                _ = [members.fits for members in pair]  # once, before threads ask for them
        return [None] * len(partitions)
    return [[_calibration(*pair) for pair in one.sides] for one in partitions]


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """What a block of replicates needs for every partition: draws (n, b), and the pairs of each encounter."""

    weights: Block
    shares: tuple[Block, Block]


def _of_partition(
    one: Partition, shared: _Shared, ordered_by: Ordered, columns: list[Block] | None
) -> list[tuple[Measured, Measured]]:
    groups = len(one.sides)
    inside, within = ordered_by.within(shared.weights)
    totals = inside.sum(axis=0)
    as_event, as_other = (_by_group(one.codes, groups, share) for share in shared.shares)
    all_pairs = float_sum(shared.shares[0])
    outside_pairs = all_pairs - as_event - as_other + within
    found = []
    for at, pair in enumerate(one.sides):
        added = _calibration(*pair) if columns is None else columns[at]
        fitted = (added.T @ shared.weights).astype(float)
        sums = inside[at], totals - inside[at]
        ordered = within[at], outside_pairs[at]
        half = len(CALIBRATION)
        sides = zip(pair, sums, (fitted[:half], fitted[half:]), ordered, strict=True)
        first, second = (_measures(*side) for side in sides)
        found.append((first, second))
    return found


def float_sum(values: Block) -> Vector:
    """Return the sums over encounters, (b,), in double precision."""
    return np.asarray(values.sum(axis=0, dtype=np.float64))


def _by_group(codes: Rows, groups: int, values: Block) -> Matrix:
    """Return the sums of values (n, b) over the rows of each group, (groups, b), in double precision.

    Those of a complement are differences of large sums: in single precision nothing would be left of a small one.
    """
    indicator = csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), (groups, len(codes)))
    return np.asarray(indicator @ values)


def _calibration(inside: Members, outside: Members) -> Block:
    """Return the calibration columns of the subgroup, then those of its complement, 0 elsewhere: (n, 14)."""
    half = len(CALIBRATION)
    columns = np.zeros((len(inside.inside), 2 * half), dtype=np.float32)
    columns[inside.inside, :half] = inside.calibration
    columns[outside.inside, half:] = outside.calibration
    return columns


def _measures(members: Members, sums: Matrix, fitted: Matrix, ordered: Vector) -> Measured:
    values = dict(zip(PLAIN, sums, strict=True)) | dict(zip(CALIBRATION, fitted, strict=True))
    values["intercept"], values["slope"] = (np.full_like(ordered, members.fits[place]) for place in (0, 2))
    values = with_counts(values, members.judged.threshold)
    values["ordered_pairs"] = ordered
    return {name: measure.of(values) for name, measure in MEASURES.items()}
