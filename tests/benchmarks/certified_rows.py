"""What poison can do at worst, by certificate and by attack, on digits and on patients."""

import time

import numpy as np
from rows import Row, at_most, below

from clinflu.analysis.certified import (
    HINGE,
    LOGISTIC_LOSS,
    BoundAtShare,
    BoundPlan,
    CertifiedCurve,
    HingeLoss,
    Target,
    certified_curve,
)
from clinflu.data.digits import Digits
from clinflu.study import Study

PAIRS = ((1, 7), (4, 9))
AT = 0.03
MOST_LOOSE = 2.0
MOST_SECONDS = 300.0
ON_DIGITS = BoundPlan(1.0, 0.9)
PATIENTS = 20_000
ROUNDING = 1e-12
ROUGH = 0.005  # of the corner, for the fits of the learner; the bound is of the hinge itself


def digit_rows(plan: BoundPlan = ON_DIGITS) -> list[Row]:
    """Bound and attack both losses on 1 against 7 and 4 against 9."""
    rows: list[Row] = []
    for pair in PAIRS:
        for loss in (HINGE, LOGISTIC_LOSS):
            curve = certified_curve(Target.of_digits(Digits.load(*pair)), loss, plan)
            rows += [*_held_rows(curve), _loose_row(curve), *_value_rows(curve)]
    return rows


def patient_rows(study: Study, most: int = PATIENTS, plan: BoundPlan | None = None) -> list[Row]:
    """Bound and attack both losses on training encounters of a study, in the ball that its own model lies in."""
    begun = time.perf_counter()
    radius = float(np.linalg.norm(study.model.theta))
    how = plan or patient_plan(radius)
    target = Target.of_study(study, most=most)
    rows: list[Row] = []
    for loss in (LOGISTIC_LOSS, HingeLoss(ROUGH)):
        curve = certified_curve(target, loss, how)
        rows += [*_held_rows(curve), *_value_rows(curve)]
    seconds = time.perf_counter() - begun
    return [*rows, Row(f"certified, {target.name}: both losses", seconds, "s", below(MOST_SECONDS))]


def patient_plan(radius: float) -> BoundPlan:
    """Return what is computed on patients: one run a share, and the attack that needs no refits on its way."""
    return BoundPlan(radius, 0.9, steps=150, step_sizes=(1.0,), rivals=("labels flipped",))


def _held_rows(curve: CertifiedCurve) -> list[Row]:
    """Report by how much the strongest attack lies above its bound at worst; without poison they are the same."""
    above = max(one.strongest[1].clean_loss - one.bound for one in curve.points)
    return [Row(f"{_title(curve)}: most that an attack lies above its bound", above, "loss", at_most(ROUNDING))]


def _loose_row(curve: CertifiedCurve) -> Row:
    name = f"{_title(curve)}: bound over strongest attack at {AT:.0%}"
    return Row(name, curve.at(AT).looseness, "times", at_most(MOST_LOOSE))


def _value_rows(curve: CertifiedCurve) -> list[Row]:
    rows: list[Row] = []
    for point in (curve.points[0], curve.at(AT), curve.points[-1]):
        rows += [Row(f"{_title(curve)}: {what} at {point.share:.0%}", value, unit) for what, value, unit in _of(point)]
    return rows


def _of(point: BoundAtShare) -> tuple[tuple[str, float, str], ...]:
    strongest = point.strongest[1]
    return (
        ("bound", point.bound, "loss"),
        ("attack of the bound", point.attack.clean_loss, "loss"),
        ("strongest attack", strongest.clean_loss, "loss"),
        ("test loss under it", strongest.test_loss, "loss"),
        ("test error under it", 100.0 * strongest.test_error, "%"),
    )


def _title(curve: CertifiedCurve) -> str:
    return f"certified, {curve.game.target.name}, {curve.game.loss.name}"
