"""From one prediction to the patients, features and subgroups that taught it to the model."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from clinflu.analysis.check.grades import Grades, grades_checked, grades_shown
from clinflu.analysis.check.result import Check
from clinflu.analysis.prediction import Prediction, prediction
from clinflu.analysis.pushed import Pushed, Together, pushed, refitted
from clinflu.analysis.subgroup_support import subgroup_support
from clinflu.analysis.support import Cuts
from clinflu.study import Study

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = TypeVar("Result", bound="DataclassInstance")


@dataclass(frozen=True, repr=False, kw_only=True)
class Trace(Prediction):
    """One prediction, explained and proved: a :class:`Prediction` with the refits behind it.

    Parameters
    ----------
    pushed_toward_error, pushed_against : DataFrame
        The ten strongest each way: estimate and refit, and the recorded variables that carry the influence.
    together : Together
        The ten that pushed toward the error removed at once, refitted.
    subgroups : DataFrame
        Training subgroups that the prediction leans on, refitted.
    grades : Grades
        How near its estimates are to refits.
    """

    pushed_toward_error: pd.DataFrame
    pushed_against: pd.DataFrame
    together: Together
    subgroups: pd.DataFrame
    grades: Grades

    @property
    def few_patients_explain(self) -> bool:
        """Whether the ten strongest together move the refitted risk by a percentage point or more, or leave none."""
        return self.together.few_patients_explain

    @property
    def _where_to_look(self) -> str:
        return ".pushed_toward_error, .pushed_against, .subgroups"


def trace(study: Study, encounter_id: str, threshold: float | None = None, cuts: Cuts | None = None) -> Trace:
    """Explain one prediction and refit the model without each of its strongest past patients and subgroups.

    Parameters
    ----------
    study : Study
    encounter_id : str
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    cuts : Cuts, optional
        Of the low-support warning, to compute them once for many traces.

    Raises
    ------
    DataError
        No such encounter.
    TrustError
        The fit is such that influence means nothing.
    """
    explained = prediction(study, encounter_id, threshold, cuts)
    return proved(study, explained, refitted(study, explained.influence, pushed(study, explained.influence)))


def proved(study: Study, explained: Prediction, found: Pushed) -> Trace:
    """Return the trace of a prediction whose strongest past patients were refitted already."""
    if found.together is None:
        raise ValueError("these past patients were estimated alone")
    toward = study.training_positions(found.toward_error.index)
    subgroups = subgroup_support(study, explained.influence, toward)
    return Trace(
        **{one.name: getattr(explained, one.name) for one in fields(Prediction)},
        pushed_toward_error=found.toward_error,
        pushed_against=found.against,
        together=found.together,
        subgroups=subgroups,
        grades=grades_shown(pd.concat([found.toward_error, found.against]), subgroups),
    )


def own_frames(explained: Result) -> Result:
    """Return a result with frames of its own, whose changes reach no other holder of it."""
    values = {one.name: getattr(explained, one.name) for one in fields(explained)}
    frames = {name: value.copy(deep=False) for name, value in values.items() if isinstance(value, pd.DataFrame)}
    return replace(explained, **frames)


def graded(traced: Trace, check: Check | None) -> Trace:
    """Return the trace with the grades of a check of its model, where there was one."""
    return traced if check is None else replace(traced, grades=grades_checked(check, traced.grades))
