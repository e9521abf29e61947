"""How well predictors order patients, and how much better the model does."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clinflu.analysis.curves.predictors import Judgement, Predictor
from clinflu.analysis.linearised import placements
from clinflu.data.arrays import Vector
from clinflu.influence.interval import jackknife_variance

REACH = float(ndtri(0.975))


@dataclass(frozen=True, slots=True)
class Ordering:
    """A predictor's AUROC with its interval by patient, and the model's minus it.

    Parameters
    ----------
    key, label : str
    auroc, low, high : float
    average_precision : float
        Mean precision over the events; the event rate is what chance gives.
    gap, gap_low, gap_high : float
        The model's AUROC minus this one, paired; NaN of the model itself.
    """

    key: str
    label: str
    auroc: float
    low: float
    high: float
    average_precision: float
    gap: float = np.nan
    gap_low: float = np.nan
    gap_high: float = np.nan


def orderings(judged: Judgement) -> tuple[Ordering, ...]:
    """Return every predictor's ordering, the model's first; none without both outcomes."""
    if judged.y.min() == judged.y.max():
        return ()
    return tuple(_ordering(judged, one) for one in judged.predictors)


def _ordering(judged: Judgement, predictor: Predictor) -> Ordering:
    from sklearn.metrics import average_precision_score

    event = judged.y == 1
    value, mine = placements(predictor.value, event)
    reach = _reach(mine, judged)
    ordered = value, max(0.0, value - reach), min(1.0, value + reach)
    found = predictor.key, predictor.label, *ordered, float(average_precision_score(judged.y, predictor.value))
    if predictor is judged.model:
        return Ordering(*found)
    model_value, model = placements(judged.model.value, event)
    gap, spread = model_value - value, _reach(model - mine, judged)
    return Ordering(*found, gap, gap - spread, gap + spread)


def _reach(per_encounter: Vector, judged: Judgement) -> float:
    return REACH * float(np.sqrt(jackknife_variance(per_encounter, judged.patients)))
