"""The search for the fewest patients without whom, or with whose labels corrected, a prediction crosses a threshold."""

import time
from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Flags, Rows
from clinflu.errors import FitError
from clinflu.influence.flipset import Crossing, State, extended, shortest_prefix, strongest
from clinflu.influence.flipset_bound import least_loss
from clinflu.influence.refit import refit
from clinflu.progress import Progress, silent

REACH = 1.0  # log-odds that one linearisation is trusted for
PATIENCE = 3
MAX_ROUNDS = 60
LEAST_PROGRESS = 0.01
BATCH = 32
FEW = 4
ORDERS = 8


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: seconds, and the largest number of patients that is still an answer."""

    time_s: float
    max_patients: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search came to.

    Parameters
    ----------
    rows : (k,)
        Positions of the changed training rows, ascending; empty where no set was found.
    patients : (m,)
        Their patients' codes, ascending.
    margin : float
        Of the audited row in the final refit, log-odds; NaN where no set was found.
    verified : bool
        Whether a refit from the original fit ends across the threshold.
    minimal : bool
        Whether it is proven that with any single patient put back it does not: by a bound, else by a refit.
    surrogate_size : int or None
        How many patients the additive estimate asks for; None where it holds that all would not do.
    surrogate_flips : bool
        Whether the refit without those, or with their labels changed, is across.
    out_of_time : bool
        Whether the search was cut off, so that more time might find fewer.
    """

    rows: Rows
    patients: Rows
    margin: float
    verified: bool
    minimal: bool
    surrogate_size: int | None
    surrogate_flips: bool
    out_of_time: bool


def find_flip_set(crossing: Crossing, budget: Budget, progress: Progress = silent) -> Found:
    """Search for the fewest patients whose removal or relabelling moves the prediction across the threshold.

    Each round refits without the present set, estimates there what every patient would gain, those in the set
    included, and takes the fewest that should suffice: at a fixed point no exchange of patients helps, to first
    order. The first round's set is that of the additive estimate. Should the rounds lead nowhere, patients are only
    added. Then it is proven for each patient of the set that without it the rest does not do: by the bound of
    :func:`clinflu.influence.flipset_bound.least_loss` where that is enough, else by a refit. Few patients are also
    sought in several greedy orders.

    The set is the smallest found, not the smallest there is. Where time does not run out the result is the same on
    every run.

    Parameters
    ----------
    crossing : Crossing
    budget : Budget
    progress : Progress

    Raises
    ------
    Cancelled
        By ``progress``.

    References
    ----------
    Broderick, Giordano & Meager (2020), arXiv:2011.14999, for the additive estimate; Yang, Jain & Wallace (2023),
    arXiv:2302.02169, and (2024), arXiv:2305.12809, for removal and relabelling in logistic regression.
    """
    return _Search(crossing, budget, progress).run()


class _Search:
    """One search: the smallest state found so far, and what is left of the budget."""

    def __init__(self, crossing: Crossing, budget: Budget, progress: Progress) -> None:
        count = crossing.patient_count
        self._crossing = crossing
        self._limit = count if budget.max_patients is None else min(budget.max_patients, count)
        self._deadline = time.monotonic() + budget.time_s
        self._progress = progress
        self._done = 0
        self._best: State | None = None
        self._banned = np.zeros(count, dtype=bool)
        self._seen: set[bytes] = set()
        self._out_of_time = False

    def run(self) -> Found:
        start = self._crossing.start
        self._tick()
        surrogate = shortest_prefix(start.gain, start.missing)
        state = None if surrogate is None else self._surrogate_state(surrogate)
        if state is not None:
            self._keep(state)
        self._relinearise(start if state is None or start.missing > REACH or state.size > self._limit else state)
        if self._best is None:
            self._grow()
        minimal = self._prune()
        while minimal and self._fewer_by_other_orders():
            minimal = self._prune()
        return self._found(surrogate, surrogate_flips=state is not None and state.is_across, minimal=minimal)

    def _surrogate_state(self, patients: Flags) -> State | None:
        """Return the refit of the set that the additive estimate asks for, if it has one."""
        start = self._crossing.start
        try:
            return start.move_to(start.flags_of(patients))
        except FitError:
            return None

    def _found(self, surrogate: Flags | None, *, surrogate_flips: bool, minimal: bool) -> Found:
        best, nobody = self._best, np.array([], dtype=np.intp)
        margin = np.nan if best is None else self._margin_from_start(best)
        verified = bool(self._crossing.missing(margin) <= 0)
        return Found(
            rows=best.rows if best is not None and verified else nobody,
            patients=np.flatnonzero(best.patients) if best is not None and verified else nobody,
            margin=margin if verified else np.nan,
            verified=verified,
            minimal=verified and minimal,
            surrogate_size=None if surrogate is None else int(surrogate.sum()),
            surrogate_flips=surrogate_flips,
            out_of_time=self._out_of_time,
        )

    def _margin_from_start(self, state: State) -> float:
        """Return the audited margin in a refit of the set from the fit as it was, whatever path led to the set."""
        refitted = refit(self._crossing.train, self._crossing.change(state.rows))
        return self._crossing.train.model.log_odds_of(self._crossing.x_audited, refitted.theta)

    def _relinearise(self, state: State) -> None:
        """Move from set to set until none smaller is proposed, or one has no fit; keep the smallest that is across."""
        self._seen.add(state.changed.tobytes())
        stale, least = 0, state.missing
        for _ in range(MAX_ROUNDS):
            changed = state.flags_of(self._proposal(state))
            if not changed.any() or changed.tobytes() in self._seen or self._time_is_up():
                return
            try:
                state = state.move_to(changed)
            except FitError:
                return
            self._seen.add(changed.tobytes())
            closer = state.missing > 0 and state.missing < least - LEAST_PROGRESS * self._crossing.start.missing
            least = min(least, state.missing)
            stale = 0 if self._keep(state) or closer else stale + 1
            if stale >= PATIENCE:
                return

    def _proposal(self, state: State) -> Flags:
        """Return the fewest patients that should suffice, or lead as far as one linearisation reaches."""
        gain = np.where(self._banned, 0.0, state.gain)
        wanted = float(state.row_gain[state.changed].sum()) + min(state.missing, REACH)
        return strongest(gain, wanted, self._limit)

    def _grow(self) -> None:
        """Only add patients, each time as many as should lead half of the way, until the prediction is across."""
        state, room = self._crossing.start, self._limit
        for _ in range(MAX_ROUNDS):
            gain = np.where(self._banned | state.patients, 0.0, state.gain)
            patients = state.patients | strongest(gain, min(state.missing, REACH) / 2, room - state.size)
            if (patients == state.patients).all() or self._time_is_up():
                return
            try:
                state, room = state.move_to(state.flags_of(patients)), self._limit
            except FitError:
                room = self._less_room(state, patients)
                continue
            if state.is_across:
                self._keep(state)
                self._relinearise(state)
                return

    def _less_room(self, state: State, patients: Flags) -> int:
        """Return how many patients to try next where there is no fit without these; ban one that stands alone."""
        added = patients & ~state.patients
        if added.sum() > 1:
            return state.size + int(added.sum()) // 2
        self._banned |= added
        return self._limit

    def _keep(self, state: State) -> bool:
        """Keep the state if it is the best so far; return whether it is smaller than what there was."""
        if not state.is_across or state.size > self._limit:
            return False
        smaller = self._best is None or state.size < self._best.size
        if smaller or (self._best is not None and state.size == self._best.size and state.missing < self._best.missing):
            self._best = state
        return smaller

    def _prune(self) -> bool:
        """Put back whom the refit allows; return whether in the end it allows nobody."""
        while self._best is not None and self._best.size > 1:
            smaller = self._with_one_put_back(self._best)
            if self._out_of_time:
                return False
            if smaller is None:
                return True
            self._best = smaller
            self._relinearise(smaller)
        return self._best is not None

    def _with_one_put_back(self, state: State) -> State | None:
        """Return the state with one patient put back that is furthest across, of the first batch that has one.

        Whom a bound already holds back needs no refit.
        """
        if self._time_is_up():
            return None
        open_to_refit = np.flatnonzero(state.patients & (state.missing + least_loss(state) <= 0))
        weakest_first = open_to_refit[np.argsort(state.gain[open_to_refit], kind="stable")]
        for begin in range(0, len(weakest_first), BATCH):
            if self._time_is_up():
                return None
            each = [state.without(int(patient)) for patient in weakest_first[begin : begin + BATCH]]
            missing = np.nan_to_num(state.missing_with(each), nan=np.inf)
            if missing.min() <= 0:
                return state.move_to(each[int(missing.argmin())])
        return None

    def _fewer_by_other_orders(self) -> bool:
        """Try to find fewer than a few patients from several beginnings; return whether that succeeded."""
        if self._best is None or not 1 < self._best.size <= FEW:
            return False
        level = [self._crossing.start]
        for depth in range(1, self._best.size):
            if self._time_is_up():
                return False
            candidates = extended(level, BATCH)
            if not candidates:
                return False
            missing = np.nan_to_num(self._crossing.start.missing_with(candidates), nan=np.inf)
            if missing.min() <= 0:
                self._best = self._crossing.start.move_to(candidates[int(missing.argmin())])
                return True
            nearest = [place for place in np.argsort(missing, kind="stable")[:ORDERS] if np.isfinite(missing[place])]
            if depth + 1 < self._best.size:
                level = [self._crossing.start.move_to(candidates[place]) for place in nearest]
        return False

    def _time_is_up(self) -> bool:
        self._tick()
        self._out_of_time |= time.monotonic() > self._deadline
        return self._out_of_time

    def _tick(self) -> None:
        """Say how far the search is; how many parts are to come is not known."""
        self._done += 1
        waiting = 0 if self._best is None else self._best.size // BATCH
        self._progress(self._done, self._done + PATIENCE + waiting)
