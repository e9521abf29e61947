"""What the sections of a report draw on: one audit, the options, and what may be told apart of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from clinflu.analysis.groupings import (
    AGE_GROUP,
    CROSS,
    UNDER_TEN,
    Grouping,
    default_groupings,
    grouping,
    known_groupings,
)
from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.slices import WeakSubgroup, WeakSubgroups, weak_subgroups
from clinflu.analysis.subgroups import Bootstrap, Subgroup, SubgroupTable, subgroup_table
from clinflu.analysis.subgroups.judged import Judged
from clinflu.analysis.why import Why
from clinflu.audit import Audit
from clinflu.data.age import age_feature
from clinflu.data.arrays import Flags
from clinflu.errors import DataError
from clinflu.findings.curve_material import CurveMaterial, curve_material
from clinflu.findings.disclosure import Pattern, is_small
from clinflu.findings.explained import MOST_EXPLAINED, explain, explained_groups, in_words
from clinflu.findings.losses import GroupLoss, group_losses, members_of
from clinflu.progress import Progress, silent
from clinflu.study import Study

WITHHELD = "withheld"
TEACHERS = (
    "The model was fitted on all of these encounters before it came here, so it is judged on patients that taught it, "
    "and nothing is confirmed on others: every figure flatters it."
)
NOT_COUNTED = (
    "Withheld: so few had the event, or were alerted to, that figures of the model would let small counts be worked "
    "out. An internal report shows them."
)
NOT_JUDGED = (
    "Withheld: the model gives fewer than half as many different risks as there are audited encounters, so its "
    "figures would let small counts be worked out. A model with more recorded variables, or finer ones, can be shown; "
    "an internal report shows this one."
)
NEAREST = 10
FEWEST_SHOWN = 20  # 11 to 14 are not 10 when they are rounded
DEFAULT_CROSSINGS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What a report is asked for.

    Parameters
    ----------
    by : tuple of str, optional
        Variables and intersections; by default the age groups and the subgroup variables of the schema, and the first
        of them crossed with each of the next three.
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    bootstrap : Bootstrap
    internal : bool
        Show small cells and every level; each page then says INTERNAL.
    """

    by: tuple[str, ...] | None = None
    threshold: float | None = None
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    internal: bool = False


@dataclass(frozen=True, eq=False)
class Material:
    """An audit as a report may show it.

    Parameters
    ----------
    audit : Audit
    options : Options
    before : tuple of str
        Intersections that earlier exports of this audit showed.
    stage : callable
        Gives, for the name of a part of the work, the progress that it reports to.
    """

    audit: Audit
    options: Options
    before: tuple[str, ...] = ()
    stage: Callable[[str], Progress] = lambda _: silent

    @property
    def study(self) -> Study:
        """The study."""
        return self.audit.study

    @property
    def internal(self) -> bool:
        """Whether small cells are shown."""
        return self.options.internal

    @cached_property
    def threshold(self) -> float:
        """Risk from which the model alerts."""
        asked = self.options.threshold
        return self.study.threshold if asked is None else check_threshold(asked)

    @cached_property
    def pattern(self) -> Pattern:
        """What may be told apart in exports."""
        return Pattern(self.study, self.threshold)

    @property
    def may_be_counted(self) -> bool:
        """Whether the encounters as a whole may be counted by outcome and alert."""
        return self.internal or self.pattern.may_be_counted

    @cached_property
    def may_be_judged(self) -> bool:
        """Whether figures of the model may be shown."""
        return self.internal or (self.may_be_counted and not self.pattern.model_is_coarse)

    @property
    def not_judged(self) -> str:
        """Why figures of the model may not be shown, in words."""
        return NOT_JUDGED if self.may_be_counted else NOT_COUNTED

    def may_be_shown(self, measure: str) -> bool:
        """Whether a measure may be shown: the event rate where events may be counted, figures of the model else."""
        return self.may_be_counted if measure == "event_rate" else self.may_be_judged

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """Keys of the variables and intersections that the report is about."""
        if self.options.by is not None:
            keys = self.options.by
            if not keys:
                raise DataError(
                    "no variable is named by which to divide; give some, such as age_group,gender, or leave it out"
                )
            for key in keys:
                grouping(self.study, key)  # what is not there is refused before anything is computed
            return tuple(dict.fromkeys(CROSS.join(part.strip() for part in key.split(CROSS)) for key in keys))
        age = age_feature(self.study.cohort.schema, self.study.cohort.frame)
        same = {UNDER_TEN, age.name if age else UNDER_TEN}
        every = default_groupings(self.study)
        derived = AGE_GROUP not in self.study.cohort.schema.feature_names
        stood_for = same - {UNDER_TEN} if AGE_GROUP in every and derived else set()  # the age groups stand for the age
        keys = tuple(key for key in every if key not in stood_for)
        crossed = [key for key in keys[1:] if key not in same][:DEFAULT_CROSSINGS]
        return (*keys, *(f"{keys[0]}{CROSS}{key}" for key in crossed))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The variables among them."""
        return tuple(key for key in self.asked if CROSS not in key)

    @cached_property
    def intersections(self) -> tuple[Grouping, ...]:
        """The intersections among them that can be shown."""
        return tuple(one for one in map(self._crossed, self._crossings) if one is not None)

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """Intersections that were asked for and are not shown, by key."""
        shown = {one.key for one in self.intersections}
        return tuple(key for key in self.asked if CROSS in key and key not in shown)

    def sizes(self, key: str) -> Grouping:
        """Return a variable with the levels whose encounters may be counted."""
        return grouping(self.study, key) if self.internal else self.pattern.shown[key].sizes.grouping

    def outcomes(self, key: str) -> Grouping:
        """Return a variable with the levels of which everything may be counted."""
        return grouping(self.study, key) if self.internal else self.pattern.shown[key].outcomes.grouping

    @cached_property
    def compared(self) -> tuple[Grouping, ...]:
        """Groupings of which everything may be counted, those of one level left out."""
        found = (*(self.outcomes(key) for key in self.variables), *self.intersections)
        return tuple(one for one in found if len(one.levels) > 1)

    @cached_property
    def table(self) -> SubgroupTable:
        """The subgroups of the audited encounters, measured."""
        judged = Judged.of(self.study, self.study.split.audited, self.threshold)
        bootstrap, progress = self.options.bootstrap, self.stage("Measuring subgroups")
        return self.audit.once(
            "findings: subgroups", self._about, lambda: subgroup_table(judged, self.compared, bootstrap, progress)
        )

    @cached_property
    def failing(self) -> tuple[Subgroup, ...]:
        """The subgroups that the model fails beyond chance, without those that are only a part of such a one."""
        return explained_groups(self.table, self.compared, most=None)

    @cached_property
    def losses(self) -> tuple[GroupLoss, ...]:
        """The mean loss of each subgroup above that of all others, the largest first; none that may not be shown."""
        if not self.may_be_judged:
            return ()
        return group_losses(self.study, self.table, {one.key: one for one in self.compared})

    @cached_property
    def furthest(self) -> GroupLoss | None:
        """The subgroup that is explained where the model fails none: that of the largest excess mean loss."""
        largest = next(iter(self.losses), None)
        return None if self.failing or largest is None or largest.excess <= 0 else largest

    @cached_property
    def furthest_confirmed(self) -> WeakSubgroup | None:
        """That subgroup among the weak ones that may be seen and were confirmed on other patients, if it is there."""
        if self.furthest is None:
            return None
        inside = members_of(self.furthest.group, {one.key: one for one in self.compared}).inside
        return next((one for one in self.weak_confirmed_shown if np.array_equal(one.inside, inside)), None)

    @cached_property
    def explained(self) -> tuple[Why, ...]:
        """Why the model fails the groups that it fails most, or the furthest; none where none may be judged."""
        if not self.may_be_judged:
            return ()
        chosen = (self.furthest.group,) if self.furthest else self.failing[:MOST_EXPLAINED]
        progress = self.stage("Refitting without groups")
        return self.audit.once(
            "findings: why",
            (self._about, tuple((one.variable, one.level) for one in chosen)),
            lambda: explain(self.audit, chosen, self.compared, self.threshold, progress),
        )

    @cached_property
    def curves(self) -> CurveMaterial:
        """ROC, calibration and decision curves of the model and of the scores beside it."""
        return curve_material(self.study, self.threshold, for_export=not self.internal)

    @cached_property
    def weak(self) -> WeakSubgroups:
        """The subgroups that the model predicts worst, over every recorded variable."""
        keys = tuple(key for key in known_groupings(self.study) if len(self.outcomes(key).levels) > 1)
        chosen, progress = tuple(map(self.outcomes, keys)), self.stage("Searching weak subgroups")
        return self.audit.once(
            "findings: weak", self._about, lambda: weak_subgroups(self.study, chosen, progress=progress)
        )

    @cached_property
    def weak_shown(self) -> tuple[WeakSubgroup, ...]:
        """Those of them that may be seen: neither they nor what they leave of a larger group is small."""
        if self.internal:
            return self.weak.found
        return tuple(one for one in self.weak.found if self.pattern.may_be_cut_out(self._conditions(one)))

    @property
    def weak_confirmed_shown(self) -> tuple[WeakSubgroup, ...]:
        """Those that may be seen and were confirmed on other patients."""
        return tuple(one for one in self.weak_shown if one.q <= self.weak.options.level)

    def _conditions(self, one: WeakSubgroup) -> tuple[Flags, ...]:
        """Return which rows of the cohort each condition of a subgroup holds of."""
        found = ((self.outcomes(condition.key), condition.level) for condition in one.conditions)
        return tuple(whole.codes == whole.levels.index(level) for whole, level in found)

    def rounded(self, count: int) -> int:
        """Return a count as exports show it where it is not of a table: two digits, and tens at the least."""
        if self.internal or not count:
            return count
        step = max(NEAREST, int(10 ** (len(str(count)) - 2)))
        return step * round(count / step)

    def explanation(self, why: Why) -> str:
        """Return an explanation in words that may be seen."""
        return in_words(self.patients(why.support.own.patients), why)

    def count(self, count: int) -> int | str:
        """Return a count, or that it is withheld where it is small."""
        return WITHHELD if not self.internal and is_small(count) else count

    def patients(self, count: int) -> int | str:
        """Return a number of patients: to the nearest ten in exports, since patients are in several groups."""
        if self.internal:
            return count
        return WITHHELD if is_small(count) else max(FEWEST_SHOWN * bool(count), NEAREST * round(count / NEAREST))

    @property
    def _about(self) -> tuple[object, ...]:
        """What everything that is computed here depends on beside the study."""
        options = self.options
        bootstrap = (options.bootstrap.replicates, options.bootstrap.seed, options.bootstrap.level)
        return (self.asked, self.threshold, options.internal, self.before, bootstrap)

    @cached_property
    def _crossings(self) -> tuple[str, ...]:
        keys = tuple(key for key in self.asked if CROSS in key)
        return keys if self.internal else self.pattern.tree(keys, self.before)

    def _crossed(self, key: str) -> Grouping | None:
        if self.internal:
            return grouping(self.study, key)
        crossing = self.pattern.crossed(key)
        return crossing.grouping if crossing else None
