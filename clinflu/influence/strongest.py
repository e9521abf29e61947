"""For many audited rows at once, the training encounters with the largest effect of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import whole
from clinflu.errors import DataError
from clinflu.influence.training import TrainingRows
from clinflu.progress import Progress, silent

BLOCK_VALUES = 8_000_000  # effects held at once: 64 MB
GROUPS_PER_K = 10
TIED = 1e-12

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Strongest:
    """The k training encounters with the largest effect on each of several predictions, largest first.

    Parameters
    ----------
    positions : (t, k) int
        Among the training rows.
    margin_change : (t, k), log-odds
        Leverage-corrected change of the audited margin when that encounter is removed, an estimate and no refit;
        positive: without it the audited risk would be higher.
    """

    positions: Positions
    margin_change: Matrix


def strongest_each(train: TrainingRows, x_audited: Matrix, k: int = 20, progress: Progress = silent) -> Strongest:
    r"""Return the k largest of the effects of all training encounters, for each audited row.

    .. math:: \Delta m_{ti} = - \frac{w_i r_i}{1 - h_i} \, (L^{-1} \tilde x_t)^\top (L^{-1} \tilde x_i),
        \quad H = L L^\top

    in blocks of audited rows, so that the (t, n) table is never there. A lower bound of each row's k-th largest
    effect, the k-th largest of the maxima of groups of columns, leaves a few candidates to sort; none of the k
    largest can be missed.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (t, p)
    k : int
        All training rows where there are fewer.
    progress : Progress

    Returns
    -------
    Strongest
        Effects that differ by less than 1e-12 of their size count as tied, and stand in the order of the rows.

    Raises
    ------
    DataError
        k is below 1, or an audited row holds a missing value.
    """
    if k < 1:
        raise DataError(f"the strongest {k} cannot be shown; ask for 1 or more")
    n, kept = len(train.x), min(k, len(train.x))
    if not np.isfinite(x_audited).all():
        raise DataError(
            "an audited row holds a value that is missing or infinite; encode the rows as the model has them"
        )
    rows = max(1, BLOCK_VALUES // n)
    effects = _Effects(train, min(rows, len(x_audited)))
    positions = np.empty((len(x_audited), kept), dtype=np.intp)
    change = np.empty((len(x_audited), kept))
    for start in range(0, len(x_audited), rows):
        progress(start, len(x_audited))
        block = slice(start, start + rows)
        positions[block], change[block] = effects.largest(x_audited[block], kept)
    progress(len(x_audited), len(x_audited))
    return Strongest(positions, change)


class _Effects:
    """Leverage-corrected effects of all training rows as one product of two whitened matrices, kept in one place."""

    def __init__(self, train: TrainingRows, rows: int) -> None:
        self._lower, _ = train.model.cholesky
        self._model = train.model
        self._columns = self._whiten(whole(train.tangent, "the strongest of many predictions at once"))
        self._columns *= -train.residual / (1.0 - train.leverage)
        self._values, self._sizes = np.empty((2, rows, len(train.x)))

    def largest(self, x: Matrix, k: int) -> tuple[Positions, Matrix]:
        """Return where the k largest absolute effects on each audited row are, largest first, and the effects."""
        values, sizes = self._values[: len(x)], self._sizes[: len(x)]
        np.matmul(self._whiten(self._model.directions(x)).T, self._columns, out=values)
        np.abs(values, out=sizes)
        places = np.flatnonzero(sizes >= _lower_bound(sizes, k)[:, None] * (1.0 - TIED))
        rows, columns = np.divmod(places, sizes.shape[1])
        order = _in_order(rows, columns, sizes.ravel()[places])
        first = np.searchsorted(rows, np.arange(len(x)))
        chosen = columns[order[first[:, None] + np.arange(k)]]
        return chosen, np.take_along_axis(values, chosen, axis=1)

    def _whiten(self, x: Matrix) -> Matrix:
        whitened: Matrix = solve_triangular(self._lower, x.T, lower=True, check_finite=False)
        return whitened


def _lower_bound(sizes: Matrix, k: int) -> Vector:
    """Return a value of each row that at least k of its sizes reach, (t,); 0 where there are few columns."""
    groups = GROUPS_PER_K * k
    members = sizes.shape[1] // groups
    if members < 2:
        return np.zeros(len(sizes))
    maxima = sizes[:, : members * groups].reshape(len(sizes), members, groups).max(axis=1)
    bound: Vector = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    return bound


def _in_order(rows: Rows, columns: Rows, sizes: Vector) -> Rows:
    """Return the order by row, then size, largest first, then column where sizes are tied to rounding."""
    order = np.lexsort((columns, -sizes, rows))
    ordered, of_row = sizes[order], rows[order]
    starts = np.append(True, (ordered[1:] < ordered[:-1] * (1.0 - TIED)) | (of_row[1:] != of_row[:-1]))
    runs = np.cumsum(starts)
    return order[np.lexsort((columns[order], runs))]
