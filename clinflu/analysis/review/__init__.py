"""The chart-review queue: which past records to check first, why, what a mended label is worth, and when to stop."""

from clinflu.analysis.review.decisions import DISPUTED, FIXES, LEFT_OUT, Decisions, check_says, decisions, fixes_of
from clinflu.analysis.review.gain import Gain, GainOfMetric, gain, gain_after_each
from clinflu.analysis.review.queue import Queue, Ranking, Suspect, queue, ranking
from clinflu.analysis.review.recording import give_verdict, withdraw_verdict
from clinflu.analysis.review.result import Review, review, steps_of
from clinflu.analysis.review.stopping import Rule, Stopping, stopping
from clinflu.analysis.review.values import review_values

__all__ = [
    "DISPUTED",
    "FIXES",
    "LEFT_OUT",
    "Decisions",
    "Gain",
    "GainOfMetric",
    "Queue",
    "Ranking",
    "Review",
    "Rule",
    "Stopping",
    "Suspect",
    "check_says",
    "decisions",
    "fixes_of",
    "gain",
    "gain_after_each",
    "give_verdict",
    "queue",
    "ranking",
    "review",
    "review_values",
    "steps_of",
    "stopping",
    "withdraw_verdict",
]
