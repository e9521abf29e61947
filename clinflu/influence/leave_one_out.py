"""What the model would say of each training encounter had it not learned from it, without a refit for each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.asking import row_positions
from clinflu.errors import SingularHessianError
from clinflu.influence.group import LOST_IN_ROUNDING, group_newton
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import BLOCK_ROWS, risk
from clinflu.model.metrics import auroc

SMALLEST_CURVATURE = 1e-290


def self_kernel(train: TrainingRows) -> Vector:
    r"""Return :math:`q_i = \tilde x_i^\top H^{-1} \tilde x_i`, (n,): the leverage per unit of weighted curvature."""
    curved = train.curvature > SMALLEST_CURVATURE
    kernel = np.divide(train.leverage, train.curvature, out=np.zeros(len(curved)), where=curved)
    flat = np.flatnonzero(~curved)
    for start in range(0, len(flat), BLOCK_ROWS):
        block = flat[start : start + BLOCK_ROWS]
        kernel[block] = np.square(_half(train, block)).sum(axis=1)
    return kernel


def share_left(train: TrainingRows) -> Vector:
    """Return 1 - h_i, (n,); NaN where nothing but that row determines some combination of columns."""
    left = 1.0 - train.leverage
    return np.where(left < LOST_IN_ROUNDING, np.nan, left)


def leave_one_out_margins(train: TrainingRows) -> Vector:
    r"""Margin of each training encounter under the model that did not learn from it, by one Newton step.

    .. math:: m_i^{(-i)} = m_i - \frac{w_i r_i q_i}{1 - h_i}, \quad
        q_i = \tilde x_i^\top H^{-1} \tilde x_i, \quad h_i = w_i p_i (1 - p_i) q_i

    Parameters
    ----------
    train : TrainingRows

    Returns
    -------
    (n,), log-odds
        NaN where the model without that encounter is not determined. Not exact where the leverage is high: the
        refit is.

    References
    ----------
    Pregibon (1981), doi:10.1214/aos/1176345513; Rad & Maleki (2020), doi:10.1111/rssb.12374.
    """
    change: Vector = -train.residual * self_kernel(train) / share_left(train)
    return train.model.as_log_odds(train.margin + change)


def leave_one_patient_out_margins(train: TrainingRows) -> Vector:
    r"""Margin of each training encounter under the model that learned from none of its patient's encounters.

    One exact Newton step for each patient, by Woodbury on that patient's rows B' with D their weighted curvatures:

    .. math:: m_U^{(-U)} = m_U - (I - K D)^{-1} K \, (w r)_U, \quad K = B^\top H^{-1} B

    Patients with equally many encounters are solved together, in blocks: O(n p^2) in all, and memory for one block.

    Parameters
    ----------
    train : TrainingRows

    Returns
    -------
    (n,), log-odds
        NaN where the model without that patient is not determined. Where each patient has one encounter, these are
        the margins of :func:`leave_one_out_margins`.
    """
    change = np.empty(len(train.x))
    order = np.argsort(train.patients, kind="stable")
    counts = np.bincount(train.patients)
    starts = np.cumsum(counts) - counts
    for size in np.unique(counts[counts > 0]).tolist():
        first = starts[counts == size]
        together = max(1, BLOCK_ROWS // size)
        for at in range(0, len(first), together):
            rows = order[first[at : at + together, None] + np.arange(size)]  # (patients, size)
            change[rows] = _own_changes(train, rows)
    return train.model.as_log_odds(train.margin + change)


@dataclass(frozen=True, repr=False)
class LeaveOneOut:
    """Apparent risks of the training encounters beside those of models that did not learn from them.

    The apparent AUROC is that of a model on what it learned from: too good. Leaving out one encounter at a time still
    leaves the patient's other encounters, so the figure by patient is the honest one.

    Parameters
    ----------
    train : TrainingRows
    """

    train: TrainingRows

    def __repr__(self) -> str:
        return f"LeaveOneOut of {len(self.train.x):,} training encounters; see .auroc_by_patient, .optimism, .risks"

    @cached_property
    def margins(self) -> Vector:
        """Without that encounter, (n,), log-odds, by one Newton step."""
        return leave_one_out_margins(self.train)

    @cached_property
    def margins_by_patient(self) -> Vector:
        """Without all of that patient's encounters, (n,), log-odds, by one Newton step."""
        return leave_one_patient_out_margins(self.train)

    @property
    def risks(self) -> Vector:
        """Without that encounter, (n,), shares of 1."""
        return risk(self.margins)

    @property
    def risks_by_patient(self) -> Vector:
        """Without all of that patient's encounters, (n,), shares of 1."""
        return risk(self.margins_by_patient)

    @cached_property
    def determined(self) -> Flags:
        """Encounters without which, and without whose patient, the model is still determined, (n,)."""
        finite: Flags = np.isfinite(self.margins) & np.isfinite(self.margins_by_patient)
        return finite

    @property
    def auroc_apparent(self) -> float:
        """AUROC of the model on its own training encounters; as the others, over the determined ones."""
        return self._auroc(self.train.log_odds)

    @property
    def auroc(self) -> float:
        """AUROC of the leave-one-encounter-out margins."""
        return self._auroc(self.margins)

    @property
    def auroc_by_patient(self) -> float:
        """AUROC of the leave-one-patient-out margins."""
        return self._auroc(self.margins_by_patient)

    @property
    def optimism(self) -> float:
        """By how much the apparent AUROC exceeds that by patient."""
        return self.auroc_apparent - self.auroc_by_patient

    def beside_refits(self, rows: Rows) -> pd.DataFrame:
        """Return one-step and refitted risks of some training encounters, to see how far the estimates hold.

        Parameters
        ----------
        rows : (k,) int
            Positions among the training rows.

        Returns
        -------
        DataFrame
            Index: position. Risks, shares of 1: apparent, then without the encounter and without the patient, one
            Newton step (estimate) and refitted; NaN where what is left has no finite fit.

        Raises
        ------
        DataError
            They are no positions among the training rows.
        """
        train = self.train
        rows = row_positions(rows, len(train.x))
        groups = [np.flatnonzero(train.patients == train.patients[row]) for row in rows]
        alone = refit_each_or_nan(train, [Change.removal(train, np.array([row])) for row in rows])
        together = refit_each_or_nan(train, [Change.removal(train, group) for group in groups])
        return pd.DataFrame(
            {
                "risk": train.risk[rows],
                "risk_without_estimate": self.risks[rows],
                "risk_without_refit": _own_risks(train, rows, [one.theta for one in alone]),
                "risk_without_patient_estimate": self.risks_by_patient[rows],
                "risk_without_patient_refit": _own_risks(train, rows, [one.theta for one in together]),
            },
            index=pd.Index(rows, name="position"),
        )

    def _auroc(self, margins: Vector) -> float:
        return auroc(self.train.y[self.determined], margins[self.determined])


def _own_risks(train: TrainingRows, rows: Rows, thetas: list[Vector]) -> Vector:
    return risk(
        np.array([train.model.log_odds_of(train.x[row], theta) for row, theta in zip(rows, thetas, strict=True)])
    )


def _half(train: TrainingRows, rows: Rows) -> Matrix:
    """Return the rows times L^-T, (k, p), so that products of its rows are those with H^-1."""
    lower, _ = train.model.cholesky
    half: Matrix = solve_triangular(lower, train.tangent[rows].T, lower=True, check_finite=False).T
    return half


def _own_changes(train: TrainingRows, rows: Rows) -> Matrix:
    """Return the margin changes of patients' own rows (c, k) when each patient is removed, (c, k)."""
    patients, size = rows.shape
    if size >= len(train.model.theta):
        return np.array([_own_change_of_many(train, group) for group in rows])
    half = _half(train, rows.ravel()).reshape(patients, size, -1)
    kernel = half @ half.transpose(0, 2, 1)
    root = np.sqrt(train.curvature[rows])
    inner = np.eye(size) - root[:, :, None] * kernel * root[:, None, :]  # (I - K D) made symmetric
    left = np.linalg.eigvalsh(inner)[:, 0] >= LOST_IN_ROUNDING
    pulled = np.einsum("ckl,cl->ck", kernel, train.residual[rows])
    change = np.full(rows.shape, np.nan)
    back = np.linalg.solve(inner[left], (root * pulled)[left][:, :, None])[:, :, 0]
    change[left] = -(pulled[left] + np.einsum("ckl,cl->ck", kernel[left] * root[left][:, None, :], back))
    return change


def _own_change_of_many(train: TrainingRows, rows: Rows) -> Vector:
    try:
        change: Vector = train.tangent[rows] @ group_newton(train, rows)
    except SingularHessianError:
        return np.full(len(rows), np.nan)
    return change
