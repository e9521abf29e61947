"""Predictions that turned out wrong, relative to an alert threshold, worst first."""

import numpy as np
import pandas as pd

from clinflu.analysis.similar import similar_encounters
from clinflu.data.arrays import Vector
from clinflu.data.asking import check_number
from clinflu.errors import DataError
from clinflu.model.logistic import row_loss
from clinflu.study import Study

MISSED = "missed"
FALSE_ALARM = "false alarm"
RIGHT = "right"
SURPRISING = "surprising"
EXPECTED = "expected at this risk"


def kinds(risks: Vector, outcomes: Vector, threshold: float) -> "np.ndarray":
    """Return, for each prediction, whether it was right, missed the event or raised a false alarm."""
    alert = risks >= threshold
    return np.where(alert == (outcomes == 1), RIGHT, np.where(alert, FALSE_ALARM, MISSED))


def check_threshold(threshold: float) -> float:
    """Return the threshold, or raise DataError where it is no risk."""
    risk = check_number(threshold, "an alert threshold, a risk between 0 and 1 such as 0.15,")
    if not 0 < risk < 1:
        raise DataError(f"an alert threshold of {risk:g} is no risk; give a number between 0 and 1, such as 0.15")
    return risk


def mistakes(study: Study, threshold: float | None = None) -> pd.DataFrame:
    """Return the audited predictions that turned out wrong, worst first.

    Parameters
    ----------
    study : Study
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.

    Returns
    -------
    DataFrame
        Index: encounter id. ``kind`` is "missed" (an event below the threshold) or "false alarm"; ``risk`` and
        ``threshold`` are shares of 1; ``loss`` is -log of the probability given to what happened, in nats, and
        orders the rows; ``similar_encounters`` audited encounters at the nearest risks had the event at
        ``similar_event_rate``; ``verdict`` says whether what happened is surprising (under 5 % of those) or
        expected at this risk.
    """
    limit = study.threshold if threshold is None else check_threshold(threshold)
    rows = study.split.audited
    kind = kinds(study.risks[rows], study.design.y[rows], limit)
    wrong, kind = rows[kind != RIGHT], kind[kind != RIGHT]
    similar = similar_encounters(study, wrong)
    frame = pd.DataFrame(
        {
            "kind": kind,
            "risk": study.risks[wrong],
            "threshold": limit,
            "outcome": study.design.y[wrong].astype(int),
            "loss": row_loss(study.margins[wrong], study.design.y[wrong]),
            "similar_encounters": similar.count,
            "similar_event_rate": similar.event_rate,
            "verdict": np.where(similar.surprising, SURPRISING, EXPECTED),
        },
        index=study.design.encounter_ids[wrong].rename("encounter_id"),
    )
    return frame.sort_values("loss", ascending=False, kind="stable")
