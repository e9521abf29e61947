"""What is measured of a subgroup: each figure from sums over its encounters, and what it cannot do without."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.model.logistic import curvature, risk

Sums = Mapping[str, Vector]
Need = Literal["patients", "events", "others", "both", "alerts", "quiet"]
Scale = Literal["share", "positive", "difference"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a subgroup.

    Parameters
    ----------
    label : str
    unit : str
        ``"share"``, ``"ratio"``, ``"log-odds"``, ``"slope"`` or ``"score"``.
    of : callable
        From sums over encounters, each an array (B,) with one entry a bootstrap replicate, to the figure, (B,).
    need : str
        What there must be enough of: patients, events, encounters without the event, both of these, alerts, or
        encounters without an alert.
    scale : str
        On which scale its interval is symmetric: log-odds for a share, log for a positive number.
    count : tuple of str
        Of a proportion the sums above and below the line, from which Wilson's interval comes; else empty.
    rests_on : str
        Whose patients its error comes from, as in ``need``; how many there are says how well the error is known.
    """

    label: str
    unit: str
    of: Callable[[Sums], Vector]
    need: Need = "both"
    scale: Scale = "difference"
    count: tuple[str, str] | tuple[()] = ()
    rests_on: Need = "patients"

    @property
    def is_proportion(self) -> bool:
        """Whether it is a share of a count."""
        return bool(self.count)


def _ratio(above: str, below: str) -> Callable[[Sums], Vector]:
    def of(sums: Sums) -> Vector:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(sums[above] / sums[below])

    return of


def _proportion(label: str, above: str, below: str, need: Need) -> Measure:
    rests_on: Need = "patients" if below == "encounters" else need
    return Measure(label, "share", _ratio(above, below), need, "share", (above, below), rests_on)


def _calibration_intercept(sums: Sums) -> Vector:
    """Return the group's own intercept and one Newton step of each replicate from it."""
    return np.asarray(sums["intercept"] + _quotient(sums["intercept_score"], sums["intercept_information"]))


def _calibration_slope(sums: Sums) -> Vector:
    """Return the group's own slope and one Newton step of each replicate from it, by Cramer's rule."""
    determinant = sums["slope_00"] * sums["slope_11"] - np.square(sums["slope_01"])
    step = sums["slope_00"] * sums["slope_score_1"] - sums["slope_01"] * sums["slope_score_0"]
    return np.asarray(sums["slope"] + _quotient(step, determinant))


def _quotient(above: Vector, below: Vector) -> Vector:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)


def _net_benefit(sums: Sums) -> Vector:
    weight = sums["odds"]
    return _quotient(sums["true_alerts"] - weight * sums["false_alerts"], sums["encounters"])


MEASURES: dict[str, Measure] = {
    "event_rate": _proportion("Event rate", "events", "encounters", "events"),
    "mean_risk": Measure("Mean predicted risk", "share", _ratio("risk", "encounters"), "patients", "share"),
    "oe": Measure("Observed : expected", "ratio", _ratio("events", "risk"), "events", "positive"),
    "calibration_intercept": Measure("Calibration-in-the-large", "log-odds", _calibration_intercept),
    "calibration_slope": Measure("Calibration slope", "slope", _calibration_slope, rests_on="both"),
    "auroc": Measure("AUROC", "score", _ratio("ordered_pairs", "pairs"), "both", "share", rests_on="both"),
    "brier": Measure("Brier score", "score", _ratio("squared_error", "encounters"), "both", "share"),
    "sensitivity": _proportion("Sensitivity", "true_alerts", "events", "events"),
    "specificity": _proportion("Specificity", "true_quiet", "others", "others"),
    "ppv": _proportion("Positive predictive value", "true_alerts", "alerts", "alerts"),
    "npv": _proportion("Negative predictive value", "true_quiet", "quiet", "quiet"),
    "alert_rate": _proportion("Alert rate", "alerts", "encounters", "patients"),
    "net_benefit": Measure("Net benefit", "score", _net_benefit, "events", rests_on="events"),
}

PLAIN = ("encounters", "events", "risk", "squared_error", "alerts", "true_alerts")
CALIBRATION = (
    *("intercept_score", "intercept_information"),
    *("slope_score_0", "slope_score_1", "slope_00", "slope_01", "slope_11"),
)


def plain_columns(y: Vector, margin: Vector, threshold: float) -> Matrix:
    """Return what each encounter adds to the sums of ``PLAIN``, (n, 6)."""
    p = risk(margin)
    alert = (p >= threshold).astype(float)
    return np.column_stack([np.ones(len(y)), y, p, np.square(y - p), alert, alert * y])


def calibration_columns(y: Vector, margin: Vector, at: tuple[float, float, float]) -> Matrix:
    """Return what each encounter adds to the sums of ``CALIBRATION``, (n, 7).

    Parameters
    ----------
    y, margin : (n,)
    at : (float, float, float)
        Intercept at slope 1, then intercept and slope fitted together: where the Newton steps start.
    """
    alone, a, b = at
    p, q = risk(alone + margin), risk(a + b * margin)
    s, t = curvature(p), curvature(q)
    return np.column_stack([y - p, s, y - q, (y - q) * margin, t, t * margin, t * np.square(margin)])


def with_counts(sums: dict[str, Vector], threshold: float) -> dict[str, Vector]:
    """Return the sums with all that follows from them."""
    sums["others"] = sums["encounters"] - sums["events"]
    sums["quiet"] = sums["encounters"] - sums["alerts"]
    sums["false_alerts"] = sums["alerts"] - sums["true_alerts"]
    sums["true_quiet"] = sums["others"] - sums["false_alerts"]
    sums["pairs"] = sums["events"] * sums["others"]
    sums["odds"] = np.full_like(sums["encounters"], threshold / (1.0 - threshold))
    return sums
