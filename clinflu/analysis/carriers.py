"""Which recorded features of a past patient carry the influence on a prediction."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Vector
from clinflu.influence.decomposition import column_sums
from clinflu.study import Study

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Carrier:
    """One recorded variable of a past patient and its share of the margin change without that patient.

    ``share`` is of the whole change; shares can exceed 1 or be negative where variables work against each other.
    """

    variable: str
    label: str
    recorded: object
    unit: str | None
    log_odds: float
    share: float


def carriers(
    study: Study, position: int, inverse_hvp: Vector, k: int = SHOWN, recorded: pd.Series | None = None
) -> tuple[Carrier, ...]:
    """Return the k recorded variables that carry most of a removal effect, largest first.

    Parameters
    ----------
    study : Study
    position : int
        Of the past patient among the training rows.
    inverse_hvp : (p,)
        H^-1 times the audited row.
    k : int
        How many variables; the intercept, which is nobody's record, is left out.
    recorded : Series, optional
        The past patient's row of the cohort, where it was looked up already.
    """
    design = study.design
    sums = column_sums(study.train, position, inverse_hvp, centred=design.has_intercept)
    total = float(sums.sum())
    folded = design.fold(sums)
    recorded = study.train_frame.iloc[position] if recorded is None else recorded
    names = study.cohort.schema.feature_names
    order = [place for place in np.argsort(-np.abs(folded), kind="stable") if design.variable_names[place] in names]
    return tuple(
        Carrier(
            variable=(spec := study.cohort.schema.feature(design.variable_names[place])).name,
            label=spec.label,
            recorded=recorded[spec.name],
            unit=spec.unit,
            log_odds=float(folded[place]),
            share=float(folded[place]) / total if total else 0.0,
        )
        for place in order[:k]
    )
