"""Groups of training encounters whose removal is a fair test of an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clinflu.analysis.check.points import PATIENT, RANDOM, SUBGROUP, TOGETHER, Plan
from clinflu.analysis.subgroup_support import LARGEST_SHARE, training_subgroups
from clinflu.data.arrays import Rows
from clinflu.influence.removal import sum_by_patient
from clinflu.influence.result import Influence
from clinflu.influence.training import TrainingRows
from clinflu.study import Study

RANDOM_SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000)
TOGETHER_SIZES = (3, 10, 30, 100, 300)
STREAM = 1  # the random stream of the groups, apart from that of the single rows


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Training encounters to be removed together.

    Parameters
    ----------
    kind : str
        Sort of the group.
    rows : (k,) int
    place : int, optional
        The prediction that it was made for; without one, it serves all of them.
    """

    kind: str
    rows: Rows
    place: int | None = None


def removal_groups(study: Study, influences: Sequence[Influence], plan: Plan) -> list[Group]:
    """Return the groups to remove: at most half of the training rows each, leaving both outcomes.

    For all predictions: random groups of 10 to 10,000, patients with several encounters at random, and levels of
    the subgroup variables at random. For each prediction: its strongest patients of several encounters, and the
    encounters that pushed hardest toward its error, together.

    Parameters
    ----------
    study : Study
    influences : sequence of Influence
        On each of the predictions.
    plan : Plan
        Its ``groups`` is the most of each sort; half of the patients are random and half the strongest.
    """
    if plan.groups == 0:
        return []
    rng = np.random.default_rng([plan.seed, STREAM])
    train = study.train
    several = np.flatnonzero(np.bincount(train.patients) > 1)
    patients = rng.permutation(several)[: (plan.groups + 1) // 2]
    levels = training_subgroups(study)
    chosen = np.sort(rng.permutation(len(levels))[: plan.groups])
    found = [
        *(Group(RANDOM, rows) for rows in _random(len(train.x), plan.groups, rng)),
        *(Group(PATIENT, np.flatnonzero(train.patients == patient)) for patient in patients),
        *(Group(SUBGROUP, levels[place].rows) for place in chosen),
    ]
    for place, influence in enumerate(influences):
        found += _own(influence, place, several, plan)
    return [group for group in found if _can_be_removed(train, group.rows)]


def _random(n: int, count: int, rng: np.random.Generator) -> list[Rows]:
    sizes = [size for size in RANDOM_SIZES if size <= LARGEST_SHARE * n]
    return [np.sort(rng.choice(n, sizes[k % len(sizes)], replace=False)) for k in range(count) if sizes]


def _own(influence: Influence, place: int, several: Rows, plan: Plan) -> list[Group]:
    """Return the groups that matter to one prediction."""
    patients = influence.train.patients
    totals = np.abs(sum_by_patient(influence.margin_change, patients)[several])
    strongest = several[np.argsort(-totals, kind="stable")[: plan.groups // 2]]
    toward = influence.rows_toward_error(max(TOGETHER_SIZES))
    sizes = [size for size in TOGETHER_SIZES if size <= len(toward)][: plan.groups]
    return [
        *(Group(PATIENT, np.flatnonzero(patients == patient), place) for patient in strongest),
        *(Group(TOGETHER, np.sort(toward[:size]), place) for size in sizes),
    ]


def _can_be_removed(train: TrainingRows, rows: Rows) -> bool:
    left = np.delete(train.y, rows)
    return len(rows) <= LARGEST_SHARE * len(train.y) and bool(left.min() < left.max())
