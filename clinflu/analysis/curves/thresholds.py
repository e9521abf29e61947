"""Choosing a threshold: what alerting from each of several risks costs and finds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.analysis.curves.confusion import Confusion
from clinflu.analysis.curves.decision import net_benefit
from clinflu.analysis.curves.intervals import LEVEL, Estimate, share
from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.data.arrays import Vector
from clinflu.data.asking import check_number
from clinflu.errors import DataError


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What alerting from one threshold up does.

    Parameters
    ----------
    threshold : float
    alerts, true_alerts : int
        Encounters.
    alert_rate, sensitivity, specificity, ppv, npv : Estimate
        Shares of 1 with Wilson's interval, its counts divided by the design effect of the patients.
    needed_to_evaluate : Estimate
        Alerts looked at per event found, 1 / PPV.
    net_benefit : float
        Net true alerts per encounter at this threshold; NaN for a score, which is no risk.
    """

    threshold: float
    alerts: int
    true_alerts: int
    alert_rate: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    needed_to_evaluate: Estimate
    net_benefit: float

    @property
    def alerts_per_100(self) -> float:
        """Alerts per 100 encounters."""
        return 100.0 * self.alert_rate.value

    def as_record(self) -> dict[str, float]:
        """Return it as a row of a table; intervals as ``_low`` and ``_high``."""
        estimates = ("alert_rate", "sensitivity", "specificity", "ppv", "npv", "needed_to_evaluate")
        named = [getattr(self, name).named(name) for name in estimates]
        record = {name: getattr(self, name) for name in ("threshold", "alerts", "true_alerts", "alerts_per_100")}
        for one in named:
            record |= one
        return record | {"net_benefit": self.net_benefit, "net_benefit_per_1000": 1000.0 * self.net_benefit}


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """Rows by threshold, rising."""

    rows: tuple[ThresholdRow, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a threshold."""
        return pd.DataFrame([one.as_record() for one in self.rows])

    @cached_property
    def _alert_rates(self) -> Vector:
        return np.array([one.alert_rate.value for one in self.rows])

    @cached_property
    def _sensitivities(self) -> Vector:
        return np.array([one.sensitivity.value for one in self.rows])

    def threshold_for(self, *, capacity: float | None = None, sensitivity: float | None = None) -> ThresholdRow:
        """Return the threshold of the table that keeps within a capacity, or that finds enough.

        Parameters
        ----------
        capacity : float, optional
            Share of encounters that can be alerted at most: the lowest threshold that keeps to it.
        sensitivity : float, optional
            Share of events that must be found: the highest threshold that finds them.

        Raises
        ------
        DataError
            Not one of the two is given, it is no share, or no threshold of the table does it.
        """
        if (capacity is None) == (sensitivity is None):
            raise DataError("give either a capacity, the largest alert rate, or the least sensitivity")
        if capacity is not None:
            fits = np.flatnonzero(self._alert_rates <= _share(capacity, "the capacity"))
            wanted = "alerts so few; give a larger capacity, or a table that goes to higher thresholds"
        else:
            fits = np.flatnonzero(self._sensitivities >= _share(sensitivity, "the sensitivity"))
            wanted = "finds so many; give a smaller sensitivity, or a table that begins at lower thresholds"
        if not len(fits):
            raise DataError(f"no threshold of the table {wanted}")
        return self.rows[int(fits[0] if capacity is not None else fits[-1])]


def threshold_table(sample: Sample, predictor: Predictor, thresholds: Vector, level: float = LEVEL) -> ThresholdTable:
    """Return what alerting from each threshold up does.

    Parameters
    ----------
    sample : Sample
    predictor : Predictor
        A risk, or a score with thresholds in points.
    thresholds : (k,)
    level : float
        Coverage of the intervals.

    Raises
    ------
    DataError
        The predictor is not known for every encounter, or a threshold of a risk lies outside (0, 1).
    """
    cuts = np.unique(np.asarray(thresholds, dtype=float))
    if predictor.is_risk and not np.all((cuts > 0) & (cuts < 1)):
        raise DataError("a threshold of a risk lies between 0 and 1, such as 0.15")
    counted = Confusion.of(sample, predictor, cuts)
    worth = np.full(len(cuts), np.nan)
    if predictor.is_risk:
        worth = net_benefit(counted.true_alerts, counted.false_alerts, len(sample.y), cuts)
    return ThresholdTable(
        tuple(_row(sample, predictor, counted, at, float(worth[at]), level) for at in range(len(cuts)))
    )


def _row(sample: Sample, predictor: Predictor, counted: Confusion, at: int, worth: float, level: float) -> ThresholdRow:
    alert = (predictor.values >= counted.cuts[at]).astype(float)
    y, quiet, other = sample.y, 1.0 - alert, 1.0 - sample.y
    ppv = share(alert * y, alert, sample, level)
    return ThresholdRow(
        threshold=float(counted.cuts[at]),
        alerts=int(counted.alerts[at]),
        true_alerts=int(counted.true_alerts[at]),
        alert_rate=share(alert, np.ones(len(y)), sample, level),
        sensitivity=share(alert * y, y, sample, level),
        specificity=share(quiet * other, other, sample, level),
        ppv=ppv,
        npv=share(quiet * other, quiet, sample, level),
        needed_to_evaluate=Estimate(_inverse(ppv.value), _inverse(ppv.high), _inverse(ppv.low)),
        net_benefit=worth,
    )


def _inverse(value: float) -> float:
    return 1.0 / value if value > 0 else np.nan


def _share(value: float | None, what: str) -> float:
    number = check_number(value, f"{what}, a share such as 0.1,")
    if not 0 <= number <= 1:
        raise DataError(f"{what} is a share between 0 and 1, not {number:g}")
    return number
