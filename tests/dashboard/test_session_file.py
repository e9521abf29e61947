"""A saved session opens to the same screen and the same numbers, and no other file changes anything."""

import json
import pickle
import re
from dataclasses import replace

import pandas as pd
import pytest

from clinflu import Audit
from clinflu.dashboard.answers import UNEXPECTED
from clinflu.dashboard.app import build
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.session_file import LARGEST, NOTICE, as_text, open_text
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import StoreError

STRANGER = Pseudonyms(b"a key of another user of 32 byte")


def past(state, place=0):
    return str(state.answer("estimates").toward_error.index[place])


@pytest.fixture
def used(state, audit):
    """A session in which everything was used."""
    chosen = str(audit.mistakes().index[0])
    state.choose(chosen)
    state.open_past_patients()
    state.open_what_if()
    state.keep("opened")
    state.tick(past(state, 0), on=True)
    state.tick(past(state, 3), on=True)
    state.ask(Ask(REMOVE, encounters=state.screen.ticked))
    state.ask_altered()
    state.sign("Dr Grey", "prediction", chosen)
    state.judge("prediction", chosen, "missing_factor", "frailty <b>\n=1+1")
    state.judge("record", past(state), "planned")
    state.toggle_chip("missed")
    state.search("red")
    state.clear_filters()
    state.sort("oldest")
    state.turn_to(3)
    state.set_threshold(0.123456789)
    state.group_by("ward_team")
    state.prepare(action=EDIT, variable="age_years", value="41,5", group=("ward", "surgical"))
    state.keep("asked")
    return state


def trees(made):
    """Return what the panels show, without the name that the application has on its page."""
    return [panel.widget.content.replace(panel.widget.page, "page") for panel in made.panels]


def everything(state):
    return state.screen, dict(state.answers), dict(state.checkpoints), state.stamp, state.can_undo, state.can_redo


# What was saved.


def test_what_was_saved_opens_to_the_same_screen_and_the_same_page(used, state_of, audit):
    text = as_text(used)
    other = state_of(Audit(audit.study))
    made = build(other)
    open_text(other, text)
    assert other.screen == used.screen
    assert other.checkpoints == used.checkpoints
    assert trees(made) == trees(build(used))
    assert as_text(other) == text
    other.return_to("opened")
    assert replace(other.screen, verdicts=()) == replace(used.checkpoints["opened"], verdicts=())
    assert other.screen.verdicts == used.screen.verdicts


def test_opening_is_a_step_that_can_be_undone(used, state_of, audit):
    other = state_of(audit)
    other.choose(str(audit.mistakes().index[4]))
    before = other.screen
    open_text(other, as_text(used))
    assert other.status == "The saved state is open."
    other.undo()
    assert other.screen == before


@pytest.mark.parametrize(
    "ask",
    [
        Ask(REMOVE, fewest=True),
        Ask(RELABEL, fewest=True),
        Ask(REMOVE, group=("ward", "surgical")),
        Ask(EDIT, variable="ward", value=""),
        Ask(RELABEL),
    ],
    ids=lambda ask: f"{ask.action} {'fewest' if ask.fewest else ''.join(ask.group)}",
)
def test_every_question_opens_again_with_its_answer(state, state_of, audit, opened, ask):
    state.ask(ask if ask.fewest or ask.group else replace(ask, encounters=(past(state),)))
    other = state_of(audit)
    open_text(other, as_text(state))
    assert other.screen.asked == state.screen.asked
    assert other.answer("change").refit == state.answer("change").refit
    assert other.screen.encounter_id == opened


def test_the_file_is_internal_names_no_id_and_is_small(used, audit):
    for encounter_id in map(str, audit.mistakes().index[:30]):
        used.choose(encounter_id)
        used.open_past_patients()
        for place in range(10):
            used.tick(past(used, place), on=True)
        used.judge("record", past(used), "planned", "a return that was planned long before")
        used.keep(f"after {len(used.checkpoints)}")
    text = as_text(used)
    assert len(used.checkpoints) == 32
    values = json.loads(text)
    assert values["notice"] == NOTICE
    assert NOTICE.startswith("INTERNAL working paper: not for distribution.")
    words = set(re.findall(r"\w+", text))
    assert not words & {*audit.cohort.frame.index, *audit.cohort.patients}
    assert audit.pseudonyms.encounter(used.screen.encounter_id) in text


def test_the_file_of_a_long_session_is_under_50_kb(state, audit):
    for encounter_id in map(str, audit.mistakes().index[:20]):
        state.choose(encounter_id)
        state.open_past_patients()
        for place in range(3):
            state.tick(past(state, place), on=True)
        state.ask(Ask(REMOVE, encounters=state.screen.ticked))
        state.judge("prediction", encounter_id, "model_right", "nothing was recorded that could have told")
        for how in ("highest", "oldest", "worst"):
            state.sort(how)
    state.keep("at the end")
    assert len(as_text(state).encode()) < 50_000


def test_nothing_of_the_source_is_in_the_file_of_a_hostile_audit(hostile_audit, state_of):
    state = state_of(hostile_audit)
    state.choose(str(hostile_audit.mistakes().index[0]))
    state.open_past_patients()
    state.tick(past(state), on=True)
    text = as_text(state)
    assert not [one for one in (*hostile_audit.cohort.frame.index, *hostile_audit.cohort.patients) if one in text]
    other = state_of(hostile_audit)
    open_text(other, text)
    assert other.screen == state.screen


def test_whatever_was_typed_can_be_written_to_a_file(dashboard, panels, send, opened, audit):
    typed, state = "half a character \ud83d and \x00 < ü", dashboard.state
    send(panels["Predictions"], "search", value=typed)
    send(panels["WhatIf"], "value", value=typed)
    send(dashboard.toolbar, "keep", value=typed)
    send(panels["Patient"], "judge", f"prediction {audit.pseudonyms.encounter(opened)}", "model_right")
    send(panels["Patient"], "note", f"prediction {audit.pseudonyms.encounter(opened)}", typed)
    text = as_text(state)
    assert text.encode().decode() == text
    assert all(panel.widget.content.encode() for panel in panels.values())
    screen = state.screen
    state.clear_filters()
    open_text(state, text)
    assert state.screen == screen
    assert "and \x00 < ü" in state.screen.search


def test_verdicts_that_a_file_brings_are_filed(used, state_of, store, audit):
    text, filed = as_text(used), store.current(audit.study.fingerprint)
    other = state_of(audit)
    open_text(other, text)  # what stands there already is not said twice
    pd.testing.assert_frame_equal(store.current(audit.study.fingerprint), filed)
    used.judge("prediction", used.screen.encounter_id, "")
    used.judge("record", past(used), "")
    assert store.current(audit.study.fingerprint).empty
    other = state_of(audit)
    open_text(other, text)
    columns = ["subject", "encounter", "about", "says", "note", "author", "time"]
    kept = store.current(audit.study.fingerprint)[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, filed[columns].reset_index(drop=True))
    assert other.verdict_of("prediction", other.screen.encounter_id).note == "frailty <b>\n=1+1"


# What is no saved session.


def changed(text, **screen):
    """Return the file with other values on its screen."""
    values = json.loads(text)
    values["screen"] |= screen
    return json.dumps(values)


def at_the_top(text, **others):
    return json.dumps({**json.loads(text), **others})


def asked(text, **others):
    values = json.loads(text)
    return changed(text, asked={**values["screen"]["asked"], **others})


def verdicts(text, **others):
    """Return the file with its first verdict changed."""
    first, *rest = json.loads(text)["screen"]["verdicts"]
    return changed(text, verdicts=[{**first, **others}, *rest])


def of_a_stranger(text):
    """Return the file as another user's pseudonyms would have it."""
    return re.sub(r"E-[A-Z2-7]{10}", lambda name: STRANGER.encounter(name[0]), text)


def only_verdicts_of_a_stranger(text):
    nothing = {"encounter_id": "", "step": 0, "ticked": [], "asked": None, "altered_for": ""}
    values = json.loads(changed(text, **nothing))
    values["screen"]["verdicts"] = json.loads(of_a_stranger(json.dumps(values["screen"]["verdicts"])))
    return json.dumps({**values, "checkpoints": {}})


REFUSED = {
    "nothing": lambda _: "",
    "no JSON": lambda _: "clinflu-session-1",
    "half of it": lambda text: text[: len(text) // 2],
    "a list": lambda _: "[]",
    "a number": lambda _: "1",
    "null": lambda _: "null",
    "an object": lambda _: "{}",
    "huge": lambda text: text + " " * LARGEST,
    "deep": lambda _: "[" * 500_000,
    "deep inside": lambda text: text.replace('"Dr Grey"', "[" * 5_000 + "]" * 5_000, 1),
    "an endless number": lambda text: text.replace('"page": 0', '"page": ' + "9" * 6_000, 1),
    "a pickle": lambda _: pickle.dumps({"format": "clinflu-session-1"}).decode("latin-1"),
    "binary": lambda _: bytes(range(256)).decode("latin-1") * 100,
    "another form": lambda text: at_the_top(text, format="clinflu-session-2"),
    "a form that is no text": lambda text: at_the_top(text, format=["clinflu-session-1"]),
    "another model": lambda text: at_the_top(text, audit="0" * 64),
    "no model": lambda text: at_the_top(text, audit=None),
    "no screen": lambda text: at_the_top(text, screen=None),
    "a screen that is a list": lambda text: at_the_top(text, screen=[]),
    "an empty screen": lambda text: at_the_top(text, screen={}),
    "10,000 checkpoints": lambda text: at_the_top(
        text, checkpoints={str(k): {"threshold": 0.5} for k in range(10_000)}
    ),
    "a checkpoint that is none": lambda text: at_the_top(text, checkpoints={"a": "b"}),
    "a checkpoint that makes no sense": lambda text: at_the_top(text, checkpoints={"a": {"threshold": 5}}),
    "pseudonyms of another user": of_a_stranger,
    "verdicts on pseudonyms of another user": only_verdicts_of_a_stranger,
    "an encounter that is no pseudonym": lambda text: changed(text, encounter_id="e0178"),
    "a markup for an encounter": lambda text: changed(text, encounter_id="<img src=x onerror=alert(1)>"),
    "a ticked one that is nobody": lambda text: changed(text, ticked=["E-NOBODY2222"]),
    "one who was altered and is nobody": lambda text: changed(text, altered_for="E-NOBODY2222"),
    "ticks that are a text": lambda text: changed(text, ticked="E-NOBODY2222"),
    "no number for a threshold": lambda text: changed(text, threshold=float("nan")),
    "an endless threshold": lambda text: changed(text, threshold=float("inf")),
    "a threshold of 1": lambda text: changed(text, threshold=1.0),
    "a threshold in words": lambda text: changed(text, threshold="much"),
    "an unknown chip": lambda text: changed(text, chips=["rich"]),
    "chips that are a number": lambda text: changed(text, chips=3),
    "an unknown order": lambda text: changed(text, sort="random"),
    "an order that is a list": lambda text: changed(text, sort=["worst"]),
    "a long search": lambda text: changed(text, search="x" * 81),
    "a page before the first": lambda text: changed(text, page=-1),
    "a page far beyond the list": lambda text: changed(text, page=10_000),
    "a page in words": lambda text: changed(text, page="first"),
    "half a page": lambda text: changed(text, page=1.5),
    "a step too far": lambda text: changed(text, step=4),
    "a step of nobody": lambda text: changed(text, encounter_id="", ticked=[], asked=None, altered_for=""),
    "nobody's step": lambda text: changed(text, step=0),
    "an unknown action": lambda text: changed(text, action="burn"),
    "an unknown variable": lambda text: changed(text, variable="nosuch"),
    "a group of three": lambda text: changed(text, group=["ward", "surgical", "red"]),
    "an unknown grouping": lambda text: changed(text, by="nosuch"),
    "an unknown question": lambda text: asked(text, action="burn"),
    "a question about nobody": lambda text: asked(text, encounters=[]),
    "a question about an unknown variable": lambda text: asked(text, action="edit", variable="nosuch"),
    "a question about an unknown group": lambda text: asked(text, group=["nosuch", "x"]),
    "a question that is a text": lambda text: changed(text, asked="remove"),
    "a question of who taught nothing": lambda text: asked(
        text, encounters=[json.loads(text)["screen"]["encounter_id"]]
    ),
    "an unknown word": lambda text: verdicts(text, says="nonsense"),
    "a verdict on weather": lambda text: verdicts(text, subject="weather"),
    "a verdict on an id": lambda text: verdicts(text, encounter="e0178"),
    "a note that is a number": lambda text: verdicts(text, note=3),
    "a note too long": lambda text: verdicts(text, note="x" * 2001),
    "a note with control characters": lambda text: verdicts(text, note="a\x00b"),
    "a verdict of nobody": lambda text: verdicts(text, author=""),
    "verdicts that are a text": lambda text: changed(text, verdicts="model_right"),
    "a long name": lambda text: changed(text, author="x" * 100_000),
    "a name that is a list": lambda text: changed(text, author=["Dr Grey"]),
}


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=REFUSED)
def test_another_file_is_refused_in_one_line_and_changes_nothing(used, store, spoil):
    text = as_text(used)
    spoilt = spoil(text)
    assert spoilt != text
    used.sort("worst")
    used.undo()
    made = build(used)
    before, shown, filed = everything(used), trees(made), len(store.history(used.audit.study.fingerprint))
    used.acting(open_text)(used, spoilt)
    assert used.error
    assert used.error != UNEXPECTED
    assert "\n" not in used.error
    assert len(used.error) < 200
    assert everything(used) == before
    assert trees(made) == shown
    assert len(store.history(used.audit.study.fingerprint)) == filed


def test_a_file_of_another_model_says_so(used, small_cohort, state_of):
    other = state_of(Audit.fit(small_cohort, penalty=2.0))
    with pytest.raises(StoreError, match="another model"):
        open_text(other, as_text(used))
    with pytest.raises(StoreError, match="your account does not know"):
        open_text(used, of_a_stranger(as_text(used)))


def test_what_a_file_holds_besides_is_not_taken_over(used):
    text = as_text(used)
    open_text(used, changed(at_the_top(text, more={"a": 1}), more="x", role="analyst"))
    assert as_text(used) == text
    assert used.role == "clinician"
