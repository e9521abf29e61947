"""Which training groups harm a group and which help it: estimated for all, refitted for those that are shown."""

from dataclasses import dataclass, field

import numpy as np

from clinflu.analysis.why.consequence import Consequence, consequence
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.members import Sides
from clinflu.analysis.why.removals import Candidate, Removals
from clinflu.analysis.why.support import Count, count
from clinflu.data.arrays import Rows
from clinflu.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class TrainingGroup:
    """A training group and what leaving it out does.

    Parameters
    ----------
    key, label, level : str
        The grouping, and the level as a person sees it.
    size : Count
    is_own : bool
        Whether it holds exactly the training encounters of the group that is asked about.
    estimate : float
        Change of the group's mean loss after one Newton step without them, nats; negative: they harm it.
    refit : Consequence
        What a refit without them shows.
    rows : (k,) int
        Positions of them among the training rows, for internal use.
    """

    key: str
    label: str
    level: str
    size: Count
    is_own: bool
    estimate: float
    refit: Consequence
    rows: Rows = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Grouping and level, as a person sees them."""
        return f"{self.label}: {self.level}"


@dataclass(frozen=True, slots=True)
class TrainingGroups:
    """Which training groups harm a group and which help it.

    Parameters
    ----------
    searched : int
        How many training groups were compared, each of at most half of the training encounters.
    without_estimate : int
        Of how many more the model is not determined without them.
    harmful, helpful : tuple of TrainingGroup
        By the refitted change of the mean loss of the group, the strongest first.
    """

    searched: int
    without_estimate: int
    harmful: tuple[TrainingGroup, ...]
    helpful: tuple[TrainingGroup, ...]


def training_groups(sides: Sides, effects: Effects, removals: Removals, progress: Progress = silent) -> TrainingGroups:
    """Return the training groups whose removal would change the group's mean loss most, each way.

    Parameters
    ----------
    sides : Sides
    effects : Effects
    removals : Removals
    progress : Progress
        Of how many of them are refitted.
    """
    estimates = np.array([effects.after(step) for step in removals.steps])
    order = [int(place) for place in np.argsort(estimates, kind="stable")]  # NaN last
    harm = [place for place in order if estimates[place] < 0][: sides.options.shown]
    help_ = [place for place in order[::-1] if estimates[place] > 0][: sides.options.shown]
    places = harm + help_
    models = removals.models(places, progress)
    described = [
        _described(
            sides,
            removals.candidates[place],
            float(estimates[place]),
            consequence(sides, removals.change(place), model),
        )
        for place, model in zip(places, models, strict=True)
    ]
    missing = int(np.isnan(estimates).sum())
    return TrainingGroups(
        len(estimates) - missing,
        missing,
        tuple(sorted(described[: len(harm)], key=lambda one: _last_if_nan(one.refit.loss_change))),
        tuple(sorted(described[len(harm) :], key=lambda one: _last_if_nan(-one.refit.loss_change))),
    )


def _described(sides: Sides, one: Candidate, estimate: float, refit: Consequence) -> TrainingGroup:
    return TrainingGroup(
        key=one.grouping.key,
        label=one.grouping.label,
        level=one.grouping.levels[one.level],
        size=count(sides.study, one.rows),
        is_own=np.array_equal(one.rows, sides.own),
        estimate=estimate,
        refit=refit,
        rows=one.rows,
    )


def _last_if_nan(value: float) -> float:
    return np.inf if np.isnan(value) else value
