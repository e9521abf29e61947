"""Certified bounds on what poisoned training rows can do to a linear classifier behind an outlier filter."""

from clinflu.analysis.certified.curve import (
    BoundAtShare,
    CertifiedCurve,
    certified_curve,
    curves_frame,
)
from clinflu.analysis.certified.defence import SphereSlab
from clinflu.analysis.certified.game import Damage, Game
from clinflu.analysis.certified.learner import BallFit, WeightedRows, fit_in_ball
from clinflu.analysis.certified.losses import HINGE, LOGISTIC_LOSS, HingeLoss, LogisticLoss, MarginLoss
from clinflu.analysis.certified.online import OnlineRun, run_online
from clinflu.analysis.certified.plan import SHARES, BoundPlan
from clinflu.analysis.certified.rivals import RIVALS
from clinflu.analysis.certified.target import Target

__all__ = [
    "HINGE",
    "LOGISTIC_LOSS",
    "RIVALS",
    "SHARES",
    "BallFit",
    "BoundAtShare",
    "BoundPlan",
    "CertifiedCurve",
    "Damage",
    "Game",
    "HingeLoss",
    "LogisticLoss",
    "MarginLoss",
    "OnlineRun",
    "SphereSlab",
    "Target",
    "WeightedRows",
    "certified_curve",
    "curves_frame",
    "fit_in_ball",
    "run_online",
]
