"""The linear support vector machine with a hinge smooth enough for an influence function."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, NotConvergedError, SingularHessianError
from clinflu.model.base import FittedModel
from clinflu.model.logistic import LINEAR_FROM, curvature, risk, weighted_gram
from clinflu.model.margin import MarginFamily

if TYPE_CHECKING:
    import torch

WARMEST = 1.0
COOLING = 0.4


def hinge(margin: Vector, y: Vector) -> Vector:
    """Return max(0, 1 - s) of each row, with s = (2 y - 1) m: the limit of the smooth hinge, and below it."""
    return np.maximum(0.0, 1.0 - (2.0 * y - 1.0) * margin)


@dataclass(frozen=True)
class SmoothHinge(MarginFamily):
    r"""A hinge whose corner is rounded over a width of about t.

    .. math:: l = t \log(1 + e^{u}), \quad u = (1 - s) / t, \quad s = (2 y - 1) \, x^\top \theta

    Its slope in s is :math:`-\sigma(u)` and its curvature :math:`\sigma(u)(1 - \sigma(u)) / t`. In each row it lies
    above the hinge, by at most t log 2.

    Only rows with s within a few t of 1 have curvature. Where they are few for each coefficient, removing a row moves
    the fit further than that curvature reaches, and first-order influence is no guide: take a higher temperature.

    Parameters
    ----------
    temperature : float
        t, in units of the margin.

    Raises
    ------
    FitError
        The temperature is not above 0.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, section 4.2, with t = 0.001.
    """

    temperature: float = 0.001
    name = "smooth_hinge"
    title = "A linear support vector machine with a smooth hinge"
    has_log_odds = False

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise FitError(f"a smooth hinge needs a temperature above 0, not {self.temperature}; try 0.001")

    def path(self) -> tuple[Self, ...]:
        """Return the families of falling temperature that lead to this one, itself the last."""
        steps = np.floor(np.log(max(WARMEST / self.temperature, 1.0)) / -np.log(COOLING))
        warmer = self.temperature * COOLING ** -np.arange(steps, 0.0, -1.0)
        return (*(type(self)(float(temperature)) for temperature in warmer), self)

    def row_loss(self, margin: Vector, y: Vector) -> Vector:
        """Return t log(1 + e^u)."""
        loss: Vector = self.temperature * np.logaddexp(0.0, self._lacking(margin, y))
        return loss

    def slope(self, margin: Vector, y: Vector) -> Vector:
        """Return -(2 y - 1) sigma(u)."""
        return -(2.0 * y - 1.0) * risk(self._lacking(margin, y))

    def bend(self, margin: Vector, y: Vector) -> Vector:
        """Return sigma(u) (1 - sigma(u)) / t."""
        return curvature(risk(self._lacking(margin, y))) / self.temperature

    def twist(self, margin: Vector, y: Vector) -> Vector:
        """Return -(2 y - 1) sigma(u) (1 - sigma(u)) (1 - 2 sigma(u)) / t^2."""
        p = risk(self._lacking(margin, y))
        return -(2.0 * y - 1.0) * curvature(p) * (1.0 - 2.0 * p) / self.temperature**2

    def fit(self, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
        """Return the minimum, by Newton steps from the start, or else from zero along falling temperatures."""
        from clinflu.model.minimise import minimise, minimise_along

        if start is not None:
            with suppress(NotConvergedError, SingularHessianError):
                return replace(minimise(self, x, y, weights, penalty, start), form=self)
        return replace(minimise_along(self.path(), x, y, weights, penalty), form=self)

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the smooth hinge of each row."""
        import torch

        lacking = (1.0 - (2.0 * y - 1.0) * (x @ theta)) / self.temperature
        return self.temperature * torch.nn.functional.softplus(lacking, threshold=LINEAR_FROM)

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return -X' w (2 y - 1) sigma(u)."""
        gradient: Vector = -(weights * (2.0 * y - 1.0) * self._slope(theta, x, y)) @ x
        return gradient

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:
        """Return X' diag(w sigma(u) (1 - sigma(u)) / t) X v."""
        bend = curvature(self._slope(theta, x, y)) / self.temperature
        product: Vector = (weights * bend * (x @ direction)) @ x
        return product

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        """Return X' diag(w sigma(u) (1 - sigma(u)) / t) X."""
        return weighted_gram(x, weights * curvature(self._slope(theta, x, y)) / self.temperature)

    def _slope(self, theta: Vector, x: Matrix, y: Vector) -> Vector:
        return risk(self._lacking(x @ theta, y))

    def _lacking(self, margin: Vector, y: Vector) -> Vector:
        """Return u."""
        lacking: Vector = (1.0 - (2.0 * y - 1.0) * margin) / self.temperature
        return lacking
