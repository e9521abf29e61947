"""Analyses: a study in, a frozen result out."""

from collections.abc import Callable
from typing import Any

from clinflu.analysis.coefficients import coefficients
from clinflu.analysis.discrimination import discrimination
from clinflu.analysis.metric_intervals import odds_ratio_intervals, subgroup_metrics
from clinflu.analysis.mistakes import mistakes
from clinflu.analysis.slices import weak_subgroups
from clinflu.analysis.subgroups import subgroups
from clinflu.analysis.support_calibration import support_calibration
from clinflu.analysis.training_diagnostics import training_diagnostics
from clinflu.study import Study

ANALYSES: dict[str, Callable[[Study], Any]] = {
    "coefficients": coefficients,
    "discrimination": discrimination,
    "mistakes": mistakes,
    "odds_ratio_intervals": odds_ratio_intervals,
    "subgroup_metrics": subgroup_metrics,
    "subgroups": subgroups,
    "support_calibration": support_calibration,
    "training_diagnostics": training_diagnostics,
    "weak_subgroups": weak_subgroups,
}

__all__ = ["ANALYSES"]
