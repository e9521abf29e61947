"""How well estimates agree with the refits that they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Vector

RESOLVED = 100.0
PERCENT = 100.0
FEWEST_FOR_R = 3
MOST_DIGITS_OF_R = 7
SMALLEST_PERCENT = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Estimates beside the refits of the same removals, in any unit, the same for all three.

    Parameters
    ----------
    estimate : (n,)
        NaN where the estimate does not exist.
    refit : (n,)
        NaN where what is left has no finite fit.
    precision : (n,)
        How far each refit may be from the exact optimum, by its own stopping rule; 0 where that is not known.
    """

    estimate: Vector
    refit: Vector
    precision: Vector

    def __post_init__(self) -> None:
        if not self.estimate.shape == self.refit.shape == self.precision.shape:
            raise ValueError("each estimate needs one refit and one precision")

    @property
    def comparable(self) -> Flags:
        """Where both numbers exist, (n,)."""
        return np.isfinite(self.estimate) & np.isfinite(self.refit)

    @property
    def resolved(self) -> Flags:
        """Where, besides, the refit is at least 100 times its own precision, so that an error relative to it is one.

        Its rounding can then move a relative error by 1 % of the refit at most. A refit of exactly 0 is not resolved.
        """
        size = np.abs(self.refit)
        chosen: Flags = self.comparable & (size >= RESOLVED * self.precision) & (size > 0)
        return chosen

    @property
    def relative_errors(self) -> Vector:
        """|estimate - refit| / |refit| of the resolved pairs, shares of 1."""
        chosen = self.resolved
        errors: Vector = np.abs(self.estimate[chosen] - self.refit[chosen]) / np.abs(self.refit[chosen])
        return errors


@dataclass(frozen=True, slots=True)
class Agreement:
    r"""The grade of an estimate.

    Parameters
    ----------
    what : str
        The estimate graded, such as ``"one-step estimate"``.
    removals : int
        How many were asked for; one that serves several predictions counts for each of them.
    no_finite_fit : int
        How many of them leave rows that have no finite fit: nothing to compare with.
    no_estimate : int
        How many have a refit but no estimate.
    unresolved : int
        How many refits are too near 0, against their own precision, for a relative error or a sign
        (:attr:`Pairs.resolved`); they still count in r and slope.
    pearson_r : float
        Pearson correlation of estimates and refits.
    slope : float
        Least-squares slope of the refit on the estimate through the origin,
        :math:`\sum e_i t_i / \sum e_i^2`; above 1 where the estimates are too small.
    median_relative_error, largest_relative_error : float
        Of |estimate - refit| / |refit|, shares of 1.
    largest_error : float
        Largest |estimate - refit| of all pairs, in their unit.
    sign_agreement : float
        Share of the resolved pairs whose two signs are the same; an estimate of exactly 0 has neither.
    predictions : int
        Of how many predictions the changes are; a refit that serves several is compared once for each.
    refits : int, optional
        How many different refits were made in all, for this grade and others; None where that is not known.

    Every figure is NaN where no pair determines it.
    """

    what: str
    removals: int
    no_finite_fit: int
    no_estimate: int
    unresolved: int
    pearson_r: float
    slope: float
    median_relative_error: float
    largest_relative_error: float
    largest_error: float
    sign_agreement: float
    predictions: int = 1
    refits: int | None = None

    @property
    def compared(self) -> int:
        """How many removals have both an estimate and a refit."""
        return self.removals - self.no_finite_fit - self.no_estimate

    @property
    def words(self) -> str:
        """The grade as a short phrase, to stand beside estimates of changes of risk in percentage points.

        The largest error is given in points: relative to its refit, it is mostly that of a removal that hardly moves
        the risk.
        """
        if self.compared == self.unresolved:
            return f"{self.what}: no refit to grade it by"
        r = "" if np.isnan(self.pearson_r) else f", r {correlation_text(self.pearson_r)}"
        median = percent_text(self.median_relative_error)
        largest = f"{points_text(self.largest_error)} percentage points"
        return f"{self.what}: median error {median} of the refit, largest {largest}{r}, {self._over}"

    @property
    def _over(self) -> str:
        """Over how many comparisons, which are more than there are refits where several predictions share them."""
        compared = "over 1 comparison with a refit"
        if self.compared != 1:
            compared = f"over {self.compared:,} comparisons with refits"
        if self.predictions == 1 or self.refits is None:
            return f"{compared}{self._left_out}"
        of = f"of {self.predictions:,} predictions{self._left_out}"
        return f"{compared} {of}, from a check of {self.refits:,} different refits"

    @property
    def _left_out(self) -> str:
        parts = []
        if self.no_finite_fit:
            parts.append(f"{self.no_finite_fit:,} more without a finite fit")
        if self.no_estimate:
            parts.append(f"{self.no_estimate:,} more without an estimate")
        return f" ({', '.join(parts)})" if parts else ""


def agreement(what: str, pairs: Pairs) -> Agreement:
    """Return the grade of one set of estimates of the same prediction.

    Parameters
    ----------
    what : str
        The estimate graded, as it will be named.
    pairs : Pairs
    """
    both = pairs.comparable
    estimate, refit = pairs.estimate[both], pairs.refit[both]
    return _graded(what, [pairs], _pearson(estimate, refit), _slope(estimate, refit))


def pooled(what: str, parts: Sequence[Pairs]) -> Agreement:
    """Return the grade of one kind of estimate over several predictions.

    Relative errors and signs have no scale: they are pooled over all pairs, and counts are added up. A pooled r or
    slope would be that of the prediction that moves most, and mix predictions that differ: r is the lowest of the
    predictions, slope the one farthest from 1 (as a ratio).

    Parameters
    ----------
    what : str
        The estimate graded, as it will be named.
    parts : sequence of Pairs
        One for each prediction.
    """
    each = [agreement(what, part) for part in parts]
    correlations = [one.pearson_r for one in each if not np.isnan(one.pearson_r)]
    slopes = [one.slope for one in each if not np.isnan(one.slope)]
    return _graded(what, parts, min(correlations, default=np.nan), max(slopes, key=_off, default=np.nan))


def spearman(pairs: Pairs) -> float:
    """Return the rank correlation of estimates and refits of one prediction; NaN where one of them does not vary."""
    both = pairs.comparable
    return _pearson(*(pd.Series(values[both]).rank().to_numpy() for values in (pairs.estimate, pairs.refit)))


def percent_text(share: float) -> str:
    """Return a share of 1 in per cent, to two digits."""
    percent = PERCENT * share
    if np.isnan(percent):
        return "not known"
    if 0 < percent < SMALLEST_PERCENT:
        return f"under {SMALLEST_PERCENT:g} %"
    return f"{percent:,.0f} %" if percent >= 10 else f"{percent:.2g} %"


def correlation_text(r: float) -> str:
    """Return a correlation with as many digits, from four to seven, as tell it from 1."""
    if np.isnan(r):
        return "not known"
    texts = (f"{r:.{digits}f}" for digits in range(4, MOST_DIGITS_OF_R + 1))
    text = next((one for one in texts if abs(float(one)) < 1), f"{r:.4f}")
    return text.replace("-", "−")


def points_text(size: float) -> str:
    """Return a size in percentage points, to two digits."""
    if np.isnan(size):
        return "not known"
    if size < SMALLEST_PERCENT:
        return f"under {SMALLEST_PERCENT:g}"
    return f"{size:.1f}" if size >= 10 else f"{size:.2g}"


def _graded(what: str, parts: Sequence[Pairs], pearson_r: float, slope: float) -> Agreement:
    no_fit = sum(int(np.isnan(part.refit).sum()) for part in parts)
    comparable = sum(int(part.comparable.sum()) for part in parts)
    removals = sum(len(part.refit) for part in parts)
    apart = np.concatenate([np.empty(0), *(np.abs(part.estimate - part.refit)[part.comparable] for part in parts)])
    errors = np.concatenate([np.empty(0), *(part.relative_errors for part in parts)])
    same = [np.sign(part.estimate[part.resolved]) == np.sign(part.refit[part.resolved]) for part in parts]
    return Agreement(
        what=what,
        removals=removals,
        no_finite_fit=no_fit,
        no_estimate=removals - no_fit - comparable,
        unresolved=comparable - len(errors),
        pearson_r=pearson_r,
        slope=slope,
        median_relative_error=float(np.median(errors)) if len(errors) else np.nan,
        largest_relative_error=float(errors.max()) if len(errors) else np.nan,
        largest_error=float(apart.max()) if len(apart) else np.nan,
        sign_agreement=float(np.concatenate(same).mean()) if len(errors) else np.nan,
        predictions=len(parts),
    )


def _pearson(estimate: Vector, refit: Vector) -> float:
    """Return Pearson's r; NaN where one of them does not vary, or two points would always lie on a line."""
    if len(estimate) < FEWEST_FOR_R or np.ptp(estimate) == 0 or np.ptp(refit) == 0:
        return np.nan
    return float(np.corrcoef(estimate, refit)[0, 1])


def _slope(estimate: Vector, refit: Vector) -> float:
    squares = float(estimate @ estimate)
    return float(estimate @ refit) / squares if squares > 0 else np.nan


def _off(slope: float) -> float:
    """Return how far a slope is from 1, the same for twice and for half; without end for one of the wrong sign."""
    return abs(float(np.log(slope))) if slope > 0 else np.inf
