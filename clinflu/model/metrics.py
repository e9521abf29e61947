"""How well predicted risks fit what happened: discrimination, calibration and overall error of some encounters."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from clinflu.data.arrays import Vector
from clinflu.errors import FitError
from clinflu.model.logistic import risk, row_loss
from clinflu.model.newton import fit_logistic

BEYOND_DOUBT = 40.0
SMALLEST_RISK = float(np.finfo(float).tiny)
LARGEST_RISK = 1.0 - float(np.finfo(float).epsneg)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of predicted risks; NaN where one is not defined, as an AUROC without an event.

    Parameters
    ----------
    n, events : int
        Encounters, and how many of them had the event; counted without weights, those of weight 0 not at all.
    auroc : float
        Share of (event, no event) pairs that the risks put in order; ties count half.
    brier : float
        Mean squared difference between risk and outcome.
    log_loss : float
        Mean of -y log p - (1 - y) log(1 - p), nats.
    calibration_intercept : float
        Calibration-in-the-large: a of logit P(event) = a + logit p, the slope held at 1. 0 is ideal; above 0 the
        risks are too low on the whole.
    calibration_slope : float
        b of logit P(event) = a + b logit p by maximum likelihood. 1 is ideal; below 1 the risks are too extreme. NaN
        where the risks are all the same or separate the outcomes perfectly.
    mean_risk, event_rate : float
        Shares of 1.

    References
    ----------
    Cox (1958) for the recalibration; Van Calster et al. (2019), doi:10.1186/s12916-019-1466-7, for the terms.
    """

    n: int
    events: int
    auroc: float
    brier: float
    log_loss: float
    calibration_intercept: float
    calibration_slope: float
    mean_risk: float
    event_rate: float


MEASURES = tuple(name for name in Metrics.__dataclass_fields__ if name not in ("n", "events"))


def metrics(y: Vector, p: Vector, weights: Vector | None = None) -> Metrics:
    """Return the metrics of predicted risks; a risk of exactly 0 or 1 counts as the nearest float64 between them.

    Parameters
    ----------
    y : (n,)
        Outcomes, 0 or 1.
    p : (n,)
        Predicted risks, shares of 1.
    weights : (n,), optional
        Weight of each encounter, 0 or more.

    Raises
    ------
    ValueError
        The lengths differ, or an outcome, a risk or a weight is none.
    """
    p = np.asarray(p, dtype=float)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("a predicted risk lies between 0 and 1")
    return metrics_at(y, logit(p.clip(SMALLEST_RISK, LARGEST_RISK)), weights)


def metrics_at(y: Vector, margin: Vector, weights: Vector | None = None) -> Metrics:
    """Return the metrics of predictions given as margins, (n,), log-odds; see :func:`metrics`."""
    y, margin = np.asarray(y, dtype=float), np.asarray(margin, dtype=float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    if not y.shape == margin.shape == w.shape:
        raise ValueError(f"{len(y)} outcomes, {len(margin)} predictions and {len(w)} weights; give one of each")
    if not (np.isin(y, (0.0, 1.0)).all() and np.isfinite(margin).all() and np.isfinite(w).all() and np.all(w >= 0)):
        raise ValueError("an outcome is 0 or 1, a prediction finite and a weight 0 or more")
    y, margin, w = y[w > 0], margin[w > 0], w[w > 0]
    if not len(y):
        return Metrics(0, 0, *[np.nan] * len(MEASURES))
    p = risk(margin)
    return Metrics(
        n=len(y),
        events=int(y.sum()),
        auroc=auroc(y, margin, w),
        brier=float(np.average(np.square(y - p), weights=w)),
        log_loss=float(np.average(row_loss(margin, y), weights=w)),
        calibration_intercept=calibration_intercept(y, margin, w),
        calibration_slope=calibration_slope(y, margin, w),
        mean_risk=float(np.average(p, weights=w)),
        event_rate=float(np.average(y, weights=w)),
    )


def auroc(y: Vector, margin: Vector, weights: Vector | None = None) -> float:
    """Return the weighted share of (event, no event) pairs that the margins put in order; NaN without both."""
    if _one_outcome(y):
        return np.nan
    weights = np.ones(len(y)) if weights is None else weights
    _, place = np.unique(margin, return_inverse=True)
    of_events = np.bincount(place, weights=weights * y)
    of_others = np.bincount(place, weights=weights * (1.0 - y))
    below = np.cumsum(of_others) - of_others
    return float(of_events @ (below + 0.5 * of_others) / (of_events.sum() * of_others.sum()))


def calibration_intercept(y: Vector, margin: Vector, weights: Vector) -> float:
    r"""Return a of :math:`\sum_i w_i (y_i - \sigma(a + m_i)) = 0`; NaN unless both outcomes occur."""
    if _one_outcome(y):
        return np.nan

    sign = 2.0 * y - 1.0

    from scipy.optimize import brentq

    def excess(a: float) -> float:  # y - p, without the rounding of 1 - p where p is nearly 1
        return float(weights @ (sign * risk(-sign * (a + margin))))

    low, high = -margin.max() - BEYOND_DOUBT, -margin.min() + BEYOND_DOUBT
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14))


def calibration_slope(y: Vector, margin: Vector, weights: Vector) -> float:
    """Return b of the maximum likelihood fit logit P(event) = a + b margin; NaN where it has no finite value."""
    spread = float(margin.std())
    if _one_outcome(y) or not spread > 1e-12 * max(1.0, float(np.abs(margin).max())):
        return np.nan
    x = np.column_stack([np.ones(len(y)), (margin - margin.mean()) / spread])
    try:
        return float(fit_logistic(x, y, weights / weights.mean(), np.zeros(2)).theta[1]) / spread
    except FitError:  # the risks separate the outcomes
        return np.nan


def _one_outcome(y: Vector) -> bool:
    return bool(y.min() == y.max())
