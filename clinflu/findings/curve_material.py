"""Curves of the model and of the scores beside it, read only where enough of both outcomes lie between the points."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.curves import (
    CalibrationBands,
    CalibrationCurve,
    DecisionCurve,
    Difference,
    Predictor,
    Recalibration,
    Roc,
    Sample,
    ThresholdTable,
    auroc_difference,
    calibration_bands,
    calibration_curve,
    decision_curve,
    risk_cuts,
    roc,
    shared_cuts,
    threshold_table,
)
from clinflu.analysis.curves.decision import DEFAULT_THRESHOLDS
from clinflu.data.arrays import Vector
from clinflu.errors import ClinfluError
from clinflu.study import Study

SHARED_VALUES = 0.1


@dataclass(frozen=True, eq=False)
class CurveMaterial:
    """Everything that the sections on performance and calibration draw on.

    Parameters
    ----------
    rocs : tuple of Roc
        The model first.
    gaps : tuple of Difference
        The model's AUROC minus that of each score.
    bands : CalibrationBands
    smoothed : CalibrationCurve, optional
        None where it cannot be fitted.
    decision : DecisionCurve
    worth : str
        What the model is worth at the alert threshold, in words; empty where that may not be shown.
    thresholds : ThresholdTable
    left_out : tuple of str
        Scores that are not known for every audited encounter, or tell nobody apart in training.
    """

    rocs: tuple[Roc, ...]
    gaps: tuple[Difference, ...]
    bands: CalibrationBands
    smoothed: CalibrationCurve | None
    decision: DecisionCurve
    worth: str
    thresholds: ThresholdTable
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Score:
    points: Predictor
    risks: Predictor
    cuts: Vector
    risk_cuts: Vector


def curve_material(study: Study, threshold: float, *, for_export: bool = False) -> CurveMaterial:
    """Return the curves on the audited encounters.

    In an export the decision curves stand only at thresholds between which more than a few lie, and a score that
    follows from one recorded variable is left out: its cuts would be cuts of that variable.

    Raises
    ------
    DataError
        Only one outcome occurs among them.
    """
    rows = study.split.audited
    sample, model = Sample.of(study, rows), Predictor.of_model(study, rows)
    cuts = risk_cuts(sample.y, model.values, through=(threshold,)).values
    scores, left_out = _scores(study, sample, for_export=for_export)
    shown = [cuts, *(one.risk_cuts for one in scores)]
    values = [model.values, *(one.risks.values for one in scores)]
    candidates = np.union1d(DEFAULT_THRESHOLDS, threshold)
    if for_export:
        candidates = shared_cuts(sample.y, values, DEFAULT_THRESHOLDS, through=(threshold,), shown=shown).values
    rocs = (roc(sample, model, cuts), *(roc(sample, one.points, one.cuts) for one in scores))
    return CurveMaterial(
        rocs=rocs,
        gaps=tuple(auroc_difference(sample, model, one.points) for one in scores),
        bands=calibration_bands(sample, model, cuts),
        smoothed=_smoothed(sample, model),
        decision=decision_curve(sample, model, [one.risks for one in scores], candidates),
        worth=_worth(sample, model, threshold) if threshold in cuts else "",
        thresholds=threshold_table(sample, model, cuts),
        left_out=left_out,
    )


def _worth(sample: Sample, model: Predictor, threshold: float) -> str:
    return decision_curve(sample, model, (), np.array([threshold])).in_words(threshold)


def _scores(study: Study, sample: Sample, *, for_export: bool) -> tuple[list[_Score], tuple[str, ...]]:
    rows, found, left_out = study.split.audited, [], []
    for spec in study.cohort.schema.baselines:
        points = Predictor.of_baseline(study, spec, rows)
        if for_export and _follows(study, spec.name):
            left_out.append(spec.label)
            continue
        try:
            recalibrated = Recalibration.of_baseline(study, spec)
            cuts = risk_cuts(sample.y, points.values, digits=0).values
        except ClinfluError:
            left_out.append(spec.label)
            continue
        found.append(_Score(points, recalibrated.apply(points), cuts, recalibrated.cuts(cuts)))
    return found, tuple(left_out)


def _follows(study: Study, score: str) -> bool:
    """Return whether one recorded variable, of which many encounters share each value, says what the score is."""
    frame = study.cohort.frame
    by_value = (frame.groupby(spec.name, dropna=False, observed=True)[score] for spec in study.cohort.schema.features)
    return any(one.ngroups <= SHARED_VALUES * len(frame) and one.nunique(dropna=False).max() == 1 for one in by_value)


def _smoothed(sample: Sample, model: Predictor) -> CalibrationCurve | None:
    if sample.withheld:
        return None
    try:
        found = calibration_curve(sample, model)
    except ClinfluError:
        return None
    return found if np.isfinite(found.observed).all() else None
