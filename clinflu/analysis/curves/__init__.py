"""The whole model in curves: discrimination, calibration, worth of decisions, and the choice of a threshold."""

from clinflu.analysis.curves.calibration import (
    CalibrationBands,
    CalibrationCurve,
    CalibrationSummary,
    calibration_bands,
    calibration_curve,
    calibration_summary,
)
from clinflu.analysis.curves.cuts import Cuts, risk_cuts, shared_cuts
from clinflu.analysis.curves.decision import DecisionCurve, decision_curve
from clinflu.analysis.curves.intervals import Difference, Estimate
from clinflu.analysis.curves.recalibration import Recalibration
from clinflu.analysis.curves.roc import Roc, auroc_difference, roc
from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.analysis.curves.thresholds import ThresholdRow, ThresholdTable, threshold_table

__all__ = [
    "CalibrationBands",
    "CalibrationCurve",
    "CalibrationSummary",
    "Cuts",
    "DecisionCurve",
    "Difference",
    "Estimate",
    "Predictor",
    "Recalibration",
    "Roc",
    "Sample",
    "ThresholdRow",
    "ThresholdTable",
    "auroc_difference",
    "calibration_bands",
    "calibration_curve",
    "calibration_summary",
    "decision_curve",
    "risk_cuts",
    "roc",
    "shared_cuts",
    "threshold_table",
]
