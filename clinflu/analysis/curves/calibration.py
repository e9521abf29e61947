"""Whether risks mean what they say: a smoothed curve, bands of risk, and the figures that sum them up."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from clinflu.analysis.curves.intervals import LEVEL, Estimate, around, error, share
from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.analysis.curves.spline import HARRELL, knots_of, restricted_cubic
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import DataError, FitError, SeparationError
from clinflu.model.metrics import LARGEST_RISK, SMALLEST_RISK, calibration_intercept, calibration_slope
from clinflu.model.newton import fit_logistic

KNOTS = 5
POINTS = 50
SHOWN_PERCENTILES = (1.0, 99.0)
DIGITS = 4
MOST_STEPS, TOLERANCE = 100, 1e-10


@dataclass(frozen=True, eq=False)
class CalibrationBands:
    """Encounters by band of predicted risk.

    Parameters
    ----------
    low, high : (k,)
        Edges: risks from the one up to below the other.
    encounters, events : (k,) int
    mean_risk : (k,)
    rates : tuple of Estimate
        Event rate of each band with Wilson's interval.
    """

    low: Vector
    high: Vector
    encounters: Rows
    events: Rows
    mean_risk: Vector
    rates: tuple[Estimate, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a band."""
        plain = {name: getattr(self, name) for name in ("low", "high", "encounters", "events", "mean_risk")}
        return pd.DataFrame(plain).join(pd.DataFrame([one.named("event_rate") for one in self.rates]))


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """The smoothed share of events at each predicted risk, with its band.

    Parameters
    ----------
    risk, observed, low, high : (m,)
        Shares of 1. NaN for the band where the sample is too small for one.
    knots : (k,)
        Log-odds; none where the curve is a straight line in log-odds.
    ici, e50, e90 : float
        Mean, median and 90th percentile of the absolute difference of curve and risk over all encounters. They are
        never below 0, and chance alone puts them above it.

    References
    ----------
    Austin & Steyerberg (2019), doi:10.1002/sim.8281.
    """

    risk: Vector
    observed: Vector
    low: Vector
    high: Vector
    knots: Vector
    ici: float
    e50: float
    e90: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row a predicted risk."""
        return pd.DataFrame({"risk": self.risk, "observed": self.observed, "low": self.low, "high": self.high})


@dataclass(frozen=True, slots=True)
class CalibrationSummary:
    """Calibration in figures, with intervals by patient.

    Parameters
    ----------
    intercept : Estimate
        Calibration-in-the-large, log-odds; 0 is ideal.
    slope : Estimate
        1 is ideal; below 1 the risks are too extreme.
    observed_expected : Estimate
        Events over the sum of the risks; 1 is ideal.
    """

    intercept: Estimate
    slope: Estimate
    observed_expected: Estimate

    def to_frame(self) -> pd.DataFrame:
        """Return one row a figure: ``value``, ``low`` and ``high``."""
        names = ("intercept", "slope", "observed_expected")
        found = [getattr(self, name) for name in names]
        rows = [{"measure": name, **one.named("value")} for name, one in zip(names, found, strict=True)]
        return pd.DataFrame(rows).rename(columns={"value_low": "low", "value_high": "high"})


def calibration_bands(
    sample: Sample, predictor: Predictor, cuts: Vector | None = None, level: float = LEVEL
) -> CalibrationBands:
    """Return event rates by band of risk.

    Parameters
    ----------
    sample : Sample
    predictor : Predictor
        A risk.
    cuts : (k,), optional
        Edges between bands; by default the deciles of the risk. A band that holds nobody is left out.
    level : float
    """
    predictor.check(sample, risk=True)
    risk = predictor.values
    inner = np.unique(np.quantile(risk, np.arange(0.1, 0.95, 0.1)) if cuts is None else np.asarray(cuts, dtype=float))
    band = np.searchsorted(inner, risk, side="right")
    encounters = np.bincount(band, minlength=len(inner) + 1)
    held = np.flatnonzero(encounters)
    edges = np.concatenate([[0.0], inner, [1.0]])
    insides = [(band == one).astype(float) for one in held]
    return CalibrationBands(
        low=edges[held],
        high=edges[held + 1],
        encounters=encounters[held],
        events=np.bincount(band, weights=sample.y, minlength=len(inner) + 1)[held].astype(np.intp),
        mean_risk=np.bincount(band, weights=risk, minlength=len(inner) + 1)[held] / encounters[held],
        rates=tuple(share(inside * sample.y, inside, sample, level) for inside in insides),
    )


def calibration_curve(
    sample: Sample, predictor: Predictor, knots: int = KNOTS, points: int = POINTS, level: float = LEVEL
) -> CalibrationCurve:
    """Return the smoothed calibration curve between the 1st and 99th percentile of risk.

    Parameters
    ----------
    sample : Sample
    predictor : Predictor
        A risk.
    knots : int
        3 to 7; fewer where many risks are the same.
    points : int
        Risks at which it is evaluated, rounded so that none is the risk of a patient.
    level : float
        Coverage of the band at each point.

    Raises
    ------
    DataError
        All risks are the same, or that is no number of knots.
    FitError
        The curve has no finite fit, as where the risks separate events from others.
    """
    predictor.check(sample, risk=True)
    if knots not in HARRELL:
        raise DataError(f"a calibration curve has {min(HARRELL)} to {max(HARRELL)} knots, not {knots}")
    margin = _margin(predictor)
    if np.ptp(margin) == 0:
        raise DataError("all risks are the same; a calibration curve needs a model that tells patients apart")
    places = knots_of(margin, knots)
    x = restricted_cubic(margin, places)
    fit = _fit(x, sample)
    risk = _grid(predictor.values, points)
    basis = restricted_cubic(_log_odds(risk), places)
    centre, reach = basis @ fit.params, float(ndtri(0.5 + level / 2)) * _errors(basis, fit)
    if sample.withheld:
        reach = np.full(len(risk), np.nan)
    gap = np.abs(expit(x @ fit.params) - predictor.values)
    ici, e50, e90 = float(gap.mean()), *map(float, np.quantile(gap, [0.5, 0.9]))
    return CalibrationCurve(
        risk, expit(centre), expit(centre - reach), expit(centre + reach), places, ici=ici, e50=e50, e90=e90
    )


def calibration_summary(sample: Sample, predictor: Predictor, level: float = LEVEL) -> CalibrationSummary:
    """Return calibration-in-the-large, slope and observed : expected; no test of fit, which says nothing of its size.

    Intercept and slope have the sandwich covariance clustered by patient, O:E the jackknife by patient on the log
    scale. NaN where a slope has no finite value.
    """
    predictor.check(sample, risk=True)
    margin, weights = _margin(predictor), np.ones(len(sample.y))
    constant = np.ones((len(margin), 1))
    expected = float(predictor.values.sum())
    ratio = float(sample.y.sum()) / expected
    intercept = calibration_intercept(sample.y, margin, weights)
    slope = calibration_slope(sample.y, margin, weights)
    both = np.column_stack([constant, margin])
    return CalibrationSummary(
        around(intercept, _last_error(sample, constant, margin), sample, "difference", level),
        around(slope, _last_error(sample, both) if np.isfinite(slope) else np.nan, sample, "difference", level),
        around(ratio, error((sample.y - ratio * predictor.values) / expected, sample), sample, "positive", level),
    )


def _last_error(sample: Sample, x: Matrix, offset: Vector | None = None) -> float:
    """Return the error of the last coefficient; NaN where it has none that is finite."""
    try:
        return float(_fit(x, sample, offset).bse[-1])
    except FitError:
        return np.nan


def _fit(x: Matrix, sample: Sample, offset: Vector | None = None) -> Any:
    """Return the binomial fit of statsmodels, its covariance clustered by patient.

    It starts at the optimum of Newton's method, which notices separation; iterated least squares do not always.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    start = None if offset is not None else _optimum(x, sample.y)
    model = sm.GLM(sample.y, x, family=sm.families.Binomial(), offset=offset)
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": sample.patients}}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", PerfectSeparationWarning)  # of some; see the band
        fit = model.fit(start_params=start, tol=TOLERANCE, maxiter=MOST_STEPS, **clustered)
    if not (np.isfinite(fit.params).all() and np.isfinite(fit.cov_params()).all()):
        raise SeparationError("the risks all but separate events from others; draw bands of risk instead of a curve")
    return fit


def _optimum(x: Matrix, y: Vector) -> Vector:
    """Return the coefficients of maximum likelihood, by way of orthogonal columns of unit size."""
    q, r = np.linalg.qr(x)
    theta = fit_logistic(q * np.sqrt(len(x)), y, np.ones(len(x)), np.zeros(x.shape[1])).theta
    return np.asarray(np.linalg.solve(r, theta * np.sqrt(len(x))))


def _errors(basis: Matrix, fit: Any) -> Vector:
    """Return the standard error at each point: clustered by patient, or of the model with its design effect if wider.

    The sandwich alone is too narrow where few events are; the tests simulate what the wider of the two covers.
    """
    clustered, model = fit.cov_params(), fit.normalized_cov_params
    effect = max(1.0, float(np.trace(np.linalg.pinv(model) @ clustered)) / len(model))
    variances = [np.einsum("mk,mk->m", basis @ one, basis) for one in (clustered, effect * model)]
    return np.asarray(np.sqrt(np.maximum(*variances).clip(min=0.0)))


def _grid(risk: Vector, points: int) -> Vector:
    low, high = np.percentile(risk, SHOWN_PERCENTILES)
    return np.unique(np.linspace(low, high, points).round(DIGITS).clip(10.0**-DIGITS, 1.0 - 10.0**-DIGITS))


def _margin(predictor: Predictor) -> Vector:
    return _log_odds(predictor.values)


def _log_odds(risk: Vector) -> Vector:
    return np.asarray(logit(risk.clip(SMALLEST_RISK, LARGEST_RISK)))
