"""What may be done to the training encounters, and its translation into one change of the training rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.what_if.additions import Addition, added_rows, copies, new_records
from clinflu.analysis.what_if.records import edited_frame, encoded, require_encoder, require_variables, unseen_missing
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import list_of_ids, values_by_id
from clinflu.data.places import LONG, is_among, places_of
from clinflu.data.query import matching
from clinflu.errors import DataError
from clinflu.influence.change import Change
from clinflu.study import Study


@dataclass(frozen=True)
class Remove:
    """Leave encounters, all training encounters of patients, or those that a query is true of, out of training.

    What is named in several ways is removed once. For the query see :func:`clinflu.data.query.matching`.
    """

    encounters: Iterable[str] = ()
    patients: Iterable[str] = ()
    query: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Relabel:
    """Give training encounters another outcome: ``{encounter id: 0 or 1}``, or a Series of them."""

    outcomes: "Mapping[str, int] | pd.Series"


@dataclass(frozen=True)
class Reweight:
    """Give training encounters another weight in the loss: ``{encounter id: weight >= 0}``, or a Series of them."""

    weights: "Mapping[str, float] | pd.Series"


@dataclass(frozen=True)
class Edit:
    """Give a training encounter other recorded values: ``{variable: value}``, None for missing.

    The row is encoded anew by the frozen encoder, so a category changes from one level to another as a whole.
    """

    encounter_id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Add:
    """Let encounters teach the model that did not, or teach it more than once.

    Parameters
    ----------
    records : DataFrame or sequence of mappings, optional
        New encounters: every recorded variable and the outcome. Encounter and patient id may be left out; a patient
        who is in the cohort is taken for the same one.
    copies_of : mapping, optional
        ``{encounter id: how many more}``, of any encounter of the cohort, as it was recorded. Copies that are asked
        for twice are made twice.
    """

    records: "pd.DataFrame | Sequence[Mapping[str, Any]] | None" = None
    copies_of: Mapping[str, int] = field(default_factory=dict)


Action = Remove | Relabel | Reweight | Edit | Add


@dataclass(frozen=True, eq=False)
class Plan:
    """All actions together as one change of the training rows.

    Parameters
    ----------
    change : Change
    added_patients : (m,) int
        Code of the patient of each added row; a code beyond those of the training rows is a new patient.
    added_encounters : int
        How many encounters were added, each copy counted; copies of one encounter are one row with their weight.
    edited_encounters, relabelled_encounters : int
        How many the model sees otherwise than before; an edit or label that was there already does not count.
    notes : tuple of str
        What the reader must know about the actions, in words.
    """

    change: Change
    added_patients: Rows
    added_encounters: int = 0
    edited_encounters: int = 0
    relabelled_encounters: int = 0
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """What the plan is known by, whichever actions made it."""
        counts = (self.added_encounters, self.edited_encounters, self.relabelled_encounters)
        return (*self.change.content, self.added_patients, *counts, self.notes)


class _Wanted:
    """Everything that the actions ask for, by position among the training rows; their order does not matter."""

    def __init__(self, study: Study) -> None:
        self.study = study
        ids = study.train_ids
        self.train_ids = ids if len(ids) > LONG else ids.astype(object)  # for all look-ups: it is hashed only once
        self.removed: set[int] = set()
        self.weights: dict[int, float] = {}
        self.outcomes: dict[int, float] = {}
        self.edits: dict[int, dict[str, Any]] = {}
        self.additions: list[Addition] = []
        self.notes: set[str] = set()

    def take(self, action: object) -> None:
        match action:
            case Remove():
                self.removed.update(self._removed(action))
            case Relabel():
                _merge(self.outcomes, _numbers(self.train_ids, action.outcomes, "outcome"), "outcome")
            case Reweight():
                _merge(self.weights, _numbers(self.train_ids, action.weights, "weight"), "weight")
            case Edit():
                self._edit(action)
            case Add():
                self._add(action)
            case _:
                raise DataError(
                    "an action is Remove([...]), Relabel({...}), Reweight({...}), Edit(id, {...}) or Add([...]); wrap "
                    "the ids in one of them"
                )

    def require_no_conflict(self) -> None:
        gone = dict.fromkeys(self.removed, 0.0)
        for others, what in ((self.outcomes, "relabelled"), (self.edits, "edited")):
            both = len(self.removed & set(others))
            if both:
                raise DataError(f"encounters that are both removed and {what}: {both}; choose one for each")
        _merge(self.weights, gone, "weight")

    def _removed(self, action: Remove) -> list[int]:
        found = np.union1d(positions(self.train_ids, action.encounters), _of_patients(self.study, action.patients))
        if action.query is not None:
            chosen = np.flatnonzero(matching(action.query, self.study.train_frame, self.study.cohort.schema))
            if not len(chosen):
                self.notes.add("No training encounter answers to a query, so it removed none.")
            found = np.union1d(found, chosen)
        return [int(row) for row in found]

    def _edit(self, action: Edit) -> None:
        require_encoder(self.study, "new recorded values")
        if not isinstance(action.values, Mapping):
            raise DataError("an edit is Edit(encounter id, {variable: new value})")
        require_variables(self.study.cohort.schema, action.values)
        row = int(positions(self.train_ids, [action.encounter_id])[0])
        values = {name: None if _is_missing(value) else value for name, value in action.values.items()}
        _merge(self.edits.setdefault(row, {}), values, "new value", "variables of an encounter")

    def _add(self, action: Add) -> None:
        asked = action.copies_of is not None
        copies_of = values_by_id(action.copies_of, "copies_of={encounter id: how many}") if asked else {}
        if action.records is None and not copies_of:
            raise DataError("give Add records, or copies_of={encounter id: how many}")
        if copies_of:
            self.additions += copies(self.study, copies_of)
        if action.records is not None:
            records, notes = new_records(self.study, action.records)
            self.additions += records
            self.notes |= notes


def combine(study: Study, actions: Iterable[Action]) -> Plan:
    """Return all actions together as one change of the training rows; their order does not matter.

    Parameters
    ----------
    study : Study
        Its encoder stays as it is.
    actions : iterable of Remove, Relabel, Reweight, Edit or Add

    Raises
    ------
    DataError
        An encounter or patient that taught nothing, a contradiction (an encounter both removed and edited, or given
        two outcomes), or a value that makes no sense; never with an id or a value of a patient.
    """
    wanted = _Wanted(study)
    for action in actions:
        wanted.take(action)
    wanted.require_no_conflict()
    rows = np.array(sorted({*wanted.weights, *wanted.outcomes, *wanted.edits}), dtype=np.intp)
    train = study.train
    weights = np.array([wanted.weights.get(int(row), train.weights[row]) for row in rows], dtype=float)
    outcomes = np.array([wanted.outcomes.get(int(row), train.y[row]) for row in rows], dtype=float)
    x, notes = _edited(study, wanted.edits, rows)
    edited = np.zeros(len(rows), dtype=bool)
    if wanted.edits:
        edited = (x != study.design.rows(study.split.train[rows])).any(axis=1)
    relabelled = outcomes != train.y[rows]
    changed = edited | relabelled | (weights != train.weights[rows])
    added, added_patients, more_notes = added_rows(study, wanted.additions, wanted.removed)
    return Plan(
        Change(rows[changed], weights[changed], outcomes[changed], x[changed] if edited.any() else None, added),
        added_patients,
        added_encounters=sum(one.count for one in wanted.additions),
        edited_encounters=int(edited.sum()),
        relabelled_encounters=int(relabelled.sum()),
        notes=tuple(sorted({*wanted.notes, *notes, *more_notes})),
    )


def positions(train_ids: pd.Index, encounter_ids: Iterable[str]) -> Rows:
    """Return where encounters stand among the training rows, or raise DataError where one does not."""
    found = places_of(train_ids, list_of_ids(encounter_ids))
    if (found < 0).any():
        raise DataError(
            f"{int((found < 0).sum())} of the encounters are not among the training encounters; only those taught "
            "the model, and only those can be changed"
        )
    return found


def _of_patients(study: Study, patient_ids: Iterable[str]) -> Rows:
    patients = set(list_of_ids(patient_ids, "patient ids"))
    of_train = study.design.patient_ids[study.split.train]
    found = np.flatnonzero(is_among(of_train, patients))
    absent = patients.difference(of_train[found])
    if absent:
        raise DataError(f"{len(absent)} of the patients have no training encounter; only those can be removed")
    return found


def _edited(study: Study, edits: dict[int, dict[str, Any]], rows: Rows) -> tuple[Matrix, set[str]]:
    """Return the encoded values of all rows that were named, and what must be said of the edits."""
    x = study.design.rows(study.split.train[rows])
    if not edits:
        return x, set()
    encoder = require_encoder(study, "new recorded values")
    chosen = sorted(edits)
    frame = edited_frame(study, {row: edits[row] for row in chosen})
    x[np.searchsorted(rows, chosen)] = encoded(encoder, frame)
    return x, unseen_missing(encoder, frame)


def _numbers(train_ids: pd.Index, values: "Mapping[str, float] | pd.Series", what: str) -> dict[int, float]:
    by_id = values_by_id(values, f"the new {what}s as {{encounter id: {what}}}")
    numbers: Vector = np.array([_number(value) for value in by_id.values()], dtype=float)
    valid = np.isin(numbers, (0.0, 1.0)) if what == "outcome" else np.isfinite(numbers) & (numbers >= 0)
    if not valid.all():
        wanted = "0 or 1" if what == "outcome" else "a finite number, 0 or more"
        raise DataError(f"{int((~valid).sum())} of the new {what}s make no sense; give {wanted}")
    return dict(zip(positions(train_ids, by_id).tolist(), numbers.tolist(), strict=True))


def _number(value: Any) -> float:
    """Return a number, or a text that holds one, as a float; NaN where it is neither."""
    try:
        return float(value) if isinstance(value, Real | Decimal | np.bool_ | str) else np.nan
    except (ValueError, OverflowError):
        return np.nan


def _is_missing(value: Any) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _merge(target: dict[Any, Any], new: dict[Any, Any], what: str, of_what: str = "encounters") -> None:
    clashes = [key for key in new if key in target and not _same(target[key], new[key])]
    if clashes:
        raise DataError(f"{len(clashes)} {of_what} are given two different {what}s; give each one only once")
    target.update(new)


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):  # such as two arrays
        return False
