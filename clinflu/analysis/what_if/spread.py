"""How far a change between two models, before and after, would move from one sample of patients to another."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import DesignMatrix, whole
from clinflu.influence.change import Change, rows_after
from clinflu.influence.scores import scores_product
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.logistic import risk


@dataclass(frozen=True, eq=False)
class ChangeSpread:
    r"""Sampling variance of differences between the models before and after a change, by the infinitesimal jackknife.

    Both models answer to the same patients. For a difference :math:`\phi(\theta') - \phi(\theta)` each encounter has

    .. math:: U_i = \nabla\phi(\theta')^\top H'^{-1} w_i' r_i' \tilde x_i'
        - \nabla\phi(\theta)^\top H^{-1} w_i r_i \tilde x_i

    each term at its own model's Hessian, residuals and rows; an encounter that only one of them was fitted to has one
    term. They are summed by patient, centred and squared as in :func:`clinflu.influence.interval.jackknife_variance`.
    The change itself is held fixed: it would be done again to the same patients in every sample.

    Parameters
    ----------
    train : TrainingRows
        The model before.
    change : Change
    after : FittedModel
    added_patients : (m,) int
        Code of the patient of each added row, beyond ``train.patients`` for new patients.

    References
    ----------
    Jaeckel (1972); Efron (1982), chapter 6.
    """

    train: TrainingRows
    change: Change
    after: FittedModel
    added_patients: Rows

    def variance(self, slope_after: Matrix, slope_before: Matrix) -> Vector:
        """Return the variance of differences of functionals with these gradients, (t, p) each: (t,)."""
        after = self.after.solve(np.ascontiguousarray(slope_after.T)).T
        before = self.train.model.solve(np.ascontiguousarray(slope_before.T)).T
        directions = np.hstack([after, after - before])
        variance: Vector = np.einsum("tp,tp->t", directions @ self._covariance, directions)
        return variance.clip(min=0.0)

    @cached_property
    def _covariance(self) -> Matrix:
        """Covariance of what the scores of a patient gained and what they were, (2p, 2p).

        So split, a small change is not lost in rounding. The scores themselves, one row a patient, are not kept.
        """
        if isinstance(self.train.x, DesignMatrix):
            return self._covariance_in_passes()
        tangent = whole(self.train.tangent, "the spread of a change")
        before = self._by_patient(tangent, self.train.residual, self.train.patients)
        gained = self._scores_after() - before
        scores = [part - part.mean(axis=0) for part in (gained, before)]
        covariance: Matrix = _unbiased(self._patients) * np.block([[a.T @ b for b in scores] for a in scores])
        return covariance

    def _covariance_in_passes(self) -> Matrix:
        """Return the same of a logistic model, by sums over rows: rows with new values stand below the others."""
        train, change = self.train, self.change
        x, y, weights = rows_after(train, change)
        edited = [] if change.x is None else [train.patients[change.rows]]
        patients = np.concatenate([train.patients, *edited, self.added_patients])
        before = np.append(train.residual, np.zeros(len(y) - len(train.y)))
        gained = weights * (y - risk(x @ self.after.theta)) - before
        pairs = ((gained, gained), (gained, before), (before, before))
        own, cross, was = (scores_product(x, *pair, patients, self._patients) for pair in pairs)
        return _unbiased(self._patients) * np.block([[own, cross], [cross.T, was]])

    def _scores_after(self) -> Matrix:
        train, change = self.train, self.change
        y, weights = train.y.copy(), train.weights.copy()
        y[change.rows], weights[change.rows] = change.y, change.weights if change.x is None else 0.0
        scores = self._by_patient(*self._pulls(whole(train.x, "the spread of a change"), y, weights), train.patients)
        if change.x is not None:
            scores += self._by_patient(*self._pulls(change.x, change.y, change.weights), train.patients[change.rows])
        if change.added is not None:
            added = change.added
            scores += self._by_patient(*self._pulls(added.x, added.y, added.weights), self.added_patients)
        return scores

    def _pulls(self, x: Matrix, y: Vector, weights: Vector) -> tuple[Matrix, Vector]:
        """Return the tangent (n, d) and the residual (n,) of rows at the model after the change."""
        family, theta = self.after.of_margin, self.after.theta
        return family.tangent(theta, x), -weights * family.slope(family.margin(theta, x), y)

    def _by_patient(self, x: Matrix, residual: Vector, patients: Rows) -> Matrix:
        """Return the sum of residual times x of each patient, (C, p)."""
        places = (patients, np.arange(len(x)))
        scores: Matrix = csr_matrix((residual, places), shape=(self._patients, len(x))) @ x
        return scores

    @cached_property
    def _patients(self) -> int:
        return int(max(self.train.patients.max(), self.added_patients.max(initial=0))) + 1


def _unbiased(patients: int) -> float:
    return patients / (patients - 1) if patients > 1 else np.nan
