"""Encounters that are judged together: outcomes, margins and patients of the rows that a table is about."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clinflu.analysis.metric_intervals import FEWEST_OF_A_CLASS, FEWEST_PATIENTS
from clinflu.analysis.subgroups.measures import (
    PLAIN,
    Need,
    calibration_columns,
    plain_columns,
    with_counts,
)
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.errors import FitError
from clinflu.model.metrics import auroc, calibration_intercept
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

ENOUGH = ""
SMALLEST_SPREAD = 1e-12


@dataclass(frozen=True, eq=False)
class Judged:
    """The encounters of a table.

    Parameters
    ----------
    rows : (n,) int
        Row numbers of the cohort.
    y, margin : (n,)
        Outcome, and predicted log-odds.
    patients : (n,) int
        Code of the patient of each.
    threshold : float
        Risk from which the model alerts.
    """

    rows: Rows
    y: Vector
    margin: Vector
    patients: Rows
    threshold: float

    @classmethod
    def of(cls, study: Study, rows: Rows, threshold: float) -> "Judged":
        """Return these rows of a study."""
        return cls(rows, study.design.y[rows], study.margins[rows], study.patients_of(rows), threshold)

    @cached_property
    def plain(self) -> Matrix:
        """What each encounter adds to the sums that need no fit, (n, 6)."""
        return plain_columns(self.y, self.margin, self.threshold)


@dataclass(frozen=True, eq=False)
class Members:
    """A subgroup of the encounters that are judged, or its complement.

    Parameters
    ----------
    judged : Judged
    inside : (n,) bool
    """

    judged: Judged
    inside: Flags

    @cached_property
    def count(self) -> int:
        """How many encounters, m."""
        return int(np.count_nonzero(self.inside))

    @property
    def places(self) -> Rows:
        """Positions among the judged encounters, (m,)."""
        return np.flatnonzero(self.inside)

    @property
    def y(self) -> Vector:
        """Outcomes, (m,)."""
        return self.judged.y[self.inside]

    @property
    def margin(self) -> Vector:
        """Predicted log-odds, (m,)."""
        return self.judged.margin[self.inside]

    @cached_property
    def patients(self) -> int:
        """How many patients."""
        return int(np.count_nonzero(np.bincount(self.judged.patients[self.inside])))

    @property
    def one_row_a_patient(self) -> bool:
        """Whether no patient is there twice."""
        return self.patients == self.count

    @cached_property
    def sums(self) -> dict[str, float]:
        """The sums over the encounters, each once."""
        totals = dict(zip(PLAIN, self.judged.plain[self.inside].sum(axis=0), strict=True))
        found = {name: float(value) for name, value in totals.items()}
        arrays = with_counts({name: np.array(value) for name, value in found.items()}, self.judged.threshold)
        return {name: float(value) for name, value in arrays.items()}

    @cached_property
    def fits(self) -> tuple[float, float, float]:
        """Calibration-in-the-large, then intercept and slope together; NaN where they have no finite value."""
        if not self.lacks("both"):
            return (calibration_intercept(self.y, self.margin, np.ones(self.count)), *_recalibration(self))
        return (np.nan, np.nan, np.nan)

    @property
    def calibration(self) -> Matrix:
        """What each encounter adds to the calibration sums at :attr:`fits`, (m, 7)."""
        alone, a, b = np.nan_to_num(self.fits)  # a step from NaN is NaN, whatever these are
        return calibration_columns(self.y, self.margin, (alone, a, b))

    @cached_property
    def auroc(self) -> float:
        """Share of (event, no event) pairs in order; NaN without both."""
        return auroc(self.y, self.margin) if self.count else np.nan

    def patients_for(self, rests_on: Need) -> int:
        """Return on how many patients a figure rests, 2 at the least: those with an event, say; of two the fewer."""
        if rests_on == "both":
            return min(self._patients_with["events"], self._patients_with["others"])
        return self._patients_with[rests_on]

    @cached_property
    def _patients_with(self) -> dict[str, int]:
        """How many patients have an encounter of each sort, 2 at the least."""
        event = self.y == 1
        alert = self.judged.plain[self.inside, PLAIN.index("alerts")] == 1
        of = self.judged.patients[self.inside]
        sorts = {"events": event, "others": ~event, "alerts": alert, "quiet": ~alert}
        found = {name: int(np.count_nonzero(np.bincount(of[mask]))) for name, mask in sorts.items()}
        return {name: max(2, patients) for name, patients in (found | {"patients": self.patients}).items()}

    def lacks(self, need: Need) -> str:
        """Say in words what there is too little of for a figure; empty where there is enough."""
        sums, few = self.sums, f"fewer than {FEWEST_OF_A_CLASS}"
        reasons = {
            f"fewer than {FEWEST_PATIENTS} patients": self.patients < FEWEST_PATIENTS,
            f"too few events ({few})": need in ("events", "both") and sums["events"] < FEWEST_OF_A_CLASS,
            f"too few without the event ({few})": need in ("others", "both") and sums["others"] < FEWEST_OF_A_CLASS,
            f"too few alerts ({few})": need == "alerts" and sums["alerts"] < FEWEST_OF_A_CLASS,
            f"too few without an alert ({few})": need == "quiet" and sums["quiet"] < FEWEST_OF_A_CLASS,
        }
        return next((reason for reason, holds in reasons.items() if holds), ENOUGH)


def _recalibration(members: Members) -> tuple[float, float]:
    """Return a and b of logit P(event) = a + b margin, by maximum likelihood."""
    margin = members.margin
    center, spread = float(margin.mean()), float(margin.std())
    if spread <= SMALLEST_SPREAD * max(1.0, float(np.abs(margin).max())):
        return np.nan, np.nan
    x = np.column_stack([np.ones(len(margin)), (margin - center) / spread])
    try:
        theta = fit_logistic(x, members.y, np.ones(len(margin)), np.zeros(2)).theta
    except FitError:  # the risks separate the outcomes
        return np.nan, np.nan
    slope = float(theta[1]) / spread
    return float(theta[0]) - slope * center, slope
