"""Values that cannot be: ages over 110 or under 0, numbers beyond the bounds of their variable, negative ones."""

import numpy as np

from clinflu.analysis.source_check.coded import Coded, numbers_of
from clinflu.analysis.source_check.units import Suspicious
from clinflu.data.age import age_bounds, age_feature
from clinflu.data.arrays import Flags
from clinflu.data.cohort import Cohort
from clinflu.data.schema import FeatureSpec
from clinflu.influence.result import PERCENT

OLDEST = 110
HARDLY_EVER = 0.05


def impossible(cohort: Cohort, columns: list[Coded]) -> tuple[Suspicious, ...]:
    """Return the values that cannot be, by variable."""
    found = []
    for column in columns:
        if column.spec.is_number:
            found += _numbers(cohort, column.spec)
    return (*_ages(cohort), *found)


def _ages(cohort: Cohort) -> list[Suspicious]:
    spec = age_feature(cohort.schema, cohort.frame)
    if spec is None:
        return []
    low, _ = age_bounds(cohort)
    with np.errstate(invalid="ignore"):
        over = low > OLDEST
    return _told(spec, "age", f"ages over {OLDEST}", over, ~np.isnan(low))


def _numbers(cohort: Cohort, spec: FeatureSpec) -> list[Suspicious]:
    numbers = numbers_of(cohort, spec)
    known = np.isfinite(numbers)
    if not known.any():
        return []
    low, high = spec.bounds or (-np.inf, np.inf)
    with np.errstate(invalid="ignore"):
        beyond, negative = known & ((numbers < low) | (numbers > high)), known & (numbers < 0)
    if spec.bounds is not None:
        return _told(spec, "bounds", f"values beyond its bounds, {low:g} to {high:g}", beyond, known)
    if np.quantile(numbers[known], HARDLY_EVER) <= 0:
        return []
    return _told(spec, "negative", "negative values, where nearly all others are above 0", negative, known)


def _told(spec: FeatureSpec, kind: str, says: str, rows: Flags, known: Flags) -> list[Suspicious]:
    count = int(np.count_nonzero(rows))
    if not count:
        return []
    share = PERCENT * count / max(1, int(np.count_nonzero(known)))
    return [Suspicious(spec.name, spec.label, kind, says, count, share)]
