"""The influence of every training encounter on one prediction, addressed by encounter id."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.asking import check_count, row_positions
from clinflu.data.places import places_of
from clinflu.errors import DataError
from clinflu.influence.group import group_newton_effect
from clinflu.influence.interval import concentration, patients_of_half
from clinflu.influence.refit import Change, Refitted, refit_each_or_nan
from clinflu.influence.removal import (
    exact_loss_change,
    exact_risk_change,
    one_step,
    removal_effect,
    sum_by_patient,
)
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk_at

PERCENT = 100.0


@dataclass(frozen=True, repr=False)
class Influence:
    """What removing training encounters would do to one prediction: estimates of all, refits of those asked for.

    Parameters
    ----------
    audited_id : str
    train_ids : Index, (n,)
    train : TrainingRows
    x_audited : (p,)
    y_audited : float
    same_patient : (n,) bool
        Training encounters of the audited patient.
    """

    audited_id: str
    train_ids: pd.Index
    train: TrainingRows
    x_audited: Vector
    y_audited: float
    same_patient: Flags

    def __post_init__(self) -> None:
        if len(self.train_ids) != len(self.train.x) or self.same_patient.shape != (len(self.train.x),):
            raise ValueError(f"{len(self.train_ids)} ids for {len(self.train.x)} training encounters")

    def __repr__(self) -> str:
        return (
            f"Influence of {len(self.train_ids):,} training encounters on one prediction; "
            "see .strongest(), .patients(), .margin_change"
        )

    @property
    def margin(self) -> float:
        """The audited log-odds."""
        return self.train.model.log_odds_of(self.x_audited)

    @cached_property
    def first_order(self) -> Vector:
        """First-order margin change of each removal, (n,), log-odds."""
        return _sealed(removal_effect(self.train, self.x_audited))

    @cached_property
    def margin_change(self) -> Vector:
        """Leverage-corrected margin change of each removal, (n,), log-odds."""
        return _sealed(one_step(self.train, self.first_order))

    @cached_property
    def concentration(self) -> float:
        """Effective number of patients that carry the prediction."""
        return concentration(self.margin_change, self.train.patients)

    @cached_property
    def patients_of_half(self) -> int:
        """The fewest patients from whom half of the squared influence comes."""
        return patients_of_half(self.margin_change, self.train.patients)

    @property
    def toward_error(self) -> Vector:
        """How far each encounter pushed the margin away from what happened, (n,), log-odds."""
        residual = self.y_audited - risk_at(self.margin)
        push: Vector = np.sign(residual) * self.margin_change
        return push

    def margin_change_of(self, encounter_id: str) -> float:
        """Return the estimated margin change of removing one training encounter, log-odds."""
        return float(self.margin_change[self.position(encounter_id)])

    def position(self, encounter_id: str) -> int:
        """Return where an encounter stands among the training rows, or raise DataError."""
        found = places_of(self.train_ids, [str(encounter_id)])[0]
        if found < 0:
            raise DataError("that encounter did not teach the model: it is not among the training encounters")
        return int(found)

    def strongest_rows(self, k: int) -> Rows:
        """Return the positions of the k encounters with the largest effect of either sign."""
        return _largest(np.abs(self.margin_change), k)

    def rows_toward_error(self, k: int) -> Rows:
        """Return the positions of the k encounters that pushed hardest toward the error, if so many did."""
        return _largest_positive(self.toward_error, k)

    def rows_against_error(self, k: int) -> Rows:
        """Return the positions of the k encounters that pushed hardest against the error, if so many did."""
        return _largest_positive(-self.toward_error, k)

    def strongest(self, k: int = 10) -> pd.DataFrame:
        """Return the k encounters with the largest effect, each estimate beside its refit."""
        return self.refitted(self.strongest_rows(k))

    def low_leverage(self, k: int = 10) -> pd.DataFrame:
        """Return the strongest k of the half of the encounters with the least leverage."""
        low = np.flatnonzero(self.train.leverage <= np.median(self.train.leverage))
        return self.refitted(low[_largest(np.abs(self.margin_change[low]), k)])

    def patients(self, k: int = 10) -> pd.DataFrame:
        """Return the k patients with the largest effect when all their encounters are removed together.

        They are ranked by the sum of their single effects; the estimate is one Newton step without all of them.
        """
        totals = sum_by_patient(self.margin_change, self.train.patients)
        chosen = _largest(np.abs(totals), k)
        groups = [np.flatnonzero(self.train.patients == patient) for patient in chosen]
        refits = refit_each_or_nan(self.train, [Change.removal(self.train, rows) for rows in groups])
        estimates = np.array([group_newton_effect(self.train, rows, self.x_audited) for rows in groups])
        return pd.DataFrame(
            {
                "encounters": [tuple(self.train_ids[rows]) for rows in groups],
                **self._effects(estimates, self.margin_change_refit(refits)),
            }
        )

    def estimated(self, rows: Rows) -> pd.DataFrame:
        """Return :meth:`refitted` without a refit: what would be refitted is NaN."""
        rows = row_positions(rows, len(self.train.x))
        return self._frame(rows, np.full(len(rows), np.nan))

    def refitted(self, rows: Rows, refits: list[Refitted] | None = None) -> pd.DataFrame:
        """Return estimates and refits of removing each of these encounters, one at a time.

        Parameters
        ----------
        rows : (k,)
            Positions among the training rows.
        refits : list of Refitted, optional
            Where they are known already.

        Returns
        -------
        DataFrame
            Index: encounter id. Changes of risk in percentage points, of the margin in log-odds, of the loss in
            nats; positive: without that encounter the value would be higher. NaN where the model without it has no
            finite fit.
        """
        rows = row_positions(rows, len(self.train.x))
        if refits is None:
            refits = refit_each_or_nan(self.train, [Change.removal(self.train, np.array([row])) for row in rows])
        return self._frame(rows, self.margin_change_refit(refits))

    def _frame(self, rows: Rows, truth: Vector) -> pd.DataFrame:
        counts = np.bincount(self.train.patients)
        frame = pd.DataFrame(
            {
                "outcome": self.train.y[rows].astype(int),
                "margin_change_first_order": self.first_order[rows],
                **self._effects(self.margin_change[rows], truth),
                "toward_error": self.toward_error[rows] > 0,
                "leverage": self.train.leverage[rows],
                "same_patient": self.same_patient[rows],
                "patient_encounters": counts[self.train.patients[rows]],
            },
            index=self.train_ids[rows],
        )
        return frame.rename_axis("encounter_id")

    def margin_change_refit(self, refits: list[Refitted]) -> Vector:
        """Return the change of the audited margin under each refit, log-odds."""
        return self.margin_changes(
            np.array([one.theta for one in refits]).reshape(len(refits), len(self.train.model.theta))
        )

    def margin_changes(self, thetas: Matrix) -> Vector:
        """Return the change of the audited margin when theta becomes each of several, (k, d): (k,), log-odds."""
        model = self.train.model
        if model.of_margin.is_linear:
            changes: Vector = (thetas - model.theta) @ model.direction(self.x_audited)
            return changes
        return np.array([model.log_odds_change(self.x_audited, theta) for theta in thetas])

    def risk_change_pp(self, margin_change: Vector) -> Vector:
        """Return the change of the audited risk that belongs to a change of its margin, percentage points."""
        return PERCENT * exact_risk_change(self.margin, margin_change)

    def _effects(self, estimate: Vector, truth: Vector) -> dict[str, Vector]:
        return {
            "margin_change_estimate": estimate,
            "margin_change_refit": truth,
            "risk_change_estimate_pp": self.risk_change_pp(estimate),
            "risk_change_refit_pp": self.risk_change_pp(truth),
            "loss_change_estimate": exact_loss_change(self.margin, estimate, self.y_audited),
            "loss_change_refit": exact_loss_change(self.margin, truth, self.y_audited),
        }


def _sealed(values: Vector) -> Vector:
    """Return values that nobody can change: every holder of the influence sees the same ones."""
    values.setflags(write=False)
    return values


def _largest(values: Vector, k: int) -> Rows:
    """Return the positions of the k largest values, largest first; ties in their order."""
    k = check_count(k, "how many to show")
    if not 0 < k < len(values) or np.isnan(values.sum()):
        return np.argsort(-values, kind="stable")[:k]
    least = np.partition(values, len(values) - k)[len(values) - k]
    candidates = np.flatnonzero(values >= least)
    found: Rows = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return found


def _largest_positive(values: Vector, k: int) -> Rows:
    chosen = _largest(values, k)
    return chosen[values[chosen] > 0]
