"""A set of encounters that is asked about: one level of a grouping, or any chosen rows of the cohort."""

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.mistakes import check_threshold
from clinflu.data.arrays import Flags, Rows
from clinflu.data.asking import check_count, check_number
from clinflu.errors import DataError
from clinflu.study import Study

Part = Literal["audited", "confirm"]
PARTS: tuple[Part, ...] = ("audited", "confirm")


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Encounters that belong together.

    Parameters
    ----------
    label : str
        As a person sees them.
    inside : (N,) bool
        Which rows of the cohort they are, for training, auditing and confirming alike.
    """

    label: str
    inside: Flags

    @classmethod
    def of(cls, grouping: Grouping, level: int) -> Self:
        """Return one level of a grouping, by its code.

        Raises
        ------
        DataError
            There is no such level.
        """
        if check_count(level, "the code of a level") >= len(grouping.levels):
            raise DataError(f"the levels of {grouping.key} have codes 0 to {len(grouping.levels) - 1}")
        return cls(f"{grouping.label}: {grouping.levels[level]}", grouping.codes == level)

    @classmethod
    def where(cls, inside: Flags, label: str) -> Self:
        """Return the rows of the cohort for which a flag is true, (N,), such as a subgroup that a search found."""
        return cls(label, np.array(inside))


@dataclass(frozen=True, slots=True)
class WhyOptions:
    """How a group is asked about.

    Parameters
    ----------
    part : str
        ``"audited"`` or ``"confirm"``: on which rows the group is judged; the others then check what was found.
    threshold : float, optional
        Risk from which the model alerts; by default that of the study.
    shown : int
        How many training groups are refitted each way.
    strongest : int
        How many training patients are refitted one by one.
    together : tuple of int
        How many of the most harmful training patients are left out together.
    upweighted : tuple of float
        By what the weight of the group's own training encounters is multiplied.
    level : float
        Coverage aimed at by intervals.
    """

    part: Part = "audited"
    threshold: float | None = None
    shown: int = 5
    strongest: int = 10
    together: tuple[int, ...] = (10, 50, 100)
    upweighted: tuple[float, ...] = (2.0, 5.0)
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise DataError('a group is judged on the "audited" or on the "confirm" rows')
        for count, what in ((self.shown, "how many groups to show"), (self.strongest, "how many patients to show")):
            check_count(count, what)
        for count in self.together:
            check_count(count, "how many patients are left out together", least=1)
        if not all(0 < check_number(one, "a factor of weights") < np.inf for one in self.upweighted):
            raise DataError("weights are multiplied by a positive number, such as 2")
        if not 0 < check_number(self.level, "the level of an interval") < 1:
            raise DataError("the level of an interval lies between 0 and 1; 0.95 is usual")
        if self.threshold is not None:
            check_threshold(self.threshold)


@dataclass(frozen=True, eq=False)
class Sides:
    """A group and all others, as rows of the cohort.

    Parameters
    ----------
    study : Study
    options : WhyOptions
    group, rest : (t,), (u,) int
        The encounters on which the group is judged, and all others of the same part.
    check : (v,) int
        The group's encounters of the part that was left aside.
    own : (k,) int
        Positions of the group's training encounters among the training rows.
    """

    study: Study
    options: WhyOptions
    group: Rows
    rest: Rows
    check: Rows
    own: Rows
    threshold: float = field(init=False)

    def __post_init__(self) -> None:
        asked = self.options.threshold
        object.__setattr__(self, "threshold", self.study.threshold if asked is None else asked)

    @classmethod
    def of(cls, study: Study, members: Members, options: WhyOptions) -> Self:
        """Return the sides of a group.

        Raises
        ------
        DataError
            The flags are of another cohort, or the part holds nobody of the group, or nobody else.
        """
        inside = members.inside
        if inside.dtype != bool or inside.shape != study.design.y.shape:
            raise DataError(f"a group is one flag for each of the {len(study.design.y):,} rows of the cohort")
        parts = {"audited": study.split.audited, "confirm": study.split.confirm}
        rows = parts.pop(options.part)
        (aside,) = parts.values()
        group, rest = rows[inside[rows]], rows[~inside[rows]]
        if not len(group) or not len(rest):
            who = "nobody of the group" if not len(group) else "nobody but the group"
            raise DataError(f"among the {options.part} encounters is {who}; ask about a larger or a smaller group")
        return cls(study, options, group, rest, aside[inside[aside]], np.flatnonzero(inside[study.split.train]))
