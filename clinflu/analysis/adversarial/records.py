"""How many right decisions one altered record can turn, in a cohort of so many records."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.adversarial.alteration import KINDS, Alteration
from clinflu.analysis.adversarial.candidates import plausible_values
from clinflu.analysis.adversarial.fragility import Fragility, fragility
from clinflu.analysis.adversarial.question import DEFAULT_SEARCH, Search
from clinflu.analysis.mistakes import RIGHT, kinds
from clinflu.analysis.what_if.actions import combine
from clinflu.data import Cohort
from clinflu.data.arrays import Rows
from clinflu.data.asking import check_count
from clinflu.errors import DataError
from clinflu.influence.refit import rows_after
from clinflu.model.logistic import risk_at
from clinflu.model.newton import fit_logistic
from clinflu.progress import Progress, silent
from clinflu.study import DEFAULT_PENALTY, Study


@dataclass(frozen=True, repr=False, eq=False)
class RecordCampaign:
    """The fragility of several right decisions of one study.

    Parameters
    ----------
    records, columns : int
        Training encounters, and columns of the design without the intercept: n and d.
    found : tuple of Fragility
    turned : tuple of (set of str)
        Of each, the kinds of alteration of one record that turn the decision, by a fit from zero.
    """

    records: int
    columns: int
    found: tuple[Fragility, ...]
    turned: tuple[frozenset[str], ...]

    def __repr__(self) -> str:
        return f"RecordCampaign: {self.words}"

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        counts = ", ".join(f"{kind} {self.count(kind)}" for kind in KINDS)
        return (
            f"{self.records:,} records for {self.columns} columns: of {len(self.found)} right decisions one altered "
            f"record turns, by kind of alteration: {counts}."
        )

    def count(self, kind: str) -> int:
        """Return how many decisions one record altered in this way turns."""
        return sum(kind in one for one in self.turned)

    def median_change_pp(self, kind: str) -> float:
        """Return the median over predictions of the largest change of the risk, percentage points; NaN without one."""
        changes = [worst.change_pp for one in self.found if (worst := one.worst(kind)) is not None]
        return float(np.median(np.abs(changes))) if changes else np.nan

    def to_frame(self) -> pd.DataFrame:
        """Return one prediction a row: its risk, its distance from the threshold, and how far each kind moves it."""
        table = pd.DataFrame(
            {
                "risk": [one.risk for one in self.found],
                "threshold": [one.threshold for one in self.found],
            },
            index=pd.Index([one.encounter_id for one in self.found], name="encounter_id", dtype=object),
        )
        for kind in KINDS:
            worst = [one.worst(kind) for one in self.found]
            table[f"{kind}_pp"] = [np.nan if one is None else one.change_pp for one in worst]
            table[f"{kind}_turns"] = [kind in one for one in self.turned]
        return table


def record_campaign(
    study: Study,
    count: int = 20,
    *,
    seed: int = 0,
    search: Search = DEFAULT_SEARCH,
    progress: Progress = silent,
) -> RecordCampaign:
    """Ask of some right audited decisions, drawn at random, whether one altered record turns them.

    Parameters
    ----------
    study : Study
    count : int
    seed : int
    search : Search
    progress : Progress
    """
    candidates = plausible_values(study, search.numbers, search.immutable)
    found, turned = [], []
    rows = right_decisions(study, count, seed)
    for done, row in enumerate(rows, start=1):
        one = fragility(study, str(study.design.encounter_ids[row]), search=search, candidates=candidates)
        found.append(one)
        turned.append(
            frozenset(part.kind for part in one.alterations if part.flips and turns_from_cold(study, one, part))
        )
        progress(done, len(rows))
    return RecordCampaign(len(study.train.y), len(study.design.columns) - 1, tuple(found), tuple(turned))


def right_decisions(study: Study, count: int, seed: int = 0) -> Rows:
    """Return rows of audited encounters whose decision at the threshold was right, drawn at random."""
    count = check_count(count, "the number of predictions", least=1)
    audited = study.split.audited
    right: Rows = audited[kinds(study.risks[audited], study.design.y[audited], study.threshold) == RIGHT]
    if count >= len(right):
        return right
    return np.sort(np.random.default_rng(seed).choice(right, count, replace=False))


def turns_from_cold(study: Study, found: Fragility, alteration: Alteration) -> bool:
    """Return whether an alteration turns the decision by a fit from zero, which knows nothing of the model before."""
    change = combine(study, [alteration.action]).change
    model = fit_logistic(*rows_after(study.train, change), study.model.penalty)
    after = risk_at(float(study.x(found.encounter_id) @ model.theta))
    return (found.risk >= found.threshold) != (after >= found.threshold)


def smaller_study(cohort: Cohort, encounters: int, *, penalty: float = DEFAULT_PENALTY, seed: int = 0) -> Study:
    """Return a study of patients drawn at random from a cohort, all encounters of each, until there are so many.

    Parameters
    ----------
    cohort : Cohort
    encounters : int
        About how many, of which 60 % teach the model.
    penalty : float
    seed : int

    Raises
    ------
    DataError
        The cohort has not so many.
    """
    encounters = check_count(encounters, "the number of encounters", least=20)
    if encounters > len(cohort.frame):
        raise DataError(f"the cohort has {len(cohort.frame):,} encounters; ask for no more")
    patients = cohort.patients.astype(str)
    order = np.random.default_rng(seed).permutation(np.unique(patients))
    taken = patients.value_counts().reindex(order).cumsum() <= encounters
    frame = cohort.frame[patients.isin(order[taken.to_numpy()]).to_numpy()]
    return Study.fit(replace(cohort, frame=frame), penalty)


def over_records(
    cohort: Cohort,
    sizes: Iterable[int],
    count: int = 20,
    *,
    seed: int = 0,
    search: Search = DEFAULT_SEARCH,
    progress: Progress = silent,
) -> tuple[RecordCampaign, ...]:
    """Return a campaign for each of some sizes of the cohort; see :func:`smaller_study`."""
    listed = list(sizes)
    found = []
    for done, size in enumerate(listed, start=1):
        found.append(record_campaign(smaller_study(cohort, size, seed=seed), count, seed=seed, search=search))
        progress(done, len(listed))
    return tuple(found)


def sizes_frame(campaigns: Iterable[RecordCampaign]) -> pd.DataFrame:
    """Return one campaign a row: records for each column, the decisions turned and the median change, by kind."""
    rows = []
    for one in campaigns:
        row: dict[str, float] = {
            "records": one.records,
            "columns": one.columns,
            "records_per_column": one.records / one.columns,
            "decisions": len(one.found),
        }
        for kind in KINDS:
            row[f"{kind}_turned"] = one.count(kind)
            row[f"{kind}_median_pp"] = one.median_change_pp(kind)
        rows.append(row)
    return pd.DataFrame(rows)
