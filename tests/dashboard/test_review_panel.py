"""The chart-review queue of an analyst: one record at a time, the same log as every verdict, nothing that blocks."""

import time

import numpy as np
import pytest

from clinflu import Audit
from clinflu.analysis.review import gain, ranking
from clinflu.dashboard.app import build
from clinflu.dashboard.panels.review import Review
from clinflu.dashboard.session_file import as_text, open_text
from clinflu.errors import DataError, StoreError
from clinflu.verdicts import RECORD, VerdictStore, verdict


@pytest.fixture
def quick(monkeypatch, audit):
    """A queue whose order need not be found by planting errors."""
    found = ranking(audit.study, "leave-one-out loss")
    monkeypatch.setattr("clinflu.dashboard.questions.ranking", lambda _: found)
    return found


@pytest.fixture
def analyst(state_of, audit):
    return state_of(audit, role="analyst")


@pytest.fixture
def panel(analyst, quick):  # noqa: ARG001 the order is there
    made = Review(analyst, "page")
    made.acts()["open"]("", "")
    return made


def shown(panel, read):
    """The pseudonym of the record on the screen."""
    return read(panel).one("h3").text.split(",")[0]


def id_of(audit, name):
    return audit.find(name)


def say(panel, read, send, says):
    name = shown(panel, read)
    send(panel, "says", f"{name} {says}")
    return name


def test_it_stands_below_the_answers_for_an_analyst_alone(state_of, audit):
    made = build(state_of(audit, role="analyst"))
    (below,) = made.below
    assert isinstance(below, Review)
    assert made.widget.children[-1].children[-1].children[-1] is below.widget
    assert build(state_of(audit)).below == ()


def test_closed_it_asks_nothing_and_open_it_shows_the_most_suspect_record(analyst, read, send, quick, audit):
    made = Review(analyst, "page")
    assert read(made).one("button", act="open").text == "Open the queue"
    assert "ranking" not in analyst.answers
    send(made, "open")
    first = audit.study.train_ids[quick.positions[0]]
    assert shown(made, read) == audit.pseudonyms.encounter(first)
    assert str(first) not in str(made.widget.tree)
    text = read(made).text
    assert "The model that did not learn from it expects" in text
    assert "outcomes are noisy by nature" in text
    assert "Go on: 0 of 30" in text


def test_only_verdicts_that_can_be_true_are_offered(panel, read, send, audit):
    for _ in range(30):
        name = shown(panel, read)
        offered = [one.get("data-key").split()[1] for one in read(panel).all("button", act="says")]
        event = audit.cohort.outcome[id_of(audit, name)] == 1
        assert offered == [one for one in RECORD if event or one not in ("planned", "transfer")]
        send(panel, "turn", read(panel).all("button", act="turn")[1].get("data-key"))
    assert panel._state.screen.queue_place == 30


def test_a_verdict_is_kept_in_the_log_with_its_note_and_leads_to_the_next(panel, read, send, store, audit, analyst):
    send(panel, "sign", "", "Dr Grey")
    send(panel, "note", "", "planned stent\n<b>")
    name = say(panel, read, send, "died")
    (row,) = store.current(audit.study.fingerprint).to_dict("records")
    assert (row["encounter"], row["says"], row["note"], row["author"]) == (
        name,
        "died",
        "planned stent\n<b>",
        "Dr Grey",
    )
    assert row["about"] == ""
    assert shown(panel, read) != name
    assert analyst.screen.queue_note == ""
    assert "1 reviewed, 1 wrong label found" in read(panel).text
    reviewed = read(panel).tables["Reviewed so far"]
    assert reviewed == [[name, RECORD["died"], "Dr Grey", "planned stent\n<b>", "Take back"]]
    assert store.verify().whole


def test_the_gain_is_that_of_a_refit_on_the_confirming_encounters(panel, read, send, audit):
    names = [say(panel, read, send, "wrong_patient") for _ in range(3)]
    found = gain(audit.study, {id_of(audit, one): "wrong_patient" for one in names})
    table = read(panel).tables["All mended labels together"]
    assert [row[0] for row in table] == found.to_frame()["label"].tolist()
    for row, one in zip(table, found.metrics, strict=True):
        assert row[3] == f"{one.change:.5f}".replace("-", "−")
        assert row[5] == one.says
    each = read(panel).tables["After each of the last mended labels"]
    assert [row[0] for row in each] == ["1 label", "2 labels", "3 labels"]


def test_undo_and_take_back_withdraw_it_and_the_record_returns(panel, read, send, store, audit, analyst):
    name = say(panel, read, send, "died")
    analyst.undo()
    assert shown(panel, read) == name
    assert store.current(audit.study.fingerprint).empty
    analyst.redo()
    send(panel, "take-back", name)
    assert shown(panel, read) == name
    assert store.history(audit.study.fingerprint)["kind"].tolist() == ["given", "withdrawn", "given", "withdrawn"]
    assert "No label was mended yet" in read(panel).text
    with pytest.raises(DataError, match="this session said nothing"):
        analyst.take_back(name)


def test_what_another_reviewer_said_meanwhile_is_seen_and_can_contradict(panel, read, send, store, audit, analyst):
    name = say(panel, read, send, "wrong_patient")
    other = verdict("record", name, "correct", author="B")
    VerdictStore(store._where).give(audit.study.fingerprint, "other", other)
    send(panel, "open")
    text = read(panel).text
    assert "contradict each other on 1 record:" in text
    assert "No label was mended yet" in text
    assert read(panel).tables["Reviewed so far"][0][2].endswith("and 1 other, who contradict each other")
    assert analyst.screen.said_by_others == (other,)


def test_what_an_earlier_session_decided_is_not_asked_again(state_of, audit, quick, read, send, store):
    first = audit.pseudonyms.encounter(str(audit.study.train_ids[quick.positions[0]]))
    said = verdict("record", first, "correct", author="B", about=first)
    store.give(audit.study.fingerprint, "earlier", said)
    made = Review(state_of(audit, role="analyst"), "page")
    send(made, "open")
    assert shown(made, read) == audit.pseudonyms.encounter(str(audit.study.train_ids[quick.positions[1]]))
    assert read(made).tables["Reviewed so far"][0][4] == ""


def test_a_verdict_on_what_is_not_shown_or_cannot_be_is_one_line(panel, read, send, analyst, audit, quick):
    send(panel, "says", "E-AAAAAAAAA2 died")
    assert "no longer shown" in analyst.error
    places = np.flatnonzero(audit.study.train.y[quick.positions] == 0)
    send(panel, "turn", str(int(places[0])))
    send(panel, "says", f"{shown(panel, read)} planned")
    assert "no event is recorded there" in analyst.error
    send(panel, "says", f"{shown(panel, read)} nonsense")
    assert "a record is said to be one of" in analyst.error
    assert not analyst.screen.verdicts


def test_a_saved_state_opens_the_queue_where_it_was(panel, read, send, state_of, audit, analyst):
    say(panel, read, send, "died")
    send(panel, "turn", "2")
    send(panel, "note", "", "half a thought")
    again = state_of(Audit(audit.study), role="analyst")
    made = Review(again, "page")
    open_text(again, as_text(analyst))
    assert again.screen == analyst.screen
    assert read(made).text == read(panel).text
    with pytest.raises(StoreError):
        open_text(again, as_text(analyst).replace('"queue_place": 2', '"queue_place": -2'))


def test_a_verdict_of_a_saved_state_can_be_taken_back_where_it_is_opened(panel, read, send, state_of, audit, analyst):
    name = say(panel, read, send, "died")
    again = state_of(Audit(audit.study), role="analyst")
    made = Review(again, "page")
    open_text(again, as_text(analyst))
    send(made, "open")
    send(made, "take-back", name)
    assert shown(made, read) == name
    assert "0 reviewed" in read(made).text
    assert again._filing.others() == ()


def test_no_value_of_the_data_becomes_markup_and_no_id_leaves(
    state_of, hostile_audit, hostile, read, send, monkeypatch
):
    found = ranking(hostile_audit.study, "training loss")
    monkeypatch.setattr("clinflu.dashboard.questions.ranking", lambda _: found)
    made = Review(state_of(hostile_audit, role="analyst"), "page")
    send(made, "open")
    send(made, "note", "", hostile)
    tree = read(made)
    assert hostile.split()[0] in tree.text
    assert not tree.all("script")
    assert not tree.all("img")
    first = str(hostile_audit.study.train_ids[found.positions[0]])
    assert first not in tree.text


def test_the_python_that_it_shows_runs(panel, audit, read, monkeypatch):
    code = read(panel).one("pre").text.replace("FOLDER", "'folder'")
    monkeypatch.setattr(Audit, "open", lambda _: audit)
    names = {}
    exec(compile(code, "shown", "exec"), names)  # noqa: S102 the page shows it to be run
    assert names["found"].gains == ()


def test_the_interface_does_not_wait_for_the_queue_or_the_gain(state_of, audit, monkeypatch, quick):
    import asyncio

    def slow(*_):
        time.sleep(0.5)
        return quick

    monkeypatch.setattr("clinflu.dashboard.questions.ranking", slow)
    monkeypatch.setattr("clinflu.dashboard.questions.measured", slow)

    async def session():
        state = state_of(audit, role="analyst")
        Review(state, "page")
        begun = time.perf_counter()
        state.open_queue()
        waited = time.perf_counter() - begun
        while state.is_working:
            await asyncio.sleep(0.01)
        return waited, state.answer("suspect"), state.answer("gain")

    waited, found, gained = asyncio.run(session())
    assert waited < 0.4
    assert len(found.suspects) == 1
    assert gained is quick
