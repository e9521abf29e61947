"""How often patients at the same risk had the outcome: whether a miss is surprising, or expected."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.study import Study

MOST = 500
FEWEST = 30
REACH = 0.25
SURPRISING_BELOW = 0.05


@dataclass(frozen=True, slots=True)
class Similar:
    """Audited encounters closest in predicted risk, for each of several encounters.

    Parameters
    ----------
    count : (k,) int
        How many were looked at: those within 0.25 in log-odds, at most the nearest 500 and at least the nearest 30.
    event_rate : (k,)
        Share of them that had the outcome.
    surprising : (k,) bool
        Whether fewer than 5 % of them had the outcome that this encounter had; never said of fewer than 30.
    rate_differs : (k,) bool
        Whether the predicted risk is outside the 95 % Wilson interval of the event rate.
    """

    count: Rows
    event_rate: Vector
    surprising: Flags
    rate_differs: Flags


def similar_encounters(study: Study, rows: Rows) -> Similar:
    """Compare encounters with the audited ones closest in predicted risk, themselves left out.

    Parameters
    ----------
    study : Study
    rows : (k,)
        Row numbers of the cohort.
    """
    order = study.audited_by_margin
    margins, outcomes = study.margins[order], study.design.y[order]
    found = [_nearest(margins, order, int(row), float(study.margins[row])) for row in rows]
    rates = np.array([outcomes[places].mean() if len(places) else np.nan for places in found])
    counts = np.array([len(places) for places in found])
    happened = np.where(study.design.y[rows] == 1, rates, 1.0 - rates)
    surprising = (happened < SURPRISING_BELOW) & (counts >= FEWEST)
    return Similar(counts, rates, surprising, _outside_wilson(study.risks[rows], rates, counts))


def _outside_wilson(risks: Vector, rates: Vector, counts: Rows) -> Flags:
    """Whether a risk is outside the Wilson (1927) interval of a rate: whether its score test rejects at 5 %."""
    z = float(ndtri(0.975))
    outside: Flags = np.abs(rates - risks) > z * np.sqrt(risks * (1.0 - risks) / np.maximum(counts, 1))
    return outside


def _nearest(margins: Vector, order: Rows, row: int, margin: float) -> Rows:
    """Return the places of the encounters nearest to a margin in the sorted margins, without the row itself."""
    place = int(np.searchsorted(margins, margin))
    window = np.arange(max(0, place - MOST - 1), min(len(margins), place + MOST + 1))
    window = window[order[window] != row]
    distance = np.abs(margins[window] - margin)
    nearest = np.argsort(distance, kind="stable")[:MOST]
    within = int((distance[nearest] <= REACH).sum())
    places: Rows = window[nearest[: max(within, FEWEST)]]
    return places
