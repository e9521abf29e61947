"""The subgroup ledger: what a prediction owes to each training subgroup, each estimate beside its refit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pandas as pd

from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.prediction import SMALLEST_MARGIN_CHANGE
from clinflu.data.age import OLDEST_SHOWN, is_age
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import list_of_ids, row_positions, values_by_id
from clinflu.data.design import MISSING
from clinflu.data.levels import level_codes
from clinflu.data.schema import FeatureSpec
from clinflu.errors import DataError
from clinflu.influence.group import group_newton_effect
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.result import PERCENT, Influence
from clinflu.model.logistic import curvature_at
from clinflu.progress import Progress, silent
from clinflu.study import Study

SUBGROUP = "subgroup"
TOGETHER = "together"
QUARTILES = (0.25, 0.5, 0.75)

Level = tuple[str, ...]
By: TypeAlias = str | Sequence[str] | Mapping[str, str] | pd.Series


@dataclass(frozen=True, repr=False)
class Ledger:
    """The removal of training encounters, split over the subgroups that they belong to, for one prediction.

    Parameters
    ----------
    encounter_id : str
        The audited encounter.
    labels : tuple of str
        What a clinician calls each level of the index.
    frame : DataFrame
        One line a subgroup that holds removed encounters, the largest refitted change first and, before them, those
        without a finite refit. Index: the level of each variable. Columns:

        ``encounters``, ``events``
            Removed encounters of the subgroup, and how many of them had the event.
        ``holds_audited_patient``
            Whether the audited encounter is of that subgroup.
        ``margin_change_additive``
            Sum of the one-step effects of removing each encounter on its own, log-odds. Over the lines these add up.
        ``margin_change_newton``, ``margin_change_refit``
            Without these encounters of this subgroup alone: one Newton step (estimate), and refitted (the truth).
        ``margin_change_interaction``
            Refit less additive: what the encounters of the subgroup do together and no one does alone.
        ``risk_change_additive_pp``, ``risk_change_newton_pp``, ``risk_change_refit_pp``
            Change of risk in percentage points that belongs to each of these margin changes.
        ``risk_change_interaction_pp``
            Refit less additive, percentage points.
        ``risk_share_pp``
            The additive share in the change of risk when all lines are removed together: over the lines they add up,
            with the interaction's share, to the refitted change of ``total``. NaN where that refit does not exist.
    total : DataFrame
        One line with the same columns: all the encounters removed together.
    """

    encounter_id: str
    labels: tuple[str, ...]
    frame: pd.DataFrame
    total: pd.DataFrame

    def __repr__(self) -> str:
        change = self.total_refit_pp
        refitted = (
            "the model has no finite fit" if np.isnan(change) else f"the refitted risk changes by {change:+.2g} pp"
        )
        return (
            f"Ledger by {', '.join(self.labels)}: {int(self.total['encounters'].iloc[0]):,} training encounters in "
            f"{len(self.frame):,} subgroups; without all of them {refitted}\nsee .to_frame(), .interaction"
        )

    @property
    def additive(self) -> float:
        """Sum of the lines' additive shares, log-odds."""
        return self._of_total("margin_change_additive")

    @property
    def total_refit(self) -> float:
        """Change of the margin without all of them, refitted, log-odds; NaN where that refit does not exist."""
        return self._of_total("margin_change_refit")

    @property
    def total_refit_pp(self) -> float:
        """Change of the risk without all of them, refitted, percentage points; NaN as ``total_refit``."""
        return self._of_total("risk_change_refit_pp")

    @property
    def interaction(self) -> float:
        """Refit less additive shares, log-odds: ``interaction_within`` and ``interaction_between`` together."""
        return self._of_total("margin_change_interaction")

    @property
    def interaction_within(self) -> float:
        """Sum of the lines' own interactions, log-odds: from encounters of the same subgroup."""
        return float(self.frame["margin_change_interaction"].sum(skipna=False))

    @property
    def interaction_between(self) -> float:
        """Refit of all less the refits of each line, log-odds: from encounters of different subgroups."""
        return self.total_refit - float(self.frame["margin_change_refit"].sum(skipna=False))

    @property
    def interaction_share_pp(self) -> float:
        """Share of the interaction in the refitted change of risk, percentage points; ``risk_share_pp`` is the rest."""
        return self.total_refit_pp - self._of_total("risk_share_pp")

    def to_frame(self) -> pd.DataFrame:
        """Return the lines and, last, that of all encounters removed together."""
        return pd.concat([self.frame, self.total])

    def _of_total(self, column: str) -> float:
        return float(self.total[column].iloc[0])


def ledger(
    study: Study,
    encounter_id: str,
    by: By,
    rows: Rows | None = None,
    progress: Progress = silent,
) -> Ledger:
    """Split what training encounters taught about one prediction over the subgroups that they belong to.

    Parameters
    ----------
    study : Study
    encounter_id : str
        The audited encounter.
    by : str, sequence of str, mapping or Series
        A recorded variable; several, whose levels are crossed; or the subgroup of each encounter by its id. What is
        missing, or has no id in the mapping, is the level ``"missing"``. Numeric variables are cut at the quartiles
        of the training rows, rounded to six digits: ``"up to 2"``, ``"over 2 to 5"``, and so on; quartiles that
        coincide give one cut.
    rows : (k,) int, optional
        Positions among the training rows of the encounters that are removed, such as those of the patients that pushed
        hardest. By default every training encounter: then the lines say what each whole subgroup taught, and
        ``total`` has no refit, since nothing would be left.
    progress : Progress
        Of how many refits are done.

    Raises
    ------
    DataError
        No such encounter, variable or training row; or no row.
    TrustError
        The fit is such that influence means nothing.
    """
    influence = influence_on(study, encounter_id)
    chosen = _chosen(study, rows)
    labels, levels = _levels(study, by)
    groups = _groups(levels, study.split.train, chosen)
    refits = _refits(influence, [*groups.values(), chosen], progress)
    newton = [group_newton_effect(study.train, members, influence.x_audited) for members in (*groups.values(), chosen)]
    together = (TOGETHER, *[""] * (len(labels) - 1))
    everything = pd.DataFrame(
        {
            **_description(study, groups, chosen, levels[study.row(encounter_id)]),
            **_changes(influence, groups, np.array(newton), refits),
        },
        index=_index([*groups, together], tuple(labels)),
    )
    lines = everything.iloc[:-1]
    order = np.argsort(-np.nan_to_num(np.abs(refits[:-1]), nan=np.inf), kind="stable")
    return Ledger(str(encounter_id), tuple(labels.values()), lines.iloc[order], everything.iloc[-1:])


def _chosen(study: Study, rows: Rows | None) -> Rows:
    count = len(study.split.train)
    if rows is None:
        return np.arange(count)
    chosen: Rows = np.unique(row_positions(rows, count))
    if not len(chosen):
        raise DataError("no training encounter was given; name at least one to remove")
    return chosen


def _levels(study: Study, by: By) -> tuple[dict[str, str], list[Level]]:
    """Return the labels of what the levels are of, by name, and the level of every row of the cohort."""
    if isinstance(by, Mapping | pd.Series):
        given = pd.Series(values_by_id(by, "{encounter id: subgroup}"), dtype=object)
        if not given.map(pd.api.types.is_scalar).all():
            raise DataError("the mapping gives each encounter one subgroup, a text or a number")
        if not given.index.isin(study.cohort.frame.index).all():
            raise DataError("the mapping names encounters that the cohort does not have; use its encounter ids")
        return {SUBGROUP: "Subgroup"}, [(text,) for text in _texts(given.reindex(study.cohort.frame.index))]
    names = [by] if isinstance(by, str) else list_of_ids(by, "recorded variables, or {encounter id: subgroup}")
    specs = [study.cohort.schema.feature(name) for name in dict.fromkeys(names)]
    if not specs:
        raise DataError(f"name a recorded variable; there are: {', '.join(study.cohort.schema.feature_names)}")
    if sets := [one.name for one in specs if one.is_codes]:
        raise DataError(f"{sets[0]!r} is a set of codes, which makes no subgroups; name a category or a number")
    frame, train = study.cohort.frame, study.split.train
    columns = [_recorded(frame[one.name]) if one.is_category else _banded(frame[one.name], one, train) for one in specs]
    return {one.name: one.label for one in specs}, list(zip(*columns, strict=True))


def _banded(recorded: pd.Series, spec: FeatureSpec, train: Rows) -> list[str]:
    """Return the band between training quartiles of every value; ages over 89 are in one band."""
    values: Vector = recorded.to_numpy(dtype=float, na_value=np.nan)
    known = values[train][~np.isnan(values[train])]
    cuts = np.unique([float(f"{cut:g}") for cut in np.quantile(known, QUARTILES)]) if len(known) else known
    cuts = np.unique(cuts.clip(max=OLDEST_SHOWN)) if is_age(spec) else cuts
    bands = _bands(cuts)
    return [MISSING if np.isnan(value) else bands[np.searchsorted(cuts, value)] for value in values]


def _bands(cuts: Vector) -> list[str]:
    """Name the bands between cuts; a value at a cut belongs to the band below it."""
    texts = [f"{cut:g}" for cut in cuts]
    if not texts:
        return ["any"]
    between = [f"over {low} to {high}" for low, high in pairwise(texts)]
    return [f"up to {texts[0]}", *between, f"over {texts[-1]}"]


def _texts(values: pd.Series) -> list[str]:
    return [MISSING if pd.isna(value) else str(value) for value in values]


def _recorded(values: pd.Series) -> list[str]:
    codes, levels = level_codes(values)
    texts: list[str] = np.array(levels, dtype=object)[codes].tolist()
    return texts


def _groups(levels: list[Level], train: Rows, chosen: Rows) -> dict[Level, Rows]:
    """Return the chosen training rows of each level that has any, by level."""
    members: dict[Level, list[int]] = {}
    for row in chosen.tolist():
        members.setdefault(levels[train[row]], []).append(row)
    return {level: np.array(members[level], dtype=np.intp) for level in sorted(members)}


def _refits(influence: Influence, groups: list[Rows], progress: Progress) -> Vector:
    """Return the margin change without each group, refitted; NaN where there is none."""
    train = influence.train
    *lines, total = [Change.removal(train, rows) for rows in groups]
    found = refit_each_or_nan(train, lines, lambda done, _: progress(done, len(groups)))
    found += refit_each_or_nan(train, [total])  # apart: it may leave nothing to fit, and then batches stop
    progress(len(groups), len(groups))
    return influence.margin_change_refit(found)


def _description(study: Study, groups: dict[Level, Rows], chosen: Rows, audited: Level) -> dict[str, list[object]]:
    members = (*groups.values(), chosen)
    return {
        "encounters": [len(rows) for rows in members],
        "events": [int(study.train.y[rows].sum()) for rows in members],
        "holds_audited_patient": [*(level == audited for level in groups), audited in groups],
    }


def _changes(influence: Influence, groups: dict[Level, Rows], newton: Vector, refits: Vector) -> dict[str, Vector]:
    shares = [float(influence.margin_change[rows].sum()) for rows in groups.values()]
    additive = np.array([*shares, sum(shares)])
    changes = {"additive": additive, "newton": newton, "refit": refits}
    risks = {name: influence.risk_change_pp(change) for name, change in changes.items()}
    return {
        **{f"margin_change_{name}": change for name, change in changes.items()},
        "margin_change_interaction": refits - additive,
        **{f"risk_change_{name}_pp": change for name, change in risks.items()},
        "risk_change_interaction_pp": risks["refit"] - risks["additive"],
        "risk_share_pp": _slope_pp(influence, refits[-1]) * additive,
    }


def _slope_pp(influence: Influence, margin_change: float) -> float:
    """Return the percentage points of risk for each log-odds on the way to a changed margin."""
    if abs(margin_change) < SMALLEST_MARGIN_CHANGE:
        return PERCENT * curvature_at(influence.margin)
    return float(influence.risk_change_pp(np.array([margin_change]))[0]) / margin_change


def _index(levels: list[Level], names: tuple[str, ...]) -> pd.Index:
    if len(names) == 1:
        return pd.Index([level[0] for level in levels], name=names[0])
    return pd.MultiIndex.from_tuples(levels, names=names)
