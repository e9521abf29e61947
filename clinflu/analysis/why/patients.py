"""How the harm to a group is spread over training patients, and what leaving the most harmful ones out does."""

from dataclasses import dataclass, field
from math import ceil

import numpy as np

from clinflu.analysis.subgroup_support import LARGEST_SHARE
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Rows, Vector
from clinflu.influence.functional import MeanLoss, at_model
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.progress import Progress, silent

TOP_COUNT = 10
TOP_SHARES = (0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Top:
    """The patients of the largest absolute effects: how many, and their share of the total absolute effect, of 1."""

    patients: int
    share: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Some of the most harmful training patients left out together.

    Changes are of mean losses, nats; NaN where what is left has no finite fit.

    Parameters
    ----------
    patients, encounters : int
    estimate : float
        Of the group: one Newton step without them.
    loss_change, rest_change, check_change : float
        Refitted: of the group, of all others, and of the group's encounters in the part left aside. The patients were
        chosen by the group's own encounters, so the first flatters; the last does not.
    """

    patients: int
    encounters: int
    estimate: float
    loss_change: float
    rest_change: float
    check_change: float


@dataclass(frozen=True, slots=True)
class StrongPatient:
    """One training patient, for internal use: ``rows`` are positions among the training rows.

    ``estimate`` and ``loss_change`` as in :class:`LeftOut`, of all encounters of this patient together.
    """

    rows: tuple[int, ...]
    events: int
    in_group: bool
    estimate: float
    loss_change: float
    rest_change: float


@dataclass(frozen=True, slots=True)
class TrainingPatients:
    """How the harm to a group is spread over training patients.

    Parameters
    ----------
    patients, harmful : int
        Training patients, and how many of them harm the group by the estimate.
    top : tuple of Top
        The strongest 10, 1 % and 5 %.
    half : int, optional
        Fewest patients whose estimated effects add up to half of the group's excess loss; None where it has none, or
        where all harmful ones together do not reach it.
    left_out : tuple of LeftOut
        The 10, 50 and 100 most harmful together, and as many as ``half`` says; each refitted.
    strongest : tuple of StrongPatient
        Never to be exported.
    """

    patients: int
    harmful: int
    top: tuple[Top, ...]
    half: int | None
    left_out: tuple[LeftOut, ...]
    strongest: tuple[StrongPatient, ...] = field(repr=False)


def training_patients(sides: Sides, effects: Effects, excess: float, progress: Progress = silent) -> TrainingPatients:
    """Return how the harm to a group is spread over training patients.

    Parameters
    ----------
    sides : Sides
    effects : Effects
    excess : float
        Mean loss of the group minus that of all others, nats.
    progress : Progress
        Of how many refits are done.
    """
    by_patient = effects.by_patient
    order = np.argsort(by_patient, kind="stable")
    harmful = int((by_patient < 0).sum())
    half = _half(by_patient[order[:harmful]], excess)
    tried = _tried(sides, len(order), harmful, half)
    strongest = np.argsort(-np.abs(by_patient), kind="stable")[: sides.options.strongest]
    groups = [rows_of(effects.train, order[:many]) for many in tried]
    groups += [rows_of(effects.train, np.array([one])) for one in strongest]
    losses = _refitted(sides, effects.train, groups, progress)
    own = set(effects.train.patients[sides.own].tolist())
    return TrainingPatients(
        len(order),
        harmful,
        _top(by_patient),
        half,
        tuple(
            LeftOut(many, len(rows), effects.without(rows), *map(float, change))
            for many, rows, change in zip(tried, groups, losses, strict=False)
        ),
        tuple(
            StrongPatient(
                tuple(map(int, rows)),
                int(effects.train.y[rows].sum()),
                int(one) in own,
                effects.without(rows),
                float(change[0]),
                float(change[1]),
            )
            for one, rows, change in zip(strongest, groups[len(tried) :], losses[len(tried) :], strict=True)
        ),
    )


def rows_of(train: TrainingRows, patients: Rows) -> Rows:
    """Return the positions of all training encounters of some patients, by their codes."""
    return np.flatnonzero(np.isin(train.patients, patients))


def most_harmful(effects: Effects, many: int) -> Rows:
    """Return the positions of the training encounters of the most harmful patients; fewer where fewer harm."""
    order = np.argsort(effects.by_patient, kind="stable")
    return rows_of(effects.train, order[: min(many, int((effects.by_patient < 0).sum()))])


def _half(harm: Vector, excess: float) -> int | None:
    if not excess > 0:
        return None
    undone = -np.cumsum(harm)
    place = int(np.searchsorted(undone, excess / 2))
    return place + 1 if place < len(undone) else None


def _tried(sides: Sides, patients: int, harmful: int, half: int | None) -> list[int]:
    most = min(harmful, int(LARGEST_SHARE * patients))
    return sorted({many for many in (*sides.options.together, half or 0) if 0 < many <= most})


def _top(by_patient: Vector) -> tuple[Top, ...]:
    size = np.sort(np.abs(by_patient))[::-1]
    total = float(size.sum())
    counts = [min(TOP_COUNT, len(size)), *(ceil(share * len(size)) for share in TOP_SHARES)]
    return tuple(Top(many, float(size[:many].sum()) / total if total else 0.0) for many in counts)


def _refitted(sides: Sides, train: TrainingRows, groups: list[Rows], progress: Progress) -> "np.ndarray":
    """Return the change of three mean losses without each group: (g, 3)."""
    design = sides.study.design
    parts = [rows for rows in (sides.group, sides.rest, sides.check) if len(rows)]
    losses = [at_model(MeanLoss(design.x[rows], design.y[rows]), sides.study.model) for rows in parts]
    before = [one.value(train.model.theta) for one in losses]
    refits = refit_each_or_nan(train, [Change.removal(train, rows) for rows in groups], progress)
    found = np.full((len(groups), 3), np.nan)
    for place, refitted in enumerate(refits):
        found[place, : len(losses)] = [one.value(refitted.theta) for one in losses]
        found[place, : len(losses)] -= before
    return found
