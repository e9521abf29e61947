"""The ground truth: the model without some encounters, or with other labels, weights, recorded values or additions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Vector
from clinflu.data.matrix import whole
from clinflu.errors import FitError, SingularHessianError
from clinflu.influence.change import Added, Change, hessian_after, require_sound, rows_after
from clinflu.influence.descent import Descent, pass_over
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.newton import fit_logistic
from clinflu.progress import Progress, silent

__all__ = ["Added", "Change", "Refitted", "model_after", "refit", "refit_each", "refit_each_or_nan", "rows_after"]

BATCH = 32
MAX_STEPS = 60


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
        Steps taken.
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


def refit_each(train: TrainingRows, changes: list[Change], progress: Progress = silent) -> list[Refitted]:
    """Return the optimum after each change, each on its own, from the fit that is there.

    Quasi-Newton steps from the Hessian with the changed rows' part exchanged, all changes together in one pass over
    X; where many would be needed, a full Newton step takes their place, and where no step leads on, the rows are
    fitted from cold. The stopping rule is that of the fit, the penalty is never re-chosen.

    Parameters
    ----------
    train : TrainingRows
    changes : list of Change
    progress : Progress
        Of how many of them are done.

    Raises
    ------
    OneClassError
        A change leaves a single outcome.
    SeparationError, SingularHessianError, NotConvergedError
        What is left has no optimum, or none was reached; as a fit to the changed rows would say.
    """
    for change in changes:
        require_sound(train, change)
    if not train.model.is_logistic:
        return _refit_family(train, changes, progress)
    found: list[Refitted] = []
    for batch in _batches(train, changes):
        found += _solve(train, changes[batch])
        progress(len(found), len(changes))
    return found


def refit_each_or_nan(train: TrainingRows, changes: list[Change], progress: Progress = silent) -> list[Refitted]:
    """As :func:`refit_each`, with NaN where what is left has no finite optimum, so that one cannot hide the others.

    Without a penalty, removing the only event of a level makes its odds ratio infinite.
    """
    found: list[Refitted] = []
    for batch in _batches(train, changes):
        try:
            found += refit_each(train, changes[batch])
        except FitError:
            found += [_refit_or_nan(train, change) for change in changes[batch]]
        progress(len(found), len(changes))
    return found


def model_after(train: TrainingRows, change: Change, refitted: Refitted) -> FittedModel:
    """Return the refitted model with its own Hessian, ready to be audited in turn."""
    hessian = hessian_after(train, change, refitted.theta)
    return train.model.moved(refitted.theta, hessian, refitted.gradient_norm, refitted.step_norm, refitted.steps)


def _refit_family(train: TrainingRows, changes: list[Change], progress: Progress) -> list[Refitted]:
    """Refit a family other than the logistic one: its own fit, from the theta that is there, one change at a time."""
    found = []
    for change in changes:
        x, y, weights = rows_after(train, change)
        family = train.model.of_margin
        model = family.fit(whole(x, family.title), y, weights, train.model.penalty, train.model.theta)
        model.theta.setflags(write=False)
        found.append(Refitted(model.theta, model.gradient_norm, model.step_norm, model.iterations, model.iterations))
        progress(len(found), len(changes))
    return found


def _refit_or_nan(train: TrainingRows, change: Change) -> Refitted:
    try:
        return refit(train, change)
    except FitError:
        return Refitted(np.full(len(train.model.theta), np.nan), np.nan, np.nan, 0, 0)


def _batches(train: TrainingRows, changes: list[Change]) -> Iterator[slice]:
    """Give slices of at most BATCH changes that touch, unless one alone does, no more rows than there are."""
    start, rows = 0, 0
    for place, change in enumerate(changes):
        rows += change.touched
        if place > start and (place - start >= BATCH or rows > len(train.x)):
            yield slice(start, place)
            start, rows = place, change.touched
    if start < len(changes):
        yield slice(start, len(changes))


def _solve(train: TrainingRows, changes: list[Change]) -> list[Refitted]:
    """Refit each change of a batch; they share the passes over X."""
    descents = [Descent(train, change) for change in changes]
    found: dict[int, Refitted] = {}
    active = list(range(len(changes)))
    gradients = [descent.start_gradient() for descent in descents]
    for _ in range(MAX_STEPS):
        still = []
        for k, gradient in zip(active, gradients, strict=True):
            arrived = _advance(descents[k], gradient)
            if arrived is None:
                found[k] = _from_cold(train, changes[k])
            elif arrived:
                found[k] = _as_refitted(descents[k])
            else:
                still.append(k)
        active = still
        if not active:
            break
        of_all = pass_over(train, np.column_stack([descents[k].theta for k in active]))
        gradients = [descents[k].gradient(of_all[:, place]) for place, k in enumerate(active)]
    found.update({k: _from_cold(train, changes[k]) for k in active})
    return [found[k] for k in range(len(changes))]


def _advance(descent: Descent, gradient: Vector) -> bool | None:
    try:
        return descent.advance(gradient)
    except SingularHessianError:
        return None


def _as_refitted(descent: Descent) -> Refitted:
    descent.theta.setflags(write=False)  # results are handed out more than once
    return Refitted(descent.theta, descent.gradient_norm, descent.step_norm, descent.steps, descent.hessians)


def _from_cold(train: TrainingRows, change: Change) -> Refitted:
    model = fit_logistic(*rows_after(train, change), train.model.penalty)
    model.theta.setflags(write=False)
    return Refitted(model.theta, model.gradient_norm, model.step_norm, model.iterations, model.iterations)
