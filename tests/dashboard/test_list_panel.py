"""The list: every prediction, worst first, page by page, found by chips, search and threshold."""

from dataclasses import replace

import pytest
from scipy.special import expit

from clinflu import Audit
from clinflu.dashboard.app import build
from clinflu.dashboard.screen import CHIPS, SORTS
from clinflu.dashboard.worklist import PAGE_ROWS


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
    outcome, risk = audit.cohort.outcome.iloc[audit.audited_rows], audit.study.risks[audit.audited_rows]
    surgical = (audit.cohort.frame.loc[outcome.index, "ward"] == "surgical").to_numpy()
    missed = int((surgical & (outcome == 1).to_numpy() & (risk < audit.threshold)).sum())
    alarms = int((surgical & (outcome == 0).to_numpy() & (risk >= audit.threshold)).sum())
    assert {f"Missed ({missed})", f"False alarm ({alarms})"} < {
        one.text for one in read(panel).all("button", "clinflu-chip")
    }
    assert f"{missed} in all" in read(panel).one("span", "clinflu-count").text
    send(panel, "search", value="nobody at all")
    assert "Missed (0)" in read(panel).text
    assert "No prediction of this kind." in read(panel).text
    send(panel, "everybody")
    assert (state.screen.chips, state.screen.search) == ((), "")
    send(panel, "choose", "E-NOBODY2222")
    assert "no longer listed" in state.error


def test_the_search_says_what_can_be_searched(panels, read, small_cohort, state_of):
    box = read(panels["Predictions"]).one("input", act="search")
    assert box.get("placeholder").startswith("75, children, ")
    for words in ("an age in years, such as 75", "children (under 18)", "Ward, Team", "how a pseudonym begins"):
        assert words in box.get("title")
    old = small_cohort.schema
    frame, schema = small_cohort.frame.drop(columns="age_years"), replace(old, features=old.features[1:])
    ageless = build(state_of(Audit.fit(replace(small_cohort, frame=frame, schema=schema)))).panels[0]
    box = read(ageless).one("input", act="search")
    assert "75" not in box.get("placeholder")
    assert "age" not in box.get("title").split()


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
