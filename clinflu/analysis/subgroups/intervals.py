"""Intervals of a figure of some encounters, and of its difference between two sides, patients being the unit."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from clinflu.analysis.linearised import placements
from clinflu.analysis.subgroups.judged import Members
from clinflu.analysis.subgroups.measures import MEASURES, Measure
from clinflu.data.arrays import Vector

WILSON, BOOTSTRAP, DELONG = "Wilson", "patient-cluster bootstrap", "DeLong"
LIMITS = "from the limits of both sides"
AT_THE_END = "at the end of its range"
NO_SPREAD = "does not vary here"
SMALLEST_ERROR = 1e-6  # below, the error of a figure is rounding


@dataclass(frozen=True, eq=False)
class Side:
    """A measure of some encounters.

    Parameters
    ----------
    measure : Measure
    members : Members
    value : float
    draws : (B,)
        Its bootstrap replicates.
    """

    measure: Measure
    members: Members
    value: float
    draws: Vector


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval and how it was found; ``withheld`` says why there is none."""

    low: float = np.nan
    high: float = np.nan
    method: str = ""
    withheld: str = ""


def interval(side: Side, level: float, *, by_patient: bool = False) -> Interval:
    """Return the interval of a figure.

    Wilson's for a proportion; else the bootstrap error, or DeLong's of an AUROC where no patient is there twice, times
    the t quantile of the patients whom the figure rests on, on the scale of the measure.

    Parameters
    ----------
    side : Side
    level : float
        Coverage aimed at.
    by_patient : bool
        Whether Wilson's counts are divided by the design effect of the patients; otherwise each encounter counts.
    """
    if side.measure.count:
        return _wilson(side, level, design_effect(side) if by_patient else 1.0)
    scaled = _scaled(side.measure, np.append(side.draws, side.value))
    if not np.isfinite(scaled[-1]):
        return Interval(withheld=AT_THE_END)
    patients = side.members.patients_for(side.measure.rests_on)
    error, method = _error(scaled[:-1], patients), BOOTSTRAP
    if not error > SMALLEST_ERROR:
        return Interval(withheld=NO_SPREAD)
    if side.measure is MEASURES["auroc"] and side.members.one_row_a_patient:
        error = delong_error(side.members.y, side.members.margin) / (side.value * (1.0 - side.value))
        method = DELONG
    around = float(stdtrit(patients - 1, 0.5 + level / 2)) * error
    low, high = _unscaled(side.measure, scaled[-1] + np.array([-around, around]))
    return Interval(float(low), float(high), method)


def difference(inside: Side, outside: Side, level: float) -> tuple[Interval, float]:
    r"""Return the interval of inside - outside and the two-sided p of no difference, from the limits of both.

    .. math:: d - \sqrt{a^2 + b^2 - 2 \rho a b}, \quad a = v_1 - l_1, \quad b = u_2 - v_2

    and likewise above; :math:`\rho` is the correlation of the replicates, which is not 0 where a patient is on both
    sides. The p value is below 1 - level exactly where the interval leaves out 0.

    References
    ----------
    Zou & Donner (2008), doi:10.1002/sim.3095; for proportions it is method 10 of Newcombe (1998).
    """
    first, second = (interval(one, level, by_patient=True) for one in (inside, outside))
    if withheld := first.withheld or second.withheld:
        return Interval(withheld=withheld), np.nan
    rho = _correlation(inside.draws, outside.draws)
    value = inside.value - outside.value
    below = _together(inside.value - first.low, second.high - outside.value, rho)
    above = _together(first.high - inside.value, outside.value - second.low, rho)
    towards_none = below if value > 0 else above
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.divide(abs(value), towards_none) * float(ndtri(0.5 + level / 2))
    return Interval(value - below, value + above, LIMITS), 2.0 * float(ndtr(-z))


def delong_error(y: Vector, margin: Vector) -> float:
    """Return the standard error of the AUROC where every encounter is of a patient of its own.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595.
    """
    _, added = placements(margin, y == 1)
    sides = (added[y == outcome] for outcome in (1, 0))
    return float(np.sqrt(sum(len(side) / (len(side) - 1) * (side @ side) for side in sides)))


def design_effect(side: Side) -> float:
    """Return how much more a proportion varies than one of as many unrelated encounters, 1 at the least.

    Where nothing, or everything, was counted it cannot be seen; then the encounters of a patient count as one.

    References
    ----------
    Kish (1965); with Wilson's interval, Dean & Pagano (2015), doi:10.1093/jssam/smv024.
    """
    if side.members.one_row_a_patient:
        return 1.0
    _, count = (side.members.sums[name] for name in side.measure.count)
    patients = side.members.patients_for(side.measure.rests_on)
    if not 0.0 < side.value < 1.0:
        return float(count / patients)
    unrelated = side.value * (1.0 - side.value) / count
    return float(max(1.0, np.square(_error(side.draws, patients)) / unrelated))


def _wilson(side: Side, level: float, effect: float) -> Interval:
    """Return Wilson's interval (1927, doi:10.1080/01621459.1927.10502953) of counts over their design effect."""
    above, below = (side.members.sums[name] / effect for name in side.measure.count)
    share, z = above / below, -float(ndtri((1.0 - level) / 2))
    center = share + z**2 / (2 * below)
    reach = z * float(np.sqrt(share * (1.0 - share) / below + z**2 / (4 * below**2)))
    shrunk = 1.0 + z**2 / below
    return Interval((center - reach) / shrunk, (center + reach) / shrunk, WILSON)


def _error(draws: Vector, patients: int) -> float:
    """Return the bootstrap error; drawing from m patients has (m - 1) / m of the variance of drawing from all."""
    known = draws[np.isfinite(draws)]
    return float(np.std(known, ddof=1) * np.sqrt(patients / (patients - 1))) if len(known) > 1 else np.nan


def _correlation(first: Vector, second: Vector) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    a, b = (one[known] - one[known].mean() for one in (first, second))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def _together(one: float, other: float, rho: float) -> float:
    return float(np.sqrt(max(0.0, one**2 + other**2 - 2.0 * rho * one * other)))


def _scaled(measure: Measure, values: Vector) -> Vector:
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = {"share": logit, "positive": np.log}.get(measure.scale, np.asarray)(values)
    return np.asarray(scaled)


def _unscaled(measure: Measure, values: Vector) -> Vector:
    return np.asarray({"share": expit, "positive": np.exp}.get(measure.scale, np.asarray)(values))
