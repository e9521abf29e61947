"""Restricted cubic splines: cubic between the knots, straight lines beyond them."""

import numpy as np

from clinflu.data.arrays import Matrix, Vector

HARRELL = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.50, 0.6583, 0.8167, 0.975),
}
CLOSEST = 1e-9


def knots_of(values: Vector, count: int) -> Vector:
    """Return knots at Harrell's quantiles, each one of the values; fewer where ties demand it, none below three.

    References
    ----------
    Harrell (2015), Regression Modeling Strategies, 2nd ed., Table 2.3.
    """
    for fewer in range(count, min(HARRELL) - 1, -1):
        knots = np.quantile(values, HARRELL[fewer], method="inverted_cdf")
        if np.all(np.diff(knots) > CLOSEST * max(1.0, float(np.abs(knots).max()))):
            return np.asarray(knots)
    return np.empty(0)


def restricted_cubic(values: Vector, knots: Vector) -> Matrix:
    r"""Return a constant, the values and the k - 2 spline terms of each, (n, k); (n, 2) without knots.

    .. math:: \frac{(x - t_j)_+^3 - (x - t_{k-1})_+^3 \frac{t_k - t_j}{t_k - t_{k-1}}
        + (x - t_k)_+^3 \frac{t_{k-1} - t_j}{t_k - t_{k-1}}}{(t_k - t_1)^2}

    References
    ----------
    Devlin & Weeks (1986); Harrell (2015), Eq. 2.25.
    """
    columns = [np.ones(len(values)), values]
    if len(knots):
        first, before, last = knots[0], knots[-2], knots[-1]
        ends = [np.maximum(values - knot, 0.0) ** 3 / (last - before) for knot in (before, last)]
        for knot in knots[:-2]:
            term = np.maximum(values - knot, 0.0) ** 3 - ends[0] * (last - knot) + ends[1] * (before - knot)
            columns.append(term / (last - first) ** 2)
    return np.column_stack(columns)
