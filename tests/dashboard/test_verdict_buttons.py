"""Verdicts given on the page are kept, and on nobody else."""

import pytest
from dashboard.steps import cards

from clinflu import Relabel, Remove
from clinflu.dashboard.app import ANSWERS, build
from clinflu.dashboard.panels.verdicts import MENDED, mended
from clinflu.dashboard.screen import RELABEL, REMOVE
from clinflu.dashboard.session_file import as_text, open_text
from clinflu.dashboard.wording import step
from clinflu.verdicts import PREDICTION, RECORD


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


def test_what_is_said_of_a_kept_verdict_is_true(dashboard, send, read, state_of, store, worst):
    audit, panel = dashboard.state.audit, dashboard.panels[1]
    key = f"prediction {audit.pseudonyms.encounter(worst)}"
    send(panel, "judge", key, "missing_factor")
    (said,) = [one.text for one in read(panel).all("p", "clinflu-note") if "Kept" in one.text]
    kept, anew, saved = said.replace(";", ".").split(".")[:3]
    assert "log" in kept
    assert "close this page" in kept
    assert len(store.current(audit.study.fingerprint)) == 1
    reloaded = build(state_of(audit))
    patient = reloaded.panels[1]
    reloaded.state.choose(worst)
    assert "no longer shows it" in anew
    assert read(patient).one("select", act="judge").chosen.text == "no verdict yet"
    assert len(store.current(audit.study.fingerprint)) == 1
    open_text(reloaded.state, as_text(dashboard.state))
    assert "file" in saved
    assert read(patient).one("select", act="judge").chosen.get("value") == "missing_factor"


@pytest.mark.parametrize("key", ["weather E-K3QX7A2M5T", "record E-NOBODY2222", "record", "", "record <b>"])
def test_a_verdict_on_nobody_is_refused(dashboard, panels, send, store, opened, key):
    send(panels["PastPatients"], "judge", key, "planned")
    assert dashboard.state.error
    assert store.history(dashboard.state.audit.study.fingerprint).empty
    assert dashboard.state.screen.encounter_id == opened


@pytest.mark.parametrize(("says", "action"), [("planned", RELABEL), ("wrong_patient", RELABEL), ("died", REMOVE)])
def test_a_record_that_is_said_to_be_wrong_is_mended_by_one_click(dashboard, send, read, opened, says, action):
    (_, _, past, what_if), state, audit = dashboard.panels, dashboard.state, dashboard.state.audit
    name, card = next(one for one in cards(read(past)).items() if not one[1].all("button", act="mend"))
    (one,) = [one for one in map(str, audit.cohort.frame.index) if audit.pseudonyms.encounter(one) == name]
    assert audit.cohort.outcome[one] == 1
    key = card.one("select", act="judge").get("data-key")
    send(past, "mend", key)
    assert "say first what is wrong" in state.error
    for harmless in ("correct", "unclear"):
        send(past, "judge", key, harmless)
        assert not read(past).all("button", act="mend")
    send(past, "judge", key, says)
    button, arrivals = read(past).one("button", act="mend"), what_if.widget.arrivals
    assert button.text == MENDED[action]
    send(past, "mend", button.get("data-key"))
    refit = audit.what_if(Relabel({one: 0}) if action == RELABEL else Remove([one]))
    assert read(what_if).one("span", "clinflu-risk").text == step(
        refit.risk_before(opened), refit.risk_change_pp(opened)
    )
    done = "with the other outcome for" if action == RELABEL else "without"
    assert f"Refitted {done} the past encounter that you chose." in read(what_if).text
    assert what_if.widget.arrivals > arrivals
    assert what_if.widget.part == ANSWERS["change"]
    assert state.screen.ticked == ()
    send(past, "judge", key, "")
    assert not read(past).all("button", act="mend")


def test_a_record_without_the_event_was_neither_planned_nor_a_transfer():
    assert mended("planned", 0) is None
    assert mended("wrong_patient", 0) == RELABEL
