"""Whether influence computed from a fit means anything, and if not, why."""

from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Vector
from clinflu.errors import SingularHessianError, TrustError
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import has_arrived

LARGEST_CONDITION = 1e12
LARGEST_PARAMETER_SHARE = 0.5
LARGEST_LEVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Trust:
    """What was checked, and every reason not to compute influence from the fit.

    Parameters
    ----------
    gradient_norm, step_norm : float
        As in ``FittedModel``.
    condition : float
        Of the Hessian scaled to unit diagonal.
    effective_parameters, largest_leverage : float
        Sum and maximum of the leverages.
    reasons : tuple of str
        Empty where the fit can be trusted.
    """

    gradient_norm: float
    step_norm: float
    condition: float
    effective_parameters: float
    largest_leverage: float
    reasons: tuple[str, ...]


def assess(train: TrainingRows) -> Trust:
    """Check gradient, conditioning and leverage of a fit."""
    model = train.model
    gradient = train.residual @ train.tangent - model.penalty * model.theta
    gradient_norm = float(np.linalg.norm(gradient)) / len(train.x)
    scale = np.sqrt(np.abs(np.diagonal(model.hessian)).clip(min=np.finfo(float).tiny))
    condition = float(np.linalg.cond(model.hessian / np.outer(scale, scale)))
    try:
        step_norm = float(np.abs(model.solve(gradient)).max())
        leverage = train.leverage
    except SingularHessianError:
        reason = "the Hessian is not positive definite"
        return Trust(gradient_norm, np.inf, condition, np.nan, np.nan, (reason,))
    arrived = has_arrived(step_norm, gradient, train.x, float(train.weights.sum()), stalled=True)
    reasons = _reasons(step_norm, condition, leverage, arrived=arrived)
    return Trust(gradient_norm, step_norm, condition, float(leverage.sum()), float(leverage.max()), reasons)


def require_trust(trust: Trust) -> None:
    """Raise if no influence should be computed from the fit.

    Raises
    ------
    TrustError
        With every reason.
    """
    if trust.reasons:
        raise TrustError(
            f"no influence is computed from this fit: {'; '.join(trust.reasons)}. Refit to the optimum, merge rare "
            "levels, drop doubled columns, or raise the penalty"
        )


def _reasons(step_norm: float, condition: float, leverage: Vector, *, arrived: bool) -> tuple[str, ...]:
    found = []
    if not arrived:
        found.append(f"it is not at its optimum (a step of {step_norm:.1e} is still to go)")
    if condition > LARGEST_CONDITION:
        found.append(f"the columns can hardly be told apart (condition number {condition:.1e})")
    if leverage.sum() > LARGEST_PARAMETER_SHARE * len(leverage):
        found.append(f"{leverage.sum():.0f} effective parameters for only {len(leverage):,} encounters")
    if leverage.max() > LARGEST_LEVERAGE:
        found.append(f"one encounter determines a coefficient almost alone (leverage {leverage.max():.2f})")
    return tuple(found)
