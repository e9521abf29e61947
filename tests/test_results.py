"""Results are found again by content, and only complete ones are kept."""

import pytest

from clinflu.errors import Cancelled
from clinflu.results import Results


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return [self.calls]


def test_the_same_question_is_answered_once():
    results, compute = Results("study"), Counter()
    first = results.get("what if", (["a", "b"], 1.0), compute)
    assert results.get("what if", (("a", "b"), 1.0), compute) is first
    assert compute.calls == 1


def test_another_question_subject_or_study_is_computed():
    compute = Counter()
    one, other = Results("study"), Results("another study")
    asked = [(one, "what if", ("a",)), (one, "flip set", ("a",)), (one, "what if", ("b",)), (other, "what if", ("a",))]
    answers = [results.get(question, about, compute) for results, question, about in asked]
    assert answers == [[1], [2], [3], [4]]
    assert one._of != other._of


def test_what_was_stopped_or_failed_is_not_kept():
    results = Results("study")

    def stopped():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        results.get("what if", (), stopped)
    assert len(results) == 0
    assert results.get("what if", (), lambda: 7) == 7


def test_the_result_asked_for_longest_ago_goes_first():
    results, compute = Results("study", kept=2), Counter()
    for subject in ("a", "b", "a", "c"):
        results.get("trace", (subject,), compute)
    assert compute.calls == 3
    results.get("trace", ("a",), compute)
    assert compute.calls == 3
    results.get("trace", ("b",), compute)
    assert (compute.calls, len(results)) == (4, 2)


def test_a_result_that_may_not_be_given_again_is_not_kept():
    results, compute = Results("study"), Counter()
    assert results.get("flip set", (), compute, keep=lambda _: False) == [1]
    assert results.get("flip set", (), compute) == [2]
