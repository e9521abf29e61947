"""What the model would have been: any combination of removals, new labels and new weights, refitted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.refit import Change, Refitted, model_after, refit
from clinflu.influence.result import PERCENT
from clinflu.model.base import FittedModel
from clinflu.model.logistic import risk
from clinflu.study import Study


@dataclass(frozen=True)
class Remove:
    """Leave encounters, or all training encounters of patients, out of the training rows."""

    encounters: Iterable[str] = ()
    patients: Iterable[str] = ()


@dataclass(frozen=True)
class Relabel:
    """Give training encounters another outcome: ``{encounter id: 0 or 1}``."""

    outcomes: Mapping[str, int]


@dataclass(frozen=True)
class Reweight:
    """Give training encounters another weight in the loss: ``{encounter id: weight >= 0}``."""

    weights: Mapping[str, float]


Action = Remove | Relabel | Reweight


@dataclass(frozen=True, repr=False)
class Refit:
    """The model after the actions, at its own optimum, compared with the model that was.

    Parameters
    ----------
    study : Study
        Before the actions.
    change : Change
        What the actions did to the training rows.
    refitted : Refitted
        The new optimum, with its gradient norm, steps and Hessians.
    """

    study: Study
    change: Change
    refitted: Refitted

    @cached_property
    def model(self) -> FittedModel:
        """The refitted model."""
        return model_after(self.study.train, self.change, self.refitted)

    @property
    def encounters_changed(self) -> int:
        """How many training encounters the actions touched."""
        return len(self.change.rows)

    @property
    def encounters_removed(self) -> int:
        """How many training encounters now have weight 0."""
        return int((self.change.weights == 0).sum())

    def margin_change(self, encounter_id: str) -> float:
        """Return the change of an encounter's log-odds."""
        return float(self.study.x(encounter_id) @ (self.refitted.theta - self.study.model.theta))

    def risk_before(self, encounter_id: str) -> float:
        """Return the risk of an encounter before the actions, a share of 1."""
        return float(self.study.risks[self.study.row(encounter_id)])

    def risk_after(self, encounter_id: str) -> float:
        """Return the risk of an encounter after the actions, a share of 1."""
        return float(risk(self.study.x(encounter_id) @ self.refitted.theta))

    def risk_change_pp(self, encounter_id: str) -> float:
        """Return the change of an encounter's risk in percentage points."""
        return PERCENT * (self.risk_after(encounter_id) - self.risk_before(encounter_id))

    def risks(self, encounter_ids: Iterable[str]) -> pd.DataFrame:
        """Return risks before and after (shares of 1) and their change (percentage points) of several encounters."""
        names = [str(name) for name in encounter_ids]
        rows = np.array([self.study.row(name) for name in names], dtype=np.intp)
        after = risk(self.study.design.x[rows] @ self.refitted.theta)
        before = self.study.risks[rows]
        return pd.DataFrame(
            {"risk_before": before, "risk_after": after, "risk_change_pp": PERCENT * (after - before)},
            index=pd.Index(names, name="encounter_id"),
        )


def what_if(study: Study, *actions: Action) -> Refit:
    """Refit the model as if the actions had been done before training.

    Parameters
    ----------
    study : Study
    *actions : Remove, Relabel or Reweight
        Together they make one change; no action refits nothing.

    Raises
    ------
    DataError
        An encounter or patient that taught nothing, the same encounter given two outcomes or weights, or an
        impossible outcome or weight.
    OneClassError
        The actions leave encounters of one outcome only.
    """
    change = _combine(study, actions)
    return Refit(study, change, refit(study.train, change))


def _combine(study: Study, actions: tuple[Action, ...]) -> Change:
    weights: dict[int, float] = {}
    outcomes: dict[int, float] = {}
    for action in actions:
        if isinstance(action, Remove):
            _set(weights, dict.fromkeys(_removed(study, action).tolist(), 0.0), "weight")
        elif isinstance(action, Relabel):
            _set(outcomes, _numbers(study, action.outcomes, "outcome"), "outcome")
        elif isinstance(action, Reweight):
            _set(weights, _numbers(study, action.weights, "weight"), "weight")
        else:
            raise DataError(
                "an action is Remove([...]), Relabel({...}) or Reweight({...}); wrap the ids in one of them"
            )
    rows = np.array(sorted({*weights, *outcomes}), dtype=np.intp)
    train = study.train
    return Change(
        rows,
        np.array([weights.get(int(row), train.weights[row]) for row in rows], dtype=float),
        np.array([outcomes.get(int(row), train.y[row]) for row in rows], dtype=float),
    )


def _removed(study: Study, action: Remove) -> Rows:
    of_encounters = _positions(study, action.encounters)
    if isinstance(action.patients, str):
        raise DataError("give a list of patient ids, not a single text")
    patients = pd.Index([str(name) for name in action.patients])
    of_train = study.design.patient_ids[study.split.train]
    absent = ~patients.isin(of_train)
    if absent.any():
        raise DataError(f"{int(absent.sum())} of the patients have no training encounter; only those can be removed")
    return np.union1d(of_encounters, np.flatnonzero(of_train.isin(patients)))


def _positions(study: Study, encounter_ids: Iterable[str]) -> Rows:
    if isinstance(encounter_ids, str):
        raise DataError("give a list of encounter ids, not a single text")
    positions = study.training_positions(list(encounter_ids))
    if (positions < 0).any():
        raise DataError(
            f"{int((positions < 0).sum())} of the encounters are not among the training encounters; only those taught "
            "the model, and only those can be changed"
        )
    return positions


def _numbers(study: Study, values: Mapping[str, float], what: str) -> dict[int, float]:
    numbers: Vector = pd.to_numeric(pd.Series(list(values.values()), dtype=object), errors="coerce").to_numpy(float)
    valid = np.isin(numbers, (0.0, 1.0)) if what == "outcome" else np.isfinite(numbers) & (numbers >= 0)
    if not valid.all():
        wanted = "0 or 1" if what == "outcome" else "a finite number, 0 or more"
        raise DataError(f"{int((~valid).sum())} of the new {what}s make no sense; give {wanted}")
    return dict(zip(_positions(study, values.keys()).tolist(), numbers.tolist(), strict=True))


def _set(target: dict[int, float], new: dict[int, float], what: str) -> None:
    clashes = [row for row in new if row in target and target[row] != new[row]]
    if clashes:
        raise DataError(f"{len(clashes)} encounters are given two different {what}s; give each one only once")
    target.update(new)
