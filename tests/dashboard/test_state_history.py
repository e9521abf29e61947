"""Every step is undone and done again; checkpoints are returned to."""

from dataclasses import replace

import pytest
from dashboard.steps import assert_answers_belong_to_the_screen, everything, other_mistake, past

from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import RELABEL, REMOVE, Ask
from clinflu.errors import DataError


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
