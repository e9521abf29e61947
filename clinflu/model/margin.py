"""Families whose loss depends on an encounter through one number, its margin: what the whole product can explain."""

from dataclasses import asdict, is_dataclass
from typing import Self

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.model.base import FittedModel, ModelFamily


class MarginFamily(ModelFamily):
    r"""A loss l(m, y) of a margin m = m(x; theta), y in {0, 1}.

    .. math:: \nabla_\theta l_i = l'(m_i, y_i) \, J_i, \qquad J_i = \nabla_\theta m(x_i; \theta)

    For the families that are linear in theta, :math:`J_i` is the row of x itself, or of what is made of it, and every
    formula of logistic regression holds with l' in the place of p - y and l'' in that of p (1 - p). For the others
    they hold to first order at the fitted theta: estimates are then approximate, and only a refit is the truth.
    """

    title = "A model"  # in a report
    is_linear = True  # the margin in theta; then the objective with a penalty has one optimum
    has_log_odds = True  # a margin is the log-odds of the event
    keeps_columns = True  # the margin in the columns of x, each with a coefficient of its own

    def row_loss(self, margin: Vector, y: Vector) -> Vector:
        """Return l(m, y) of each row, (n,)."""
        raise NotImplementedError(f"{type(self).__name__} must define its loss at a margin")

    def slope(self, margin: Vector, y: Vector) -> Vector:
        """Return dl/dm of each row, (n,)."""
        raise NotImplementedError(f"{type(self).__name__} must define the slope of its loss")

    def bend(self, margin: Vector, y: Vector) -> Vector:
        """Return d2l/dm2 of each row, (n,), 0 or more."""
        raise NotImplementedError(f"{type(self).__name__} must define the curvature of its loss")

    def twist(self, margin: Vector, y: Vector) -> Vector:
        """Return d3l/dm3 of each row, (n,)."""
        raise NotImplementedError(f"{type(self).__name__} must define the third derivative of its loss")

    def losses(self, theta: Vector, x: Matrix, y: Vector) -> Vector:
        """Return l(m, y) of each row, (n,)."""
        return self.row_loss(self.margin(theta, x), y)

    def losses_along(self, theta: Vector, x: Matrix, y: Vector, direction: Vector) -> Vector:
        """Return l' J v of each row, (n,), for the direction v (d,)."""
        return self.slope(self.margin(theta, x), y) * (self.tangent(theta, x) @ direction)

    def margin(self, theta: Vector, x: Matrix) -> Vector:
        """Return m of each row, (n,)."""
        margin: Vector = x @ theta
        return margin

    def tangent(self, theta: Vector, x: Matrix) -> Matrix:  # noqa: ARG002 -- of every family
        """Return J, (n, d): the slope of each margin in each entry of theta."""
        return x

    def column_slopes(self, theta: Vector, x: Matrix) -> Matrix:
        """Return the slope of each margin in each column of x, (n, p)."""
        return np.broadcast_to(theta, x.shape)

    def tangent_slopes(self, theta: Vector, x: Matrix, direction: Vector) -> Matrix:  # noqa: ARG002 -- of every family
        """Return the slope of J v of each row in each column of x, (n, p), for the direction v (d,)."""
        return np.broadcast_to(direction, x.shape)

    def parameters(self, columns: int) -> int:
        """Return d, the length of theta for rows of so many columns."""
        return columns

    def penalties(self, columns: int, penalty: float, *, has_intercept: bool) -> Vector:
        """Return the penalty of each entry of theta, (d,): the same for all but the intercept, which is free."""
        strengths = np.full(self.parameters(columns), float(penalty))
        if has_intercept:
            strengths[0] = 0.0
        return strengths

    def learned(self, x: Matrix) -> Self:  # noqa: ARG002 -- of every family
        """Return the family with what it takes from the training rows, (n, p), once and for every refit."""
        return self

    def options(self) -> dict[str, float]:
        """Return what makes the family from its class, by name: plain numbers."""
        return asdict(self) if is_dataclass(self) else {}

    def arrays(self) -> dict[str, Matrix]:
        """Return what it took from the training rows, by name."""
        return {}

    @classmethod
    def restored(cls, options: dict[str, float], arrays: dict[str, Matrix]) -> Self:  # noqa: ARG003 -- of every family
        """Return the family that gave these options and arrays."""
        return cls(**options)

    def fit(self, x: Matrix, y: Vector, weights: Vector, penalty: Vector, start: Vector | None = None) -> FittedModel:
        """Return the fit to rows, from a start where one is given; its stopping rule is that of every fit.

        Parameters
        ----------
        x : (n, p)
        y, weights : (n,)
        penalty : (d,)
        start : (d,), optional
            Such as theta of a fit to nearly the same rows.

        Raises
        ------
        FitError
            Its kinds name the reason.
        """
        raise NotImplementedError(f"{type(self).__name__} must define its fit")

    def perturbation(self, theta: Vector, x: Matrix, y: Vector, direction: Vector) -> Matrix:
        r"""Return the slope in x of v' grad l at each row, (k, p), for the direction v (d,).

        .. math:: \nabla_x (v^\top \nabla_\theta l) = l'' (J v) \nabla_x m + l' \, \nabla_x (J v)
        """
        margin = self.margin(theta, x)
        through_margin = self.bend(margin, y) * (self.tangent(theta, x) @ direction)
        slopes: Matrix = through_margin[:, None] * self.column_slopes(theta, x)
        slopes += self.slope(margin, y)[:, None] * self.tangent_slopes(theta, x, direction)
        return slopes
