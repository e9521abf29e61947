"""What is different about the training rows after some were removed, relabelled, reweighted, edited or added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.matrix import AnyMatrix, DenseMatrix, DesignMatrix, StackedMatrix, whole
from clinflu.errors import OneClassError
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import curvature, risk, weighted_gram


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """Encoded rows that join the training rows: x (m, p), y (m,) and weights (m,)."""

    x: Matrix
    y: Vector
    weights: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is different about the training rows.

    Parameters
    ----------
    rows : (k,) int
        Positions of the training rows that change, each once.
    weights, y : (k,)
        Their new weights and outcomes; removing a row is giving it weight 0.
    x : (k, p), optional
        Their new encoded values; absent where no recorded value changes.
    added : Added, optional
        Rows that were not there.
    """

    rows: Rows
    weights: Vector
    y: Vector
    x: Matrix | None = None
    added: Added | None = None

    @classmethod
    def removal(cls, train: TrainingRows, rows: Rows) -> Self:
        """Remove these rows, given by position or as flags (n,)."""
        chosen = positions_of(train, rows)
        return cls(chosen, np.zeros(len(chosen)), train.y[chosen])

    @property
    def content(self) -> tuple[object, ...]:
        """What the change is known by, whichever actions made it."""
        added = None if self.added is None else (self.added.x, self.added.y, self.added.weights)
        return self.rows, self.weights, self.y, self.x, added

    @property
    def touched(self) -> int:
        """How many rows change or are added."""
        return len(self.rows) + (0 if self.added is None else len(self.added.y))

    @classmethod
    def relabelling(cls, train: TrainingRows, rows: Rows) -> Self:
        """Give these rows, by position or as flags (n,), the other outcome."""
        chosen = positions_of(train, rows)
        return cls(chosen, train.weights[chosen], 1.0 - train.y[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    r"""The rows in which the changed objective differs from the fitted one.

    At a margin m, each adds ``weights * risk(m) - events`` times its x to the gradient and ``weights * curvature`` to
    the Hessian.

    Parameters
    ----------
    x : (m, p)
    weights : (m,)
        Weight gained; negative where it is lost, 0 where only the outcome changes.
    events : (m,)
        Weighted events gained.
    """

    x: AnyMatrix
    weights: Vector
    events: Vector

    @classmethod
    def of(cls, train: TrainingRows, change: Change) -> Self:
        """Return the difference that a change makes."""
        old, before = train.weights[change.rows], train.x[change.rows]
        if change.x is None:
            parts = [(before, change.weights - old, change.weights * change.y - old * train.y[change.rows])]
        else:
            parts = [(before, -old, -old * train.y[change.rows]), (change.x, change.weights, change.weights * change.y)]
        if change.added is not None:
            parts.append((change.added.x, change.added.weights, change.added.weights * change.added.y))
        blocks, weights, events = zip(*parts, strict=True)
        x, weights, events = below_each_other(blocks), np.concatenate(weights), np.concatenate(events)
        matters = (weights != 0) | (events != 0)
        return cls(x, weights, events) if matters.all() else cls(x[matters], weights[matters], events[matters])


def rows_after(train: TrainingRows, change: Change) -> tuple[AnyMatrix, Vector, Vector]:
    """Return x, outcomes and weights of all rows after a change, added rows last; x is copied only if it changes."""
    x, y, weights = train.x, train.y.copy(), train.weights.copy()
    y[change.rows], weights[change.rows] = change.y, change.weights
    if isinstance(x, DesignMatrix):
        return _blocked_after(x, y, weights, change)
    if change.x is not None:
        x = x.copy()
        x[change.rows] = change.x
    if change.added is None:
        return x, y, weights
    added = change.added
    return np.vstack([x, added.x]), np.append(y, added.y), np.append(weights, added.weights)


def below_each_other(blocks: Sequence[AnyMatrix]) -> AnyMatrix:
    """Return rows of the same columns in one matrix: plain where all are."""
    if len(blocks) == 1:
        return blocks[0]
    if not any(isinstance(block, DesignMatrix) for block in blocks):
        joined: Matrix = np.concatenate(blocks)
        return joined
    return StackedMatrix(tuple(one if isinstance(one, DesignMatrix) else DenseMatrix(one) for one in blocks))


def _blocked_after(x: DesignMatrix, y: Vector, weights: Vector, change: Change) -> tuple[AnyMatrix, Vector, Vector]:
    """Return the rows after a change, those with new values below the others, where they stood with weight 0."""
    below = [] if change.x is None else [Added(change.x, change.y, change.weights)]
    if below:
        weights[change.rows] = 0.0
    below += [] if change.added is None else [change.added]
    if not below:
        return x, y, weights
    stacked = StackedMatrix((x, *(DenseMatrix(one.x) for one in below)))
    return (
        stacked,
        np.concatenate([y, *(one.y for one in below)]),
        np.concatenate([weights, *(one.weights for one in below)]),
    )


def hessian_after(train: TrainingRows, change: Change, theta: Vector) -> Matrix:
    """Return the Hessian of the changed objective at theta, (d, d)."""
    if not train.model.is_logistic:
        x, y, weights = rows_after(train, change)
        dense = whole(x, "this family")
        return train.model.of_margin.hessian(theta, dense, y, weights) + np.diag(train.model.penalty)
    weights = train.weights.copy()
    weights[change.rows] = change.weights if change.x is None else 0.0
    hessian = weighted_gram(train.x, weights * curvature(risk(train.x @ theta)))
    if change.x is not None:
        hessian += weighted_gram(change.x, change.weights * curvature(risk(change.x @ theta)))
    if change.added is not None:
        added = change.added
        hessian += weighted_gram(added.x, added.weights * curvature(risk(added.x @ theta)))
    hessian[np.diag_indices_from(hessian)] += train.model.penalty
    return hessian


def positions_of(train: TrainingRows, rows: Rows | Flags) -> Rows:
    """Return positions among the training rows, each once and in order, from positions or from flags (n,).

    Raises
    ------
    ValueError
        They are no positions of training rows.
    """
    given = np.asarray(rows)
    if given.dtype == bool:
        if given.shape != train.y.shape:
            raise ValueError(f"{len(given)} flags for {len(train.y)} training rows")
        return np.flatnonzero(given)
    chosen = np.unique(given.astype(np.intp))
    if len(chosen) and not 0 <= chosen[0] <= chosen[-1] < len(train.y):
        raise ValueError(f"positions run from 0 to {len(train.y) - 1}")
    return chosen


def require_sound(train: TrainingRows, change: Change) -> None:
    """Raise where a change cannot be refitted.

    Raises
    ------
    OneClassError
        What is left holds one outcome only.
    ValueError
        A row is named twice or is not there, a weight is negative or not finite, or an outcome is not 0 or 1.
    """
    if len(positions_of(train, change.rows)) != len(change.rows):
        raise ValueError("a change names each training row once")
    y, weights = change.y, change.weights
    if change.added is not None:
        y, weights = np.append(y, change.added.y), np.append(weights, change.added.weights)
    if not (np.isin(y, (0.0, 1.0)).all() and np.isfinite(weights).all() and np.all(weights >= 0)):
        raise ValueError("an outcome is 0 or 1, and a weight finite and 0 or more")
    counts = train.weights > 0
    for outcome in (0.0, 1.0):
        left = int((counts & (train.y == outcome)).sum())
        left -= int((counts[change.rows] & (train.y[change.rows] == outcome)).sum())
        if left + int(((weights > 0) & (y == outcome)).sum()) == 0:
            raise OneClassError("this change leaves encounters of one outcome only; keep at least one of each")
