"""What each backend costs on more and more rows of a cohort, and whether all of them find the same."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.held_bytes import held_bytes
from clinflu.data import Cohort, Design, Encoder, Exclusion, split_by_patient
from clinflu.data.arrays import Vector
from clinflu.data.asking import check_count
from clinflu.data.backends import Backend, chosen_backend
from clinflu.data.matrix.parts import MatrixInParts
from clinflu.data.split import Split
from clinflu.errors import DataError
from clinflu.influence.refit import Change, refit
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import LOGISTIC
from clinflu.progress import Progress, silent
from clinflu.study import DEFAULT_PENALTY

ROWS = (10_000, 100_000)
NAMED = ("dense", "compact")
REMOVED_PATIENTS = 100
MICRO = 1e6
SAME_THETA, SAME_INFLUENCE = 1e-9, 1e-7


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scaling:
    """What a fit, an influence and a refit cost, by the number of rows and the backend.

    Parameters
    ----------
    frame : DataFrame
        A row for each number of encounters (rows) and backend: columns, training_rows; seconds until the backend holds
        the rows (encode), of the fit, of the leverages (once for each fit), of the influence of all training rows on
        one prediction, and of a refit without 100 patients; passes of the fit, 0 where a pass is not what costs; bytes
        of the design of all rows; theta_apart and influence_apart, how far coefficients and influences (as a share of
        the largest) are from those of the first backend.
    simulated : bool
        Whether the patients are invented.
    """

    frame: pd.DataFrame
    simulated: bool

    def __repr__(self) -> str:
        return f"{self.words} See .frame"

    @property
    def rows(self) -> tuple[int, ...]:
        """Numbers of encounters, in their order."""
        return tuple(int(rows) for rows in self.frame["rows"].unique())

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends, in their order."""
        return tuple(self.frame["backend"].unique())

    @property
    def agrees(self) -> bool:
        """Whether all backends found the same coefficients and influences, to rounding."""
        apart = self.frame[["theta_apart", "influence_apart"]].max()
        return bool(apart["theta_apart"] <= SAME_THETA and apart["influence_apart"] <= SAME_INFLUENCE)

    def of_backend(self, name: str) -> pd.DataFrame:
        """Return the rows of one backend, the fewest encounters first."""
        return self.frame[self.frame["backend"] == name].sort_values("rows", kind="stable")

    @property
    def words(self) -> str:
        """What was found, in sentences."""
        largest = self.frame[self.frame["rows"] == self.frame["rows"].max()]
        costs = ", ".join(_cost(one) for _, one in largest.iterrows())
        first = largest.iloc[0]
        parts = [f"Of {first['rows']:,} encounters x {first['columns']} columns the fit takes: {costs}."]
        if len(self.backends) > 1:
            apart = self.frame[["theta_apart", "influence_apart"]].max()
            parts.append(
                f"{'All backends find the same' if self.agrees else 'The backends do NOT find the same'}: coefficients "
                f"within {apart['theta_apart']:.1e}, influences within {apart['influence_apart']:.1e} of the largest."
            )
        return " ".join(parts)


def scaling(
    cohort: Cohort,
    rows: Sequence[int] = ROWS,
    backends: Sequence[str | Backend] = NAMED,
    seed: int = 0,
    progress: Progress = silent,
) -> Scaling:
    """Measure a fit, one influence and one refit of the default model, by the number of rows and the backend.

    Parameters
    ----------
    cohort : Cohort
    rows : sequence of int
        Of each size, the first encounters of whole patients: all encounters of as many patients, in the order of their
        first encounters, as have that many together.
    backends : sequence of str or Backend
        Names in ``BACKENDS``, or backends with options, each name once. The others are compared with the first.
    seed : int
        Of the split.
    progress : Progress
        Of how many fits are done.

    Raises
    ------
    DataError
        There are fewer rows than that, no such backend, or one of them twice.
    FitError
        Its kinds say why no model can be fitted to so few rows.
    """
    sizes = [check_count(size, "the number of encounters", 1) for size in rows]
    names = [one if isinstance(one, str) else one.name for one in backends]
    if not sizes or not names:
        raise DataError("give at least one number of encounters and one backend")
    if len(set(names)) < len(names):
        raise DataError("compare each backend once; measure one of other options on its own")
    parts = [first_patients(cohort, size) for size in sizes]
    found: list[dict[str, Any]] = []
    for part in parts:
        task, first = _Task.of(part, seed), None
        for name, backend in zip(names, backends, strict=True):
            values, answer = _measured(task, name, backend)
            first = answer if first is None else first
            found.append(values | _apart(answer, first))
            progress(len(found), len(parts) * len(names))
    return Scaling(pd.DataFrame(found), cohort.provenance.simulated)


def first_patients(cohort: Cohort, rows: int) -> Cohort:
    """Return the encounters of as many patients, in the order of their first encounters, as have ``rows`` together.

    Raises
    ------
    DataError
        There are fewer encounters.
    """
    if rows > len(cohort.frame):
        raise DataError(f"the cohort has {len(cohort.frame):,} encounters, and not {rows:,}; ask for fewer")
    codes, _ = pd.factorize(cohort.patients)
    patients = int(np.searchsorted(np.cumsum(np.bincount(codes)), rows)) + 1
    chosen = np.flatnonzero(codes < patients)
    left = len(codes) - len(chosen)
    if not left:
        return cohort
    step = Exclusion(f"of other patients than the first {patients:,}", left)
    provenance = replace(cohort.provenance, exclusions=(*cohort.provenance.exclusions, step))
    return Cohort(cohort.frame.iloc[chosen], cohort.schema, provenance)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What every backend gets of one number of rows."""

    cohort: Cohort
    split: Split
    encoder: Encoder

    @classmethod
    def of(cls, cohort: Cohort, seed: int) -> "_Task":
        split = split_by_patient(cohort.patients, seed)
        return cls(cohort, split, Encoder.learn(cohort.frame.iloc[split.train], cohort.schema))


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What must be the same whatever holds the rows."""

    theta: Vector
    influence: Vector


def _measured(task: _Task, name: str, backend: str | Backend) -> tuple[dict[str, Any], _Answer]:
    encoder, frame = task.encoder, task.cohort.frame
    holder = chosen_backend(backend, len(frame), len(encoder.columns), encoder.most_codes)
    (design, taught), encoding = _timed(lambda: _held(task, holder))
    penalty = LOGISTIC.penalties(len(encoder.columns), DEFAULT_PENALTY, has_intercept=design.has_intercept)
    patients, found = pd.factorize(taught.patient_ids)
    train, fitting = _timed(lambda: TrainingRows.fit(taught.x, taught.y, taught.weights, penalty, patients))
    _, leveraging = _timed(lambda: (train.leverage, train.residual))
    audited = design.x[int(task.split.audited[0])]
    influence, asking = _timed(lambda: one_step(train, removal_effect(train, audited)))
    without = Change.removal(train, patients < min(REMOVED_PATIENTS, len(found) // 2))
    _, refitting = _timed(lambda: refit(train, without))
    values = {
        "rows": len(frame),
        "backend": name,
        "columns": len(encoder.columns),
        "training_rows": len(taught.y),
        "encode_seconds": encoding,
        "fit_seconds": fitting,
        "passes": train.model.passes,
        "leverage_seconds": leveraging,
        "influence_seconds": asking,
        "refit_seconds": refitting,
        "design_bytes": held_bytes(design.x),
    }
    return values, _Answer(train.model.theta, influence)


def _held(task: _Task, holder: Backend) -> tuple[Design, Design]:
    """Return the design of all rows and that of the training rows, where a cluster has started and read its parts."""
    design = task.encoder.design(task.cohort, holder.encode(task.encoder, task.cohort.frame))
    taught = design.take(task.split.train)
    if isinstance(taught.x, MatrixInParts):
        taught.x.squares()
    return design, taught


def _apart(answer: _Answer, first: _Answer) -> dict[str, float]:
    largest = np.abs(first.influence).max()
    return {
        "theta_apart": float(np.abs(answer.theta - first.theta).max()),
        "influence_apart": float(np.abs(answer.influence - first.influence).max() / largest),
    }


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def _cost(one: "pd.Series[Any]") -> str:
    passes = f" in {one['passes']} passes ({MICRO * _row_pass(one):.2f} µs a row and pass)" if one["passes"] else ""
    bytes_a_row = one["design_bytes"] / one["rows"]
    return f"{one['backend']} {one['fit_seconds']:.2f} s{passes}, its design {bytes_a_row:,.0f} bytes a row"


def _row_pass(one: "pd.Series[Any]") -> float:
    return float(one["fit_seconds"] / (one["training_rows"] * one["passes"]))
