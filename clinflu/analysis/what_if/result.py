"""A refitted model beside the one that was: risks, metrics and odds ratios before and after, with intervals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.what_if.actions import Plan
from clinflu.analysis.what_if.cautions import warnings_after
from clinflu.analysis.what_if.comparison import (
    compare_metrics,
    compare_odds_ratios,
    compare_risks,
    compare_subgroups,
    metrics_of,
)
from clinflu.analysis.what_if.spread import ChangeSpread
from clinflu.data.arrays import Vector
from clinflu.data.asking import list_of_ids
from clinflu.data.digest import digest
from clinflu.data.query import matching
from clinflu.influence.change import Change
from clinflu.influence.interval import Interval
from clinflu.influence.refit import Refitted, model_after
from clinflu.influence.result import PERCENT
from clinflu.model.base import FittedModel
from clinflu.model.logistic import risk_at
from clinflu.model.metrics import Metrics
from clinflu.study import Study

INTERVAL = "infinitesimal jackknife by patient, of the change; the change of the training rows held fixed"


@dataclass(frozen=True, repr=False, eq=False)
class Refit:
    """The model after the actions, at its own optimum, compared with the model that was.

    Two refits are equal where the study is the same and the change and the coefficients are, bit by bit; how long
    they took does not matter.

    Parameters
    ----------
    study : Study
        Before the actions.
    plan : Plan
        What the actions did to the training rows.
    refitted : Refitted
        The new optimum, with its gradient norm, steps and Hessians.
    seconds : float
        How long the refit took.
    """

    study: Study
    plan: Plan
    refitted: Refitted
    seconds: float = field(default=np.nan)

    def __repr__(self) -> str:
        weights, before = self.change.weights, self.study.train.weights[self.change.rows]
        counts = {
            "removed": self.encounters_removed,
            "relabelled": self.plan.relabelled_encounters,
            "edited": self.plan.edited_encounters,
            "reweighted": int(((weights != 0) & (weights != before)).sum()),
            "added": self.encounters_added,
        }
        done = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "none changed"
        steps = "1 step" if self.refitted.steps == 1 else f"{self.refitted.steps} steps"
        return f"Refit: training encounters: {done}; {steps}; see .risks(ids), .metrics(), .odds_ratios()"

    def __eq__(self, other: object) -> bool:
        return self.content == other.content if isinstance(other, Refit) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.content)

    @cached_property
    def content(self) -> str:
        """sha256 of the study, the plan and the new coefficients."""
        return digest(self.study.fingerprint, self.plan.content, self.refitted.theta)

    @property
    def change(self) -> Change:
        """What the actions did to the training rows."""
        return self.plan.change

    @cached_property
    def model(self) -> FittedModel:
        """The refitted model."""
        return model_after(self.study.train, self.change, self.refitted)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the reader must know about the new model, in words."""
        nothing = ("Nothing was changed.",) if not len(self.change.rows) and self.change.added is None else ()
        return (*nothing, *warnings_after(self.study, self.change), *self.plan.notes, *_same_rows(self.study))

    @property
    def encounters_changed(self) -> int:
        """How many training encounters the actions changed; added ones not counted."""
        return len(self.change.rows)

    @property
    def encounters_removed(self) -> int:
        """How many training encounters now have weight 0."""
        return int((self.change.weights == 0).sum())

    @property
    def encounters_added(self) -> int:
        """How many encounters were added, each copy counted."""
        return self.plan.added_encounters

    def margin_change(self, encounter_id: str) -> float:
        """Return the change of an encounter's log-odds."""
        return self.study.model.log_odds_change(self.study.x(encounter_id), self.refitted.theta)

    def risk_before(self, encounter_id: str) -> float:
        """Return the risk of an encounter before the actions, a share of 1."""
        return float(self.study.risks[self.study.row(encounter_id)])

    def risk_after(self, encounter_id: str) -> float:
        """Return the risk of an encounter after the actions, a share of 1."""
        return risk_at(self.study.model.log_odds_of(self.study.x(encounter_id), self.refitted.theta))

    def risk_change_pp(self, encounter_id: str) -> float:
        """Return the change of an encounter's risk in percentage points."""
        return PERCENT * (self.risk_after(encounter_id) - self.risk_before(encounter_id))

    def loss_change(self, encounter_id: str) -> float:
        """Return the change of an encounter's loss in nats; negative: its prediction is better after the actions."""
        return float(self.risks([encounter_id])["loss_change"].iloc[0])

    def risk_change_interval_pp(self, encounter_id: str, level: float = 0.95) -> Interval:
        """Return the interval of the change of an encounter's risk, percentage points; see :class:`ChangeSpread`."""
        frame = self.risks([encounter_id], level)
        low, high = (float(frame[name].iloc[0]) for name in ("risk_change_low_pp", "risk_change_high_pp"))
        return Interval(low, high, level, self.interval_method)

    @property
    def interval_method(self) -> str:
        """How every interval here was made, in words."""
        penalised = "; penalised fit: sampling error only, shrinkage not included"
        return INTERVAL + (penalised if self.study.model.is_penalised else "")

    def risks(self, encounter_ids: Iterable[str], level: float = 0.95) -> pd.DataFrame:
        """Return risks before and after of several encounters, with the interval of their change.

        Parameters
        ----------
        encounter_ids : iterable of str
            Of the cohort, whether they taught the model or not.
        level : float
            Coverage aimed at.

        Returns
        -------
        DataFrame
            Index: encounter id. Risks as shares of 1, changes of risk with their interval in percentage points,
            losses of what happened in nats.
        """
        rows = np.array([self.study.row(name) for name in list_of_ids(encounter_ids)], dtype=np.intp)
        return compare_risks(self.study, self.refitted.theta, self._spread, rows, level)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return :meth:`risks` of all audited encounters."""
        return compare_risks(self.study, self.refitted.theta, self._spread, self.study.split.audited, level)

    @cached_property
    def metrics_before(self) -> Metrics:
        """Metrics of the model that was, on the audited encounters."""
        return metrics_of(self.study, self.study.split.audited, self.study.margins)

    @cached_property
    def metrics_after(self) -> Metrics:
        """Metrics of the refitted model, on the audited encounters."""
        return metrics_of(self.study, self.study.split.audited, self.margins_after)

    def metrics(self, query: str | None = None) -> pd.DataFrame:
        """Return the metrics on the audited encounters: ``before``, ``after`` and ``change``, by metric.

        Parameters
        ----------
        query : str, optional
            Only on the audited encounters that it is true of; see :func:`clinflu.data.query.matching`.

        Returns
        -------
        DataFrame
            Index: metric, ``n`` and ``events`` first; NaN where one is not defined for so few encounters.
        """
        if query is None:
            return compare_metrics(self.metrics_before, self.metrics_after)
        audited = self.study.split.audited
        chosen = audited[matching(query, self.study.cohort.frame.iloc[audited], self.study.cohort.schema)]
        both = (self.study.margins, self.margins_after)
        return compare_metrics(*(metrics_of(self.study, chosen, margins) for margins in both))

    def subgroup_metrics(self, by: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Return the metrics of every subgroup of the audited encounters, before and after.

        Parameters
        ----------
        by : str or iterable of str, optional
            Recorded categories, each on its own; by default the subgroup variables of the schema.

        Returns
        -------
        DataFrame
            A row a level: ``variable``, ``label``, ``level``, ``n``, ``events``, and each metric as ``..._before``,
            ``..._after`` and ``..._change``; NaN where it is not defined for so few encounters.

        Raises
        ------
        DataError
            A variable is not recorded, or no category.
        """
        default = self.study.cohort.schema.subgroups
        names = default if by is None else [by] if isinstance(by, str) else list_of_ids(by, "recorded categories")
        return compare_subgroups(self.study, self.margins_after, names)

    def odds_ratios(self, level: float = 0.95) -> pd.DataFrame:
        """Return the odds ratio of each column before and after, and after divided by before with its interval.

        Parameters
        ----------
        level : float
            Coverage aimed at.

        Returns
        -------
        DataFrame
            Index: column; ``per`` as in :func:`clinflu.analysis.coefficients.coefficients`. NaN after the change where
            no training encounter shows the column any more.
        """
        return compare_odds_ratios(self.study, self.refitted.theta, self._spread, level)

    def to_dict(self) -> dict[str, Any]:
        """Return what the refit shows as plain values for JSON, NaN as None; no encounter and no patient is named."""
        refitted = self.refitted
        return {
            "encounters_changed": self.encounters_changed,
            "encounters_removed": self.encounters_removed,
            "encounters_relabelled": self.plan.relabelled_encounters,
            "encounters_edited": self.plan.edited_encounters,
            "encounters_added": self.encounters_added,
            "audited": {
                "encounters": self.metrics_before.n,
                "events": self.metrics_before.events,
                "metrics": _plain_rows(self.metrics().reset_index()),
            },
            "subgroups": _plain_rows(self.subgroup_metrics()),
            "odds_ratios": _plain_rows(self.odds_ratios().reset_index()),
            "interval_method": self.interval_method,
            "warnings": list(self.warnings),
            "fit": {
                "steps": refitted.steps,
                "hessians": refitted.hessians,
                "gradient_norm": _plain(refitted.gradient_norm),
                "step_norm": _plain(refitted.step_norm),
                "seconds": _plain(self.seconds),
            },
        }

    @cached_property
    def margins_after(self) -> Vector:
        """Log-odds of every row of the cohort after the actions, (N,)."""
        return self.study.model.log_odds(self.study.design.x, self.refitted.theta)

    @cached_property
    def _spread(self) -> ChangeSpread:
        return ChangeSpread(self.study.train, self.change, self.model, self.plan.added_patients)


def _same_rows(study: Study) -> tuple[str, ...]:
    if not np.isin(study.split.audited, study.split.train).any():
        return ()
    return ("The audited encounters also taught the model, so metrics on them flatter it.",)


def _plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; what is not finite is None."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
