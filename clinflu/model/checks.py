"""What must hold before a fit, and why one failed: each problem has a name and a remedy."""

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, NonFiniteError, OneClassError, TooFewRowsError, TooLargeError

LARGEST = 1e8
SEPARATION_MARGIN = 1e-7


def check_fit_input(x: Matrix, y: Vector, weights: Vector, penalty: Vector) -> None:
    """Raise the error that names what is wrong with the rows, if anything is.

    Raises
    ------
    TooFewRowsError, NonFiniteError, TooLargeError, OneClassError, FitError
    """
    check_values(_largest(x), x.shape, y, weights, penalty)
    check_outcomes(y, weights)


def check_values(largest: Vector, shape: tuple[int, ...], y: Vector, weights: Vector, penalty: Vector) -> None:
    """Raise what is wrong with the numbers of a fit, given the largest size of each column of x.

    Raises
    ------
    TooFewRowsError, NonFiniteError, TooLargeError, FitError
    """
    if len(shape) != 2 or y.shape != shape[:1] or weights.shape != shape[:1] or penalty.shape != shape[1:]:
        raise FitError(f"shapes do not match: x {shape}, y {y.shape}, weights {weights.shape}, penalty {penalty.shape}")
    if not len(y) or not weights.any():
        raise TooFewRowsError("no rows to fit, or only weights of zero; check the exclusions and the weights")
    for name, values in (("x", largest), ("the outcome", y), ("the weights", weights), ("the penalty", penalty)):
        if not _is_finite(values):
            raise NonFiniteError(f"{name} holds missing (NaN) or infinite values; fill, encode or drop them")
    if weights.min() < 0 or penalty.min() < 0:
        raise FitError("weights and penalties cannot be negative; drop a row by giving it weight 0")
    if largest.max(initial=0.0) > LARGEST:
        column = int(largest.argmax())
        raise TooLargeError(f"column {column} holds values beyond {LARGEST:.0e}; check its unit, or scale it")


def check_outcomes(y: Vector, weights: Vector) -> None:
    """Raise if there are not two outcomes, 0 and 1, in the rows that count.

    Raises
    ------
    OneClassError, FitError
    """
    if not ((y == 0) | (y == 1)).all():
        raise FitError("the outcome must be 0 or 1 in every row")
    counted = y[weights > 0]
    if counted.min() == counted.max():
        raise OneClassError(
            f"all {len(counted):,} rows have the outcome {counted[0]:.0f}; a model needs both classes: give more "
            "encounters to learn from"
        )


def check_start(start: Vector, columns: int) -> None:
    """Raise if no fit can start there.

    Raises
    ------
    NonFiniteError, FitError
    """
    if np.shape(start) != (columns,):
        raise FitError(f"shapes do not match: a start {np.shape(start)} for {columns} columns")
    if not np.isfinite(start).all():
        raise NonFiniteError("the start holds missing (NaN) or infinite values; leave it out to start at zero")


def _largest(x: Matrix) -> Vector:
    """Return max |x_ij| of each column; NaN where it holds one."""
    if x.ndim != 2 or not x.size:
        return np.zeros(1)
    largest: Vector = np.maximum(x.max(axis=0), -x.min(axis=0))
    return largest


def _is_finite(values: Matrix) -> bool:
    """Whether all values are finite; the sum says so without a copy, unless it overflows itself."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def is_separated(x: Matrix, y: Vector, weights: Vector, penalty: Vector) -> bool:
    """Whether some combination of unpenalised columns never contradicts the outcome, and sometimes supports it.

    Then the likelihood has no maximum. Solved as a linear programme (Konis 2007): maximise sum z_i x_i' b
    subject to z_i x_i' b >= 0 and |b_j| <= 1, with z_i = 1 for events and -1 otherwise.
    """
    from scipy.optimize import linprog

    counted = weights > 0
    free = x[np.ix_(counted, penalty == 0)]
    signed = free * np.where(y[counted] == 1, 1.0, -1.0)[:, None]
    scale = np.abs(signed).max(axis=0)
    signed = signed / np.where(scale > 0, scale, 1.0)
    answer = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    return bool(answer.status == 0 and -answer.fun > SEPARATION_MARGIN)
