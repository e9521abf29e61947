"""Why a past record is suspect, in words: what made the model expect otherwise, the patient's other records, others."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.similar import similar_encounters
from clinflu.data.arrays import Rows, Vector
from clinflu.data.design import INTERCEPT
from clinflu.data.shown import shown
from clinflu.influence.decomposition import attribution
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.model.logistic import curvature_at, risk_at
from clinflu.study import Study

MOST_FEATURES = 3
SMALLEST_POINTS = 0.05
SMALLEST_MARGIN = 1e-9
PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """A recorded variable that made the model expect the other outcome.

    Parameters
    ----------
    variable, label, recorded : str
        What was recorded, as a person sees it.
    risk_pp : float
        Its share of the risk without this record, in percentage points from that of the average past patient.
    """

    variable: str
    label: str
    recorded: str
    risk_pp: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a record is suspect.

    Parameters
    ----------
    risk_without : float
        Of the record, from the model refitted without it; NaN where that has no optimum.
    expected_through : tuple of Expectation
        At most three, the strongest first.
    other_records, other_with_other_outcome : int
        Of the same patient, and how many of them have the other outcome.
    neighbours : int
        Audited encounters nearest in predicted risk.
    neighbours_with_other_outcome : float
        Share of them; NaN where there are none.
    """

    risk_without: float
    expected_through: tuple[Expectation, ...]
    other_records: int
    other_with_other_outcome: int
    neighbours: int
    neighbours_with_other_outcome: float

    def words(self, outcome: int, label: str) -> tuple[str, ...]:
        """Return them in sentences; plain text, not escaped.

        Parameters
        ----------
        outcome : int
            As it is recorded.
        label : str
            Of the outcome.
        """
        return (self._expected(outcome, label), self._same_patient(), self._alike())

    def _expected(self, outcome: int, label: str) -> str:
        recorded = f"Recorded as {'' if outcome else 'not '}{label}."
        if np.isnan(self.risk_without):
            return f"{recorded} Without this record the model cannot be fitted."
        told = f"{recorded} The model that did not learn from it expects {PERCENT * self.risk_without:.1f} %"
        if not self.expected_through:
            return f"{told}, no single recorded value being behind that."
        parts = (f"{one.label}: {one.recorded} ({_points(one.risk_pp)})" for one in self.expected_through)
        return f"{told}, above all through {'; '.join(parts)}."

    def _same_patient(self) -> str:
        if not self.other_records:
            return "The patient has no other record."
        differ = self.other_with_other_outcome
        if self.other_records == 1:
            return f"The patient's one other record has the {'other' if differ else 'same'} outcome."
        count = "none of them has" if not differ else f"{differ:,} of them {'has' if differ == 1 else 'have'}"
        return f"The patient has {self.other_records:,} other records; {count} the other outcome."

    def _alike(self) -> str:
        if not self.neighbours:
            return "No audited encounter is there to compare with."
        share = PERCENT * self.neighbours_with_other_outcome
        return f"Of the {self.neighbours:,} audited encounters nearest in risk, {share:.0f} % have the other outcome."


def reasons(study: Study, positions: Rows) -> list[Reasons]:
    """Return why training records are suspect.

    Parameters
    ----------
    study : Study
    positions : (k,) int
        Among the training rows.
    """
    if not len(positions):
        return []
    train, rows = study.train, study.split.train[positions]
    refits = refit_each_or_nan(train, [Change.removal(train, np.array([one])) for one in positions])
    similar = similar_encounters(study, rows)
    outcomes = study.design.y[rows]
    other_rate = np.where(outcomes == 1, 1.0 - similar.event_rate, similar.event_rate)
    others = [_others(study, int(row)) for row in rows]
    found = []
    for place, row in enumerate(rows):
        risk_without, through = _expected(study, int(row), refits[place].theta, up=outcomes[place] == 0)
        count, differ = others[place]
        found.append(Reasons(risk_without, through, count, differ, int(similar.count[place]), float(other_rate[place])))
    return found


def _others(study: Study, row: int) -> tuple[int, int]:
    """Return how many other records the patient has, and how many of them have the other outcome."""
    same = np.flatnonzero(study.design.patient_ids == study.design.patient_ids[row])
    same = same[same != row]
    return len(same), int((study.design.y[same] != study.design.y[row]).sum())


def _expected(study: Study, row: int, theta: Vector, *, up: bool) -> tuple[float, tuple[Expectation, ...]]:
    """Return the risk under other coefficients, and the variables that moved it most towards the other outcome."""
    if np.isnan(theta).any():
        return float("nan"), ()
    design = study.design
    without = replace(study.model, theta=theta)
    baseline, parts = attribution(without, design.x[row], study.train.mean, has_intercept=design.has_intercept)
    total = float(parts.sum())
    expected = risk_at(baseline + total)
    share = (expected - risk_at(baseline)) / total if abs(total) > SMALLEST_MARGIN else curvature_at(baseline)
    folded = pd.Series(design.fold(parts), design.variable_names).drop(INTERCEPT, errors="ignore") * share * PERCENT
    toward = folded[(folded > 0) == up].sort_values(key=abs, ascending=False)
    known = [one for one in toward.index if one in study.cohort.schema.feature_names]
    strongest = [one for one in known if abs(toward[one]) >= SMALLEST_POINTS][:MOST_FEATURES]
    return expected, tuple(_expectation(study, row, str(one), float(toward[one])) for one in strongest)


def _expectation(study: Study, row: int, name: str, risk_pp: float) -> Expectation:
    spec = study.cohort.schema.feature(name)
    return Expectation(name, spec.label, shown(spec, study.cohort.frame[name].iloc[row]), risk_pp)


def _points(risk_pp: float) -> str:
    return f"{risk_pp:+.1f} points".replace("-", "−")
