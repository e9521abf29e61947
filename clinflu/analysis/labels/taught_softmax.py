"""A softmax model beside the labels that taught it, each row left out by one Newton step in its K scores."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp, softmax

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.model.base import FittedModel


@dataclass(frozen=True)
class TaughtSoftmax:
    r"""A softmax model and its training rows, each of weight 1.

    A row enters the model through its K scores alone. With :math:`\tilde X_i = I_K \otimes \tilde x_i`, what the other
    rows leave open in them is the K x K matrix :math:`A_i = \tilde X_i^\top H^{-1} \tilde X_i`; all of them cost n p
    products with K p numbers.

    Parameters
    ----------
    model : FittedModel
        At its optimum; theta (K p,), class after class.
    x : (n, p)
    labels : (n,)
        As recorded, 0 to K - 1.
    """

    model: FittedModel
    x: Matrix
    labels: Vector

    @cached_property
    def loss(self) -> Vector:
        """Loss of each row, (n,), nats."""
        return _loss(self._scores, self._classes)

    @cached_property
    def self_influence(self) -> Vector:
        r"""Return :math:`d_i^\top A_i d_i` with :math:`d_i = P_i - Y_i`, (n,), nats; never negative."""
        rise: Vector = np.einsum("nk,nkl,nl->n", self._surplus, self._open, self._surplus)
        return rise

    @property
    def self_influence_one_step(self) -> Vector:
        """Rise of the own loss at the scores of one Newton step without the row, (n,), nats."""
        return self.loss_without - self.loss

    @cached_property
    def loss_without(self) -> Vector:
        """Loss at the scores of one Newton step without the row, (n,), nats."""
        return _loss(self._scores_without, self._classes)

    @property
    def probabilities_without(self) -> Matrix:
        """Probabilities at the scores of one Newton step without the row, (n, K)."""
        p: Matrix = softmax(self._scores_without, axis=1)
        return p

    @cached_property
    def _classes(self) -> Rows:
        return self.labels.astype(np.intp)

    @cached_property
    def _scores(self) -> Matrix:
        scores: Matrix = self.x @ self.model.theta.reshape(-1, self.x.shape[1]).T
        return scores

    @cached_property
    def _surplus(self) -> Matrix:
        """P - Y, (n, K): the gradient of a row is its Kronecker product with x."""
        surplus: Matrix = softmax(self._scores, axis=1)
        surplus[np.arange(len(self.x)), self._classes] -= 1.0
        return surplus

    @cached_property
    def _open(self) -> Matrix:
        """A of each row, (n, K, K), by blocks of H^-1."""
        n, p = self.x.shape
        k = self._scores.shape[1]
        blocks = self.model.inverse.reshape(k, p, k, p)
        found = np.empty((n, k, k))
        for one in range(k):
            for other in range(one + 1):
                found[:, one, other] = np.einsum("np,np->n", self.x @ blocks[one, :, other], self.x)
                found[:, other, one] = found[:, one, other]
        return found

    @cached_property
    def _scores_without(self) -> Matrix:
        r"""Scores after one Newton step without the row: :math:`s_i + (I - A_i S_i)^{-1} A_i d_i`, (n, K)."""
        p = softmax(self._scores, axis=1)
        curvature = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
        left = np.eye(p.shape[1]) - self._open @ curvature
        pulled = np.einsum("nkl,nl->nk", self._open, self._surplus)
        moved: Matrix = self._scores + np.linalg.solve(left, pulled[:, :, None])[:, :, 0]
        return moved


def _loss(scores: Matrix, classes: Rows) -> Vector:
    loss: Vector = logsumexp(scores, axis=1) - scores[np.arange(len(scores)), classes]
    return loss
