"""Performance figures of audited encounters, linearised: what each encounter adds, and the slope in each margin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.model.logistic import curvature, risk, row_loss

SILVERMAN, IQR_OF_NORMAL = 0.9, 1.349
SAME_MARGIN = 1e-9
NODES = 20
PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Audited:
    """Audited encounters at the model: margins and outcomes (n,), codes of their patients (n,), alert threshold."""

    margin: Vector
    y: Vector
    patients: Rows
    threshold: float

    @property
    def risk(self) -> Vector:
        """Predicted risks, (n,)."""
        return risk(self.margin)

    @property
    def event(self) -> Flags:
        """Whether each encounter had the event."""
        had: Flags = self.y == 1
        return had


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """A metric, how much each audited encounter adds to its error (n,), and its slope in each margin (n,)."""

    value: float
    per_encounter: Vector
    slope: Vector


def _mean(values: Vector, slope: Vector) -> Linearised:
    value, n = float(values.mean()), len(values)
    return Linearised(value, (values - value) / n, slope / n)


def mean_risk(at: Audited) -> Linearised:
    """Return the mean predicted risk."""
    return _mean(at.risk, curvature(at.risk))


def calibration(at: Audited) -> Linearised:
    """Return calibration in the large: event rate minus mean risk."""
    return _mean(at.y - at.risk, -curvature(at.risk))


def log_loss(at: Audited) -> Linearised:
    """Return the mean of -log of the probability given to what happened, in nats."""
    return _mean(row_loss(at.margin, at.y), at.risk - at.y)


def brier(at: Audited) -> Linearised:
    """Return the mean squared difference between risk and outcome."""
    return _mean(np.square(at.risk - at.y), 2.0 * (at.risk - at.y) * curvature(at.risk))


def auroc(at: Audited) -> Linearised:
    r"""Return the share of (event, no event) pairs in the right order, ties counting half.

    Per encounter the placement values of DeLong; the slope is that of the pairs smoothed,
    :math:`\Phi((m_i - m_j) / b)`, b the bandwidth of :func:`bandwidth` for the smaller class.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595; by cluster: Obuchowski (1997), doi:10.2307/2533958.
    """
    events, others = at.margin[at.event], at.margin[~at.event]
    value, per_encounter = placements(at.margin, at.event)
    width = bandwidth(at.margin, min(len(events), len(others)))
    slope = np.empty(len(at.y))
    slope[at.event], slope[~at.event] = density(events, others, width), -density(others, events, width)
    return Linearised(value, per_encounter, slope / np.where(at.event, len(events), len(others)))


def placements(order: Vector, event: Flags) -> tuple[float, Vector]:
    """Return the AUROC of anything that orders encounters, (n,), and how much each adds to its error, (n,)."""
    events, others = order[event], order[~event]
    of_events, of_others = _share_below(events, others), 1.0 - _share_below(others, events)
    value = float(of_events.mean())
    per_encounter = np.empty(len(order))
    per_encounter[event], per_encounter[~event] = (of_events - value) / len(events), (of_others - value) / len(others)
    return value, per_encounter


def false_negative_rate(at: Audited) -> Linearised:
    """Return the share of events below the alert threshold, held fixed; its slope is smoothed as for the AUROC."""
    margin, n = at.margin[at.event], int(at.event.sum())
    missed = (at.risk[at.event] < at.threshold).astype(float)
    cut = float(logit(at.threshold))
    width = bandwidth(margin, n)
    per_encounter, slope = np.zeros((2, len(at.y)))
    per_encounter[at.event] = (missed - missed.mean()) / n
    slope[at.event] = -np.exp(-0.5 * np.square((cut - margin) / width)) / (width * np.sqrt(2 * np.pi) * n)
    return Linearised(float(missed.mean()), per_encounter, slope)


def bandwidth(margin: Vector, count: int) -> float:
    """Return Silverman's bandwidth of a Gaussian kernel, log-odds: 0.9 min(sd, IQR / 1.349) count^-1/5.

    NaN where the margins do not vary.

    References
    ----------
    Silverman (1986), Density Estimation, Eq. 3.31.
    """
    if np.ptp(margin) < SAME_MARGIN:
        return np.nan
    spread = float(margin.std())
    robust = float(np.ptp(np.percentile(margin, [25, 75]))) / IQR_OF_NORMAL
    return SILVERMAN * (min(spread, robust) if robust > SAME_MARGIN else spread) * float(count ** (-1 / 5))


def density(at: Vector, sample: Vector, width: float) -> Vector:
    """Return the Gaussian kernel density of a sample at some points.

    Where there are many, it is evaluated at Chebyshev nodes, 20 on each stretch of the width of the kernel, and
    interpolated: to rounding the same, as the kernel is smooth on its own scale.
    """
    if not len(at) or not width > 0 or not np.isfinite(width):
        return _density(at, sample, width)
    stretches = int(np.ptp(at) / width) + 1
    if len(at) <= NODES * stretches:
        return _density(at, sample, width)
    place = np.minimum(((at - at.min()) / width).astype(np.intp), stretches - 1)
    held, stretch = np.unique(place, return_inverse=True)
    nodes = np.cos((np.arange(NODES) + 0.5) * (np.pi / NODES))
    centers = at.min() + (held + 0.5) * width
    values = _density((centers[:, None] + 0.5 * width * nodes).ravel(), sample, width).reshape(len(held), NODES)
    series = values @ _to_chebyshev(nodes)
    return _chebyshev_sums(series, stretch, (at - centers[stretch]) / (0.5 * width))


def _to_chebyshev(nodes: Vector) -> Matrix:
    """Return the matrix that takes values at the nodes to coefficients of Chebyshev polynomials."""
    coefficients = np.polynomial.chebyshev.chebvander(nodes, NODES - 1) * (2.0 / NODES)
    coefficients[:, 0] /= 2.0
    return np.asarray(coefficients)


def _chebyshev_sums(series: Matrix, which: Rows, at: Vector) -> Vector:
    """Return the value of one of several series at each point, by Clenshaw's recurrence."""
    last, before = np.zeros((2, len(at)))
    for degree in range(NODES - 1, 0, -1):
        last, before = series[which, degree] + 2.0 * at * last - before, last
    return np.asarray(series[which, 0] + at * last - before)


def _density(at: Vector, sample: Vector, width: float) -> Vector:
    """Return the same by its definition, in blocks of points."""
    found = np.empty(len(at))
    together = max(1, PAIRS_AT_ONCE // max(1, len(sample)))
    for start in range(0, len(at), together):
        block = slice(start, start + together)
        found[block] = np.exp(-0.5 * np.square((at[block, None] - sample) / width)).mean(axis=1)
    found /= width * np.sqrt(2 * np.pi)
    return found


def _share_below(values: Vector, others: Vector) -> Vector:
    """Return the share of the others below each value, ties counting half."""
    ordered = np.sort(others)
    both = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return both / (2.0 * len(others))


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is computed, called and bounded, and what it cannot do without.

    Parameters
    ----------
    label : str
    linearise : callable
    scale : str
        ``"share"``, ``"positive"`` or ``"difference"``: on which scale its interval is symmetric.
    needs_events, needs_others : bool
        Whether its error depends on how many encounters with, or without, the event there are.
    of_events, of_pairs : bool
        Whether it does not exist without an event, or without one of each outcome.
    """

    label: str
    linearise: Callable[[Audited], Linearised]
    scale: str
    needs_events: bool = True
    needs_others: bool = True
    of_events: bool = False
    of_pairs: bool = False


METRICS = {
    "mean_risk": Metric("Mean predicted risk", mean_risk, "share", needs_events=False, needs_others=False),
    "event_rate_minus_risk": Metric("Event rate minus mean risk", calibration, "difference"),
    "log_loss": Metric("Log loss (nats)", log_loss, "positive"),
    "brier": Metric("Brier score", brier, "share"),
    "auroc": Metric("AUROC", auroc, "share", of_events=True, of_pairs=True),
    "false_negative_rate": Metric(
        "Share of events below the threshold", false_negative_rate, "share", needs_others=False, of_events=True
    ),
}
