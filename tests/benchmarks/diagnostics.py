"""Leave-one-out and diagnostics of every training row: what they cost, and how near to refits they are."""

import numpy as np
from problems import SEED, Problem, random_rows
from rounds import take_turns, timed
from rows import Row, below

from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.leave_one_out import LeaveOneOut
from clinflu.influence.training import TrainingRows

CHECKED = 100
FEW_SECONDS = 5.0


def diagnostics_rows(problem: Problem) -> list[Row]:
    """Time leave-one-out and diagnostics of all rows, each from a fit of which nothing else is known yet."""
    times = take_turns(
        {
            "leave-one-out": timed(lambda: LeaveOneOut(_anew(problem)).margins),
            "leave-one-patient-out": timed(lambda: LeaveOneOut(_anew(problem)).margins_by_patient),
            "Cook's distance": timed(lambda: Diagnostics(_anew(problem)).cooks_distance),
            "largest dfbetas": timed(lambda: Diagnostics(_anew(problem)).max_abs_dfbetas),
        }
    )
    name = f"{problem.title}, all {len(problem.x):,} rows"
    rows = [Row(f"{label}, {name}", times.median(label), "s", below(FEW_SECONDS)) for label in times.seconds]
    return rows + _auroc_rows(problem) + _agreement_rows(problem)


def _anew(problem: Problem) -> TrainingRows:
    train = problem.train
    return TrainingRows(train.model, train.x, train.y, train.weights, train.patients)


def _auroc_rows(problem: Problem) -> list[Row]:
    left_out = LeaveOneOut(problem.train)
    figures = {
        "apparent": left_out.auroc_apparent,
        "without the encounter": left_out.auroc,
        "without the patient": left_out.auroc_by_patient,
    }
    return [Row(f"AUROC of the training rows, {problem.title}: {k}", v, "AUROC") for k, v in figures.items()]


def _agreement_rows(problem: Problem) -> list[Row]:
    shown = LeaveOneOut(problem.train).beside_refits(np.sort(random_rows(len(problem.x), CHECKED)))
    rows = []
    for name in ("risk_without", "risk_without_patient"):
        truth = shown[f"{name}_refit"]
        errors = (shown[f"{name}_estimate"] - truth).abs() / (truth - shown["risk"]).abs()
        label = f"{name} against {CHECKED} refits, seed {SEED}, {problem.title}"
        rows.append(Row(f"{label}: median error of the change", float(errors.median()), "relative"))
        rows.append(Row(f"{label}: largest error of the change", float(errors.max()), "relative"))
    return rows
