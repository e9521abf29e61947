"""One prediction of one model, explained by every row that taught it."""

import numpy as np
from scipy.spatial.distance import cdist

from clinflu.analysis.explanations.influence import removal_influence, removal_refits
from clinflu.analysis.explanations.result import Explanation
from clinflu.analysis.explanations.taught import Taught
from clinflu.data.arrays import Rows, Vector


def explain(model: Taught, row: Vector, y: float, strongest: int = 5) -> Explanation:
    """Return the influence of every training row on the loss of one row, the strongest beside their refits.

    Parameters
    ----------
    model : Taught
    row : (d,)
        As ``model.rows``; distances are Euclidean, in its units.
    y : float
        Its true class.
    strongest : int
        How many helpful and how many harmful rows are refitted without.

    Raises
    ------
    FitError
        A model without one of them has no optimum.
    """
    influence = removal_influence(model, row, y)
    helpful, harmful = most(influence, strongest), most(-influence, strongest)
    return Explanation(
        name=model.name,
        loss=float(model.losses(row[None], np.array([y]))[0]),
        is_right=bool(model.predicted(row[None])[0] == y),
        distance=cdist(row[None], model.rows)[0],
        influence=influence,
        same_class=model.y == y,
        helpful=helpful,
        harmful=harmful,
        helpful_refit=removal_refits(model, row, y, helpful),
        harmful_refit=removal_refits(model, row, y, harmful),
    )


def most(values: Vector, k: int) -> Rows:
    """Return the positions of the k largest values above 0, largest first; ties in their order."""
    order = np.argsort(-values, kind="stable")[:k]
    return order[values[order] > 0]
