"""The metrics whose drivers can be asked for, and the audited encounters that a metric rests on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import in_words, levels_there
from clinflu.data.levels import level_codes
from clinflu.errors import DataError
from clinflu.influence.functional import (
    CalibrationIntercept,
    CalibrationSlope,
    EventRateMinusRisk,
    MarginFunctional,
    MeanLoss,
)
from clinflu.influence.result import PERCENT
from clinflu.influence.smoothed import SmoothAuroc, SmoothFalseNegativeRate
from clinflu.study import Study

REST = "rest"
POINTS = "percentage points"

Group = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the model on a group of audited encounters.

    Parameters
    ----------
    label : str
        In words.
    unit : str
        Of every value and change that is shown.
    best : float
        Value of a perfect model; a change toward it is an improvement.
    make : callable
        From rows x (t, p), outcomes y (t,), the alert threshold (a risk) and the bandwidth (log-odds) to the
        functional.
    """

    label: str
    unit: str
    best: float
    make: Callable[[Matrix, Vector, float, float], MarginFunctional]

    @property
    def scale(self) -> float:
        """From the functional's own unit, a share of 1 where the metric is one, to ``unit``."""
        return PERCENT if self.unit == POINTS else 1.0


def _plain(
    kind: Callable[[Matrix, Vector], MarginFunctional],
) -> Callable[[Matrix, Vector, float, float], MarginFunctional]:
    return lambda x, y, _threshold, _bandwidth: kind(x, y)


def _auroc(x: Matrix, y: Vector, _threshold: float, bandwidth: float) -> MarginFunctional:
    return SmoothAuroc(x, y, bandwidth)


METRICS: dict[str, Metric] = {
    "loss": Metric("Mean loss", "nats", 0.0, _plain(MeanLoss)),
    "auroc": Metric("AUROC", "share of pairs in order", 1.0, _auroc),
    "event_rate_minus_risk": Metric("Event rate minus mean risk", POINTS, 0.0, _plain(EventRateMinusRisk)),
    "calibration_intercept": Metric("Calibration-in-the-large", "log-odds", 0.0, _plain(CalibrationIntercept)),
    "calibration_slope": Metric("Calibration slope", "slope", 1.0, _plain(CalibrationSlope)),
    "false_negative_rate": Metric("False-negative rate", POINTS, 0.0, SmoothFalseNegativeRate),
}


def audited_sides(study: Study, subgroup: Group | None, against: Group | str | None) -> list[Rows]:
    """Return the row numbers of the audited encounters on which the metric rests, and of those it is compared with."""
    audited = study.split.audited
    chosen = audited if subgroup is None else _members(study, subgroup)
    if against is None:
        return [chosen]
    if subgroup is None:
        raise DataError("a gap needs a subgroup to start from; give subgroup=(variable, level) too")
    other = np.setdiff1d(audited, chosen) if isinstance(against, str) and against == REST else _members(study, against)
    if not len(other):
        raise DataError("the subgroup holds every audited encounter, so there is no rest to compare it with")
    return [chosen, other]


def _members(study: Study, group: Group | str) -> Rows:
    if not isinstance(group, tuple | list) or len(group) != 2:
        raise DataError('a group is a variable and one of its levels, such as ("gender", "Female")')
    variable, level = group
    audited = study.split.audited
    codes, levels = levels_of(study, variable, audited)
    if str(level) not in levels:
        every = np.array(levels, dtype=object)[codes]
        raise DataError(
            f"no audited encounter has that level of {variable!r}{levels_there(str(level), every)}; "
            "give a level as the cohort records it"
        )
    members: Rows = audited[codes == levels.index(str(level))]
    return members


def levels_of(study: Study, variable: str, rows: Rows) -> tuple[Rows, tuple[str, ...]]:
    """Return the code of the level of each row, and the level of each code as text, a missing one as one of them."""
    if not isinstance(variable, str):
        raise DataError(f"name a recorded category, as text, not {in_words(variable)}")
    if not (spec := study.cohort.schema.feature(variable)).is_category:
        raise DataError(f"{variable!r} is {spec.in_words}; name a category, or band it first")
    return level_codes(study.cohort.frame[variable].iloc[rows])
