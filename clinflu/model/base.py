"""What a model family must give, and what a fit holds."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.model.cholesky import factor

if TYPE_CHECKING:
    import torch

    from clinflu.model.margin import MarginFamily

UNSCALED = (0.0, 1.0)


def torch_device() -> "torch.device":
    """Return where automatic differentiation runs: a CUDA device where torch sees one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class ModelFamily:
    """A differentiable loss per encounter; everything else follows from it by ``torch.func`` in float64.

    A new family writes ``loss``; closed forms may override the rest, and are tested against it. All values are
    of the unpenalised loss, sum over rows of w_i l_i(theta).
    """

    name: str

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the loss of each row, (n,), for ``theta`` (p,), ``x`` (n, p) and ``y`` (n,)."""
        raise NotImplementedError(f"{type(self).__name__} must define its loss")

    def losses(self, theta: Vector, x: Matrix, y: Vector) -> Vector:
        """Return the unweighted loss of each row, (n,)."""
        return self._array(self.loss(*self._tensors(theta, x, y)))

    def losses_along(self, theta: Vector, x: Matrix, y: Vector, direction: Vector) -> Vector:
        """Return how fast the unweighted loss of each row rises along a direction of theta, (n,).

        One forward derivative of all losses at once: no gradient of a single row is formed.
        """
        from torch.func import jvp

        at, rows, outcome, tangent = self._tensors(theta, x, y, direction)
        return self._array(jvp(lambda free: self.loss(free, rows, outcome), (at,), (tangent,))[1])

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return the gradient of the weighted loss, (p,)."""
        from torch.func import grad

        objective, at = self._objective(theta, x, y, weights)
        return self._array(grad(objective)(at))

    def hvp(self, theta: Vector, x: Matrix, y: Vector, weights: Vector, direction: Vector) -> Vector:
        """Return the Hessian of the weighted loss times a direction, (p,)."""
        from torch.func import grad, jvp

        objective, at = self._objective(theta, x, y, weights)
        (tangent,) = self._tensors(direction)
        return self._array(jvp(grad(objective), (at,), (tangent,))[1])

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        """Return the Hessian of the weighted loss, (p, p)."""
        from torch.func import hessian

        objective, at = self._objective(theta, x, y, weights)
        return self._array(hessian(objective)(at))

    def _objective(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> "tuple[object, torch.Tensor]":
        at, rows, outcome, weight = self._tensors(theta, x, y, weights)
        return lambda free: (weight * self.loss(free, rows, outcome)).sum(), at

    @staticmethod
    def _tensors(*arrays: Matrix) -> "tuple[torch.Tensor, ...]":
        """Return copies in float64, where automatic differentiation runs."""
        import torch

        device = torch_device()
        return tuple(torch.from_numpy(np.array(array, dtype=float)).to(device) for array in arrays)

    @staticmethod
    def _array(tensor: "torch.Tensor") -> Vector:
        array: Vector = tensor.detach().cpu().numpy()
        return array


@dataclass(frozen=True)
class FittedModel:
    """A model at the minimum of sum_i w_i l_i(theta) + 1/2 theta' diag(penalty) theta.

    Parameters
    ----------
    family : str
        Name in ``FAMILIES``.
    theta : (p,)
        Coefficients.
    penalty : (p,)
        L2 penalty of each coefficient on the **summed** loss; 0 for a free intercept.
    hessian : (p, p)
        Of the penalised objective at theta.
    gradient_norm : float
        2-norm of the gradient of the objective, divided by the number of rows.
    step_norm : float
        max |H^-1 g|: how far theta still is from the optimum, in units of theta.
    iterations : int
        Newton or chord steps taken.
    form : MarginFamily, optional
        The family itself, with its options; by default logistic.
    scale : (float, float)
        a and b of the log-odds a + b m that a margin m stands for; (0, 1) where margins are log-odds. Never chosen
        anew in a refit.
    passes : int
        Passes over the rows that the fit took, where a pass is what costs; else 0.
    """

    family: str
    theta: Vector
    penalty: Vector
    hessian: Matrix
    gradient_norm: float
    step_norm: float
    iterations: int
    form: "MarginFamily | None" = field(default=None, kw_only=True)
    scale: tuple[float, float] = field(default=UNSCALED, kw_only=True)
    passes: int = field(default=0, kw_only=True)

    @cached_property
    def of_margin(self) -> "MarginFamily":
        """The family of its loss."""
        if self.form is not None:
            return self.form
        from clinflu.model.logistic import LOGISTIC

        return LOGISTIC

    @property
    def is_logistic(self) -> bool:
        """Whether the loss is that of logistic regression, and margins are log-odds linear in the columns."""
        return self.form is None

    def margin(self, x: AnyMatrix, theta: Vector | None = None) -> Vector:
        """Return the margin of each row, (n,), at the fitted theta or at another."""
        at = self.theta if theta is None else theta
        if isinstance(x, DesignMatrix):  # kept for logistic regression alone
            margin: Vector = x @ at
            return margin
        return self.of_margin.margin(at, x)

    def log_odds(self, x: AnyMatrix, theta: Vector | None = None) -> Vector:
        """Return the log-odds of each row, (n,), at the fitted theta or at another."""
        return self.as_log_odds(self.margin(x, theta))

    def as_log_odds(self, margin: Vector) -> Vector:
        """Return the log-odds that margins stand for."""
        shift, steep = self.scale
        return margin if self.scale == UNSCALED else shift + steep * margin

    def log_odds_of(self, row: Vector, theta: Vector | None = None) -> float:
        """Return the log-odds of one row, (p,)."""
        if self.form is None:
            return float(row @ (self.theta if theta is None else theta))
        return float(self.log_odds(row[None], theta)[0])

    def log_odds_change(self, row: Vector, theta: Vector) -> float:
        """Return by how much the log-odds of one row, (p,), change when theta changes to another."""
        if self.of_margin.is_linear:
            return float(self.direction(row) @ (theta - self.theta))
        return self.log_odds_of(row, theta) - self.log_odds_of(row)

    def directions(self, x: Matrix) -> Matrix:
        """Return the slope of the log-odds of each row in each entry of theta, (n, d)."""
        return self.directions_at(self.theta, x)

    def directions_at(self, theta: Vector, x: Matrix) -> Matrix:
        """Return :meth:`directions` at another theta."""
        tangent = self.of_margin.tangent(theta, x)
        return tangent if self.scale == UNSCALED else self.scale[1] * tangent

    def direction(self, row: Vector) -> Vector:
        """Return the slope of the log-odds of one row, (p,), in each entry of theta, (d,)."""
        slope: Vector = row if self.form is None else self.directions(row[None])[0]
        return slope

    def moved(self, theta: Vector, hessian: Matrix, gradient_norm: float, step_norm: float, iterations: int) -> Self:
        """Return the model at another optimum of the same family, penalty and scale."""
        return replace(
            self,
            theta=theta,
            hessian=hessian,
            gradient_norm=gradient_norm,
            step_norm=step_norm,
            iterations=iterations,
        )

    @cached_property
    def cholesky(self) -> tuple[Matrix, bool]:
        """Cholesky factor of the Hessian, as ``scipy.linalg.cho_solve`` takes it.

        Raises
        ------
        SingularHessianError
            The Hessian is not positive definite.
        """
        return factor(self.hessian)

    def solve(self, rhs: Matrix) -> Matrix:
        """Return H^-1 times a vector (p,) or the columns of a matrix (p, k)."""
        solution: Matrix = cho_solve(self.cholesky, rhs, check_finite=False)
        return solution

    @cached_property
    def inverse(self) -> Matrix:
        """H^-1, (p, p)."""
        return self.solve(np.eye(len(self.theta)))

    @property
    def is_penalised(self) -> bool:
        """Whether any coefficient is shrunk, so that its interval is not one of an unbiased estimate."""
        return bool(np.any(self.penalty > 0))
