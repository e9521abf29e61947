"""What a predictor does at each of several thresholds: what ROC, precision-recall and decision curves are made of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clinflu.analysis.curves.predictors import Judgement, Predictor
from clinflu.data.arrays import Vector
from clinflu.data.asking import check_number
from clinflu.errors import DataError
from clinflu.influence.interval import jackknife_variance

REACH = float(ndtri(0.975))


@dataclass(frozen=True, eq=False)
class Operating:
    """A predictor at its thresholds, in rising order.

    Parameters
    ----------
    predictor : Predictor
    cuts : (k,)
        On the scale by which it orders; an alert is a value at or above.
    thresholds : (k,)
        The risks that belong to them.
    table : DataFrame
        One row a cut: counts, sensitivity, specificity, predictive values, alert rate, alerts for each true one, net
        benefit with its interval by patient, and that of alerting to all.
    """

    predictor: Predictor
    cuts: Vector
    thresholds: Vector
    table: pd.DataFrame

    def threshold_for(self, *, alert_rate: float | None = None, sensitivity: float | None = None) -> float:
        """Return the threshold that alerts to at most a share of encounters, or finds at least a share of the events.

        Raises
        ------
        DataError
            Neither or both were given, or no threshold here does it.
        """
        if (alert_rate is None) == (sensitivity is None):
            raise DataError("give an alert rate that can be handled, or the share of events to be found")
        if alert_rate is not None:
            fits = self.table["alert_rate"].to_numpy() <= check_number(alert_rate, "the alert rate")
            place = int(np.argmax(fits))
        else:
            wanted = check_number(sensitivity, "the share of events to be found")
            fits = self.table["sensitivity"].to_numpy() >= wanted
            place = len(fits) - 1 - int(np.argmax(fits[::-1]))
        if not fits.any():
            raise DataError("no threshold that is looked at does that; ask for less")
        return float(self.thresholds[place])


def operating(judged: Judgement, predictor: Predictor, cuts: Vector) -> Operating:
    """Return what a predictor does at each cut.

    References
    ----------
    Vickers, van Calster & Steyerberg (2019), doi:10.1186/s41512-019-0064-7, for net benefit.
    """
    thresholds = np.array([float(predictor.risk[predictor.value >= cut].min(initial=1.0)) for cut in cuts])
    rows = [_row(judged, predictor, cut, at) for cut, at in zip(cuts, thresholds, strict=True)]
    return Operating(predictor, np.asarray(cuts), thresholds, pd.DataFrame(rows, columns=list(COLUMNS)))


COLUMNS = (
    *("threshold", "cut", "alerts", "true_alerts", "alert_rate", "sensitivity", "specificity", "ppv", "npv"),
    *("alerts_per_event", "net_benefit", "net_benefit_low", "net_benefit_high", "net_benefit_all"),
)


def _row(judged: Judgement, predictor: Predictor, cut: float, threshold: float) -> dict[str, float]:
    y, alert = judged.y, predictor.value >= cut
    n, events, alerts = len(y), float(y.sum()), float(alert.sum())
    true = float(y[alert].sum())
    odds = threshold / (1.0 - threshold) if threshold < 1.0 else np.inf
    gain = np.where(alert, np.where(y == 1, 1.0, -odds), 0.0)
    benefit = float(gain.mean())
    error = REACH * float(np.sqrt(jackknife_variance((gain - benefit) / n, judged.patients)))
    quiet = n - alerts
    return {
        "threshold": threshold,
        "cut": cut,
        "alerts": alerts,
        "true_alerts": true,
        "alert_rate": alerts / n,
        "sensitivity": true / events if events else np.nan,
        "specificity": 1.0 - (alerts - true) / (n - events) if n > events else np.nan,
        "ppv": true / alerts if alerts else np.nan,
        "npv": (quiet - events + true) / quiet if quiet else np.nan,
        "alerts_per_event": alerts / true if true else np.nan,
        "net_benefit": benefit,
        "net_benefit_low": benefit - error,
        "net_benefit_high": benefit + error,
        "net_benefit_all": events / n - (1.0 - events / n) * odds,
    }
