"""The past patients that pushed one prediction toward its error and against it: estimated at once, then refitted."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.carriers import carriers
from clinflu.data.arrays import Vector
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.result import Influence
from clinflu.progress import Progress, silent
from clinflu.study import Study

SHOWN = 10
FEW_PATIENTS_MOVE_PP = 1.0
DESCRIBED = ("carried_by", "values_alike")


@dataclass(frozen=True, slots=True)
class Together:
    """What removing the patients that pushed hardest toward the error does, all of them at once.

    The change is NaN where the model without them has no finite fit.
    """

    encounters: int
    risk_change_refit_pp: float

    @property
    def few_patients_explain(self) -> bool:
        """Whether they move the refitted risk by a percentage point or more, or leave no finite fit."""
        return not abs(self.risk_change_refit_pp) < FEW_PATIENTS_MOVE_PP


@dataclass(frozen=True)
class Pushed:
    """The strongest past encounters each way.

    Parameters
    ----------
    toward_error, against : DataFrame
        As :meth:`clinflu.influence.result.Influence.refitted` gives them, with ``carried_by``: the recorded variables
        that carry the influence, and ``values_alike``: how many variables are recorded as in the audited encounter.
        Every refit is NaN as long as ``together`` is None.
    together : Together, optional
        Those that pushed toward the error removed at once; None before they were refitted.
    """

    toward_error: pd.DataFrame
    against: pd.DataFrame
    together: Together | None = None

    def __repr__(self) -> str:
        said = "estimated" if self.together is None else "refitted"
        return f"Pushed: {len(self.toward_error)} toward the error, {len(self.against)} against it, {said}"


def pushed(study: Study, influence: Influence, k: int = SHOWN) -> Pushed:
    """Return the k strongest past encounters each way with one-step estimates alone; nothing is refitted."""
    toward, against = influence.rows_toward_error(k), influence.rows_against_error(k)
    inverse_hvp = study.model.solve(study.model.direction(influence.x_audited))
    here = study.cohort.frame.loc[influence.audited_id, list(study.cohort.schema.feature_names)]

    rows = np.concatenate([toward, against])
    records = study.train_frame.iloc[rows].astype(object)
    carried = [carriers(study, int(row), inverse_hvp, recorded=records.iloc[place]) for place, row in enumerate(rows)]
    described = influence.estimated(rows).assign(carried_by=carried, values_alike=_alike(records, here))
    return Pushed(described.iloc[: len(toward)], described.iloc[len(toward) :])


def _alike(records: pd.DataFrame, here: pd.Series) -> Vector:
    """Return how many recorded variables of each of some encounters are as in the audited one, (k,)."""
    values = records[list(here.index)].to_numpy()
    ours, missing = here.astype(object).to_numpy(), pd.isna(here).to_numpy()
    same = np.where(missing, pd.isna(values), values == ours)
    counts: Vector = same.sum(axis=1).astype(int)
    return counts


def refitted(study: Study, influence: Influence, found: Pushed, progress: Progress = silent) -> Pushed:
    """Return the same encounters with the truth: the model without each of them, and without all toward the error."""
    toward, against = (study.training_positions(part.index) for part in (found.toward_error, found.against))
    changes = [Change.removal(study.train, np.array([row])) for row in (*toward, *against)]
    *single, together = refit_each_or_nan(study.train, [*changes, Change.removal(study.train, toward)], progress)
    change = float(influence.risk_change_pp(influence.margin_change_refit([together]))[0])
    parts = (
        influence.refitted(rows, refits).assign(**{name: part[name].to_list() for name in DESCRIBED})
        for rows, refits, part in (
            (toward, single[: len(toward)], found.toward_error),
            (against, single[len(toward) :], found.against),
        )
    )
    toward_error, against_it = parts
    return replace(found, toward_error=toward_error, against=against_it, together=Together(len(toward), change))
