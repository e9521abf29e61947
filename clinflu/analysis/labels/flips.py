"""Wrong labels planted in a copy of the recorded ones, so that it is known which rows a reviewer should find."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.errors import DataError

AT_RANDOM = "at random"
RATE_KEPT = "event rate kept"


@dataclass(frozen=True)
class Flips:
    """Labels as they were and as they are now recorded.

    Parameters
    ----------
    true, recorded : (n,)
        0 to K - 1.
    """

    true: Vector
    recorded: Vector

    @cached_property
    def flipped(self) -> Flags:
        """Which rows are wrong, (n,)."""
        wrong: Flags = self.true != self.recorded
        return wrong

    def mended(self, order: Rows, checked: int) -> Vector:
        """Return the labels after the first rows of an order were checked and, where wrong, mended, (n,)."""
        labels = self.recorded.copy()
        seen = order[:checked]
        labels[seen] = self.true[seen]
        return labels

    def found(self, order: Rows, checked: Rows) -> Vector:
        """Return the share of the flips among the first ``checked`` rows of an order, for each of those counts."""
        so_far = np.concatenate([[0], np.cumsum(self.flipped[order])])
        shares: Vector = so_far[checked] / self.flipped.sum()
        return shares


def flip(labels: Vector, share: float, classes: int, rng: Generator) -> Flips:
    """Flip a share of the labels, drawn from all rows alike, each to one of the other classes alike.

    Parameters
    ----------
    labels : (n,)
        0 to K - 1.
    share : float
        Of the rows, above 0 and below 1.
    classes : int
        K.
    rng : Generator

    Raises
    ------
    DataError
        The share is none, or so small that no label would flip.
    """
    count = _count(share, len(labels))
    rows = rng.choice(len(labels), count, replace=False)
    recorded = labels.copy()
    recorded[rows] = (recorded[rows] + rng.integers(1, classes, count)) % classes
    return Flips(labels, recorded)


def exchange(labels: Vector, share: float, classes: int, rng: Generator) -> Flips:
    """Flip a share of the events and as many of the other rows, so that the event rate stays.

    Flips from all rows alike would turn few events and many others: where events are rare, a recorded event is then
    suspect by being one.

    Parameters
    ----------
    labels : (n,)
        0 or 1.
    share : float
        Of the events, above 0 and below 1.
    classes : int
        2.
    rng : Generator

    Raises
    ------
    DataError
        The labels are not binary; the share is none, or so small that no label would flip.
    """
    if classes != 2:
        raise DataError(f"only two classes can exchange labels, not {classes}; flip them {AT_RANDOM!r}")
    events, others = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    count = min(_count(share, len(events)), len(others))
    rows = np.concatenate([rng.choice(kind, count, replace=False) for kind in (events, others)])
    recorded = labels.copy()
    recorded[rows] = 1.0 - recorded[rows]
    return Flips(labels, recorded)


Flipping = Callable[[Vector, float, int, Generator], Flips]
FLIPPINGS: dict[str, Flipping] = {AT_RANDOM: flip, RATE_KEPT: exchange}


def _count(share: float, rows: int) -> int:
    if not 0 < share < 1 or round(share * rows) < 1:
        raise DataError(f"a share of {share} of {rows:,} labels flips none or all; give a share such as 0.1")
    return round(share * rows)
