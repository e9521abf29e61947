"""Everything against the truth: estimates of many removals beside the model refitted without them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clinflu.analysis.check.groups import Group, removal_groups
from clinflu.analysis.check.points import (
    FIRST_ORDER,
    GROUP,
    METHODS,
    NEWTON,
    ONE_STEP,
    SECOND_ORDER,
    SINGLE,
    SORTS,
    Checked,
    Plan,
    Points,
)
from clinflu.analysis.check.result import Check, model_sha256
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.mistakes import FALSE_ALARM, MISSED, mistakes
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import list_of_ids
from clinflu.errors import DataError, SingularHessianError
from clinflu.influence.group import group_first_order, group_newton, group_second_order
from clinflu.influence.refit import Change, Refitted, refit_each_or_nan
from clinflu.influence.result import PERCENT, Influence
from clinflu.influence.second_order import second_order
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import curvature_at
from clinflu.progress import Progress, silent
from clinflu.study import Study

BATCH = 32
RANDOM_CHECKED = 3
DEFAULT_PLAN = Plan()


def check(
    study: Study,
    *,
    encounters: Iterable[str] | None = None,
    plan: Plan = DEFAULT_PLAN,
    progress: Progress = silent,
) -> Check:
    """Compare the estimates of many removals with refits.

    Parameters
    ----------
    study : Study
    encounters : iterable of str, optional
        Predictions to check on; by default the worst miss, the worst false alarm and three audited encounters
        at random, always the same for the study's seed.
    plan : Plan
        How much is refitted: for each prediction the 250 strongest training encounters and 250 others one at a
        time, and groups of several sorts. A model is refitted once, whatever number of predictions it serves.
    progress : Progress
        Of how many refits are done; may stop the work between batches.

    Raises
    ------
    DataError
        No such encounter, or none.
    TrustError
        The fit is such that no estimate means anything.
    Cancelled
        By ``progress``.
    """
    study.require_trust()
    checked = _chosen(study, encounters)
    influences = [influence_on(study, str(one.encounter_id)) for one in checked]
    singles = _single_rows(influences, plan)
    groups = removal_groups(study, influences, plan)
    distinct = np.unique(np.concatenate(singles))
    removed = [np.array([row]) for row in distinct] + [group.rows for group in groups]
    refits = _Refits.of(study.train, removed, progress)
    points = [
        _single_points(place, influence, rows, refits.take(np.searchsorted(distinct, rows)))
        for place, (influence, rows) in enumerate(zip(influences, singles, strict=True))
    ]
    points += _group_points(influences, groups, refits.take(np.arange(len(distinct), len(removed))))
    return Check(
        checked=checked,
        points=tuple(part for part in points if len(part.refit_pp)),
        refits=len(removed),
        training_encounters=len(study.train.x),
        plan=plan,
        provenance=study.cohort.provenance,
        model_sha256=model_sha256(study),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Refits:
    """Theta (k, d) and largest step still to go (k,) of several refits; NaN without a finite fit."""

    thetas: Matrix
    step_norm: Vector

    @classmethod
    def of(cls, train: TrainingRows, removed: Sequence[Rows], progress: Progress) -> "_Refits":
        found: list[Refitted] = []
        for start in range(0, len(removed), BATCH):
            batch = removed[start : start + BATCH]
            found += refit_each_or_nan(train, [Change.removal(train, rows) for rows in batch])
            progress(len(found), len(removed))
        return cls(np.array([one.theta for one in found]), np.array([one.step_norm for one in found]))

    def take(self, places: Rows) -> "_Refits":
        return _Refits(self.thetas[places], self.step_norm[places])

    def risk_change_pp(self, influence: Influence) -> Vector:
        """Return the change of an audited risk, (k,)."""
        return influence.risk_change_pp(influence.margin_changes(self.thetas))

    def precision_pp(self, influence: Influence) -> Vector:
        """Bound how far that change may be from the optimum's: by what both fits had to go, and by rounding."""
        direction = influence.train.model.direction(influence.x_audited)
        to_go = np.abs(direction).sum() * (self.step_norm + influence.train.model.step_norm)
        bound: Vector = PERCENT * (curvature_at(influence.margin) * to_go + np.finfo(float).eps)
        return bound


def _chosen(study: Study, encounters: Iterable[str] | None) -> tuple[Checked, ...]:
    named = _by_default(study) if encounters is None else dict.fromkeys(list_of_ids(encounters), "chosen")
    if not named:
        raise DataError("no encounter to check the estimates on; give one or more")
    return tuple(Checked(why, float(study.risks[study.row(name)]), name) for name, why in named.items())


def _by_default(study: Study) -> dict[str, str]:
    """Return encounter ids with the reason why each is looked at."""
    wrong = mistakes(study)
    named = {}
    for kind, why in ((MISSED, "worst miss"), (FALSE_ALARM, "worst false alarm")):
        of_kind = wrong.index[wrong["kind"] == kind]
        named.update({str(name): why for name in of_kind[:1]})
    order = np.random.default_rng(study.seed).permutation(study.split.audited)
    others = [str(name) for name in study.design.encounter_ids[order] if str(name) not in named]
    return {**named, **dict.fromkeys(others[:RANDOM_CHECKED], "at random")}


def _single_rows(influences: Sequence[Influence], plan: Plan) -> list[Rows]:
    """Return the training rows to remove one at a time for each prediction; the random ones are mostly shared."""
    order = np.random.default_rng(plan.seed).permutation(len(influences[0].train.x))
    chosen = []
    for influence in influences:
        strongest = influence.strongest_rows(plan.strongest)
        others = order[~np.isin(order, strongest)][: plan.random]
        chosen.append(np.sort(np.concatenate([strongest, others])))
    return chosen


def _single_points(place: int, influence: Influence, rows: Rows, refits: _Refits) -> Points:
    first = influence.first_order
    estimates = {
        FIRST_ORDER: first,
        SECOND_ORDER: second_order(influence.train, influence.x_audited, first),
        ONE_STEP: influence.margin_change,
    }
    in_pp = {method: influence.risk_change_pp(margins[rows]) for method, margins in estimates.items()}
    return _points(place, influence, SINGLE, np.ones(len(rows), dtype=np.intp), refits, in_pp)


def _group_points(influences: Sequence[Influence], groups: Sequence[Group], refits: _Refits) -> list[Points]:
    """Return the points of each prediction and each sort of group."""
    if not groups:
        return []
    changes = np.array([_estimates(influences[0].train, group.rows) for group in groups])  # (k, methods, p)
    sizes = np.array([len(group.rows) for group in groups], dtype=np.intp)
    found = []
    for place, influence in enumerate(influences):
        for kind in SORTS:
            of_kind = [k for k, group in enumerate(groups) if group.kind == kind and group.place in (None, place)]
            chosen = np.array(of_kind, dtype=np.intp)
            margins = (changes[chosen] @ influence.train.model.direction(influence.x_audited)).T
            in_pp = {method: influence.risk_change_pp(one) for method, one in zip(METHODS[GROUP], margins, strict=True)}
            found.append(_points(place, influence, kind, sizes[chosen], refits.take(chosen), in_pp))
    return found


def _estimates(train: TrainingRows, rows: Rows) -> list[Vector]:
    """Return the change of theta by each method, in their order; NaN where a Newton step does not exist."""
    try:
        newton = group_newton(train, rows)
    except SingularHessianError:
        newton = np.full(len(train.model.theta), np.nan)
    by_method = {
        FIRST_ORDER: group_first_order(train, rows),
        SECOND_ORDER: group_second_order(train, rows),
        NEWTON: newton,
    }
    return [by_method[method] for method in METHODS[GROUP]]


def _points(
    place: int, influence: Influence, kind: str, encounters: Rows, refits: _Refits, estimates_pp: Mapping[str, Vector]
) -> Points:
    return Points(
        place=place,
        kind=kind,
        encounters=encounters,
        refit_pp=refits.risk_change_pp(influence),
        precision_pp=refits.precision_pp(influence),
        estimates_pp=estimates_pp,
    )
