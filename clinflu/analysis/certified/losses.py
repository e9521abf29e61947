"""The two losses of a linear classifier that the bound is computed for, as functions of the signed margin."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from clinflu.data.arrays import Flags, Vector
from clinflu.model.logistic import LOGISTIC, curvature
from clinflu.model.margin import MarginFamily
from clinflu.model.smooth_hinge import SmoothHinge

TEMPERATURE = 0.001
CURVED_FROM = 0.1
CORNER_WIDTHS = 45.0  # exp(-45) is lost beside 1


class MarginLoss(Protocol):
    r"""A convex loss that falls with the signed margin :math:`s = (2 y - 1) \tilde x^\top \theta`.

    Because it falls, the row of the highest loss is the row of the lowest signed margin, whatever the loss.
    """

    @property
    def name(self) -> str:
        """What the loss is called in tables."""
        ...

    @property
    def blur(self) -> float:
        """By how much, at most, the loss that ``path`` ends in lies above this one, in any row."""
        ...

    def value(self, signed: Vector) -> Vector:
        """Return the loss at each signed margin."""
        ...

    def slope(self, signed: Vector) -> Vector:
        """Return a subgradient at each signed margin: 0 or below."""
        ...

    def bend(self, signed: Vector) -> Vector:
        """Return the second derivative at each signed margin."""
        ...

    def path(self) -> tuple[MarginFamily, ...]:
        """Return the families to fit one after the other, the smoothest first and the one that is meant last."""
        ...

    def bending(self, family: MarginFamily, signed: Vector) -> Flags:
        """Return which rows can have curvature under a family of the path, to the last digit of float64."""
        ...

    def curved(self) -> MarginFamily:
        """Return a family with enough curvature for influence functions."""
        ...


@dataclass(frozen=True)
class LogisticLoss:
    """log(1 + exp(-s)), in nats."""

    name: str = "logistic"
    blur: float = 0.0

    def value(self, signed: Vector) -> Vector:
        """Return the loss at each signed margin, without overflow."""
        return np.logaddexp(0.0, -signed)

    def slope(self, signed: Vector) -> Vector:
        """Return the derivative at each signed margin."""
        slope: Vector = -expit(-signed)
        return slope

    def bend(self, signed: Vector) -> Vector:
        """Return p (1 - p)."""
        return curvature(expit(signed))

    def path(self) -> tuple[MarginFamily, ...]:
        """Return the family itself: it is smooth."""
        return (LOGISTIC,)

    def bending(self, family: MarginFamily, signed: Vector) -> Flags:  # noqa: ARG002 -- the hinge's depends on it
        """Return all rows."""
        return np.ones(len(signed), dtype=bool)

    def curved(self) -> MarginFamily:
        """Return the family itself."""
        return LOGISTIC


@dataclass(frozen=True)
class HingeLoss:
    """max(0, 1 - s), the loss of a support vector machine.

    Fits replace its corner by a smooth one that lies at most t log 2 above it, and tell by how much they may err.

    Parameters
    ----------
    temperature : float
        t, in units of the margin.
    """

    temperature: float = TEMPERATURE
    name: str = "hinge"

    @property
    def blur(self) -> float:
        """Return t log 2."""
        return float(self.temperature * np.log(2.0))

    def value(self, signed: Vector) -> Vector:
        """Return the loss at each signed margin."""
        return np.maximum(0.0, 1.0 - signed)

    def slope(self, signed: Vector) -> Vector:
        """Return a subgradient at each signed margin: 0 at the corner."""
        return -(signed < 1.0).astype(float)

    def bend(self, signed: Vector) -> Vector:
        """Return 0: there is no curvature but at the corner."""
        return np.zeros_like(signed)

    def path(self) -> tuple[MarginFamily, ...]:
        """Return smooth hinges of falling temperature."""
        return SmoothHinge(self.temperature).path()

    def bending(self, family: MarginFamily, signed: Vector) -> Flags:
        """Return the rows near the corner, as wide as the family rounds it."""
        width = family.temperature if isinstance(family, SmoothHinge) else self.temperature
        near: Flags = np.abs(1.0 - signed) < CORNER_WIDTHS * width
        return near

    def curved(self) -> MarginFamily:
        """Return a hinge smooth enough that many rows curve it."""
        return SmoothHinge(max(self.temperature, CURVED_FROM))


HINGE = HingeLoss()
LOGISTIC_LOSS = LogisticLoss()
