"""What a refit changes for a group of audited encounters, counted."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.what_if import Refit
from clinflu.data.arrays import Rows
from clinflu.data.shown import shown
from clinflu.model.logistic import risk, row_loss

NOTICEABLE_LOSS = 1e-4  # nats
FEWEST_JUDGED = 30
WORSE, BETTER, ALIKE = "worse", "better", "about the same"


def direction(change: float) -> str:
    """Return whether a change of loss, nats, is noticeably worse or better; under 0.0001 it is neither."""
    if change > NOTICEABLE_LOSS:
        return WORSE
    return BETTER if change < -NOTICEABLE_LOSS else ALIKE


@dataclass(frozen=True, slots=True)
class Group:
    """A group of audited encounters before and after a refit.

    Parameters
    ----------
    label : str
    encounters : int
    event_rate, mean_before, mean_after : float
        What happened, and the mean predicted risks; shares of 1.
    alerts_before, alerts_after : int
        At the threshold.
    worse, better : int
        How many are predicted noticeably worse and better after the refit, by the loss of what happened.
    """

    label: str
    encounters: int
    event_rate: float
    mean_before: float
    mean_after: float
    alerts_before: int
    alerts_after: int
    worse: int
    better: int


def everyone(refit: Refit, threshold: float) -> Group:
    """Return all audited encounters."""
    return _group(refit, threshold, refit.study.split.audited, "Everyone")


def own_group(refit: Refit, threshold: float, variable: str, encounter_id: str) -> Group:
    """Return the audited encounters that share the encounter's level of a recorded category."""
    study = refit.study
    spec, audited = study.cohort.schema.feature(variable), study.split.audited
    levels = study.cohort.frame[variable]
    mine, among = levels.iloc[study.row(encounter_id)], levels.iloc[audited]
    alike = among.isna() if pd.isna(mine) else among == mine
    return _group(
        refit, threshold, audited[alike.to_numpy(dtype=bool, na_value=False)], f"{spec.label} {shown(spec, mine)}"
    )


def _group(refit: Refit, threshold: float, rows: Rows, label: str) -> Group:
    study = refit.study
    y, before, after = study.design.y[rows], study.margins[rows], refit.margins_after[rows]
    change = row_loss(after, y) - row_loss(before, y)
    risks = risk(before), risk(after)
    event_rate, mean_before, mean_after = (float(one.mean()) if len(rows) else np.nan for one in (y, *risks))
    alerts_before, alerts_after = (int((one >= threshold).sum()) for one in risks)
    return Group(
        label=label,
        encounters=len(rows),
        event_rate=event_rate,
        mean_before=mean_before,
        mean_after=mean_after,
        alerts_before=alerts_before,
        alerts_after=alerts_after,
        worse=int((change > NOTICEABLE_LOSS).sum()),
        better=int((change < -NOTICEABLE_LOSS).sum()),
    )
