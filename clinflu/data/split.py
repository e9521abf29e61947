"""Divide a cohort by patient, never by row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.errors import DataError

SHARES = (0.6, 0.2, 0.2)


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers for training, for auditing and for confirming what the audit found; no patient is in two."""

    train: Rows
    audited: Rows
    confirm: Rows


def split_by_patient(patient_ids: pd.Series, seed: int, shares: tuple[float, float, float] = SHARES) -> Split:
    """Divide the patients at random and return the rows of each part.

    Parameters
    ----------
    patient_ids : Series, (n,)
        One patient id a row.
    seed : int
        Of numpy's default generator; the same seed and the same rows in the same order give the same split.
    shares : (float, float, float)
        Shares of the patients that go to training, auditing and confirming; they add up to 1.

    Raises
    ------
    DataError
        There are too few patients for three parts, or the seed is negative.
    """
    if seed < 0:
        raise DataError("the seed of the split cannot be negative; give 0 or a positive whole number")
    codes, patients = pd.factorize(patient_ids)
    ends = np.round(np.cumsum(shares) * len(patients)).astype(int)
    if np.diff(ends, prepend=0).min() < 1:
        raise DataError(f"{len(patients)} patients cannot be split three ways; give a table with more patients")
    order = np.random.default_rng(seed).permutation(len(patients))
    part = np.searchsorted(ends, np.argsort(order), side="right")[codes]
    return Split(*(np.flatnonzero(part == k) for k in range(3)))
