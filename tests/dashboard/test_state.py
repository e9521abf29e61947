"""The state: what is chosen, and what happens when a step fails."""

import logging

import pytest

from clinflu.dashboard.state import UNEXPECTED, State
from clinflu.errors import DataError


@pytest.fixture
def state(audit):
    return State(audit)


def test_nothing_is_chosen_at_first(state, audit):
    assert state.encounter_id == ""
    assert state.threshold == audit.threshold
    assert state.selected == ()


def test_mistakes_are_those_of_the_audit(state, audit):
    assert list(state.mistakes.index) == list(audit.mistakes().index)
    assert list(state.mistakes["name"]) == [audit.pseudonyms.encounter(one) for one in audit.mistakes().index]


def test_mistakes_are_filtered_by_kind_and_by_pseudonym(state, audit):
    expected = audit.mistakes()
    state.kind = "missed"
    assert list(state.mistakes.index) == list(expected[expected["kind"] == "missed"].index)
    state.kind, name = "", state.mistakes["name"].iloc[3]
    state.search = f" {name.lower()[2:]} "
    assert list(state.mistakes["name"]) == [name]
    state.search = ".*"
    assert state.mistakes.empty


def test_choosing_forgets_who_was_selected(state, audit):
    first, second = audit.mistakes().index[:2]
    state.choose(first)
    state.selected = tuple(state.trace.pushed_toward_error.index[:2])
    state.choose(second)
    assert (state.encounter_id, state.selected) == (second, ())


def test_a_choice_that_fails_changes_nothing(state, audit):
    chosen = audit.mistakes().index[0]
    state.choose(chosen)
    with pytest.raises(DataError):
        state.choose("nobody")
    assert state.encounter_id == chosen


@pytest.mark.parametrize("threshold", [0, 1, -3.0, 7])
def test_a_threshold_that_makes_no_sense_changes_nothing(state, audit, threshold):
    with pytest.raises(DataError):
        state.set_threshold(threshold)
    assert state.threshold == audit.threshold


def test_another_threshold_lists_other_mistakes(state, audit):
    state.set_threshold(0.5)
    assert list(state.mistakes.index) == list(audit.mistakes(0.5).index)


def test_a_pseudonym_leads_back_only_among_those_listed(state, audit):
    listed = audit.mistakes().index
    assert state.encounter_of(audit.pseudonyms.encounter(listed[2]), listed) == listed[2]
    with pytest.raises(DataError, match="no longer listed"):
        state.encounter_of(audit.pseudonyms.encounter(listed[2]), listed[:2])


def test_an_error_of_the_users_is_shown_in_its_own_words(state):
    def refuse():
        raise DataError("give another\nthreshold")

    state.guarded(refuse)()
    assert state.error == "give another threshold"


def test_any_other_error_is_neutral_on_the_page_and_in_the_log(state, caplog):
    def fail():
        raise RuntimeError("Jane Doe, born 1931-04-02")

    with caplog.at_level(logging.DEBUG):
        state.guarded(fail)()
    assert state.error == UNEXPECTED
    assert "RuntimeError" in caplog.text
    assert "Doe" not in caplog.text


def test_the_next_step_clears_the_last_error(state):
    state.error = "something"
    state.acting(lambda: None)()
    assert state.error == ""
