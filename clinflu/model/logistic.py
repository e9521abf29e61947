"""Logistic regression in closed form: y in {0, 1}, margin m = x' theta, risk p = 1 / (1 + exp(-m))."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.model.base import FittedModel
from clinflu.model.margin import MarginFamily

if TYPE_CHECKING:
    import torch

BLOCK_ROWS = 2048
LINEAR_FROM = 700.0  # exp of more overflows; torch's own limit, 20, already costs 2e-9


def risk(margin: Vector) -> Vector:
    """Return P(event) at a margin in log-odds."""
    p: Vector = expit(margin)
    return p


def row_loss(margin: Vector, y: Vector | float) -> Vector:
    """Return the loss -y log p - (1 - y) log(1 - p) of each row, without overflow."""
    loss: Vector = np.logaddexp(0.0, margin) - y * margin
    return loss


def risk_at(margin: float) -> float:
    """Return P(event) at one margin in log-odds."""
    return float(expit(margin))


def loss_at(margin: float, y: float) -> float:
    """Return the loss of one row."""
    return float(np.logaddexp(0.0, margin) - y * margin)


def curvature_at(margin: float) -> float:
    """Return p (1 - p) at one margin: how fast the risk rises with it."""
    p = risk_at(margin)
    return p * (1.0 - p)


def curvature(p: Vector) -> Vector:
    """Return p (1 - p), the second derivative of the loss with respect to the margin."""
    return p * (1.0 - p)


def weighted_gram(x: AnyMatrix, d: Vector) -> Matrix:
    r"""Return :math:`X^\top \mathrm{diag}(d) X` for d >= 0, in blocks of rows so that no copy of X is made."""
    if isinstance(x, DesignMatrix):
        return x.sandwich(d)
    gram = np.zeros((x.shape[1], x.shape[1]))
    root = np.sqrt(d)
    for start in range(0, len(x), BLOCK_ROWS):
        block = x[start : start + BLOCK_ROWS] * root[start : start + BLOCK_ROWS, None]
        gram += block.T @ block
    return gram


class Logistic(MarginFamily):
    """The binomial family with its canonical link; overrides every derivative by its closed form."""

    name = "logistic"
    title = "Logistic regression"

    def row_loss(self, margin: Vector, y: Vector) -> Vector:
        """Return -log of the probability given to what happened."""
        return row_loss(margin, y)

    def slope(self, margin: Vector, y: Vector) -> Vector:
        """Return p - y."""
        return risk(margin) - y

    def bend(self, margin: Vector, y: Vector) -> Vector:  # noqa: ARG002
        """Return p (1 - p); y does not enter."""
        return curvature(risk(margin))

    def twist(self, margin: Vector, y: Vector) -> Vector:  # noqa: ARG002
        """Return p (1 - p) (1 - 2 p); y does not enter."""
        p = risk(margin)
        return curvature(p) * (1.0 - 2.0 * p)

    def fit(self, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
        """Return the fit by :func:`clinflu.model.newton.fit_logistic`."""
        from clinflu.model.newton import fit_logistic

        return fit_logistic(x, y, weights, penalty, start)

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the cross-entropy of each row."""
        import torch

        margin = x @ theta
        return torch.nn.functional.softplus(margin, threshold=LINEAR_FROM) - y * margin

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return X' w (p - y)."""
        gradient: Vector = (weights * (risk(x @ theta) - y)) @ x
        return gradient

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:  # noqa: ARG002
        """Return X' diag(w s) X v; y does not enter."""
        product: Vector = (weights * curvature(risk(x @ theta)) * (x @ direction)) @ x
        return product

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:  # noqa: ARG002
        """Return X' diag(w s) X; y does not enter."""
        return weighted_gram(x, weights * curvature(risk(x @ theta)))


LOGISTIC = Logistic()
