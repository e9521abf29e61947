"""Uncertainty of a prediction and how many patients it rests on."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import expit, ndtri

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import DesignMatrix
from clinflu.data.matrix.passes import Parts, added_up
from clinflu.errors import DataError
from clinflu.influence.removal import removal_effect, sum_by_patient
from clinflu.influence.scores import scores_product, sums_by_patient, whole_patients
from clinflu.influence.training import TrainingRows
from clinflu.progress import Progress, silent

BLOCK_VALUES = 4_000_000  # effects held at once: 32 MB

WIDER = "the wider of infinitesimal jackknife by patient and model-based, log-odds scale"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; of a penalised fit it describes sampling alone, not the shrinkage."""

    low: float
    high: float
    level: float
    method: str


def jackknife_variance(per_encounter: Vector, patients: Rows) -> float:
    r"""Return the infinitesimal-jackknife variance of a functional, with patients as the sampling unit.

    .. math:: \frac{C}{C - 1} \sum_c (U_c - \bar U)^2, \quad U_c = \sum_{i \in c} U_i

    Parameters
    ----------
    per_encounter : (n,)
        U_i = grad phi' H^-1 w_i r_i x_i.
    patients : (n,) int

    References
    ----------
    Jaeckel (1972); Efron (1982), chapter 6.
    """
    by_patient = sum_by_patient(per_encounter, patients)
    count = len(by_patient)
    if count < 2:
        return np.nan
    return float(count / (count - 1) * np.square(by_patient - by_patient.mean()).sum())


def jackknife_covariance(train: TrainingRows) -> Matrix:
    r"""Return the infinitesimal-jackknife covariance of theta, (p, p), with patients as the sampling unit.

    .. math:: H^{-1} \Big( \frac{C}{C - 1} \sum_c (g_c - \bar g)(g_c - \bar g)^\top \Big) H^{-1},
        \quad g_c = \sum_{i \in c} w_i r_i \tilde x_i

    For any functional of theta with gradient v, v' times it times v is :func:`jackknife_variance`. Without a penalty
    it is the cluster-robust sandwich with the factor C / (C - 1).

    References
    ----------
    Jaeckel (1972); Liang & Zeger (1986), doi:10.1093/biomet/73.1.13.
    """
    count = int(train.patients.max()) + 1
    scores = scores_product(train.tangent, train.residual, train.residual, train.patients, count)
    covariance: Matrix = train.model.solve(train.model.solve(scores).T) * (count / (count - 1))
    return covariance


def model_covariance(train: TrainingRows) -> Matrix:
    r"""Return the sampling covariance of theta if the model is right, (p, p): H^-1 (X' diag(w^2 s) X) H^-1.

    At penalty 0 and weights of 1 it is the inverse information. Weights are those of a loss, not counts of patients.
    """
    return train.model.solve(train.model.solve(train.information).T)


def standard_errors(covariance: Matrix, gradients: Matrix) -> Vector:
    """Return the standard error of each of several functionals of theta, (m,), from their gradients (m, p)."""
    errors: Vector = np.sqrt(np.einsum("mp,mp->m", gradients @ covariance, gradients).clip(min=0.0))
    return errors


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """How far theta would move from one sample of patients to another, by both ways to tell.

    The jackknife holds where encounters of a patient resemble each other and where the model is not exactly right, but
    it knows no more than the outcomes that occurred: of a rare level without an event it says next to nothing (in
    simulations its 95 % intervals then covered 0 %, those of the model 97 %). So the wider of the two is given.

    Parameters
    ----------
    jackknife, model : (p, p)
        :func:`jackknife_covariance` and :func:`model_covariance`.
    """

    jackknife: Matrix
    model: Matrix

    @classmethod
    def of(cls, train: TrainingRows) -> Self:
        """Return both of a fit."""
        return cls(jackknife_covariance(train), model_covariance(train))

    def standard_errors(self, gradients: Matrix) -> Vector:
        """Return the standard error of each of several functionals, (m,), from their gradients (m, p)."""
        return np.maximum(standard_errors(self.jackknife, gradients), standard_errors(self.model, gradients))


def margin_standard_error(train: TrainingRows, x_audited: Vector, effect: Vector | None = None) -> float:
    """Return that of one audited margin, log-odds, as :class:`Sampling` does, at the cost of one product with X.

    ``effect`` is :func:`clinflu.influence.removal.removal_effect` on it, where that is known already.
    """
    direction = train.model.solve(train.model.direction(x_audited))
    by_model = float(direction @ train.information @ direction)
    effect = removal_effect(train, x_audited) if effect is None else effect
    return float(np.sqrt(np.fmax(by_model, jackknife_variance(effect, train.patients))))


def risk_interval(
    train: TrainingRows, x_audited: Vector, level: float = 0.95, effect: Vector | None = None
) -> Interval:
    """Return the interval of an audited risk, on the log-odds scale; see :class:`Sampling`.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    level : float
        Coverage aimed at.
    effect : (n,), optional
        First-order effect of each training encounter on it, where that is known already.

    Raises
    ------
    DataError
        That is no level.
    """
    if not 0 < level < 1:
        raise DataError("the level of an interval lies between 0 and 1; 0.95 is usual")
    margin = train.model.log_odds_of(x_audited)
    reach = float(ndtri(0.5 + level / 2)) * margin_standard_error(train, x_audited, effect)
    method = WIDER
    if train.model.is_penalised:
        method += "; penalised fit: sampling error only, shrinkage not included"
    return Interval(float(expit(margin - reach)), float(expit(margin + reach)), level, method)


def concentration(margin_change: Vector, patients: Rows) -> float:
    r"""Return the effective number of patients that carry a prediction: as many as equal ones would be.

    .. math:: \Big(\sum_c I_c^2\Big)^2 \Big/ \sum_c I_c^4

    with I_c the margin changes of a patient's encounters, summed; 0 where nobody has any influence.
    """
    squared = np.square(sum_by_patient(margin_change, patients))
    fourth = float(np.square(squared).sum())
    return float(squared.sum()) ** 2 / fourth if fourth else 0.0


def patients_of_half(margin_change: Vector, patients: Rows) -> int:
    """Return the fewest patients from whom half of the squared influence on a prediction comes; 0 where it has none."""
    squared = np.sort(np.square(sum_by_patient(margin_change, patients)))[::-1]
    total = float(squared.sum())
    return int(np.searchsorted(np.cumsum(squared), total / 2)) + 1 if total else 0


def concentrations(train: TrainingRows, x_audited: Matrix, progress: Progress = silent) -> Vector:
    """Return :func:`concentration` of the leverage-corrected effects on each of many audited rows (t, p): (t,).

    In blocks of audited rows; the table of (audited x patients) is never there.
    """
    if isinstance(train.tangent, DesignMatrix):
        return _concentrations_in_passes(train, train.tangent, x_audited, progress)
    lower, _ = train.model.cholesky
    pull = train.residual / (1.0 - train.leverage)
    sums = sums_by_patient(train.tangent, pull, train.patients, int(train.patients.max()) + 1)
    by_patient = solve_triangular(lower, sums.T, lower=True, check_finite=False)
    found = np.zeros(len(x_audited))
    rows = max(1, BLOCK_VALUES // len(sums))
    for start in range(0, len(x_audited), rows):
        progress(start, len(x_audited))
        block = slice(start, start + rows)
        squared = (
            solve_triangular(lower, train.model.directions(x_audited[block]).T, lower=True, check_finite=False).T
            @ by_patient
        )
        np.square(squared, out=squared)
        fourth = np.einsum("tc,tc->t", squared, squared)
        np.divide(np.square(squared.sum(axis=1)), fourth, out=found[block], where=fourth > 0)
    progress(len(x_audited), len(x_audited))
    return found


def _concentrations_in_passes(train: TrainingRows, x: DesignMatrix, x_audited: Matrix, progress: Progress) -> Vector:
    """Return them in one pass over the rows, and the rows of patients who have several once more."""
    progress(0, len(x_audited))
    directions = train.model.solve(np.ascontiguousarray(train.model.directions(x_audited).T))
    pull = train.residual / (1.0 - train.leverage)
    several = np.bincount(train.patients)[train.patients] > 1
    squares, fourths = x.sums(_powers, np.where(several, 0.0, pull), fixed=(directions,))

    def powers_of(rows: Rows, dense: Matrix) -> Parts:
        _, codes = np.unique(train.patients[rows], return_inverse=True)
        squared = np.square(sums_by_patient(dense @ directions, pull[rows], codes, int(codes.max()) + 1))
        return squared.sum(axis=0), np.square(squared).sum(axis=0)

    if powers := x.of_groups(powers_of, whole_patients(np.flatnonzero(several), train.patients)):
        squares, fourths = map(np.add, (squares, fourths), added_up(powers))
    progress(len(x_audited), len(x_audited))
    return np.divide(np.square(squares), fourths, out=np.zeros(len(x_audited)), where=fourths > 0)


def _powers(x: Matrix, pull: Vector, directions: Matrix) -> tuple[Vector, Vector]:
    """Return the sums over rows of the second and the fourth power of their effect along each direction."""
    squared = np.square((x @ directions) * pull[:, None])
    return squared.sum(axis=0), np.square(squared).sum(axis=0)
