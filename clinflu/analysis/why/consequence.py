"""What a change of the training rows does to a group, to all others, and to the group's encounters left aside."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clinflu.analysis.encoded import gradients
from clinflu.analysis.why.measures import (
    SMOOTH,
    Moved,
    contributions,
    measured,
    slopes,
    variance_of_mean,
)
from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.influence.change import Change
from clinflu.influence.interval import jackknife_variance
from clinflu.influence.refit import model_after, refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.progress import Progress, silent

Measured = dict[str, Moved]
INTERVAL = (
    "linearised, by patient: infinitesimal jackknife over the training patients plus the patients judged, the change "
    "of the training rows held fixed"
)


@dataclass(frozen=True, slots=True)
class Consequence:
    """Every measure before and after, by name; see :data:`clinflu.analysis.why.measures.LABELS`.

    Parameters
    ----------
    group, rest : dict of Moved
        Of the encounters on which the group is judged, and of all others of the same part.
    check : dict of Moved
        Of the group's encounters in the part left aside, which chose nothing of what was tried; NaN where it has none.
    """

    group: Measured
    rest: Measured
    check: Measured

    @property
    def loss_change(self) -> float:
        """Change of the group's mean loss, nats; NaN where the model after the change does not exist."""
        return self.group["log_loss"].change


def consequences(sides: Sides, changes: list[Change], progress: Progress = silent) -> list[Consequence]:
    """Refit each change on its own and compare; NaN where what is left has no finite fit."""
    train, found = sides.study.train, []
    for change, one in zip(changes, refit_each_or_nan(train, changes, progress), strict=True):
        finite = bool(np.isfinite(one.theta).all())
        found.append(consequence(sides, change, model_after(train, change, one) if finite else None))
    return found


def consequence(sides: Sides, change: Change, model: FittedModel | None) -> Consequence:
    """Return what a change of the training rows does, from the model refitted to them; None where there is none."""
    if model is None:
        return unknown(sides)
    x = [sides.study.design.x[rows] for rows in _rows(sides)]
    y = [sides.study.design.y[rows] for rows in _rows(sides)]
    new = [model.log_odds(one) for one in x]
    taught = _taught(sides, change, model, list(zip(x, y, new, strict=True)))
    return Consequence(*(_moved(sides, rows, new[place], taught[place]) for place, rows in enumerate(_rows(sides))))


def unknown(sides: Sides) -> Consequence:
    """Return what is known of a change after which there is no model."""
    parts = ({name: Moved(one, np.nan) for name, one in before(sides, rows).items()} for rows in _rows(sides))
    return Consequence(*parts)


def shifted(sides: Sides, log_odds: float) -> Consequence:
    """Return what adding a number to the group's log-odds changes: nothing for all others."""
    parts = []
    for rows, shift in zip(_rows(sides), (log_odds, 0.0, log_odds), strict=True):
        margin, y = sides.study.margins[rows], sides.study.design.y[rows]
        after = measured(y, margin + shift, sides.threshold)
        parts.append({name: Moved(one, after[name]) for name, one in before(sides, rows).items()})
    return Consequence(*parts)


def before(sides: Sides, rows: Rows) -> dict[str, float]:
    """Return every measure of some rows of the cohort under the model as it is."""
    return measured(sides.study.design.y[rows], sides.study.margins[rows], sides.threshold)


def training_variances(
    train: TrainingRows, change: Change, model: FittedModel, slopes_before: Matrix, slopes_after: Matrix
) -> Vector:
    """Return the variance over training patients of the difference of functionals with these gradients, (m, p): (m,).

    As :meth:`clinflu.analysis.what_if.spread.ChangeSpread.variance` of a change that adds no row and edits none, at
    the cost of two products with X.
    """
    weights = train.weights.copy()
    weights[change.rows] = change.weights
    y, margin, family = train.y.copy(), model.margin(train.x), model.of_margin
    y[change.rows] = change.y
    x = train.x if isinstance(train.x, DesignMatrix) else family.tangent(model.theta, train.x)
    after = x @ model.solve(np.ascontiguousarray(slopes_after.T))
    after *= -(weights * family.slope(margin, y))[:, None]
    after -= (train.tangent @ train.model.solve(np.ascontiguousarray(slopes_before.T))) * train.residual[:, None]
    return np.array([jackknife_variance(one, train.patients) for one in after.T])


def _rows(sides: Sides) -> tuple[Rows, Rows, Rows]:
    return sides.group, sides.rest, sides.check


def _taught(
    sides: Sides, change: Change, model: FittedModel, parts: list[tuple[AnyMatrix, Vector, Vector]]
) -> list[dict[str, float]]:
    """Return the variance over training patients of the change of each smooth measure, by part and name."""
    fitted = sides.study.model
    before_it = np.concatenate([_gradients(fitted, x, y, fitted.log_odds(x)) for x, y, _ in parts])
    after_it = np.concatenate([_gradients(model, x, y, new) for x, y, new in parts])
    found = training_variances(sides.study.train, change, model, before_it, after_it).reshape(len(parts), len(SMOOTH))
    return [dict(zip(SMOOTH, map(float, one), strict=True)) for one in found]


def _gradients(model: FittedModel, x: AnyMatrix, y: Vector, margin: Vector) -> Matrix:
    """Return the gradient of each smooth measure of some encounters, (m, d)."""
    steep = slopes(y, margin)
    return gradients(model, x, np.array([steep[name] for name in SMOOTH]))


def _moved(sides: Sides, rows: Rows, new: Vector, taught: dict[str, float]) -> Measured:
    study = sides.study
    y, old = study.design.y[rows], study.margins[rows]
    first, last = before(sides, rows), measured(y, new, sides.threshold)
    errors = dict.fromkeys(first, np.nan)
    if len(rows):
        patients, was, now = study.patients_of(rows), contributions(y, old), contributions(y, new)
        for name in SMOOTH:
            errors[name] = float(np.sqrt(taught[name] + variance_of_mean(now[name] - was[name], patients)))
    reach = float(ndtri(0.5 + sides.options.level / 2))
    return {
        name: Moved(one, last[name], last[name] - one - reach * errors[name], last[name] - one + reach * errors[name])
        for name, one in first.items()
    }
