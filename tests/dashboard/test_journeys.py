"""Whatever a user does, in whatever order: no number is of another screen, and every step has its way back."""

import itertools
import json
import os
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.dashboard.answers import READY, UNEXPECTED
from clinflu.dashboard.app import build
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import CHIPS, EDIT, RELABEL, REMOVE, SORTS
from clinflu.dashboard.session_file import as_text, open_text
from clinflu.dashboard.state import State
from clinflu.dashboard.wording import percent, points, step
from clinflu.verdicts import PREDICTION, RECORD, AccessLog, VerdictStore

JOURNEYS = int(os.environ.get("CLINFLU_JOURNEYS", "12"))
STEPS = 12
NONSENSE = "nosuch"
PLACES = st.integers(0, 19)
TEXTS = st.text(st.characters(max_codepoint=0x2FFF), max_size=12)
THRESHOLDS = st.sampled_from(("5", "20,5", "36.2", "70", "99.9"))
MEANINGLESS = (
    *(("list", "threshold", "", typed) for typed in ("0", "100", "-4", "nan", "inf", "", "much")),
    *(("list", act, NONSENSE, NONSENSE) for act in ("choose", "chip", "sort", "page")),
    *(("past", act, NONSENSE, NONSENSE) for act in ("tick", "by", "judge", "note", "sign")),
    *(("what_if", act, NONSENSE, NONSENSE) for act in ("action", "variable", "group", "ask-fewest")),
    *(("past", "by", "", "age_years"), ("what_if", "group", "", "99")),
    *(("toolbar", "keep", "", " \n"), ("toolbar", "return", "", NONSENSE), ("toolbar", "open", "", "{}")),
)
NUMBERS = ("41", "0", "7,5", "")
BAD_NUMBERS = ("-3", "1e9", "nan", "old", "٣x")


@pytest.fixture(scope="module")
def small(small_cohort):
    """A small audit, so that many journeys fit into a minute."""
    few = small_cohort.patients.isin(small_cohort.patients.unique()[:180])
    schema = replace(small_cohort.schema, subgroups=("ward", "ward_team"))
    return Audit.fit(replace(small_cohort, frame=small_cohort.frame[few], schema=schema))


class Truth:
    """The audit's own calls, kept by what was asked; it shares nothing with the session but the study."""

    def __init__(self, audit):
        self.audit = Audit(audit.study)
        self._known = {}

    def of(self, question, *about):
        if (question, about) not in self._known:
            self._known[question, about] = getattr(self, f"_{question}")(*about)
        return self._known[question, about]

    def _trace(self, encounter_id):
        return self.audit.trace(encounter_id)

    def _ledger(self, encounter_id, by):
        return self.audit.ledger(encounter_id, by).frame

    def _refit(self, asked, encounter_id, threshold):
        audit = self.audit
        if asked.fewest:
            relabel = asked.action == RELABEL
            found = audit.flip_set(encounter_id, threshold=threshold, relabel=relabel)
            if not found.verified:
                return None
            asked = replace(asked, encounters=found.encounters)
        if asked.group:
            rows = next(one.rows for one in State(audit).groups if (one.variable, one.level) == asked.group)
            return audit.what_if(Remove(audit.study.train_ids[rows]))
        if asked.action == RELABEL:
            return audit.what_if(Relabel({one: 1 - audit.cohort.outcome[one] for one in asked.encounters}))
        if asked.action == EDIT:
            numeric = not audit.cohort.schema.feature(asked.variable).is_category
            value = float(asked.value.replace(",", ".")) if numeric and asked.value.strip() else asked.value or None
            return audit.what_if(Edit(asked.encounters[0], {asked.variable: value}))
        return audit.what_if(Remove(asked.encounters))


def shown_by(panels):
    """Return what panels show, without the name that their application has on its page."""
    return [panel.widget.content.replace(panel.widget.page, "page") for panel in panels]


class Journey(RuleBasedStateMachine):
    """A session and all that its blocks show."""

    audit: Audit
    truth: Truth
    folder = None
    read = None
    shown: dict
    number = itertools.count()
    back_after = 3

    def __init__(self):
        super().__init__()
        self.place = self.folder / str(next(self.number))
        self.store = VerdictStore(self.place / "verdicts.sqlite")
        self.state = State(self.audit, self.store, AccessLog(self.place / "access.log"))
        self.made = build(self.state)
        self.reveals = self.steps = 0

    # What the browser does.

    def send(self, owner, act, key="", value="", *, valid=True):
        """Do something; where it makes no sense, one line says so and nothing else changes."""
        state, before, trees, revealed = self.state, self.state.screen, self.trees, self.state.revealed
        owner.widget._handle_custom_msg({"act": act, "key": key, "value": value}, [])
        self.steps += 1
        if valid:
            assert not state.error, (act, key, value, state.error)
        else:
            assert state.error, (act, key, value)
            assert state.error != UNEXPECTED
            assert "\n" not in state.error
            assert state.screen == before
            assert self.trees == trees
        if state.screen != before and self.steps % self.back_after == 0 and not revealed:
            self.there_and_back(("redo", "undo") if act == "undo" else ("undo", "redo"), before, trees)

    def there_and_back(self, buttons, before, trees):
        after, changed = self.state.screen, self.trees
        self.press(buttons[0])
        assert self.state.screen == before
        assert self.trees == trees
        self.press(buttons[1])
        assert self.state.screen == after
        assert self.trees == changed

    def press(self, button):
        self.made.toolbar.widget._handle_custom_msg({"act": button, "key": "", "value": ""}, [])
        assert not self.state.error

    @property
    def trees(self):
        return shown_by(self.made.panels)

    @property
    def past(self):
        """Pseudonyms of the past patients on the screen."""
        found = self.state.answer("estimates")
        shown = () if found is None else (*found.toward_error.index, *found.against.index)
        return self.state.names.encounters(map(str, shown))

    @property
    def panels(self):
        return dict(zip(("list", "patient", "past", "what_if"), self.made.panels, strict=True))

    @property
    def chosen(self):
        return bool(self.state.screen.encounter_id)

    # Where a journey begins.

    @initialize(place=st.integers(0, 4), depth=st.integers(0, 6), tick=PLACES)
    def begin(self, place, depth, tick):
        if depth:
            self.choose(place)
        if depth > 1:
            self.send(self.panels["patient"], "past")
        if depth > 2:
            self.send(self.panels["past"], "what-if")
        if depth > 3:
            self.send(self.panels["past"], "tick", self.past[tick % len(self.past)], value=True)
        if depth > 4:
            self.send(self.panels["what_if"], "ask-ticked")

    # The list.

    @rule(place=st.integers(0, 4))
    def choose(self, place):
        lines = self.state.worklist.window(self.state.screen, self.state.low)
        if place < len(lines):
            self.send(self.panels["list"], "choose", lines[place].name)
        else:
            self.send(self.panels["list"], "choose", "E-NOBODY2222", valid=False)

    @rule(
        step=st.one_of(
            st.tuples(st.just("chip"), st.sampled_from([*CHIPS]), st.just("")),
            st.tuples(st.just("page"), (st.integers(-2, 30) | st.just(10**25)).map(str), st.just("")),
            st.tuples(st.just("sort"), st.just(""), st.sampled_from([*SORTS])),
            st.tuples(st.just("search"), st.just(""), st.sampled_from(("red", "SURG", "e-", "", "x_y blue")) | TEXTS),
            st.just(("everybody", "", "")),
        )
    )
    def list_otherwise(self, step):
        act, key, value = step
        self.send(self.panels["list"], act, key, value)

    @rule(typed=THRESHOLDS)
    def threshold(self, typed):
        self.send(self.panels["list"], "threshold", value=typed)

    # The prediction and the past patients.

    @rule()
    def open_past(self):
        self.send(self.panels["patient"], "past", valid=self.chosen)

    @rule()
    def open_what_if(self):
        self.send(self.panels["past"], "what-if", valid=self.chosen)

    @rule()
    def reveal_or_hide(self):
        self.reveals += self.chosen and not self.state.revealed
        self.send(self.panels["patient"], "reveal", valid=self.chosen)

    @precondition(lambda self: self.past)
    @rule(place=PLACES, on=st.booleans())
    def tick(self, place, on):
        self.send(self.panels["past"], "tick", self.past[place % len(self.past)], on)

    @rule(by=st.sampled_from(("ward", "ward_team")))
    def group_by(self, by):
        self.send(self.panels["past"], "by", value=by)

    # What if.

    @rule(
        box=st.one_of(
            st.tuples(st.just("action"), st.sampled_from((REMOVE, RELABEL, EDIT))),
            st.tuples(st.just("variable"), st.sampled_from(("age_years", "visits", "ward", "ward_team", ""))),
            st.tuples(st.just("value"), st.sampled_from((*NUMBERS, *BAD_NUMBERS, "surgical", "red"))),
        )
    )
    def fill_a_box(self, box):
        self.send(self.panels["what_if"], box[0], value=box[1])

    @rule(place=st.integers(0, 9), ask=st.booleans())
    def choose_a_group(self, place, ask):
        known = place < len(self.state.groups)
        self.send(self.panels["what_if"], "group", value=str(place), valid=known)
        if ask:
            valid = self.chosen and bool(self.state.screen.group)
            self.send(self.panels["what_if"], "ask-group", valid=valid)

    @precondition(lambda self: self.past)
    @rule(
        place=PLACES,
        edit=st.sampled_from(
            (
                *((REMOVE, "", "", True), (RELABEL, "", "", True), (EDIT, "", "", False)),
                *((EDIT, "age_years", number, True) for number in NUMBERS),
                *((EDIT, "age_years", number, False) for number in BAD_NUMBERS),
                *((EDIT, "ward", level, level != NONSENSE) for level in ("surgical", "intensive", "", NONSENSE)),
            )
        ),
    )
    def ask_about_the_ticked(self, place, edit):
        action, variable, value, valid = edit
        if not self.state.screen.ticked:
            self.send(self.panels["past"], "tick", self.past[place % len(self.past)], value=True)
        self.send(self.panels["what_if"], "action", value=action)
        self.send(self.panels["what_if"], "variable", value=variable)
        self.send(self.panels["what_if"], "value", value=value)
        valid = valid and (action != EDIT or len(self.state.screen.ticked) == 1)
        self.send(self.panels["what_if"], "ask-ticked", valid=valid)

    @precondition(lambda self: self.chosen)
    @rule(action=st.sampled_from((REMOVE, RELABEL)))
    def ask_for_the_fewest(self, action):
        self.send(self.panels["what_if"], "ask-fewest", action)

    # Verdicts.

    def judged(self, of_record, place):
        """Return the panel and the key of what a verdict is on."""
        if of_record and self.past:
            return self.panels["past"], f"record {self.past[place % len(self.past)]}", RECORD
        name = self.state.names.encounter(self.state.screen.encounter_id)
        return self.panels["patient"], f"prediction {name}", PREDICTION

    @precondition(lambda self: self.chosen)
    @rule(of_record=st.booleans(), place=st.integers(0, 1), word=st.integers(-1, 3))
    def judge(self, of_record, place, word):
        panel, key, words = self.judged(of_record, place)
        said = {-1: "", 3: NONSENSE}.get(word) if word in (-1, 3) else [*words][word]
        self.send(panel, "judge", key, said, valid=said != NONSENSE)

    @precondition(lambda self: self.chosen)
    @rule(of_record=st.booleans(), place=st.integers(0, 1), text=TEXTS | st.just("<b>=1+1\n"))
    def note(self, of_record, place, text):
        panel, key, _ = self.judged(of_record, place)
        stands = {(one.subject, one.encounter, one.about) for one in self.state.screen.verdicts}
        subject, name = key.split(" ")
        here = self.state.names.encounter(self.state.screen.encounter_id) if subject == "record" else ""
        self.send(panel, "note", key, text, valid=(subject, name, here) in stands)

    @precondition(lambda self: self.chosen)
    @rule(of_record=st.booleans(), place=st.integers(0, 1), name=st.sampled_from(("Dr Grey", "Dr <b>", "", " \n")))
    def sign(self, of_record, place, name):
        panel, key, _ = self.judged(of_record, place)
        self.send(panel, "sign", key, name)

    # The session.

    @rule(name=st.sampled_from(("a", "b <b>")))
    def keep(self, name):
        self.send(self.made.toolbar, "keep", value=name)

    @rule(name=st.sampled_from(("a", "b <b>")))
    def return_to(self, name):
        self.send(self.made.toolbar, "return", value=name, valid=name in self.state.checkpoints)

    @rule(times=st.integers(1, 3))
    def undo(self, times):
        for _ in range(times):
            self.send(self.made.toolbar, "undo", valid=self.state.can_undo)

    @rule(times=st.integers(1, 2))
    def redo(self, times):
        for _ in range(times):
            self.send(self.made.toolbar, "redo", valid=self.state.can_redo)

    @rule(button=st.sampled_from(("help", "stop")))
    def press_what_changes_no_answer(self, button):
        answers = dict(self.state.answers)
        self.send(self.made.statusline if button == "stop" else self.made.toolbar, button)
        assert self.state.answers == answers

    @rule()
    def save_and_open_elsewhere(self):
        text = as_text(self.state)
        assert not {*self.audit.cohort.frame.index} & set(text.replace('"', " ").split())
        other = State(self.audit, VerdictStore(self.place / "other" / "verdicts.sqlite"))
        made = build(other)
        open_text(other, text)
        assert other.screen == self.state.screen
        assert other.checkpoints == self.state.checkpoints
        if self.state.revealed:
            self.made.panels[1].widget._handle_custom_msg({"act": "reveal", "key": ""}, [])
        assert shown_by(made.panels) == self.trees
        assert as_text(other) == text

    @rule(message=st.sampled_from(MEANINGLESS))
    def say_what_means_nothing(self, message):
        panel, act, key, value = message
        owner = self.made.toolbar if panel == "toolbar" else self.panels[panel]
        self.send(owner, act, key, value, valid=False)

    # What always holds.

    @invariant()
    def every_answer_is_of_the_screen(self):
        asked = {name: question.key(self.state.screen) for name, question in QUESTIONS.items()}
        wanted = {name: key for name, key in asked.items() if key is not None}
        assert {name: one.key for name, one in self.state.answers.items()} == wanted
        assert {one.status for one in self.state.answers.values()} <= {READY}

    @invariant()
    def the_same_screen_looks_the_same(self):
        state = self.state
        known = self.shown.setdefault((state.screen, state.revealed), self.trees)
        assert self.trees == known
        if self.steps % self.back_after == 0:
            watchers = list(state._watchers)
            assert self.trees == shown_by(panel(state, "page") for panel in PANELS)
            state._watchers[:] = watchers

    @invariant()
    def the_list_is_that_of_the_audit(self):
        state, wrong = self.state, self.truth.audit.mistakes(self.state.screen.threshold)
        ids = state.worklist.ids[state.worklist.order(replace(state.screen, chips=(), search="", sort="worst"))]
        assert list(ids[: len(wrong)]) == list(wrong.index)

    @invariant()
    def every_number_is_that_of_a_fresh_call(self):
        screen = self.state.screen
        if not screen.encounter_id:
            return
        trace = self.truth.of("trace", screen.encounter_id)
        patient = self.read(self.panels["patient"])
        assert patient.one("span", "clinflu-risk").text == percent(trace.risk)
        side = "alert" if trace.risk >= screen.threshold else "no alert"
        assert f"; {side} at {percent(screen.threshold)}" in patient.text
        if screen.step >= 2:
            self.cards_are_those_of(trace, self.read(self.panels["past"]))
        if screen.step >= 3 and screen.asked:
            refit = self.truth.of("refit", screen.asked, screen.encounter_id, screen.threshold)
            self.answer_is_that_of(refit, self.read(self.panels["what_if"]))

    def cards_are_those_of(self, trace, tree):
        told = pd.concat([trace.pushed_toward_error, trace.pushed_against])
        cards = tree.all("li", "clinflu-card")
        assert [card.get("data-key") for card in cards] == self.state.names.encounters(map(str, told.index))
        for card, row in zip(cards, told.itertuples(), strict=True):
            effect = card.one("p", "clinflu-effect")
            assert effect.one("strong").text == step(trace.risk, row.risk_change_refit_pp)
            assert f"(estimated {points(row.risk_change_estimate_pp, 2)})" in effect.text
        by = self.state.screen.by or "ward"
        lines = self.truth.of("ledger", trace.encounter_id, by)
        rows = tree.tables["Change of the risk without each group"]
        assert [row[6] for row in rows] == [points(one, 2) for one in lines["risk_change_refit_pp"]]

    def answer_is_that_of(self, refit, tree):
        if refit is None:
            assert tree.all("span", "clinflu-risk") == []
            return
        chosen = self.state.screen.encounter_id
        assert tree.one("span", "clinflu-risk").text == step(refit.risk_before(chosen), refit.risk_change_pp(chosen))
        everyone = tree.tables["Their group, and everyone"][-1]
        after = refit.to_frame()["risk_after"]
        assert everyone[3].endswith(f"→ {percent(after.mean())}")
        assert everyone[4].endswith(f"→ {int((after >= self.state.screen.threshold).sum()):,}")

    @invariant()
    def the_store_holds_what_stands_on_the_screen(self):
        kept = self.store.current(self.audit.study.fingerprint)
        names = ["subject", "encounter", "about", "says", "note", "author", "time"]
        on_screen = sorted(tuple(getattr(one, name) for name in names) for one in self.state.screen.verdicts)
        assert sorted(kept[names].itertuples(index=False, name=None)) == on_screen

    @invariant()
    def every_reveal_is_in_the_log(self):
        log = self.place / "access.log"
        assert (log.read_text().count("\n") if log.exists() else 0) == self.reveals

    @invariant()
    def what_is_sent_is_whole(self):
        for block in (self.made.toolbar, self.made.statusline, self.made.help, *self.made.panels):
            assert json.loads(block.widget.content) == block.widget.tree
            assert block.widget.stamp == self.state.stamp


@pytest.fixture
def kind(small, tmp_path, read):
    """The journeys of one test."""
    of_this_test = {"audit": small, "truth": Truth(small), "folder": tmp_path, "read": staticmethod(read), "shown": {}}
    return type("Journey", (Journey,), of_this_test)


INVARIANTS = [name for name, one in vars(Journey).items() if hasattr(one, "hypothesis_stateful_invariant")]


def near(factor):
    """Return a step to a threshold beside the risk on the screen, so that few past patients decide."""

    def to_threshold(journey):
        typed = f"{100 * journey.state.prediction.risk * factor:.3f}"
        journey.send(journey.panels["list"], "threshold", value=typed)

    return to_threshold


def asked(action, variable="", value=""):
    return lambda one: one.ask_about_the_ticked(place=1, edit=(action, variable, value, True))


LONG_JOURNEY = (
    *(lambda one: one.choose(place=0), lambda one: one.open_past(), lambda one: one.group_by(by="ward_team")),
    *(lambda one: one.tick(place=0, on=True), lambda one: one.open_what_if(), asked(REMOVE), asked(RELABEL)),
    *(lambda one: one.group_by(by="ward"), lambda one: one.threshold(typed="20,5"), asked(REMOVE)),
    *(asked(EDIT, "age_years", "41"), asked(EDIT, "age_years", "7,5"), asked(EDIT, "ward", "intensive")),
    *(lambda one: one.choose_a_group(place=1, ask=True), lambda one: one.choose_a_group(place=2, ask=True)),
    *(near(1.25), lambda one: one.ask_for_the_fewest(action=REMOVE), near(1.1), near(0.8)),
    *(lambda one: one.ask_for_the_fewest(action=RELABEL), near(1.2), lambda one: one.keep(name="a")),
    *(lambda one: one.judge(of_record=False, place=0, word=0), lambda one: one.judge(of_record=True, place=0, word=1)),
    *(
        lambda one: one.note(of_record=True, place=0, text="<b>"),
        lambda one: one.sign(of_record=False, place=0, name="Dr Grey"),
    ),
    *(lambda one: one.judge(of_record=True, place=0, word=2), lambda one: one.judge(of_record=False, place=0, word=-1)),
    *(lambda one: one.save_and_open_elsewhere(), lambda one: one.choose(place=1), lambda one: one.open_what_if()),
    *(lambda one: one.reveal_or_hide(), asked(REMOVE), lambda one: one.reveal_or_hide()),
    *(
        lambda one: one.list_otherwise(step=("chip", "low", "")),
        lambda one: one.list_otherwise(step=("sort", "", "name")),
    ),
    *(
        lambda one: one.list_otherwise(step=("page", "2", "")),
        lambda one: one.list_otherwise(step=("search", "", "red")),
    ),
    *(lambda one: one.return_to(name="a"), lambda one: one.save_and_open_elsewhere(), lambda one: one.undo(times=3)),
    *(lambda one: one.redo(times=2), lambda one: one.undo(times=3), lambda one: one.choose(place=2)),
)


@pytest.mark.thorough
def test_every_step_of_a_long_journey_has_its_way_back(kind):
    journey = kind()
    journey.back_after = 1
    for go_on in LONG_JOURNEY:
        go_on(journey)
        for name in INVARIANTS:
            getattr(journey, name)()
    assert {screen.asked.fewest for screen, _ in kind.shown if screen.asked} == {True, False}
    assert sum(one.kind == "withdrawn" for one in journey.store.history(kind.audit.study.fingerprint).itertuples()) > 9


@pytest.mark.thorough
def test_whatever_a_user_does_every_number_is_of_this_screen_and_every_step_has_its_way_back(kind):
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=JOURNEYS,
            stateful_step_count=STEPS,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
    assert len(kind.shown) > JOURNEYS
