"""Recorded values that never stood in the table: checked as a cohort is, encoded as the training rows taught."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from clinflu.data import CohortSchema, Encoder, FeatureSpec
from clinflu.data.arrays import Matrix
from clinflu.data.design import LARGEST, MISSING
from clinflu.data.validation import validate
from clinflu.errors import DataError, LoaderError
from clinflu.study import Study

NOT_LOADED = "nothing was loaded: "
LOAD_AGAIN = ". Mend the table or its description and load it again"
NEW_ID = "\0new "
SHOWN = 20


def require_encoder(study: Study, what: str) -> Encoder:
    """Return the encoder of a study, or raise DataError where an adopted model brought its own columns."""
    if study.encoder is None:
        raise DataError(
            f"an adopted model has its own columns, so {what} cannot be turned into them; remove, relabel, reweight or "
            "copy encounters, or fit the model with clinflu"
        )
    return study.encoder


def edited_frame(study: Study, edits: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the recorded values of training encounters with some of them changed.

    Parameters
    ----------
    study : Study
    edits : mapping
        By position among the training rows, the new values by variable; None for missing.

    Raises
    ------
    DataError
        Something is not a recorded variable, or not a value that it can have.
    """
    encoder = require_encoder(study, "new recorded values")
    positions = list(edits)
    columns = {}
    for name in study.cohort.schema.feature_names:
        values = study.train_frame[name].iloc[positions].astype(object).to_list()
        for place, position in enumerate(positions):
            if name in edits[position]:
                values[place] = checked_value(encoder, study.cohort.schema.feature(name), edits[position][name])
        columns[name] = values
    return _typed(pd.DataFrame(columns, dtype=object), study.cohort.schema)


def require_variables(schema: CohortSchema, names: Mapping[str, Any]) -> None:
    """Raise DataError unless all these are recorded variables, which an edit may change."""
    for name in names:
        if name == schema.outcome:
            raise DataError(f"{name!r} is the outcome; change it with Relabel")
        if name in (schema.encounter_id, schema.patient_id):
            raise DataError(f"{name!r} is an id, not a recorded value; it cannot be edited")
        schema.feature(str(name))


def checked_value(encoder: Encoder, spec: FeatureSpec, value: Any) -> str | float | None:
    """Return a new value of a recorded variable as the frame holds it, None where it is missing.

    Raises
    ------
    DataError
        It is not of the variable's type, beyond its bounds, or a level or code that training never saw.
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if spec.is_category:
        return _checked_level(encoder, spec, value)
    if spec.is_codes:
        return _checked_codes(encoder, spec, value)
    number = _number(value)
    low, high = spec.bounds or (-math.inf, math.inf)
    if number is None or not abs(number) < LARGEST or not low <= number <= high:
        wanted = f" from {low:g} to {high:g}" if spec.bounds else ""
        raise DataError(f"a new value of {spec.name!r} must be a number{wanted}{f' {spec.unit}' if spec.unit else ''}")
    return number


def checked_records(study: Study, records: Any) -> pd.DataFrame:
    """Return records that are to be added, in the types of the cohort and checked like one.

    Parameters
    ----------
    study : Study
    records : DataFrame or list of mappings
        Every recorded variable and the outcome; encounter and patient id may be left out, as columns or as a whole.
        Baseline scores, as rows of a cohort hold them, teach nothing and are passed over.
        The encounter id may be the index of a frame, as it is in a cohort.

    Returns
    -------
    DataFrame
        Index: encounter id. An id that begins with ``NEW_ID`` stands for one that was left out.

    Raises
    ------
    DataError
        Every problem by row and column, without a value.
    """
    encoder, schema = require_encoder(study, "new records"), replace(study.cohort.schema, baselines=())
    table = _as_table(records, schema).drop(columns=list(study.cohort.schema.baseline_names), errors="ignore")
    unknown = [str(name) for name in table.columns if name not in _columns(schema)]
    if unknown:
        raise DataError(f"the records hold {', '.join(unknown[:SHOWN])}, which are no variables of this cohort")
    absent = [name for name in (*schema.feature_names, schema.outcome) if name not in table.columns]
    if absent:
        raise DataError(f"the records lack {', '.join(absent[:SHOWN])}; give every recorded variable, None for missing")
    for name in (schema.encounter_id, schema.patient_id):
        given = table[name].astype(object) if name in table.columns else pd.Series(None, table.index, dtype=object)
        made_up = pd.Series([f"{NEW_ID}{k}" for k in range(len(table))], table.index, dtype=object)
        table[name] = given.map(str, na_action="ignore").where(given.notna(), made_up)
    try:
        frame = validate(table[list(_columns(schema))], schema, pd.Series(range(1, len(table) + 1)))
    except LoaderError as error:
        problems = str(error).removeprefix(NOT_LOADED).removesuffix(LOAD_AGAIN)
        raise DataError(f"the records to be added do not fit the cohort: {problems}") from None
    frame = frame.set_index(schema.encounter_id)
    _require_seen(encoder, frame)
    return frame


def encoded(encoder: Encoder, frame: pd.DataFrame) -> Matrix:
    """Return the rows through the frozen encoder, (n, p), or raise DataError where a value is infinite or huge."""
    x = encoder.encode(frame)
    if not np.all(np.abs(x) < LARGEST):
        raise DataError("a new value is infinite or far beyond those of the training encounters; check its unit")
    return x


def unseen_missing(encoder: Encoder, frame: pd.DataFrame) -> set[str]:
    """Return, in words, which values are missing in these rows and never were in training."""
    names = [name for name, levels in encoder.unseen(frame).items() if MISSING in levels]
    for spec in encoder.schema.features:
        columns = [column for column in encoder.columns if column.variable == spec.name]
        never = spec.is_number and not any(column.level == MISSING for column in columns)
        if never and columns and frame[spec.name].isna().any():
            names.append(spec.name)
    return {
        f"{encoder.schema.feature(name).label} was never missing in training: where it now is, it stands at the "
        "training average."
        for name in names
    }


def _checked_level(encoder: Encoder, spec: FeatureSpec, value: Any) -> str:
    seen = [level for level in encoder.levels(spec.name) if level != MISSING]
    if not isinstance(value, str) or value not in seen:
        more = f" and {len(seen) - SHOWN} more" if len(seen) > SHOWN else ""
        raise DataError(
            f"a new value of {spec.name!r} must be a level that training saw: {', '.join(seen[:SHOWN])}{more}; "
            "or None for missing"
        )
    return value


def _checked_codes(encoder: Encoder, spec: FeatureSpec, value: Any) -> str:
    if not isinstance(value, str) or encoder.unseen_codes(pd.DataFrame({spec.name: [value]}), spec.name):
        raise DataError(
            f"a new value of {spec.name!r} must be codes that training saw, with {spec.separator!r} between them, or "
            "None for no code"
        )
    return value


def _require_seen(encoder: Encoder, frame: pd.DataFrame) -> None:
    """Raise if a record holds a level or code that training never saw; a missing value may."""
    unseen = {name: [one for one in levels if one != MISSING] for name, levels in encoder.unseen(frame).items()}
    for what, named in (
        ("levels", [name for name in unseen if unseen[name]]),
        ("codes", [*encoder.unseen_codes(frame)]),
    ):
        if named:
            raise DataError(
                f"the records to be added hold {what} of {', '.join(named)} that training never saw, so the frozen "
                f"encoder has no column for them; give {what} that training saw, or None for missing"
            )


def _number(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | str | np.number):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _as_table(records: Any, schema: CohortSchema) -> pd.DataFrame:
    if isinstance(records, pd.DataFrame):
        named = records.index.name == schema.encounter_id and schema.encounter_id not in records.columns
        table = records.reset_index(drop=not named)
    elif isinstance(records, list | tuple) and all(isinstance(one, Mapping) for one in records):
        table = pd.DataFrame([dict(one) for one in records], dtype=object)
    else:
        raise DataError("the records to be added must be a DataFrame or a list of dicts, one for each encounter")
    if not len(table):
        raise DataError("there are no records to be added; give at least one, or leave Add out")
    return table


def _columns(schema: CohortSchema) -> tuple[str, ...]:
    return (schema.encounter_id, schema.patient_id, schema.outcome, *schema.feature_names)


def _typed(frame: pd.DataFrame, schema: CohortSchema) -> pd.DataFrame:
    types = {spec.name: float if spec.is_number else "str" for spec in schema.features}
    return frame.astype(types)
