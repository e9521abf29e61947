"""Weak subgroups: found on the audited encounters, tested on those kept to confirm."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit
from statsmodels.stats.multitest import multipletests

from clinflu.analysis.groupings import Grouping, grouping, known_groupings
from clinflu.analysis.slices.items import CRITERIA, Condition, Criterion, Items, errors, expected_loss
from clinflu.analysis.slices.listing import Choice, listed_apart
from clinflu.analysis.slices.search import Counted, Limits
from clinflu.analysis.why.measures import error_of_difference
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.asking import check_count, check_number
from clinflu.errors import DataError
from clinflu.progress import Progress, silent
from clinflu.study import Study

FEWEST, FEWEST_SHARE = 30, 0.005
FEWEST_PATIENTS = 20
MOST_VARIABLES = 3


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How weak subgroups are searched.

    Parameters
    ----------
    min_support : int, optional
        Encounters that a subgroup must hold among the audited; by default 0.5 % of them, and at least 30.
    min_patients : int
        Patients that it must hold among the audited, and among the confirming to be tested.
    most_variables : int
        1 to 3.
    shown : int
        How many of one variable, of two and of three are tested on the confirming encounters.
    criterion : str
        ``"loss"``, or ``"beyond_risk"``: loss beyond what the risks themselves expect.
    level : float
        False discovery rate aimed at.
    """

    min_support: int | None = None
    min_patients: int = FEWEST_PATIENTS
    most_variables: int = MOST_VARIABLES
    shown: int = 10
    criterion: Criterion = "loss"
    level: float = 0.05

    def __post_init__(self) -> None:
        if self.min_support is not None:
            check_count(self.min_support, "the support of a subgroup", least=2)
        check_count(self.min_patients, "the patients of a subgroup", least=2)
        check_count(self.shown, "how many subgroups to test", least=1)
        if check_count(self.most_variables, "the number of variables", least=1) > MOST_VARIABLES:
            raise DataError(f"a subgroup is of at most {MOST_VARIABLES} variables")
        if self.criterion not in CRITERIA:
            raise DataError(f"a criterion is one of {' and '.join(CRITERIA)}")
        if not 0 < check_number(self.level, "the false discovery rate") < 1:
            raise DataError("the false discovery rate lies between 0 and 1; 0.05 is usual")


@dataclass(frozen=True, slots=True)
class Side:
    """A subgroup on some rows.

    Parameters
    ----------
    encounters, patients, events : int
    mean_risk : float
    excess : float
        Mean of the criterion in the subgroup less that of everyone else, nats.
    excess_loss : float
        The same of the loss.
    beyond_risk : float
        Mean loss less what the risks expect of themselves, nats; 0 where they are right.
    """

    encounters: int
    patients: int
    events: int
    mean_risk: float
    excess: float
    excess_loss: float
    beyond_risk: float


@dataclass(frozen=True, slots=True, eq=False)
class WeakSubgroup:
    """A subgroup that the model predicts worse than everyone else.

    Parameters
    ----------
    conditions : tuple of Condition
    score : float
        By which it was found; nats an encounter.
    audited, confirm : Side
    low, high : float
        Interval of the excess among the confirming encounters; patients as the unit.
    p, q : float
        One-sided, of no excess there; after Benjamini and Hochberg over all that were tested. NaN where too few
        patients are there.
    inside : (N,) bool
        Which rows of the cohort it holds.
    """

    conditions: tuple[Condition, ...]
    score: float
    audited: Side
    confirm: Side
    low: float
    high: float
    p: float
    q: float
    inside: Flags = field(repr=False)

    @property
    def words(self) -> str:
        """The subgroup in words."""
        return " and ".join(map(str, self.conditions))


@dataclass(frozen=True, repr=False)
class WeakSubgroups:
    """The weakest subgroups.

    Parameters
    ----------
    options : SearchOptions
    min_support : int
    counted : Counted
        How much was searched.
    found : tuple of WeakSubgroup
        The worst first.
    set_aside : int
        Slices passed over on the way as versions of those found.
    """

    options: SearchOptions
    min_support: int
    counted: Counted
    found: tuple[WeakSubgroup, ...]
    set_aside: int = 0

    def __repr__(self) -> str:
        return (
            f"WeakSubgroups: {len(self.found)} of {self.counted.measured:,} measured, {len(self.confirmed)} confirmed; "
            "see .to_frame(), .confirmed"
        )

    @property
    def confirmed(self) -> tuple[WeakSubgroup, ...]:
        """Those whose excess stands on the confirming encounters after correction."""
        return tuple(one for one in self.found if one.q <= self.options.level)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a subgroup: its words, both sides, interval, p and q. Counts are not suppressed."""
        return pd.DataFrame([_row(one, self.options.level) for one in self.found])


def weak_subgroups(
    study: Study,
    groupings: tuple[Grouping, ...] | None = None,
    options: SearchOptions | None = None,
    progress: Progress = silent,
) -> WeakSubgroups:
    """Find the subgroups that the model predicts worst, and confirm them on other patients.

    Every conjunction of one to three conditions with enough audited encounters is considered. A condition that does not
    raise the score by a tenth is left out, and so is a subgroup half of whose encounters are in worse ones of as many
    variables and at most twice its size: the list is of different weaknesses, not of versions of one. The worst of one
    variable, of two and of three are tested, since of the many with three some look bad by chance alone.

    Parameters
    ----------
    study : Study
    groupings : tuple of Grouping, optional
        Whose levels are the conditions; by default every recorded variable and the age groups.
    options : SearchOptions, optional
    progress : Progress
        Over pairs of conditions.

    Raises
    ------
    DataError
        No encounters are audited, or none are there to confirm.
    """
    asked = options or SearchOptions()
    rows = study.split.audited
    if not len(rows) or not len(study.split.confirm):
        raise DataError("weak subgroups need audited and confirming encounters; split the patients into three parts")
    keys = known_groupings(study) if groupings is None else ()
    chosen = tuple(grouping(study, key) for key in keys) if groupings is None else groupings
    least = asked.min_support or max(FEWEST, round(FEWEST_SHARE * len(rows)))
    items = Items.of(chosen, rows, least)
    choice = Choice(items, study.patients_of(rows), asked.min_patients, asked.shown)
    limits = Limits(least, float(least), asked.most_variables)
    listed, counted = listed_apart(choice, errors(study, rows, asked.criterion), limits, progress)
    picked = sorted((one for level in listed for one in level.picked), key=lambda one: -one[1])
    by_key = {one.key: one for one in chosen}
    found = [
        _tested(study, tuple(items.conditions[at] for at in members), score, by_key, asked) for members, score in picked
    ]
    return WeakSubgroups(asked, least, counted, _corrected(found), sum(level.set_aside for level in listed))


def _tested(
    study: Study,
    conditions: tuple[Condition, ...],
    score: float,
    by_key: dict[str, Grouping],
    options: SearchOptions,
) -> WeakSubgroup:
    inside = np.ones(len(study.design.y), dtype=bool)
    for one in conditions:
        whole = by_key[one.key]
        inside &= whole.codes == whole.levels.index(one.level)
    sides = [_side(study, rows, inside[rows], options.criterion) for rows in (study.split.audited, study.split.confirm)]
    rows = study.split.confirm
    value = errors(study, rows, options.criterion)
    error = error_of_difference(value, inside[rows], study.patients_of(rows))
    enough = sides[1].patients >= options.min_patients and error > 0
    freedom = sides[1].patients - 1
    reach = float(stdtrit(freedom, 0.975)) * error if enough else np.nan
    p = float(stdtr(freedom, -sides[1].excess / error)) if enough else np.nan
    low, high = sides[1].excess - reach, sides[1].excess + reach
    return WeakSubgroup(conditions, score, sides[0], sides[1], low, high, p, np.nan, inside)


def _side(study: Study, rows: Rows, inside: Flags, criterion: Criterion) -> Side:
    mine = rows[inside]
    loss = errors(study, rows, "loss")
    beyond = loss - expected_loss(study, rows)
    value = loss if criterion == "loss" else beyond
    return Side(
        encounters=len(mine),
        patients=len(np.unique(study.patient_codes[mine])),
        events=int(study.design.y[mine].sum()),
        mean_risk=_mean(study.risks[mine]),
        excess=_mean(value[inside]) - _mean(value[~inside]),
        excess_loss=_mean(loss[inside]) - _mean(loss[~inside]),
        beyond_risk=_mean(beyond[inside]),
    )


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else np.nan


def _corrected(found: list[WeakSubgroup]) -> tuple[WeakSubgroup, ...]:
    known = [at for at, one in enumerate(found) if np.isfinite(one.p)]
    if not known:
        return tuple(found)
    q = multipletests([found[at].p for at in known], method="fdr_bh")[1]
    by_place = dict(zip(known, map(float, q), strict=True))
    return tuple(replace(one, q=by_place.get(at, np.nan)) for at, one in enumerate(found))


def _row(one: WeakSubgroup, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {"subgroup": one.words, "variables": len(one.conditions), "score": one.score}
    for name in ("audited", "confirm"):
        side = getattr(one, name)
        row |= {f"{name}_{key}": getattr(side, key) for key in Side.__dataclass_fields__}
    return {**row, "low": one.low, "high": one.high, "p": one.p, "q": one.q, "confirmed": one.q <= level}
