"""The Python that a panel shows, pasted into a notebook of the same user, gives the numbers on the screen."""

import ast
import os
import subprocess
import sys

import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.dashboard.app import build
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.wording import digits_of, percent, points, step


@pytest.fixture(scope="session")
def folder(audit, tmp_path_factory):
    """Where the audit is saved."""
    place = tmp_path_factory.mktemp("saved") / "audit"
    audit.save(place)
    return place


@pytest.fixture(scope="session")
def hostile_folder(hostile_audit, tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "hostile"
    hostile_audit.save(place)
    return place


def past(state, place=0):
    return str(state.answer("estimates").toward_error.index[place])


def run(text, folder):
    """Return the names that a text binds, and the value of its last line as ``last``."""
    parsed = ast.parse(text)
    if isinstance(parsed.body[-1], ast.Expr):
        parsed.body[-1] = ast.Assign([ast.Name("last", ast.Store())], parsed.body[-1].value)
    names = {"FOLDER": str(folder)}
    exec(compile(ast.fix_missing_locations(parsed), "pasted", "exec"), names)  # noqa: S102 what is tested
    return names


@pytest.fixture
def pasted(read, folder):
    """What comes out of the Python of a panel, pasted."""
    return lambda panel: run(read(panel).one("code").text, folder)


def test_the_text_names_no_id_of_the_source(audit, state, panels, opened, read):
    state.ask(Ask(REMOVE, encounters=(past(state), past(state, 1))))
    texts = [read(panel).one("code").text for panel in panels.values()]
    assert all(text.startswith("import clinflu\n\naudit = clinflu.Audit.open(FOLDER)") for text in texts)
    for one in (opened, past(state), past(state, 1)):
        assert not [text for text in texts if one in text]
    assert audit.pseudonyms.encounter(opened) in texts[1]


@pytest.mark.parametrize("threshold", [None, 0.123456789])
def test_the_list_is_that_of_the_screen(state, panels, pasted, read, threshold):
    if threshold:
        state.set_threshold(threshold)
    found = pasted(panels["Predictions"])
    (rows,) = read(panels["Predictions"]).tables.values()
    wrong = found["wrong"]
    assert [row[0] for row in rows] == found["audit"].pseudonyms.encounters(wrong.index[:10])
    assert all(percent(risk) in row[1] for row, risk in zip(rows, wrong["risk"], strict=False))
    assert set(wrong["threshold"]) == {state.screen.threshold}


def test_the_prediction_is_that_of_the_screen(state, panels, pasted, read, worst):
    state.set_threshold(0.3)
    found, tree = pasted(panels["Patient"]), read(panels["Patient"])
    assert found["encounter"] == worst
    prediction = found["prediction"]
    assert tree.one("span", "clinflu-risk").text == percent(prediction.risk)
    assert prediction.threshold == 0.3
    assert f"{percent(prediction.interval.low)} to {percent(prediction.interval.high)}" in tree.text
    rows = tree.tables["The same numbers"]
    strongest = prediction.attribution.head(len(rows) - 2)
    assert [row[0] for row in rows[1:-1]] == list(strongest["label"])
    assert [row[2] for row in rows[1:-1]] == [points(one) for one in strongest["risk_pp"]]
    assert list(found["last"].data[0].x) == read(panels["Patient"]).figures["attribution"]["data"][0]["x"]


def test_the_past_patients_are_those_of_the_screen(state, panels, pasted, read, opened):
    state.group_by("ward_team")
    found, tree = pasted(panels["PastPatients"]), read(panels["PastPatients"])
    assert found["encounter"] == opened
    told = pd.concat([found["past"].toward_error, found["past"].against])
    names = found["audit"].pseudonyms
    rows = tree.tables["Change of the risk without each past patient"]
    assert [row[0] for row in rows] == names.encounters(told.index)
    assert [row[2] for row in rows] == [points(one, 2) for one in told["risk_change_estimate_pp"]]
    assert [row[3] for row in rows] == [points(one, 2) for one in told["risk_change_refit_pp"]]
    ledger = found["last"].iloc[:-1]
    groups = tree.tables["Change of the risk without each group"]
    assert [row[0] for row in groups] == ["not recorded" if one == "missing" else one for one in ledger.index]
    assert [row[6] for row in groups] == [points(one, 2) for one in ledger["risk_change_refit_pp"]]
    together = found["past"].together
    assert points(together.risk_change_refit_pp) in tree.one("p", "clinflu-headline").text


ASKED = {
    "two removed": lambda state: Ask(REMOVE, encounters=(past(state), past(state, 1))),
    "two relabelled": lambda state: Ask(RELABEL, encounters=(past(state), past(state, 1))),
    "a group": lambda _: Ask(REMOVE, group=("ward", "surgical")),
    "those without a team": lambda _: Ask(REMOVE, group=("ward_team", "missing")),
    "a number edited": lambda state: Ask(EDIT, (past(state),), variable="age_years", value="41,5"),
    "a whole number edited": lambda state: Ask(EDIT, (past(state),), variable="visits", value="3"),
    "a level edited": lambda state: Ask(EDIT, (past(state),), variable="ward", value="intensive"),
    "a value taken away": lambda state: Ask(EDIT, (past(state),), variable="creatinine", value=" "),
    "the fewest removed": lambda _: Ask(REMOVE, fewest=True),
    "the fewest relabelled": lambda _: Ask(RELABEL, fewest=True),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_the_what_if_is_that_of_the_screen(state, panels, pasted, read, opened, ask):
    state.set_threshold(state.prediction.risk * 1.2)
    state.ask(ask(state))
    found, tree = pasted(panels["WhatIf"]), read(panels["WhatIf"])
    assert found["encounter"] == opened
    risks, metrics, subgroups = found["last"]
    before, after = risks.loc[opened, ["risk_before", "risk_after"]]
    change = 100 * (after - before)
    assert tree.one("span", "clinflu-risk").text == step(before, change)
    assert f"{points(change, digits_of(change))} percentage points, refitted" in tree.text
    assert tree.tables["On all audited encounters"][2][1:3] == [
        f"{metrics.at['auroc', when]:.4f}" for when in ("before", "after")
    ]
    pd.testing.assert_frame_equal(subgroups, state.answer("consequences").subgroups)
    assert found["refit"] == state.answer("change").refit


def test_before_anything_is_asked_the_what_if_shows_the_prediction(panels, pasted, opened):
    assert pasted(panels["WhatIf"])["prediction"].encounter_id == opened


def test_before_anything_is_chosen_only_the_list_has_python(panels, read):
    assert {name for name, panel in panels.items() if read(panel).all("code")} == {"Predictions"}


def test_hostile_names_and_levels_are_quoted(hostile_audit, hostile_folder, state_of, read):
    state = state_of(hostile_audit)
    panels = build(state).panels
    state.choose(str(hostile_audit.mistakes().index[0]))
    state.open_past_patients()
    state.open_what_if()
    features = {spec.is_category: spec.name for spec in hostile_audit.cohort.schema.features}
    level = next(one for one in hostile_audit.study.encoder.levels(features[True]) if one != "missing")
    for group in state.groups:
        state.ask(Ask(REMOVE, group=(group.variable, group.level)))
        found = run(read(panels[3]).one("code").text, hostile_folder)
        assert found["refit"] == hostile_audit.what_if(Remove(hostile_audit.study.train_ids[group.rows]))
    for variable, value in ((features[True], level), (features[False], "2")):
        state.ask(Ask(EDIT, (past(state),), variable=variable, value=value))
        found = run(read(panels[3]).one("code").text, hostile_folder)
        assert found["refit"] == state.answer("change").refit
    assert found["refit"] != hostile_audit.what_if()


def test_the_text_runs_where_nothing_was_imported_before(panels, read, folder, opened, audit):
    """In a process of its own, as a notebook is, by a user with the same key of pseudonyms."""
    text = read(panels["Patient"]).one("code").text
    code = f"FOLDER = {str(folder)!r}\n{text}\nprint(encounter, prediction.risk)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ)
    assert told.stdout.split() == [opened, str(audit.prediction(opened).risk)]


def test_a_saved_audit_is_the_one_on_the_screen(audit, folder):
    assert Audit.open(folder).study.fingerprint == audit.study.fingerprint
