"""How near the estimates of a view are to refits, in words that stand beside them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.check.points import ESTIMATES, NEWTON, ONE_STEP, SINGLE, SUBGROUP
from clinflu.analysis.check.result import Check
from clinflu.influence.agreement import Agreement, Pairs, agreement

HERE = "; counted on the refits shown here alone, clinflu check counts on hundreds"


@dataclass(frozen=True, slots=True)
class Grades:
    """The grade of the estimates of single past encounters, and of whole subgroups; both plain text."""

    single: str
    subgroup: str


def grades_shown(singles: pd.DataFrame, subgroups: pd.DataFrame) -> Grades:
    """Return what the refits that a view shows say about the estimates beside them.

    Parameters
    ----------
    singles, subgroups : DataFrame
        ``risk_change_estimate_pp`` and ``risk_change_refit_pp``, percentage points.
    """
    return Grades(
        grade_of_singles(singles, None),
        f"{_agreement(ESTIMATES[NEWTON], subgroups).words}{HERE}.",
    )


def grade_of_singles(singles: pd.DataFrame, check: Check | None) -> str:
    """Return the grade of the estimates of single past encounters: of a check, else of these refits alone."""
    if check is not None and check.has(SINGLE):
        return f"{check.grade(SINGLE, ONE_STEP).words}."
    return f"{_agreement(ESTIMATES[ONE_STEP], singles).words}{HERE}."


def grades_checked(check: Check, otherwise: Grades) -> Grades:
    """Return the grades of a check; of what it did not refit, those that were there."""
    single = grade_of_singles(pd.DataFrame(), check) if check.has(SINGLE) else otherwise.single
    subgroup = f"{check.grade(SUBGROUP, NEWTON).words}." if check.has(SUBGROUP) else otherwise.subgroup
    return Grades(single, subgroup)


def _agreement(what: str, frame: pd.DataFrame) -> Agreement:
    estimate = frame["risk_change_estimate_pp"].to_numpy(dtype=float)
    refit = frame["risk_change_refit_pp"].to_numpy(dtype=float)
    return agreement(what, Pairs(estimate, refit, np.zeros(len(refit))))
