"""What is measured of a group before and after a change, and how sure the difference is."""

from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.influence.interval import jackknife_variance
from clinflu.model.logistic import curvature, risk, row_loss
from clinflu.model.metrics import auroc

LABELS = {
    "mean_risk": "Mean risk",
    "o_e": "O:E",
    "log_loss": "Mean loss, nats",
    "auroc": "AUROC",
    "brier": "Brier score",
    "alerts": "Alerts",
}
SMOOTH = ("mean_risk", "o_e", "log_loss", "brier")


@dataclass(frozen=True, slots=True)
class Moved:
    """A measure before and after a change, with the interval of the difference; NaN where there is none."""

    before: float
    after: float
    low: float = np.nan
    high: float = np.nan

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


def measured(y: Vector, margin: Vector, threshold: float) -> dict[str, float]:
    """Return every measure of some encounters: mean risk, share of 1; O:E; loss, nats; AUROC; Brier; alerts, counted.

    NaN where one is not defined.
    """
    p = risk(margin)
    return {
        "mean_risk": float(p.mean()) if len(y) else np.nan,
        "o_e": float(y.sum() / p.sum()) if len(y) else np.nan,
        "log_loss": float(row_loss(margin, y).mean()) if len(y) else np.nan,
        "auroc": auroc(y, margin) if len(y) else np.nan,
        "brier": float(np.square(y - p).mean()) if len(y) else np.nan,
        "alerts": float((p >= threshold).sum()),
    }


def slopes(y: Vector, margin: Vector) -> dict[str, Vector]:
    """Return the derivative of each smooth measure with respect to each margin, (t,)."""
    p = risk(margin)
    s, n = curvature(p), len(y)
    if not n:
        return dict.fromkeys(SMOOTH, np.empty(0))
    return {
        "mean_risk": s / n,
        "o_e": -s * (y.sum() / np.square(p.sum())),
        "log_loss": (p - y) / n,
        "brier": 2.0 * (p - y) * s / n,
    }


def contributions(y: Vector, margin: Vector) -> dict[str, Vector]:
    """Return what each encounter adds to each smooth measure, (t,); O:E to first order around its value."""
    p = risk(margin)
    return {
        "mean_risk": p,
        "o_e": (y - p * (y.sum() / p.sum())) / p.mean(),
        "log_loss": row_loss(margin, y),
        "brier": np.square(y - p),
    }


def variance_of_mean(values: Vector, patients: Rows) -> float:
    r"""Return the variance of a mean over encounters, with patients as the sampling unit; NaN of a single patient.

    .. math:: \frac{C}{C - 1} \sum_c \Big(\sum_{i \in c} (v_i - \bar v) / n\Big)^2

    Parameters
    ----------
    values : (n,)
    patients : (n,) int
        Code of the patient of each, 0 to C - 1.

    References
    ----------
    Liang & Zeger (1986), doi:10.1093/biomet/73.1.13.
    """
    return jackknife_variance((values - values.mean()) / len(values), patients)


def error_of_difference(values: Vector, inside: Flags, patients: Rows) -> float:
    r"""Return the standard error of the mean inside minus the mean outside; NaN where a side is empty.

    Patients are the unit, also where one has encounters on both sides: the terms of :func:`variance_of_mean`, those
    outside with the other sign, are summed by patient before they are squared.

    Parameters
    ----------
    values : (n,)
    inside : (n,) bool
    patients : (n,) int
        Code of the patient of each, 0 to C - 1.
    """
    if not inside.any() or inside.all():
        return np.nan
    moves = np.empty(len(values))
    for side, sign in ((inside, 1.0), (~inside, -1.0)):
        moves[side] = sign * (values[side] - values[side].mean()) / side.sum()
    return float(np.sqrt(jackknife_variance(moves, patients)))
