"""Every registered panel keeps the promises of panels, and shows the numbers of the audit."""

import json
import logging
import re
import subprocess
import sys

import numpy as np
import pytest

from clinflu import Audit, Remove
from clinflu.dashboard import app, saved
from clinflu.dashboard.app import NO_AUDIT, build
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.patientcards import cards
from clinflu.dashboard.plotview import PlotlyBundle
from clinflu.dashboard.state import UNEXPECTED, State
from clinflu.dashboard.wording import alert, percent, points, step


def walk(widget):
    """Return a widget and all that it holds."""
    return [widget, *(one for child in getattr(widget, "children", ()) for one in walk(child))]


def states(widget):
    """Return what the browser is sent of a widget and of all that it holds, without the code that it runs."""
    return [{key: value for key, value in one.get_state().items() if key != "_esm"} for one in walk(widget)]


def page(widget):
    return json.dumps(states(widget), default=str)


@pytest.fixture
def small_panel(audit):
    def make(panel):
        state = State(audit)
        return state, panel(state, PlotlyBundle())

    return make


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_title_a_widget_and_shows_a_mistake(panel, small_panel, audit):
    state, made = small_panel(panel)
    assert made.title.endswith("?")
    before = page(made.widget)
    state.choose(audit.mistakes().index[0])
    assert page(made.widget) != before
    shown = page(made.widget)
    made.show(state.encounter_id)
    assert page(made.widget) == shown


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_that_shows_nothing_holds_nothing_of_the_last_patient(panel, small_panel, audit):
    state, made = small_panel(panel)
    made.show("")
    empty = page(made.widget)
    state.choose(audit.mistakes().index[0])
    made.show("")
    of_hidden_buttons = r'"(description|disabled)": (".*?"|\w+)'
    assert re.sub(of_hidden_buttons, "", page(made.widget)) == re.sub(of_hidden_buttons, "", empty)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_rewritten_for_another_patient(panel, small_panel, audit):
    state, made = small_panel(panel)
    first, second = audit.mistakes().index[:2]
    state.choose(first)
    shown = page(made.widget)
    state.choose(second)
    assert page(made.widget) != shown


def test_no_id_of_the_source_reaches_the_browser(audit, dashboard, panels, worst):
    panels["PastPatients"].toward.selected = [panels["PastPatients"].toward.view["cards"][0]["name"]]
    panels["WithoutThem"].some.click()
    assert panels["WithoutThem"].result.value
    ids = {*audit.cohort.frame.index, *audit.cohort.patients}
    assert not ids & set(re.findall(r"\w+", page(dashboard.widget)))
    assert audit.pseudonyms.encounter(worst) in page(dashboard.widget)


def test_values_of_the_data_are_never_html(hostile_audit, hostile):
    made = build(hostile_audit)
    made.state.choose(hostile_audit.mistakes().index[0])
    made.panels[3].all.click()
    assert not made.state.error
    shown = 0
    for widget in walk(made.widget):
        state = widget.get_state()
        texts = [state[key] for key in ("value", "figure", "description") if isinstance(state.get(key), str)]
        assert not any("<img" in text or "<script" in text for text in texts), type(widget)
        shown += sum("&lt;img src=x onerror=alert(1)&gt;" in text for text in texts)
    assert shown >= 4
    assert hostile in made.panels[2].toward.view["cards"][0]["outcome"]


def test_one_click_updates_everything_below(audit, dashboard, panels, send):
    table = panels["Mistakes"].table
    send(table, "choose", table.view["rows"][2]["key"])
    chosen = audit.mistakes().index[2]
    assert dashboard.state.encounter_id == chosen
    assert table.current == table.view["rows"][2]["key"]
    assert percent(audit.trace(chosen).risk) in panels["Attribution"].sentence.value
    assert panels["Attribution"].chart.figure
    assert len(panels["PastPatients"].toward.view["cards"]) == 10
    assert panels["WithoutThem"].groups.value


def test_the_list_holds_every_mistake_worst_first_page_by_page(audit, panels, send):
    table, expected = panels["Mistakes"].table, audit.mistakes()
    seen = []
    for number in range(table.view["pages"]):
        send(table, "page", number)
        seen += table.view["rows"]
    assert [row["key"] for row in seen] == [audit.pseudonyms.encounter(one) for one in expected.index]
    wanted = [["x", row.kind, f"{100 * row.risk:.1f} %", row.verdict] for row in expected.itertuples()]
    assert [["x", *row["cells"][1:]] for row in seen] == wanted
    send(table, "page", 10_000)
    assert table.view["page"] == table.view["pages"] - 1
    send(table, "page", -3)
    assert table.view["page"] == 0


def test_chips_and_search_narrow_the_list(audit, dashboard, panels, send):
    table, expected = panels["Mistakes"].table, audit.mistakes()
    counts = expected["kind"].value_counts()
    labels = [chip["label"] for chip in table.view["chips"]]
    alarms = counts.get("false alarm", 0)
    assert labels == [f"All ({len(expected)})", f"Missed ({counts['missed']})", f"False alarms ({alarms})"]
    send(table, "chip", "false alarm")
    assert (table.view["chip"], table.view["total"]) == ("false alarm", alarms)
    send(table, "chip", "nonsense")
    assert table.view["total"] == len(expected)
    send(table, "search", table.view["rows"][4]["key"])
    assert table.view["total"] == 1
    send(table, "search", "<nobody>")
    assert table.view["total"] == 0
    assert not dashboard.state.error


@pytest.mark.usefixtures("worst")
def test_another_threshold_changes_the_list_and_the_explanation(audit, dashboard, panels):
    panels["Mistakes"].threshold.value = 50.0
    assert dashboard.state.threshold == 0.5
    assert panels["Mistakes"].table.view["total"] == len(audit.mistakes(0.5))
    assert "50.0 %" in panels["Mistakes"].table.view["caption"]
    assert "alert from 50.0 %" in panels["Attribution"].sentence.value


@pytest.mark.usefixtures("worst")
def test_the_table_says_what_the_chart_says(panels):
    figure = json.loads(panels["Attribution"].chart.figure)
    changes = [points(one) for one in figure["data"][0]["x"][1:-1]]
    cells = re.findall(r'clinflu-number">([^<]*)</td>', panels["Attribution"].table.value)
    assert cells[1:-1] == changes
    assert "<caption>" in panels["Attribution"].table.value
    assert "table" in panels["Attribution"].chart.description


@pytest.mark.parametrize("way", ["toward", "against"])
def test_cards_say_what_a_refit_says(audit, panels, worst, way):
    trace = audit.trace(worst)
    patients = trace.pushed_toward_error if way == "toward" else trace.pushed_against
    shown = getattr(panels["PastPatients"], way).view["cards"]
    assert [card["name"] for card in shown] == [audit.pseudonyms.encounter(one) for one in patients.index]
    for card, encounter_id in zip(shown, patients.index, strict=True):
        refit = audit.what_if(Remove([encounter_id]))
        change = refit.risk_change_pp(worst)
        assert card["effect"] == step(refit.risk_before(worst), change)
        assert f"({points(change, 2)} percentage points, refitted)" in card["proof"]
        assert "Estimated without a refit" in card["note"]
        assert card["outcome"].startswith("was not " if not audit.cohort.outcome[encounter_id] else "was ")


def test_the_first_number_of_a_card_is_the_refit(audit, worst):
    trace = audit.trace(worst)
    apart = trace.pushed_against.assign(risk_change_refit_pp=5.0, risk_change_estimate_pp=-3.0)
    for card in cards(trace, apart, audit.pseudonyms).values():
        assert card["effect"] == step(trace.risk, 5.0)
        assert "+5.00" in card["proof"]
        assert "without a refit: −3.00" in card["note"]


@pytest.mark.parametrize("kind", ["missed", "false alarm"])
def test_columns_say_which_way_their_patients_moved_the_risk(audit, dashboard, panels, kind):
    wrong = audit.mistakes()
    dashboard.state.choose(wrong[wrong["kind"] == kind].index[0])
    trace = dashboard.state.trace
    both = (
        (panels["PastPatients"].toward, trace.pushed_toward_error),
        (panels["PastPatients"].against, trace.pushed_against),
    )
    for column, patients in both:
        higher = (patients["risk_change_estimate_pp"] > 0).unique()
        assert len(higher) == 1
        assert ("would be higher" if higher[0] else "would be lower") in column.view["lead"]


def test_cards_compare_recorded_values_with_this_patients(audit, panels, worst):
    frame, labels = audit.cohort.frame, {spec.label: spec.name for spec in audit.cohort.schema.features}
    names = {audit.pseudonyms.encounter(one): one for one in frame.index}
    for card in panels["PastPatients"].toward.view["cards"]:
        for value in card["values"]:
            name = labels[value["label"]]
            theirs, ours = frame.at[names[card["name"]], name], frame.at[worst, name]
            assert value["same"] == (value["recorded"] == value["here"])
            if name == "ward":
                assert (value["recorded"], value["here"]) == (theirs, ours)


def test_selected_patients_are_removed_and_refitted(audit, dashboard, panels, worst):
    trace = audit.trace(worst)
    chosen = [trace.pushed_toward_error.index[0], trace.pushed_against.index[1]]
    assert panels["WithoutThem"].some.disabled
    panels["PastPatients"].toward.selected = [audit.pseudonyms.encounter(chosen[0])]
    panels["PastPatients"].against.selected = [audit.pseudonyms.encounter(chosen[1])]
    assert dashboard.state.selected == tuple(chosen)
    assert panels["WithoutThem"].some.description == "Without the selected patients (2)"
    panels["WithoutThem"].some.click()
    refit = audit.what_if(Remove(chosen))
    result = panels["WithoutThem"].result.value
    assert step(refit.risk_before(worst), refit.risk_change_pp(worst)) in result
    patients = audit.cohort.patients[chosen].nunique()
    assert f"2 encounters of {patients} past patient" in result
    panels["PastPatients"].toward.selected = []
    assert dashboard.state.selected == (chosen[1],)
    assert panels["WithoutThem"].result.value == ""


def test_another_prediction_unticks_everybody(audit, dashboard, panels, worst):
    columns = panels["PastPatients"].toward, panels["PastPatients"].against
    for column in columns:
        column.selected = [card["name"] for card in column.view["cards"][:3]]
    assert len(dashboard.state.selected) == 6
    dashboard.state.choose(next(one for one in audit.mistakes().index if one != worst))
    assert [column.selected for column in columns] == [[], []]
    assert dashboard.state.selected == ()
    assert not dashboard.state.error


def test_all_that_pushed_toward_the_error_are_removed_at_once(audit, panels, worst):
    panels["WithoutThem"].all.click()
    trace = audit.trace(worst)
    change = trace.together.risk_change_refit_pp
    patients = audit.cohort.patients[trace.pushed_toward_error.index].nunique()
    assert patients < 10
    assert f"10 encounters of {patients} past patients" in panels["WithoutThem"].result.value
    assert step(audit.trace(worst).risk, change) in panels["WithoutThem"].result.value
    np.testing.assert_allclose(
        audit.what_if(Remove(audit.trace(worst).pushed_toward_error.index)).risk_change_pp(worst), change, atol=1e-8
    )


def test_the_fewest_that_change_the_decision_are_searched_and_bear_pseudonyms(audit, dashboard, panels, worst):
    panels["WithoutThem"].fewest.click()
    found, result = audit.flip_set(worst), panels["WithoutThem"].result.value
    assert found.verified
    assert f"{found.size} of" in result
    assert "another, smaller set may exist" in result
    for encounter_id in found.encounters[:20]:
        assert dashboard.state.names.encounter(encounter_id) in result
        assert encounter_id not in result
    assert dashboard.state.status == f"Searched: {found.status}."
    panels["PastPatients"].toward.selected = [panels["PastPatients"].toward.view["cards"][0]["name"]]
    assert panels["WithoutThem"].result.value == ""


def test_the_search_goes_by_the_threshold_on_the_screen(audit, dashboard, panels, worst):
    dashboard.state.set_threshold(audit.trace(worst).risk * 1.05)
    panels["WithoutThem"].fewest.click()
    found = audit.flip_set(worst, threshold=dashboard.state.threshold)
    assert found.size < audit.flip_set(worst).size
    assert f"{found.size} of" in panels["WithoutThem"].result.value


def test_subgroups_are_those_of_the_trace(audit, panels, worst):
    groups = panels["WithoutThem"].groups.value
    for row in audit.trace(worst).subgroups.itertuples():
        assert f"{row.label}: {row.level}" in groups
        assert points(row.risk_change_refit_pp, 2) in groups


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.1, 0.15, "stays below"),
        (0.3, 0.25, "stays above"),
        (0.1, 0.2, "would now alert"),
        (0.2, 0.1, "no longer alert"),
    ],
)
def test_crossing_the_threshold_is_said(before, after, said):
    assert said in alert(before, after, 0.2)


def test_small_changes_keep_enough_digits_to_be_seen():
    assert step(0.0191, 0.06) == "1.91 % → 1.97 %"
    assert step(0.312, -2.3) == "31.2 % → 28.9 %"


@pytest.mark.usefixtures("worst")
def test_a_panel_that_fails_shows_nothing_and_says_so(dashboard, panels, send, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setattr("clinflu.dashboard.panels.attribution.headline", fail)
    table = panels["Mistakes"].table
    with caplog.at_level(logging.DEBUG):
        send(table, "choose", table.view["rows"][1]["key"])
    assert dashboard.state.error == UNEXPECTED
    assert panels["Attribution"].chart.figure == ""
    assert "Doe" not in page(dashboard.widget) + caplog.text
    assert panels["PastPatients"].toward.view["cards"][0]["name"]


def test_a_message_that_means_nothing_is_refused_in_one_line(dashboard, panels, send, worst):
    send(panels["Mistakes"].table, "choose", "E-NOBODY22")
    assert "no longer listed" in dashboard.state.error
    assert dashboard.state.encounter_id == worst
    send(panels["Mistakes"].table, "page", "not a number")
    panels["PastPatients"].toward.selected = ["E-NOBODY22"]
    assert dashboard.state.selected == ()


def test_notes_and_banners_stand_on_the_page(audit):
    assert "INTERNAL" in page(app(audit))
    assert "SIMULATED" in page(app(audit))
    noted = Audit(audit.study.__class__(**{**vars_of(audit.study), "notes": ("A <b>note</b>.",)}))
    assert "A &lt;b&gt;note&lt;/b&gt;." in page(app(noted))


def vars_of(study):
    return {name: getattr(study, name) for name in study.__dataclass_fields__}


def test_a_saved_audit_opens_by_its_environment(audit, tmp_path, monkeypatch):
    audit.save(tmp_path / "audit")
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "audit"))
    assert audit.pseudonyms.encounter(audit.mistakes().index[0]) in page(saved())


def test_a_saved_audit_that_does_not_open_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "absent"))
    assert "clinflu-error" in page(saved())
    monkeypatch.delenv("CLINFLU_AUDIT")
    assert NO_AUDIT in page(saved())


def test_the_dashboard_loads_neither_torch_nor_slow_schema_grammars():
    code = (
        "import sys, clinflu.dashboard; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'nbformat', 'rfc3987_syntax')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
