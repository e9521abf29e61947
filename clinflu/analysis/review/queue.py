"""The queue: past records in the order in which a reviewer should look at their charts."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clinflu.analysis.labels import ORDERS, best_order, suspects
from clinflu.analysis.labels.orders import sooner
from clinflu.analysis.review.reasons import Reasons, reasons
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import is_whole
from clinflu.errors import DataError
from clinflu.study import Study

LIMIT = 20


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """How suspect each training record is.

    Parameters
    ----------
    name : str
        Of the order, in ``ORDERS``.
    words : str
        Why this order.
    scores : (n,)
        Of the training rows; the higher, the sooner.
    """

    name: str
    words: str
    scores: Vector

    def __repr__(self) -> str:
        return f"Ranking of {len(self.scores):,} training records by {self.name}"

    @property
    def positions(self) -> Rows:
        """Positions among the training rows, the most suspect first, (n,)."""
        return sooner(self.scores)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A past record to be checked.

    Parameters
    ----------
    rank : int
        In the whole queue, from 1.
    encounter_id, patient_id : str
    outcome : int
        As it is recorded.
    score : float
        By the order of the queue.
    reasons : Reasons
    """

    rank: int
    encounter_id: str
    patient_id: str
    outcome: int
    score: float
    reasons: Reasons

    @property
    def risk_without(self) -> float:
        """Of the model refitted without this record, a share of 1."""
        return self.reasons.risk_without


@dataclass(frozen=True, repr=False)
class Queue:
    """The first undecided records of the queue.

    Parameters
    ----------
    order, order_words : str
        By which it is ordered, and why.
    outcome_label : str
    records : int
        In the whole queue: every training record.
    decided : int
        How many of them were decided.
    suspects : tuple of Suspect
    """

    order: str
    order_words: str
    outcome_label: str
    records: int
    decided: int
    suspects: tuple[Suspect, ...] = field(default=())

    def __repr__(self) -> str:
        return (
            f"Queue of {self.records:,} past records by {self.order}, {self.decided:,} decided; "
            f"the first {len(self.suspects)} of the others are in .suspects, .to_frame()"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the suspects, by encounter id."""
        rows = [
            (one.rank, one.patient_id, one.outcome, one.risk_without, one.score, " ".join(self.reason(one)))
            for one in self.suspects
        ]
        index = pd.Index([one.encounter_id for one in self.suspects], dtype="object", name="encounter_id")
        columns = ["rank", "patient_id", "outcome", "risk_without", "score", "reason"]
        return pd.DataFrame(rows, index=index, columns=columns)

    def reason(self, suspect: Suspect) -> tuple[str, ...]:
        """Return why a record is suspect, in sentences; plain text, not escaped."""
        return suspect.reasons.words(suspect.outcome, self.outcome_label)


def ranking(study: Study, order: str | None = None) -> Ranking:
    """Rank all training records.

    Parameters
    ----------
    study : Study
    order : str, optional
        In ``ORDERS``; by default the one that finds most planted errors in this cohort, which takes a while.

    Raises
    ------
    DataError
        There is no such order.
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_trust()
    if order is not None and order not in ORDERS:
        raise DataError(f"there is no order {order!r}; the orders are: {'; '.join(ORDERS)}")
    if order is not None:
        return Ranking(order, "This order was asked for.", suspects(study, order))
    best = best_order(study)
    return Ranking(best.name, best.words, suspects(study, best.name))


def queue(
    study: Study,
    order: str | Ranking | None = None,
    decided: "pd.DataFrame | Iterable[str] | None" = None,
    limit: int = LIMIT,
    start: int = 0,
) -> Queue:
    """Return the records to be checked next, with the reasons.

    Parameters
    ----------
    study : Study
    order : str or Ranking, optional
        As :func:`ranking` takes or returns it.
    decided : DataFrame, optional
        What was decided, by encounter id, as ``Decisions.frame``: those are no longer listed.
    limit : int
        How many to list.
    start : int
        How many undecided ones to pass over.

    Raises
    ------
    DataError
        There is no such order, or the limit is no number of records.
    """
    if not (is_whole(limit) and is_whole(start)) or min(limit, start) < 0:
        raise DataError("the number of records to list is a whole number of 0 or more")
    ranked = order if isinstance(order, Ranking) else ranking(study, order)
    done = _decided(study, decided)
    places = ranked.positions
    undecided = np.flatnonzero(~np.isin(places, done))[int(start) : int(start) + int(limit)]
    chosen = places[undecided]
    found = reasons(study, chosen)
    listed = zip(undecided, chosen, found, strict=True)
    return Queue(
        ranked.name,
        ranked.words,
        study.cohort.schema.outcome_label,
        len(places),
        len(done),
        tuple(_suspect(study, ranked, int(place), int(position), why) for place, position, why in listed),
    )


def _decided(study: Study, decided: "pd.DataFrame | Iterable[str] | None") -> Rows:
    if decided is None:
        return np.empty(0, dtype=np.intp)
    names = decided.index if isinstance(decided, pd.DataFrame) else decided
    positions = study.training_positions([str(one) for one in names])
    return np.unique(positions[positions >= 0])


def _suspect(study: Study, ranked: Ranking, place: int, position: int, why: Reasons) -> Suspect:
    row = study.split.train[position]
    return Suspect(
        rank=place + 1,
        encounter_id=str(study.design.encounter_ids[row]),
        patient_id=str(study.design.patient_ids[row]),
        outcome=int(study.design.y[row]),
        score=float(ranked.scores[position]),
        reasons=why,
    )
