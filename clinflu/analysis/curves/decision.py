"""Decision curves: what alerting is worth at each threshold, against alerting everybody and nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.curves.intervals import LEVEL, Difference, difference
from clinflu.analysis.curves.sample import Predictor, Sample
from clinflu.analysis.mistakes import check_threshold
from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import DataError

ALL, NONE = "Treat all", "Treat none"
DEFAULT_THRESHOLDS = np.arange(2, 41) / 100.0
PER = 1000
METHOD = (
    "Net benefit is true alerts less false alerts times t / (1 - t), per encounter, at each threshold t: the risk at "
    "which an alert is just worth its cost (Vickers, van Calster & Steyerberg 2019). Intervals are of sampling other "
    "patients to audit."
)


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit by threshold.

    Parameters
    ----------
    thresholds : (k,)
        Risks, rising.
    labels : tuple of str
        The model first, then the other predictors, then ``ALL`` and ``NONE``.
    net_benefit : (m, k)
        Net true alerts per encounter, a row a label.
    best_default : tuple of str
        ``ALL`` or ``NONE`` by threshold, whichever has the greater net benefit in this sample.
    over_default : tuple of Difference
        The model minus that one, by threshold.
    over_others : tuple of Difference
        The model minus each other predictor, by predictor and threshold.
    """

    thresholds: Vector
    labels: tuple[str, ...]
    net_benefit: Matrix
    best_default: tuple[str, ...]
    over_default: tuple[Difference, ...]
    over_others: tuple[Difference, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a predictor and threshold; ``net_benefit_per_1000`` is in net true alerts."""
        count = len(self.thresholds)
        frame = pd.DataFrame(
            {
                "label": np.repeat(np.array(self.labels, dtype=object), count),
                "threshold": np.tile(self.thresholds, len(self.labels)),
                "net_benefit": self.net_benefit.ravel(),
            }
        )
        return frame.assign(net_benefit_per_1000=PER * frame["net_benefit"])

    def differences(self) -> pd.DataFrame:
        """Return one row a comparison and threshold: the model minus the better default and minus each predictor."""
        every = [*self.over_default, *self.over_others]
        found = {name: [getattr(one, name) for one in every] for name in ("first", "second", "value", "low", "high")}
        times = len(every) // max(len(self.thresholds), 1)
        to_default = np.arange(len(every)) < len(self.thresholds)
        return pd.DataFrame({"threshold": np.tile(self.thresholds, times), "best_default": to_default} | found)

    def in_words(self, threshold: float) -> str:
        """Return what the model is worth at one of the thresholds, per 1,000 encounters.

        Raises
        ------
        DataError
            It is none of the thresholds.
        """
        found = np.flatnonzero(np.isclose(self.thresholds, threshold, rtol=0, atol=1e-12))
        if not len(found):
            raise DataError("the curve has no such threshold; give one of its thresholds")
        at = int(found[0])
        one = self.over_default[at]
        worth = PER * self.net_benefit[0, at]
        interval = "" if np.isnan(one.low) else f" (95 % interval {PER * one.low:.1f} to {PER * one.high:.1f})"
        side = "more" if one.value >= 0 else "fewer"
        unsure = ", which may be chance" if one.low <= 0 <= one.high else ""
        return (
            f"At a threshold of {100 * self.thresholds[at]:.1f} %, alerting by the model is worth {worth:.1f} true "
            f"alerts per {PER:,} encounters with no false alert: {PER * abs(one.value):.1f} {side} than "
            f"{one.second.lower()}, the better of treating all and treating none{interval}{unsure}."
        ).replace("-", "−")


def decision_curve(
    sample: Sample,
    model: Predictor,
    others: Sequence[Predictor] = (),
    thresholds: Vector | None = None,
    level: float = LEVEL,
) -> DecisionCurve:
    r"""Return the net benefit of each predictor at each threshold.

    .. math:: NB(t) = \frac{TP(t)}{n} - \frac{FP(t)}{n} \frac{t}{1 - t}

    Parameters
    ----------
    sample : Sample
    model : Predictor
        A risk.
    others : sequence of Predictor
        Risks too; :class:`clinflu.analysis.curves.Recalibration` turns scores into them.
    thresholds : (k,), optional
        By default 0.02 to 0.40 in steps of 0.01.
    level : float
        Coverage of the intervals of the differences, by jackknife over patients, paired.

    Raises
    ------
    DataError
        A predictor is no risk, a threshold lies outside (0, 1), or two predictors have the same label.

    References
    ----------
    Vickers & Elkin (2006), doi:10.1177/0272989X06295361; Vickers, van Calster & Steyerberg (2019),
    doi:10.1186/s41512-019-0064-7.
    """
    predictors = (model, *others)
    for one in predictors:
        one.check(sample, risk=True)
    labels = (*(one.label for one in predictors), ALL, NONE)
    if len(set(labels)) < len(labels):
        raise DataError("two predictors have the same label; give each its own")
    limits = _thresholds(thresholds)
    worth = [_worth(sample, np.ones(len(sample.y)), limits), np.zeros((len(sample.y), len(limits)))]
    worth = [_worth_of(sample, one, limits) for one in predictors] + worth
    benefit = np.array([one.mean(axis=0) for one in worth])
    best = np.where(benefit[-2] > benefit[-1], len(labels) - 2, len(labels) - 1)
    pairs = [(0, int(other), at) for at, other in enumerate(best)]
    rivals = [(0, other, at) for other in range(1, len(predictors)) for at in range(len(limits))]
    compared = [
        _compared(sample, (labels[a], labels[b]), worth[a][:, at] - worth[b][:, at], level)
        for a, b, at in (*pairs, *rivals)
    ]
    defaults = tuple(labels[other] for other in best)
    return DecisionCurve(
        limits, labels, benefit, defaults, tuple(compared[: len(pairs)]), tuple(compared[len(pairs) :])
    )


def net_benefit(true_alerts: Vector, false_alerts: Vector, encounters: int, threshold: Vector) -> Vector:
    """Return the net benefit from counts, net true alerts per encounter."""
    return np.asarray((true_alerts - false_alerts * threshold / (1.0 - threshold)) / encounters)


def _thresholds(thresholds: Vector | None) -> Vector:
    if thresholds is None:
        return DEFAULT_THRESHOLDS
    return np.unique([check_threshold(float(one)) for one in thresholds])


def _worth_of(sample: Sample, predictor: Predictor, limits: Vector) -> Matrix:
    return _worth(sample, (predictor.values[:, None] >= limits).astype(float), limits)


def _worth(sample: Sample, alert: Matrix, limits: Vector) -> Matrix:
    """Return what each encounter adds to the net benefit, (n, k); the mean is the net benefit."""
    price = np.where(sample.event[:, None], 1.0, -limits / (1.0 - limits))
    return np.asarray((alert if alert.ndim > 1 else alert[:, None]) * price)


def _compared(sample: Sample, names: tuple[str, str], gained: Vector, level: float) -> Difference:
    value = float(gained.mean())
    return difference(names, value, (gained - value) / len(gained), sample, level)
