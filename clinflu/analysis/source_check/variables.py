"""What is recorded of each variable, without the value of any one patient."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clinflu.analysis.source_check.coded import RARER, Coded, enough_patients, numbers_of, patient_codes
from clinflu.data.age import is_age, shown_age
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.code_sets import code_sets
from clinflu.data.cohort import Cohort
from clinflu.data.shown import shown
from clinflu.influence.result import PERCENT

LOW, MIDDLE, HIGH = 0.01, 0.5, 0.99


@dataclass(frozen=True, slots=True)
class Variable:
    """One recorded variable.

    Parameters
    ----------
    kind : str
        ``"number"``, ``"category"`` or ``"codes"``.
    recorded : str, optional
        When and by what it was recorded, where the source says so.
    quantile_01, median, quantile_99 : float or str, optional
        Of a number, in its unit; ``"90+"`` for an age over 89; None where fewer than 11 patients lie at or beyond it.
    levels : int, optional
        Of a category, as many as occur; of a set of codes, as many codes.
    commonest : str, optional
        Its most common level or code, ``"rarer levels"`` where fewer than 11 patients have it.
    constant : bool
        It has the same value, or none, in every encounter: no model can use it.
    """

    name: str
    label: str
    unit: str | None
    kind: str
    recorded: str | None
    missing_percent: float
    constant: bool
    quantile_01: float | str | None = None
    median: float | str | None = None
    quantile_99: float | str | None = None
    levels: int | None = None
    commonest: str | None = None
    commonest_percent: float | None = None


def variables(cohort: Cohort, columns: list[Coded]) -> tuple[Variable, ...]:
    """Return what is recorded of each variable, in the order of the schema."""
    patients = patient_codes(cohort)
    return tuple(_variable(cohort, one, patients) for one in columns)


def _variable(cohort: Cohort, column: Coded, patients: Rows) -> Variable:
    if column.spec.is_category:
        return _category(cohort, column)
    return _codes(cohort, column, patients) if column.spec.is_codes else _number(cohort, column, patients)


def _category(cohort: Cohort, column: Coded) -> Variable:
    counts = column.counts()
    recorded = counts[:-1]
    present = int(np.count_nonzero(recorded))
    top = int(recorded.argmax()) if present else None
    return Variable(
        **_described(column, constant=cohort.frame[column.spec.name].nunique(dropna=False) <= 1),
        levels=present,
        commonest=None if top is None else (column.names[top] if column.named[top] else RARER),
        commonest_percent=None if top is None else PERCENT * float(recorded[top] / counts.sum()),
    )


def _codes(cohort: Cohort, column: Coded, patients: Rows) -> Variable:
    recorded = cohort.frame[column.spec.name]
    sets = code_sets(recorded, column.spec)
    described = _described(column, constant=recorded.nunique(dropna=False) <= 1)
    if not sets.codes:
        return Variable(**described, levels=0)
    top = int(sets.counts.argmax())
    held = sets.any_of(np.arange(len(sets.codes)) == top)
    name = shown(column.spec, sets.codes[top]) if enough_patients(patients, held) else RARER
    share = PERCENT * float(held.mean())
    return Variable(**described, levels=len(sets.codes), commonest=name, commonest_percent=share)


def _number(cohort: Cohort, column: Coded, patients: Rows) -> Variable:
    numbers = numbers_of(cohort, column.spec)
    known = np.isfinite(numbers)
    values = numbers[known]
    constant = len(values) == 0 or (len(values) == len(numbers) and float(values.min()) == float(values.max()))
    described = _described(column, constant=constant)
    if not len(values):
        return Variable(**described)
    low, middle, high = (float(one) for one in np.quantile(values, (LOW, MIDDLE, HIGH)))
    with np.errstate(invalid="ignore"):
        beyond = {LOW: (low, numbers <= low), MIDDLE: (middle, known), HIGH: (high, numbers >= high)}
    age = is_age(column.spec)
    said = {at: _said(value, patients, rows, age=age) for at, (value, rows) in beyond.items()}
    return Variable(**described, quantile_01=said[LOW], median=said[MIDDLE], quantile_99=said[HIGH])


def _said(value: float, patients: Rows, rows: Flags, *, age: bool) -> float | str | None:
    """Return a quantile as it may be shown, None where too few patients lie at or beyond it."""
    if not enough_patients(patients, rows):
        return None
    told = shown_age(value) if age else value
    return told if isinstance(told, str) else value


def _described(column: Coded, *, constant: bool) -> dict[str, Any]:
    spec = column.spec
    missing: Vector = column.missing.astype(float)
    return {
        "name": spec.name,
        "label": spec.label,
        "unit": spec.unit,
        "kind": spec.kind,
        "recorded": spec.recorded,
        "missing_percent": PERCENT * float(missing.mean()),
        "constant": constant,
    }
