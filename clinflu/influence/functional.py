"""Metrics as smooth functionals of the coefficients, and what each training row does to them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import OneClassError
from clinflu.influence.group import group_newton
from clinflu.influence.removal import direction_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.logistic import curvature, risk, row_loss
from clinflu.model.metrics import calibration_intercept
from clinflu.model.newton import fit_logistic

Smooth = TypeVar("Smooth", bound="MarginFunctional")


class Functional(Protocol):
    """A number that the coefficients determine, with its slope; theta (p,) in every method."""

    def value(self, theta: Vector) -> float:
        """Return the smooth value; NaN where theta is not finite."""

    def exact(self, theta: Vector) -> float:
        """Return the value without smoothing; the same as ``value`` where nothing is smoothed."""

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient of ``value``, (p,)."""


def functional_effects(train: TrainingRows, functional: Functional) -> Vector:
    r"""First-order change of a functional when each training encounter is removed.

    .. math:: \Delta\phi_i = - w_i r_i \, \nabla\phi(\theta)^\top H^{-1} \tilde x_i

    One solve and one product with X. :func:`clinflu.influence.removal.one_step` divides by :math:`1 - h_i`: the
    change that goes with one Newton step without that encounter, along the functional's tangent.

    Parameters
    ----------
    train : TrainingRows
    functional : Functional

    Returns
    -------
    (n,), units of the functional
        Positive: without that encounter the functional would be higher.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, Eq. 2, with the functional in the place of the audited loss.
    """
    return direction_effect(train, functional.gradient(train.model.theta))


def group_effect(train: TrainingRows, functional: Functional, rows: Rows) -> float:
    """Return the change of a functional after one Newton step without a group of rows, evaluated there exactly.

    It bends with the functional, as the first-order effect does not: a mean loss near its minimum needs that, and so do
    rows of high leverage.

    Raises
    ------
    SingularHessianError
        Without these rows the model is not determined.
    """
    theta = train.model.theta
    return functional.value(theta + group_newton(train, rows)) - functional.value(theta)


@dataclass(frozen=True, eq=False)
class MarginFunctional(ABC):
    """A functional that depends on theta only through the margins of some audited rows.

    Parameters
    ----------
    x : (t, p)
        Audited rows; each counts once.
    y : (t,)
        Their outcomes, 0 or 1.
    model : FittedModel, optional
        Whose log-odds they are; by default of a model whose log-odds are x theta.
    """

    x: Matrix
    y: Vector
    model: FittedModel | None = field(default=None, kw_only=True)

    @abstractmethod
    def at(self, margins: Vector) -> float:
        """Return the smooth value at margins (t,)."""

    @abstractmethod
    def slope(self, margins: Vector) -> Vector:
        """Return the derivative of ``at`` with respect to each margin, (t,)."""

    def exact_at(self, margins: Vector) -> float:
        """Return the value without smoothing."""
        return self.at(margins)

    def value(self, theta: Vector) -> float:
        """Return the smooth value; NaN where theta is not finite."""
        return self.at(self._margins(theta)) if np.isfinite(theta).all() else np.nan

    def exact(self, theta: Vector) -> float:
        """Return the value without smoothing; NaN where theta is not finite."""
        return self.exact_at(self._margins(theta)) if np.isfinite(theta).all() else np.nan

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient of ``value``, (p,)."""
        directions = self.x if self.model is None else self.model.directions_at(theta, self.x)
        gradient: Vector = self.slope(self._margins(theta)) @ directions
        return gradient

    def _margins(self, theta: Vector) -> Vector:
        margins: Vector = self.x @ theta if self.model is None else self.model.log_odds(self.x, theta)
        return margins


def at_model(functional: Smooth, model: FittedModel) -> Smooth:
    """Return the functional of the log-odds of a model, whichever its family."""
    return functional if model.is_logistic else replace(functional, model=model)


class MeanLoss(MarginFunctional):
    """Mean loss of the rows, in nats."""

    def at(self, margins: Vector) -> float:
        """Return the mean of -log of the probability given to what happened."""
        return float(row_loss(margins, self.y).mean())

    def slope(self, margins: Vector) -> Vector:
        """Return (p - y) / t."""
        return (risk(margins) - self.y) / len(margins)


class EventRateMinusRisk(MarginFunctional):
    """Event rate minus mean predicted risk, a share of 1: positive where the model predicts too little."""

    def at(self, margins: Vector) -> float:
        """Return the mean of y - p."""
        return float((self.y - risk(margins)).mean())

    def slope(self, margins: Vector) -> Vector:
        """Return -p (1 - p) / t."""
        return -curvature(risk(margins)) / len(margins)


class CalibrationIntercept(MarginFunctional):
    """Calibration-in-the-large: what must be added to every margin so that mean risk and event rate agree.

    Log-odds; 0 is perfect, positive where the model predicts too little. It is the intercept a of the recalibration
    P(y) = sigmoid(a + m), the slope held at 1 (Cox 1958).
    """

    def at(self, margins: Vector) -> float:
        """Return the intercept; raises OneClassError where all outcomes are the same."""
        require_both_outcomes(self.y)
        return calibration_intercept(self.y, margins, np.ones(len(self.y)))

    def slope(self, margins: Vector) -> Vector:
        """Return -s / sum s, s = p (1 - p) at the recalibrated risks: the implicit derivative of the fit."""
        s = curvature(risk(self.at(margins) + margins))
        slope: Vector = -s / s.sum()
        return slope


class CalibrationSlope(MarginFunctional):
    """Calibration slope: b of the recalibration P(y) = sigmoid(a + b m) (Cox 1958).

    1 is perfect; below 1 the risks are too extreme, above 1 not extreme enough.
    """

    def at(self, margins: Vector) -> float:
        """Return the slope; raises FitError where all outcomes or all margins are the same, or m separates them."""
        return float(self._recalibrate(margins)[1])

    def slope(self, margins: Vector) -> Vector:
        r"""Return the implicit derivative of the recalibration fit.

        .. math:: \frac{db}{dm_i} = - e_2^\top G^{-1} \left[ s_i b \, (1, m_i)^\top + (p_i - y_i) \, (0, 1)^\top \right]

        .. math:: G = \sum_i s_i (1, m_i)^\top (1, m_i)
        """
        a, b = self._recalibrate(margins)
        p = risk(a + b * margins)
        line = np.column_stack([np.ones(len(margins)), margins])
        s = curvature(p)
        row = np.linalg.inv(line.T @ (line * s[:, None]))[1]
        slope: Vector = -(s * b * (line @ row) + (p - self.y) * row[1])
        return slope

    def _recalibrate(self, margins: Vector) -> Vector:
        line = np.column_stack([np.ones(len(margins)), margins])
        return fit_logistic(line, self.y, np.ones(len(margins)), np.zeros(2)).theta


@dataclass(frozen=True, eq=False)
class Gap:
    """A functional of one group minus that of another, such as the gap of their false-negative rates."""

    of: Functional
    against: Functional

    def value(self, theta: Vector) -> float:
        """Return the difference of the smooth values."""
        return self.of.value(theta) - self.against.value(theta)

    def exact(self, theta: Vector) -> float:
        """Return the difference of the values without smoothing."""
        return self.of.exact(theta) - self.against.exact(theta)

    def gradient(self, theta: Vector) -> Vector:
        """Return the difference of the gradients, (p,)."""
        return self.of.gradient(theta) - self.against.gradient(theta)


def require_both_outcomes(y: Vector) -> None:
    """Raise OneClassError where all outcomes are the same."""
    if not 0 < y.mean() < 1:
        raise OneClassError("these encounters all have the same outcome, so this is not defined; choose a larger group")
