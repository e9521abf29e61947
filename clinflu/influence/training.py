"""A fitted model at the rows that it was fitted on: what every formula starts from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.model.base import FittedModel
from clinflu.model.logistic import BLOCK_ROWS, risk, weighted_gram
from clinflu.model.newton import fit_logistic


@dataclass(frozen=True)
class TrainingRows:
    """The model and its training rows, each quantity computed once.

    Parameters
    ----------
    model : FittedModel
        At its optimum on these rows.
    x : (n, p)
        Column 0 the intercept if there is one. Kept column by column in memory, which halves the time of a step of
        a refit; copied only where it is not so already. A :class:`DesignMatrix` stays what it is.
    y, weights : (n,)
    patients : (n,) int
        Code of the patient of each encounter, 0 to C - 1.
    """

    model: FittedModel
    x: AnyMatrix
    y: Vector
    weights: Vector
    patients: Rows

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _by_column(self.x))

    @classmethod
    def fit(cls, x: AnyMatrix, y: Vector, weights: Vector, penalty: Vector, patients: Rows | None = None) -> Self:
        """Fit a logistic model from cold; without patients, each row is a patient of its own."""
        codes = np.arange(len(x)) if patients is None else patients
        return cls(fit_logistic(x, y, weights, penalty), x, y, weights, codes)

    @cached_property
    def margin(self) -> Vector:
        """m_i, (n,): log-odds, unless the family's margins are something else."""
        return self.model.margin(self.x)

    @property
    def log_odds(self) -> Vector:
        """Log-odds of the risk of each encounter, (n,)."""
        return self.model.as_log_odds(self.margin)

    @cached_property
    def risk(self) -> Vector:
        """p_i, (n,)."""
        return risk(self.log_odds)

    @cached_property
    def tangent(self) -> AnyMatrix:
        """J_i, the slope of each margin in each entry of theta, (n, d): x where the margin is linear in its columns."""
        if isinstance(self.x, DesignMatrix):
            return self.x
        return np.asfortranarray(self.model.of_margin.tangent(self.model.theta, self.x))

    @cached_property
    def residual(self) -> Vector:
        """Minus the slope of the weighted loss in the margin, (n,): w_i (y_i - p_i) for logistic regression."""
        return -self.weights * self.model.of_margin.slope(self.margin, self.y)

    @cached_property
    def curvature(self) -> Vector:
        """Second derivative of the weighted loss, (n,): w_i p_i (1 - p_i) for logistic regression."""
        return self.weights * self.model.of_margin.bend(self.margin, self.y)

    @cached_property
    def twist(self) -> Vector:
        """Third derivative of the weighted loss, (n,): w_i p_i (1 - p_i) (1 - 2 p_i) for logistic regression."""
        return self.weights * self.model.of_margin.twist(self.margin, self.y)

    @cached_property
    def leverage(self) -> Vector:
        """h_i = w_i s_i J_i' H^-1 J_i, (n,); they add up to the effective number of parameters."""
        if isinstance(self.tangent, DesignMatrix):
            return self.curvature * self.tangent.quadratic(self.model.inverse)
        lower, _ = self.model.cholesky
        quadratic = np.empty(len(self.x))
        for start in range(0, len(self.x), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            half = solve_triangular(lower, self.tangent[block].T, lower=True, check_finite=False)
            quadratic[block] = np.einsum("pn,pn->n", half, half)
        return self.curvature * quadratic

    @cached_property
    def information(self) -> Matrix:
        """Covariance of the score if encounters are independent, (d, d).

        X' diag(w^2 s) X for logistic regression, by the model itself; else the sum of squared slopes that were seen.
        """
        if not self.model.is_logistic:
            return weighted_gram(self.tangent, np.square(self.residual))
        if np.all(self.weights == 1.0):
            return self.model.hessian - np.diag(self.model.penalty)
        return weighted_gram(self.x, self.weights * self.curvature)

    @cached_property
    def mean(self) -> Vector:
        """Weighted mean of each column, (p,)."""
        mean: Vector = self.weights @ self.x / self.weights.sum()
        return mean


def _by_column(x: AnyMatrix) -> AnyMatrix:
    return x if isinstance(x, DesignMatrix) else np.asfortranarray(x)
