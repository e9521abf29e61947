r"""Encounters that equal another one in every recorded variable and the outcome.

Rows of few variables repeat by chance. If the variables were unrelated, a row would be expected
``e = n \prod_j p_j`` times, with the share ``p_j`` of each of its values among the other rows. Rows of
``e < 10^{-4}`` are rare; their copies are suspicious where there are three or more, and ten times as many as the sum of
``e`` over all rare rows says, since variables are related. In a table of a few variables no row is rare, and copies
cannot be told from chance.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.cohort import Cohort

RARE = 1e-4
TIMES_CHANCE = 10.0
FEWEST_COPIES = 3
LEAST_SHARE_ACROSS, LEAST_SHARE_WITHIN = 1e-4, 1e-3


@dataclass(frozen=True, slots=True)
class Copies:
    """Encounters that equal another one: how many, of how many different rows, and how many of those are rare."""

    encounters: int
    rows: int
    largest: int
    rare_encounters: int
    suspicious: bool


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Copies within a patient, and across patients."""

    within_patients: Copies
    across_patients: Copies


def duplicates(cohort: Cohort, contents: Rows) -> Duplicates:
    """Count the encounters that equal another one of the same patient, and of another patient.

    Parameters
    ----------
    cohort : Cohort
    contents : (n,)
        Of :func:`row_contents`.
    """
    rows = pd.DataFrame({"content": contents, "patient": cohort.patients.to_numpy()})
    same = rows.groupby(["content", "patient"])["content"].transform("size").to_numpy()
    patients = rows.drop_duplicates().groupby("content").size()
    others = rows["content"].map(patients).to_numpy()
    expected = _expected(cohort, np.bincount(contents)[contents])
    within = _copies(contents, same > 1, expected, LEAST_SHARE_WITHIN)
    return Duplicates(within, _copies(contents, others > 1, expected, LEAST_SHARE_ACROSS))


def row_contents(cohort: Cohort) -> Rows:
    """Return a number for each encounter, the same where every variable and the outcome are the same, (n,)."""
    columns = [*cohort.schema.feature_names, cohort.schema.outcome]
    codes, _ = pd.factorize(pd.util.hash_pandas_object(cohort.frame[columns], index=False))
    contents: Rows = codes.astype(np.intp)
    return contents


def _copies(contents: Rows, copied: Flags, expected: Vector, least_share: float) -> Copies:
    sizes = np.bincount(contents[copied]) if copied.any() else np.zeros(1, dtype=int)
    rare = expected < RARE
    count = int(np.count_nonzero(copied & rare))
    chance = TIMES_CHANCE * float(expected[rare].sum())
    suspicious = count >= max(FEWEST_COPIES, least_share * len(contents), chance)
    return Copies(int(copied.sum()), int(np.count_nonzero(sizes)), int(sizes.max()), count, bool(suspicious))


def _expected(cohort: Cohort, copies: Rows) -> Vector:
    """Return how often each row would be expected if variables and outcome were unrelated.

    Parameters
    ----------
    cohort : Cohort
    copies : (n,)
        How often each row is there; its own copies do not make its values common.
    """
    logs = np.full(len(copies), np.log(len(copies)))
    for name in (*cohort.schema.feature_names, cohort.schema.outcome):
        codes, levels = pd.factorize(cohort.frame[name], use_na_sentinel=False)
        counts = np.bincount(codes, minlength=len(levels))[codes]
        logs += np.log((counts - copies + 1) / (len(copies) - copies + 1))
    expected: Vector = np.exp(logs)
    return expected
