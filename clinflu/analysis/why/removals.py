"""Training groups that may be left out, each one's Newton step and refit computed once for all groups asked about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.subgroup_support import LARGEST_SHARE
from clinflu.data.arrays import Matrix, Rows
from clinflu.errors import FitError
from clinflu.influence.change import Change
from clinflu.influence.group import group_newton
from clinflu.influence.refit import model_after, refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.progress import Progress, silent
from clinflu.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """The training encounters that share one level of a grouping: (k,) positions among the training rows."""

    grouping: Grouping
    level: int
    rows: Rows


@dataclass(frozen=True, eq=False)
class Removals:
    """Every training group that can be left out.

    Parameters
    ----------
    train : TrainingRows
    candidates : tuple of Candidate
        Each holds at most half of the training rows and leaves both outcomes behind; of equal ones the first.
    """

    train: TrainingRows
    candidates: tuple[Candidate, ...]
    _models: dict[int, FittedModel | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, study: Study, by: Iterable[Grouping]) -> Self:
        """Return the training groups of some groupings."""
        train, events = study.train, study.train.y.sum()
        found: dict[bytes, Candidate] = {}
        for grouping in by:
            codes = grouping.codes[study.split.train]
            for level in range(len(grouping.levels)):
                rows = np.flatnonzero(codes == level)
                left = events - train.y[rows].sum()
                if 0 < len(rows) <= LARGEST_SHARE * len(codes) and 0 < left < len(codes) - len(rows):
                    found.setdefault(rows.tobytes(), Candidate(grouping, level, rows))
        return cls(train, tuple(found.values()))

    @cached_property
    def steps(self) -> Matrix:
        """Change of theta after one Newton step without each, (c, p); NaN where there is no such step."""
        steps = np.full((len(self.candidates), len(self.train.model.theta)), np.nan)
        for place, one in enumerate(self.candidates):
            try:
                steps[place] = group_newton(self.train, one.rows)
            except FitError:
                continue
        return steps

    def change(self, place: int) -> Change:
        """Return what leaving one of them out does to the training rows."""
        return Change.removal(self.train, self.candidates[place].rows)

    def models(self, places: list[int], progress: Progress = silent) -> list[FittedModel | None]:
        """Return the model refitted without each of some of them; None where it has no finite fit."""
        new = [place for place in places if place not in self._models]
        changes = [self.change(place) for place in new]
        refits = refit_each_or_nan(self.train, changes, progress)
        for place, change, refitted in zip(new, changes, refits, strict=True):
            finite = bool(np.isfinite(refitted.theta).all())
            self._models[place] = model_after(self.train, change, refitted) if finite else None
        return [self._models[place] for place in places]
