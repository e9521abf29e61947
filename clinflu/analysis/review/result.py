"""A review as it stands: the queue, what was decided, what that is worth, and whether to go on."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from clinflu.analysis.review.decisions import Decisions, decisions
from clinflu.analysis.review.gain import Gain, gain_after_each
from clinflu.analysis.review.queue import LIMIT, Queue, Ranking, queue
from clinflu.analysis.review.stopping import Rule, Stopping, stopping
from clinflu.data.cohort import Provenance
from clinflu.data.pseudonym import Pseudonyms
from clinflu.progress import Progress, silent
from clinflu.study import Study

LAST_STEPS = 5


@dataclass(frozen=True, repr=False)
class Review:
    """A review as it stands.

    Parameters
    ----------
    queue : Queue
    decisions : Decisions
    gains : tuple of Gain
        After each of the last five accepted wrong labels, all before it mended too; empty while there is none.
    stopping : Stopping
    provenance : Provenance
    """

    queue: Queue
    decisions: Decisions
    gains: tuple[Gain, ...]
    stopping: Stopping
    provenance: Provenance

    def __repr__(self) -> str:
        return f"Review: {self.stopping.words} See .queue, .decisions, .gain"

    @property
    def gain(self) -> Gain | None:
        """Of all accepted wrong labels together; None while there is none."""
        return self.gains[-1] if self.gains else None


def review(  # noqa: PLR0913 -- what a review rests on
    study: Study,
    verdicts: pd.DataFrame,
    names: Pseudonyms,
    *,
    order: str | Ranking | None = None,
    limit: int = LIMIT,
    rule: Rule | None = None,
    progress: Progress = silent,
) -> Review:
    """Return a review as the verdicts that stand leave it.

    Parameters
    ----------
    study : Study
    verdicts : DataFrame
        As ``VerdictStore.current`` returns them.
    names : Pseudonyms
        That the verdicts bear.
    order, limit
        See :func:`clinflu.analysis.review.queue.queue`.
    rule : Rule, optional
        When to stop.
    progress : Progress
        Of the refits behind the gains.
    """
    decided = decisions(study, verdicts, names)
    listed = queue(study, order, decided.frame, limit)
    gains = tuple(gain_after_each(study, steps_of(decided.wrong), progress=progress))
    stops = stopping([str(one) for one in decided.frame["says"]], rule)
    return Review(listed, decided, gains, stops, study.cohort.provenance)


def steps_of(wrong: Mapping[str, str], last: int = LAST_STEPS) -> list[Mapping[str, str]]:
    """Return all wrong labels that were accepted after each of the last few decisions; all of them come last."""
    items = list(wrong.items())
    return [dict(items[:count]) for count in range(max(1, len(items) - last + 1), len(items) + 1)]
