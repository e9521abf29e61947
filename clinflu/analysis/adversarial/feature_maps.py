"""What the model sees of an image: its pixels, or features of them that stay as they are while the model is fitted."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.digits import SIDE, Digits
from clinflu.model.cnn import Cnn
from clinflu.model.frozen_features import ColumnMap, FrozenFeatures

__all__ = ["ColumnMap", "FrozenFeatures", "Pixels", "RandomFeatures", "frozen_network"]

PIXELS = SIDE * SIDE
STEPS = 100
PENALTY = 0.1  # on the summed loss
SMALLEST = 1e-300


@dataclass(frozen=True)
class Pixels:
    """The pixels themselves."""

    def transform(self, rows: Matrix) -> Matrix:
        """Return the pixels."""
        return rows

    def pull(self, rows: Matrix, at_columns: Matrix) -> Matrix:  # noqa: ARG002 -- of every ColumnMap
        """Return the slopes."""
        return at_columns


@dataclass(frozen=True, repr=False)
class RandomFeatures:
    r"""One layer that nobody trained: :math:`\tanh((x - c) W + b)`.

    Parameters
    ----------
    weights : (64, k)
    offsets : (k,)
    center : (64,)
        An image that stands for all, such as the mean of some.
    """

    weights: Matrix
    offsets: Vector
    center: Vector

    def __repr__(self) -> str:
        return f"RandomFeatures: {len(self.offsets)} units that nobody trained"

    @classmethod
    def draw(cls, count: int, center: Vector, width: float = 0.6, seed: int = 0) -> Self:
        """Return so many features with normal weights of that standard deviation, and offsets between -1 and 1."""
        rng = np.random.default_rng(seed)
        return cls(width * rng.normal(size=(PIXELS, count)), rng.uniform(-1.0, 1.0, count), center)

    def transform(self, rows: Matrix) -> Matrix:
        """Return the units, (n, k)."""
        units: Matrix = np.tanh((rows - self.center) @ self.weights + self.offsets)
        return units

    def pull(self, rows: Matrix, at_columns: Matrix) -> Matrix:
        """Return (slopes (1 - units^2)) W', (n, 64)."""
        back: Matrix = (at_columns * (1.0 - self.transform(rows) ** 2)) @ self.weights.T
        return back


def frozen_network(
    digits: Digits, rows: Rows, *, hidden: int = 64, channels: int = 6, steps: int = STEPS, seed: int = 0
) -> FrozenFeatures:
    """Return the hidden layer of a network that learned to tell the digits of some images, and then no more.

    It stands for the published setting, where a network taught by other images gives the features. It need not be at an
    optimum, since no influence is computed through its own training.

    Parameters
    ----------
    digits : Digits
    rows : (k,) int
        Images that teach it; others than those that are to be altered.
    hidden, channels : int
        Size of the network: features, and kernels of the convolution.
    steps : int
        Of L-BFGS, at most.
    seed : int
        Of where it starts.
    """
    family = Cnn(len(digits.names), SIDE, channels, hidden)
    x, y, weights = digits.pixels[rows], digits.labels[rows], np.ones(len(rows))

    def objective(theta: Vector) -> tuple[float, Vector]:
        shown = family.probabilities(theta, x)[np.arange(len(y)), y.astype(np.intp)]
        value = -float(np.log(shown.clip(min=SMALLEST)).sum()) + 0.5 * PENALTY * float(theta @ theta)
        return value, family.gradient(theta, x, y, weights) + PENALTY * theta

    found = minimize(objective, family.start(seed), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    return FrozenFeatures(family, found.x)
