"""What eICU records of unit stays, in the form of every source; a hospital stay stands for its patient.

Unit stays have a common clock only within a hospital stay, so that nothing can be looked up in another.
"""

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_loaders.eicu_codes import CANCELLED, SCHEMA, SEXES, coded, named
from data_loaders.eicu_stays import clock
from data_loaders.hospital import Records
from data_loaders.hospital.laboratory import by_name, in_our_units
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import in_form
from data_loaders.tables.store import Expressions, Store


def records_of(store: Store, units: pd.DataFrame) -> Records:
    """Return all records of unit stays.

    Parameters
    ----------
    store : Store
    units : DataFrame
        A row a unit stay: the fields of ``patient`` and, in minutes since the admission to the hospital, ``start``.
    """
    stays = {
        "encounter_id": units["encounter_id"],
        "patient_id": units["hospital_stay"],
        "admission_source": units["came"].str.strip(),
    }
    patients = {
        "patient_id": units["hospital_stay"],
        "sex": units["sex"].str.strip().str.casefold().map(SEXES),
        "race": units["race"],
    }
    return Records(
        in_form("patients", patients).drop_duplicates("patient_id"),
        in_form("stays", stays),
        diagnoses=_diagnoses(store, units),
        procedures=_treatments(store, units),
        medications=_medications(store, units),
        labs=_labs(store, units),
    )


def _placed(events: pd.DataFrame, units: pd.DataFrame, offset: pd.Series) -> pd.DataFrame:
    """Return the events of known unit stays, with whose they are and when: ``patient_id`` is the hospital stay."""
    of_unit = units.set_index("encounter_id")
    known = events[events["encounter_id"].isin(of_unit.index)]
    start, ended, whose = (
        looked_up(known["encounter_id"], of_unit[name]) for name in ("start", "ended", "hospital_stay")
    )
    minutes, late = start + offset[known.index], offset[known.index] > ended
    placed = known.assign(patient_id=whose, at=clock(minutes), late=late)
    return placed[placed["at"].notna()]  # what has no possible time may have been after the discharge


def _diagnoses(store: Store, units: pd.DataFrame) -> pd.DataFrame | None:
    if not store.has("diagnosis"):
        return None
    found = store.read("diagnosis", SCHEMA["diagnosis"])
    placed = _placed(found, units, found["offset"]).sort_values("at", ascending=False, kind="stable")
    rows = coded(placed)
    first = rows["priority"].str.strip().str.casefold().eq("primary").fillna(False).astype(bool) & ~rows["late"]  # noqa: FBT003
    columns = {name: rows[name] for name in ("patient_id", "encounter_id", "at", "code", "system")}
    return in_form("diagnoses", {**columns, "position": pd.Series(np.where(first, 1.0, np.nan), rows.index)})


def _treatments(store: Store, units: pd.DataFrame) -> pd.DataFrame | None:
    """Return when each treatment was first recorded in a unit stay, as procedures."""
    if not store.has("treatment"):
        return None
    found = store.read("treatment", SCHEMA["treatment"])
    placed = _placed(found, units, found["offset"]).sort_values("at", kind="stable")
    once = placed.drop_duplicates(["encounter_id", "words"])
    return in_form("procedures", {name: once[name] for name in ("patient_id", "encounter_id", "at")})


def _medications(store: Store, units: pd.DataFrame) -> pd.DataFrame | None:
    """Return the drugs that were not cancelled, from when they were both ordered and started."""
    if not store.has("medication"):
        return None
    found = store.read("medication", SCHEMA["medication"])
    found = found.assign(name=named(found))
    found = found[~found["cancelled"].str.strip().str.casefold().eq(CANCELLED).fillna(False).astype(bool)]  # noqa: FBT003
    placed = _placed(found, units, found[["ordered", "started"]].max(axis=1))
    return in_form("medications", {name: placed[name] for name in ("patient_id", "encounter_id", "at", "name")})


def _labs(store: Store, units: pd.DataFrame) -> pd.DataFrame | None:
    if not store.has("lab"):
        return None
    known = by_name()

    def wanted(values: Expressions) -> sa.ColumnElement[bool]:
        return sa.func.lower(sa.func.trim(values["name"])).in_(list(known))

    found = store.read("lab", SCHEMA["lab"], wanted)
    placed = _placed(found, units, found["offset"])
    analytes = placed["name"].str.strip().str.casefold().map(known).astype("str")
    values = in_our_units(analytes, placed["value"], placed["unit"])
    columns = {name: placed[name] for name in ("patient_id", "encounter_id", "at")}
    return in_form("labs", {**columns, "analyte": analytes, "value": values})
