"""Which recorded variables set a group apart in the model, and which carry the harm that training does to it."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.encoded import column_means
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Rows, Vector
from clinflu.data.design import INTERCEPT
from clinflu.errors import DataError, SingularHessianError
from clinflu.influence.decomposition import attributions, decomposition_from_average
from clinflu.study import Study

IN_COMMON = "What all patients have in common"


@dataclass(frozen=True, slots=True)
class Part:
    """One recorded variable's part in a total, and its share of it.

    Shares add up to 1, and can exceed 1 or be negative where variables work against each other; NaN of a total of 0.
    """

    variable: str
    label: str
    value: float
    share: float


@dataclass(frozen=True, slots=True)
class Carried:
    """A total and the parts that add up to it, the largest first."""

    total: float
    parts: tuple[Part, ...]


def gap(sides: Sides) -> Carried:
    r"""Split the difference of mean log-odds between a group and all others over recorded variables.

    .. math:: \sum_j \theta_j (\bar x_{gj} - \bar x_{rj})
    """
    study = sides.study
    means = [_mean_parts(study, rows) for rows in (sides.group, sides.rest)]
    parts = means[0] - means[1]
    return _carried(study, parts)


def _mean_parts(study: Study, rows: Rows) -> Vector:
    """Return what each column adds to the log-odds of these rows on average, (p,)."""
    x, model = study.design.x[rows], study.model
    if model.of_margin.keeps_columns:
        linear: Vector = model.scale[1] * model.theta * column_means(x)
        return linear
    mean: Vector = attributions(model, x, study.train.mean).mean(axis=0)
    return mean


def harm(sides: Sides, effects: Effects, rows: Rows) -> Carried | None:
    r"""Split what leaving training rows out does to the group's mean loss over the variables recorded in those rows.

    The total, nats, is one Newton step without them along the tangent of the loss: :math:`\nabla L^\top \Delta\theta`.
    A variable's part is that of its deviations from the training average.

    Parameters
    ----------
    sides : Sides
    effects : Effects
    rows : (k,) int
        Positions among the training rows.

    Returns
    -------
    Carried or None
        None where the model is not determined without them, or where its family splits no effect over columns.
    """
    try:
        parts = decomposition_from_average(effects.train, rows, effects.slope / effects.train.model.scale[1]).sum(
            axis=0
        )
    except (SingularHessianError, DataError):
        return None
    return _carried(sides.study, parts[1:], in_common=float(parts[0]))


def _carried(study: Study, columns: Vector, in_common: float = 0.0) -> Carried:
    folded = study.design.fold(columns)
    total = float(folded.sum()) + in_common
    values = dict(zip(study.design.variable_names, map(float, folded), strict=True))
    common = in_common + values.pop(INTERCEPT, 0.0)
    if common:
        values[INTERCEPT] = common
    parts = (
        Part(name, _label(study, name), value, value / total if total else np.nan) for name, value in values.items()
    )
    return Carried(total, tuple(sorted(parts, key=lambda part: -abs(part.value))))


def _label(study: Study, name: str) -> str:
    if name == INTERCEPT:
        return IN_COMMON
    schema = study.cohort.schema
    return schema.feature(name).label if name in schema.feature_names else name
