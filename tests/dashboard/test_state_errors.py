"""An action that fails changes nothing and says one neutral line; who is told of what."""

import logging
from dataclasses import replace

import pytest
from dashboard.steps import assert_answers_belong_to_the_screen, everything, other_mistake, past

from clinflu.dashboard.answers import FAILED, STOPPED, UNEXPECTED
from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.state import State
from clinflu.errors import DataError

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
