"""Which groups a report explains, and the explanation in words that may be seen."""

import numpy as np

from clinflu.analysis.groupings import BETWEEN, CROSS, Grouping
from clinflu.analysis.subgroups import Estimate, Subgroup, SubgroupTable
from clinflu.analysis.why import Why, WhyOptions, whys
from clinflu.analysis.why.words import helped, told
from clinflu.audit import Audit
from clinflu.findings.losses import SIGNIFICANT, members_of
from clinflu.progress import Progress

MOST_EXPLAINED = 2
COMPARED = ("calibration_intercept", "calibration_slope", "auroc")
TOGETHER = (20, 50, 100)


def explained_groups(
    table: SubgroupTable, compared: tuple[Grouping, ...], most: int | None = MOST_EXPLAINED
) -> tuple[Subgroup, ...]:
    """Return the subgroups that the model fails beyond chance, single variables first, then by evidence.

    Failing is a calibration that differs from everyone else's and is itself off, or a lower AUROC. A group that is
    part of one already there, or the same encounters under another name, is left out.
    """
    by_key = {one.key: one for one in compared}
    failing = [(CROSS in one.variable, found, one) for one in table.groups for found in [_evidence(one)]]
    known = sorted((row for row in failing if row[1] <= SIGNIFICANT), key=lambda row: row[:2])
    chosen: list[Subgroup] = []
    for _, _, one in known:
        if not any(_is_part(one, other, by_key) for other in chosen):
            chosen.append(one)
    return tuple(chosen[:most])


def comparable(table: SubgroupTable) -> tuple[Subgroup, ...]:
    """Return the subgroups whose calibration or AUROC is compared with everyone else's."""
    return tuple(one for one in table.groups if any(np.isfinite(one.differences[name].q) for name in COMPARED))


def is_off(estimate: Estimate, ideal: float) -> bool:
    """Return whether the interval of an estimate leaves out what it should be."""
    return estimate.low > ideal or estimate.high < ideal


def _is_part(one: Subgroup, other: Subgroup, by_key: dict[str, Grouping]) -> bool:
    """Whether a subgroup is one that was chosen already under another name, or an intersection with it."""
    if other.variable in one.variable.split(CROSS) and other.level in one.level.split(BETWEEN):
        return True
    return np.array_equal(members_of(one, by_key).inside, members_of(other, by_key).inside)


def _evidence(one: Subgroup) -> float:
    """Return the smallest q of a difference that is a failure; 1 where there is none."""
    found = [1.0]
    for name, ideal in (("calibration_intercept", 0.0), ("calibration_slope", 1.0)):
        estimate, difference = one.estimates[name], one.differences[name]
        if is_off(estimate, ideal):
            found.append(difference.q)
    if one.differences["auroc"].value < 0:
        found.append(one.differences["auroc"].q)
    return float(np.nanmin(found))


def explain(
    audit: Audit,
    chosen: tuple[Subgroup, ...],
    compared: tuple[Grouping, ...],
    threshold: float,
    progress: Progress,
) -> tuple[Why, ...]:
    """Return why the model predicts these subgroups as it does; training groups are levels of single variables."""
    by_key = {one.key: one for one in compared}
    if not chosen or audit.study.trust.reasons:
        return ()
    members = [members_of(one, by_key) for one in chosen]
    by = tuple(one for one in compared if CROSS not in one.key)
    options = WhyOptions(threshold=threshold, strongest=0, together=TOGETHER)
    return whys(audit.study, members, by=by, options=options, progress=progress)


def in_words(patients: int | str, why: Why) -> str:
    """Return the explanation with a number of training patients that may be seen."""
    share = f"{100 * why.support.own_influence:.0f} %"
    number = patients if isinstance(patients, str) else f"{patients:,}"
    support = (
        f"The {number} training patients of this group account for {share} of the squared influence on its mean "
        "log-odds."
    )
    said = told(why.label, why.options, why.excess, support, why.groups, why.gap).words
    return f"{said} {helped(why.remedies)}".strip()
