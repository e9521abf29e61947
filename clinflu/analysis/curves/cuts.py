"""Cut points between which nobody can be told apart: every band of risk holds enough events and enough others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Matrix, Vector
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
    candidates = np.unique(np.ceil(np.asarray(risk, dtype=float) * 10.0**digits) / 10.0**digits)
    bands = _Bands.of(y, (risk,), check_count(least, "the least in a band", 1))
    fixed, refused = _fixed(bands, through)
    step = 1.0 / (most + 1 - len(fixed)) if most > len(fixed) else np.inf
    return Cuts(_filled(bands, fixed, candidates, step), refused)


def shared_cuts(
    y: Vector, predictors: Sequence[Vector], candidates: Vector, least: int = LEAST, through: Sequence[float] = ()
) -> Cuts:
    """Return those candidates at which several predictors can be cut together, as in a decision curve.

    In each band, of each predictor, there are ``least`` events and as many without the event, or nobody at all.

    Parameters
    ----------
    y : (n,)
    predictors : sequence of (n,)
        On one scale, such as risks.
    candidates : (k,)
    least, through
        As for :func:`risk_cuts`.

    Raises
    ------
    DataError
        The lengths differ, or a value is missing.
    """
    bands = _Bands.of(y, predictors, check_count(least, "the least in a band", 1), may_be_empty=True)
    fixed, refused = _fixed(bands, through)
    return Cuts(_filled(bands, fixed, np.unique(np.asarray(candidates, dtype=float)), 0.0), refused)


@dataclass(frozen=True, eq=False)
class _Bands:
    """Sorted values by predictor and outcome, the least in a band, and whether one may hold nobody."""

    ordered: tuple[Vector, ...]
    least: int
    may_be_empty: bool

    @classmethod
    def of(cls, y: Vector, predictors: Sequence[Vector], least: int, *, may_be_empty: bool = False) -> "_Bands":
        ordered = []
        event = np.asarray(y) == 1
        for values in map(np.asarray, predictors):
            if values.shape != event.shape or not np.isfinite(values).all():
                raise DataError("cuts need one value for each outcome; leave out encounters without a value")
            ordered += [np.sort(values[event]), np.sort(values[~event])]
        return cls(tuple(ordered), least, may_be_empty)

    def below(self, cuts: Vector) -> Matrix:
        """Return how many are below each cut, by predictor and outcome, (k, m)."""
        return np.column_stack([np.searchsorted(one, cuts, side="left") for one in self.ordered])

    @property
    def totals(self) -> Matrix:
        """Return how many there are, (m,)."""
        return np.array([len(one) for one in self.ordered])

    def fine(self, inside: Matrix) -> bool:
        """Whether a band that holds so many, (m,), may be shown."""
        pairs = inside.reshape(-1, 2)
        enough = (pairs >= self.least).all(axis=1)
        return bool((enough | (pairs == 0).all(axis=1)).all() if self.may_be_empty else enough.all())


def _fixed(bands: _Bands, through: Sequence[float]) -> tuple[list[float], tuple[float, ...]]:
    """Return the cuts that must be there and can be, and the others."""
    kept: list[float] = []
    refused = []
    for cut in dict.fromkeys(map(float, through)):
        edges = bands.below(np.sort([*kept, cut]))
        inside = np.diff(edges, axis=0, prepend=0 * bands.totals[None], append=bands.totals[None])
        if all(map(bands.fine, inside)):
            kept.append(cut)
        else:
            refused.append(cut)
    return sorted(kept), tuple(refused)


def _filled(bands: _Bands, fixed: list[float], candidates: Vector, step: float) -> Vector:
    """Return the cuts that must be there with more between and beside them."""
    if not np.isfinite(step):
        return np.array(fixed, dtype=float)
    below, found = bands.below(candidates), list(fixed)
    marks = bands.below(np.array(fixed))
    edges = [0 * bands.totals, *marks, bands.totals]
    limits = [-np.inf, *fixed, np.inf]
    for place in range(len(edges) - 1):
        between = np.flatnonzero((candidates > limits[place]) & (candidates < limits[place + 1]))
        downward = place == 0 and bool(fixed)
        segment = (edges[place + 1], edges[place]) if downward else (edges[place], edges[place + 1])
        order = between[::-1] if downward else between
        found += [float(candidates[order[one]]) for one in _walk(bands, below[order], segment, step)]
    return np.sort(np.array(found, dtype=float))


def _walk(bands: _Bands, below: Matrix, segment: tuple[Matrix, Matrix], step: float) -> list[int]:
    """Return which candidates to keep, going from one end of a segment to the other."""
    at, end = segment
    totals = bands.totals.clip(min=1)
    kept = []
    for place, here in enumerate(below):
        since, left = np.abs(here - at), np.abs(end - here)
        wide = min(float((since / totals).mean()), float((left / totals).mean())) >= step
        if wide and bands.fine(since) and bands.fine(left):
            kept.append(place)
            at = here
    return kept
