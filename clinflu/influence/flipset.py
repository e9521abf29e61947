"""Patients whose removal or relabelling moves one prediction across a threshold: estimates and refitted states."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.influence.refit import Change, model_after, refit, refit_each_or_nan, rows_after
from clinflu.influence.removal import sum_by_patient
from clinflu.influence.training import TrainingRows

CLEARLY_ACROSS = 1e-8  # log-odds: more than two refits of the same rows differ by
LEAST_LEFT = 1e-6


@dataclass(frozen=True, eq=False)
class Crossing:
    """A prediction that is to cross a threshold when training patients are removed or relabelled.

    Parameters
    ----------
    train : TrainingRows
        The model as it was fitted.
    x_audited : (p,)
    threshold_margin : float
        Log-odds of the threshold.
    upward : bool
        Whether the prediction is below the threshold and is to reach it; otherwise it is to fall below.
    relabel : bool
        Whether encounters are given the other outcome; otherwise they are removed. All encounters of a patient are
        removed together; of a patient that is relabelled, those change whose recorded outcome pushes the prediction
        away from the threshold.
    """

    train: TrainingRows
    x_audited: Vector
    threshold_margin: float
    upward: bool
    relabel: bool = False

    @property
    def sign(self) -> float:
        """1 where the margin is to rise, -1 where it is to fall."""
        return 1.0 if self.upward else -1.0

    @property
    def patient_count(self) -> int:
        """How many patients there are."""
        return int(self.train.patients.max()) + 1

    def missing(self, margin: float) -> float:
        """Return how far a margin still is from the threshold, log-odds; not positive once it is across."""
        return self.sign * (self.threshold_margin - margin) + CLEARLY_ACROSS

    def change(self, rows: Rows) -> Change:
        """Return the removal or the relabelling of these rows."""
        make = Change.relabelling if self.relabel else Change.removal
        return make(self.train, rows)

    @cached_property
    def start(self) -> "State":
        """Nothing changed."""
        nobody = np.zeros(len(self.train.x), dtype=bool)
        return State(self, nobody, self.train, self.train.model.log_odds_of(self.x_audited))


@dataclass(frozen=True, eq=False)
class State:
    """The refitted model after some rows have been changed.

    Parameters
    ----------
    crossing : Crossing
    changed : (n,) bool
        The rows that are removed or relabelled.
    train : TrainingRows
        The new optimum at the changed rows; removed rows have weight 0.
    margin : float
        Of the audited row.
    """

    crossing: Crossing
    changed: Flags
    train: TrainingRows
    margin: float

    @property
    def rows(self) -> Rows:
        """Positions of the changed rows."""
        return np.flatnonzero(self.changed)

    @property
    def missing(self) -> float:
        """How far the margin still is from the threshold, log-odds."""
        return self.crossing.missing(self.margin)

    @property
    def is_across(self) -> bool:
        """Whether the refitted prediction is on the other side of the threshold."""
        return self.missing <= 0

    @cached_property
    def patients(self) -> Flags:
        """Which patients have changed rows, (C,) bool."""
        return chosen(self.crossing.train.patients[self.changed], self.crossing.patient_count)

    @property
    def size(self) -> int:
        """How many patients have changed rows."""
        return int(self.patients.sum())

    @cached_property
    def row_gain(self) -> Vector:
        r"""How far changing each row moves the margin the wanted way, estimated at this model, (n,), log-odds.

        .. math:: \mp \frac{w_i (y_i - p_i) K(t, i)}{1 \mp h_i} \quad\text{or}\quad \pm w_i (1 - 2 y_i) K(t, i)

        for removal (formula 2) and relabelling (6), with the risks and the Hessian of this model and the leverage of
        the first one. Of a row that is changed already it is what putting it back would undo.
        """
        first, model = self.crossing.train, self.train.model
        to_audited = self.train.tangent @ model.solve(model.direction(self.crossing.x_audited))
        slopes = [model.of_margin.slope(self.train.margin, y) for y in (first.y, 1.0 - first.y)]
        if self.crossing.relabel:
            return self.crossing.sign * first.weights * (slopes[0] - slopes[1]) * to_audited
        left = 1.0 + np.where(self.changed, 1.0, -1.0) * first.leverage
        push = -first.weights * slopes[0] * to_audited
        return -self.crossing.sign * push / np.maximum(left, LEAST_LEFT)

    @cached_property
    def gain(self) -> Vector:
        """What changing each patient would gain, (C,), log-odds: the sum over the encounters that would change."""
        gain = np.maximum(self.row_gain, 0.0) if self.crossing.relabel else self.row_gain
        return sum_by_patient(gain, self.crossing.train.patients)

    def flags_of(self, patients: Flags) -> Flags:
        """Return which rows change when these patients do, (n,) bool."""
        of_them = patients[self.crossing.train.patients]
        changed: Flags = of_them & (self.row_gain > 0) if self.crossing.relabel else of_them
        return changed

    def move_to(self, changed: Flags) -> Self:
        """Refit with these rows changed and no others.

        Raises
        ------
        FitError
            What is left has no optimum.
        """
        change = self._step_to(changed)
        refitted = refit(self.train, change)
        x, y, weights = rows_after(self.train, change)
        train = TrainingRows(model_after(self.train, change, refitted), x, y, weights, self.train.patients)
        return type(self)(self.crossing, changed, train, self.log_odds_at(refitted.theta))

    def missing_with(self, each: list[Flags]) -> Vector:
        """Return how far the refitted margin is from the threshold for each set of changed rows; NaN without a fit."""
        refits = refit_each_or_nan(self.train, [self._step_to(changed) for changed in each])
        return np.array([self.crossing.missing(self.log_odds_at(one.theta)) for one in refits])

    def log_odds_at(self, theta: Vector) -> float:
        """Return the log-odds of the audited row at another theta."""
        return self.train.model.log_odds_of(self.crossing.x_audited, theta)

    def without(self, patient: int) -> Flags:
        """Return the changed rows once this patient is put back."""
        changed: Flags = self.changed & (self.crossing.train.patients != patient)
        return changed

    def _step_to(self, changed: Flags) -> Change:
        """Return what leads from the rows as they are here to other changed rows."""
        _, y, weights = rows_after(self.crossing.train, self.crossing.change(np.flatnonzero(changed)))
        rows = np.flatnonzero(changed != self.changed)
        return Change(rows, weights[rows], y[rows])


def shortest_prefix(gain: Vector, wanted: float) -> Flags | None:
    """Return the fewest patients whose gains add up to what is wanted, (C,) bool; None where all are not enough.

    The strongest come first, ties in the order of the patients; only patients who gain anything count.
    """
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0]
    total = np.cumsum(gain[order])
    needed = int(np.searchsorted(total, wanted)) + 1
    if needed > len(order):
        return None
    return chosen(order[:needed], len(gain))


def chosen(patients: Rows, count: int) -> Flags:
    """Return patients, given by their codes, as flags over all of them."""
    flags = np.zeros(count, dtype=bool)
    flags[patients] = True
    return flags


def strongest(gain: Vector, wanted: float, most: int) -> Flags:
    """Return the fewest patients whose gains add up to what is wanted, or all who gain; at most so many."""
    patients = shortest_prefix(gain, wanted)
    if patients is None:
        patients = gain > 0
    if patients.sum() > most:
        patients = chosen(np.argsort(-gain, kind="stable")[: max(most, 0)], len(gain))
    return patients


def extended(level: list[State], count: int) -> list[Flags]:
    """Return the sets of one patient more that should be nearest to the threshold, each once, nearest first."""
    found: dict[bytes, tuple[float, Flags]] = {}
    for state in level:
        gain = np.where(state.patients, -np.inf, state.gain)
        for patient in np.argsort(-gain, kind="stable")[:count]:
            if gain[patient] > 0:
                added = state.flags_of(state.patients | chosen(np.array([patient]), len(gain)))
                found.setdefault(added.tobytes(), (state.missing - float(gain[patient]), added))
    nearest = sorted(found.values(), key=lambda one: one[0])
    return [added for _, added in nearest[:count]]
