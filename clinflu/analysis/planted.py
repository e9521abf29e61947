"""Wrong predictions whose cause a simulator planted, so that the true answer is known."""

import numpy as np
import pandas as pd

from clinflu.analysis.mistakes import mistakes
from clinflu.data.places import is_among, places_of
from clinflu.study import Study


def planted_mistakes(study: Study, threshold: float | None = None) -> pd.DataFrame:
    """Return the mistakes among encounters that a planted cause distorts but did not alter.

    Parameters
    ----------
    study : Study
    threshold : float, optional
        As for ``mistakes``.

    Returns
    -------
    DataFrame
        As ``mistakes``, worst first, with the ``cause``; empty where the cohort is not simulated.
    """
    wrong = mistakes(study, threshold)
    rows = study.cohort.frame.iloc[places_of(study.design.encounter_ids, wrong.index)]
    found = []
    for cause in study.cohort.planted:
        affected = (rows[cause.variable] == cause.level).to_numpy(dtype=bool, na_value=False)
        found.append(wrong[affected & ~is_among(wrong.index, cause.responsible)].assign(cause=cause.name))
    if not found:
        return wrong.iloc[:0].assign(cause=np.array([], dtype=object))
    return pd.concat(found).sort_values("loss", ascending=False, kind="stable")
