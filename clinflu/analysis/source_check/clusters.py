r"""A second cluster of a number, far from the rest with a valley between: how values of another unit look.

On the logarithm of the positive values a change of unit is a shift. The main body is the shortest half of the values
(Rousseeuw & Leroy 1988): its middle is the centre, its length over 1.349 the spread ``s``, at least the step of the
values near the centre, so that counts are not taken apart. A cluster is what lies beyond a valley ``[a, b)``: the
valley holds V values, and as many as the cluster's own half-way density ``d`` (half its values over the distance of
its quartiles) would put there are ``d (b - a)``. A tail falls or stays level toward its end, so it puts at least that
many there; the cluster is found where ``V <= 0.2 d (b - a)`` and the Poisson probability of so few is under 1e-5. Of
log-normal values 3 % of which are shifted, that finds nearly every shift by six standard deviations or more, and none
by four.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from clinflu.data.arrays import Flags, Vector

FEWEST, LEAST_SHARE, LARGEST_SHARE = 11, 0.001, 0.4
FEWEST_DISTINCT = 10
NORMAL_HALF = 1.349  # of a normal distribution: its middle half over its standard deviation
LEAST_SPREAD = 0.05
LEAST_DISTANCE = np.log(1.8)
SPREADS_APART = 3.0
BODY_ENDS = 1.5  # spreads from the centre
VALLEY, UNLIKELY = 0.2, 1e-5
GRID = 160


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Values apart from the rest.

    Parameters
    ----------
    rows : (n,)
        Which they are.
    ratio : float
        Their median over the median of the rest.
    spread_ratio : float
        Their spread on the log scale over that of the main body.
    noise : float
        Standard error of log ``ratio``, about.
    """

    rows: Flags
    ratio: float
    spread_ratio: float
    noise: float


def clusters(numbers: Vector) -> list[Cluster]:
    """Return the clusters above and below the main body of the positive values, at most one of each.

    Parameters
    ----------
    numbers : (n,)
        NaN where missing. Zeros are no sign of a unit and are left aside.
    """
    with np.errstate(invalid="ignore"):
        positive = np.isfinite(numbers) & (numbers > 0)
    if np.count_nonzero(positive) < 2 * FEWEST:
        return []
    values = np.sort(numbers[positive])
    if len(np.unique(values)) < FEWEST_DISTINCT:
        return []
    return [one for side in (1.0, -1.0) if (one := _beyond(numbers, positive, values, side))]


def _beyond(numbers: Vector, positive: Flags, values: Vector, side: float) -> Cluster | None:
    """Look for a cluster above (side 1) or below (side -1) the main body."""
    centre, spread, step = _body(values)
    distances = np.sort(side * (np.log(values) - centre))
    found = min(_valleys(distances, side, (centre, spread, step)), default=None)
    if found is None:
        return None
    start = found[1]
    rows = np.zeros(len(numbers), dtype=bool)
    rows[positive] = side * (np.log(numbers[positive]) - centre) >= start
    apart, rest = np.log(numbers[rows]), np.log(numbers[positive & ~rows])
    distance = float(np.median(apart) - np.median(rest))
    own = float(np.subtract(*np.quantile(apart, (0.75, 0.25)))) / NORMAL_HALF
    if abs(distance) < max(LEAST_DISTANCE, SPREADS_APART * spread):
        return None
    return Cluster(rows, float(np.exp(distance)), own / spread, 1.25 * own / float(np.sqrt(rows.sum())))


def _body(values: Vector) -> tuple[float, float, float]:
    """Return centre and spread of the main body on the log scale, and the step of its values on their own scale."""
    logs = np.log(values)
    half = len(logs) // 2 + 1
    first = int(np.argmin(logs[half - 1 :] - logs[: len(logs) - half + 1]))
    centre = float(np.median(logs[first : first + half]))
    low, high = np.quantile(values, (0.1, 0.9))
    distinct = np.unique(values[(values >= low) & (values <= high)])
    step = float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0
    spread = float(logs[first + half - 1] - logs[first]) / NORMAL_HALF
    return centre, max(spread, float(np.log1p(step / np.exp(centre))), LEAST_SPREAD), step


def _valleys(distances: Vector, side: float, body: tuple[float, float, float]) -> Iterator[tuple[float, float]]:
    """Yield how far from empty each valley is, least for the widest empty one, and where the cluster beyond starts."""
    centre, spread, step = body
    edges = np.linspace(BODY_ENDS * spread, float(distances[-1]), GRID)
    below = np.searchsorted(distances, edges)
    least, largest = max(FEWEST, LEAST_SHARE * len(distances)), LARGEST_SHARE * len(distances)
    for end in range(1, len(edges)):
        beyond = distances[below[end] :]
        if not least <= len(beyond) <= largest:
            continue
        quartiles = _quantile(beyond, 0.75) - _quantile(beyond, 0.25)
        density = 0.5 * len(beyond) / max(quartiles, spread / 2)
        widths = edges[end] - edges[:end]
        coarse = np.log1p(step / np.exp(centre + side * edges[:end] - (side < 0) * widths))
        expected, inside = density * widths, below[end] - below[:end]
        fits = (widths >= np.maximum(spread / 2, 1.5 * coarse)) & (inside <= VALLEY * expected)
        fits[fits] = pdtr(inside[fits], expected[fits]) < UNLIKELY
        if fits.any():
            yield float(((inside[fits] + 1) / expected[fits]).min()), float(edges[end])


def _quantile(ordered: Vector, share: float) -> float:
    """Return the quantile of values in order, without the partition of ``numpy.quantile``."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
