"""What a clinician reads about how fragile a prediction is."""

import math
from typing import TYPE_CHECKING

from clinflu.analysis.adversarial.alteration import EDIT, RELABELLING, REMOVAL, REWRITING
from clinflu.influence.result import PERCENT

if TYPE_CHECKING:
    from clinflu.analysis.adversarial.fragility import Fragility

SMALLEST_SAID_PP = 0.01
DONE = {
    EDIT: "one plausible edit of one past record",
    REWRITING: "one past record rewritten within plausible values",
    REMOVAL: "the removal of one past record",
    RELABELLING: "the other outcome for one past record",
}


def words(found: "Fragility") -> str:
    """Return what was found in plain sentences; no id and no recorded value but the audited risk."""
    sentences = [_risk(found), _edits(found), _others(found), _decision(found)]
    if found.immutable:
        sentences.append(f"Left as recorded: {', '.join(found.immutable)}.")
    return " ".join(one for one in sentences if one)


def at_most(points: float) -> str:
    """Return percentage points rounded upward to two significant digits, so that "no more than" holds."""
    if points < SMALLEST_SAID_PP:
        return f"{SMALLEST_SAID_PP:g}"
    digits = 1 - math.floor(math.log10(points))
    return f"{math.ceil(round(points * 10**digits, 6)) / 10**digits:.{max(digits, 0)}f}"


def _risk(found: "Fragility") -> str:
    side = "at or above" if found.risk >= found.threshold else "below"
    return f"The risk is {PERCENT * found.risk:.1f} %, {side} the threshold of {PERCENT * found.threshold:.1f} %."


def _edits(found: "Fragility") -> str:
    if not found.edits:
        return "No recorded variable was open to an edit."
    edit = found.worst(EDIT)
    moved = 0.0 if edit is None else abs(edit.change_pp)
    return (
        f"No single plausible edit of one past record was found to move it by more than {at_most(moved)} percentage "
        f"points: {found.edits:,} edits of {found.records:,} records were estimated, and the strongest refitted."
    )


def _others(found: "Fragility") -> str:
    strongest = [(kind, found.worst(kind)) for kind in (REWRITING, REMOVAL, RELABELLING)]
    parts = [f"{DONE[kind]}, {at_most(abs(one.change_pp))}" for kind, one in strongest if one is not None]
    return f"The most found for other alterations, in points: {'; '.join(parts)}." if parts else ""


def _decision(found: "Fragility") -> str:
    if not found.flips:
        return "None of these changes the decision."
    return f"The decision is fragile: it changes with {', or with '.join(DONE[kind] for kind in found.flips)}."
