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
    near = _nearest(study.margins[order], study.margins[rows], _own_places(study, order, rows))
    counts = near.left - near.first + near.last - near.right
    events = np.append(0.0, np.cumsum(study.design.y[order]))
    with_event = events[near.left] - events[near.first] + events[near.last] - events[near.right]
    rates = np.divide(with_event, counts, out=np.full(len(rows), np.nan), where=counts > 0)
    happened = np.where(study.design.y[rows] == 1, rates, 1.0 - rates)
    surprising = (happened < SURPRISING_BELOW) & (counts >= FEWEST)
    return Similar(counts, rates, surprising, _outside_wilson(study.risks[rows], rates, counts))


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Of each row the places first to left and right to last, (k,), in the sorted margins: its own is not there."""

    first: Rows
    left: Rows
    right: Rows
    last: Rows


def _outside_wilson(risks: Vector, rates: Vector, counts: Rows) -> Flags:
    """Whether a risk is outside the Wilson (1927) interval of a rate: whether its score test rejects at 5 %."""
    z = float(ndtri(0.975))
    outside: Flags = np.abs(rates - risks) > z * np.sqrt(risks * (1.0 - risks) / np.maximum(counts, 1))
    return outside


def _own_places(study: Study, order: Rows, rows: Rows) -> Rows:
    """Return where rows stand in an order of others, (k,); -1 where they do not."""
    places = np.full(len(study.margins), -1, dtype=np.intp)
    places[order] = np.arange(len(order))
    found: Rows = places[rows]
    return found


def _nearest(margins: Vector, asked: Vector, own: Rows) -> _Near:
    """Find the nearest margins of each that is asked for: those within reach, but neither too many nor too few."""
    place = np.searchsorted(margins, asked)
    left, right = np.where(own < 0, place, own), np.where(own < 0, place, own + 1)
    first, last = _closest(margins, asked, left, right, MOST)
    first = np.maximum(first, np.minimum(left, np.searchsorted(margins, asked - REACH)))
    last = np.minimum(last, np.maximum(right, np.searchsorted(margins, asked + REACH, side="right")))
    few = left - first + last - right < FEWEST
    if few.any():
        first[few], last[few] = _closest(margins, asked[few], left[few], right[few], FEWEST)
    return _Near(first, left, right, last)


def _closest(margins: Vector, asked: Vector, left: Rows, right: Rows, most: int) -> tuple[Rows, Rows]:
    """Return where the closest margins on both sides begin and end, by bisection; of a tie, the lower one is nearer."""
    beyond = len(margins) - right
    count = np.minimum(most, left + beyond)
    low, high = np.maximum(0, count - beyond), np.minimum(count, left)
    while np.any(low < high):
        taken = (low + high) // 2  # of the left side
        lower = margins[np.maximum(left - 1 - taken, 0)]
        upper = margins[np.minimum(right + count - taken - 1, len(margins) - 1)]
        more = (low < high) & (asked - lower <= upper - asked)
        low, high = np.where(more, taken + 1, low), np.where(more | (low == high), high, taken)
    return left - low, right + count - low
