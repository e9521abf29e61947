"""A network of one hidden layer, in closed form: y in {0, 1}, not convex."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.model.base import ModelFamily
from clinflu.model.logistic import LINEAR_FROM, curvature, risk, weighted_gram

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Mlp(ModelFamily):
    r"""Cross-entropy at the margin of a network with one layer of tanh.

    .. math:: m = b + \sum_{j=1}^{h} v_j a_j, \qquad a_j = \tanh(x^\top u_j)

    theta is :math:`(u_1, \ldots, u_h, v, b)`, (h p + h + 1,). Column 0 of x, the intercept, gives each unit its bias.
    Units can be exchanged and their signs turned without a change of m, so there are always several optima.

    Parameters
    ----------
    hidden : int
        h, units of the hidden layer.
    """

    hidden: int
    name = "mlp"

    def parameters(self, columns: int) -> int:
        """Return the length of theta for rows of that many columns."""
        return self.hidden * (columns + 1) + 1

    def start(self, columns: int, seed: int) -> Vector:
        """Return a random theta from which to fit: normal, 1 / sqrt(inputs) wide in each layer, b = 0."""
        rng = np.random.default_rng(seed)
        inner = rng.normal(size=self.hidden * columns) / np.sqrt(columns)
        return np.concatenate([inner, rng.normal(size=self.hidden) / np.sqrt(self.hidden), [0.0]])

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the cross-entropy of each row."""
        import torch

        outer = self.hidden * x.shape[1]
        units = torch.tanh(x @ theta[:outer].reshape(self.hidden, -1).T)
        margin = units @ theta[outer:-1] + theta[-1]
        return torch.nn.functional.softplus(margin, threshold=LINEAR_FROM) - y * margin

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return J' w (p - y), with J the slopes of the margin in theta, (n, d)."""
        units, v, margin = self._forward(theta, x)
        surplus = weights * (risk(margin) - y)
        return self._pull(x, units, surplus[:, None] * (1.0 - units**2) * v, surplus)

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:
        """Return J' diag(w s) J z plus sum_i w_i (p_i - y_i) times the second derivative of m_i along z."""
        units, v, margin = self._forward(theta, x)
        slope, (inner, outer, shift) = 1.0 - units**2, self._split(direction, x.shape[1])
        along = x @ inner.T
        surplus = weights * (risk(margin) - y)
        moved = weights * curvature(risk(margin)) * ((slope * along) @ v + units @ outer + shift)
        bent = surplus[:, None] * slope * (outer - 2.0 * v * units * along)
        product = self._pull(x, units, moved[:, None] * slope * v + bent, moved)
        product[inner.size : -1] += surplus @ (slope * along)
        return product

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        """Return J' diag(w s) J plus the second derivatives of the margin, one block for each unit."""
        units, v, margin = self._forward(theta, x)
        slope, p = 1.0 - units**2, x.shape[1]
        inner = ((slope * v)[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        slopes = np.column_stack([inner, units, np.ones(len(x))])
        hessian = weighted_gram(slopes, weights * curvature(risk(margin)))
        surplus = weights * (risk(margin) - y)
        for j in range(self.hidden):
            own, outer = slice(j * p, (j + 1) * p), self.hidden * p + j
            hessian[own, own] -= (x.T * (2.0 * surplus * v[j] * units[:, j] * slope[:, j])) @ x
            mixed = (surplus * slope[:, j]) @ x
            hessian[own, outer] += mixed
            hessian[outer, own] += mixed
        return hessian

    def _split(self, theta: Vector, columns: int) -> tuple[Matrix, Vector, float]:
        outer = self.hidden * columns
        return theta[:outer].reshape(self.hidden, columns), theta[outer:-1], float(theta[-1])

    def _forward(self, theta: Vector, x: Matrix) -> tuple[Matrix, Vector, Vector]:
        """Return the units (n, h), their weights v (h,) and the margin (n,)."""
        inner, v, b = self._split(theta, x.shape[1])
        units: Matrix = np.tanh(x @ inner.T)
        return units, v, units @ v + b

    @staticmethod
    def _pull(x: Matrix, units: Matrix, at_units: Matrix, at_margin: Vector) -> Vector:
        """Return the sum over rows of slopes at the units (n, h) and at the margin (n,), carried back to theta."""
        return np.concatenate([(at_units.T @ x).ravel(), at_margin @ units, [at_margin.sum()]])
