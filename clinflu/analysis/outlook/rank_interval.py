"""Rank correlations with a bootstrap interval over patients."""

import numpy as np

from clinflu.data.arrays import Rows, Vector

LEVEL = 0.95


def patients_drawn(patients: Rows, rng: np.random.Generator) -> Rows:
    """Return the rows of as many patients as there are, drawn with replacement, each with all of their rows."""
    order = np.argsort(patients, kind="stable")
    counts = np.bincount(patients)
    starts = np.cumsum(counts) - counts
    drawn = rng.integers(0, len(counts), len(counts))
    return np.concatenate([order[starts[one] : starts[one] + counts[one]] for one in drawn])


def rank_interval(one: Vector, other: Vector, drawn: list[Rows]) -> tuple[float, float, float]:
    """Return Spearman's correlation with the ends of its 95 % percentile interval over resampled rows."""
    resampled = [rank_correlation(one[rows], other[rows]) for rows in drawn]
    low, high = np.nanquantile(resampled, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return rank_correlation(one, other), float(low), float(high)


def rank_correlation(one: Vector, other: Vector) -> float:
    """Return Spearman's correlation; NaN where one of them does not vary."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Vector) -> Vector:
    """Return ranks, ties at their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2.0)[place])
