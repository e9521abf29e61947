"""How often patients at the same risk had the outcome: whether a miss is surprising, or expected."""

from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.study import Study

SIMILAR_PATIENTS = 500
SMALLEST_SHARE = 10
SURPRISING_BELOW = 0.05


@dataclass(frozen=True, slots=True)
class Similar:
    """Audited encounters closest in predicted risk, for each of several encounters.

    Parameters
    ----------
    count : int
        How many were looked at: 500, or a tenth of the audited encounters if that is less.
    event_rate : (k,)
        Share of them that had the outcome.
    surprising : (k,) bool
        Whether fewer than 5 % of them had the outcome that this encounter had.
    """

    count: int
    event_rate: Vector
    surprising: Flags


def similar_encounters(study: Study, rows: Rows) -> Similar:
    """Compare encounters with the audited ones closest in predicted risk, themselves left out.

    Parameters
    ----------
    study : Study
    rows : (k,)
        Row numbers of the cohort.
    """
    audited = study.split.audited
    count = min(SIMILAR_PATIENTS, max(1, len(audited) // SMALLEST_SHARE), len(audited) - 1)
    order = audited[np.argsort(study.margins[audited], kind="stable")]
    margins, outcomes = study.margins[order], study.design.y[order]
    rates = np.array([_rate(margins, outcomes, order, int(row), study.margins[row], count) for row in rows])
    happened = np.where(study.design.y[rows] == 1, rates, 1.0 - rates)
    return Similar(count, rates, happened < SURPRISING_BELOW)


def _rate(margins: Vector, outcomes: Vector, order: Rows, row: int, margin: float, count: int) -> float:
    """Return the event rate of the ``count`` sorted rows nearest to a margin, without the row itself."""
    place = int(np.searchsorted(margins, margin))
    window = np.arange(max(0, place - count - 1), min(len(margins), place + count + 1))
    window = window[order[window] != row]
    nearest = window[np.argsort(np.abs(margins[window] - margin), kind="stable")[:count]]
    return float(outcomes[nearest].mean())
