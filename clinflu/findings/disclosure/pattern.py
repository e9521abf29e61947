"""Which levels a report may tell apart: one pattern for everything that is exported of an audit."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from clinflu.analysis.groupings import AGE_GROUP, BETWEEN, CROSS, UNDER_TEN, Grouping, grouping, known_groupings
from clinflu.data.age import age_feature
from clinflu.data.arrays import Flags
from clinflu.errors import DataError
from clinflu.findings.disclosure.cells import TRAINING, Cells, Counts, encounters, unsafe
from clinflu.findings.disclosure.folding import (
    ALL_OTHER,
    OTHER,
    Classes,
    Folded,
    fold,
    folded,
    put_together,
    seen_by_outcome,
    seen_by_size,
)
from clinflu.findings.disclosure.nesting import Crossed, without_remainders
from clinflu.study import Study

FINE_SHARE = 0.5
RISK_DIGITS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What may be told apart of a variable.

    Parameters
    ----------
    sizes : Folded
        Classes of which the encounters may be counted.
    outcomes : Folded
        Classes, each one or several of those, of which everything may be counted.
    """

    sizes: Folded
    outcomes: Folded


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What may be told apart of an intersection.

    Parameters
    ----------
    grouping : Grouping
        Every combination of the classes, in row-major order.
    classes : tuple of tuple of tuple of int
        By variable, the recorded levels of each class.
    """

    grouping: Grouping
    classes: tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True, eq=False)
class Pattern:
    r"""What may be told apart in the exports of an audit, so that no count of 1 to 10 can be seen or worked out.

    Every count that is shown, of any class of a variable by part of the cohort, outcome and alert, is 0 or over 10;
    so then is every sum and difference of them. An intersection is shown on classes of both variables put together to
    the same end, and together the intersections form a tree: of such (decomposable) sets of tables the bounds that all
    of them put on a cell of the full table are

    .. math:: \max(0, \sum \text{tables} - \sum \text{shared margins}) \le \text{cell} \le \min \text{tables}

    and meet only where the cell is one that is shown.

    Parameters
    ----------
    study : Study
    threshold : float
        Risk from which the model alerts; another one would be another pattern.

    References
    ----------
    Dobra & Fienberg (2000), doi:10.1073/pnas.97.22.11885, for the bounds; Hundepool et al. (2012), Statistical
    Disclosure Control, for primary and complementary suppression, in whose place levels are folded here.
    """

    study: Study
    threshold: float

    @cached_property
    def cells(self) -> Cells:
        """To which cell each encounter belongs."""
        return Cells.of(self.study, self.threshold)

    @cached_property
    def shown(self) -> dict[str, Shown]:
        """What may be told apart of every variable, by its key."""
        whole = tuple(grouping(self.study, key) for key in known_groupings(self.study))
        crossed = Crossed.of(self.cells, whole)
        by_size = [self._by_size(one) for one in whole]
        by_size = without_remainders(crossed, whole, by_size, by_outcome=False)
        by_outcome = [self._by_outcome(one, start) for one, start in zip(whole, by_size, strict=True)]
        by_outcome = without_remainders(crossed, whole, by_outcome, by_outcome=True)
        found = zip(whole, by_size, by_outcome, strict=True)
        return {
            one.key: Shown(folded(one, sizes), folded(one, outcomes, _others(sizes, outcomes)))
            for one, sizes, outcomes in found
        }

    def _by_size(self, one: Grouping) -> Classes:
        sizes = np.bincount(one.codes, minlength=len(one.levels))
        return fold(one, seen_by_size(self.cells, one), sizes)

    def _by_outcome(self, one: Grouping, start: Classes) -> Classes:
        counts = self.cells.by_level(one.codes, len(one.levels))
        return fold(one, seen_by_outcome(counts), counts.sum(axis=1), start)

    @cached_property
    def may_be_counted(self) -> bool:
        """Whether the cohort as a whole may be counted by outcome."""
        counts = self.cells.by_level(np.zeros(len(self.cells.outcome), dtype=np.intp), 1)[0]
        return not bool(unsafe(counts))

    @cached_property
    def model_is_coarse(self) -> bool:
        """Whether the model gives few different risks.

        Its risks then tell who has which levels, and every figure of it is one more count of them.
        """
        risks = self.study.risks[self.study.split.audited]
        return len(np.unique(risks.round(RISK_DIGITS))) < FINE_SHARE * len(risks)

    @cached_property
    def parts_may_be_counted(self) -> bool:
        """Whether no part of the cohort holds so few encounters or patients that they may not be counted."""
        one = np.zeros(len(self.cells.outcome), dtype=np.intp)
        whole = Grouping("", "", ("",), one)
        return seen_by_size(self.cells, whole)([0])

    def column_may_be_told(self, place: int) -> bool:
        """Whether a coefficient may be shown of a column of numbers, or of one that an adopted model brought.

        Not where few training encounters or patients, or few of their events, differ from its most frequent value.
        """
        column = self.study.train.x[:, place]
        values, counts = np.unique(column, return_counts=True)
        apart = self.study.split.train[column != values[np.argmax(counts)]]
        outcomes, patients = np.bincount(self.cells.outcome[apart]), np.unique(self.cells.patients[apart])
        return not bool(unsafe(np.array([len(apart), len(patients), *outcomes])))

    def may_be_told(self, variable: str, level: str) -> bool:
        """Whether a figure that rests on the training encounters of one level, not counted, may be shown."""
        if variable not in self._told:
            self._told[variable] = self._levels_told(grouping(self.study, variable))
        return level in self._told[variable]

    @cached_property
    def _told(self) -> dict[str, set[str]]:
        """By variable, once it was asked for: the levels of which such a figure may be shown."""
        return {}

    def _levels_told(self, one: Grouping) -> set[str]:
        training = self.cells.by_level(one.codes, len(one.levels))[:, TRAINING]
        seen = seen_by_size(self.cells, one)
        return {level for at, level in enumerate(one.levels) if seen([at]) and not bool(unsafe(training[at]))}

    def may_be_cut_out(self, conditions: tuple[Flags, ...]) -> bool:
        """Whether neither a subgroup of rows with all of these, nor what it leaves of any larger one, is small.

        Parameters
        ----------
        conditions : tuple of (N,) bool
        """
        inside = np.all(conditions, axis=0)
        chosen = (subset for size in range(len(conditions)) for subset in combinations(conditions, size))
        left = (np.all(subset, axis=0) & ~inside if subset else ~inside for subset in chosen)
        return not any(bool(unsafe(self._counted(rows))) for rows in (inside, *left))

    def _counted(self, rows: Flags) -> Counts:
        """Return the counts of some rows of the cohort by outcome, and by part: (11,)."""
        by_outcome = self.cells.by_level(rows.astype(np.intp), 2)[1]
        return np.concatenate([by_outcome, encounters(by_outcome)])

    def crossed(self, key: str) -> Crossing | None:
        """Return an intersection on classes that may be told apart; None where nothing is left of it."""
        shown = [self.shown[part].outcomes for part in key.split(CROSS)]
        parts = [one.grouping for one in shown]
        classes: list[Classes] = [[[level] for level in range(len(one.levels))] for one in parts]
        while all(len(one) > 1 for one in classes):
            joint = _joint([folded(one, members, None).grouping for one, members in zip(parts, classes, strict=True)])
            counts = self.cells.by_level(joint.codes, len(joint.levels))
            hidden = np.flatnonzero(unsafe(counts))
            if not len(hidden):
                recorded = (_recorded(one, members) for one, members in zip(shown, classes, strict=True))
                return Crossing(joint, tuple(recorded))
            classes = _coarser(parts, classes, int(hidden[np.argmin(counts[hidden].sum(axis=1))]))
        return None

    def tree(self, keys: tuple[str, ...], before: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return those intersections that can be shown with each other and with those shown before, in order.

        Two variables may be linked in one way only: with a second way the tables together would say more of a cell
        than each alone.
        """
        of_variable: dict[str, int] = {}
        chosen: list[str] = []
        for number, key in enumerate((*before, *keys)):
            if key in chosen:
                continue
            variables = [self._recorded(part) for part in key.split(CROSS)]
            trees = [of_variable.get(name, -1 - place) for place, name in enumerate(variables)]
            if len(set(variables)) == len(variables) and len(set(trees)) == len(trees):
                old = {tree for tree in trees if tree >= 0}
                of_variable = {name: number if tree in old else tree for name, tree in of_variable.items()}
                of_variable |= dict.fromkeys(variables, number)
                chosen.append(key)
        return tuple(key for key in chosen if key in keys)

    def _recorded(self, key: str) -> str:
        """Return the recorded variable behind a key: age groups are the age."""
        if key not in self.shown:
            raise DataError(f"no recorded variable is called {key!r}; there are: {', '.join(self.shown)}")
        age = age_feature(self.study.cohort.schema, self.study.cohort.frame)
        derived = key in (AGE_GROUP, UNDER_TEN) and key not in self.study.cohort.schema.feature_names
        return age.name if derived and age else key


def _recorded(one: Folded, classes: Classes) -> tuple[tuple[int, ...], ...]:
    """Return the recorded levels of classes of folded levels."""
    return tuple(tuple(sorted(level for place in members for level in one.classes[place])) for members in classes)


def _others(sizes: Classes, outcomes: Classes) -> str:
    """Return what rare levels are called where more are put together than the sizes alone would need."""
    return OTHER if sizes == outcomes else ALL_OTHER


def _joint(parts: list[Grouping]) -> Grouping:
    """Return the full product of groupings: combinations that nobody has are levels too, and counted as 0."""
    key, label = CROSS.join(one.key for one in parts), BETWEEN.join(one.label for one in parts)
    shape = tuple(len(one.levels) for one in parts)
    codes = np.ravel_multi_index(tuple(one.codes for one in parts), shape).astype(np.intp)
    places = (np.unravel_index(code, shape) for code in range(int(np.prod(shape))))
    levels = (BETWEEN.join(one.levels[at] for one, at in zip(parts, place, strict=True)) for place in places)
    return Grouping(key, label, tuple(levels), codes)


def _coarser(parts: list[Grouping], classes: list[Classes], hidden: int) -> list[Classes]:
    """Put together, in the variable with the most classes, the class of a hidden cell and the next to it."""
    place = np.unravel_index(hidden, tuple(len(one) for one in classes))
    which = max(range(len(classes)), key=lambda at: len(classes[at]))
    own = int(place[which])
    sizes = np.bincount(parts[which].codes, minlength=len(parts[which].levels))
    others = [at for at in range(len(classes[which])) if at != own]
    if parts[which].ordered:
        others = [at for at in others if abs(at - own) == 1]
    nearest = min(others, key=lambda at: int(sizes[classes[which][at]].sum()))
    joined = put_together(classes[which], own, nearest, ordered=parts[which].ordered)
    return [joined if at == which else one for at, one in enumerate(classes)]
