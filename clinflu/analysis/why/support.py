"""How much the training encounters know of a group, and of whom its predictions are made."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.encoded import leverages, mean_direction
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Rows
from clinflu.influence.interval import concentration
from clinflu.influence.removal import direction_effect, one_step, sum_by_patient
from clinflu.study import Study


@dataclass(frozen=True, slots=True)
class Count:
    """Encounters, the patients they are of, and how many had the event."""

    encounters: int
    patients: int
    events: int


@dataclass(frozen=True, slots=True)
class TrainingSupport:
    """What training holds of a group.

    Parameters
    ----------
    own, others : Count
        Training encounters of the same group, and all others.
    share : float
        Of the training encounters that are of the group, of 1.
    effective_patients : float
        As many training patients of equal effect would carry the group's mean loss: (sum I^2)^2 / sum I^4 over
        patients, I the effect of leaving the patient out on that mean loss.
    own_influence : float
        Share of the squared effects on the group's mean log-odds that comes from patients with an encounter in it,
        of 1.
    median_leverage, median_leverage_rest : float
        Of x' H^-1 x over the encounters judged, in the group and outside: the larger, the less training says of them.
    words : str
    """

    own: Count
    others: Count
    share: float
    effective_patients: float
    own_influence: float
    median_leverage: float
    median_leverage_rest: float
    words: str


def training_support(sides: Sides, effects: Effects) -> TrainingSupport:
    """Return what training holds of a group."""
    study, train = sides.study, sides.study.train
    others = np.setdiff1d(np.arange(len(train.y)), sides.own)
    own, rest = count(study, sides.own), count(study, others)
    influence = _own_influence(sides)
    return TrainingSupport(
        own=own,
        others=rest,
        share=own.encounters / len(train.y),
        effective_patients=concentration(effects.by_encounter, train.patients),
        own_influence=influence,
        median_leverage=float(np.median(leverages(study.model, study.design.x[sides.group]))),
        median_leverage_rest=float(np.median(leverages(study.model, study.design.x[sides.rest]))),
        words=_words(own, influence),
    )


def count(study: Study, positions: Rows) -> Count:
    """Return the size of a set of training encounters."""
    train = study.train
    return Count(len(positions), len(np.unique(train.patients[positions])), int(train.y[positions].sum()))


def _own_influence(sides: Sides) -> float:
    """Return the share of the squared effects on the group's mean log-odds that its own training patients have."""
    train = sides.study.train
    mean = mean_direction(sides.study.model, sides.study.design.x[sides.group])
    squared = np.square(sum_by_patient(one_step(train, direction_effect(train, mean)), train.patients))
    total = float(squared.sum())
    return float(squared[np.unique(train.patients[sides.own])].sum()) / total if total else 0.0


def _words(own: Count, influence: float) -> str:
    if not own.encounters:
        return "No training patient is like these: the model answers for them from others alone."
    patients = "1 training patient is" if own.patients == 1 else f"{own.patients:,} training patients are"
    whom = "mostly from them" if influence > 0.5 else "mostly from others"
    return (
        f"{patients} like these; the model answers for them {whom} ({100 * influence:.0f}% of what moves it is theirs)."
    )
