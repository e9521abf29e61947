"""Cut points between which nobody can be told apart: every band of risk holds enough events and enough others."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Vector
from clinflu.data.asking import check_count
from clinflu.errors import DataError

LEAST = 11
MOST = 40
DIGITS = 4


@dataclass(frozen=True, eq=False)
class Cuts:
    """Cut points, each the lowest value of the band above it.

    Parameters
    ----------
    values : (k,)
        Rising.
    refused : tuple of float
        Cuts that had to be there and would leave a band with too few.
    """

    values: Vector
    refused: tuple[float, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the cuts, and those refused, one row each."""
        every = [*self.values, *self.refused]
        return pd.DataFrame({"cut": every, "kept": [True] * len(self.values) + [False] * len(self.refused)})


def risk_cuts(
    y: Vector,
    risk: Vector,
    least: int = LEAST,
    most: int = MOST,
    through: Sequence[float] = (),
    digits: int = DIGITS,
) -> Cuts:
    """Return cuts of a risk or score such that every band holds ``least`` events and as many without the event.

    Bands run from each cut up to below the next one; those below the first and from the last one up count too. Built
    outward from the cuts that must be there, in steps that are alike in the mean of both classes' shares (the length
    of the ROC curve). The other cuts are round numbers, so that none is the value of a patient; ties stay together.

    Parameters
    ----------
    y, risk : (n,)
        Outcome, 0 or 1, and a risk or score.
    least, most : int
        Encounters of each outcome in a band; cuts.
    through : sequence of float
        Cuts that must be there, such as the alert threshold, the one that matters most first. One that would leave a
        band with too few is refused.
    digits : int
        Decimals of the other cuts.

    Raises
    ------
    DataError
        The lengths differ, a value is missing, or more cuts must be there than there may be.
    """
    check_count(most, "the largest number of cuts")
    if len(set(through)) > most:
        raise DataError(f"{len(set(through))} cuts must be there, {most} may be; give fewer, or allow more")
    one = _Marks(y, risk, check_count(least, "the least in a band", 1))
    fixed, refused = _fixed([one], through)
    if most > len(fixed):
        one.step = 1.0 / (most + 1 - len(fixed))
        candidates = np.unique(np.ceil(np.asarray(risk, dtype=float) * 10.0**digits) / 10.0**digits)
        fixed += _added([one], _outward(candidates, fixed))
    return Cuts(np.sort(np.array(fixed, dtype=float)), refused)


def shared_cuts(
    y: Vector,
    predictors: Sequence[Vector],
    candidates: Vector,
    least: int = LEAST,
    through: Sequence[float] = (),
    shown: Sequence[Vector] = (),
) -> Cuts:
    """Return those candidates at which several predictors can be cut together, as in a decision curve.

    In each band, of each predictor, there are ``least`` events and as many without the event, or nobody at all; so
    too in each band between such a cut and one that is shown elsewhere.

    Parameters
    ----------
    y : (n,)
    predictors : sequence of (n,)
        On one scale, such as risks.
    candidates : (k,)
    least, through
        As for :func:`risk_cuts`.
    shown : sequence of (m,)
        By predictor, the cuts at which it is shown elsewhere.

    Raises
    ------
    DataError
        The lengths differ, or a value is missing.
    """
    check_count(least, "the least in a band", 1)
    if shown and len(shown) != len(predictors):
        raise DataError(f"cuts of {len(shown)} predictors are shown, of {len(predictors)}; give some for each, or none")
    marks = [_Marks(y, values, least, may_be_empty=True) for values in predictors]
    for one, cuts in zip(marks, shown, strict=False):
        for cut in cuts:
            one.add(float(cut))
    fixed, refused = _fixed(marks, through)
    fixed += _added(marks, _outward(np.unique(np.asarray(candidates, dtype=float)), fixed))
    return Cuts(np.sort(np.array(fixed, dtype=float)), refused)


class _Marks:
    """How many events and others are below each cut of a predictor so far, and which further cut can be made.

    Parameters
    ----------
    y, values : (n,)
    least : int
    may_be_empty : bool
        Whether a band may hold nobody.
    """

    def __init__(self, y: Vector, values: Vector, least: int, *, may_be_empty: bool = False) -> None:
        event, values = np.asarray(y) == 1, np.asarray(values, dtype=float)
        if values.shape != event.shape or not np.isfinite(values).all():
            raise DataError("cuts need one value for each outcome; leave out encounters without a value")
        self.step = 0.0
        self._ordered = np.sort(values[event]), np.sort(values[~event])
        self._totals = tuple(map(len, self._ordered))
        self._least, self._may_be_empty = least, may_be_empty
        self._found = [(0, 0), self._totals]

    def may_add(self, cut: float) -> bool:
        """Whether both bands that the cut makes may be there."""
        here = self._below(cut)
        place = bisect_left(self._found, here, 1)
        return self._fine(self._found[place - 1], here) and self._fine(here, self._found[place])

    def add(self, cut: float) -> None:
        """Make a cut."""
        here = self._below(cut)
        self._found.insert(bisect_left(self._found, here), here)

    def _below(self, cut: float) -> tuple[int, int]:
        first, second = (int(np.searchsorted(one, cut, side="left")) for one in self._ordered)
        return first, second

    def _fine(self, low: tuple[int, ...], high: tuple[int, ...]) -> bool:
        inside = [above - below for above, below in zip(high, low, strict=True)]
        if not any(inside):
            return self._may_be_empty
        share = sum(count / total for count, total in zip(inside, self._totals, strict=True) if total) / 2
        return min(inside) >= self._least and share >= self.step


def _fixed(marks: list[_Marks], through: Iterable[float]) -> tuple[list[float], tuple[float, ...]]:
    """Return the cuts that must be there and can be, and the others."""
    asked = list(dict.fromkeys(map(float, through)))
    kept = _added(marks, asked)
    return kept, tuple(cut for cut in asked if cut not in kept)


def _outward(candidates: Vector, fixed: list[float]) -> Vector:
    """Return the candidates downward from the lowest cut that must be there, then upward from it."""
    start = min(fixed, default=-np.inf)
    return np.concatenate([candidates[candidates < start][::-1], candidates[candidates > start]])


def _added(marks: list[_Marks], cuts: Iterable[float]) -> list[float]:
    """Make those cuts that every predictor allows, in their order."""
    kept = []
    for cut in map(float, cuts):
        if all(one.may_add(cut) for one in marks):
            for one in marks:
                one.add(cut)
            kept.append(cut)
    return kept
