"""Numbers and verdicts in words, the same on every panel. Plain text, not escaped."""

from math import isnan

from clinflu.analysis.prediction import Prediction
from clinflu.figures.style import NO_FIT, signed
from clinflu.influence.result import PERCENT


def percent(share: float) -> str:
    """Return a share of 1 in percent."""
    return f"{PERCENT * share:.1f} %"


def points(change_pp: float, digits: int = 1) -> str:
    """Return a change in percentage points with its sign."""
    return signed(change_pp, digits)


def step(before: float, change_pp: float) -> str:
    """Return a risk before and after a change; more digits where one would hide the change."""
    if isnan(change_pp):
        return f"{percent(before)} → {NO_FIT}"
    digits = 1 if abs(change_pp) >= 0.1 else 2
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


def count(number: int, what: str) -> str:
    """Return how many there are."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
