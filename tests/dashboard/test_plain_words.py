"""What a clinician reads between two wards: no statistics, no dead end, one is one, and how long it takes."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.analysis.review import Decisions, gain, stopping
from clinflu.dashboard.app import build
from clinflu.dashboard.panels.review import gain_nodes
from clinflu.dashboard.screen import REMOVE, Ask
from clinflu.dashboard.wording import interval_words, nearness, these, time_left
from clinflu.verdicts import RECORD

STATISTICS = re.compile(
    r"jackknife|nats|shrinkage|log-odds|\br 0\.\d|median error|penalt|sampling error", re.IGNORECASE
)


@pytest.fixture
def asked(audit, state_of):
    """Return a dashboard on which everything was opened and a what-if answered, for a role."""

    def make(role):
        made = build(state_of(audit, role))
        made.state.choose(str(audit.mistakes().index[0]))
        made.state.open_past_patients()
        made.state.ask(Ask(REMOVE, encounters=(str(made.state.answer("estimates").toward_error.index[0]),)))
        return made

    return make


def without_python(tree):
    return tree.text.replace("".join(one.text for one in tree.all("details", "clinflu-python")), "")


@pytest.mark.parametrize("panel", ["Patient", "PastPatients"])
def test_a_clinician_reads_no_statistics(asked, read, panel):
    found = {type(one).__name__: one for one in asked("clinician").panels}[panel]
    assert not STATISTICS.findall(without_python(read(found)))


def test_the_answer_to_a_what_if_is_in_plain_words(asked, read):
    tree = {type(one).__name__: read(one) for one in asked("clinician").panels}["WhatIf"]
    (fold,) = [one for one in tree.all("details") if one.get("data-key") == "metrics"]  # who opens it wants them
    assert not STATISTICS.findall(without_python(tree).replace(fold.text, ""))
    assert interval_words("the change", penalised=True) in tree.text
    (chart,) = tree.figures.values()
    assert not STATISTICS.search(chart["layout"]["xaxis"]["title"]["text"])


def test_an_analyst_reads_how_the_interval_was_made(asked, read):
    tree = {type(one).__name__: read(one) for one in asked("analyst").panels}["WhatIf"]
    assert "jackknife" in tree.text
    assert "nats" in next(iter(tree.figures.values()))["layout"]["xaxis"]["title"]["text"]


def test_nearness_is_the_largest_distance_from_a_refit():
    changes = pd.DataFrame(
        {"risk_change_estimate_pp": [0.30, -0.20, 0.1], "risk_change_refit_pp": [0.64, -0.25, np.nan]}
    )
    told = nearness(changes)
    assert told == "at most 0.34 points from the 2 refits shown here, which change the risk by up to 0.64 points."
    assert "the one refit" in nearness(changes.head(1))
    assert "no refit" in nearness(changes.tail(1))


def test_one_of_a_thing_is_one(asked, read):
    tree = {type(one).__name__: read(one) for one in asked("clinician").panels}["WhatIf"]
    assert "Refitted without the past encounter that you chose." in tree.text
    assert these(1, "past encounter") == "the past encounter"
    assert these(2, "past encounter") == "the 2 past encounters"


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "told"),
    [
        (1.9, 1, 10, ""),  # too early to say
        (4.0, 0, 10, ""),
        (4.0, 4, 10, "about 6 seconds left"),
        (9.0, 9, 10, "about 1 second left"),
        (8.0, 9, 10, ""),  # less than a second
        (60.0, 1, 11, "about 10 minutes left"),
        (10.0, 10, 10, ""),
        (10.0, 0, 0, ""),
    ],
)
def test_it_says_about_how_long_it_takes(elapsed, done, total, told):
    assert time_left(elapsed, done, total) == told


def test_the_time_left_stands_beside_the_bar_of_what_is_worked_on(audit, state_of, read, monkeypatch):
    made = build(state_of(audit))
    made.state.choose(str(audit.mistakes().index[0]))
    monkeypatch.setattr(made.state._answers._jobs, "start", lambda *_: None)  # begun, and never ends
    made.state.open_past_patients()
    found = made.state.answers["refits"]
    made.state._answers.found["refits"] = type(found)(found.key, found.status, None, 5, 20, since=time.monotonic() - 10)
    made.statusline.draw()
    assert re.search(r"about (29|30|31) seconds left", read(made.statusline).text)
    assert "left" not in read(made.statusline).one("div", "clinflu-status").text  # not announced anew each time


def test_nobody_is_asked_to_refit_without_having_ticked(audit, state_of, read):
    made = build(state_of(audit))
    made.state.choose(str(audit.mistakes().index[0]))
    made.state.open_past_patients()
    made.state.open_what_if()
    panel = next(one for one in made.panels if type(one).__name__ == "WhatIf")
    assert "First tick the box" in read(panel).text
    made.state.tick(str(made.state.answer("estimates").toward_error.index[0]), on=True)
    assert "First tick the box" not in read(panel).text


def test_a_record_without_the_event_is_not_offered_as_planned(asked, audit, read):
    made = asked("clinician")
    panel = next(one for one in made.panels if type(one).__name__ == "PastPatients")
    ids = {audit.pseudonyms.encounter(str(one)): str(one) for one in audit.study.train_ids}
    seen = set()
    for encounter_id in audit.study.design.encounter_ids[audit.audited_rows][:12]:
        made.state.choose(str(encounter_id))
        made.state.open_past_patients()
        for card in read(panel).all("li", "clinflu-card"):
            event = bool(audit.cohort.outcome[ids[card.get("data-key")]])
            offered = [one.get("value") for one in card.one("select", act="judge").all("option") if one.get("value")]
            assert offered == [one for one in RECORD if event or one not in ("planned", "transfer")]
            seen.add(event)
    assert seen == {True, False}


def test_what_was_said_is_confirmed_and_can_be_undone(asked, read):
    made = asked("clinician")
    past = str(made.state.answer("estimates").toward_error.index[0])
    made.state.judge("record", past, "wrong_patient")
    assert made.state.status == "Your verdict is kept; Undo takes it back."
    assert "Your verdict is kept" in read(made.statusline).text
    made.state.judge("record", past, "")
    assert made.state.status == "Your verdict was taken back."


def test_what_cannot_be_answered_of_a_model_is_not_asked(small_cohort, state_of, read):
    audit = Audit.fit(small_cohort, family="smooth_hinge")
    made = build(state_of(audit))
    made.state.choose(str(audit.mistakes().index[0]))
    made.state.open_past_patients()
    made.state.open_what_if()
    panel = next(one for one in made.panels if type(one).__name__ == "WhatIf")
    assert not read(panel).all("button", act="ask-altered")
    assert "for a logistic regression alone" in read(panel).text


def test_labels_that_change_nothing_make_no_table_of_noughts(audit):
    event = next(str(one) for one in audit.study.train_ids if not audit.cohort.outcome[one])
    (words,) = gain_nodes((gain(audit.study, {event: "planned"}),))
    assert words.text == "No label was mended yet, so nothing is gained and nothing is lost."


def test_the_queue_says_in_plain_words_when_to_stop():
    told = stopping(["correct"]).words
    assert told.startswith("Go on: 1 of 30 charts of this batch are looked at.")
    assert "with 95 % confidence, that fewer than 10 % of the next ones are wrong" in told
    assert "bound" not in told


@pytest.mark.parametrize(
    ("unknown", "told"), [(1, "1 verdict bears a name that"), (2, "2 verdicts bear names that"), (0, "")]
)
def test_what_cannot_be_counted_is_counted_rightly(unknown, told):
    notes = " ".join(Decisions(pd.DataFrame({"says": []}), unknown).notes)
    assert notes.startswith(told)
    assert bool(notes) == bool(unknown)


# The groups of a what-if.


@pytest.fixture
def groups(audit, state_of, read):
    """The box of groups, by the label of its variable."""
    made = build(state_of(audit))
    made.state.choose(str(audit.mistakes().index[0]))
    made.state.open_past_patients()
    made.state.open_what_if()
    panel = next(one for one in made.panels if type(one).__name__ == "WhatIf")
    box = read(panel).one("select", act="group")
    return made, panel, {one.get("label"): one.all("option") for one in box.all("optgroup")}


def test_every_group_is_listed_and_one_that_cannot_be_left_out_says_why(groups, audit):
    _, _, found = groups
    train = audit.cohort.frame.iloc[audit.train_rows]
    for variable, label in (("ward", "Ward"), ("ward_team", "Team")):
        sizes = train[variable].value_counts(dropna=False)
        assert len(found[label]) == len(sizes)
        for level, size in sizes.items():
            name = "not recorded" if pd.isna(level) else str(level)
            (option,) = [one for one in found[label] if one.text.startswith(f"{name} (")]
            assert f"({size:,} in training" in option.text
            assert bool(option.get("disabled")) == (size > len(train) / 2)
            assert ("more than half" in option.text) == (size > len(train) / 2)
    assert any(one.get("disabled") for options in found.values() for one in options)


def test_those_without_a_value_are_named_so_and_can_be_left_out(groups, audit, send, read):
    made, panel, found = groups
    (option,) = [one for one in found["Team"] if one.text.startswith("not recorded")]
    send(panel, "group", value=option.get("value"))
    send(panel, "ask-group")
    refit = audit.what_if(Remove(audit.training_group("ward_team", "missing")))
    text = read(panel).text
    assert f"Refitted without the {refit.encounters_removed} past encounters of Team not recorded." in text
    assert not made.state.error
