"""Every step is undone and done again; checkpoints are returned to."""

from dataclasses import fields, replace

import pytest
from dashboard.steps import assert_answers_belong_to_the_screen, everything, other_mistake, past

from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import RELABEL, REMOVE, Ask
from clinflu.dashboard.undoing import step_words
from clinflu.errors import DataError
from clinflu.verdicts import verdict

LATER = verdict("prediction", "E-K3QX7A2M5T", "model_right", author="Dr Grey")


def test_every_step_is_undone_and_done_again(state, audit):
    first, second = other_mistake(audit, 0), other_mistake(audit, 1)
    named, other = audit.pseudonyms.encounters((first, second))
    withdrawn, again = " The log says that it was withdrawn.", " It stands in the log again."
    shown = " The log holds the verdict as it is shown now."
    steps = {
        f"choosing {named}": lambda: state.choose(first),
        "opening the past patients": state.open_past_patients,
        "the tick on E-": lambda: state.tick(past(state), on=True),
        "the what-if question": lambda: state.ask(Ask(REMOVE, encounters=state.screen.ticked)),
        "the search how much one altered past record could change": state.ask_altered,
        "the alert threshold": lambda: state.set_threshold(0.3),
        "the filter": lambda: state.toggle_chip("missed"),
        "the search": lambda: state.search("red"),
        "the order of the list": lambda: state.sort("highest"),
        "the filter and the search": state.clear_filters,
        "turning the page": lambda: state.turn_to(1),
        "the grouping of past patients": lambda: state.group_by("ward_team"),
        "what stood in the boxes of What if": lambda: state.prepare(action=RELABEL),
        "your name": lambda: state.sign("Dr Grey", "prediction", first),
        f"verdict on {named}": lambda: state.judge("prediction", first, "missing_factor", "frailty"),
        f"the change of the verdict on {named}": lambda: state.judge("prediction", first, "model_right", "frailty"),
        f"the note on the verdict on {named}": lambda: state.judge("prediction", first, "model_right", "age"),
        f"the name under the verdict on {named}": lambda: state.sign("Dr Black", "prediction", first),
        f"taking back the verdict on {named}": lambda: state.judge("prediction", first, ""),
        f"choosing {other}": lambda: state.choose(second),
    }
    in_the_log = dict.fromkeys((words for words in steps if " verdict on " in words), (shown, shown))
    in_the_log |= {f"verdict on {named}": (withdrawn, again), f"taking back the verdict on {named}": (again, withdrawn)}
    screens = [state.screen]
    for step in steps.values():
        step()
        screens.append(state.screen)
    assert len(set(screens)) > len(screens) - 2  # a verdict that was taken back leaves what was before it
    for words, screen in zip(reversed(steps), reversed(screens[:-1]), strict=True):
        state.undo()
        assert state.screen == screen
        assert state.status.startswith(f"Undone: {words}")
        assert state.status.endswith(in_the_log.get(words, ("",))[0])
        assert ("log" in state.status) == (words in in_the_log)
        assert_answers_belong_to_the_screen(state)
    assert not state.can_undo
    for words, screen in zip(steps, screens[1:], strict=True):
        state.redo()
        assert state.screen == screen
        assert state.status.startswith(f"Done again: {words}")
        assert state.status.endswith(in_the_log.get(words, ("", ""))[1])
        assert_answers_belong_to_the_screen(state)
    assert not state.can_redo


def test_whatever_a_step_changed_there_are_words_for_it(state):
    before, others = state.screen, {"verdicts": (LATER,), "step": 2, "encounter_id": "17"}
    for field in fields(before):
        after = replace(before, **{field.name: others.get(field.name, ("17",))})
        assert step_words(before, after, str), field.name
        assert step_words(after, before, str), field.name
    assert step_words(before, replace(before, encounter_id="1", step=1), lambda one: f"E-{one}") == "choosing E-1"


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
