"""The support vector machine with a Gaussian kernel as a family: linear in theta, not in the columns."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError
from clinflu.model.base import FittedModel
from clinflu.model.margin import MarginFamily
from clinflu.model.rbf import KernelMap, design_of
from clinflu.model.smooth_hinge import SmoothHinge

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class RbfSvm(MarginFamily):
    r"""A smooth hinge at :math:`m = b + f(x)`, f in the space of a Gaussian kernel and penalised by its norm there.

    Parameters
    ----------
    temperature : float
        Of the smooth hinge, in units of the margin.
    landmarks : int
        How many training rows carry the kernel; all of them where there are fewer, which is exact.
    columns : KernelMap, optional
        What :meth:`learned` learned of the training rows: the same in every refit.
    """

    temperature: float = 0.1
    landmarks: int = 300
    columns: KernelMap | None = None
    name = "rbf_svm"
    title = "A support vector machine with a Gaussian kernel"
    has_log_odds = False
    keeps_columns = False

    def learned(self, x: Matrix) -> Self:
        """Return the family with the kernel of these training rows, (n, p); column 0 is the intercept."""
        return replace(self, columns=KernelMap.learn(x[:, 1:], landmarks=self.landmarks))

    def parameters(self, columns: int) -> int:  # noqa: ARG002 -- of every family
        """Return the length of theta: one, and one for each column of the kernel."""
        return 1 + int(self._map.basis.shape[1])

    def fit(self, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
        """Return the minimum, as :meth:`SmoothHinge.fit` finds it on the columns of the kernel."""
        found = self._hinge.fit(self._columns_of(x), y, weights, penalty, start)
        return replace(found, family=self.name, form=self)

    def margin(self, theta: Vector, x: Matrix) -> Vector:
        """Return b + f(x) of each row."""
        margin: Vector = self._columns_of(x) @ theta
        return margin

    def tangent(self, theta: Vector, x: Matrix) -> Matrix:  # noqa: ARG002 -- of every family
        """Return 1 and the columns of the kernel, (n, d)."""
        return self._columns_of(x)

    def column_slopes(self, theta: Vector, x: Matrix) -> Matrix:
        """Return the slope of f in each column; 0 in the intercept."""
        return self._back(x, theta)

    def tangent_slopes(self, theta: Vector, x: Matrix, direction: Vector) -> Matrix:  # noqa: ARG002 -- of every family
        """Return the slope of J v in each column."""
        return self._back(x, direction)

    def row_loss(self, margin: Vector, y: Vector) -> Vector:
        """Return the smooth hinge."""
        return self._hinge.row_loss(margin, y)

    def slope(self, margin: Vector, y: Vector) -> Vector:
        """Return its slope."""
        return self._hinge.slope(margin, y)

    def bend(self, margin: Vector, y: Vector) -> Vector:
        """Return its second derivative."""
        return self._hinge.bend(margin, y)

    def twist(self, margin: Vector, y: Vector) -> Vector:
        """Return its third derivative."""
        return self._hinge.twist(margin, y)

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the smooth hinge of each row."""
        import torch

        landmarks, basis = (torch.from_numpy(array).to(x.device) for array in (self._map.landmarks, self._map.basis))
        apart = (x[:, 1:, None] - landmarks.T).square().sum(dim=1)
        columns = torch.exp(-self._map.gamma * apart) @ basis
        return self._hinge.loss(theta, torch.cat([torch.ones_like(columns[:, :1]), columns], dim=1), y)

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return the gradient of the hinge on the columns of the kernel."""
        return self._hinge.gradient(theta, self._columns_of(x), y, weights)

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:
        """Return the product with the Hessian there."""
        return self._hinge.hvp(theta, self._columns_of(x), y, weights, direction)

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        """Return the Hessian there."""
        return self._hinge.hessian(theta, self._columns_of(x), y, weights)

    def options(self) -> dict[str, float]:
        """Return temperature, landmarks and the width of the kernel."""
        known = {"temperature": self.temperature, "landmarks": self.landmarks}
        return {**known, "gamma": self._map.gamma, "is_exact": float(self._map.is_exact)}

    def arrays(self) -> dict[str, Matrix]:
        """Return what it learned of the training rows."""
        return {"landmarks": self._map.landmarks, "basis": self._map.basis}

    @classmethod
    def restored(cls, options: dict[str, float], arrays: dict[str, Matrix]) -> Self:
        """Return the family that gave these options and arrays."""
        columns = KernelMap(arrays["landmarks"], options["gamma"], arrays["basis"], bool(options["is_exact"]))
        return cls(options["temperature"], int(options["landmarks"]), columns)

    @cached_property
    def _hinge(self) -> SmoothHinge:
        return SmoothHinge(self.temperature)

    @property
    def _map(self) -> KernelMap:
        if self.columns is None:
            raise FitError("a kernel has to be learned of training rows first; see RbfSvm.learned")
        return self.columns

    def _columns_of(self, x: Matrix) -> Matrix:
        return design_of(self._map.transform(x[:, 1:]), intercept=True)

    def _back(self, x: Matrix, direction: Vector) -> Matrix:
        """Return the slope, in the columns of x, of the columns of the kernel times a direction (d,)."""
        at_columns = np.broadcast_to(direction[1:], (len(x), len(direction) - 1))
        return np.column_stack([np.zeros(len(x)), self._map.pull(x[:, 1:], at_columns)])
