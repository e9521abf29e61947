"""A patient's prediction explained by two models: the study's logistic regression, and a kernel machine beside it."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.explanations.explain import explain
from clinflu.analysis.explanations.result import Explanations
from clinflu.analysis.explanations.taught import Taught
from clinflu.data.arrays import Matrix
from clinflu.data.matrix import whole
from clinflu.model.logistic import LOGISTIC
from clinflu.model.rbf import KernelMap, fit_kernel_machine, median_gamma
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.study import Study

LOGISTIC_NAME, MACHINE_NAME = "logistic regression", "RBF machine"


@dataclass(frozen=True)
class PatientPlan:
    """The kernel machine that stands beside a study's model.

    Parameters
    ----------
    penalty : float
        On the summed loss.
    temperature : float
        Of the smooth hinge.
    narrower : float
        What the kernel's gamma is multiplied by, from that of the median distance.
    landmarks : int
        At most so many training encounters carry the kernel; as many as there are makes it exact.
    strongest : int
        How many helpful and how many harmful encounters are refitted without, for each model.
    seed : int
        Of the landmarks.
    """

    penalty: float = 1.0
    temperature: float = 0.1
    narrower: float = 1.0
    landmarks: int = 500
    strongest: int = 5
    seed: int = 0


DEFAULT_PATIENT_PLAN = PatientPlan()


def patient_models(study: Study, plan: PatientPlan = DEFAULT_PATIENT_PLAN) -> tuple[Taught, Taught]:
    """Return the study's model and a kernel machine, both taught by its training encounters as they are encoded.

    Raises
    ------
    DataError
        The study's model is of another family.
    TrustError
        The study's fit means nothing.
    FitError
    """
    study.require_logistic("a logistic regression beside a kernel machine")
    study.require_trust()
    train, free = study.train, study.design.has_intercept
    rows = encoded(study, whole(train.x, "an explanation by two models"))
    logistic = Taught(LOGISTIC_NAME, LOGISTIC, study.model, rows, train.y, train.weights, has_intercept=free)
    gamma = plan.narrower * median_gamma(rows, plan.seed)
    columns = KernelMap.learn(rows, gamma, plan.landmarks, plan.seed)
    made = fit_kernel_machine(columns, rows, train.y, train.weights, SmoothHinge(plan.temperature), plan.penalty)
    return logistic, Taught(MACHINE_NAME, made.family, made.fit, rows, train.y, train.weights, columns)


def explain_patient(
    study: Study,
    encounter_id: str,
    models: tuple[Taught, ...] | None = None,
    plan: PatientPlan = DEFAULT_PATIENT_PLAN,
) -> Explanations:
    """Explain one encounter's prediction by the training encounters of both models.

    Where the outcome is rare, a hinge calls almost everybody free of it: compare where influence comes from, not
    whether the prediction is right.

    Parameters
    ----------
    study : Study
    encounter_id : str
    models : tuple of Taught, optional
        From :func:`patient_models`, to fit them once for several patients.
    plan : PatientPlan

    Raises
    ------
    DataError
        No such encounter, or the study's model is of another family.
    TrustError, FitError
    """
    number = study.row(encounter_id)
    taught = patient_models(study, plan) if models is None else models
    row, y = encoded(study, study.design.x[[number]])[0], float(study.design.y[number])
    explained = tuple(explain(model, row, y, plan.strongest) for model in taught)
    truth = "event" if y else "no event"
    return Explanations(
        subject=f"an audited encounter with {truth}",
        row=number,
        truth=truth,
        distance_unit="standardised columns",
        train_ids=study.train_ids,
        models=explained,
        simulated=study.cohort.provenance.simulated,
    )


def encoded(study: Study, x: Matrix) -> Matrix:
    """Return rows of the design without the intercept, (n, d)."""
    return np.ascontiguousarray(x[:, int(study.design.has_intercept) :])
