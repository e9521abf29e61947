"""Sets of codes whose codes hold what usually stands between codes."""

import numpy as np

from clinflu.analysis.source_check.coded import enough_patients, patient_codes
from clinflu.analysis.source_check.units import Suspicious
from clinflu.data.code_sets import code_sets
from clinflu.data.cohort import Cohort
from clinflu.data.schema import FeatureSpec
from clinflu.influence.result import PERCENT

USUAL = {",": "a comma", ";": "a semicolon", "|": "a bar", " ": "a space", "\t": "a tab"}
LEAST_SHARE = 0.05


def other_separators(cohort: Cohort) -> tuple[Suspicious, ...]:
    """Return the sets of codes that look as if something else than their ``separator`` stood between the codes.

    One is told where a twentieth of the encounters that have a set, and 11 patients, hold a code with another usual
    separator in it; of several such separators the one that most hold.
    """
    patients = patient_codes(cohort)
    found = (_suspicious(cohort, spec, patients) for spec in cohort.schema.features if spec.is_codes)
    return tuple(one for one in found if one is not None)


def _suspicious(cohort: Cohort, spec: FeatureSpec, patients: np.ndarray) -> Suspicious | None:
    sets = code_sets(cohort.frame[spec.name], spec)
    recorded = int(np.count_nonzero(sets.sizes))
    holding = {mark: sets.any_of(np.array([mark in code for code in sets.codes], dtype=bool)) for mark in USUAL}
    mark, rows = max(holding.items(), key=lambda one: int(one[1].sum()))
    count = int(rows.sum())
    if not recorded or count < LEAST_SHARE * recorded or not enough_patients(patients, rows):
        return None
    return Suspicious(
        name=spec.name,
        label=spec.label,
        kind="separator",
        says=f"its codes hold {USUAL[mark]}, as if that stood between them: check separator in the description",
        encounters=count,
        percent_of_recorded=PERCENT * count / recorded,
    )
