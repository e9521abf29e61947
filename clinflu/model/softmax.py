"""Multinomial softmax in closed form: y in {0, ..., K - 1}, one vector of coefficients for every class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from clinflu.data.arrays import Matrix, Vector
from clinflu.model.base import ModelFamily
from clinflu.model.logistic import weighted_gram

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Softmax(ModelFamily):
    r"""The symmetric parametrisation: no class is the reference, and the penalty alone makes the optimum unique.

    .. math:: l = -\log P_y, \qquad P_k = e^{x^\top \theta_k} / \sum_l e^{x^\top \theta_l}

    Adding one vector to every :math:`\theta_k` changes no probability, so the Hessian is singular in each column that
    has no penalty, the intercept included. For K = 2 and penalty :math:`\lambda` it is logistic regression with
    :math:`\lambda / 2` and coefficients :math:`\theta_1 - \theta_0`.

    Parameters
    ----------
    classes : int
        K. theta is (K p,), class after class: ``theta.reshape(K, p)`` is what scikit-learn calls ``coef_``.
    """

    classes: int
    name = "softmax"

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the cross-entropy of each row."""
        score = x @ theta.reshape(self.classes, -1).T
        return score.logsumexp(dim=1) - score.gather(1, y.long()[:, None])[:, 0]

    def probabilities(self, theta: Vector, x: Matrix) -> Matrix:
        """Return P(class k), (n, K)."""
        p: Matrix = softmax(x @ theta.reshape(self.classes, -1).T, axis=1)
        return p

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return (w (P - Y))' X, class after class, with Y the indicators of the classes."""
        surplus = self.probabilities(theta, x)
        surplus[np.arange(len(x)), y.astype(np.intp)] -= 1.0
        return ((weights[:, None] * surplus).T @ x).ravel()

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:  # noqa: ARG002
        """Return (w P (A - sum_k P_k A_k))' X with A = X V', V the direction (K, p); y does not enter."""
        p = self.probabilities(theta, x)
        along = x @ direction.reshape(self.classes, -1).T
        along -= np.einsum("nk,nk->n", p, along)[:, None]
        return ((weights[:, None] * p * along).T @ x).ravel()

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:  # noqa: ARG002
        """Return the blocks X' diag(w P_k (1[k = l] - P_l)) X, (K p, K p); y does not enter."""
        p, k, columns = self.probabilities(theta, x), self.classes, x.shape[1]
        blocks = np.empty((k, columns, k, columns))
        for one in range(k):
            blocks[one, :, one] = weighted_gram(x, weights * p[:, one] * (1.0 - p[:, one]))
            for other in range(one):
                blocks[one, :, other] = -weighted_gram(x, weights * p[:, one] * p[:, other])
                blocks[other, :, one] = blocks[one, :, other]
        return blocks.reshape(k * columns, k * columns)
