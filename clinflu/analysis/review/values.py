"""A review as plain values under pseudonyms, ready for JSON; every name of a number holds its unit."""

from math import isfinite
from typing import Any

from clinflu.analysis.review.decisions import words_of
from clinflu.analysis.review.gain import METHOD, Gain
from clinflu.analysis.review.queue import Queue, Suspect
from clinflu.analysis.review.result import Review
from clinflu.analysis.review.stopping import NOISE
from clinflu.data.pseudonym import Pseudonyms

PERCENT = 100.0
NO_GAIN = "No label was mended yet."


def review_values(review: Review, names: Pseudonyms) -> dict[str, Any]:
    """Return everything that a review shows, without any id of the source.

    Parameters
    ----------
    review : Review
    names : Pseudonyms
        What encounters and patients are called.
    """
    provenance, stops = review.provenance, review.stopping
    simulated = " SIMULATED patients." if provenance.simulated else ""
    frame = review.decisions.frame
    return {
        "notice": f"INTERNAL working paper: not for distribution.{simulated}",
        "noise": NOISE,
        "order": review.queue.order,
        "order_words": review.queue.order_words,
        "outcome": review.queue.outcome_label,
        "records": review.queue.records,
        "suspects": [suspect_values(review.queue, one, names) for one in review.queue.suspects],
        "decided": [
            {
                "encounter": name,
                "says": row["says"],
                "words": words_of(row["says"]),
                "reviewers": int(row["reviewers"]),
                "author": row["author"],
                "note": row["note"],
            }
            for name, row in zip(names.encounters(map(str, frame.index)), frame.to_dict("records"), strict=True)
        ],
        "notes": list(review.decisions.notes),
        "gain": gain_values(review.gain) if review.gain else {"words": NO_GAIN, "mended": 0, "metrics": []},
        "gain_after_each": [gain_values(one) for one in review.gains],
        "gain_method": METHOD,
        "stopping": {
            "stop": stops.stop,
            "words": stops.words,
            "reviewed": stops.reviewed,
            "wrong": stops.wrong,
            "batch": stops.rule.batch,
            "rate_percent": PERCENT * stops.rule.rate,
            "budget": stops.rule.budget,
            "upper_bound_percent": PERCENT * stops.upper,
        },
        "provenance": {
            "source": provenance.source,
            "sha256": provenance.sha256,
            "loader": provenance.loader,
            "simulated": provenance.simulated,
        },
    }


def suspect_values(queue: Queue, suspect: Suspect, names: Pseudonyms) -> dict[str, Any]:
    """Return a suspect under pseudonyms."""
    return {
        "rank": suspect.rank,
        "encounter": names.encounter(suspect.encounter_id),
        "patient": names.patient(suspect.patient_id),
        "outcome": suspect.outcome,
        "risk_without_percent": _known(PERCENT * suspect.risk_without),
        "score": _known(suspect.score),
        "reasons": list(queue.reason(suspect)),
    }


def gain_values(gain: Gain) -> dict[str, Any]:
    """Return a gain as plain values."""
    numbers = ("before", "after", "change", "low", "high")
    return {
        "words": gain.words,
        "mended": gain.mended,
        "confirming_encounters": gain.encounters,
        "confirming_patients": gain.patients,
        "training_events_before": gain.training_events[0],
        "training_events_after": gain.training_events[1],
        "level": gain.level,
        "metrics": [
            {"metric": one.metric, "label": one.label, "says": one.says}
            | {name: _known(getattr(one, name)) for name in numbers}
            for one in gain.metrics
        ],
    }


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
