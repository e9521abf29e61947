"""Digits of several classes whose labels are flipped and mended, with softmax regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize as quasi_newton
from scipy.special import logsumexp, softmax

from clinflu.analysis.labels.taught_softmax import TaughtSoftmax
from clinflu.data.arrays import Matrix, Vector
from clinflu.data.digits import Digits
from clinflu.errors import NotConvergedError
from clinflu.model.base import FittedModel
from clinflu.model.minimise import minimise
from clinflu.model.softmax import Softmax

STILL_TO_GO = 1e-6  # of L^-1 g: the summed loss is then within 1e-9 nats of its minimum
MOST_STEPS = 500


@dataclass(frozen=True)
class SoftmaxSetting:
    """Softmax regression, refitted from the model that the true labels taught.

    Parameters
    ----------
    name : str
    family : Softmax
    model : FittedModel
        At the true labels.
    x : (n, p)
    labels : (n,)
        True ones, 0 to K - 1.
    x_test : (m, p)
    y_test : (m,)
    simulated : bool
        Whether they were invented.
    """

    name: str
    family: Softmax
    model: FittedModel
    x: Matrix
    labels: Vector
    x_test: Matrix
    y_test: Vector
    simulated: bool = False

    @classmethod
    def of_digits(cls, digits: Digits, penalty: float = 1.0) -> Self:
        """Tell digits apart; the penalty holds the intercepts too, without which the optimum is not unique."""
        x, y = digits.x[digits.train], digits.labels[digits.train]
        family = Softmax(len(digits.names))
        model = minimise(family, x, y, np.ones(len(y)), np.full(family.classes * x.shape[1], penalty))
        name = "Digits 0 to 9" if len(digits.names) == 10 else f"Digits {', '.join(digits.names)}"
        return cls(name, family, model, x, y, digits.x[digits.test], digits.labels[digits.test])

    @property
    def classes(self) -> int:
        """K."""
        return self.family.classes

    def taught(self, labels: Vector) -> TaughtSoftmax:
        """Return the model that these labels teach, at its optimum and with its own Hessian, beside them."""
        start = self._theta(labels)
        model = minimise(self.family, self.x, labels, np.ones(len(labels)), self.model.penalty, start)
        return TaughtSoftmax(model, self.x, labels)

    def judged(self, labels: Sequence[Vector]) -> list[dict[str, float]]:
        """Return accuracy, Brier score over all classes and log loss of each refit on the test rows."""
        return [self._judge(self._theta(one)) for one in labels]

    def _judge(self, theta: Vector) -> dict[str, float]:
        scores = self.x_test @ theta.reshape(self.classes, -1).T
        shown = np.eye(self.classes)[self.y_test.astype(np.intp)]
        off = np.square(softmax(scores, axis=1) - shown).sum(axis=1)
        loss = logsumexp(scores, axis=1) - (scores * shown).sum(axis=1)
        accuracy = np.mean(scores.argmax(axis=1) == self.y_test)
        return {"accuracy": float(accuracy), "brier": float(off.mean()), "log_loss": float(loss.mean())}

    def _theta(self, labels: Vector) -> Vector:
        """Return the optimum for these labels by L-BFGS in the coordinates in which the Hessian at the start is 1.

        Raises
        ------
        NotConvergedError
        """
        lower = self.model.cholesky[0]
        shown = np.eye(self.classes)[labels.astype(np.intp)]

        def value_and_slope(moved: Vector) -> tuple[float, Vector]:
            theta = self.model.theta + solve_triangular(lower, moved, lower=True, trans="T", check_finite=False)
            value, gradient = self._objective(theta, shown)
            return value, solve_triangular(lower, gradient, lower=True, check_finite=False)

        options = {"maxiter": MOST_STEPS, "gtol": STILL_TO_GO, "ftol": 0.0}
        found = quasi_newton(
            value_and_slope, np.zeros(len(self.model.theta)), jac=True, method="L-BFGS-B", options=options
        )
        if np.abs(found.jac).max() > 100 * STILL_TO_GO:
            raise NotConvergedError(f"the refit stopped early ({found.message}); raise the penalty")
        theta: Vector = self.model.theta + solve_triangular(lower, found.x, lower=True, trans="T", check_finite=False)
        return theta

    def _objective(self, theta: Vector, shown: Matrix) -> tuple[float, Vector]:
        scores = self.x @ theta.reshape(self.classes, -1).T
        loss = logsumexp(scores, axis=1).sum() - (scores * shown).sum()
        slope = (softmax(scores, axis=1) - shown).T @ self.x
        value = loss + 0.5 * self.model.penalty @ theta**2
        return float(value), slope.ravel() + self.model.penalty * theta
