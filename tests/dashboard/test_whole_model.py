"""The analyst's view of the model as a whole: the sections of the report, with small cells."""

import pytest

from clinflu import Audit
from clinflu.dashboard.app import build
from clinflu.dashboard.panels.whole_model import CHOOSE, WholeModel
from clinflu.dashboard.session_file import as_text, open_text
from clinflu.errors import DataError, StoreError
from clinflu.findings.document import Table
from clinflu.findings.material import Material, Options
from clinflu.findings.readable import readable
from clinflu.findings.sections import SECTIONS, TITLES


@pytest.fixture
def analyst(state_of, audit):
    return state_of(audit, role="analyst")


@pytest.fixture
def whole(analyst):
    return WholeModel(analyst, "page")


def test_only_an_analyst_has_it(state_of, audit):
    kinds = {role: {type(one) for one in build(state_of(audit, role=role)).panels} for role in ("clinician", "analyst")}
    assert kinds["analyst"] - kinds["clinician"] == {WholeModel}


def test_it_stands_above_the_answers(state_of, audit):
    made = build(state_of(audit, role="analyst"))
    answers = made.widget.children[-1].children[-1]
    assert answers.children[0] is made.panels[-1].widget


def test_before_anything_is_chosen_it_offers_every_section(whole, read):
    tree = read(whole)
    assert tree.one("select").chosen.text == CHOOSE
    assert [one.text for one in tree.all("option")][1:] == [TITLES[key] for key in SECTIONS]
    assert "INTERNAL" in tree.text


@pytest.mark.parametrize("key", SECTIONS)
def test_it_shows_every_table_of_a_section_as_the_report_has_it(key, whole, audit, send, read):
    send(whole, "section", "", key)
    tree = read(whole)
    assert tree.one("select").chosen.get("value") == key
    section = SECTIONS[key](Material(audit, Options(internal=True)))
    for part in section.parts:
        if isinstance(part, Table) and not part.files_only and part.rows:
            assert tree.tables[part.title] == [list(row) for row in readable(part).rows]
    assert f"SECTIONS[{key!r}]" in tree.one("pre").text


def test_the_python_that_it_shows_runs(whole, audit, send, read, monkeypatch):
    send(whole, "section", "", "subgroups")
    code = read(whole).one("pre").text.replace("FOLDER", "'folder'")
    monkeypatch.setattr(Audit, "open", lambda _: audit)
    names = {}
    exec(compile(code, "shown", "exec"), names)  # noqa: S102 the page shows it to be run
    assert names["audit"] is audit


def test_a_section_follows_the_threshold(whole, analyst, send, read):
    send(whole, "section", "", "performance")
    before = read(whole).tables
    analyst.set_threshold(0.4)
    after = read(whole).tables
    assert before != after


def test_a_section_that_is_not_there_is_refused(analyst):
    with pytest.raises(DataError, match="no such section"):
        analyst.look_at("nosuch")


def test_the_section_is_in_a_saved_state(analyst, state_of, audit):
    analyst.look_at("limits")
    again = state_of(audit, role="analyst")
    open_text(again, as_text(analyst))
    assert again.screen.section == "limits"
    with pytest.raises(StoreError):
        open_text(again, as_text(analyst).replace('"limits"', '"nosuch"'))


def test_undo_goes_back_to_the_section_before(analyst):
    analyst.look_at("limits")
    analyst.look_at("method")
    analyst.undo()
    assert analyst.screen.section == "limits"


def test_no_value_of_the_data_becomes_markup(state_of, hostile_audit, send, read):
    state = state_of(hostile_audit, role="analyst")
    made = WholeModel(state, "page")
    for key in ("data", "subgroups", "model"):
        send(made, "section", "", key)
        tree = read(made)
        assert not tree.all("script")
        assert not tree.all("img")
        for figure in tree.figures.values():
            assert "<img" not in str(figure)
