"""What is asked of one part of a table, here or on a worker: f(part, along, fixed), plain functions of a module."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import DesignMatrix
from clinflu.data.matrix.passes import Parts

Task = Callable[[DesignMatrix, Parts, tuple[Any, ...]], Any]
"""Of a part, the same rows of whatever stands along the rows, and what is the same for all parts."""


def block_sums(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Parts:
    """Return the sums that a function of blocks gives, the function being the first of what is fixed."""
    function, *others = fixed
    return part.sums(function, *along, fixed=tuple(others))


def block_values(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Matrix:
    """Return the value of each row that a function of blocks gives."""
    function, *others = fixed
    return part.each(function, *along, fixed=tuple(others))


def product(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Matrix:  # noqa: ARG001
    """Return X v."""
    return part.matvec(*fixed)


def transposed_product(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Parts:  # noqa: ARG001
    """Return X' u."""
    return (part.rmatvec(*along),)


def squares(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Parts:  # noqa: ARG001
    """Return the sum of squares of each column."""
    return (part.squares(),)


def as_it_is(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> DesignMatrix:  # noqa: ARG001
    """Return the part itself."""
    return part


def dense(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> Matrix:  # noqa: ARG001
    """Return all rows dense."""
    return part.rows(np.arange(len(part)))


def strongest(part: DesignMatrix, along: Parts, fixed: tuple[Any, ...]) -> tuple[Rows, Vector]:
    """Return where the largest of pull_i x_i' v are by magnitude, and what they are."""
    v, k = fixed
    effects = along[0] * part.matvec(v)
    first = foremost(np.arange(len(part)), effects, k)
    return first, effects[first]


def foremost(rows: Rows, effects: Vector, k: int) -> Rows:
    """Return the places of the k largest by magnitude, largest first; of equal ones those of the first rows."""
    return np.lexsort((rows, -np.abs(effects)))[:k]
