"""The state: choosing, going on and the list, and what each asks of the audit."""

import numpy as np
import pandas as pd
import pytest
from dashboard.steps import assert_answers_belong_to_the_screen, everything, other_mistake, past

from clinflu.dashboard.screen import CHIPS, EDIT, REMOVE, SORTS, Ask, Screen
from clinflu.dashboard.state import State
from clinflu.dashboard.worklist import PAGE_ROWS
from clinflu.verdicts.verdict import account_name

# What is there at first.


def test_nothing_is_chosen_at_first(state, audit):
    assert state.screen == Screen(threshold=audit.threshold, author=account_name())
    assert state.screen.encounter_id == ""
    assert state.answers == {}
    assert not state.can_undo
    assert not state.can_redo
    assert (state.status, state.error) == ("", "")


# Choosing, and going on.


def test_choosing_explains_the_prediction_as_the_audit_does(state, audit, fresh):
    chosen = other_mistake(audit, 0)
    state.choose(chosen)
    assert (state.screen.encounter_id, state.screen.step) == (chosen, 1)
    assert set(state.answers) == {"prediction"}
    trace = fresh.trace(chosen)
    assert state.prediction.risk == trace.risk
    assert state.prediction.interval == trace.interval
    assert state.prediction.patients_of_half == trace.patients_of_half
    pd.testing.assert_frame_equal(state.prediction.attribution, trace.attribution)
    assert_answers_belong_to_the_screen(state)


def test_choosing_the_same_again_is_no_step(state, worst):
    before = everything(state)
    state.choose(worst)
    assert everything(state) == before


def test_choosing_another_forgets_what_was_asked_about_the_last(state, audit, opened):
    state.tick(past(state), on=True)
    state.prepare(action=EDIT, group=("ward", "surgical"), variable="age_years", value="3")
    state.ask(Ask(REMOVE, encounters=state.screen.ticked))
    stamp = state.stamp
    state.choose(other_mistake(audit))
    screen = state.screen
    assert (screen.ticked, screen.asked, screen.group, screen.variable, screen.value) == ((), None, (), "", "")
    assert screen.step == 1
    assert screen.encounter_id != opened
    assert set(state.answers) == {"prediction"}
    assert state.stamp == stamp + 1


def test_past_patients_are_those_of_the_trace(state, fresh, worst):
    state.open_past_patients()
    trace = fresh.trace(worst)
    found = state.answer("refits")
    for shown, told in ((found.toward_error, trace.pushed_toward_error), (found.against, trace.pushed_against)):
        numbers = told.drop(columns="carried_by")
        pd.testing.assert_frame_equal(shown[numbers.columns], numbers)
        assert shown["carried_by"].map(repr).equals(told["carried_by"].map(repr))
    assert found.together == trace.together
    assert state.answer("estimates").together is None
    pd.testing.assert_frame_equal(state.answer("ledger").to_frame(), fresh.ledger(worst, "ward").to_frame())
    assert_answers_belong_to_the_screen(state)


def test_opening_a_step_again_does_not_close_a_later_one(state, opened):
    state.open_past_patients()
    assert (state.screen.encounter_id, state.screen.step) == (opened, 3)


def test_groups_can_be_chosen(state, fresh, opened):
    state.group_by("ward_team")
    assert state.screen.by == "ward_team"
    pd.testing.assert_frame_equal(state.answer("ledger").to_frame(), fresh.ledger(opened, "ward_team").to_frame())
    assert state.answer("tally").index.name == "ward_team"
    assert_answers_belong_to_the_screen(state)


def test_past_encounters_are_ticked_and_no_longer_in_their_order(state, opened):
    first, second = past(state, 3), past(state, 0)
    for one in (first, second):
        state.tick(one, on=True)
    assert state.screen.ticked == (first, second)
    state.tick(first, on=False)
    assert state.screen.ticked == (second,)
    state.tick(second, on=True)
    assert state.screen.ticked == (second,)
    assert state.screen.encounter_id == opened


# The list.


def test_the_list_begins_with_the_mistakes_of_the_audit_in_order(state, audit, fresh):
    for threshold in (audit.threshold, 0.5, 0.1):
        state.set_threshold(threshold)
        wrong = list(fresh.mistakes(threshold).index)
        assert wrong
        listed = state.worklist.ids[state.worklist.order(state.screen, state.low)]
        assert list(listed[: len(wrong)]) == wrong
        assert sorted(listed) == sorted(audit.design.encounter_ids[audit.audited_rows])


def test_another_threshold_changes_the_kind_and_no_other_number(state, worst):
    before = state.prediction
    state.set_threshold(before.risk * 0.9)
    assert state.prediction.threshold == before.risk * 0.9
    assert state.prediction.kind == "right"
    assert (state.prediction.risk, state.prediction.interval) == (before.risk, before.interval)
    assert state.screen.encounter_id == worst


def test_each_step_of_the_list_begins_at_its_first_page(state):
    steps = (
        lambda: state.set_threshold(0.4),
        lambda: state.toggle_chip("missed"),
        lambda: state.search("medical"),
        lambda: state.sort("oldest"),
        state.clear_filters,
    )
    for step in steps:
        state.turn_to(1)
        assert state.screen.page == 1
        step()
        assert state.screen.page == 0


def test_chips_add_up_and_are_taken_off_again(state):
    for chip in ("missed", "old"):
        state.toggle_chip(chip)
    assert set(state.screen.chips) == {"missed", "old"}
    reversed_order = State(state.audit)
    for chip in ("old", "missed"):
        reversed_order.toggle_chip(chip)
    assert reversed_order.screen == state.screen
    state.toggle_chip("missed")
    assert state.screen.chips == ("old",)
    state.clear_filters()
    assert state.screen.chips == ()


def test_the_support_is_looked_at_once_it_is_asked_for(state, fresh):
    assert state.low is None
    state.toggle_chip("low")
    low = fresh.support_table()["low"]
    np.testing.assert_array_equal(state.low, low)
    listed = state.worklist.ids[state.worklist.order(state.screen, state.low)]
    assert sorted(listed) == sorted(low.index[low])
    state.toggle_chip("low")
    assert state.low is None


@pytest.mark.parametrize("how", SORTS)
def test_every_order_that_is_offered_can_be_chosen(state, how):
    state.sort(how)
    assert state.screen.sort == how
    assert len(state.worklist.order(state.screen)) == len(state.worklist)


@pytest.mark.parametrize("chip", CHIPS)
def test_every_chip_that_is_offered_can_be_chosen(state, chip):
    state.toggle_chip(chip)
    assert state.screen.chips == (chip,)
    assert len(state.worklist.order(state.screen, state.low)) < len(state.worklist)


def test_pages_end_where_the_list_does(state):
    state.turn_to(10**30)
    assert state.screen.page == -(-len(state.worklist) // PAGE_ROWS) - 1
    state.turn_to(-3)
    assert state.screen.page == 0
    state.search("nobody is called that")
    state.turn_to(5)
    assert state.screen.page == 0


def test_a_long_search_is_cut(state):
    state.search("x" * 100_000)
    assert len(state.screen.search) == 80
