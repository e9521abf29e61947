"""Every registered panel keeps the promises of panels, and shows the numbers of the audit."""

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clinflu import Audit, Edit, Remove
from clinflu.dashboard import app, saved
from clinflu.dashboard.answers import STOPPED, UNEXPECTED
from clinflu.dashboard.app import NO_AUDIT, build
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.screen import CHIPS, EDIT, RELABEL, REMOVE, SORTS, Ask
from clinflu.dashboard.serving import warm
from clinflu.dashboard.wording import alert, percent, points, step
from clinflu.dashboard.worklist import PAGE_ROWS
from clinflu.data import split_by_patient
from clinflu.errors import DataError
from clinflu.figures.attribution import attribution_steps
from clinflu.verdicts import PREDICTION, RECORD

TOLERANCE_PP = 1e-9


class Later:
    """Jobs that wait until the test runs them, as a loop would."""

    def __init__(self):
        self.waiting = {}

    def start(self, name, compute, ended, told):
        told(0, 0)
        self.waiting[name] = compute, ended

    def stop(self, name):
        self.waiting.pop(name, None)

    def run(self, name):
        compute, ended = self.waiting.pop(name)
        ended(compute(lambda *_: None), None)


@pytest.fixture
def later(monkeypatch, state_of, audit):
    """A session whose work waits, and its panels."""
    monkeypatch.setattr("clinflu.dashboard.answers.Jobs", Later)
    state = state_of(audit)
    return state, {type(panel).__name__: panel for panel in build(state).panels}


def past(state, place=0, side="toward_error"):
    return str(getattr(state.answer("estimates"), side).index[place])


def cards(tree):
    return {card.get("data-key"): card for card in tree.all("li", "clinflu-card")}


def every_step(state, encounter_id):
    """Open everything that there is about a prediction."""
    state.choose(encounter_id)
    state.open_past_patients()
    state.open_what_if()
    state.tick(past(state), on=True)
    state.ask(Ask(REMOVE, encounters=state.screen.ticked))


# What every panel promises.


def test_panels_are_listed_once_and_each_asks_a_question(panels):
    titles = [panel.title for panel in PANELS]
    assert len(set(titles)) == len(PANELS) == 4
    assert all(title.endswith("?") for title in titles)
    assert all(panel.widget is not None for panel in panels.values())


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_shows_a_mistake_and_the_same_each_time(kind, state, audit):
    made = kind(state, "page")
    before = made.widget.content
    every_step(state, str(audit.mistakes().index[0]))
    shown = made.widget.content
    assert shown != before
    made.show(state.screen.encounter_id)
    assert made.widget.content == shown
    assert kind(state, "page").widget.content == shown
    assert json.loads(shown) == made.widget.tree


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_that_shows_nothing_holds_nothing_of_the_last_patient(kind, state, audit):
    made = kind(state, "page")
    empty = made.widget.content
    every_step(state, str(audit.mistakes().index[0]))
    assert made.widget.content != empty
    made.show("")
    assert made.widget.content == empty


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_is_rewritten_for_another_patient(kind, state, audit):
    made = kind(state, "page")
    first, second = map(str, audit.mistakes().index[:2])
    every_step(state, first)
    shown = made.widget.content
    every_step(state, second)
    assert made.widget.content != shown
    if kind is not PANELS[0]:
        assert audit.pseudonyms.encounter(first) not in made.widget.content


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_whose_body_fails_shows_nothing(kind, state, audit, monkeypatch, caplog):
    made = kind(state, "page")
    every_step(state, str(audit.mistakes().index[0]))

    def fail(*_):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setattr(made, "body", fail)
    with caplog.at_level(logging.DEBUG):
        state.acting(state.choose)(str(audit.mistakes().index[1]))
    assert made.widget.tree == ["div", {}, []]
    assert made.widget.stamp == state.stamp
    assert state.error == UNEXPECTED
    assert "RuntimeError" in caplog.text
    assert "Doe" not in caplog.text
    with pytest.raises(RuntimeError):
        made.show("x")


@pytest.mark.usefixtures("worst")
def test_a_panel_that_fails_does_not_stop_the_others(dashboard, panels, page, send, read, monkeypatch):
    def fail(*_):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setattr("clinflu.dashboard.panels.patient.waterfall", fail)
    before = dashboard.state.screen.encounter_id
    rows = read(panels["Predictions"]).all("button", act="choose")
    send(panels["Predictions"], "choose", rows[1].get("data-key"))
    assert dashboard.state.screen.encounter_id != before
    assert dashboard.state.error == UNEXPECTED
    assert panels["Patient"].widget.tree == ["div", {}, []]
    assert "Doe" not in page(dashboard.widget)
    assert UNEXPECTED in read(dashboard.statusline).one("div", "clinflu-error").text
    assert read(panels["Predictions"]).all("button", act="choose")[1].get("aria-current") == "true"


@pytest.mark.parametrize("kind", PANELS)
def test_messages_that_mean_nothing_are_refused_in_one_line(kind, dashboard, opened, caplog, monkeypatch):
    state = dashboard.state
    made = next(panel for panel in dashboard.panels if isinstance(panel, kind))
    monkeypatch.setattr(state, "_access", None)
    screen, rubbish = state.screen, ["nosuch", "-1", "9" * 40, "²", "<b>", {"a": 1}, [1], None, 3.5]
    for act in [*made.acts(), "nosuch"]:
        for value in rubbish:
            for key in (value, "", opened):
                made.widget._handle_custom_msg({"act": act, "key": key, "value": value}, [])
                assert "\n" not in state.error
                assert opened not in state.error
    for message in ({}, {"act": None}, {"act": 3, "key": []}, {"act": "choose"}, {"number": "x"}, {"number": 10**40}):
        made.widget._handle_custom_msg(message, [])
    assert state.screen.encounter_id == screen.encounter_id
    assert set(state.screen.ticked) <= set(screen.ticked)
    assert opened not in caplog.text


# The three clicks.


def test_three_clicks_lead_from_the_list_to_the_risk_without_a_past_patient(
    audit, fresh, dashboard, panels, send, read
):
    state, chosen = dashboard.state, str(audit.mistakes().index[2])
    rows = read(panels["Predictions"]).all("button", act="choose")
    send(panels["Predictions"], "choose", rows[2].get("data-key"))
    assert state.screen.encounter_id == chosen
    assert read(panels["Predictions"]).all("button", act="choose")[2].get("aria-current") == "true"
    assert read(panels["Patient"]).one("span", "clinflu-risk").text == percent(fresh.trace(chosen).risk)
    assert read(panels["PastPatients"]).children == ()

    send(panels["Patient"], "past")
    trace = fresh.trace(chosen)
    names = audit.pseudonyms.encounters([*trace.pushed_toward_error.index, *trace.pushed_against.index])
    assert list(cards(read(panels["PastPatients"]))) == names

    send(panels["PastPatients"], "tick", names[0], value=True)
    send(panels["PastPatients"], "what-if")
    send(panels["WhatIf"], "ask-ticked")
    refit = fresh.what_if(Remove([trace.pushed_toward_error.index[0]]))
    said = step(trace.risk, refit.risk_change_pp(chosen))
    assert read(panels["WhatIf"]).one("span", "clinflu-risk").text == said
    assert not state.error


def test_the_reader_is_led_to_what_a_step_opened(dashboard, panels, audit, worst):
    state = dashboard.state
    arrivals = {name: panel.widget.arrivals for name, panel in panels.items()}

    def led():
        moved = [name for name, panel in panels.items() if panel.widget.arrivals > arrivals[name]]
        arrivals.update({name: panel.widget.arrivals for name, panel in panels.items()})
        return moved

    for act, where in (
        (state.open_past_patients, ["PastPatients"]),
        (state.open_what_if, ["WhatIf"]),
        (lambda: state.set_threshold(0.3), []),
        (lambda: state.choose(str(audit.mistakes().index[1])), ["Patient"]),
        (state.undo, ["WhatIf"]),
    ):
        act()
        assert led() == where
    assert state.screen.encounter_id == worst


def test_every_block_bears_the_stamp_of_its_subject(dashboard, audit, opened):
    blocks = [*(panel.widget for panel in dashboard.panels), dashboard.toolbar.widget, dashboard.statusline.widget]
    assert {block.stamp for block in blocks} == {dashboard.state.stamp}
    dashboard.state.choose(str(audit.mistakes().index[1]))
    assert {block.stamp for block in blocks} == {dashboard.state.stamp}
    assert len({block.page for block in blocks}) == 1
    assert build(dashboard.state).toolbar.widget.page != blocks[0].page
    assert dashboard.state.screen.encounter_id != opened


# Nothing of the source, and nothing as HTML.


def open_everything(state):
    """Show all that a session can show."""
    chosen = str(state.audit.mistakes().index[0])
    every_step(state, chosen)
    state.toggle_chip("low")
    state.judge("prediction", chosen, "missing_factor", "a note")
    state.judge("record", past(state), "planned", "another")
    state.prepare(action=EDIT, variable=state.audit.cohort.schema.feature_names[0])
    state.keep("a point")
    state.toggle_help()
    state.toggle_chip("low")
    return chosen


@pytest.mark.parametrize("name", ["audit", "hostile_audit"])
@pytest.mark.parametrize("role", ["clinician", "analyst"])
def test_no_id_of_the_source_reaches_the_browser_unless_it_is_revealed(request, state_of, page, name, role):
    audit = request.getfixturevalue(name)
    made = build(state_of(audit, role))
    chosen = open_everything(made.state)
    for ask in (
        Ask(REMOVE, fewest=True),
        Ask(RELABEL, encounters=made.state.screen.ticked),
        Ask(REMOVE, group=(made.state.groups[0].variable, made.state.groups[0].level)),
    ):
        made.state.ask(ask)
        refit = made.state.answer("change").refit
        assert ask.fewest if refit is None else refit.risk_after(chosen) != made.state.prediction.risk
        told = page(made.widget)
        words, ids = set(re.findall(r"\w+", told)), {*audit.cohort.frame.index, *audit.cohort.patients}
        assert not [one for one in ids if one in words or (not one.isalnum() and one in told)]
    assert audit.pseudonyms.encounter(chosen) in told
    made.state.reveal()
    assert chosen in page(made.widget)
    made.state.hide()
    assert chosen not in page(made.widget)


def test_values_of_the_data_are_text_and_never_html(hostile_audit, hostile, state_of, sent, read, page):
    made = build(state_of(hostile_audit, "analyst"))
    open_everything(made.state)
    made.state.ask(Ask(REMOVE, group=(made.state.groups[0].variable, made.state.groups[0].level)))
    made.state.search(hostile)
    assert not made.state.error
    figures = [figure for panel in made.panels for figure in read(panel).figures.values()]
    assert len(figures) == 4
    for figure in figures:
        drawn = re.sub(r"</?(?:b|i|br)>", "", json.dumps(figure, ensure_ascii=False))
        assert "<" not in drawn
    assert "&lt;img" in page(made.widget)
    schema = hostile_audit.cohort.schema
    texts = [one for panel in made.panels for one in [read(panel).text, *attributes(read(panel))]]
    for spec in schema.features:
        assert any(spec.label in text for text in texts)
        assert any(spec.name in text for text in texts)
    assert any(f"was {hostile}" in text for text in texts)  # outcome
    assert any(f"{hostile}surgical" in text for text in texts)  # level
    assert hostile in read(made.toolbar).text  # source
    elements = [one for part in (*made.panels, made.toolbar, made.statusline, made.help) for one in read(part)]
    assert not {one.tag for one in elements} & {"script", "style", "iframe", "a", "form", "svg"}
    assert not [name for one in elements for name in one.attributes if re.match(r"on|href|style|srcdoc", name)]
    assert any(hostile in text for text in sent(made.widget))


def attributes(tree):
    return [str(value) for one in tree for value in one.attributes.values()]


def test_plotly_is_sent_once_and_blocks_are_small(dashboard, widgets_of):
    codes = [len(one.get_state().get("_esm", "")) for one in widgets_of(dashboard.widget)]
    assert sorted(code > 1_000_000 for code in codes) == [False] * (len(codes) - 1) + [True]
    assert all(code < 40_000 for code in codes if code < 1_000_000)


# The list.


def test_the_list_holds_every_prediction_worst_first_page_by_page(audit, panels, send, read, dashboard):
    expected, panel, seen = audit.mistakes(), panels["Predictions"], []
    pages = -(-len(audit.audited_rows) // PAGE_ROWS)
    for number in range(pages):
        send(panel, "page", str(number))
        (rows,) = read(panel).tables.values()
        assert len(rows) <= PAGE_ROWS
        seen += rows
    wrong = seen[: len(expected)]
    assert len(seen) == len(audit.audited_rows)
    assert [row[0] for row in wrong] == audit.pseudonyms.encounters(expected.index)
    for row, told in zip(wrong, expected.itertuples(), strict=True):
        assert row[1].startswith(f"Predicted {100 * told.risk:.1f} %, {'was' if told.outcome else 'was not'} ")
        explained = audit.prediction(told.Index)
        low = explained.risk < explained.similar_event_rate
        looks_wrong = explained.similar_rate_differs and low == bool(told.outcome)
        side = f"the risk looks too {'low' if low else 'high'}" if looks_wrong else "could be chance"
        verdict = "rare at this risk" if told.verdict == "surprising" else side
        assert row[1].lower().endswith(f"{told.kind}: {verdict}")
    assert all(row[1].endswith("Right") for row in seen[len(expected) :])
    assert [row[2] for row in seen[:3]] == [
        f"{audit.cohort.frame['age_years'][one]:g} years" for one in expected.index[:3]
    ]
    assert read(panel).one("span", "clinflu-count").text == f"{len(seen)} in all, page {pages} of {pages}"
    for act in ("nosuch", "1.5", ""):
        send(panel, "page", act)
        assert "no such page" in dashboard.state.error


def test_buttons_of_the_pages_stop_at_the_ends(panels, send, read):
    panel = panels["Predictions"]

    def pager():
        return {one.text: one for one in read(panel).one("div", "clinflu-pager").all("button")}

    assert [name for name, one in pager().items() if one.get("disabled")] == ["First", "Previous"]
    send(panel, "page", pager()["Next"].get("data-key"))
    assert not [name for name, one in pager().items() if one.get("disabled")]
    send(panel, "page", pager()["Last"].get("data-key"))
    assert [name for name, one in pager().items() if one.get("disabled")] == ["Next", "Last"]


def test_chips_search_and_order_are_those_of_the_state(dashboard, panels, send, read, audit):
    panel, state = panels["Predictions"], dashboard.state
    chips = read(panel).all("button", "clinflu-chip")
    assert [chip.get("data-key") for chip in chips] == [None, *CHIPS]
    assert [chip.get("aria-pressed") for chip in chips] == ["true", *["false"] * len(CHIPS)]
    missed = int((audit.mistakes()["kind"] == "missed").sum())
    assert f"Missed ({missed})" in [chip.text for chip in chips]
    send(panel, "chip", "missed")
    assert state.screen.chips == ("missed",)
    assert f"{missed} in all" in read(panel).one("span", "clinflu-count").text
    (pressed,) = [one for one in read(panel).all("button", "clinflu-chip") if one.get("aria-pressed") == "true"]
    assert pressed.get("data-key") == "missed"
    send(panel, "search", value="surgical")
    send(panel, "sort", value="lowest")
    assert (state.screen.search, state.screen.sort) == ("surgical", "lowest")
    assert read(panel).one("select", act="sort").chosen.text == SORTS["lowest"]
    send(panel, "search", value="nobody at all")
    assert "No prediction of this kind." in read(panel).text
    send(panel, "everybody")
    assert (state.screen.chips, state.screen.search) == ((), "")
    send(panel, "choose", "E-NOBODY2222")
    assert "no longer listed" in state.error


def test_low_support_is_counted_once_it_is_known(later, read, audit):
    state, panels = later
    state.toggle_chip("low")
    assert "Low support (" not in read(panels["Predictions"]).text
    assert "Looking at the support" in read(panels["Predictions"]).text
    state._answers._jobs.run("support")
    low = int(audit.support_table()["low"].sum())
    assert f"Low support ({low})" in read(panels["Predictions"]).text
    assert f"{low} in all" in read(panels["Predictions"]).text


@pytest.mark.usefixtures("worst")
@pytest.mark.parametrize("typed", ["20", "20.0", "20,0", 20])
def test_another_threshold_changes_the_list_and_the_explanation(dashboard, panels, send, read, typed):
    audit = dashboard.state.audit
    send(panels["Predictions"], "threshold", value=typed)
    assert dashboard.state.screen.threshold == 0.2
    said = read(panels["Predictions"]).one("p", "clinflu-meaning").text
    rows, outcome = audit.audited_rows, audit.cohort.outcome.iloc[audit.audited_rows].to_numpy()
    alerts = expit(audit.design.x[rows] @ audit.model.theta) >= 0.2
    assert f"alerts for {alerts.sum()} of {len(rows)} encounters" in said
    assert f"catches {(alerts & (outcome == 1)).sum()} and misses {(~alerts & (outcome == 1)).sum()}" in said
    assert f"{(alerts & (outcome == 0)).sum()} alerts are false" in said
    assert "alert from 20.0 %" in read(panels["Patient"]).text
    assert read(panels["Patient"]).figures["attribution"]["layout"]["shapes"][0]["x0"] == 20.0


@pytest.mark.parametrize("typed", ["", "much", "nan", "inf", "0", "100", "-5", None])
def test_a_threshold_that_makes_no_sense_is_refused(dashboard, panels, send, audit, typed):
    send(panels["Predictions"], "threshold", value=typed)
    assert dashboard.state.error
    assert dashboard.state.screen.threshold == audit.threshold


def test_without_an_age_the_list_has_no_chips_of_age(small_cohort, state_of, read):
    old = small_cohort.schema
    frame, schema = small_cohort.frame.drop(columns="age_years"), replace(old, features=old.features[1:])
    made = build(state_of(Audit.fit(replace(small_cohort, frame=frame, schema=schema))))
    chips = [one.get("data-key") for one in read(made.panels[0]).all("button", "clinflu-chip")]
    assert chips == [None, "missed", "alarm", "low"]
    (rows,) = read(made.panels[0]).tables.values()
    assert {len(row) for row in rows} == {2}


# The prediction.


def test_the_sentence_the_risk_and_the_interval_are_those_of_the_trace(panels, read, fresh, worst):
    trace, tree = fresh.trace(worst), read(panels["Patient"])
    assert tree.one("span", "clinflu-risk").text == percent(trace.risk)
    assert f"95 % interval {percent(trace.interval.low)} to {percent(trace.interval.high)}" in tree.text
    assert f"gave this patient a risk of {percent(trace.risk)} (alert from {percent(trace.threshold)})" in tree.text
    assert f"no alert at {percent(trace.threshold)}" in tree.text
    rate = round(trace.similar_event_rate * trace.similar_encounters)
    assert f"Of the {trace.similar_encounters} audited encounters closest in risk, {rate} (" in tree.text


def test_few_and_many_past_patients_behind_a_prediction_are_both_said(audit, state, dashboard, panels, read):
    few, many = [], []
    for one in map(str, audit.design.encounter_ids[audit.audited_rows]):
        (few if audit.prediction(one).patients_of_half <= 10 else many).append(one)
    assert few
    assert many
    for chosen, words in ((few[0], "Half of the squared influence on it comes from"), (many[0], "No few patients")):
        state.choose(chosen)
        found = brute_force_half(audit, chosen)
        assert words in read(panels["Patient"]).text
        assert f"comes from {found} past patients." in read(panels["Patient"]).text
    assert not dashboard.state.error


def brute_force_half(audit, encounter_id):
    """Return the fewest patients with half of the squared influence, added up one by one."""
    changes = audit.prediction(encounter_id).influence.margin_change
    patients = audit.design.patient_ids[audit.train_rows]
    squared = (pd.Series(changes).groupby(np.asarray(patients)).sum() ** 2).sort_values(ascending=False)
    total, taken = 0.0, 0
    for one in squared:
        total, taken = total + one, taken + 1
        if total >= squared.sum() / 2:
            return taken
    raise AssertionError


def test_low_support_is_said_where_it_is_low(audit, state, panels, read):
    low = audit.support_table()["low"]
    for chosen, is_low in ((low.idxmax(), True), (low.idxmin(), False)):
        state.choose(chosen)
        assert ("Low support: " in read(panels["Patient"]).text) == is_low
    state.choose(low.idxmax())
    assert audit.support(low.idxmax()).words in read(panels["Patient"]).text


def test_the_waterfall_has_at_most_eight_variables_and_the_rest(simulated_audit, state_of, read):
    state = state_of(simulated_audit)
    panel = build(state).panels[1]
    state.choose(simulated_audit.worst_miss())
    prediction = simulated_audit.prediction(state.screen.encounter_id)
    assert len(prediction.attribution) > 9
    figure, rows = read(panel).figures["attribution"], read(panel).tables["The same numbers"]
    assert len(rows) == 8 + 1 + 2
    assert [row[0] for row in rows[1:9]] == list(prediction.attribution["label"].head(8))
    assert rows[9][:2] == ["all other variables", f"{len(prediction.attribution) - 8} together"]
    assert len(figure["data"][0]["x"]) == len(rows)
    assert figure["data"][0]["x"][-1] == 100 * prediction.risk
    np.testing.assert_allclose(sum(figure["data"][0]["x"][:-1]), 100 * prediction.risk)


def test_an_analyst_sees_the_numbers_and_the_python(state_of, audit, read, fresh):
    shown = {}
    for role in ("clinician", "analyst"):
        state = state_of(audit, role)
        panels = build(state).panels
        every_step(state, str(audit.mistakes().index[0]))
        shown[role] = panels
    for clinician, analyst in zip(shown["clinician"], shown["analyst"][: len(PANELS)], strict=True):
        folds = [read(panel).one("details", "clinflu-python") for panel in (clinician, analyst)]
        assert [fold.get("open") for fold in folds] == [None, True]
        assert folds[0].one("code").text == folds[1].one("code").text
    trace = fresh.trace(audit.mistakes().index[0])
    numbers = f"Margin {trace.margin:+.4f} log-odds"
    assert numbers in read(shown["analyst"][1]).text
    assert numbers not in read(shown["clinician"][1]).text


def test_a_role_that_is_none_is_refused(audit):
    with pytest.raises(DataError, match="clinician and analyst"):
        app(audit, role="root")


def test_revealing_shows_the_identifier_after_it_is_written_down(panels, send, read, access_log, worst, audit):
    assert worst not in read(panels["Patient"]).text
    send(panels["Patient"], "reveal")
    assert read(panels["Patient"]).one("span", "clinflu-identifier").text == f"Identifier {worst}"
    assert json.loads(access_log.read_text())["pseudonym"] == audit.pseudonyms.encounter(worst)
    send(panels["Patient"], "reveal")
    assert worst not in read(panels["Patient"]).text
    assert access_log.read_text().count("\n") == 1


def test_where_the_log_cannot_be_written_no_identifier_is_shown(dashboard, panels, send, read, worst, access_log):
    access_log.parent.write_text("in the way")
    send(panels["Patient"], "reveal")
    assert "no identifier is shown" in dashboard.state.error
    assert worst not in read(panels["Patient"]).text


def test_notes_of_the_model_stand_once_at_the_head(audit, state_of, read):
    noted = Audit(replace(audit.study, notes=("A <b>note</b>.",)))
    made = build(state_of(noted))
    made.state.choose(str(noted.mistakes().index[0]))
    assert "A <b>note</b>." in read(made.toolbar).text
    assert "A <b>note</b>." not in read(made.panels[1]).text


def test_an_encounter_that_taught_the_model_is_said_to_have(audit, state, panels, read):
    state.choose(str(audit.study.train_ids[0]))
    assert "The model learned from this very encounter." in read(panels["Patient"]).text


def test_a_model_of_the_hospitals_own_is_explained_and_says_so(small_cohort, state_of, read):
    """It brings its own columns: a record cannot be edited, all else can be asked."""
    numbers = ["age_years", "visits", "platelets"]
    frame = small_cohort.frame.iloc[split_by_patient(small_cohort.patients, 0).train]
    scaled = ColumnTransformer([("number", StandardScaler(), numbers)])
    model = make_pipeline(scaled, LogisticRegression(tol=1e-12, solver="newton-cholesky"))
    audit = Audit.adopt(small_cohort, model.fit(frame[numbers], frame["readmitted"]))
    made = build(state_of(audit))
    every_step(made.state, str(audit.mistakes().index[0]))
    risk = model.predict_proba(small_cohort.frame.loc[[made.state.screen.encounter_id], numbers])[0, 1]
    assert read(made.panels[1]).one("span", "clinflu-risk").text == percent(risk)
    assert "verified to be the optimum" in read(made.toolbar).text
    assert len(cards(read(made.panels[2]))) == 20
    assert "Refitted without the 1 past encounter that you ticked." in read(made.panels[3]).text
    screen = made.state.screen
    made.state.acting(made.state.ask)(Ask(EDIT, screen.ticked, variable="age_years", value="3"))
    assert "has its own columns" in made.state.error
    assert made.state.screen == screen


# Past patients.


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
    assert [row[0] for row in table] == list(fresh.ledger(opened, "ward_team").frame.index)
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


# Every chart has its table.


def numbers_of(texts):
    return [float(text.replace("−", "-").removesuffix(" %").replace(",", "")) for text in texts]


@pytest.mark.usefixtures("opened")
def test_every_chart_has_a_table_with_the_same_numbers(panels, read, state):
    state.ask(Ask(REMOVE, group=("ward", "surgical")))
    drawn = {}
    for panel in panels.values():
        for figure in read(panel).all("figure"):
            assert figure.get("description")
            (caption,) = figure.tables
            drawn[figure.get("data-key")] = json.loads(figure.get("figure")), figure.tables[caption]
    assert set(drawn) == {"attribution", "removal", "ledger", "consequences"}

    figure, rows = drawn["attribution"]
    np.testing.assert_allclose(numbers_of(row[2] for row in rows), figure["data"][0]["x"], atol=0.05 + TOLERANCE_PP)
    figure, rows = drawn["removal"]
    for column, kind in ((2, "scatter"), (3, "bar")):
        shown = [one for part in figure["data"] if part["type"] == kind for one in part["x"]]
        np.testing.assert_allclose(numbers_of(row[column] for row in rows), shown, atol=0.005 + TOLERANCE_PP)
    figure, rows = drawn["ledger"]
    for column, kind in ((5, "scatter"), (6, "bar")):
        (shown,) = [part["x"] for part in figure["data"] if part["type"] == kind]
        np.testing.assert_allclose(numbers_of(row[column] for row in rows), shown, atol=0.005 + TOLERANCE_PP)
    figure, rows = drawn["consequences"]
    labels, changes = figure["layout"]["yaxis"]["ticktext"], figure["data"][0]["x"]
    table = {row[0]: float(row[5].replace("−", "-")) for row in rows}
    assert len(changes) >= 4
    np.testing.assert_allclose([table[label] for label in labels], changes, atol=5e-6 + TOLERANCE_PP)


# Ages over 89.


def seen_by_a_reader(panel, read):
    """Return all that a reader, or a screen reader, meets, charts too; the Python is for the analyst."""
    tree = read(panel)
    code = {id(one) for fold in tree.all("details", "clinflu-python") for one in fold}
    kept = [one for one in tree if id(one) not in code]
    texts = [child for one in kept for child in one.children if isinstance(child, str)]
    shown = ("aria-label", "placeholder", "title", "alt", "label", "figure", "description")
    return "\n".join([*texts, *(str(one.get(name)) for one in kept for name in shown if one.get(name))])


def test_numeric_ages_over_89_are_90_and_over_everywhere(old_audit, state_of, read):
    state = state_of(old_audit, "analyst")
    panels = build(state).panels
    ages, shown = old_audit.cohort.frame["age_years"], ""
    for chosen in [one for one in old_audit.mistakes().index if ages[one] == 93][:3]:
        every_step(state, str(chosen))
        state.prepare(action=EDIT, variable="age_years")
        state.search(state.names.encounter(chosen))
        for panel in panels:
            said = seen_by_a_reader(panel, read)
            assert not re.search(r"93(\.0)? years", said), type(panel)
            shown += f"{type(panel).__name__} {said}"
        assert "90+ years" in seen_by_a_reader(panels[0], read)
        assert "90+ years" in str(read(panels[1]).figures["attribution"])
        assert ["Age", "90+ years"] in [row[:2] for row in read(panels[1]).tables["The same numbers"]]
    assert "90+ years" in read(panels[2]).text


def test_age_bands_over_89_are_90_and_over_everywhere(banded_audit, state_of, read):
    state = state_of(banded_audit, "analyst")
    panels = build(state).panels
    ages = banded_audit.cohort.frame["age_group"]
    chosen = next(str(one) for one in banded_audit.mistakes().index if ages[one] == "[90-100)")
    every_step(state, chosen)
    state.group_by("age_group")
    state.prepare(action=EDIT, variable="age_group", value="90+", group=("age_group", "90+"))
    state.ask(Ask(REMOVE, group=("age_group", "90+")))
    removed = banded_audit.study.train_frame["age_group"] == "[90-100)"
    np.testing.assert_array_equal(state.answer("change").refit.change.rows, np.flatnonzero(removed))
    state.search(state.names.encounter(chosen))
    state.look_at("data")
    for panel in panels:
        assert "90-100" not in panel.widget.content, type(panel)
        assert "90+" in seen_by_a_reader(panel, read), type(panel)
    assert read(panels[3]).one("select", act="value").chosen.text == "90+"
    assert read(panels[3]).one("select", act="group").chosen.text.startswith("90+ (")
    assert "90+" in [row[0] for row in read(panels[2]).tables["Change of the risk without each group"]]
    assert "90+" in " ".join(read(panels[2]).figures["ledger"]["layout"]["yaxis"]["ticktext"])
    assert "Age 90+" in [row[0] for row in read(panels[3]).tables["Their group, and everyone"]]
    assert "Age: 90+" in [row[0] for row in read(panels[3]).tables["Every subgroup, the worst first"]]
    assert not state.error


# What if.


def test_a_group_is_removed_and_its_consequences_counted(fresh, dashboard, panels, send, read, opened):
    state, panel = dashboard.state, panels["WhatIf"]
    choices = read(panel).one("select", act="group")
    assert [one.get("label") for one in choices.all("optgroup")] == ["Ward", "Team"]
    assert choices.chosen.get("value") == ""
    (surgical,) = [one for one in choices.all("option") if one.text.startswith("surgical")]
    train = fresh.cohort.frame.iloc[fresh.train_rows]
    assert surgical.text == f"surgical ({(train['ward'] == 'surgical').sum()} in training)"
    send(panel, "group", value=surgical.get("value"))
    assert read(panel).one("select", act="group").chosen.text == surgical.text
    send(panel, "ask-group")
    refit = fresh.what_if(Remove(query="ward == 'surgical'"))
    tree = read(panel)
    before, after = refit.risk_before(opened), refit.risk_after(opened)
    assert tree.one("span", "clinflu-risk").text == step(before, 100 * (after - before))
    assert f"Refitted without the {(train['ward'] == 'surgical').sum()} past encounters of Ward surgical." in tree.text
    interval = refit.risk_change_interval_pp(opened)
    assert f"95 % interval of the change {points(interval.low)} to {points(interval.high)}." in tree.text
    assert alert(before, after, fresh.threshold) in tree.text
    assert not state.error


def test_who_is_predicted_worse_stands_beside_who_is_better(fresh, state, panels, read, opened):
    state.ask(Ask(REMOVE, group=("ward", "surgical")))
    frame = fresh.what_if(Remove(query="ward == 'surgical'")).to_frame()
    ward = fresh.cohort.frame["ward"]
    audited = {"Everyone": frame, f"Ward {ward[opened]}": frame[(ward[frame.index] == ward[opened]).to_numpy()]}
    rows = {row[0]: row[1:] for row in read(panels["WhatIf"]).tables["Their group, and everyone"]}
    assert set(rows) == set(audited)
    outcome = fresh.cohort.outcome
    for name, part in audited.items():
        count, happened, mean, alerts, worse, better = rows[name]
        assert count == str(len(part))
        assert happened == percent(outcome[part.index].mean())
        assert mean == f"{percent(part['risk_before'].mean())} → {percent(part['risk_after'].mean())}"
        over = [(part[column] >= fresh.threshold).sum() for column in ("risk_before", "risk_after")]
        assert alerts == f"{over[0]} → {over[1]}"
        assert (worse, better) == (str((part["loss_change"] > 1e-4).sum()), str((part["loss_change"] < -1e-4).sum()))
        assert int(worse) + int(better) > 0.9 * len(part)


def test_every_subgroup_is_listed_worst_first(fresh, state, panels, read, opened):
    state.ask(Ask(REMOVE, encounters=(past(state),)))
    refit = fresh.what_if(Remove([past(state)]))
    wanted = refit.subgroup_metrics().sort_values("log_loss_change", ascending=False, na_position="last")
    rows = read(panels["WhatIf"]).tables["Every subgroup, the worst first"]
    assert [row[0] for row in rows] == [f"{row.label}: {row.level}" for row in wanted.itertuples()]
    assert {row[0].split(":")[0] for row in rows} == {"Ward", "Team"}
    for row, told in zip(rows, wanted.itertuples(), strict=True):
        assert row[1] == str(told.n)
        assert row[4] == f"{told.log_loss_before:.4f} → {told.log_loss_after:.4f}"
    metrics = {row[0]: row[1:] for row in read(panels["WhatIf"]).tables["On all audited encounters"]}
    everyone = refit.metrics()
    assert metrics["AUROC"][:2] == [f"{everyone.at['auroc', when]:.4f}" for when in ("before", "after")]
    assert metrics["Mean risk"][0] == f"{100 * everyone.at['mean_risk', 'before']:.4f} %"
    assert state.screen.encounter_id == opened


@pytest.mark.parametrize("action", [REMOVE, RELABEL])
def test_the_fewest_that_change_the_decision_bear_pseudonyms(fresh, dashboard, panels, send, read, action):
    opened = str(fresh.mistakes().index[0])
    every_step(dashboard.state, opened)
    dashboard.state.set_threshold(fresh.prediction(opened).risk * 1.3)
    send(panels["WhatIf"], "ask-fewest", action)
    found = fresh.flip_set(opened, threshold=dashboard.state.screen.threshold, relabel=action == RELABEL)
    said = read(panels["WhatIf"]).one("div", "clinflu-found").text
    assert found.verified
    assert found.words in said
    assert "another, smaller set may exist" in said
    for encounter_id in found.encounters[:20]:
        assert fresh.pseudonyms.encounter(encounter_id) in said
        assert not re.search(rf"\b{encounter_id}\b", said)
    assert read(panels["WhatIf"]).one("span", "clinflu-risk").text == step(
        found.risk_before, 100 * (found.risk_after - found.risk_before)
    )
    assert "the model would now alert" in read(panels["WhatIf"]).text


def test_one_value_is_recorded_otherwise(fresh, dashboard, panels, send, read, opened):
    panel, one = panels["WhatIf"], past(dashboard.state)
    send(panels["PastPatients"], "tick", fresh.pseudonyms.encounter(one), value=True)
    send(panel, "action", value=EDIT)
    assert read(panel).one("select", act="action").chosen.get("value") == EDIT
    assert [box.text for box in read(panel).one("select", act="variable").all("option")[1:]] == [
        spec.label for spec in fresh.cohort.schema.features
    ]
    send(panel, "variable", value="age_years")
    assert "years" in read(panel).one("input", act="value").get("placeholder")
    send(panel, "value", value="101,5")
    send(panel, "ask-ticked")
    refit = fresh.what_if(Edit(one, {"age_years": 101.5}))
    assert read(panel).one("span", "clinflu-risk").text == step(refit.risk_before(opened), refit.risk_change_pp(opened))
    assert "Refitted with another Age for the past encounter that you ticked." in read(panel).text
    send(panel, "variable", value="ward")
    choices = read(panel).one("select", act="value")
    assert choices.all("option")[0].text == "not recorded"
    assert {box.text for box in choices.all("option")[1:]} == {"intensive", "medical", "surgical"}
    send(panel, "value", value="intensive")
    send(panel, "ask-ticked")
    refit = fresh.what_if(Edit(one, {"ward": "intensive"}))
    assert dashboard.state.answer("change").refit == refit
    send(panels["PastPatients"], "tick", fresh.pseudonyms.encounter(past(dashboard.state, 1)), value=True)
    send(panel, "ask-ticked")
    assert "exactly one" in dashboard.state.error


def test_how_much_one_altered_record_could_change_is_shown_without_ids(fresh, dashboard, panels, send, read, opened):
    panel, state = panels["WhatIf"], dashboard.state
    every_step(state, opened)
    send(panel, "ask-altered")
    found = fresh.fragility(opened, threshold=state.screen.threshold)
    said = read(panel).text
    assert found.words in said
    for encounter_id, row in found.to_frame().iterrows():
        assert fresh.pseudonyms.encounter(encounter_id) in said
        assert row["altered"] in said
        assert f"{row['change_pp']:+.2f}".replace("-", "−") in said
        assert not re.search(rf"\b{encounter_id}\b", said)
    assert f"audit.fragility(encounter, threshold={state.screen.threshold!r})" in panel.calls(opened)
    state.choose(str(fresh.mistakes().index[3]))
    state.open_what_if()
    assert found.words not in read(panel).text


def test_what_cannot_be_asked_is_said_in_one_line(dashboard, panels, send, opened):
    panel, state = panels["WhatIf"], dashboard.state
    for act, key, value, words in (
        ("ask-ticked", "", "", "tick at least one"),
        ("ask-group", "", "", "choose a group"),
        ("group", "", "999", "no such group"),
        ("action", "", "burn", "cannot be done"),
        ("variable", "", "nosuch", "no such variable"),
        ("ask-fewest", "burn", "", "cannot be done"),
    ):
        send(panel, act, key, value)
        assert words in state.error
        assert state.screen.asked is None
    assert state.screen.encounter_id == opened


def test_an_answer_stays_with_its_question_until_another_is_asked(dashboard, panels, send, read, opened, audit):
    state = dashboard.state
    state.tick(past(state, 0), on=True)
    send(panels["WhatIf"], "ask-ticked")
    said = read(panels["WhatIf"]).one("div", "clinflu-answer")
    send(panels["PastPatients"], "tick", audit.pseudonyms.encounter(past(state, 1)), value=True)
    assert read(panels["WhatIf"]).one("div", "clinflu-answer") == said
    send(panels["WhatIf"], "ask-ticked")
    assert "Refitted without the 2 past encounters that you ticked." in read(panels["WhatIf"]).text
    assert state.screen.encounter_id == opened


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.1, 0.15, "stays below"),
        (0.3, 0.25, "stays above"),
        (0.1, 0.2, "would now alert"),
        (0.2, 0.1, "no longer alert"),
        (0.2, float("nan"), "cannot be fitted"),
    ],
)
def test_crossing_the_threshold_is_said(before, after, said):
    assert said in alert(before, after, 0.2)


def test_small_changes_keep_enough_digits_to_be_seen():
    assert step(0.0191, 0.06) == "1.91 % → 1.97 %"
    assert step(0.312, -2.3) == "31.2 % → 28.9 %"
    assert step(0.312, float("nan")) == "31.2 % → no finite fit"


# Verdicts.


def test_a_verdict_its_note_and_its_author_are_kept(dashboard, panels, send, read, store, worst):
    audit, opened = dashboard.state.audit, worst
    panel, key = panels["Patient"], f"prediction {audit.pseudonyms.encounter(opened)}"
    choice = read(panel).one("select", act="judge")
    assert [one.get("value") for one in choice.all("option")] == ["", *PREDICTION]
    assert (choice.get("data-key"), choice.chosen.text) == (key, "no verdict yet")
    assert read(panel).all("textarea") == []
    send(panel, "sign", key, "Dr Grey")
    send(panel, "judge", key, "missing_factor")
    send(panel, "note", key, "<b>frailty</b>")
    assert read(panel).one("select", act="judge").chosen.text == PREDICTION["missing_factor"]
    assert read(panel).one("textarea", act="note").get("value") == "<b>frailty</b>"
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.says, row.note, row.author) == ("missing_factor", "<b>frailty</b>", "Dr Grey")
    assert "said by Dr Grey, " in read(panel).text
    send(panel, "judge", key, "")
    assert store.current(audit.study.fingerprint).empty
    send(panel, "note", key, "alone")
    assert "say first what your verdict is" in dashboard.state.error


def test_a_past_record_is_judged_on_its_card(panels, send, read, store, opened, audit):
    panel = panels["PastPatients"]
    name = list(cards(read(panel)))[3]
    choice = cards(read(panel))[name].one("select", act="judge")
    assert [one.get("value") for one in choice.all("option")] == ["", *RECORD]
    send(panel, "judge", choice.get("data-key"), "planned")
    card = cards(read(panel))[name]
    assert card.one("select", act="judge").chosen.get("value") == "planned"
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.subject, row.encounter, row.says) == ("record", name, "planned")
    assert row.about == audit.pseudonyms.encounter(opened)
    others = [
        one.one("select", act="judge").chosen.get("value") for key, one in cards(read(panel)).items() if key != name
    ]
    assert set(others) == {""}


@pytest.mark.parametrize("key", ["weather E-K3QX7A2M5T", "record E-NOBODY2222", "record", "", "record <b>"])
def test_a_verdict_on_nobody_is_refused(dashboard, panels, send, store, opened, key):
    send(panels["PastPatients"], "judge", key, "planned")
    assert dashboard.state.error
    assert store.history(dashboard.state.audit.study.fingerprint).empty
    assert dashboard.state.screen.encounter_id == opened


# Head, status line, help.


def test_banners_stand_on_the_page(audit, page):
    told = page(app(audit))
    assert "INTERNAL working paper: not for distribution." in told
    assert "SIMULATED patients: nobody real." in told


def test_real_patients_are_not_called_simulated(audit, page):
    provenance = replace(audit.cohort.provenance, simulated=False)
    real = Audit(replace(audit.study, cohort=replace(audit.cohort, provenance=provenance)))
    told = page(app(real))
    assert "INTERNAL" in told
    assert "SIMULATED" not in told


def test_the_toolbar_steps_back_and_forth(dashboard, send, read, audit):
    state, toolbar = dashboard.state, dashboard.toolbar

    def off():
        return [one.text for one in read(toolbar).all("button") if one.get("disabled")]

    assert off() == ["Undo", "Redo"]
    send(toolbar, "undo")
    assert "nothing to undo" in state.error
    state.choose(str(audit.mistakes().index[0]))
    assert off() == ["Redo"]
    send(toolbar, "undo")
    assert off() == ["Undo"]
    assert state.screen.encounter_id == ""
    send(toolbar, "redo")
    assert state.screen.encounter_id == audit.mistakes().index[0]


def test_checkpoints_are_kept_and_returned_to(dashboard, send, read, audit):
    state, toolbar = dashboard.state, dashboard.toolbar
    assert read(toolbar).all("select", act="return") == []
    send(toolbar, "keep", value="the list")
    state.choose(str(audit.mistakes().index[0]))
    send(toolbar, "keep", value="<b>one</b>")
    assert [one.text for one in read(toolbar).one("select", act="return").all("option")[1:]] == [
        "the list",
        "<b>one</b>",
    ]
    send(toolbar, "return", value="the list")
    assert state.screen.encounter_id == ""
    send(toolbar, "return", value="nowhere")
    assert "no such checkpoint" in state.error


def test_the_whole_state_is_saved_and_opened(dashboard, send, opened, audit, monkeypatch):
    state, toolbar, files = dashboard.state, dashboard.toolbar, []
    monkeypatch.setattr(toolbar.widget, "send", files.append)
    screen = state.screen
    send(toolbar, "save")
    (file,) = files
    assert (file["type"], file["name"]) == ("download", "clinflu-session.json")
    state.choose(str(audit.mistakes().index[1]))
    send(toolbar, "open", value=file["text"])
    assert state.screen == screen
    assert state.screen.encounter_id == opened
    for rubbish in ("", "{}", None, 3):
        send(toolbar, "open", value=rubbish)
        assert "no saved state" in state.error
        assert state.screen == screen


def test_the_status_line_says_what_happens_and_what_went_wrong(dashboard, read, send, audit):
    state, line = dashboard.state, dashboard.statusline
    assert read(line).one("div", "clinflu-error").get("hidden") is True
    state.choose(str(audit.mistakes().index[0]))
    assert audit.pseudonyms.encounter(str(audit.mistakes().index[0])) in read(line).one("div", "clinflu-status").text
    send(dashboard.toolbar, "redo")
    assert read(line).one("div", "clinflu-error").get("hidden") is None
    assert "nothing to redo" in read(line).one("div", "clinflu-error").text
    send(line, "stop")
    assert read(line).one("div", "clinflu-error").text == ""
    assert STOPPED in read(line).text


def test_a_copy_is_announced(dashboard, panels, send, read):
    for how, words in (("copied", "Copied."), ("saved", "saved as a file"), ("failed", "could not"), ("<b>", "")):
        send(panels["Predictions"], "told", "python", how)
        assert words in read(dashboard.statusline).one("div", "clinflu-status").text
    assert "<b>" not in read(dashboard.statusline).text


def test_the_help_opens_on_its_button_and_closes(dashboard, read, send):
    assert read(dashboard.help).children == ()
    send(dashboard.toolbar, "help")
    tree = read(dashboard.help)
    assert tree.text.startswith("For clinicians")
    assert len(tree.all("img")) == 4
    assert all(one.get("alt") for one in tree.all("img"))
    assert tree.all("button", act="help")
    send(dashboard.help, "help")
    assert read(dashboard.help).children == ()


# The saved audit.


@pytest.fixture
def saved_audit(audit, tmp_path, monkeypatch):
    """The folder of a saved audit that the environment names."""
    audit.save(tmp_path / "audit")
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "audit"))
    monkeypatch.setattr(warm, "_WARMED", {})
    for name in ("CLINFLU_ROLE", "CLINFLU_PAGE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "audit"


@pytest.mark.usefixtures("saved_audit")
def test_a_saved_audit_opens_by_its_environment(audit, page):
    assert audit.pseudonyms.encounter(audit.mistakes().index[0]) in page(saved())


@pytest.mark.usefixtures("saved_audit")
@pytest.mark.parametrize(("role", "is_open"), [("clinician", False), ("analyst", True)])
def test_a_saved_audit_opens_for_a_role(monkeypatch, widgets_of, role, is_open):
    monkeypatch.setenv("CLINFLU_ROLE", role)
    blocks = [one for one in widgets_of(saved()) if "Show the Python" in getattr(one, "content", "")]
    assert ['"open":true' in block.content for block in blocks] == [is_open]


def test_a_saved_audit_that_does_not_open_is_one_line(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "absent"))
    assert "clinflu-error" in page(saved())
    monkeypatch.delenv("CLINFLU_AUDIT")
    assert NO_AUDIT in page(saved())


@pytest.mark.usefixtures("saved_audit")
def test_whatever_goes_wrong_on_the_way_is_one_line(monkeypatch, page, caplog, capsys):
    def fail(*_, **__):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setattr(sys.modules["clinflu.dashboard.app"], "build", fail)
    told = page(saved())
    assert NO_AUDIT in told
    assert "Doe" not in told + caplog.text + "".join(capsys.readouterr())


def test_the_dashboard_loads_neither_torch_nor_slow_schema_grammars(saved_audit):
    code = (
        "import sys; from clinflu.dashboard import saved; saved(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'nbformat', 'rfc3987_syntax')))"
    )
    environment = {**os.environ, "CLINFLU_AUDIT": str(saved_audit)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_steps_of_the_waterfall_are_those_of_the_figure(audit, panels, read, worst):
    steps = attribution_steps(audit.prediction(worst))
    rows = read(panels["Patient"]).tables["The same numbers"][1:-1]
    assert rows == [[one.label, one.recorded, points(one.risk_pp)] for one in steps]
