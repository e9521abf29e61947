"""Metrics that move in steps, smoothed so that they have a slope: the AUROC and the false-negative rate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import OneClassError
from clinflu.influence.functional import MarginFunctional, require_both_outcomes
from clinflu.model.logistic import risk
from clinflu.model.metrics import auroc

BANDWIDTH_PER_SD = 0.1
LARGEST_EXPONENT = 300.0
PAIRS_AT_ONCE = 250_000


@dataclass(frozen=True, eq=False)
class SmoothAuroc(MarginFunctional):
    r"""AUROC with its steps smoothed: the mean of sigmoid((m_i - m_j) / h) over pairs of an event i and a non-event j.

    Parameters
    ----------
    x, y
        As in :class:`MarginFunctional`.
    bandwidth : float
        h, log-odds; held while theta moves. As h falls the value tends to the AUROC, and its slope to noise.
    """

    bandwidth: float

    def at(self, margins: Vector) -> float:
        """Return the smoothed AUROC; raises OneClassError where all outcomes are the same."""
        total = sum(float(p.sum()) for _, p in self._pairs(margins))
        return total / self._count()

    def slope(self, margins: Vector) -> Vector:
        """Return its derivative with respect to each margin, block by block over the pairs."""
        slope = np.zeros(len(margins))
        for rows, p in self._pairs(margins):
            steep = p * (1.0 - p)
            slope[rows] = steep.sum(axis=1)
            slope[self.y == 0] -= steep.sum(axis=0)
        return slope / (self.bandwidth * self._count())

    def exact_at(self, margins: Vector) -> float:
        """Return the AUROC; ties count half."""
        require_both_outcomes(self.y)
        return auroc(self.y, margins)

    def _count(self) -> float:
        return float((self.y == 1).sum()) * float((self.y == 0).sum())

    def _pairs(self, margins: Vector) -> Iterator[tuple[Rows, Matrix]]:
        """Give blocks of events, by their positions, and sigmoid((m_i - m_j) / h) against every non-event."""
        require_both_outcomes(self.y)
        events, others = np.flatnonzero(self.y == 1), np.flatnonzero(self.y == 0)
        scaled = (margins - 0.5 * (margins.min() + margins.max())) / self.bandwidth
        size = max(1, PAIRS_AT_ONCE // len(others))
        for start in range(0, len(events), size):
            rows = events[start : start + size]
            yield rows, _sigmoid_of_differences(scaled[rows], scaled[others])


@dataclass(frozen=True, eq=False)
class SmoothFalseNegativeRate(MarginFunctional):
    """Share of the events that get no alert, its step smoothed: the mean of sigmoid((tau - m) / h) over the events.

    Parameters
    ----------
    x, y
        As in :class:`MarginFunctional`.
    threshold : float
        Risk from which the model alerts; tau is its log-odds.
    bandwidth : float
        h, log-odds; held while theta moves.
    """

    threshold: float
    bandwidth: float

    def at(self, margins: Vector) -> float:
        """Return the smoothed rate; raises OneClassError where there is no event."""
        return float(self._silent(margins).mean())

    def slope(self, margins: Vector) -> Vector:
        """Return its derivative with respect to each margin; 0 where there was no event."""
        slope = np.zeros(len(margins))
        p = self._silent(margins)
        slope[self.y == 1] = -p * (1.0 - p) / (self.bandwidth * len(p))
        return slope

    def exact_at(self, margins: Vector) -> float:
        """Return the share of the events whose risk is below the threshold."""
        return float((risk(self._of_events(margins)) < self.threshold).mean())

    def _silent(self, margins: Vector) -> Vector:
        p: Vector = expit((logit(self.threshold) - self._of_events(margins)) / self.bandwidth)
        return p

    def _of_events(self, margins: Vector) -> Vector:
        if not (self.y == 1).any():
            raise OneClassError(
                "none of these encounters had the event, so none could be missed; choose a larger group"
            )
        events: Vector = margins[self.y == 1]
        return events


def default_bandwidth(margins: Vector) -> float:
    """Return a tenth of the standard deviation of the margins; 1 where they do not vary."""
    spread = float(np.std(margins))
    return BANDWIDTH_PER_SD * spread if spread > 0 else 1.0


def _sigmoid_of_differences(first: Vector, second: Vector) -> Matrix:
    """Return sigmoid(first_i - second_j); where safe as 1 / (1 + exp(-first_i) exp(second_j))."""
    if max(np.abs(first).max(), np.abs(second).max()) > LARGEST_EXPONENT:
        pairs: Matrix = expit(first[:, None] - second)
        return pairs
    pairs = np.outer(np.exp(-first), np.exp(second))
    pairs += 1.0
    return np.reciprocal(pairs, out=pairs)
