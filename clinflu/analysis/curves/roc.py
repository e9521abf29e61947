"""ROC and precision-recall of a predictor at given cuts, and how much better one tells events apart than another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.curves.confusion import Confusion
from clinflu.analysis.curves.intervals import LEVEL, Difference, Estimate, around, difference, error
from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.analysis.linearised import placements
from clinflu.data.arrays import Vector


@dataclass(frozen=True, eq=False)
class Roc:
    """How well a predictor tells encounters with the event from those without.

    Parameters
    ----------
    predictor : Predictor
    points : Confusion
        At the cuts; both curves go through them.
    event_rate : float
        Precision of alerting at random.
    auroc, average_precision : Estimate
        Of all values, not of the cuts alone; intervals are of sampling other patients to audit.
    """

    predictor: Predictor
    points: Confusion
    event_rate: float
    auroc: Estimate
    average_precision: Estimate

    def to_frame(self) -> pd.DataFrame:
        """Return one row a cut, rising: ``predictor``, ``label``, ``threshold`` and the rates as shares of 1."""
        named = {"predictor": self.predictor.key, "label": self.predictor.label, "threshold": self.points.cuts}
        return pd.DataFrame(named | self.points.rates).sort_values("threshold", ignore_index=True)


def roc(sample: Sample, predictor: Predictor, cuts: Vector, level: float = LEVEL) -> Roc:
    """Return both curves at some cuts, and the areas under them.

    Parameters
    ----------
    sample : Sample
    predictor : Predictor
        A risk or a score.
    cuts : (k,)
        Of the predictor, as :func:`clinflu.analysis.curves.risk_cuts` gives them.
    level : float
        Coverage that the intervals aim at.

    Raises
    ------
    DataError
        The predictor is not known for every encounter.
    """
    points = Confusion.of(sample, predictor, cuts)
    areas = [_area(value, terms, sample, level) for value, terms in (_auroc(sample, predictor), _ap(sample, predictor))]
    return Roc(predictor, points, float(sample.y.mean()), *areas)


def auroc_difference(sample: Sample, first: Predictor, second: Predictor, level: float = LEVEL) -> Difference:
    """Return the AUROC of one predictor minus that of another, paired by encounter and clustered by patient.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595; by cluster: Obuchowski (1997), doi:10.2307/2533958.
    """
    for one in (first, second):
        one.check(sample)
    (value, terms), (other, other_terms) = _auroc(sample, first), _auroc(sample, second)
    return difference((first.label, second.label), value - other, terms - other_terms, sample, level)


def _area(value: float, terms: Vector, sample: Sample, level: float) -> Estimate:
    return around(value, error(terms, sample), sample, "share", level)


def _auroc(sample: Sample, predictor: Predictor) -> tuple[float, Vector]:
    return placements(predictor.values, sample.event)


def _ap(sample: Sample, predictor: Predictor) -> tuple[float, Vector]:
    r"""Return the average precision and its derivative in the weight of each encounter.

    .. math:: AP = \frac1E \sum_{i: y_i = 1} \frac{T_i}{N_i}

    E events; N_i encounters, T_i of them events, have at least the value of i.
    """
    _, place = np.unique(predictor.values, return_inverse=True)
    events, everyone = np.bincount(place, weights=sample.y), np.bincount(place)
    found, alerts = (np.cumsum(one[::-1])[::-1].astype(float) for one in (events, everyone))
    total, precision = events.sum(), found / alerts
    value = float(events @ precision / total)
    gained, lost = np.cumsum(events / alerts), np.cumsum(events * precision / alerts)
    terms = sample.y * (precision[place] - value + gained[place]) - lost[place]
    return value, np.asarray(terms / total)
