"""The state: every action, what it asks of the audit, and that an action that fails changes nothing."""

import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.dashboard.answers import FAILED, READY, STOPPED, UNEXPECTED
from clinflu.dashboard.questions import QUESTIONS, actions
from clinflu.dashboard.screen import CHIPS, EDIT, RELABEL, REMOVE, SORTS, Ask, Screen
from clinflu.dashboard.state import State
from clinflu.dashboard.worklist import PAGE_ROWS
from clinflu.errors import DataError, StoreError
from clinflu.verdicts import AccessLog, VerdictStore
from clinflu.verdicts.verdict import account_name


def everything(state):
    """Return all that an action may change."""
    flags = state.stamp, state.revealed, state.help_open, state.can_undo, state.can_redo
    return state.screen, dict(state.answers), dict(state.checkpoints), flags


def assert_answers_belong_to_the_screen(state):
    asked = {name: question.key(state.screen) for name, question in QUESTIONS.items()}
    assert {name: one.key for name, one in state.answers.items()} == {
        name: key for name, key in asked.items() if key is not None
    }
    assert {one.status for one in state.answers.values()} <= {READY}


def other_mistake(audit, place=1):
    return str(audit.mistakes().index[place])


def past(state, place=0):
    return str(state.answer("estimates").toward_error.index[place])


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


# What if.


def test_ticked_encounters_are_removed(state, fresh, opened):
    asked = (past(state, 0), past(state, 2))
    state.ask(Ask(REMOVE, encounters=asked))
    refit = fresh.what_if(Remove(asked))
    assert state.answer("change").refit == refit
    assert state.answer("change").refit.risk_after(opened) == refit.risk_after(opened)
    known, interval = state.answer("consequences"), refit.risk_change_interval_pp(opened)
    pd.testing.assert_frame_equal(known.everyone, refit.metrics())
    pd.testing.assert_frame_equal(known.subgroups, refit.subgroup_metrics())
    assert known.interval == interval
    assert known.warnings == refit.warnings
    assert_answers_belong_to_the_screen(state)


def test_ticked_encounters_get_the_other_outcome(state, fresh, opened):
    outcomes = fresh.cohort.outcome[fresh.study.train_ids]
    asked = (outcomes.idxmin(), outcomes.idxmax())
    state.ask(Ask(RELABEL, encounters=asked))
    others = {one: 1 - int(fresh.cohort.outcome[one]) for one in asked}
    assert set(others.values()) == {0, 1}
    assert state.answer("change").refit == fresh.what_if(Relabel(others))
    assert state.screen.encounter_id == opened


@pytest.mark.parametrize(
    ("variable", "typed", "recorded"),
    [
        ("age_years", "41", 41.0),
        ("age_years", " 41,5 ", 41.5),
        ("creatinine", "", None),
        ("ward", "surgical", "surgical"),
        ("ward_team", "", None),
    ],
)
def test_one_recorded_value_is_edited(state, fresh, opened, variable, typed, recorded):
    one = past(state, 1)
    state.ask(Ask(EDIT, encounters=(one,), variable=variable, value=typed))
    assert state.answer("change").refit == fresh.what_if(Edit(one, {variable: recorded}))
    assert state.screen.encounter_id == opened


@pytest.mark.usefixtures("opened")
def test_every_group_that_is_offered_is_removed_as_a_whole(state, fresh):
    groups = state.groups
    assert {group.variable for group in groups} == {"ward", "ward_team"}
    assert "missing" in {group.level for group in groups}
    for group in groups:
        state.ask(Ask(REMOVE, group=(group.variable, group.level)))
        members = fresh.study.train_ids[group.rows]
        assert state.answer("change").refit == fresh.what_if(Remove(members))
        assert_answers_belong_to_the_screen(state)


def assert_groups_are_found(audit):
    """What a group is offered as leads to the rows that have its level in the table."""
    groups = State(audit).groups
    assert len({group.variable for group in groups}) == 2
    frame = audit.cohort.frame.iloc[audit.train_rows]
    for group in groups:
        refit = audit.what_if(*actions(audit, Ask(REMOVE, group=(group.variable, group.level))))
        values = frame[group.variable]
        members = values.isna() if group.level == "missing" else values == group.level
        np.testing.assert_array_equal(refit.change.rows, np.flatnonzero(members))
        np.testing.assert_array_equal(refit.change.rows, group.rows)


def test_groups_with_hostile_names_and_levels_are_found(hostile_audit):
    assert_groups_are_found(hostile_audit)


@pytest.mark.parametrize("name", ["class", "not", "missing", "None", "two words", "é", "1st", "a`b", "a'b", 'a"b'])
def test_a_group_of_a_variable_with_any_name_is_found(small_cohort, name):
    old = small_cohort.schema
    features = tuple(replace(one, name=name) if one.name == "ward_team" else one for one in old.features)
    schema = replace(old, features=features, subgroups=("ward", name))
    frame = small_cohort.frame.rename(columns={"ward_team": name})
    assert_groups_are_found(Audit.fit(replace(small_cohort, frame=frame, schema=schema)))


@pytest.mark.parametrize("action", [REMOVE, RELABEL])
def test_the_fewest_are_searched_by_the_threshold_on_the_screen(state, fresh, opened, action):
    threshold = state.prediction.risk * 1.6
    state.set_threshold(threshold)
    state.ask(Ask(action, fewest=True))
    found = fresh.flip_set(opened, threshold=threshold, relabel=action == RELABEL)
    assert found.verified
    assert state.answer("change").found.encounters == found.encounters
    assert state.answer("change").refit.risk_after(opened) == pytest.approx(found.risk_after, abs=1e-9)
    assert found.risk_after >= threshold > found.risk_before
    assert found.size > 1
    state.set_threshold(state.prediction.risk * 1.3)
    assert state.answer("change").found.size < found.size
    assert_answers_belong_to_the_screen(state)


def test_where_no_few_are_found_there_is_no_refit(state, opened, monkeypatch):
    search = type(state.audit).flip_set

    def hopeless(*arguments, **options):
        return search(*arguments, **options, max_patients=1)

    monkeypatch.setattr(type(state.audit), "flip_set", hopeless)
    state.set_threshold(0.999)
    state.ask(Ask(REMOVE, fewest=True))
    assert not state.answer("change").found.verified
    assert state.answer("change").refit is None
    assert state.answers["consequences"].status == READY
    assert state.answer("consequences") is None
    assert state.screen.encounter_id == opened


def test_the_same_question_about_another_patient_is_answered_anew(state, fresh, audit, opened):
    ask = Ask(REMOVE, group=("ward", "surgical"))
    state.ask(ask)
    state.keep("the first")
    state.choose(other_mistake(audit))
    state.ask(ask)
    refit = fresh.what_if(*actions(fresh, ask))
    for step in (lambda: state.return_to("the first"), state.undo, state.redo):
        step()
        chosen = state.screen.encounter_id
        assert state.answer("consequences").interval == refit.risk_change_interval_pp(chosen)
    assert state.screen.encounter_id == opened


# Actions that fail.

REFUSED = {
    "an encounter that is not there": lambda state: state.choose("nobody"),
    "a threshold of 0": lambda state: state.set_threshold(0),
    "a threshold of 1": lambda state: state.set_threshold(1),
    "a threshold below 0": lambda state: state.set_threshold(-3.0),
    "a threshold over 1": lambda state: state.set_threshold(7),
    "a threshold that is no number": lambda state: state.set_threshold(float("nan")),
    "an endless threshold": lambda state: state.set_threshold(float("inf")),
    "a threshold in words": lambda state: state.set_threshold("0.2"),
    "a chip that is not there": lambda state: state.toggle_chip("rich"),
    "an order that is not there": lambda state: state.sort("random"),
    "a tick of nobody": lambda state: state.tick("nobody", on=True),
    "a tick of an audited encounter": lambda state: state.tick(state.screen.encounter_id, on=True),
    "a group by a number": lambda state: state.group_by("age_years"),
    "a group by nothing": lambda state: state.group_by(""),
    "nobody removed": lambda state: state.ask(Ask(REMOVE)),
    "nobody relabelled": lambda state: state.ask(Ask(RELABEL)),
    "an unknown group removed": lambda state: state.ask(Ask(REMOVE, group=("nosuch", "medical"))),
    "an edit of no variable": lambda state: state.ask(Ask(EDIT, encounters=(past(state),), value="3")),
    "an edit of the outcome": lambda state: state.ask(Ask(EDIT, (past(state),), variable="readmitted", value="1")),
    "an edit to no number": lambda state: state.ask(Ask(EDIT, (past(state),), variable="age_years", value="old")),
    "an edit to a number that is none": lambda state: state.ask(
        Ask(EDIT, (past(state),), variable="age_years", value="nan")
    ),
    "an edit beyond the bounds": lambda state: state.ask(Ask(EDIT, (past(state),), variable="age_years", value="500")),
    "an edit to an unknown level": lambda state: state.ask(Ask(EDIT, (past(state),), variable="ward", value="moon")),
    "a verdict that is none": lambda state: state.judge("prediction", state.screen.encounter_id, "nonsense"),
    "a verdict of a record on a prediction": lambda state: state.judge("prediction", "", "planned"),
    "a verdict on neither": lambda state: state.judge("weather", past(state), "planned"),
    "a note too long": lambda state: state.judge("record", past(state), "planned", "x" * 2001),
    "a checkpoint without a name": lambda state: state.keep(" \n\t "),
    "a checkpoint that is not there": lambda state: state.return_to("nowhere"),
    "redo of nothing": lambda state: state.redo(),
}


@pytest.mark.parametrize("action", REFUSED.values(), ids=REFUSED)
def test_an_action_that_is_refused_changes_nothing_and_says_one_line(state, store, opened, action):
    state.judge("prediction", opened, "model_right")
    state.tick(past(state), on=True)
    before, filed = everything(state), len(store.history(state.audit.study.fingerprint))
    state.acting(action)(state)
    assert state.error
    assert state.error != UNEXPECTED
    assert "\n" not in state.error
    assert opened not in state.error
    assert everything(state) == before
    assert len(store.history(state.audit.study.fingerprint)) == filed


NEEDS_A_CHOICE = {
    "past patients": lambda state: state.open_past_patients(),
    "what if": lambda state: state.open_what_if(),
    "ask": lambda state: state.ask(Ask(REMOVE, fewest=True)),
    "judge": lambda state: state.judge("prediction", "", "model_right"),
    "reveal": lambda state: state.reveal(),
    "undo": lambda state: state.undo(),
}


@pytest.mark.parametrize("action", NEEDS_A_CHOICE.values(), ids=NEEDS_A_CHOICE)
def test_before_anything_is_chosen_nothing_can_be_asked_about_it(state, access_log, action):
    before = everything(state)
    with pytest.raises(DataError):
        action(state)
    assert everything(state) == before
    assert not access_log.exists()


@pytest.mark.parametrize("question", [name for name, one in QUESTIONS.items() if one.at_once])
def test_a_step_whose_question_fails_changes_nothing(state, audit, worst, monkeypatch, question):
    def fail(*_):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setitem(QUESTIONS, question, replace(QUESTIONS[question], answer=fail))
    step = (lambda: state.choose(other_mistake(audit))) if question == "prediction" else state.open_past_patients
    before = everything(state)
    state.acting(step)()
    assert state.error == UNEXPECTED
    assert everything(state) == before
    assert state.screen.encounter_id == worst


def test_a_question_that_fails_later_leaves_the_rest_and_can_be_asked_again(state, opened, monkeypatch):
    good = QUESTIONS["change"]

    def fail(*_):
        raise DataError("no\nfit")

    monkeypatch.setitem(QUESTIONS, "change", replace(good, answer=fail))
    asked = Ask(REMOVE, encounters=(past(state),))
    state.ask(asked)
    assert (state.answers["change"].status, state.answers["change"].line) == (FAILED, "no fit")
    assert state.answer("change") is None
    assert "consequences" not in state.answers
    assert state.answer("refits").together == state.audit.past_patients(opened).together
    monkeypatch.setitem(QUESTIONS, "change", good)
    state.try_again()
    assert state.answer("change").refit.risk_after(opened) != state.prediction.risk
    assert_answers_belong_to_the_screen(state)


def test_stopping_where_nothing_goes_on_keeps_every_answer(state, opened):
    before = everything(state)
    state.stop()
    assert everything(state) == before
    assert state.status == STOPPED
    assert state.screen.encounter_id == opened


# Back and forth.


def test_every_step_is_undone_and_done_again(state, audit):
    first, second = other_mistake(audit, 0), other_mistake(audit, 1)
    steps = [
        lambda: state.choose(first),
        state.open_past_patients,
        lambda: state.tick(past(state), on=True),
        lambda: state.ask(Ask(REMOVE, encounters=state.screen.ticked)),
        lambda: state.set_threshold(0.3),
        lambda: state.toggle_chip("missed"),
        lambda: state.search("red"),
        lambda: state.sort("highest"),
        lambda: state.group_by("ward_team"),
        lambda: state.prepare(action=RELABEL),
        lambda: state.sign("Dr Grey", "prediction", first),
        lambda: state.judge("prediction", first, "missing_factor", "frailty"),
        lambda: state.choose(second),
    ]
    screens = [state.screen]
    for step in steps:
        step()
        screens.append(state.screen)
    assert len(set(screens)) == len(screens)
    for screen in reversed(screens[:-1]):
        state.undo()
        assert state.screen == screen
        assert_answers_belong_to_the_screen(state)
    assert not state.can_undo
    for screen in screens[1:]:
        state.redo()
        assert state.screen == screen
        assert_answers_belong_to_the_screen(state)
    assert not state.can_redo


def test_a_new_step_ends_what_could_be_done_again(state):
    state.sort("highest")
    state.undo()
    state.sort("lowest")
    assert not state.can_redo
    state.undo()
    assert state.screen.sort == "worst"


def test_an_undo_that_fails_can_be_tried_again(state, audit, worst, monkeypatch):
    state.choose(other_mistake(audit))
    before, good = everything(state), QUESTIONS["prediction"]

    def fail(*_):
        raise DataError("not now")

    monkeypatch.setitem(QUESTIONS, "prediction", replace(good, answer=fail))
    with pytest.raises(DataError, match="not now"):
        state.undo()
    assert everything(state) == before
    monkeypatch.setitem(QUESTIONS, "prediction", good)
    state.undo()
    assert state.screen.encounter_id == worst


def test_a_long_session_forgets_its_oldest_steps_only(state):
    for place in range(700):
        state.search(f"x{place}")
    undone = 0
    while state.can_undo:
        state.undo()
        undone += 1
    assert 500 <= undone < 700
    assert state.screen.search == f"x{699 - undone}"


def test_a_checkpoint_is_returned_to_and_that_can_be_undone(state, audit, worst):
    kept = state.screen
    state.keep("  the\nfirst  ")
    assert state.checkpoints == {"the first": kept}
    state.choose(other_mistake(audit))
    left = state.screen
    state.return_to("the first")
    assert state.screen == kept
    assert state.prediction.encounter_id == worst
    state.undo()
    assert state.screen == left


# Verdicts.


def said(store, audit):
    return [(row.kind, row.says, row.note) for row in store.history(audit.study.fingerprint).itertuples()]


def test_verdicts_reach_the_store_and_undo_withdraws_them(state, store, audit, worst):
    state.sign("Dr Grey", "prediction", worst)
    state.judge("prediction", worst, "missing_factor", "frailty")
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.encounter, row.says, row.author) == (audit.pseudonyms.encounter(worst), "missing_factor", "Dr Grey")
    assert worst not in row
    assert state.verdict_of("prediction", worst).note == "frailty"
    state.undo()
    assert store.current(audit.study.fingerprint).empty
    assert state.verdict_of("prediction", worst) is None
    state.redo()
    assert len(store.current(audit.study.fingerprint)) == 1
    state.judge("prediction", worst, "")
    assert store.current(audit.study.fingerprint).empty
    assert [kind for kind, *_ in said(store, audit)] == ["given", "withdrawn", "given", "withdrawn"]


def test_another_verdict_takes_the_place_of_the_last(state, store, audit, opened):
    one = past(state)
    state.judge("record", one, "planned", "elective")
    state.judge("record", one, "transfer", "elective")
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.says, row.encounter) == ("transfer", audit.pseudonyms.encounter(one))
    assert row.about == audit.pseudonyms.encounter(opened)
    state.undo()
    assert list(store.current(audit.study.fingerprint)["says"]) == ["planned"]
    assert state.verdict_of("record", one).says == "planned"


def test_a_verdict_on_a_record_belongs_to_the_explanation_that_it_was_given_in(state, audit, opened):
    one = past(state)
    state.judge("record", one, "planned")
    state.choose(other_mistake(audit))
    assert state.verdict_of("record", one) is None
    state.choose(opened)
    assert state.verdict_of("record", one).says == "planned"


def test_a_checkpoint_brings_its_verdicts_back(state, store, audit, worst):
    state.judge("prediction", worst, "model_right")
    state.keep("judged")
    state.judge("prediction", worst, "")
    state.return_to("judged")
    assert list(store.current(audit.study.fingerprint)["says"]) == ["model_right"]


def test_a_verdict_that_cannot_be_kept_is_not_given(audit, tmp_path):
    (tmp_path / "file").write_text("in the way")
    state = State(audit, VerdictStore(tmp_path / "file" / "verdicts.sqlite"))
    state.choose(other_mistake(audit))
    before = everything(state)
    state.acting(state.judge)("prediction", state.screen.encounter_id, "model_right")
    assert "store of verdicts" in state.error
    assert everything(state) == before


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_of_several_verdicts_either_all_are_filed_or_none(state, store, audit, opened, monkeypatch, failing):
    state.judge("prediction", opened, "model_right")
    state.judge("record", past(state), "planned")
    state.keep("first thoughts")
    state.judge("prediction", opened, "missing_factor")
    state.judge("record", past(state), "correct")
    current = store.current(audit.study.fingerprint)
    done = []

    def fails_once(step):
        def run(*arguments):
            done.append(step)
            if len(done) == failing:
                raise StoreError("the store of verdicts is full; make room")
            step(*arguments)

        return run

    for name in ("give", "withdraw"):
        monkeypatch.setattr(store, name, fails_once(getattr(store, name)))
    before = everything(state)
    state.acting(state.return_to)("first thoughts")
    assert state.error == "the store of verdicts is full; make room"
    assert everything(state) == before
    columns = [name for name in current.columns if name != "session"]
    ordered = store.current(audit.study.fingerprint).sort_values("subject", ignore_index=True)
    pd.testing.assert_frame_equal(ordered[columns], current.sort_values("subject", ignore_index=True)[columns])
    state.acting(state.return_to)("first thoughts")
    assert sorted(store.current(audit.study.fingerprint)["says"]) == ["model_right", "planned"]


def test_two_sessions_do_not_see_each_other_but_share_the_store(state_of, store, audit):
    one, other = state_of(audit), state_of(audit)
    chosen = other_mistake(audit)
    for state, author, word in ((one, "A", "model_right"), (other, "B", "missing_factor")):
        state.choose(chosen)
        state.sign(author, "prediction", chosen)
        state.judge("prediction", chosen, word)
    assert store.current(audit.study.fingerprint)["session"].nunique() == 2
    assert sorted(store.current(audit.study.fingerprint)["author"]) == ["A", "B"]
    one.undo()
    assert list(store.current(audit.study.fingerprint)["author"]) == ["B"]


def test_a_name_is_one_line_and_an_empty_one_is_the_account(state, worst):
    state.sign(" Dr \x00\n Grey " + "y" * 200, "prediction", worst)
    assert state.screen.author == ("Dr Grey " + "y" * 200)[:80]
    state.sign("\n", "prediction", worst)
    assert state.screen.author == account_name()


def test_a_name_is_that_of_the_verdict_that_stands_there_and_of_those_to_come(state, store, audit, opened):
    state.judge("record", past(state, 1), "planned")
    state.judge("prediction", opened, "missing_factor", "frailty")
    state.sign("Dr Grey", "prediction", opened)
    state.judge("record", past(state, 2), "died")
    kept = store.current(audit.study.fingerprint).set_index("says")
    assert dict(kept["author"]) == {"planned": account_name(), "missing_factor": "Dr Grey", "died": "Dr Grey"}
    assert kept.at["missing_factor", "note"] == "frailty"
    state.undo()
    state.undo()
    assert set(store.current(audit.study.fingerprint)["author"]) == {account_name()}


# Revealing.


def test_revealing_is_written_down_before_anything_is_shown(state, access_log, audit, worst):
    written = []
    state.watch(lambda _: written.append((state.revealed, access_log.exists())))
    state.sign("Dr Grey", "prediction", worst)
    state.reveal()
    assert state.revealed
    assert all(logged for revealed, logged in written if revealed)
    (line,) = access_log.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["pseudonym"], entry["said_to_be"]) == (audit.pseudonyms.encounter(worst), "Dr Grey")
    assert worst not in line
    state.hide()
    assert not state.revealed
    assert len(access_log.read_text().splitlines()) == 1
    state.reveal()
    assert len(access_log.read_text().splitlines()) == 2


def test_a_log_that_cannot_be_written_reveals_nothing(state_of, audit, tmp_path, monkeypatch):
    state = state_of(audit)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(state, "_access", AccessLog(tmp_path / "file" / "access.log"))
    state.choose(other_mistake(audit))
    seen = []
    state.watch(lambda _: seen.append(state.revealed))
    state.acting(state.reveal)()
    assert "no identifier is shown" in state.error
    assert not state.revealed
    assert not any(seen)


def test_another_prediction_is_not_revealed(state, audit, worst):
    state.reveal()
    state.set_threshold(0.3)
    assert state.revealed
    state.choose(other_mistake(audit))
    assert not state.revealed
    state.undo()
    assert state.screen.encounter_id == worst
    assert not state.revealed


# Errors, and who is told.


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
    assert not any(record.exc_info for record in caplog.records)


def test_an_unexpected_error_of_an_answer_is_neutral_too(state, opened, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setitem(QUESTIONS, "change", replace(QUESTIONS["change"], answer=fail))
    with caplog.at_level(logging.DEBUG):
        state.ask(Ask(REMOVE, encounters=(past(state),)))
    assert state.answers["change"].line == UNEXPECTED
    assert "Doe" not in caplog.text
    assert state.screen.encounter_id == opened


def test_the_next_step_clears_the_last_error(state):
    state.error = "something"
    state.acting(lambda: None)()
    assert state.error == ""


def test_watchers_are_told_of_the_screen_the_status_and_every_answer(state, audit):
    told = []
    state.watch(told.append)
    state.choose(other_mistake(audit))
    assert set(told) == {"screen", "status"}
    told.clear()
    state.open_past_patients()
    assert {"screen", "refits", "ledger"} <= set(told)
    told.clear()
    state.say("Saved.")
    assert (told, state.status) == (["status"], "Saved.")


def test_help_opens_and_closes(state):
    state.toggle_help()
    assert state.help_open
    state.toggle_help()
    assert not state.help_open


def test_without_a_loop_work_is_done_at_once(state, opened):
    assert not state.is_working
    assert state.answer("refits").together == state.audit.past_patients(opened).together
    assert state.screen.encounter_id == opened


def test_without_a_store_of_its_own_a_session_uses_that_of_the_user(audit, home):
    def reveals():
        return sum(path.read_text().count("\n") for path in home.rglob("access.log"))

    state, before = State(audit), reveals()
    state.choose(other_mistake(audit))
    state.judge("prediction", state.screen.encounter_id, "not_our_patients")
    state.reveal()
    assert audit.verdicts()["says"].isin(["not_our_patients"]).any()
    assert reveals() == before + 1
