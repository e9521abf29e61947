"""Who drives a metric: the training encounters, patients and subgroups without which it would differ most."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from clinflu.analysis.audited_metrics import METRICS, Group, Metric, audited_sides, levels_of
from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.subgroup_support import training_subgroups
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_count, nearest, shortened
from clinflu.errors import DataError, FitError
from clinflu.influence.functional import Functional, Gap, at_model, functional_effects, group_effect
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.removal import one_step, sum_by_patient
from clinflu.influence.smoothed import default_bandwidth
from clinflu.progress import Progress, telling
from clinflu.study import Study

SHOWN = 20
REFITS_AT_ONCE = 10


@dataclass(frozen=True, repr=False)
class Drivers:
    """What each training encounter does to one metric: estimates of all, refits of those asked for.

    Values and changes are in ``unit``; a change is the metric without the encounters minus the metric with them. AUROC
    and false-negative rate move in steps, so estimates are of a smoothed one, and refits are shown of both. A single
    encounter changes the exact false-negative rate by a few events or by none, so there the smoothed change tells who
    pushes, not how many alerts change. A metric of a few hundred encounters rests on chance more than on any single
    past patient: expect small changes.

    Parameters
    ----------
    study : Study
    name : str
        In ``METRICS``.
    functional : Functional
    best : float
        Value of a perfect model: 0 for a gap.
    encounters_audited : int
        On how many audited encounters the metric, or both sides of the gap, rest.
    bandwidth : float
        Of the smoothing, log-odds.
    """

    study: Study
    name: str
    functional: Functional
    best: float
    encounters_audited: int
    bandwidth: float

    def __repr__(self) -> str:
        return (
            f"Drivers: {self.metric.label} on {self.encounters_audited:,} audited encounters, among "
            f"{len(self.study.split.train):,} training encounters; see .encounters(), .patients(), .subgroups()"
        )

    @property
    def metric(self) -> Metric:
        """The entry of ``METRICS``."""
        return METRICS[self.name]

    @property
    def unit(self) -> str:
        """Of every value and change."""
        return self.metric.unit

    @cached_property
    def before(self) -> float:
        """The metric of the model as it is, exact."""
        return self.metric.scale * self.functional.exact(self.study.model.theta)

    @cached_property
    def before_smoothed(self) -> float:
        """The smoothed metric of the model as it is; equal to ``before`` where nothing is smoothed."""
        return self.metric.scale * self.functional.value(self.study.model.theta)

    @cached_property
    def first_order(self) -> Vector:
        """First-order change when each training encounter is removed, (n,)."""
        return self.metric.scale * functional_effects(self.study.train, self.functional)

    @cached_property
    def change(self) -> Vector:
        """Leverage-corrected change when each training encounter is removed, (n,): what ranks them."""
        return one_step(self.study.train, self.first_order)

    def encounters(self, k: int = SHOWN, progress: Progress | None = None) -> pd.DataFrame:
        """Return the k training encounters whose removal would change the metric most, each estimate beside its refit.

        Parameters
        ----------
        k : int
        progress : Progress

        Returns
        -------
        DataFrame
            Index: encounter id. ``change_first_order``; ``change_estimate``, at one Newton step without them;
            ``change_refit`` of the smoothed metric and ``exact_change_refit`` of the metric itself, both at the refit;
            ``improves``: whether that brings the metric itself nearer to its best value. NaN where the model without
            them has no finite fit, or the metric no value there.
        """
        chosen = _largest(self.change, k)
        train = self.study.train
        described = pd.DataFrame(
            {
                "outcome": train.y[chosen].astype(int),
                "patient_encounters": np.bincount(train.patients)[train.patients[chosen]],
                "leverage": train.leverage[chosen],
            },
            index=self.study.train_ids[chosen].rename("encounter_id"),
        )
        return described.assign(**self._changes([np.array([row]) for row in chosen], progress))

    def patients(self, k: int = SHOWN, progress: Progress | None = None) -> pd.DataFrame:
        """Return the k patients whose removal, all encounters together, would change the metric most.

        They are ranked by the sum of their encounters' changes. Columns as in :meth:`encounters`, after the ids of the
        patient's training ``encounters`` and their ``events``.
        """
        train = self.study.train
        chosen = _largest(sum_by_patient(self.change, train.patients), k)
        groups = [np.flatnonzero(train.patients == patient) for patient in chosen]
        described = pd.DataFrame(
            {
                "encounters": [tuple(self.study.train_ids[rows]) for rows in groups],
                "events": [int(train.y[rows].sum()) for rows in groups],
            }
        )
        return described.assign(**self._changes(groups, progress))

    def subgroups(self, k: int = SHOWN, progress: Progress | None = None) -> pd.DataFrame:
        """Return the k training subgroups, of at most half of the rows, whose removal would change the metric most.

        They are ranked by the sum of their encounters' changes, which of a cohesive group is far off: read the refit.
        Columns as in :meth:`encounters`, after variable, label, level, size and events.
        """
        groups = training_subgroups(self.study)
        sums = np.array([self.change[group.rows].sum() for group in groups])
        shown = [groups[place] for place in _largest(sums, k)]
        described = pd.DataFrame(
            {
                "variable": [group.variable for group in shown],
                "label": [group.label for group in shown],
                "level": [group.level for group in shown],
                "training_encounters": [len(group.rows) for group in shown],
                "training_events": [int(self.study.train.y[group.rows].sum()) for group in shown],
            }
        )
        return described.assign(**self._changes([group.rows for group in shown], progress))

    def split(self, variable: str) -> pd.DataFrame:
        """Return how the encounters' single changes divide among the levels of one recorded category.

        Parameters
        ----------
        variable : str

        Returns
        -------
        DataFrame
            Index: level, the largest share of influence first. ``training_encounters``; ``change_first_order``, the
            sum of the first-order changes, in ``unit``: these add up over the levels, but are no forecast of removing
            a level, which :meth:`subgroups` refits; ``share_of_encounters``; ``share_of_influence``: the level's share
            of the absolute first-order changes. Shares are of 1.
        """
        codes, levels = levels_of(self.study, variable, self.study.split.train)
        sizes, total = np.bincount(codes), float(np.abs(self.first_order).sum())
        table = pd.DataFrame(
            {
                "training_encounters": sizes,
                "change_first_order": np.bincount(codes, weights=self.first_order),
                "share_of_encounters": sizes / len(codes),
                "share_of_influence": np.bincount(codes, weights=np.abs(self.first_order)) / total if total else np.nan,
            },
            index=pd.Index(levels, name="level"),
        )
        return table.sort_values("share_of_influence", ascending=False, kind="stable")

    def _refitted(self, groups: list[Rows], progress: Progress) -> tuple[Vector, Vector]:
        """Return the change of the smooth and of the exact metric in the refit without each group."""
        train, scale = self.study.train, self.metric.scale
        smoothed, exact = np.empty(len(groups)), np.empty(len(groups))
        for start in range(0, len(groups), REFITS_AT_ONCE):
            progress(start, len(groups))
            part = groups[start : start + REFITS_AT_ONCE]
            refits = refit_each_or_nan(train, [Change.removal(train, rows) for rows in part])
            for place, one in enumerate(refits, start):
                smoothed[place] = scale * _or_nan(partial(self.functional.value, one.theta)) - self.before_smoothed
                exact[place] = scale * _or_nan(partial(self.functional.exact, one.theta)) - self.before
        progress(len(groups), len(groups))
        return smoothed, exact

    def _changes(self, groups: list[Rows], progress: Progress | None) -> dict[str, Vector]:
        """Return estimates and refits of removing each group of training rows."""
        train, scale = self.study.train, self.metric.scale
        with telling("Refitting", progress) as tell:
            smoothed, exact = self._refitted(groups, tell)
        estimates = [scale * _or_nan(partial(group_effect, train, self.functional, rows)) for rows in groups]
        after, before = np.abs(self.before + exact - self.best), abs(self.before - self.best)
        return {
            "change_first_order": np.array([self.first_order[rows].sum() for rows in groups]),
            "change_estimate": np.array(estimates),
            "change_refit": smoothed,
            "exact_change_refit": exact,
            "improves": after < before,
        }


def drivers(
    study: Study,
    metric: str,
    *,
    subgroup: Group | None = None,
    against: Group | str | None = None,
    threshold: float | None = None,
) -> Drivers:
    """Ask who among the training encounters drives a metric on the audited encounters.

    Parameters
    ----------
    study : Study
    metric : str
        One of ``METRICS``.
    subgroup : (variable, level), optional
        The audited encounters with this level of a recorded category; by default all of them.
    against : (variable, level) or "rest", optional
        Ask for the metric of the subgroup minus that of this one, or of all audited encounters that are not in the
        subgroup.
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks. Only the false-negative
        rate depends on it.

    Raises
    ------
    DataError
        No such metric, variable or level, or the metric has no value on these encounters.
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_trust()
    if not isinstance(metric, str):
        raise DataError(f"name one metric, as text; there are: {', '.join(METRICS)}")
    if metric not in METRICS:
        hint = nearest(metric, METRICS)
        raise DataError(f"no metric is called {shortened(metric)}{hint}; there are: {', '.join(METRICS)}")
    limit = study.threshold if threshold is None else check_threshold(threshold)
    bandwidth = default_bandwidth(study.margins[study.split.audited])
    sides = audited_sides(study, subgroup, against)
    x, y, make = study.design.x, study.design.y, METRICS[metric].make
    parts = [at_model(make(x[rows], y[rows], limit, bandwidth), study.model) for rows in sides]
    functional: Functional = parts[0] if len(parts) == 1 else Gap(parts[0], parts[1])
    try:
        functional.value(study.model.theta)
    except FitError as error:
        raise DataError(f"{METRICS[metric].label} has no value here: {error}") from None
    best = METRICS[metric].best if len(parts) == 1 else 0.0
    return Drivers(study, metric, functional, best, sum(map(len, sides)), bandwidth)


def _largest(values: Vector, k: int) -> Rows:
    chosen: Rows = np.argsort(-np.abs(values), kind="stable")[: check_count(k, "how many to show")]
    return chosen


def _or_nan(value: Callable[[], float]) -> float:
    """Return the value, or NaN where the model without some encounters, or the metric of it, does not exist."""
    try:
        return value()
    except FitError:
        return np.nan
