"""To which groups the past patients shown belong, counted: how many of each, and how many had the event."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.study import Study

FEWEST_SHOWN = 2
LEAST_LIFT = 2.0
NAMED = 3


@dataclass(frozen=True, slots=True)
class Shared:
    """A group that many of the past encounters shown belong to, and few of all.

    Parameters
    ----------
    variable, label, level : str
        The recorded variable, what a clinician calls it, and the level.
    of_shown, shown : int
        How many of the past encounters shown belong to it, and how many are shown.
    training, events : int
        How many training encounters belong to it, and how many of those had the event.
    lift : float
        Its share among those shown over its share among all.
    """

    variable: str
    label: str
    level: str
    of_shown: int
    shown: int
    training: int
    events: int
    lift: float

    def words(self, outcome_label: str, level: str) -> str:
        """Return it in one sentence, plain text; ``level`` as a person sees it."""
        return (
            f"{self.of_shown} of these {self.shown} share {self.label} {level}: {self.events:,} of the "
            f"{self.training:,} such encounters in training {'was' if self.events == 1 else 'were'} {outcome_label}."
        )


def tally(study: Study, variable: str, shown: dict[str, Rows]) -> pd.DataFrame:
    """Return the levels of a subgroup variable in training, and how many of some encounters have each.

    Parameters
    ----------
    study : Study
    variable : str
    shown : dict of str to (k,) int
        Training positions, by the name of the column that counts them.

    Returns
    -------
    DataFrame
        Index: level, ``"missing"`` too. ``training``, ``events``, and one column for each of ``shown``.
    """
    codes, levels = study.subgroup_codes[variable]
    counts = {
        "training": np.bincount(codes, minlength=len(levels)),
        "events": np.bincount(codes, weights=study.train.y, minlength=len(levels)).astype(int),
        **{name: np.bincount(codes[rows], minlength=len(levels)) for name, rows in shown.items()},
    }
    return pd.DataFrame(counts, index=pd.Index(levels, name=variable))


def shared_groups(study: Study, rows: Rows) -> tuple[Shared, ...]:
    """Return the groups that stand out among some training encounters, those with the largest lift first.

    Parameters
    ----------
    study : Study
    rows : (k,) int
        Training positions of the encounters shown.

    Returns
    -------
    tuple of Shared
        At most three, of at least two of the encounters shown, and of at least twice the share that they have in all.
    """
    if not len(rows):
        return ()
    total, found = len(study.train.y), []
    for name, (codes, levels) in study.subgroup_codes.items():
        label = study.cohort.schema.feature(name).label
        shown, training = (np.bincount(one, minlength=len(levels)) for one in (codes[rows], codes))
        events = np.bincount(codes, weights=study.train.y, minlength=len(levels))
        for code in np.flatnonzero(shown >= FEWEST_SHOWN):
            counts = int(shown[code]), len(rows), int(training[code]), int(events[code])
            lift = float((shown[code] / len(rows)) / (training[code] / total))
            found.append(Shared(name, label, levels[code], *counts, lift))
    standing_out = [one for one in found if one.lift >= LEAST_LIFT]
    return tuple(sorted(standing_out, key=lambda one: -one.lift)[:NAMED])
