"""One past record rewritten altogether, each variable within its plausible values, to move one prediction."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.adversarial.candidates import Candidates
from clinflu.data.arrays import Matrix, Vector
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import curvature, risk

MOST_STEPS = 40
SMALLEST_GAIN = 1e-9  # log-odds
UNDETERMINED = 1e-10


@dataclass(frozen=True, eq=False)
class Rewriting:
    """A training row with other values.

    Parameters
    ----------
    row : int
        Its position.
    x : (p,)
        Encoded as it now is.
    edits : tuple of int
        The candidates that it holds, one of each variable that changed.
    margin_change : float
        Of the audited margin, by one Newton step.
    """

    row: int
    x: Vector
    edits: tuple[int, ...]
    margin_change: float


def rewriting_effects(train: TrainingRows, x_audited: Vector, row: int, new: Matrix) -> Vector:
    r"""Return the change of an audited margin when a training row becomes each of some rows, one Newton step, (e,).

    As :class:`clinflu.analysis.adversarial.screen.EditScreen`, for rows that may differ in every variable.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    row : int
    new : (e, p)
    """
    old, weight, y = train.x[row], train.weights[row], train.y[row]
    inverse, theta = train.model.inverse, train.model.theta
    solved = new @ inverse
    bend_old, bend_new = train.curvature[row], weight * curvature(risk(new @ theta))
    pull_old, pull_new = train.residual[row], weight * (risk(new @ theta) - y)
    kernel, mixed = float(old @ inverse @ old), solved @ old
    own = np.einsum("ep,ep->e", solved, new)
    left_old, left_new = 1.0 - bend_old * kernel, 1.0 + bend_new * own
    determinant = left_old * left_new + bend_old * bend_new * mixed**2
    from_old = left_new * pull_old + bend_old * mixed * pull_new
    from_new = left_old * pull_new - bend_new * mixed * pull_old
    change = -(float(old @ inverse @ x_audited) * from_old + (solved @ x_audited) * from_new)
    determined = determinant > UNDETERMINED
    effects: Vector = np.where(determined, change / np.where(determined, determinant, 1.0), 0.0)
    return effects


def rewrite(train: TrainingRows, candidates: Candidates, x_audited: Vector, row: int, sign: float) -> Rewriting:
    """Change one variable of a row after the other, each time the one that moves the margin most, until none helps.

    By one Newton step from the fit that is there; the refit of the whole rewriting is the truth. What was changed
    once may change again.

    Parameters
    ----------
    train : TrainingRows
    candidates : Candidates
    x_audited : (p,)
    row : int
        Position of the training row.
    sign : float
        1 to raise the margin, -1 to lower it.
    """
    x, reached = train.x[row].copy(), 0.0
    held: dict[str, int] = {}
    for _ in range(MOST_STEPS):
        effects = sign * rewriting_effects(train, x_audited, row, _each(candidates, x))
        edit = int(np.argmax(effects))
        if effects[edit] - reached <= SMALLEST_GAIN:
            break
        reached = float(effects[edit])
        name = candidates.variables[edit]
        held[name] = edit
        x[candidates.columns[name]] = candidates.x[edit, candidates.columns[name]]
    changed = [edit for name, edit in held.items() if not _same(candidates, name, x, train.x[row])]
    return Rewriting(row, x, tuple(changed), sign * reached)


def _each(candidates: Candidates, x: Vector) -> Matrix:
    """Return the row with each candidate in turn, (e, p)."""
    return np.where(candidates.own_columns, candidates.x, x)


def _same(candidates: Candidates, name: str, x: Vector, other: Vector) -> bool:
    columns = candidates.columns[name]
    return bool(np.array_equal(x[columns], other[columns]))
