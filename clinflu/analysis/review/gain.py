"""What mended labels are worth: the model refitted with them, judged on patients who neither taught nor found them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clinflu.analysis.linearised import placements
from clinflu.analysis.metric_intervals import FEWEST_OF_A_CLASS, FEWEST_PATIENTS
from clinflu.analysis.review.decisions import fixes_of
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.influence.interval import jackknife_variance
from clinflu.influence.refit import Change, refit_each
from clinflu.model.logistic import risk, row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

LABELS = {"log_loss": "Log loss (nats)", "brier": "Brier score", "auroc": "AUROC"}
LESS_IS_BETTER = {"log_loss": True, "brier": True, "auroc": False}
NOT_ALL = "The metrics do not agree, and one in twenty intervals misses by chance: wait for more before you believe it."
BETTER, WORSE, NOT_TOLD = "better", "worse", "not distinguishable from 0"
METHOD = (
    "paired jackknife by patient over the confirming encounters, which neither taught the model nor were searched; "
    "the mended labels are held fixed"
)


@dataclass(frozen=True, slots=True)
class GainOfMetric:
    """Change of one metric on the confirming encounters.

    Parameters
    ----------
    metric, label : str
    before, after : float
        With the labels as recorded, and with the mended ones; NaN where the encounters do not give it.
    change : float
        After minus before.
    low, high : float
        Interval of the change; NaN where too few patients or events give none.
    """

    metric: str
    label: str
    before: float
    after: float
    change: float
    low: float
    high: float

    @property
    def says(self) -> str:
        """``"better"``, ``"worse"``, or that the change is not distinguishable from 0."""
        if not isfinite(self.low) or self.low <= 0 <= self.high:
            return NOT_TOLD
        return BETTER if (self.change < 0) == LESS_IS_BETTER[self.metric] else WORSE


@dataclass(frozen=True, repr=False)
class Gain:
    """What the mended labels change on the confirming encounters.

    Parameters
    ----------
    mended : int
        Training encounters whose label or part in training changed.
    encounters, events, patients : int
        Confirming ones.
    level : float
        Coverage of each interval, for one look: looking again after each verdict, some will miss.
    metrics : tuple of GainOfMetric
        Empty where there are no confirming encounters.
    training_events : tuple of int
        Events that teach the model, as recorded and mended.
    """

    mended: int
    encounters: int
    events: int
    patients: int
    level: float
    metrics: tuple[GainOfMetric, ...]
    training_events: tuple[int, int]

    def __repr__(self) -> str:
        return f"Gain of {self.mended:,} mended labels: {self.words}"

    @property
    def words(self) -> str:
        """In words."""
        if not self.mended:
            return "No label was mended yet, so nothing is gained and nothing is lost."
        if not self.metrics:
            return "No encounters were set aside to confirm with, so the gain cannot be measured."
        of_what = f"on {self.encounters:,} confirming encounters of {self.patients:,} patients"
        mended = f"{self.mended:,} mended label{'' if self.mended == 1 else 's'}"
        found = {one.says for one in self.metrics}
        if found == {NOT_TOLD}:
            return f"With {mended}, no change of any metric {of_what} can be told from 0.{self._one_kind}"
        told = "; ".join(f"{one.label.removesuffix(' (nats)')} {one.says}" for one in self.metrics)
        return f"With {mended}, {of_what}: {told}.{'' if len(found) == 1 else f' {NOT_ALL}'}{self._one_kind}"

    @property
    def _one_kind(self) -> str:
        """Say that only errors of one kind were mended, where that is so, and what follows."""
        before, after = self.training_events
        if self.mended < 2 or abs(after - before) < self.mended:
            return ""
        return (
            f" All mended labels are of one kind: the events that teach the model went from {before:,} to {after:,}, "
            "and with them every risk. While errors of the other kind stay, that can cost calibration though each "
            "label is right."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the metrics, by name."""
        rows = [(one.label, one.before, one.after, one.change, one.low, one.high, one.says) for one in self.metrics]
        index = pd.Index([one.metric for one in self.metrics], dtype="object", name="metric")
        columns = ["label", "before", "after", "change", "change_low", "change_high", "says"]
        return pd.DataFrame(rows, index=index, columns=columns)


def gain(study: Study, wrong: Mapping[str, str], level: float = 0.95) -> Gain:
    """Refit the model with all accepted wrong labels mended, and judge it on the confirming encounters.

    Parameters
    ----------
    study : Study
    wrong : mapping
        Training encounter id -> what is wrong with its label, a key of ``FIXES``.
    level : float
        Coverage aimed at.

    Raises
    ------
    DataError
        An encounter did not teach the model, or what is wrong with its label is no key of ``FIXES``.
    FitError
        The mended rows have no optimum.
    """
    return gain_after_each(study, [wrong], level)[0]


def gain_after_each(
    study: Study, steps: list[Mapping[str, str]], level: float = 0.95, progress: Progress = silent
) -> list[Gain]:
    """Return the gain of each of several sets of mended labels, each from the recorded ones; see :func:`gain`."""
    changes = [_change(study, wrong) for wrong in steps]
    refits = refit_each(study.train, changes, progress)
    confirm = study.split.confirm
    thetas = [one.theta for one in refits]
    return [
        _gain(study, change, study.model.log_odds(study.design.x[confirm], theta), level)
        for change, theta in zip(changes, thetas, strict=True)
    ]


def _change(study: Study, wrong: Mapping[str, str]) -> Change:
    """Return the mended rows as a change; those that it leaves as they were are no part of it."""
    rows, weights, y = fixes_of(study, wrong)
    train = study.train
    order = np.argsort(rows)
    rows, weights, y = rows[order], weights[order], y[order]
    different = (weights != train.weights[rows]) | (y != train.y[rows])
    return Change(rows[different], weights[different], y[different])


def _gain(study: Study, change: Change, after: Vector, level: float) -> Gain:
    confirm = study.split.confirm
    y, before = study.design.y[confirm], study.margins[confirm]
    patients = study.patients_of(confirm)
    count = int(patients.max()) + 1 if len(patients) else 0
    event: Flags = y == 1
    found = []
    if len(confirm):
        few = count < FEWEST_PATIENTS or min(event.sum(), (~event).sum()) < FEWEST_OF_A_CLASS
        reach = nan if few else float(ndtri(0.5 + level / 2))
        found = [_of_metric(name, (before, after), event, patients, reach) for name in LABELS]
    confirming = (len(confirm), int(event.sum()), count)
    return Gain(len(change.rows), *confirming, level, tuple(found), _training_events(study, change))


def _training_events(study: Study, change: Change) -> tuple[int, int]:
    """Return how many events teach the model, before and after a change."""
    train = study.train
    teaches = (train.y == 1) & (train.weights > 0)
    after = int(((change.y == 1) & (change.weights > 0)).sum()) - int(teaches[change.rows].sum())
    return int(teaches.sum()), int(teaches.sum()) + after


def _of_metric(name: str, margins: tuple[Vector, Vector], event: Flags, patients: Rows, reach: float) -> GainOfMetric:
    (before, of_before), (after, of_after) = (_metric(name, one, event) for one in margins)
    error = float(np.sqrt(jackknife_variance(of_after - of_before, patients))) if isfinite(before) else nan
    change = after - before
    return GainOfMetric(name, LABELS[name], before, after, change, change - reach * error, change + reach * error)


def _metric(name: str, margin: Vector, event: Flags) -> tuple[float, Vector]:
    """Return a metric, and how much each encounter adds to its error, (n,)."""
    if name == "auroc":
        both = event.any() and not event.all()
        return placements(margin, event) if both else (nan, np.full(len(event), nan))
    y = event.astype(float)
    losses = row_loss(margin, y) if name == "log_loss" else np.square(risk(margin) - y)
    value = float(losses.mean())
    return value, (losses - value) / len(losses)
