"""The head of the page, its toolbar, its status line and its help."""

from dataclasses import replace

from clinflu import Audit
from clinflu.dashboard import app
from clinflu.dashboard.answers import STOPPED


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
