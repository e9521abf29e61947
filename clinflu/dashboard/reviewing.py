"""What the chart-review queue asks: the next record, and what the mended labels are worth."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from clinflu.analysis.review import (
    Decisions,
    Gain,
    Queue,
    Ranking,
    Stopping,
    decisions,
    gain_after_each,
    queue,
    steps_of,
    stopping,
)
from clinflu.audit import Audit
from clinflu.dashboard.screen import Screen
from clinflu.progress import Progress
from clinflu.verdicts import Verdict

COLUMNS = [one.name for one in fields(Verdict)]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was decided, the gain after each mended label, and whether to go on."""

    decisions: Decisions
    gains: tuple[Gain, ...]
    stopping: Stopping


def of_queue(screen: Screen) -> tuple[Verdict, ...]:
    """Return all that stands on past records: of other sessions, and of this one, the later in time last."""
    mine = [one for one in screen.verdicts if one.subject == "record"]
    replaced = {one.target for one in mine}
    others = [one for one in screen.said_by_others if one.target not in replaced]
    return tuple(sorted((*others, *mine), key=lambda one: one.time))


def suspect(audit: Audit, screen: Screen, ranked: Ranking) -> Queue:
    """Return the queue at the record that the screen shows."""
    return queue(audit.study, ranked, decided(audit, screen).frame, 1, screen.queue_place)


def measured(audit: Audit, screen: Screen, progress: Progress) -> Measured:
    """Return what was decided and what it is worth."""
    found = decided(audit, screen)
    gains = gain_after_each(audit.study, steps_of(found.wrong), progress=progress)
    return Measured(found, tuple(gains), stopping([str(one) for one in found.frame["says"]]))


def decided(audit: Audit, screen: Screen) -> Decisions:
    """Return what was decided about past records."""
    return decisions(audit.study, _frame(of_queue(screen)), audit.pseudonyms)


def _frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    return pd.DataFrame([asdict(one) for one in verdicts], columns=COLUMNS, dtype="str")
