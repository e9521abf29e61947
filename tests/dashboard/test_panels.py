"""Every registered panel keeps the promises of panels, and shows the numbers of the audit."""

import json
import logging
import re

import numpy as np
import pytest
from dashboard.steps import cards, every_step, past

from clinflu import Remove
from clinflu.dashboard.answers import UNEXPECTED
from clinflu.dashboard.app import build
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.wording import percent, step

TOLERANCE_PP = 1e-9


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
