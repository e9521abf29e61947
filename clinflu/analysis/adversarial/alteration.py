"""One altered past record, and what the model fitted again says of one prediction."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clinflu.analysis.what_if import Action, Edit, Relabel, Remove
from clinflu.data.shown import shown
from clinflu.influence.result import PERCENT
from clinflu.study import Study

EDIT, REWRITING, REMOVAL, RELABELLING = "edit", "rewriting", "removal", "relabelling"
SHOWN_EDITS = 4
KINDS = (EDIT, REWRITING, REMOVAL, RELABELLING)


@dataclass(frozen=True)
class Alteration:
    """What was done to one training record, and its effect on the audited risk.

    Parameters
    ----------
    kind : str
        ``"edit"``: one recorded variable has another plausible value. ``"rewriting"``: as many as help have.
        ``"removal"``: the record is not there. ``"relabelling"``: it has the other outcome.
    encounter_id : str
        Of the record.
    values : tuple of (str, value)
        The new values by variable, as an ``Edit`` takes them; None for not recorded. Empty where none is new.
    outcome : int
        As recorded.
    words : str
        What was done, as a person reads it: ``"Length of stay: 3 days -> 14 days"``.
    risk_before, risk_estimate, risk_after : float
        Shares of 1: of the model as it is, by one Newton step and refitted.
    threshold : float
    """

    kind: str
    encounter_id: str
    values: tuple[tuple[str, Any], ...]
    outcome: int
    words: str
    risk_before: float
    risk_estimate: float
    risk_after: float
    threshold: float

    @property
    def change_pp(self) -> float:
        """Refitted change of the risk, percentage points."""
        return PERCENT * (self.risk_after - self.risk_before)

    @property
    def estimated_pp(self) -> float:
        """Estimated change of the risk, percentage points."""
        return PERCENT * (self.risk_estimate - self.risk_before)

    @property
    def flips(self) -> bool:
        """Whether the refitted risk is on the other side of the threshold; a risk at the threshold is an alert."""
        if np.isnan(self.risk_after):
            return False
        return (self.risk_before >= self.threshold) != (self.risk_after >= self.threshold)

    @property
    def action(self) -> Action:
        """What ``what_if`` takes to do the same."""
        if self.kind == REMOVAL:
            return Remove([self.encounter_id])
        if self.kind == RELABELLING:
            return Relabel({self.encounter_id: 1 - self.outcome})
        return Edit(self.encounter_id, dict(self.values))


def words_of(study: Study, kind: str, row: int, values: dict[str, Any]) -> str:
    """Return what is done to a training record, by position, as a person reads it; ages over 89 as 90+."""
    if kind == REMOVAL:
        return "removed"
    if kind == RELABELLING:
        there, other = ("the event", "no event") if study.train.y[row] == 1 else ("no event", "the event")
        return f"outcome: {there} -> {other}"
    record, schema = study.train_frame.iloc[row], study.cohort.schema
    parts = []
    for name, value in list(values.items())[:SHOWN_EDITS]:
        spec = schema.feature(name)
        parts.append(f"{spec.label}: {shown(spec, record[name])} -> {shown(spec, value)}")
    more = len(values) - len(parts)
    return "; ".join([*parts, f"and {more} more" if more else ""]).removesuffix("; ")
