"""Where influence leads next: whole groups and shifts, training by SGD, influence as a price, and privacy."""

from clinflu.analysis.outlook.fragility import largest_changes
from clinflu.analysis.outlook.membership import Membership, membership
from clinflu.analysis.outlook.penalty import FitRows, PenalisedFit, Price, fit_penalised
from clinflu.analysis.outlook.penalty_path import Judged, PenaltyPath, penalty_path, study_penalty_path
from clinflu.analysis.outlook.sgd import SgdPlan, SgdRun
from clinflu.analysis.outlook.sgd_comparison import Query, SgdComparison, compare_runs, optimum_of, sgd_comparison
from clinflu.analysis.outlook.shift_result import ShiftEffects
from clinflu.analysis.outlook.shifts import mix_of, shift_effects

__all__ = [
    "FitRows",
    "Judged",
    "Membership",
    "PenalisedFit",
    "PenaltyPath",
    "Price",
    "Query",
    "SgdComparison",
    "SgdPlan",
    "SgdRun",
    "ShiftEffects",
    "compare_runs",
    "fit_penalised",
    "largest_changes",
    "membership",
    "mix_of",
    "optimum_of",
    "penalty_path",
    "sgd_comparison",
    "shift_effects",
    "study_penalty_path",
]
