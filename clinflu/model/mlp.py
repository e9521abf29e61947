"""A network of one hidden layer, in closed form: y in {0, 1}, not convex."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import NotConvergedError, SingularHessianError
from clinflu.model.base import FittedModel
from clinflu.model.logistic import LINEAR_FROM, LOGISTIC, curvature, risk, weighted_gram
from clinflu.model.margin import MarginFamily

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Mlp(MarginFamily):
    r"""Cross-entropy at the margin of a network with one layer of tanh.

    .. math:: m = b + \sum_{j=1}^{h} v_j a_j, \qquad a_j = \tanh(x^\top u_j)

    theta is :math:`(u_1, \ldots, u_h, v, b)`, (h p + h + 1,). Column 0 of x, the intercept, gives each unit its bias.
    Units can be exchanged and their signs turned without a change of m, so there are always several optima.

    Parameters
    ----------
    hidden : int
        h, units of the hidden layer.
    seed : int
        Of the start of a fit from nothing; another seed may lead to another optimum.
    """

    hidden: int = 4
    seed: int = 0
    name = "mlp"
    title = "A neural network with one hidden layer"
    is_linear = False
    keeps_columns = False

    def parameters(self, columns: int) -> int:
        """Return the length of theta for rows of that many columns."""
        return self.hidden * (columns + 1) + 1

    def start(self, columns: int, seed: int) -> Vector:
        """Return a random theta from which to fit: normal, 1 / sqrt(inputs) wide in each layer, b = 0."""
        rng = np.random.default_rng(seed)
        inner = rng.normal(size=self.hidden * columns) / np.sqrt(columns)
        return np.concatenate([inner, rng.normal(size=self.hidden) / np.sqrt(self.hidden), [0.0]])

    def penalties(self, columns: int, penalty: float, *, has_intercept: bool) -> Vector:  # noqa: ARG002 -- of every family
        """Return the penalty of each entry of theta, (d,): the same for all but b, which is free."""
        strengths = np.full(self.parameters(columns), float(penalty))
        strengths[-1] = 0.0
        return strengths

    def fit(self, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
        """Return a stationary point: that which Newton steps from the start lead to, or one from a seeded start."""
        from clinflu.model.minimise import at_stationary_point, minimise, stationary_point

        if start is not None:
            with suppress(NotConvergedError, SingularHessianError):
                return replace(at_stationary_point(minimise(self, x, y, weights, penalty, start)), form=self)
        begin = self.start(x.shape[1], self.seed) if start is None else start
        return replace(stationary_point(self, x, y, weights, penalty, begin), form=self)

    def margin(self, theta: Vector, x: Matrix) -> Vector:
        """Return m of each row."""
        return self._forward(theta, x)[2]

    def tangent(self, theta: Vector, x: Matrix) -> Matrix:
        """Return the slopes of each margin in theta, (n, d)."""
        units, v, _ = self._forward(theta, x)
        inner = (((1.0 - units**2) * v)[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        return np.column_stack([inner, units, np.ones(len(x))])

    def column_slopes(self, theta: Vector, x: Matrix) -> Matrix:
        """Return sum_j v_j (1 - a_j^2) u_j of each row, (n, p)."""
        units, v, _ = self._forward(theta, x)
        slopes: Matrix = ((1.0 - units**2) * v) @ self._split(theta, x.shape[1])[0]
        return slopes

    def tangent_slopes(self, theta: Vector, x: Matrix, direction: Vector) -> Matrix:
        """Return sum_j (1 - a_j^2) [v_j z_j + (o_j - 2 v_j a_j x' z_j) u_j], with z_j and o_j the direction's parts."""
        units, v, _ = self._forward(theta, x)
        inner, outer, _ = self._split(direction, x.shape[1])
        slope = 1.0 - units**2
        bent = slope * (outer - 2.0 * v * units * (x @ inner.T))
        slopes: Matrix = (slope * v) @ inner + bent @ self._split(theta, x.shape[1])[0]
        return slopes

    def row_loss(self, margin: Vector, y: Vector) -> Vector:
        """Return the cross-entropy."""
        return LOGISTIC.row_loss(margin, y)

    def slope(self, margin: Vector, y: Vector) -> Vector:
        """Return p - y."""
        return LOGISTIC.slope(margin, y)

    def bend(self, margin: Vector, y: Vector) -> Vector:
        """Return p (1 - p)."""
        return LOGISTIC.bend(margin, y)

    def twist(self, margin: Vector, y: Vector) -> Vector:
        """Return p (1 - p) (1 - 2 p)."""
        return LOGISTIC.twist(margin, y)

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
        hessian = weighted_gram(self.tangent(theta, x), weights * curvature(risk(margin)))
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
