"""How much one altered record could change one prediction, within values that a record could plausibly hold."""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.adversarial.alteration import EDIT, KINDS, Alteration
from clinflu.analysis.adversarial.candidates import Candidates, plausible_values
from clinflu.analysis.adversarial.fragility_words import words
from clinflu.analysis.adversarial.question import DEFAULT_SEARCH, Question, Search
from clinflu.analysis.adversarial.screen import EditScreen
from clinflu.analysis.mistakes import check_threshold
from clinflu.model.logistic import risk_at
from clinflu.progress import Progress, silent
from clinflu.study import Study


@dataclass(frozen=True, repr=False)
class Fragility:
    """The strongest alteration of one past record of each kind, each way, every one refitted.

    Every plausible edit of every training record is screened by one Newton step, and the strongest are refitted; the
    strongest by the refit are here. What is stronger and was not refitted would have to be estimated as weaker.

    Parameters
    ----------
    encounter_id : str
        Audited.
    threshold : float
        Risk from which the model alerts, a share of 1.
    risk : float
        Predicted, a share of 1.
    alterations : tuple of Alteration
        For each kind the one that raises the risk most and the one that lowers it most, where there is one.
    records, edits : int
        Training records, and edits screened.
    refits : int
    immutable : tuple of str
        Labels of the variables that were left as they are.
    seconds : float
    """

    encounter_id: str
    threshold: float
    risk: float
    alterations: tuple[Alteration, ...]
    records: int
    edits: int
    refits: int
    immutable: tuple[str, ...]
    seconds: float

    def __repr__(self) -> str:
        return f"Fragility: {self.words} See .to_frame()"

    def worst(self, kind: str = EDIT) -> Alteration | None:
        """Return the alteration of a kind that moves the risk most, either way; None where nothing moves it."""
        found = [one for one in self.alterations if one.kind == kind and np.isfinite(one.risk_after)]
        return max(found, key=_size, default=None)

    @property
    def flips(self) -> tuple[str, ...]:
        """The kinds of alteration of a single record that move the decision across the threshold."""
        return tuple(kind for kind in KINDS if any(one.flips for one in self.alterations if one.kind == kind))

    @property
    def words(self) -> str:
        """What was found, for a clinician; no id and no recorded value but the audited risk."""
        return words(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one alteration a row, the strongest of its kind first.

        Returns
        -------
        DataFrame
            Index: encounter id of the record. ``kind``; ``altered``: variable, from and to; ``risk_before``,
            ``risk_estimate``, ``risk_after``, shares of 1; ``change_estimate_pp`` and ``change_pp``, percentage points;
            ``flips``: whether the decision at the threshold changes.
        """
        ordered = [
            one for kind in KINDS for one in sorted(self.alterations, key=_size, reverse=True) if one.kind == kind
        ]
        columns = ("kind", "altered", "risk_before", "risk_estimate", "risk_after")
        table = [(one.kind, one.words, one.risk_before, one.risk_estimate, one.risk_after) for one in ordered]
        index = pd.Index([one.encounter_id for one in ordered], name="encounter_id", dtype=object)
        frame = pd.DataFrame(table, index, list(columns))
        frame["change_estimate_pp"] = [one.estimated_pp for one in ordered]
        frame["change_pp"] = [one.change_pp for one in ordered]
        frame["flips"] = [one.flips for one in ordered]
        return frame


def fragility(
    study: Study,
    encounter_id: str,
    *,
    threshold: float | None = None,
    search: Search = DEFAULT_SEARCH,
    candidates: Candidates | None = None,
    progress: Progress = silent,
) -> Fragility:
    """Ask how much one altered past record could change one prediction.

    Parameters
    ----------
    study : Study
    encounter_id : str
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    search : Search
    candidates : Candidates, optional
        Plausible values, where they are at hand; by default :func:`plausible_values` as the search says.
    progress : Progress

    Raises
    ------
    DataError
        No such encounter, a threshold that is no risk, or an adopted model, whose columns no value can be turned into.
    TrustError
        The fit is such that influence means nothing.
    """
    start = time.perf_counter()
    study.require_logistic("how much one altered record could change")
    study.require_trust()
    limit = study.threshold if threshold is None else check_threshold(threshold)
    values = plausible_values(study, search.numbers, search.immutable) if candidates is None else candidates
    asked = Question(study, study.x(encounter_id), values, search)
    screened = EditScreen(study.train, values, asked.x).strongest(search.refitted, progress)
    found = asked.alterations(screened, limit)
    schema = study.cohort.schema
    return Fragility(
        encounter_id=str(encounter_id),
        threshold=limit,
        risk=risk_at(asked.margin),
        alterations=tuple(found),
        records=len(study.train.y),
        edits=screened.edits,
        refits=asked.refits,
        immutable=tuple(schema.feature(name).label for name in values.immutable),
        seconds=time.perf_counter() - start,
    )


def _size(one: Alteration) -> float:
    return abs(one.change_pp)
