"""Whether anything that training sees is also on the side that it is judged by."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.data.cohort import Cohort
from clinflu.data.schema import FeatureSpec
from clinflu.data.split import split_by_patient
from clinflu.errors import DataError

SEED = 0
FEWEST_ROWS = 100
FEWEST_RETURNING = 20
CONSTANT_WITHIN = 0.95
DISTINCT_BETWEEN = 0.5


@dataclass(frozen=True, slots=True)
class LooksLikeAnId:
    """A recorded variable that behaves as an identifier does."""

    name: str
    label: str
    says: str


@dataclass(frozen=True, slots=True)
class Sides:
    """The default split, training against the rest; None where there are too few patients to split."""

    seed: int
    patients_on_both_sides: int | None
    identical_rows_on_both_sides: int | None
    ids: tuple[LooksLikeAnId, ...]


def sides(cohort: Cohort, contents: Rows) -> Sides:
    """Return what is on both sides of the default split, and the variables that name patients or encounters.

    Parameters
    ----------
    cohort : Cohort
    contents : (n,)
        The same number where every variable and the outcome are the same.
    """
    found = (_looks_like_an_id(cohort, spec) for spec in cohort.schema.features)
    ids = tuple(one for one in found if one is not None)
    try:
        split = split_by_patient(cohort.patients, SEED)
    except DataError:
        return Sides(SEED, None, None, ids)
    rest = np.concatenate([split.audited, split.confirm])
    patients = cohort.patients.to_numpy()
    both = len(np.intersect1d(np.unique(patients[split.train]), np.unique(patients[rest])))
    same = int(np.isin(contents[rest], contents[split.train]).sum())
    return Sides(SEED, both, same, ids)


def _looks_like_an_id(cohort: Cohort, spec: FeatureSpec) -> LooksLikeAnId | None:
    values = cohort.frame[spec.name]
    if spec.is_codes or len(values) < FEWEST_ROWS or values.nunique() < DISTINCT_BETWEEN * cohort.patients.nunique():
        return None
    if _numbers_every_row(values, spec):
        return LooksLikeAnId(spec.name, spec.label, "a whole number that is different in every encounter")
    if _names_the_patient(values, cohort.patients):
        return LooksLikeAnId(
            spec.name, spec.label, "the same in the encounters of a patient, and different between most patients"
        )
    return None


def _numbers_every_row(values: pd.Series, spec: FeatureSpec) -> bool:
    if spec.is_category or values.isna().any() or not values.is_unique:
        return False
    numbers = values.to_numpy(dtype=float)
    return bool((numbers == np.floor(numbers)).all())


def _names_the_patient(values: pd.Series, patients: pd.Series) -> bool:
    """Whether patients who came back have the same value each time; judged where at least 20 of them have it."""
    known = values.notna()
    by_patient = values[known].groupby(patients[known]).agg(["size", "nunique"])
    returning = by_patient[by_patient["size"] > 1]
    enough = len(returning) >= FEWEST_RETURNING
    return bool(enough and (returning["nunique"] == 1).mean() >= CONSTANT_WITHIN)
