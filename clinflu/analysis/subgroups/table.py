"""The table of subgroups: every figure with its interval, and its difference to the complement."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from clinflu.analysis.groupings import Grouping, groupings
from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.subgroups.intervals import Side, difference, interval
from clinflu.analysis.subgroups.judged import Judged, Members
from clinflu.analysis.subgroups.measures import MEASURES
from clinflu.analysis.subgroups.replicates import Bootstrap, Measured, Partition, replicated
from clinflu.progress import Progress, silent
from clinflu.study import Study

NO_COMPLEMENT = "holds every encounter"
NO_VALUE = "has no finite value here"
EVERYONE = "all audited encounters"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; ``withheld`` says why there is none, and is empty where there is one.

    In the Wilson interval of a proportion each encounter counts. ``patient_low`` and ``patient_high`` are the interval
    that is right where patients have several: of a proportion Wilson's on counts divided by the design effect, of any
    other figure the interval itself.
    """

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    method: str = ""
    withheld: str = ""
    patient_low: float = np.nan
    patient_high: float = np.nan


@dataclass(frozen=True, slots=True)
class Difference:
    """A subgroup's figure minus that of its complement.

    ``p`` is two-sided, of no difference; ``q`` is it after Benjamini and Hochberg, over every difference of the table.
    """

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    q: float = np.nan
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One row of the table.

    Parameters
    ----------
    variable, label : str
        Key and name of the grouping; empty for all encounters.
    level : str
        As a person sees it.
    encounters, patients, events : int
    estimates : dict
        By measure.
    differences : dict
        To the complement, by measure.
    """

    variable: str
    label: str
    level: str
    encounters: int
    patients: int
    events: int
    estimates: dict[str, Estimate]
    differences: dict[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class SubgroupTable:
    """The performance of the model in every subgroup.

    Parameters
    ----------
    threshold : float
        Risk from which the model alerts.
    bootstrap : Bootstrap
    everyone : Subgroup
    groups : tuple of Subgroup
    tests : int
        Over how many differences the q values were corrected.
    """

    threshold: float
    bootstrap: Bootstrap
    everyone: Subgroup
    groups: tuple[Subgroup, ...]
    tests: int

    def __repr__(self) -> str:
        return (
            f"SubgroupTable: {len(self.groups)} subgroups of {self.everyone.encounters:,} encounters at threshold "
            f"{self.threshold:.3f}; see .to_frame(), .differences()"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a subgroup, all encounters first: counts, then each measure with ``_low`` and ``_high``.

        A proportion has ``_patient_low`` and ``_patient_high`` too, the interval that counts patients.
        NaN where a figure is withheld; ``withheld`` then says why, by measure. Counts are not suppressed: an export
        must do so.
        """
        return pd.DataFrame([_wide(one) for one in (self.everyone, *self.groups)])

    def differences(self) -> pd.DataFrame:
        """Return one row a subgroup and measure: its difference to the complement, interval, p and q."""
        rows = [
            {"variable": one.variable, "level": one.level, "measure": name}
            | {key: getattr(found, key) for key in Difference.__dataclass_fields__}
            for one in self.groups
            for name, found in one.differences.items()
        ]
        return pd.DataFrame(rows, columns=["variable", "level", "measure", *Difference.__dataclass_fields__])


def subgroups(
    study: Study,
    by: str | Iterable[str] | None = None,
    threshold: float | None = None,
    bootstrap: Bootstrap | None = None,
    progress: Progress = silent,
) -> SubgroupTable:
    """Measure the model in every subgroup of the audited encounters.

    A bootstrap draws patients, the same draws for all subgroups. Proportions have Wilson's interval, in which each
    encounter counts; the AUROC has DeLong's where no patient is there twice; everything else has one from the
    bootstrap, on the scale of the measure. The interval of a difference to the complement comes from the limits of
    both and the correlation of their draws; there Wilson's counts are divided by the design effect of the patients.

    Parameters
    ----------
    study : Study
    by : str or iterable of str, optional
        See :func:`clinflu.analysis.groupings.groupings`.
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    bootstrap : Bootstrap, optional
        1,000 replicates from seed 0 by default.
    progress : Progress
        Over replicates.

    Raises
    ------
    DataError
        There is no such variable, or the threshold is no risk.

    References
    ----------
    Wilson (1927); Dean & Pagano (2015), doi:10.1093/jssam/smv024; DeLong et al. (1988), doi:10.2307/2531595;
    Field & Welsh (2007) for the cluster bootstrap; Zou & Donner (2008), doi:10.1002/sim.3095; Benjamini & Hochberg
    (1995).
    """
    limit = study.threshold if threshold is None else check_threshold(threshold)
    judged = Judged.of(study, study.split.audited, limit)
    return subgroup_table(judged, groupings(study, by), bootstrap or Bootstrap(), progress)


def subgroup_table(
    judged: Judged, chosen: tuple[Grouping, ...], bootstrap: Bootstrap, progress: Progress = silent
) -> SubgroupTable:
    """Return the table of these encounters; see :func:`subgroups`."""
    everyone = Grouping("", "", (EVERYONE,), np.zeros(int(judged.rows.max()) + 1, dtype=np.intp))
    found = [(one, *_partition(judged, one)) for one in (everyone, *chosen)]
    blocks = []
    for done, block in replicated(judged, [partition for *_, partition in found], bootstrap):
        blocks.append(block)
        progress(done, bootstrap.replicates)
    rows = []
    for place, (one, levels, partition) in enumerate(found):
        for at, pair in enumerate(partition.sides):
            draws = [_joined([block[place][at][side] for block in blocks]) for side in (0, 1)]
            rows.append(_row(one, levels[at], pair, (draws[0], draws[1]), bootstrap.level))
    corrected = _corrected(rows)
    tests = sum(np.isfinite(one.p) for row in corrected for one in row.differences.values())
    return SubgroupTable(judged.threshold, bootstrap, corrected[0], tuple(corrected[1:]), tests)


def _partition(judged: Judged, one: Grouping) -> tuple[list[str], Partition]:
    """Return the levels that judged encounters have, and these encounters by level."""
    held, codes = np.unique(one.codes[judged.rows], return_inverse=True)
    inside = [codes == place for place in range(len(held))]
    sides = tuple((Members(judged, mask), Members(judged, ~mask)) for mask in inside)
    return [one.levels[code] for code in held], Partition(codes.astype(np.intp), sides)


def _joined(parts: list[Measured]) -> Measured:
    return {name: np.concatenate([part[name] for part in parts]) for name in MEASURES}


def _row(
    one: Grouping, level: str, pair: tuple[Members, Members], draws: tuple[Measured, Measured], coverage: float
) -> Subgroup:
    inside = pair[0]
    values = [exact(members) for members in pair]
    estimates, differences = {}, {}
    for name, measure in MEASURES.items():
        sides = [
            Side(measure, *side)
            for side in zip(pair, (one[name] for one in values), (one[name] for one in draws), strict=True)
        ]
        estimates[name] = _estimate(sides[0], coverage)
        if one.key:
            differences[name] = _difference(sides[0], sides[1], coverage)
    counts = inside.count, inside.patients, int(inside.sums["events"])
    return Subgroup(one.key, one.label, level, *counts, estimates, differences)


def exact(members: Members) -> dict[str, float]:
    """Return every measure of some encounters, as they are; NaN where one has no value."""
    sums = {name: np.array(value) for name, value in members.sums.items()}
    sums["intercept"], _, sums["slope"] = map(np.array, members.fits)
    zero = np.array(0.0)
    sums |= dict.fromkeys(("intercept_score", "slope_score_0", "slope_score_1", "slope_01"), zero)
    sums |= dict.fromkeys(("intercept_information", "slope_00", "slope_11"), np.array(1.0))
    sums["ordered_pairs"] = members.auroc * sums["pairs"]
    return {name: float(measure.of(sums)) for name, measure in MEASURES.items()}


def _estimate(side: Side, coverage: float) -> Estimate:
    lacking = side.members.lacks(side.measure.need)
    if lacking or not np.isfinite(side.value):
        return Estimate(withheld=lacking or NO_VALUE)
    found, wide = (interval(side, coverage, by_patient=by_patient) for by_patient in (False, True))
    return Estimate(side.value, found.low, found.high, found.method, found.withheld, wide.low, wide.high)


def _difference(inside: Side, outside: Side, coverage: float) -> Difference:
    if not outside.members.count:
        return Difference(withheld=NO_COMPLEMENT)
    need = inside.measure.need
    lacking = inside.members.lacks(need) or outside.members.lacks(need)
    value = inside.value - outside.value
    if lacking or not np.isfinite(value):
        return Difference(withheld=lacking or NO_VALUE)
    found, p = difference(inside, outside, coverage)
    return Difference(value, found.low, found.high, p, withheld=found.withheld)


def _corrected(rows: list[Subgroup]) -> list[Subgroup]:
    """Return the rows with q values over all their differences."""
    from dataclasses import replace

    known = [(at, name) for at, row in enumerate(rows) for name, one in row.differences.items() if np.isfinite(one.p)]
    if not known:
        return rows
    q = multipletests([rows[at].differences[name].p for at, name in known], method="fdr_bh")[1]
    by_place = dict(zip(known, map(float, q), strict=True))
    return [
        replace(
            row,
            differences={
                name: replace(one, q=by_place[at, name]) if (at, name) in by_place else one
                for name, one in row.differences.items()
            },
        )
        for at, row in enumerate(rows)
    ]


def _wide(one: Subgroup) -> dict[str, Any]:
    row: dict[str, Any] = {
        "variable": one.variable,
        "label": one.label,
        "level": one.level,
        "encounters": one.encounters,
        "patients": one.patients,
        "events": one.events,
    }
    for name, found in one.estimates.items():
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        if MEASURES[name].is_proportion:
            row |= {f"{name}_patient_low": found.patient_low, f"{name}_patient_high": found.patient_high}
    row["withheld"] = {name: found.withheld for name, found in one.estimates.items() if found.withheld}
    return row
