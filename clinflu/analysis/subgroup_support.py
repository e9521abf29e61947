"""Which training subgroups a prediction leans on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import shortened
from clinflu.data.design import MISSING
from clinflu.data.shown import shown
from clinflu.errors import DataError, SingularHessianError
from clinflu.influence.group import group_newton
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.result import Influence
from clinflu.study import Study

LARGEST_SHARE = 0.5
SHOWN = 5
DESCRIBED = (
    "variable",
    "label",
    "level",
    "training_encounters",
    "training_events",
    "event_rate",
    "holds_audited_patient",
    "of_strongest",
)


@dataclass(frozen=True, slots=True)
class TrainingSubgroup:
    """The training encounters that share one level of one recorded variable."""

    variable: str
    label: str
    level: str
    rows: Rows


def training_subgroups(study: Study) -> tuple[TrainingSubgroup, ...]:
    """Return every subgroup of the schema's subgroup variables whose removal can be refitted and means something.

    That is: it holds at most half of the training rows, and leaves both outcomes behind.
    """
    found = []
    for name in study.cohort.schema.subgroups:
        codes, levels = study.subgroup_codes[name]
        label = study.cohort.schema.feature(name).label
        found += [
            TrainingSubgroup(name, label, level, np.flatnonzero(codes == code)) for code, level in enumerate(levels)
        ]
    return tuple(group for group in found if _can_be_removed(study, group))


def removable_groups(study: Study) -> tuple[TrainingSubgroup, ...]:
    """Return :func:`training_subgroups` with levels as a person sees them; those that look alike are one."""
    merged: dict[tuple[str, str, str], list[Rows]] = {}
    for name, (codes, levels) in study.subgroup_codes.items():
        spec = study.cohort.schema.feature(name)
        for code, level in enumerate(levels):
            merged.setdefault((name, spec.label, shown(spec, level)), []).append(np.flatnonzero(codes == code))
    groups = (TrainingSubgroup(*key, np.sort(np.concatenate(rows))) for key, rows in merged.items())
    return tuple(group for group in groups if _can_be_removed(study, group))


def training_group(study: Study, variable: str, level: str) -> list[str]:
    """Return the training encounters whose level of a subgroup variable is shown as this one.

    Raises
    ------
    DataError
        There is no such subgroup variable, or no training encounter has that level.
    """
    if variable not in study.subgroup_codes:
        known = ", ".join(study.subgroup_codes) or "none"
        raise DataError(f"{shortened(variable)} is no subgroup variable of this cohort; there are: {known}")
    codes, levels = study.subgroup_codes[variable]
    spec = study.cohort.schema.feature(variable)
    wanted = [code for code, one in enumerate(levels) if shown(spec, one) == level]
    if not wanted:
        raise DataError(f"no training encounter has that level of {variable}; look at its levels")
    return [str(one) for one in study.train_ids[np.isin(codes, wanted)]]


def subgroup_support(study: Study, influence: Influence, strongest: Rows, k: int = SHOWN) -> pd.DataFrame:
    """Return the k subgroups whose removal would move the prediction most, each estimate beside its refit.

    Parameters
    ----------
    study : Study
    influence : Influence
        Of the audited encounter.
    strongest : (m,)
        Training positions of the patients shown, to count how many belong to each subgroup.
    k : int
        How many subgroups.

    Returns
    -------
    DataFrame
        Variable, level, size and events in training, whether the audited patient belongs to it, how many of the
        strongest patients do, and the change of the audited risk in percentage points without the whole
        subgroup: one Newton step (estimate) and refitted.
    """
    recorded = study.cohort.frame.iloc[study.row(influence.audited_id)]
    groups = _candidates(training_subgroups(study), influence, recorded, k)
    estimates = np.array([_estimate(influence, group) for group in groups])
    chosen = np.argsort(-np.nan_to_num(np.abs(estimates), nan=np.inf), kind="stable")[:k]
    shown = [groups[place] for place in chosen]
    refits = refit_each_or_nan(study.train, [Change.removal(study.train, group.rows) for group in shown])
    truth = influence.margin_change_refit(refits)
    rows = [_describe(study, group, recorded, strongest) for group in shown]
    return pd.DataFrame(rows, columns=DESCRIBED).assign(
        risk_change_estimate_pp=influence.risk_change_pp(estimates[chosen]),
        risk_change_refit_pp=influence.risk_change_pp(truth),
    )


def _candidates(
    groups: tuple[TrainingSubgroup, ...], influence: Influence, recorded: pd.Series, k: int
) -> list[TrainingSubgroup]:
    """Return the audited patient's own subgroups and the k whose single removal effects add up to most."""
    sums = [abs(float(influence.margin_change[group.rows].sum())) for group in groups]
    strongest = set(np.argsort(sums)[::-1][:k].tolist())
    return [group for place, group in enumerate(groups) if place in strongest or _holds(group, recorded)]


def _holds(group: TrainingSubgroup, recorded: pd.Series) -> bool:
    value = recorded[group.variable]
    return (MISSING if pd.isna(value) else str(value)) == group.level


def _can_be_removed(study: Study, group: TrainingSubgroup) -> bool:
    left = np.delete(study.train.y, group.rows)
    return len(group.rows) <= LARGEST_SHARE * len(study.train.y) and left.min() < left.max()


def _estimate(influence: Influence, group: TrainingSubgroup) -> float:
    """Return the margin change after one Newton step without the group; NaN where that step does not exist."""
    try:
        step: Vector = group_newton(influence.train, group.rows)
    except SingularHessianError:
        return np.nan
    return float(influence.train.model.direction(influence.x_audited) @ step)


def _describe(study: Study, group: TrainingSubgroup, recorded: pd.Series, strongest: Rows) -> dict[str, object]:
    events = int(study.train.y[group.rows].sum())
    return {
        "variable": group.variable,
        "label": group.label,
        "level": group.level,
        "training_encounters": len(group.rows),
        "training_events": events,
        "event_rate": events / len(group.rows),
        "holds_audited_patient": _holds(group, recorded),
        "of_strongest": int(np.isin(strongest, group.rows).sum()),
    }
