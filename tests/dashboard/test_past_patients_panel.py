"""The past patients: estimates first and refits after, both columns, what they share, and groups."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dashboard.steps import cards, every_step

from clinflu import Audit, Remove
from clinflu.dashboard.answers import STOPPED
from clinflu.dashboard.app import build
from clinflu.dashboard.wording import percent, points, step


def test_cards_show_estimates_first_and_refits_after(later, read, fresh):
    state, panels = later
    chosen = str(fresh.mistakes().index[0])
    state.choose(chosen)
    state.open_past_patients()
    trace = fresh.trace(chosen)
    told = pd.concat([trace.pushed_toward_error, trace.pushed_against])
    names = fresh.pseudonyms.encounters(told.index)
    for refitted in (False, True):
        tree = read(panels["PastPatients"])
        assert list(cards(tree)) == names
        for card, row in zip(cards(tree).values(), told.itertuples(), strict=True):
            effect = card.one("p", "clinflu-effect")
            change = row.risk_change_refit_pp if refitted else row.risk_change_estimate_pp
            assert effect.one("strong").text == step(trace.risk, change)
            who = "encounter" if row.patient_encounters > 1 else "patient"
            assert effect.text.startswith(f"Without this {who}: ")
            assert ("estimate; the refit is under way" in effect.text) != refitted
            if refitted:
                assert f"refitted; {points(row.risk_change_refit_pp, 2)} points" in effect.text
                assert f"(estimated {points(row.risk_change_estimate_pp, 2)})" in effect.text
        rows = tree.tables["Change of the risk without each past patient"]
        assert {row[3] == "not yet" for row in rows} == {not refitted}
        kinds = {trace["type"] for trace in tree.figures["removal"]["data"]}
        assert kinds == ({"bar", "scatter"} if refitted else {"scatter"})
        assert ("How near the estimates are" in tree.text) == refitted
        if not refitted:
            assert "Refitting the model without each of the past patients shown …" in tree.text
            state._answers._jobs.run("refits")
    assert not [one for one in state.answers.values() if one.status == "failed"]


def test_the_effect_on_a_card_is_that_of_a_refit_without_its_patient(audit, fresh, panels, read, opened):
    trace = audit.trace(opened)
    for name in (trace.pushed_toward_error.index[0], trace.pushed_against.index[4]):
        change = fresh.what_if(Remove([name])).risk_change_pp(opened)
        card = cards(read(panels["PastPatients"]))[audit.pseudonyms.encounter(name)]
        assert card.one("p", "clinflu-effect").one("strong").text == step(trace.risk, change)


def test_the_first_number_of_a_card_is_the_refit_however_far_the_estimate(state, opened, panels, read, monkeypatch):
    found = state.answer("refits")
    apart = replace(found, against=found.against.assign(risk_change_refit_pp=5.0, risk_change_estimate_pp=-3.0))
    monkeypatch.setitem(state.answers, "refits", replace(state.answers["refits"], value=apart))
    panels["PastPatients"].show(opened)
    tree = read(panels["PastPatients"])
    for name in state.names.encounters(found.against.index):
        effect = cards(tree)[name].one("p", "clinflu-effect")
        assert effect.one("strong").text == step(state.prediction.risk, 5.0)
        assert "refitted; +5.00 points (estimated −3.00)" in effect.text


def test_a_refit_without_a_finite_fit_says_so(state, opened, panels, read, monkeypatch):
    found = state.answer("refits")
    none = replace(found, toward_error=found.toward_error.assign(risk_change_refit_pp=np.nan))
    monkeypatch.setitem(state.answers, "refits", replace(state.answers["refits"], value=none))
    panels["PastPatients"].show(opened)
    tree = read(panels["PastPatients"])
    for name in state.names.encounters(found.toward_error.index):
        assert "no finite fit" in cards(tree)[name].one("p", "clinflu-effect").text
    assert "nan" not in tree.text
    assert not state.error


@pytest.mark.parametrize("kind", ["missed", "false alarm"])
def test_columns_say_which_way_their_patients_moved_the_risk(audit, state, panels, read, kind):
    wrong = audit.mistakes()
    state.choose(wrong[wrong["kind"] == kind].index[0])
    state.open_past_patients()
    trace = audit.trace(state.screen.encounter_id)
    both = {"toward": trace.pushed_toward_error, "against": trace.pushed_against}
    for tone, patients in both.items():
        (higher,) = (patients["risk_change_estimate_pp"] > 0).unique()
        column = read(panels["PastPatients"]).one("div", "clinflu-column", tone=tone)
        assert ("would be higher" if higher else "would be lower") in column.text
        assert list(cards(column)) == audit.pseudonyms.encounters(patients.index)
        assert column.one("summary").text == "5 more"


def test_cards_compare_recorded_values_with_this_patients(audit, panels, read, opened):
    frame, specs = audit.cohort.frame, {spec.label: spec for spec in audit.cohort.schema.features}
    ids = {audit.pseudonyms.encounter(one): one for one in frame.index}
    compared = 0
    for name, card in cards(read(panels["PastPatients"])).items():
        values = card.one("ul", "clinflu-values").all("li")
        assert len(values) == 3
        for value in values:
            label, theirs, words = (child.text for child in value.children)
            spec = specs[label.removesuffix(": ")]
            recorded, here = frame.at[ids[name], spec.name], frame.at[opened, spec.name]
            both_missing = pd.isna(recorded) and pd.isna(here)
            assert (words == " (as this patient)") == bool(both_missing or recorded == here)
            compared += spec.name == "ward"
            if spec.name == "ward":
                assert theirs == recorded
                assert words in (" (as this patient)", f" (this patient: {here})")
        alike = sum(
            frame.at[ids[name], one] == frame.at[opened, one]
            or (pd.isna(frame.at[ids[name], one]) and pd.isna(frame.at[opened, one]))
            for one in audit.cohort.schema.feature_names
        )
        assert f"{alike} of {len(specs)} recorded variables are the same as this patient's." in card.text
        happened = "was" if audit.cohort.outcome[ids[name]] else "was not"
        assert card.one("span", "clinflu-outcome").text == f"{happened} {audit.cohort.schema.outcome_label}"
    assert compared


def test_encounters_of_one_patient_are_flagged(audit, state, panels, read):
    counts = audit.cohort.patients.iloc[audit.train_rows].value_counts()
    ids = {audit.pseudonyms.encounter(one): str(one) for one in audit.cohort.frame.index}
    patients, flagged = audit.cohort.patients, set()
    several = [one for one in audit.study.train_ids if counts[patients[one]] > 2][:40]
    for chosen in map(str, several):
        state.choose(chosen)
        state.open_past_patients()
        for name, card in cards(read(panels["PastPatients"])).items():
            one, said = ids[name], card.text
            number = counts[patients[one]]
            assert (f"One of {number} encounters of that patient in training." in said) == (number > 1)
            other = patients[one] == patients[chosen] and one != chosen
            assert ("Another encounter of this same patient." in said) == other
            assert ("This very encounter." in said) == (one == chosen)
            flagged |= {"other"} if other else {"same"} if one == chosen else set()
        if len(flagged) == 2:
            break
    assert flagged == {"other", "same"}


def test_ticks_stay_with_their_patient(dashboard, panels, send, read, opened):
    names = list(cards(read(panels["PastPatients"])))
    for name in (names[1], names[12]):
        send(panels["PastPatients"], "tick", name, value=True)
    boxes = {one.get("data-key"): one.get("checked") for one in read(panels["PastPatients"]).all("input", act="tick")}
    assert [name for name, on in boxes.items() if on] == [names[1], names[12]]
    assert "that you ticked (2)" in read(panels["WhatIf"]).text
    send(panels["PastPatients"], "tick", names[1], value=False)
    assert "that you ticked (1)" in read(panels["WhatIf"]).text
    send(panels["PastPatients"], "tick", names[12], value="true")  # no truth value
    assert "that you ticked (0)" in read(panels["WhatIf"]).text
    send(panels["PastPatients"], "tick", "E-NOBODY2222", value=True)
    assert "no longer shown" in dashboard.state.error
    assert dashboard.state.screen.encounter_id == opened


def test_groups_that_stand_out_are_counted_in_words(audit, state, panels, read):
    """Found in the table of all encounters, not by the analysis."""
    frame = audit.cohort.frame.iloc[audit.train_rows]
    for chosen in map(str, audit.mistakes().index):
        shown = frame.loc[audit.past_patients(chosen, refit=False).toward_error.index]
        share = shown["ward"].value_counts() / len(shown) / (frame["ward"].value_counts() / len(frame))
        if (share.max() >= 2) and shown["ward"].value_counts()[share.idxmax()] >= 2:
            break
    level = share.idxmax()
    state.choose(chosen)
    state.open_past_patients()
    training = frame[frame["ward"] == level]
    said = (
        f"{(shown['ward'] == level).sum()} of these {len(shown)} share Ward {level}: {training['readmitted'].sum()} of "
        f"the {len(training)} such encounters in training were {audit.cohort.schema.outcome_label}."
    )
    assert said in [one.text for one in read(panels["PastPatients"]).all("p", "clinflu-shared")]


def test_what_the_strongest_do_together_is_refitted(fresh, panels, read, opened):
    refit = fresh.what_if(Remove(fresh.trace(opened).pushed_toward_error.index))
    assert abs(refit.risk_change_pp(opened)) >= 1
    said = read(panels["PastPatients"]).one("p", "clinflu-headline").text
    changed = f"{percent(refit.risk_after(opened))} ({points(refit.risk_change_pp(opened))} percentage points)"
    assert f"Without the 10 past encounters that pushed hardest toward this, the refitted model says {changed}" in said


@pytest.mark.parametrize("change", [0.99, -0.2])
def test_where_they_do_little_together_that_is_said(state, opened, panels, read, monkeypatch, change):
    found = state.answer("refits")
    little = replace(found, together=replace(found.together, risk_change_refit_pp=change))
    monkeypatch.setitem(state.answers, "refits", replace(state.answers["refits"], value=little))
    panels["PastPatients"].show(opened)
    said = read(panels["PastPatients"]).one("p", "clinflu-headline").text
    assert said.startswith("No few patients explain it: ")
    assert f"still says {percent(state.prediction.risk + change / 100)} ({points(change)} percentage points)" in said


def test_groups_are_counted_at_once_and_refitted_after(later, read, fresh, audit):
    state, panels = later
    chosen = str(audit.mistakes().index[0])
    state.choose(chosen)
    state.open_past_patients()
    frame, found = audit.cohort.frame.iloc[audit.train_rows], fresh.trace(chosen)
    rows = read(panels["PastPatients"]).tables["Past patients by group"]
    assert [row[0] for row in rows] == sorted(frame["ward"].unique())
    for level, training, events, toward, against in rows:
        group = frame[frame["ward"] == level]
        assert training == str(len(group))
        assert events == f"{group['readmitted'].sum()} ({percent(group['readmitted'].mean())})"
        assert toward == str((frame.loc[found.pushed_toward_error.index, "ward"] == level).sum())
        assert against == str((frame.loc[found.pushed_against.index, "ward"] == level).sum())
    counts = {row[0]: row for row in rows}
    state._answers._jobs.run("refits")
    state._answers._jobs.run("ledger")
    lines = fresh.ledger(chosen, "ward").frame
    table = read(panels["PastPatients"]).tables["Change of the risk without each group"]
    assert [row[0] for row in table] == list(lines.index)
    for row, line in zip(table, lines.itertuples(), strict=True):
        assert row[:5] == counts[row[0]]
        assert row[5:7] == [points(line.risk_change_newton_pp, 2), points(line.risk_change_refit_pp, 2)]
        assert row[7] == ("yes" if frame_level(audit, chosen) == row[0] else "")


def frame_level(audit, encounter_id):
    return audit.cohort.frame.at[encounter_id, "ward"]


def test_groups_follow_the_choice(dashboard, panels, send, read, opened, fresh):
    choice = read(panels["PastPatients"]).one("select", act="by")
    assert [one.text for one in choice.all("option")] == ["Ward", "Team"]
    send(panels["PastPatients"], "by", value="ward_team")
    assert read(panels["PastPatients"]).one("select", act="by").chosen.get("value") == "ward_team"
    table = read(panels["PastPatients"]).tables["Change of the risk without each group"]
    levels = fresh.ledger(opened, "ward_team").frame.index
    assert [row[0] for row in table] == ["not recorded" if one == "missing" else one for one in levels]
    assert not dashboard.state.error


def test_without_subgroups_the_rest_is_there(small_cohort, state_of, read):
    state = state_of(Audit.fit(replace(small_cohort, schema=replace(small_cohort.schema, subgroups=()))))
    panels = build(state).panels
    every_step(state, str(state.audit.mistakes().index[0]))
    assert "This cohort names no subgroups." in read(panels[2]).text
    assert len(cards(read(panels[2]))) == 20
    assert [row[0] for row in read(panels[3]).tables["Their group, and everyone"]] == ["Everyone"]
    assert not state.error


def test_stopped_work_can_be_asked_for_again(later, panels, send, read, audit):
    state, panels = later
    state.choose(str(audit.mistakes().index[0]))
    state.open_past_patients()
    state.stop()
    assert STOPPED in read(panels["PastPatients"]).text
    assert "estimate; the refit is under way" not in read(panels["PastPatients"]).text
    send(panels["PastPatients"], "again")
    state._answers._jobs.run("refits")
    assert STOPPED not in read(panels["PastPatients"]).text
    assert "refitted; " in read(panels["PastPatients"]).text
