"""The ground truth: the model without some encounters, or with other labels or weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import FitError, OneClassError, SingularHessianError
from clinflu.influence.group import LOST_IN_ROUNDING
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.cholesky import factor
from clinflu.model.logistic import curvature, risk, weighted_gram
from clinflu.model.newton import STEP_TOLERANCE, fit_logistic, has_arrived

BATCH = 32
MAX_CHORD_STEPS = 60
STEPS_WORTH_A_HESSIAN = 14
MAX_HESSIANS = 15


@dataclass(frozen=True, slots=True)
class Change:
    """New weights and outcomes of some training rows; removing a row is giving it weight 0."""

    rows: Rows
    weights: Vector
    y: Vector

    @classmethod
    def removal(cls, train: TrainingRows, rows: Rows) -> Self:
        """Remove these rows."""
        chosen = np.unique(np.asarray(rows, dtype=np.intp))
        return cls(chosen, np.zeros(len(chosen)), train.y[chosen])


@dataclass(frozen=True, slots=True)
class Refitted:
    """The optimum after a change.

    Parameters
    ----------
    theta : (p,)
    gradient_norm : float
        2-norm of the gradient of the changed objective, divided by the number of rows.
    step_norm : float
        max |H^-1 g|: what was still to go.
    steps : int
        Newton or chord steps.
    hessians : int
        How many of them needed a new Hessian over all rows.
    """

    theta: Vector
    gradient_norm: float
    step_norm: float
    steps: int
    hessians: int


def refit(train: TrainingRows, change: Change) -> Refitted:
    """Return the optimum after one change; see :func:`refit_each`."""
    return refit_each(train, [change])[0]


def refit_each(train: TrainingRows, changes: list[Change]) -> list[Refitted]:
    """Return the optimum after each change, each on its own, from the fit that is there.

    Chord steps on the Hessian with the changed rows' part exchanged, all changes together in one pass over X;
    where the chord would need many steps, a full Newton step takes its place. The stopping rule is that of the
    fit, the penalty is never re-chosen.

    Parameters
    ----------
    train : TrainingRows
    changes : list of Change

    Raises
    ------
    OneClassError
        A change leaves a single outcome.
    SeparationError, SingularHessianError, NotConvergedError
        What is left has no optimum, or none was reached; as a fit to the changed rows would say.
    """
    for change in changes:
        _require_both_classes(train, change)
    return [
        refitted
        for start in range(0, len(changes), BATCH)
        for refitted in _Batch(train, changes[start : start + BATCH]).solve()
    ]


def refit_each_or_nan(train: TrainingRows, changes: list[Change]) -> list[Refitted]:
    """As :func:`refit_each`, with NaN where what is left has no finite optimum, so that one cannot hide the others.

    Without a penalty, removing the only event of a level makes its odds ratio infinite.
    """
    try:
        return refit_each(train, changes)
    except FitError:
        return [_refit_or_nan(train, change) for change in changes]


def changed_rows(train: TrainingRows, change: Change) -> tuple[Vector, Vector]:
    """Return the weights and outcomes of all rows after a change."""
    weights, y = train.weights.copy(), train.y.copy()
    weights[change.rows], y[change.rows] = change.weights, change.y
    return weights, y


def model_after(train: TrainingRows, change: Change, refitted: Refitted) -> FittedModel:
    """Return the refitted model with its own Hessian, ready to be audited in turn."""
    weights, _ = changed_rows(train, change)
    d = weights * curvature(risk(train.x @ refitted.theta))
    hessian = weighted_gram(train.x, d) + np.diag(train.model.penalty)
    return FittedModel(
        train.model.family,
        refitted.theta,
        train.model.penalty,
        hessian,
        refitted.gradient_norm,
        refitted.step_norm,
        refitted.steps,
    )


def _refit_or_nan(train: TrainingRows, change: Change) -> Refitted:
    try:
        return refit(train, change)
    except FitError:
        return Refitted(np.full(train.x.shape[1], np.nan), np.nan, np.nan, 0, 0)


def _require_both_classes(train: TrainingRows, change: Change) -> None:
    events = float(train.weights @ train.y)
    total = float(train.weights.sum())
    events += float(change.weights @ change.y - train.weights[change.rows] @ train.y[change.rows])
    total += float(change.weights.sum() - train.weights[change.rows].sum())
    if events < 0.5 * train.weights.max() * 1e-9 or total - events < 0.5 * train.weights.max() * 1e-9:
        raise OneClassError("this change leaves encounters of one outcome only; keep at least one of each")


class _Batch:
    """Several refits that share each pass over X."""

    def __init__(self, train: TrainingRows, changes: list[Change]) -> None:
        self._train = train
        self._changes = changes
        self._theta = np.repeat(train.model.theta[:, None], len(changes), axis=1)
        self._factors: dict[int, tuple[Matrix, bool]] = {}
        self._last_step = np.full(len(changes), np.inf)
        self._hessians = np.zeros(len(changes), dtype=int)
        self._done: dict[int, Refitted] = {}

    def solve(self) -> list[Refitted]:
        active = list(range(len(self._changes)))
        gradient = np.column_stack([self._start_gradient(change) for change in self._changes])
        for steps in range(MAX_CHORD_STEPS):
            active = [k for place, k in enumerate(active) if not self._advance(k, gradient[:, place], steps)]
            if not active:
                break
            gradient = self._gradient(active)
        for k in active:
            self._done[k] = self._from_cold(k)
        return [self._done[k] for k in range(len(self._changes))]

    def _advance(self, k: int, gradient: Vector, steps: int) -> bool:
        """Take one step of refit k; return whether it is done: it had arrived, or was fitted from cold."""
        try:
            done = self._step(k, gradient, steps)
        except SingularHessianError:
            done = None
        if done is None:
            self._done[k] = self._from_cold(k)
        return done is not False

    def _step(self, k: int, gradient: Vector, steps: int) -> bool | None:
        """Take one step of refit k; return whether it had already arrived, None where no step leads on."""
        if k not in self._factors:
            self._factors[k] = self._start_factor(self._changes[k])
        step: Vector = cho_solve(self._factors[k], gradient, check_finite=False)
        size = float(np.abs(step).max())
        if has_arrived(size, gradient, self._train.x, stalled=size > 0.5 * self._last_step[k]):
            norm = float(np.linalg.norm(gradient)) / len(self._train.x)
            self._done[k] = Refitted(self._theta[:, k].copy(), norm, size, steps, int(self._hessians[k]))
            return True
        if not np.isfinite(size) or size > 4 * self._last_step[k] or self._hessians[k] >= MAX_HESSIANS:
            return None
        if self._is_slow(k, size):
            self._refresh(k)
            step = cho_solve(self._factors[k], gradient, check_finite=False)
        self._last_step[k] = size
        self._theta[:, k] -= step
        return False

    def _is_slow(self, k: int, size: float) -> bool:
        """Whether chord steps at this rate would cost more than a new Hessian."""
        if not np.isfinite(self._last_step[k]):
            return False
        rate = size / self._last_step[k]
        return bool(rate >= 1 or np.log(STEP_TOLERANCE / size) / np.log(rate) > STEPS_WORTH_A_HESSIAN)

    def _refresh(self, k: int) -> None:
        weights, _ = changed_rows(self._train, self._changes[k])
        d = weights * curvature(risk(self._train.x @ self._theta[:, k]))
        self._factors[k] = factor(weighted_gram(self._train.x, d) + np.diag(self._train.model.penalty))
        self._hessians[k] += 1

    def _start_factor(self, change: Change) -> tuple[Matrix, bool]:
        train, rows = self._train, change.rows
        d_change = change.weights * curvature(train.risk[rows]) - train.curvature[rows]
        hessian = train.model.hessian
        for sign, part in ((1.0, d_change > 0), (-1.0, d_change < 0)):
            hessian = hessian + sign * weighted_gram(train.x[rows[part]], np.abs(d_change[part]))
        if np.any(np.diagonal(hessian) <= LOST_IN_ROUNDING * np.diagonal(train.model.hessian)):
            weights, _ = changed_rows(train, change)
            hessian = weighted_gram(train.x, weights * curvature(train.risk)) + np.diag(train.model.penalty)
        return factor(hessian)

    def _start_gradient(self, change: Change) -> Vector:
        """Return the changed objective's gradient at theta; only the changed rows enter, theta being an optimum."""
        train, rows = self._train, change.rows
        before = -train.residual[rows]
        after = change.weights * (train.risk[rows] - change.y)
        gradient: Vector = (after - before) @ train.x[rows]
        return gradient

    def _gradient(self, active: list[int]) -> Matrix:
        train = self._train
        theta = self._theta[:, active]
        p = risk(train.x @ theta)
        residual = train.weights[:, None] * (p - train.y[:, None])
        for place, k in enumerate(active):
            change = self._changes[k]
            residual[change.rows, place] = change.weights * (p[change.rows, place] - change.y)
        gradient: Matrix = train.x.T @ residual + train.model.penalty[:, None] * theta
        return gradient

    def _from_cold(self, k: int) -> Refitted:
        weights, y = changed_rows(self._train, self._changes[k])
        model = fit_logistic(self._train.x, y, weights, self._train.model.penalty)
        return Refitted(model.theta, model.gradient_norm, model.step_norm, model.iterations, model.iterations)
