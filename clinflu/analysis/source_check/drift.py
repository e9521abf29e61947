r"""What changes from year to year, where a source holds true dates.

The population stability index of a year against all others is ``\sum_k (p_k - q_k) \ln(p_k / q_k)`` over the tenths
of a number or the levels of a category, levels under 2 % of all encounters taken together, and missing values. By
chance alone it is about ``(1/n + 1/m)`` times a chi-squared variable of K - 1 degrees of freedom (Yurdakul & Naranjo
2020), so it is flagged only where it is over 0.25 and over the 99.9 % point of that.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.source_check.coded import Coded
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.cohort import Cohort
from clinflu.influence.result import PERCENT

FEWEST_IN_A_YEAR, FEWEST_YEARS = 200, 2
LARGEST_PSI, CHANCE = 0.25, 0.999
RARE_LEVEL = 0.02
JUMP, STANDARD_ERRORS = 0.10, 5.0
NEW_LEVEL = 0.01
RATE_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class YearRate:
    """Event rate of one year with Wilson's 95 % interval; flagged where it is far from that of the others."""

    year: int
    encounters: int
    events: int
    rate_percent: float
    low_percent: float
    high_percent: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What one variable does over the years.

    Parameters
    ----------
    year : int
        In which the index is largest.
    psi : float
        The index of that year against all others.
    missing_year, missing_jump_pp : int, float
        The year whose missing share differs most from that of the others, and by how many percentage points.
    new_levels : tuple of str
        Levels that at least 1 % of a year and 11 patients have, and no earlier year that counts.
    says : tuple of str
        What is flagged, in words; empty where nothing is.
    """

    name: str
    label: str
    year: int
    psi: float
    missing_year: int
    missing_jump_pp: float
    new_levels: tuple[str, ...]
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """Rates by year and what each variable does; ``why_not`` where years cannot be compared."""

    rates: tuple[YearRate, ...]
    moved: tuple[Moved, ...]
    why_not: str | None = None


def drift(cohort: Cohort, columns: list[Coded]) -> Drift:
    """Compare each year that has at least 200 encounters with the others that have.

    Parameters
    ----------
    cohort : Cohort
    columns : list of Coded
    """
    if cohort.years is None:
        return Drift((), (), "the source has no true dates, so years cannot be compared")
    years = cohort.years.reindex(cohort.frame.index).to_numpy(dtype=float, na_value=np.nan)
    names, counts = np.unique(years[np.isfinite(years)], return_counts=True)
    compared = [int(year) for year in names[counts >= FEWEST_IN_A_YEAR]]
    if len(compared) < FEWEST_YEARS:
        return Drift((), (), f"fewer than {FEWEST_YEARS} years have {FEWEST_IN_A_YEAR} encounters or more")
    rows = np.flatnonzero(np.isin(years, compared))
    places = np.searchsorted(compared, years[rows]).astype(np.intp)
    y = cohort.outcome.to_numpy(dtype=float)[rows]
    return Drift(
        tuple(_rate(year, places == place, y) for place, year in enumerate(compared)),
        tuple(_moved(column, rows, places, compared) for column in columns),
    )


def psi(one: Vector, others: Vector) -> float:
    """Return the population stability index of two sets of counts, (K,) each; half a count is added to every one."""
    p, q = (one + 0.5) / (one + 0.5).sum(), (others + 0.5) / (others + 0.5).sum()
    return float(((p - q) * np.log(p / q)).sum())


def _rate(year: int, inside: Flags, y: Vector) -> YearRate:
    n, events = int(inside.sum()), int(y[inside].sum())
    low, high = proportion_confint(events, n, method="wilson")
    rate, other = events / n, float(y[~inside].mean())
    far = max(rate, other) >= RATE_RATIO * min(rate, other) and not low <= other <= high
    return YearRate(year, n, events, PERCENT * rate, PERCENT * float(low), PERCENT * float(high), far)


def _moved(column: Coded, rows: Rows, places: Rows, years: list[int]) -> Moved:
    counts = np.array([column.counts(rows[places == place]) for place in range(len(years))])  # (years, k)
    found = [_index(counts[place], counts.sum(axis=0) - counts[place]) for place in range(len(years))]
    top = int(np.argmax([one for one, _ in found]))
    jumps = [_jump(counts[place], counts.sum(axis=0) - counts[place]) for place in range(len(years))]
    jumped = int(np.argmax([abs(one) for one, _ in jumps]))
    new = _new_levels(column, counts, years)
    unlike = sorted((-one, years[k]) for k, (one, flag) in enumerate(found) if flag)
    says = [f"{year} is unlike the other years (index {-one:.2f})" for one, year in unlike]
    says += [
        f"missing {PERCENT * abs(jump):.0f} percentage points {'more' if jump > 0 else 'less'} often in {years[k]}"
        for k, (jump, flag) in enumerate(jumps)
        if flag
    ]
    says += [f"new: {one}" for one in new]
    spec, jump = column.spec, PERCENT * jumps[jumped][0]
    return Moved(spec.name, spec.label, years[top], found[top][0], years[jumped], jump, new, tuple(says))


def _index(one: Vector, others: Vector) -> tuple[float, bool]:
    """Return the index of a year, and whether it is flagged."""
    total = one + others
    rare = total < RARE_LEVEL * total.sum()
    together = [np.append(part[~rare], part[rare].sum()) for part in (one, others)]
    occurs = together[0] + together[1] > 0
    found = psi(together[0][occurs], together[1][occurs])
    by_chance = chi2.ppf(CHANCE, max(1, occurs.sum() - 1)) * (1 / one.sum() + 1 / others.sum())
    return found, bool(found > max(LARGEST_PSI, by_chance))


def _jump(one: Vector, others: Vector) -> tuple[float, bool]:
    """Return by how much more of a year is missing, and whether it is flagged."""
    share, other = one[-1] / one.sum(), others[-1] / others.sum()
    both = (one[-1] + others[-1]) / (one.sum() + others.sum())
    error = float(np.sqrt(both * (1 - both) * (1 / one.sum() + 1 / others.sum())))
    jump = float(share - other)
    return jump, abs(jump) >= JUMP and abs(jump) > STANDARD_ERRORS * error


def _new_levels(column: Coded, counts: Vector, years: list[int]) -> tuple[str, ...]:
    if not column.spec.is_category:
        return ()
    said = []
    for place in range(1, len(years)):
        new = (counts[:place].sum(axis=0) == 0) & (counts[place] >= NEW_LEVEL * counts[place].sum())
        said += [f"{column.names[k]} (from {years[place]})" for k in np.flatnonzero(new[:-1] & column.named[:-1])]
    return tuple(said)
