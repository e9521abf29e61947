"""Metrics that move in steps, smoothed so that they have a slope: the AUROC and the false-negative rate."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from clinflu.data.arrays import Vector
from clinflu.errors import OneClassError
from clinflu.influence.functional import MarginFunctional, require_both_outcomes
from clinflu.influence.pair_sums import sigmoid_sum, slope_sums
from clinflu.model.logistic import risk
from clinflu.model.metrics import auroc

BANDWIDTH_PER_SD = 0.1


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
        events, others = self._sides(margins)
        return sigmoid_sum(events, others) / (len(events) * len(others))

    def slope(self, margins: Vector) -> Vector:
        """Return its derivative with respect to each margin."""
        events, others = self._sides(margins)
        slope = np.empty(len(margins))
        of_events, of_others = slope_sums(events, others)
        slope[self.y == 1], slope[self.y == 0] = of_events, -of_others
        return slope / (self.bandwidth * len(events) * len(others))

    def exact_at(self, margins: Vector) -> float:
        """Return the AUROC; ties count half."""
        require_both_outcomes(self.y)
        return auroc(self.y, margins)

    def _sides(self, margins: Vector) -> tuple[Vector, Vector]:
        """Return the margins of the events and of all others, over the bandwidth, about the middle of all."""
        require_both_outcomes(self.y)
        scaled = (margins - 0.5 * (margins.min() + margins.max())) / self.bandwidth
        return scaled[self.y == 1], scaled[self.y == 0]


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
