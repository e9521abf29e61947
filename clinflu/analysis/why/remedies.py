"""What would change for a group and for everyone else if training were done otherwise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clinflu.analysis.subgroup_support import LARGEST_SHARE
from clinflu.analysis.what_if.cautions import warnings_after
from clinflu.analysis.why.consequence import Consequence, consequences, shifted
from clinflu.analysis.why.members import Sides
from clinflu.analysis.why.training_groups import TrainingGroup
from clinflu.influence.refit import Change
from clinflu.model.metrics import calibration_intercept
from clinflu.progress import Progress, silent

Kind = Literal["own_left_out", "own_upweighted", "harmful_left_out", "recalibrated"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that could be done, and what it would change.

    Parameters
    ----------
    kind : str
    label : str
        In words.
    encounters : int
        Training encounters that are left out, weighted otherwise or fitted to.
    consequence : Consequence
        Refitted; of a recalibration, exact and without intervals.
    warnings : tuple of str
        What the reader must know about the model after it.
    """

    kind: Kind
    label: str
    encounters: int
    consequence: Consequence
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    kind: Kind
    label: str
    change: Change


def remedies(sides: Sides, harmful: TrainingGroup | None, progress: Progress = silent) -> tuple[Remedy, ...]:
    """Return what leaving out, weighting otherwise and recalibrating would change.

    Parameters
    ----------
    sides : Sides
    harmful : TrainingGroup, optional
        The most harmful one that is not the group itself.
    progress : Progress
        Of how many refits are done.
    """
    planned = _planned(sides)
    found = consequences(sides, [one.change for one in planned], progress)
    refitted = tuple(
        Remedy(one.kind, one.label, len(one.change.rows), after, warnings_after(sides.study, one.change))
        for one, after in zip(planned, found, strict=True)
    )
    return (*refitted, *_without(sides, harmful), *_recalibrated(sides))


def _planned(sides: Sides) -> list[_Planned]:
    train, own = sides.study.train, sides.own
    found = []
    if 0 < len(own) <= LARGEST_SHARE * len(train.y):
        found.append(_Planned("own_left_out", "Its own training encounters left out", Change.removal(train, own)))
    if len(own):
        found += [
            _Planned(
                "own_upweighted",
                f"Its own training encounters weighted {factor:g} times",
                Change(own, factor * train.weights[own], train.y[own]),
            )
            for factor in sides.options.upweighted
        ]
    return found


def _without(sides: Sides, harmful: TrainingGroup | None) -> tuple[Remedy, ...]:
    if harmful is None:
        return ()
    label = f"Most harmful training group left out ({harmful.name})"
    warnings = warnings_after(sides.study, Change.removal(sides.study.train, harmful.rows))
    return (Remedy("harmful_left_out", label, harmful.size.encounters, harmful.refit, warnings),)


def _recalibrated(sides: Sides) -> tuple[Remedy, ...]:
    """Return what one number added to the group's log-odds does, fitted on its training encounters."""
    train, own = sides.study.train, sides.own
    shift = np.nan
    if len(own):
        margins = train.log_odds[own]
        shift = calibration_intercept(train.y[own], margins, train.weights[own])
    if np.isnan(shift):
        return ()
    by = f"{shift:+.2f}".replace("-", "−")
    label = f"Recalibrated on its training encounters ({by} log-odds), not refitted"
    return (Remedy("recalibrated", label, len(own), shifted(sides, shift)),)
