"""Variables that alone tell the outcome so well that they may have been recorded after it."""

from dataclasses import dataclass, replace

import numpy as np

from clinflu.analysis.source_check.coded import Coded, patient_codes
from clinflu.data.arrays import Rows, Vector
from clinflu.data.cohort import Cohort
from clinflu.influence.result import PERCENT

Numbers = Vector | Rows
FOLDS = 5
FEWEST_OF_EACH = 20
TOO_WELL = 0.80
FAR_AHEAD, LEAST_AHEAD = 0.15, 0.65
MISSING_TELLS = 0.60
SMOOTHING = 10.0
EXPECTED_EVENTS = 20.0
BAR = (
    f"A variable is flagged where it alone reaches an AUROC of {TOO_WELL:.2f}, or {LEAST_AHEAD:.2f} and "
    f"{FAR_AHEAD:.2f} more than the second best: models of readmission that use everything recorded before discharge "
    "mostly reach 0.6 to 0.7, so one variable that does better probably holds something of the time after it. Being "
    f"missing is flagged from {MISSING_TELLS:.2f} on; a level, where {EXPECTED_EVENTS:.0f} events or more, or as many "
    "encounters without one, were to be expected and there is none."
)


@dataclass(frozen=True, slots=True)
class Alone:
    """How well one variable alone tells the outcome.

    Parameters
    ----------
    auroc : float, optional
        Mean over the folds, patients kept together; None where a fold holds no event.
    missing_auroc : float, optional
        The same of nothing but whether it is missing; None where it always or never is.
    rate_missing_percent, rate_recorded_percent : float, optional
        Event rate where it is missing, and where it is recorded.
    settling : tuple of str
        Levels, or being missing, with which the event always or never happens, by name if 11 patients have them.
    too_well, missing_tells : bool
        Whether it is flagged.
    """

    name: str
    label: str
    auroc: float | None
    missing_auroc: float | None
    rate_missing_percent: float | None
    rate_recorded_percent: float | None
    settling: tuple[str, ...]
    too_well: bool = False
    missing_tells: bool = False


@dataclass(frozen=True, slots=True)
class Leakage:
    """All variables, the one that tells most first; ``why_not`` where there are too few events to judge."""

    folds: int
    alone: tuple[Alone, ...]
    bar: str
    why_not: str | None = None


def leakage(cohort: Cohort, columns: list[Coded]) -> Leakage:
    """Return how well each variable alone tells the outcome of patients that it has not seen.

    A number enters as its tenths, a category as its levels, a set of codes as how many it holds, and being missing as
    one more; each is encoded by the
    event rate of the training folds, drawn toward the overall rate by ten encounters, so that the direction and the
    shape of the effect need not be known. Five folds by patient.

    Parameters
    ----------
    cohort : Cohort
    columns : list of Coded
    """
    y = cohort.outcome.to_numpy(dtype=float)
    patients = patient_codes(cohort)
    with_event = len(np.unique(patients[y == 1]))
    without = len(np.unique(patients[y == 0]))
    if min(with_event, without) < FEWEST_OF_EACH:
        return Leakage(FOLDS, (), BAR, f"fewer than {FEWEST_OF_EACH} patients with, or without, the event")
    tests = _folds(y, patients)
    found = sorted((_alone(one, y, tests) for one in columns), key=lambda one: -(one.auroc or 0.0))
    second = found[1].auroc or 0.5 if len(found) > 1 else None
    return Leakage(FOLDS, tuple(_flagged(one, second, first=place == 0) for place, one in enumerate(found)), BAR)


def _folds(y: Vector, patients: Rows) -> list[Rows]:
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(n_splits=FOLDS, shuffle=True, random_state=0)
    return [test for _, test in splitter.split(y[:, None], y, patients)]


def _flagged(one: Alone, second: float | None, *, first: bool) -> Alone:
    auroc = one.auroc or 0.0
    ahead = first and second is not None and auroc >= LEAST_AHEAD and auroc - second > FAR_AHEAD
    tells = (one.missing_auroc or 0.0) >= MISSING_TELLS
    return replace(one, too_well=auroc >= TOO_WELL or ahead, missing_tells=tells)


def _alone(column: Coded, y: Vector, tests: list[Rows]) -> Alone:
    missing = column.missing.astype(np.intp)
    some = 0 < missing.sum() < len(missing)
    return Alone(
        name=column.spec.name,
        label=column.spec.label,
        auroc=_auroc(column.codes, len(column.names), y, tests),
        missing_auroc=_auroc(missing, 2, y, tests) if some else None,
        rate_missing_percent=PERCENT * float(y[missing == 1].mean()) if some else None,
        rate_recorded_percent=PERCENT * float(y[missing == 0].mean()) if some else None,
        settling=_settling(column, y),
    )


def _auroc(codes: Rows, k: int, y: Vector, tests: list[Rows]) -> float | None:
    """Return the mean over the folds of the AUROC of a code encoded by the event rate of the other folds."""
    all_rows, all_events = np.bincount(codes, minlength=k), np.bincount(codes, y, minlength=k)
    found = []
    for test in tests:
        rows, events = np.bincount(codes[test], minlength=k), np.bincount(codes[test], y[test], minlength=k)
        if not 0 < events.sum() < rows.sum():
            return None
        taught, taught_events = all_rows - rows, all_events - events
        overall = taught_events.sum() / taught.sum()
        rates = (taught_events + SMOOTHING * overall) / (taught + SMOOTHING)
        found.append(_concordance(rates, events, rows - events))
    return float(np.mean(found))


def _concordance(rates: Vector, events: Numbers, others: Numbers) -> float:
    """Return the share of pairs of an event and a non-event in which the event has the higher rate, ties one half."""
    _, places = np.unique(rates, return_inverse=True)
    above, below = np.bincount(places, events), np.bincount(places, others)
    won = np.cumsum(below) - 0.5 * below
    return float((above * won).sum() / (above.sum() * below.sum()))


def _settling(column: Coded, y: Vector) -> tuple[str, ...]:
    rows, events = column.counts(), column.counts(weights=y)
    never = (events == 0) & (rows * y.mean() >= EXPECTED_EVENTS)
    always = (events == rows) & (rows * (1 - y.mean()) >= EXPECTED_EVENTS)
    words = {True: "never", False: "always"}
    places = np.flatnonzero((never | always) & column.named)
    return tuple(f"{column.names[k]} ({words[bool(never[k])]})" for k in places)
