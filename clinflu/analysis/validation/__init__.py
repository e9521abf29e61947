"""Estimates beside refits, for every model: leave-one-out retraining, solvers, and rivals of influence."""

from clinflu.analysis.validation.estimates import ESTIMATES, INFLUENCE, ONE_STEP, RIVALS
from clinflu.analysis.validation.examples import case_study_problem, digits_problem, study_problem
from clinflu.analysis.validation.leave_one_out import (
    LeaveOneOutAgreement,
    Plan,
    leave_one_out_agreement,
    rivals_table,
    solved_by,
    validation_table,
)
from clinflu.analysis.validation.problem import Labelled, Problem, fit_problem
from clinflu.analysis.validation.retraining import FromScratch, FromTheFit, TrueHinge, true_hinge
from clinflu.analysis.validation.solvers import SolverAgreement, solver_agreement

__all__ = [
    "ESTIMATES",
    "INFLUENCE",
    "ONE_STEP",
    "RIVALS",
    "FromScratch",
    "FromTheFit",
    "Labelled",
    "LeaveOneOutAgreement",
    "Plan",
    "Problem",
    "SolverAgreement",
    "TrueHinge",
    "case_study_problem",
    "digits_problem",
    "fit_problem",
    "leave_one_out_agreement",
    "rivals_table",
    "solved_by",
    "solver_agreement",
    "study_problem",
    "true_hinge",
    "validation_table",
]
