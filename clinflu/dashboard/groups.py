"""The groups of past patients that a what-if can leave out, and those that it cannot, with the reason."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.subgroup_support import LARGEST_SHARE, removable_groups
from clinflu.audit import Audit
from clinflu.dashboard.wording import level_words
from clinflu.data.shown import shown

TOO_MANY = "more than half, so it cannot be left out"
ONE_OUTCOME = "without them only one outcome is left"


@dataclass(frozen=True, slots=True)
class Offered:
    """A group of past patients as the what-if lists it.

    Parameters
    ----------
    variable, label, level, name : str
        The level as the audit takes it, and as a person reads it.
    encounters : int
        In training.
    why_not : str
        Why it cannot be left out; empty where it can.
    """

    variable: str
    label: str
    level: str
    name: str
    encounters: int
    why_not: str = ""


def offered_groups(audit: Audit) -> tuple[Offered, ...]:
    """Return every group of the subgroup variables, in their order."""
    study = audit.study
    removable = {(one.variable, one.level) for one in removable_groups(study)}
    sizes: dict[tuple[str, str], int] = {}
    for variable, (codes, levels) in study.subgroup_codes.items():
        spec = study.cohort.schema.feature(variable)
        for code, level in enumerate(levels):
            key = (variable, shown(spec, level))
            sizes[key] = sizes.get(key, 0) + int(np.sum(codes == code))
    found = []
    for (variable, level), size in sizes.items():
        spec = study.cohort.schema.feature(variable)
        most = TOO_MANY if size > LARGEST_SHARE * len(study.train.y) else ONE_OUTCOME
        why_not = "" if (variable, level) in removable else most
        found.append(Offered(variable, spec.label, level, level_words(spec, level), size, why_not))
    return tuple(one for one in found if one.encounters)
