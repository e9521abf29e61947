"""What alerting from each of several cuts would have done."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.data.arrays import Vector
from clinflu.errors import DataError


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts at each cut, an alert being a value of the cut or more.

    Parameters
    ----------
    cuts : (k,)
    true_alerts, false_alerts, missed, quiet : (k,)
        Encounters: TP, FP, FN and TN.
    """

    cuts: Vector
    true_alerts: Vector
    false_alerts: Vector
    missed: Vector
    quiet: Vector

    @classmethod
    def of(cls, sample: Sample, predictor: Predictor, cuts: Vector) -> "Confusion":
        """Count; the cuts in any order."""
        cuts = np.asarray(cuts, dtype=float)
        if cuts.ndim != 1 or not np.isfinite(cuts).all():
            raise DataError("cuts are a list of finite numbers")
        predictor.check(sample)
        events, others = (np.sort(predictor.values[mask]) for mask in (sample.event, ~sample.event))
        missed, quiet = (np.searchsorted(one, cuts, side="left").astype(float) for one in (events, others))
        return cls(cuts, len(events) - missed, len(others) - quiet, missed, quiet)

    @property
    def alerts(self) -> Vector:
        """Alerts, (k,)."""
        return self.true_alerts + self.false_alerts

    @property
    def rates(self) -> dict[str, Vector]:
        """Return by name the shares of 1; NaN where there is nothing to count."""
        silent = self.missed + self.quiet
        events, others = self.true_alerts + self.missed, self.false_alerts + self.quiet
        with np.errstate(invalid="ignore"):
            return {
                "sensitivity": self.true_alerts / events,
                "specificity": self.quiet / others,
                "false_positive_rate": self.false_alerts / others,
                "ppv": self.true_alerts / self.alerts,
                "npv": self.quiet / silent,
                "alert_rate": self.alerts / (events + others),
            }
