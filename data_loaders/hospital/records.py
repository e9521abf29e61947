"""The records of a hospital in one form, whatever tables they came from."""

from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from clinflu.data.episodes import COLUMNS as STAY_COLUMNS

FEMALE, MALE, OTHER_SEX = "Female", "Male", "Other"
EMERGENCY_VISIT, OUTPATIENT_VISIT = "emergency", "outpatient"
TEXT, TIME, NUMBER, FLAG = "str", "datetime64[us]", "float64", "boolean"

FORMS: dict[str, dict[str, str]] = {
    "patients": {"patient_id": TEXT, "sex": TEXT, "race": TEXT},
    "stays": {
        **dict.fromkeys(("encounter_id", "patient_id", "admission_type", "admission_source", "disposition"), TEXT),
        **dict.fromkeys(("admitted", "discharged", "died_at", "followed_until"), TIME),
        **dict.fromkeys(("died", "planned"), FLAG),
        "age_years": NUMBER,
    },
    "visits": {"patient_id": TEXT, "at": TIME, "kind": TEXT},
    "diagnoses": {
        **dict.fromkeys(("patient_id", "encounter_id", "code", "system"), TEXT),
        "at": TIME,
        "position": NUMBER,
    },
    "procedures": {"patient_id": TEXT, "encounter_id": TEXT, "at": TIME},
    "medications": {"patient_id": TEXT, "encounter_id": TEXT, "at": TIME, "name": TEXT},
    "labs": {"patient_id": TEXT, "encounter_id": TEXT, "at": TIME, "analyte": TEXT, "value": NUMBER},
}
"""Columns and types of each table of ``Records``."""


@dataclass(frozen=True, eq=False, repr=False)
class Records:
    """What a source records of its patients, in one form; no row is left out that the source holds of them.

    Times are those of the ward's clock, without a zone; a time of midnight may be a date alone. ``None`` stands for a
    table that the source does not have, so that none of its features exist; an empty table says that there was nothing.

    Parameters
    ----------
    patients : DataFrame
        ``patient_id`` (unique), ``sex`` (``FEMALE``, ``MALE``, ``OTHER_SEX`` or missing), ``race`` in the words of the
        source, or missing.
    stays : DataFrame
        Stays in hospital: the columns of :func:`clinflu.data.episodes.episodes`, and ``admission_source`` in words.
    visits : DataFrame, optional
        Visits that are no stay: ``patient_id``, ``at``, ``kind`` (``EMERGENCY_VISIT`` or ``OUTPATIENT_VISIT``).
    diagnoses : DataFrame, optional
        ``patient_id``, ``encounter_id`` (of a stay, or missing), ``at`` (when it was recorded; missing where only the
        stay is known), ``code`` (with or without its point), ``system`` (``"ICD9CM"``, ``"ICD10CM"``, ``"SNOMED"`` or
        another), ``position`` (1 is the first diagnosis; missing where there is no order).
    procedures : DataFrame, optional
        ``patient_id``, ``encounter_id``, ``at``: other than laboratory tests.
    medications : DataFrame, optional
        ``patient_id``, ``encounter_id``, ``at`` (of the order or start), ``name`` as recorded.
    labs : DataFrame, optional
        ``patient_id``, ``encounter_id``, ``at`` (when it was taken), ``analyte`` (key of
        :data:`data_loaders.hospital.laboratory.ANALYTES`), ``value`` in the unit of that analyte.
    """

    patients: pd.DataFrame
    stays: pd.DataFrame
    visits: pd.DataFrame | None = None
    diagnoses: pd.DataFrame | None = None
    procedures: pd.DataFrame | None = None
    medications: pd.DataFrame | None = None
    labs: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            table = getattr(self, field.name)
            if table is not None and set(table.columns) != set(FORMS[field.name]):
                raise ValueError(f"{field.name} needs the columns {', '.join(FORMS[field.name])}")


def in_form(name: str, columns: dict[str, Any], index: pd.Index | None = None) -> pd.DataFrame:
    """Return a table of ``Records`` with every column in its type; a column that is not given is missing throughout.

    Parameters
    ----------
    name : str
        Key of ``FORMS``.
    columns : dict of str to array-like
        Each of the same length.
    index : Index, optional
        Rows of the table, where no column is given as a Series.
    """
    unknown = columns.keys() - FORMS[name].keys()
    if unknown:
        raise ValueError(f"{name} has no columns {', '.join(sorted(unknown))}")
    frame = pd.DataFrame(columns, index=index)
    return pd.DataFrame({column: _typed(frame, column, kind) for column, kind in FORMS[name].items()})


def _typed(frame: pd.DataFrame, column: str, kind: str) -> pd.Series:
    values = frame[column] if column in frame else pd.Series(None, index=frame.index, dtype=object)
    return values.astype(kind) if kind != TIME else pd.to_datetime(values).astype(TIME)


def no_rows(name: str) -> pd.DataFrame:
    """Return a table of ``Records`` that holds nothing."""
    return in_form(name, {column: [] for column in FORMS[name]})


assert set(STAY_COLUMNS) < set(FORMS["stays"])  # noqa: S101 -- the label is made of these columns
