"""Numbers and verdicts in words, the same on every panel. Plain text, not escaped."""

from math import ceil, isnan

import pandas as pd

from clinflu.analysis.prediction import Prediction
from clinflu.data.design import MISSING
from clinflu.data.schema import FeatureSpec
from clinflu.data.shown import NOT_RECORDED, shown
from clinflu.figures.style import NO_FIT, signed
from clinflu.influence.result import PERCENT

EARLIEST_S, LONGEST_S = 2.0, 90.0
OF_INTERVAL = "The interval says how far {what} could differ had the model learned from other past patients."
OF_PENALTY = " It leaves out that the model, by its making, keeps its risks nearer to the average."


def percent(share: float) -> str:
    """Return a share of 1 in percent."""
    return f"{PERCENT * share:.1f} %"


def points(change_pp: float, digits: int = 1) -> str:
    """Return a change in percentage points with its sign."""
    return signed(change_pp, digits)


def digits_of(change_pp: float) -> int:
    """Return the digits with which a change of a risk is said: more where one would hide it."""
    return 1 if abs(change_pp) >= 0.1 else 2


def decimal(value: float, digits: int) -> str:
    """Return a number with the minus sign that changes have."""
    return "not known" if isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def step(before: float, change_pp: float) -> str:
    """Return a risk before and after a change; more digits where one would hide the change."""
    if isnan(change_pp):
        return f"{percent(before)} → {NO_FIT}"
    digits = digits_of(change_pp)
    after = PERCENT * before + change_pp
    return f"{PERCENT * before:.{digits}f} % → {after:.{digits}f} %"


def outcome(event: int, label: str) -> str:
    """Return what happened to a patient."""
    return f"{'was' if event else 'was not'} {label}"


def in_words(risk: float, event: int, label: str) -> str:
    """Return a prediction and what happened, as the list says it."""
    return f"Predicted {percent(risk)}, {outcome(event, label)}"


def alert(before: float, after: float, threshold: float) -> str:
    """Return whether a change of risk crosses the alert threshold."""
    limit = f"the alert threshold of {percent(threshold)}"
    if isnan(after):
        return "After this change the model cannot be fitted at all."
    if (before >= threshold) == (after >= threshold):
        return f"It stays {'above' if after >= threshold else 'below'} {limit}: the same decision."
    if after >= threshold:
        return f"It crosses {limit}: the model would now alert."
    return f"It falls below {limit}: the model would no longer alert."


def interval(prediction: Prediction) -> str:
    """Return the interval of the predicted risk."""
    found = prediction.interval
    return f"{PERCENT * found.level:.0f} % interval {percent(found.low)} to {percent(found.high)}"


def these(number: int, what: str) -> str:
    """Return a number of known things: "the past encounter", "the 3 past encounters"."""
    return f"the {what}" if number == 1 else f"the {count(number, what)}"


def level_words(spec: FeatureSpec, level: str) -> str:
    """Return the level of a group as a person sees it."""
    return NOT_RECORDED if level == MISSING else shown(spec, level)


def nearness(changes: pd.DataFrame) -> str:
    """Return how near the estimates are to the refits beside them, without statistics.

    Parameters
    ----------
    changes : DataFrame
        ``risk_change_estimate_pp`` and ``risk_change_refit_pp``, percentage points.
    """
    known = changes.dropna(subset=["risk_change_estimate_pp", "risk_change_refit_pp"])
    if known.empty:
        return "there is no refit here to compare them with."
    apart = float((known["risk_change_estimate_pp"] - known["risk_change_refit_pp"]).abs().max())
    largest = float(known["risk_change_refit_pp"].abs().max())
    shown_here = "the one refit shown here" if len(known) == 1 else f"the {len(known)} refits shown here"
    return f"at most {apart:.2f} points from {shown_here}, which change the risk by up to {largest:.2f} points."


def time_left(elapsed_s: float, done: int, total: int) -> str:
    """Return about how long it will take, once that can be said; empty before, and where it is nearly done."""
    if not 0 < done < total or elapsed_s < EARLIEST_S:
        return ""
    left = elapsed_s * (total - done) / done
    if left < 1:
        return ""
    if left < LONGEST_S:
        return f"about {count(ceil(left), 'second')} left"
    return f"about {count(ceil(left / 60), 'minute')} left"


def interval_words(what: str, *, penalised: bool) -> str:
    """Return what an interval means, without statistics."""
    return f"{OF_INTERVAL.format(what=what)}{OF_PENALTY if penalised else ''}"


def count(number: int, what: str) -> str:
    """Return how many there are."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
