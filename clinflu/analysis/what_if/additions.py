"""Encounters that join the training rows: copies of encounters of the cohort, and records that are in no table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.what_if.records import NEW_ID, checked_records, encoded, require_encoder, unseen_missing
from clinflu.data.arrays import Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.change import Added
from clinflu.study import Study

MOST_COPIES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """One encounter that is to be added, ``count`` times.

    Parameters
    ----------
    encounter, patient : str
        Empty where the record has no id; it is then of a patient of its own.
    x : (p,)
        Encoded.
    y, weight : float
        Outcome, and the weight of one copy.
    count : int
    is_copy : bool
        Whether it is in the cohort and enters as it was recorded.
    """

    encounter: str
    patient: str
    x: Vector
    y: float
    weight: float
    count: int = 1
    is_copy: bool = False


def copies(study: Study, copies_of: Mapping[str, int]) -> list[Addition]:
    """Return more copies of encounters of the cohort, as they were recorded; an adopted model allows them too.

    Raises
    ------
    DataError
        An encounter is not in the cohort, or its number is no whole number from 1 on.
    """
    if not isinstance(copies_of, Mapping):
        raise DataError("copies are asked for as copies_of={encounter id: how many}")
    rows = study.design.encounter_ids.get_indexer(pd.Index([str(name) for name in copies_of], dtype=object))
    if (rows < 0).any():
        raise DataError(
            f"{int((rows < 0).sum())} of the encounters to be copied are not in the cohort; check their ids"
        )
    counts = list(copies_of.values())
    wrong = [one for one in counts if not _is_count(one)]
    if wrong:
        raise DataError(
            f"{len(wrong)} of the numbers of copies make no sense; give a whole number from 1 to {MOST_COPIES:,}"
        )
    design = study.design
    return [
        Addition(
            str(design.encounter_ids[row]),
            str(design.patient_ids[row]),
            design.x[row],
            float(design.y[row]),
            float(design.weights[row]),
            int(count),
            is_copy=True,
        )
        for row, count in zip(rows, counts, strict=True)
    ]


def new_records(study: Study, records: Any) -> tuple[list[Addition], set[str]]:
    """Return records, checked as a cohort is, through the frozen encoder, each with a weight of 1; and notes on them.

    Raises
    ------
    DataError
        The model was adopted and has no encoder, or every problem of the records by row and column.
    """
    frame = checked_records(study, records)
    encoder, schema = require_encoder(study, "new records"), study.cohort.schema
    x = encoded(encoder, frame)
    found = [
        Addition(_given(str(name)), _given(str(patient)), x[place], float(outcome), 1.0)
        for place, (name, patient, outcome) in enumerate(
            zip(frame.index, frame[schema.patient_id], frame[schema.outcome], strict=True)
        )
    ]
    return found, unseen_missing(encoder, frame)


def added_rows(study: Study, additions: Iterable[Addition], removed: set[int]) -> tuple[Added | None, Rows, set[str]]:
    """Return the additions as rows in an order of their own, whatever the order in which they were asked for.

    Parameters
    ----------
    study : Study
    additions : iterable of Addition
    removed : set of int
        Positions of the training rows that go; a record may take the place of one of them.

    Returns
    -------
    Added or None
        Copies of one encounter are one row, with all their weight.
    (m,) int
        Code of the patient of each row; beyond those of the training rows where the patient is new.
    set of str
        What must be said about them.

    Raises
    ------
    DataError
        A record has the id of another one, or of a training encounter that stays.
    """
    joined = _joined(additions)
    if not joined:
        return None, np.empty(0, dtype=np.intp), set()
    _require_new(study, joined, removed)
    x = np.array([one.x for one in joined])
    y = np.array([one.y for one in joined])
    weights = np.array([one.count * one.weight for one in joined])
    patients = np.array([one.patient for one in joined], dtype=object)
    order = np.lexsort((pd.factorize(patients, sort=True)[0], weights, y, *x.T))
    added = Added(x[order], y[order], weights[order])
    return added, _patient_codes(study, patients[order]), _taught_by_audited(study, joined)


def _joined(additions: Iterable[Addition]) -> list[Addition]:
    """Return the additions with the copies of each encounter made one."""
    found: dict[str, Addition] = {}
    counts: dict[str, int] = {}
    records = []
    for one in additions:
        if one.is_copy:
            found[one.encounter] = one
            counts[one.encounter] = counts.get(one.encounter, 0) + one.count
        else:
            records.append(one)
    together = [
        Addition(one.encounter, one.patient, one.x, one.y, one.weight, counts[name], is_copy=True)
        for name, one in found.items()
    ]
    return [*together, *records]


def _require_new(study: Study, joined: list[Addition], removed: set[int]) -> None:
    names = [one.encounter for one in joined if one.encounter and not one.is_copy]
    twice = len(names) - len(set(names))
    if twice:
        raise DataError(f"{twice} of the added records have the id of another one; give each its own id, or none")
    there = [int(row) for row in study.training_positions(names) if row >= 0]
    staying = len([row for row in there if row not in removed])
    if staying:
        raise DataError(
            f"{staying} of the added records have the id of a training encounter that stays; remove that encounter, "
            "leave the id out, or ask for copies_of it"
        )


def _patient_codes(study: Study, patients: np.ndarray) -> Rows:
    known = pd.Index(study.design.patient_ids[study.split.train].unique())
    codes: Rows = known.get_indexer(pd.Index(patients, dtype=object)).astype(np.intp)
    following, named = len(known), dict[str, int]()
    for place, patient in enumerate(patients):
        if codes[place] >= 0:
            continue
        if patient not in named:
            if patient:
                named[patient] = following
            codes[place], following = following, following + 1
        else:
            codes[place] = named[patient]
    return codes


def _taught_by_audited(study: Study, joined: list[Addition]) -> set[str]:
    beyond = np.union1d(study.split.audited, study.split.confirm)
    apart = study.design.encounter_ids[np.setdiff1d(beyond, study.split.train)]
    count = len({one.encounter for one in joined} & set(apart))
    if not count:
        return set()
    note = (
        f"Added to training although kept apart for auditing or confirming: {count} encounters. Metrics on encounters "
        "that taught the model flatter it."
    )
    return {note}


def _given(name: str) -> str:
    return "" if name.startswith(NEW_ID) else name


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(1 <= value <= MOST_COPIES)
