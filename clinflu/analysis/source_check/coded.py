"""A recorded variable as codes, so that its values can be counted; and what of it may be named."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.code_sets import code_sets
from clinflu.data.cohort import Cohort
from clinflu.data.schema import FeatureSpec
from clinflu.data.shown import NOT_RECORDED, shown

FEWEST_PATIENTS = 11
RARER = "rarer levels"
BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """One variable of every encounter, as codes.

    Parameters
    ----------
    spec : FeatureSpec
    codes : (n,)
        0 to k - 1: the levels of a category in their own order, the tenths of a number, or of how many codes a set
        holds; the last where it is missing.
    names : tuple of str, (k,)
        As a person sees them; ``"rarer levels"`` for a level of fewer than 11 patients.
    named : (k,)
        Whether at least 11 patients have it.
    """

    spec: FeatureSpec
    codes: Rows
    names: tuple[str, ...]
    named: Flags

    @property
    def missing(self) -> Flags:
        """Whether it is missing, (n,)."""
        flags: Flags = self.codes == len(self.names) - 1
        return flags

    def counts(self, rows: Rows | Flags | slice = slice(None), weights: Vector | None = None) -> Vector:
        """Return how many of some encounters have each code, or the sum of their weights, (k,)."""
        found = np.bincount(self.codes[rows], weights, minlength=len(self.names))
        return found.astype(float)


def coded(cohort: Cohort) -> list[Coded]:
    """Return every recorded variable as codes; the outcome has no part in it."""
    patients = patient_codes(cohort)
    return [_coded(cohort.frame[spec.name], spec, patients) for spec in cohort.schema.features]


def patient_codes(cohort: Cohort) -> Rows:
    """Return the patient of each encounter as a number from 0."""
    codes, _ = pd.factorize(cohort.patients)
    patients: Rows = codes.astype(np.intp)
    return patients


def numbers_of(cohort: Cohort, spec: FeatureSpec) -> Vector:
    """Return a numeric variable, NaN where it is missing."""
    found: Vector = cohort.frame[spec.name].to_numpy(dtype=float, na_value=np.nan)
    return found


def enough_patients(patients: Rows, rows: Flags) -> bool:
    """Return whether some encounters are of at least 11 patients."""
    return len(np.unique(patients[rows])) >= FEWEST_PATIENTS


def _coded(values: pd.Series, spec: FeatureSpec, patients: Rows) -> Coded:
    if spec.is_category:
        codes, levels = pd.factorize(values, sort=True)
        names = [shown(spec, level) for level in levels]
    elif spec.is_codes:
        sizes = pd.Series(code_sets(values, spec).sizes, dtype=float)
        codes, names = _tenths(sizes.where(sizes > 0), spec)
    else:
        codes, names = _tenths(values, spec)
    codes = np.where(codes < 0, len(names), codes).astype(np.intp)
    of_all = int(patients.max(initial=0)) + 1
    pairs = pd.unique(
        codes * of_all + patients
    )  # one number for a code and a patient: sorting rows takes ten times longer
    named = np.bincount(pairs // of_all, minlength=len(names) + 1) >= FEWEST_PATIENTS
    said = [name if enough else RARER for name, enough in zip(names, named, strict=False)]
    return Coded(spec, codes, (*said, NOT_RECORDED), named)


def _tenths(values: pd.Series, spec: FeatureSpec) -> tuple[Rows, list[str]]:
    """Return in which tenth of the recorded numbers each one is, -1 where it is missing."""
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(numbers)
    if not known.any():
        return np.full(len(numbers), -1), []
    edges = np.unique(np.quantile(numbers[known], np.arange(1, BINS) / BINS))
    codes = np.where(known, np.searchsorted(edges, numbers, side="right"), -1)
    ends = [shown(spec, float(edge)) for edge in edges]
    between = [f"{low} to under {high}" for low, high in pairwise(ends)]
    return codes, [f"under {ends[0]}", *between, f"{ends[-1]} and over"]
