"""What a figure rests on in the columns of the model: sums, means and leverages of encoded rows, dense or not."""

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.model.base import FittedModel


def gradients(model: FittedModel, x: AnyMatrix, slopes: Matrix) -> Matrix:
    """Return the gradients in theta of several functionals of the log-odds of some rows, (m, d).

    Parameters
    ----------
    model : FittedModel
    x : (t, p)
    slopes : (m, t)
        Of each functional in the log-odds of each row.
    """
    found: Matrix = slopes @ (x if isinstance(x, DesignMatrix) else model.directions(x))
    return found


def mean_direction(model: FittedModel, x: AnyMatrix) -> Vector:
    """Return the gradient in theta of the mean log-odds of some rows, (d,)."""
    if isinstance(x, DesignMatrix):
        return column_means(x)
    mean: Vector = model.directions(x).mean(axis=0)
    return mean


def column_means(x: AnyMatrix) -> Vector:
    """Return the mean of each column, (p,)."""
    mean: Vector = (np.ones(len(x)) @ x) / len(x) if isinstance(x, DesignMatrix) else x.mean(axis=0)
    return mean


def leverages(model: FittedModel, x: AnyMatrix) -> Vector:
    """Return x' H^-1 x of each row, (t,): the larger, the less the training rows say about such an encounter."""
    if isinstance(x, DesignMatrix):
        return x.quadratic(model.inverse)
    directions = model.directions(x)
    found: Vector = np.einsum("tp,tp->t", directions @ model.inverse, directions)
    return found
