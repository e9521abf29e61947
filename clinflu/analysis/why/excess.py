"""How much worse a group is predicted than all others, and what of it is wrong on the whole and what is hard."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from clinflu.analysis.why.measures import error_of_difference
from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Rows, Vector
from clinflu.influence.removal import sum_by_patient
from clinflu.model.logistic import row_loss
from clinflu.model.metrics import calibration_intercept
from clinflu.study import Study


@dataclass(frozen=True, slots=True)
class Excess:
    """The mean loss of a group beside that of all others, nats.

    Parameters
    ----------
    group, rest : float
        Mean losses.
    level : float
        What of the difference comes from risks that are too high or too low on the whole: what one number added to all
        log-odds of the group would win on these encounters, minus the same for all others.
    difficulty : float
        What remains with both sides so shifted: patients nearer to a coin toss, or less well told apart.
    o_e : float
        Events of the group over its expected ones.
    p_level, p_total : float
        Two-sided p of O = E in the group, by a robust score test, and of equal mean losses; patients as the unit.
    """

    group: float
    rest: float
    level: float
    difficulty: float
    o_e: float
    p_level: float
    p_total: float

    @property
    def total(self) -> float:
        """Mean loss of the group minus that of all others; ``level`` and ``difficulty`` add up to it."""
        return self.group - self.rest


def excess(sides: Sides) -> Excess:
    """Return how much worse a group is predicted than all others."""
    study = sides.study
    group, rest = _loss(study, sides.group), _loss(study, sides.rest)
    shifted, shifted_rest = _shifted_loss(study, sides.group), _shifted_loss(study, sides.rest)
    y, p = study.design.y[sides.group], study.risks[sides.group]
    return Excess(
        group=group,
        rest=rest,
        level=(group - shifted) - (rest - shifted_rest),
        difficulty=shifted - shifted_rest,
        o_e=float(y.sum() / p.sum()),
        p_level=p_of_level(y - p, study.patients_of(sides.group)),
        p_total=_p_of_total(sides, group - rest),
    )


def _loss(study: Study, rows: Rows, shift: float = 0.0) -> float:
    return float(row_loss(study.margins[rows] + shift, study.design.y[rows]).mean())


def _shifted_loss(study: Study, rows: Rows) -> float:
    """Return the mean loss at the best shift of all log-odds; 0 where all outcomes are the same."""
    shift = calibration_intercept(study.design.y[rows], study.margins[rows], np.ones(len(rows)))
    return 0.0 if np.isnan(shift) else _loss(study, rows, shift)


def p_of_level(surprise: Vector, patients: Rows) -> float:
    r"""Return the two-sided p of a mean surprise of 0, by the normal law.

    .. math:: z = \sum_c T_c \Big/ \sqrt{\sum_c T_c^2}, \quad T_c = \sum_{i \in c} (y_i - p_i)

    Parameters
    ----------
    surprise : (n,)
        Outcome minus risk.
    patients : (n,) int
        Code of the patient of each.
    """
    by_patient = sum_by_patient(surprise, patients)
    return float(2.0 * ndtr(-abs(float(by_patient.sum())) / np.sqrt(np.square(by_patient).sum())))


def _p_of_total(sides: Sides, difference: float) -> float:
    study, rows = sides.study, np.concatenate([sides.group, sides.rest])
    loss = row_loss(study.margins[rows], study.design.y[rows])
    error = error_of_difference(loss, np.arange(len(rows)) < len(sides.group), study.patients_of(rows))
    return float(2.0 * ndtr(-abs(difference) / error))
