"""What every plausible edit of every past record would do to one prediction, by one Newton step each."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.adversarial.candidates import Candidates
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.matrix import whole
from clinflu.influence.leave_one_out import self_kernel
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import curvature, risk
from clinflu.progress import Progress, silent

UNDETERMINED = 1e-10
UNCHANGED = 1e-12


@dataclass(frozen=True, slots=True)
class Hit:
    """An edit of a training row: candidate ``edit`` at position ``row``, and the margin change of one Newton step."""

    row: int
    edit: int
    margin_change: float


@dataclass(frozen=True)
class Screened:
    """The edits that raise an audited margin most and those that lower it most, each the strongest first.

    Parameters
    ----------
    raising, lowering : tuple of Hit
    edits : int
        How many were screened: every training row with every candidate that changes it.
    """

    raising: tuple[Hit, ...]
    lowering: tuple[Hit, ...]
    edits: int


class EditScreen:
    r"""One exact Newton step for each edit of one row from x to z, with w its weight.

    .. math:: \Delta m = -\tilde x_t^\top (H - w s \, x x^\top + w s_z \, z z^\top)^{-1}
        \left[ w (p_z - y) z - w (p - y) x \right]

    p and s are the risk and the curvature of x at theta, p_z and s_z those of z. By Woodbury it takes only
    products of x, z and x_t in the metric of :math:`H^{-1}`, and those of z follow from those of x by the
    columns of the one variable that changes: no row is encoded, and nothing of size n x p is made twice.

    Parameters
    ----------
    train : TrainingRows
    candidates : Candidates
    x_audited : (p,)
    """

    def __init__(self, train: TrainingRows, candidates: Candidates, x_audited: Vector) -> None:
        self._candidates = candidates
        self._inverse = train.model.inverse
        self._theta = train.model.theta
        self._towards = self._inverse @ x_audited
        self._x, self._y, self._w = whole(train.x, "a search of altered records"), train.y, train.weights
        self._margin = train.x @ self._theta
        self._to_audited = train.x @ self._towards
        self._kernel = self_kernel(train)
        self._pull, self._bend = train.residual, train.curvature

    def strongest(self, k: int, progress: Progress = silent) -> Screened:
        """Return the k strongest edits each way."""
        raising: list[Hit] = []
        lowering: list[Hit] = []
        edits = 0
        names = tuple(self._candidates.columns)
        for done, variable in enumerate(names, start=1):
            one = self._variable(variable)
            for edit in self._candidates.of(variable):
                change, counted = self._change(one, self._candidates.x[edit])
                edits += int(counted.sum())
                raising = _best([*raising, *_hits(change, int(edit), k)], k)
                lowering = _best([*lowering, *_hits(-change, int(edit), k)], k)
            progress(done, len(names))
        return Screened(tuple(raising), tuple(Hit(one.row, one.edit, -one.margin_change) for one in lowering), edits)

    def _variable(self, name: str) -> "_Variable":
        return _Variable(self._x, self._inverse, self._candidates.columns[name], self._towards, self._theta)

    def _change(self, one: "_Variable", z: Vector) -> tuple[Vector, Flags]:
        """Return the margin change of one candidate at every row, and where it changes the row at all."""
        new = z[one.columns]
        moved, squared, changed = one.products(new)
        to_audited = self._to_audited + (new @ self._towards[one.columns] - one.towards)
        p = risk(self._margin + (new @ self._theta[one.columns] - one.margin))
        bend = self._w * curvature(p)
        mixed = self._kernel + moved
        own = self._kernel + 2.0 * moved + squared
        pull_old, pull_new = self._pull, self._w * (p - self._y)
        left_old, left_new = 1.0 - self._bend * self._kernel, 1.0 + bend * own
        determinant = left_old * left_new + self._bend * bend * mixed**2
        from_old = left_new * pull_old + self._bend * mixed * pull_new
        from_new = left_old * pull_new - bend * mixed * pull_old
        determined = determinant > UNDETERMINED
        change = -(self._to_audited * from_old + to_audited * from_new) / np.where(determined, determinant, 1.0)
        return np.where(changed & determined, change, 0.0), changed


class _Variable:
    """The columns of one recorded variable, and what of them every candidate needs.

    ``towards`` and ``margin`` are the variable's shares of the products of each row with H^-1 x_t and with theta.
    """

    def __init__(self, x: Matrix, inverse: Matrix, columns: Rows, towards: Vector, theta: Vector) -> None:
        self.columns = columns
        held = x[:, columns]
        self.towards: Vector = held @ towards[columns]
        self.margin: Vector = held @ theta[columns]
        self._mixed = x @ inverse[:, columns]  # rows of X H^-1
        self._own = inverse[np.ix_(columns, columns)]
        self._old = held @ self._own
        self._mixed_old = np.einsum("nc,nc->n", self._mixed, held)
        self._old_old = np.einsum("nc,nc->n", self._old, held)

    def products(self, new: Vector) -> tuple[Vector, Vector, Flags]:
        """Return x' H^-1 d and d' H^-1 d for the step d from each row to the candidate, and where d is not 0."""
        moved = self._mixed @ new - self._mixed_old
        alone = float(new @ self._own @ new)
        squared = alone - 2.0 * (self._old @ new) + self._old_old
        return moved, squared, squared > UNCHANGED * (alone + self._old_old)


def _hits(change: Vector, edit: int, k: int) -> list[Hit]:
    """Return the k rows that an edit moves furthest upward."""
    few = min(k, len(change))
    top = np.argpartition(-change, few - 1)[:few]
    return [Hit(int(row), edit, float(change[row])) for row in top if change[row] > 0]


def _best(hits: list[Hit], k: int) -> list[Hit]:
    return sorted(hits, key=_size, reverse=True)[:k]


def _size(hit: Hit) -> float:
    return hit.margin_change
