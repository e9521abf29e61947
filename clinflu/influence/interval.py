"""Uncertainty of a prediction and how many patients it rests on."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from clinflu.data.arrays import Rows, Vector
from clinflu.influence.removal import removal_effect, sum_by_patient
from clinflu.influence.training import TrainingRows


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
    return float(count / (count - 1) * np.square(by_patient - by_patient.mean()).sum())


def risk_interval(train: TrainingRows, x_audited: Vector, level: float = 0.95) -> Interval:
    """Return the interval of an audited risk by the infinitesimal jackknife by patient, on the log-odds scale.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    level : float
        Coverage aimed at.
    """
    margin = float(x_audited @ train.model.theta)
    spread = np.sqrt(jackknife_variance(-removal_effect(train, x_audited), train.patients))
    reach = float(ndtri(0.5 + level / 2)) * spread
    method = "infinitesimal jackknife by patient, log-odds scale"
    if train.model.is_penalised:
        method += "; penalised fit: sampling error only, shrinkage not included"
    return Interval(float(expit(margin - reach)), float(expit(margin + reach)), level, method)


def concentration(margin_change: Vector, patients: Rows) -> float:
    r"""Return how many patients carry a prediction: half of the squared influence comes from about that many.

    .. math:: \Big(\sum_c I_c^2\Big)^2 \Big/ \sum_c I_c^4

    with I_c the margin changes of a patient's encounters, summed; 0 where nobody has any influence.
    """
    squared = np.square(sum_by_patient(margin_change, patients))
    fourth = float(np.square(squared).sum())
    return float(squared.sum()) ** 2 / fourth if fourth else 0.0
