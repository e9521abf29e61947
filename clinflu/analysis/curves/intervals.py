"""Intervals of a figure of a sample, patients being the unit: from what each encounter adds to its error."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.curves.sample import Sample
from clinflu.analysis.metric_intervals import bounds
from clinflu.data.arrays import Vector
from clinflu.influence.interval import jackknife_variance

Scale = Literal["share", "positive", "difference"]
LEVEL = 0.95
METHOD = "infinitesimal jackknife by patient over the audited sample; the fitted model is held as it is"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; NaN where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan

    def named(self, name: str) -> dict[str, float]:
        """Return the three as columns of a table."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure minus another of the same encounters, with its interval and the two-sided p of no difference."""

    first: str
    second: str
    value: float
    low: float
    high: float
    p: float


def error(terms: Vector, sample: Sample) -> float:
    """Return the standard error of a figure from what each encounter adds to its error, (n,)."""
    return float(np.sqrt(jackknife_variance(terms, sample.patients)))


def around(value: float, standard_error: float, sample: Sample, scale: Scale, level: float = LEVEL) -> Estimate:
    """Return a figure with its interval: on the log-odds scale for a share, on the log scale for a positive number.

    Without an interval where the sample is too small for one, and at the end of the range.
    """
    inside = {"share": 0.0 < value < 1.0, "positive": value > 0.0, "difference": True}[scale]
    if sample.withheld or not inside or not np.isfinite(standard_error):
        return Estimate(value)
    return Estimate(value, *bounds(scale, value, float(ndtri(0.5 + level / 2)) * standard_error))


def difference(names: tuple[str, str], value: float, terms: Vector, sample: Sample, level: float = LEVEL) -> Difference:
    """Return a difference of two figures of the same encounters, paired: the terms are differences too."""
    spread = error(terms, sample)
    found = around(value, spread, sample, "difference", level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2.0 * float(ndtr(-np.abs(np.divide(value, spread))))
    return Difference(*names, value, found.low, found.high, np.nan if sample.withheld else p)


def share(part: Vector, whole: Vector, sample: Sample, level: float = LEVEL) -> Estimate:
    """Return a share of encounters with Wilson's interval, its counts divided by the design effect of the patients.

    Where no patient is there twice it is Wilson's interval of the counts. Where nothing or everything is counted, the
    effect cannot be seen; the encounters of a patient then count as one. NaN where there is nothing to count.

    Parameters
    ----------
    part, whole : (n,)
        1 where an encounter is counted above, and below, the line.
    sample : Sample
    level : float

    References
    ----------
    Wilson (1927); with a design effect, Dean & Pagano (2015), doi:10.1093/jssam/smv024.
    """
    above, below = float(part.sum()), float(whole.sum())
    if not below:
        return Estimate(np.nan)
    value = above / below
    effect = _design_effect(part, whole, value, sample)
    low, high = proportion_confint(above / effect, below / effect, alpha=1.0 - level, method="wilson")
    return Estimate(value, float(low), float(high))


def _design_effect(part: Vector, whole: Vector, value: float, sample: Sample) -> float:
    """Return how much more a share varies than one of as many unrelated encounters, 1 at the least."""
    if sample.one_row_a_patient:
        return 1.0
    below = float(whole.sum())
    if not 0.0 < value < 1.0:
        patients = np.count_nonzero(np.bincount(sample.patients, weights=whole))
        return below / patients
    variance = jackknife_variance((part - value * whole) / below, sample.patients)
    return max(1.0, variance / (value * (1.0 - value) / below))
