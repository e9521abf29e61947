"""Logistic regression whose objective also asks that no training row has much influence on its own prediction."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.asking import check_number
from clinflu.errors import DataError, NotConvergedError
from clinflu.model.logistic import LOGISTIC
from clinflu.model.newton import fit_logistic

if TYPE_CHECKING:
    import torch

OWN_LABEL, EITHER_LABEL = "own label", "either label"
LABELS = (OWN_LABEL, EITHER_LABEL)
POWER = 8.0
GRADIENT_TOLERANCE = 1e-6
MAX_STEPS = 2_000


@dataclass(frozen=True, eq=False, repr=False)
class FitRows:
    """What a model is fitted to: x (n, p), outcomes y (n,), weights (n,) and penalty (p,) on the summed loss."""

    x: Matrix
    y: Vector
    weights: Vector
    penalty: Vector

    def without(self, row: int) -> "FitRows":
        """Return the rows, one of them with weight 0."""
        return FitRows(self.x, self.y, np.where(np.arange(len(self.y)) == row, 0.0, self.weights), self.penalty)

    def relabelled(self, row: int) -> "FitRows":
        """Return the rows, one of them with the other outcome."""
        return FitRows(
            self.x, np.where(np.arange(len(self.y)) == row, 1.0 - self.y, self.y), self.weights, self.penalty
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What large self-influence costs.

    Parameters
    ----------
    mu : float
        Of a nat of self-influence, in nats of the summed loss; 0 is the ordinary fit.
    label : str
        ``"own label"`` or ``"either label"``; see :class:`PenalisedFit`.
    power : float
        k, 1 or more: 1 prices the sum of all self-influences, larger ones the largest.
    """

    mu: float
    label: str = OWN_LABEL
    power: float = POWER

    def __post_init__(self) -> None:
        mu, power = check_number(self.mu, "mu"), check_number(self.power, "the power")
        if not (0 <= mu < np.inf and 1 <= power < np.inf):
            raise DataError("mu is 0 or more, and the power 1 or more")
        if self.label not in LABELS:
            raise DataError(f"self-influence is priced by its {' or '.join(map(repr, LABELS))}")


@dataclass(frozen=True, eq=False, repr=False)
class PenalisedFit:
    r"""A minimum of the loss, the L2 penalty and a price on large self-influence.

    .. math:: F(\theta) + \mu \Big( \sum_i I_i^k \Big)^{1/k}, \qquad
        I_i = \frac{w_i r_i^2 q_i}{1 - h_i}, \quad q_i = \tilde x_i^\top H(\theta)^{-1} \tilde x_i,
        \quad h_i = w_i s_i q_i

    with H the Hessian of F alone. The bracket is never less than the largest I, and tends to it as k grows. A model can
    make :math:`r_i` small by learning row i by heart, and so pay little while each row still has much to say; with
    ``"either label"`` :math:`r_i^2` is :math:`p_i^2 + (1 - p_i)^2`, the sum over both outcomes that the row might have
    had, which no fit to the label makes small.

    Parameters
    ----------
    theta : (p,)
    price : Price
    self_influence : (n,)
        I of each row, nats, by its own label.
    priced : float
        The k-norm that was priced, nats.
    gradient_norm : float
        Largest entry of the gradient, in coordinates in which F at its own optimum has curvature 1.
    steps : int
        Of L-BFGS.
    """

    theta: Vector
    price: Price
    self_influence: Vector
    priced: float
    gradient_norm: float
    steps: int

    def __repr__(self) -> str:
        return (
            f"PenalisedFit at mu = {self.price.mu:g}: largest self-influence {self.self_influence.max():.3g} nats; "
            f"{self.steps} steps"
        )


def fit_penalised(rows: FitRows, price: Price, start: Vector | None = None) -> PenalisedFit:
    """Minimise the penalised objective by L-BFGS in float64, from the unpenalised optimum or from a start.

    The objective need not be convex: what is found is a minimum, not always the lowest.

    Parameters
    ----------
    rows : FitRows
    price : Price
    start : (p,), optional

    Raises
    ------
    FitError
        Its kinds name why there is no fit.
    """
    plain = fit_logistic(rows.x, rows.y, rows.weights, rows.penalty)
    objective = _Objective(rows, price, plain.theta, np.tril(plain.cholesky[0]))
    theta, left, steps = objective.minimise(plain.theta if start is None else start)
    priced = k_norm(self_influence(rows, theta, price.label), price.power)
    return PenalisedFit(theta, price, self_influence(rows, theta), priced, left, steps)


def self_influence(rows: FitRows, theta: Vector, label: str = OWN_LABEL) -> Vector:
    """Return I of each row, (n,), nats: the leverage-corrected rise of its own loss when it is removed."""
    import torch

    with torch.no_grad():
        influence: Vector = _self_influence(_tensors(rows), torch.from_numpy(np.array(theta)), label).numpy()
    return influence


def k_norm(influence: Vector, power: float) -> float:
    """Return the k-norm of values that are 0 or more."""
    largest = float(influence.max())
    return largest * float(((influence / largest) ** power).sum() ** (1.0 / power)) if largest > 0 else 0.0


def objective_and_gradient(rows: FitRows, price: Price, theta: Vector) -> tuple[float, Vector]:
    """Return the penalised objective at theta and its gradient, (p,), by automatic differentiation."""
    import torch

    at = torch.tensor(np.array(theta), requires_grad=True)
    value = _objective(_tensors(rows), price, at)
    (gradient,) = torch.autograd.grad(value, at)
    return float(value.detach()), gradient.numpy()


def slopes_of_gradient(rows: FitRows, price: Price, theta: Vector) -> tuple[Matrix, Matrix, Matrix]:
    """Return how the objective's gradient changes with theta (p, p), with each weight (p, n), each outcome (p, n)."""
    import torch

    at = torch.tensor(np.array(theta), requires_grad=True)
    x, y, weights, penalty = _tensors(rows)
    y.requires_grad_()
    weights.requires_grad_()
    (gradient,) = torch.autograd.grad(_objective((x, y, weights, penalty), price, at), at, create_graph=True)
    found = [torch.autograd.grad(one, (at, weights, y), retain_graph=True) for one in gradient]
    of_theta, of_weights, of_outcomes = (torch.stack(part).numpy() for part in zip(*found, strict=True))
    return of_theta, of_weights, of_outcomes


@dataclass(frozen=True, eq=False)
class _Objective:
    """The objective in coordinates z, theta = centre + L^-T z, in which F has curvature 1 at its optimum."""

    rows: FitRows
    price: Price
    centre: Vector
    lower: Matrix

    def minimise(self, start: Vector) -> tuple[Vector, float, int]:
        """Return theta, the largest entry of the gradient in z, and the number of steps."""
        done: Any = minimize(
            self._value,
            self.lower.T @ (start - self.centre),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_STEPS, "maxfun": 2 * MAX_STEPS, "gtol": 1e-9, "ftol": 0.0, "maxcor": 30},
        )
        left = float(np.abs(done.jac).max())
        if not left <= GRADIENT_TOLERANCE * max(1.0, self.price.mu):
            raise NotConvergedError(
                f"the penalised fit stopped with a slope of {left:.1e} left; take a smaller mu, or steps between"
            )
        return self._theta(done.x), left, int(done.nit)

    def _value(self, z: Vector) -> tuple[float, Vector]:
        value, gradient = objective_and_gradient(self.rows, self.price, self._theta(z))
        inner: Vector = solve_triangular(self.lower, gradient, lower=True)
        return value, inner

    def _theta(self, z: Vector) -> Vector:
        moved: Vector = self.centre + solve_triangular(self.lower.T, z, lower=False)
        return moved


def _objective(tensors: "tuple[torch.Tensor, ...]", price: Price, theta: "torch.Tensor") -> "torch.Tensor":
    x, y, weights, penalty = tensors
    value = (weights * LOGISTIC.loss(theta, x, y)).sum() + 0.5 * (penalty * theta**2).sum()
    if price.mu == 0:
        return value
    influence = _self_influence(tensors, theta, price.label)
    largest = influence.detach().max()  # so that no power under- or overflows
    return value + price.mu * largest * ((influence / largest) ** price.power).sum() ** (1.0 / price.power)


def _tensors(rows: FitRows) -> "tuple[torch.Tensor, ...]":
    import torch

    return tuple(torch.from_numpy(np.array(a, dtype=float)) for a in (rows.x, rows.y, rows.weights, rows.penalty))


def _self_influence(tensors: "tuple[torch.Tensor, ...]", theta: "torch.Tensor", label: str) -> "torch.Tensor":
    import torch

    x, y, weights, penalty = tensors
    p = torch.sigmoid(x @ theta)
    curved = weights * p * (1.0 - p)
    lower = torch.linalg.cholesky(x.T @ (curved[:, None] * x) + torch.diag(penalty))
    half = torch.linalg.solve_triangular(lower, x.T, upper=False)
    kernel = (half**2).sum(dim=0)
    squared = (y - p) ** 2 if label == OWN_LABEL else p**2 + (1.0 - p) ** 2
    return weights * squared * kernel / (1.0 - curved * kernel)
