"""The state asks what if: removals, relabelling, edits, groups and the fewest, as the audit answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dashboard.steps import assert_answers_belong_to_the_screen, other_mistake, past

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.dashboard.answers import READY
from clinflu.dashboard.questions import actions
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.state import State


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
