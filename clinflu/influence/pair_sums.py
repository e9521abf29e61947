"""Sums over all pairs of sigmoid(a_i - b_j) and of its derivative; millions of values are seen from a few nodes.

Between its nodes the sum is a polynomial: on panels as wide as the sigmoid's own scale it is so to rounding, since the
sigmoid has no pole nearer than pi. The values then count as weights at the nodes, as in the black-box fast multipole
method of Fong & Darve (2009), doi:10.1016/j.jcp.2009.08.031, with one level.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from scipy.special import expit

from clinflu.data.arrays import Matrix, Rows, Vector

NODES = 14  # an ellipse of 12.6 around each panel: 12.6 ** -14 is below rounding
NODE_POINTS = chebpts1(NODES)
TO_COEFFICIENTS = chebvander(NODE_POINTS, NODES - 1) * np.where(np.arange(NODES), 2.0, 1.0) / NODES
PAIRS_AT_ONCE = 250_000
VALUES_AT_ONCE = 2**16
LARGEST_EXPONENT = 300.0


@dataclass(frozen=True, eq=False)
class Panels:
    """Values on panels of width 1, each panel with Chebyshev nodes.

    Parameters
    ----------
    first : (q,)
        Where each panel that holds a value begins.
    of : (n,) int
        The panel of each value.
    within : (n,)
        Where on it the value lies, from -1 to 1.
    """

    first: Vector
    of: Rows
    within: Vector

    @classmethod
    def holding(cls, values: Vector) -> Self:
        """Return the panels that hold these values, (n,)."""
        left = np.floor(values)
        first, of = np.unique(left, return_inverse=True)
        return cls(first, of, 2.0 * (values - left) - 1.0)

    @property
    def nodes(self) -> Vector:
        """Where the nodes lie, (q * NODES,)."""
        return np.add.outer(self.first, 0.5 * (1.0 + NODE_POINTS)).ravel()

    def weights(self) -> Vector:
        """Return how much each node counts when a polynomial is summed over the values, (q * NODES,)."""
        sums = np.zeros((len(self.first), NODES))
        for part, powers in self._powers():
            for degree, column in enumerate(powers.T):
                sums[:, degree] += np.bincount(self.of[part], column, minlength=len(sums))
        return (sums @ TO_COEFFICIENTS.T).ravel()

    def between(self, at_nodes: Vector) -> Vector:
        """Return the polynomials through these values at the nodes, (q * NODES,), at the values, (n,)."""
        coefficients = at_nodes.reshape(-1, NODES) @ TO_COEFFICIENTS
        found = np.empty(len(self.of))
        for part, powers in self._powers():
            found[part] = np.einsum("nd,nd->n", powers, coefficients[self.of[part]])
        return found

    def _powers(self) -> Iterator[tuple[slice, Matrix]]:
        """Give blocks of the values and their Chebyshev polynomials, (block, NODES)."""
        for start in range(0, len(self.of), VALUES_AT_ONCE):
            part = slice(start, start + VALUES_AT_ONCE)
            powers: Matrix = np.asarray(chebvander(self.within[part], NODES - 1), dtype=np.float64)
            yield part, powers


def sigmoid_sum(first: Vector, second: Vector) -> float:
    """Return the sum of sigmoid(first_i - second_j) over all pairs."""
    panels = _panels(first, second)
    if panels is None:
        return sum(float(p.sum()) for _, p in _blocks(first, second))
    a, b = panels
    weights, others = a.weights(), b.weights()
    return sum(float(weights[rows] @ (p @ others)) for rows, p in _blocks(a.nodes, b.nodes))


def slope_sums(first: Vector, second: Vector) -> tuple[Vector, Vector]:
    """Return for each of the first, and each of the second, the sum of the sigmoid's derivative over its pairs."""
    panels = _panels(first, second)
    if panels is None:
        return _slopes(first, np.ones(len(first)), second, np.ones(len(second)))
    a, b = panels
    of_first, of_second = _slopes(a.nodes, a.weights(), b.nodes, b.weights())
    return a.between(of_first), b.between(of_second)


def _panels(first: Vector, second: Vector) -> tuple[Panels, Panels] | None:
    """Return the panels of both, or None where going through all pairs is no more work."""
    pairs = len(first) * len(second)
    if pairs <= PAIRS_AT_ONCE:
        return None
    a, b = Panels.holding(first), Panels.holding(second)
    return (a, b) if NODES**2 * len(a.first) * len(b.first) < pairs else None


def _slopes(first: Vector, weights: Vector, second: Vector, others: Vector) -> tuple[Vector, Vector]:
    of_first, of_second = np.empty(len(first)), np.zeros(len(second))
    for rows, p in _blocks(first, second):
        steep = p * (1.0 - p)
        of_first[rows] = steep @ others
        of_second += weights[rows] @ steep
    return of_first, of_second


def _blocks(first: Vector, second: Vector) -> Iterator[tuple[slice, Matrix]]:
    """Give blocks of the first, and sigmoid(first_i - second_j) of each against every one of the second."""
    size = max(1, PAIRS_AT_ONCE // len(second))
    for start in range(0, len(first), size):
        rows = slice(start, start + size)
        yield rows, _sigmoid_of_differences(first[rows], second)


def _sigmoid_of_differences(first: Vector, second: Vector) -> Matrix:
    """Return sigmoid(first_i - second_j); where safe as 1 / (1 + exp(-first_i) exp(second_j))."""
    if max(np.abs(first).max(), np.abs(second).max()) > LARGEST_EXPONENT:
        pairs: Matrix = expit(first[:, None] - second)
        return pairs
    pairs = np.outer(np.exp(-first), np.exp(second))
    pairs += 1.0
    return np.reciprocal(pairs, out=pairs)
