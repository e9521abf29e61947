"""Products with the Hessian of an objective, over all its rows or a few of them, without ever forming it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.random import Generator

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import FitError
from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.cholesky import factor
from clinflu.model.minimise import LARGEST_EXPLICIT

PROBES = 32


@dataclass(frozen=True)
class HessianOracle:
    r"""The Hessian of a penalised objective at theta, by its products.

    .. math:: H = \sum_i w_i \nabla^2 l_i(\theta) + \Lambda + \delta I

    Parameters
    ----------
    family : ModelFamily
    theta : (d,)
    x : (n, p)
    y, weights : (n,)
    penalty : (d,)
    damping : float
        :math:`\delta`; 0 unless the objective is not convex.
    """

    family: ModelFamily
    theta: Vector
    x: Matrix
    y: Vector
    weights: Vector
    penalty: Vector
    damping: float = 0.0

    @classmethod
    def of(cls, model: FittedModel, family: ModelFamily, x: Matrix, y: Vector, weights: Vector) -> Self:
        """Return the oracle at a fit, damped as the fit says that it must be."""
        return cls(family, model.theta, x, y, weights, model.penalty, float(getattr(model, "damping", 0.0)))

    @property
    def is_strongly_convex(self) -> bool:
        """Whether penalty and damping alone bound every eigenvalue of a convex loss away from 0."""
        return bool(np.all(self.penalty + self.damping > 0))

    def product(self, direction: Vector) -> Vector:
        """Return H v, (d,)."""
        of_loss = self.family.hvp(self.theta, self.x, self.y, self.weights, direction)
        return of_loss + (self.penalty + self.damping) * direction

    def batch_product(self, rows: Rows, direction: Vector) -> Vector:
        """Return H_B v, (d,): the loss of these rows stands for all, n / |B| times."""
        return self.of_rows(rows).product(direction)

    def of_rows(self, rows: Rows) -> Self:
        """Return the oracle of H_B, whose expectation over uniformly drawn rows is H."""
        weights = self.weights[rows] * (len(self.x) / len(rows))
        return replace(self, x=self.x[rows], y=self.y[rows], weights=weights)

    def diagonal(self, rng: Generator) -> Vector:
        """Return an estimate of diag(H), (d,), from 32 products with vectors of random signs, kept positive.

        References
        ----------
        Bekas, Kokiopoulou & Saad (2007), doi:10.1016/j.apnum.2007.01.003.
        """
        signs = rng.choice([-1.0, 1.0], size=(PROBES, len(self.theta)))
        estimate = np.mean([sign * self.product(sign) for sign in signs], axis=0)
        floor = np.maximum(self.penalty + self.damping, 1e-6 * np.abs(estimate).max())
        positive: Vector = np.maximum(estimate, floor)
        return positive

    @cached_property
    def cholesky(self) -> tuple[Matrix, bool]:
        """Cholesky factor of H.

        Raises
        ------
        FitError
            H would be too large to form.
        SingularHessianError
            H is not positive definite.
        """
        if len(self.theta) > LARGEST_EXPLICIT:
            raise FitError(
                f"a Hessian of {len(self.theta):,} columns is too large to form (at most {LARGEST_EXPLICIT:,}); use "
                "conjugate gradients ('cg'), which never form it"
            )
        of_loss = self.family.hessian(self.theta, self.x, self.y, self.weights)
        return factor(of_loss + np.diag(self.penalty + self.damping))
