"""The sphere and slab defences, and the worst row that passes them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from clinflu.data.arrays import Flags, Matrix, Vector
from clinflu.errors import DataError

QUANTILE = 0.7
ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class SphereSlab:
    r"""A filter that drops training rows far from the centroid of the class that they claim.

    A row x of class y passes if it lies in the sphere and in the slab of its class,

    .. math:: \|x - \mu_y\|_2 \le r_y, \qquad |u^\top (x - \mu_y)| \le t_y,
              \qquad u = (\mu_1 - \mu_0) / \|\mu_1 - \mu_0\|_2 .

    The centroids come from clean rows alone, so that poison cannot move them: the *fixed*, or oracle, defence. That
    values must be whole, positive or 0 and 1 in one-hot columns is not used: it would shrink the set that passes,
    and the damage with it.

    Parameters
    ----------
    centroids : (2, d)
        Of the classes 0 and 1.
    axis : (d,)
        u.
    radii, half_widths : (2,)
        r and t of each class, in the unit of the features.

    References
    ----------
    J. Steinhardt, P. W. Koh & P. Liang (2017), Certified Defenses for Data Poisoning Attacks, arXiv:1706.03691.
    """

    centroids: Matrix
    axis: Vector
    radii: Vector
    half_widths: Vector

    @classmethod
    def learn(cls, features: Matrix, y: Vector, quantile: float = QUANTILE) -> Self:
        """Return the defence whose sphere and slab each keep this share of each class.

        Parameters
        ----------
        features : (n, d)
            Clean rows, without a column for the intercept.
        y : (n,)
            0 or 1.
        quantile : float
            Above 0, at most 1. The published experiments take 0.7.

        Raises
        ------
        DataError
            A share that is none, a class without rows, or two classes with the same centroid.
        """
        if not 0.0 < quantile <= 1.0:
            raise DataError(f"a defence keeps a share of the rows above 0 and at most 1, not {quantile}")
        if set(np.unique(y)) != {0.0, 1.0}:
            raise DataError("the defence needs clean rows of both classes, 0 and 1")
        classes = [features[y == label] for label in (0.0, 1.0)]
        centroids = np.array([rows.mean(axis=0) for rows in classes])
        between = centroids[1] - centroids[0]
        distance = float(np.linalg.norm(between))
        if distance == 0.0:
            raise DataError("both classes have the same centroid, so that there is no slab; give other features")
        axis = between / distance
        away = [rows - centroid for rows, centroid in zip(classes, centroids, strict=True)]
        radii = [np.quantile(np.linalg.norm(rows, axis=1), quantile) for rows in away]
        half_widths = [np.quantile(np.abs(rows @ axis), quantile) for rows in away]
        return cls(centroids, axis, np.array(radii), np.array(half_widths))

    def __repr__(self) -> str:
        spheres, slabs = (" and ".join(f"{one:.3g}" for one in pair) for pair in (self.radii, self.half_widths))
        return f"SphereSlab: classes 0 and 1 within {spheres} of their centroids, and {slabs} along the axis between"

    def keeps(self, features: Matrix, y: Vector) -> Flags:
        """Return whether each row passes, (n,)."""
        label = y.astype(np.intp)
        away = features - self.centroids[label]
        near = np.linalg.norm(away, axis=1) <= self.radii[label] * (1.0 + ROUNDING)
        inside = np.abs(away @ self.axis) <= self.half_widths[label] * (1.0 + ROUNDING)
        kept: Flags = near & inside
        return kept

    def nearest(self, features: Matrix, y: Vector) -> Matrix:
        """Return rows that pass, close to those given: along the axis into the slab, then across it into the sphere."""
        label = y.astype(np.intp)
        away = features - self.centroids[label]
        along = away @ self.axis
        reach = np.minimum(self.half_widths, self.radii)[label]
        kept = np.clip(along, -reach, reach)
        across = away - np.outer(along, self.axis)
        length = np.linalg.norm(across, axis=1)
        room = np.sqrt(np.maximum(self.radii[label] ** 2 - kept**2, 0.0))
        shrink = np.minimum(1.0, room / np.maximum(length, np.finfo(float).tiny))
        near: Matrix = self.centroids[label] + np.outer(kept, self.axis) + across * shrink[:, None]
        return near

    def worst_row(self, theta: Vector, label: int) -> tuple[Vector, float]:
        r"""Return the row of a class that passes and has the lowest signed margin, and that margin.

        With w split into its part along the axis, :math:`w_\parallel = u^\top w`, and the rest,

        .. math:: \min s = (2 y - 1)(\mu_y^\top w + b)
                  - \left( a |w_\parallel| + \sqrt{r^2 - a^2} \, \|w_\perp\| \right),
                  \qquad a = \min(r |w_\parallel| / \|w\|, t, r) .

        Parameters
        ----------
        theta : (1 + d,)
            Intercept b first, then w.
        label : int
            0 or 1.

        Returns
        -------
        (1 + d,), float
            The row after a one for the intercept; the signed margin.
        """
        sign, weights = 2.0 * label - 1.0, theta[1:]
        along = float(self.axis @ weights)
        across = weights - along * self.axis
        size, rest = float(np.linalg.norm(weights)), float(np.linalg.norm(across))
        radius = float(self.radii[label])
        tilt = radius * abs(along) / size if size > 0.0 else 0.0
        reach = min(tilt, float(self.half_widths[label]), radius)
        room = float(np.sqrt(radius**2 - reach**2))
        step = reach * np.sign(along) * self.axis
        if rest > 0.0:
            step = step + room * across / rest
        row = np.concatenate([[1.0], self.centroids[label] - sign * step])
        margin = sign * (float(self.centroids[label] @ weights) + float(theta[0])) - reach * abs(along) - room * rest
        return row, margin

    def worst(self, theta: Vector) -> tuple[Vector, int, float]:
        """Return the row of either class with the lowest signed margin, its class and that margin."""
        rows, margins = zip(*(self.worst_row(theta, label) for label in (0, 1)), strict=True)
        label = int(np.argmin(margins))
        return rows[label], label, margins[label]
