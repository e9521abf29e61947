"""Verdicts reach the store, all or none; an identifier is shown after it is written down."""

import json

import pandas as pd
import pytest
from dashboard.steps import everything, other_mistake, past

from clinflu.dashboard.state import State
from clinflu.errors import StoreError
from clinflu.verdicts import AccessLog, VerdictStore
from clinflu.verdicts.verdict import account_name

# Verdicts.


def said(store, audit):
    return [(row.kind, row.says, row.note) for row in store.history(audit.study.fingerprint).itertuples()]


def test_verdicts_reach_the_store_and_undo_withdraws_them(state, store, audit, worst):
    state.sign("Dr Grey", "prediction", worst)
    state.judge("prediction", worst, "missing_factor", "frailty")
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.encounter, row.says, row.author) == (audit.pseudonyms.encounter(worst), "missing_factor", "Dr Grey")
    assert worst not in row
    assert state.verdict_of("prediction", worst).note == "frailty"
    state.undo()
    assert store.current(audit.study.fingerprint).empty
    assert state.verdict_of("prediction", worst) is None
    state.redo()
    assert len(store.current(audit.study.fingerprint)) == 1
    state.judge("prediction", worst, "")
    assert store.current(audit.study.fingerprint).empty
    assert [kind for kind, *_ in said(store, audit)] == ["given", "withdrawn", "given", "withdrawn"]


def test_another_verdict_takes_the_place_of_the_last(state, store, audit, opened):
    one = past(state)
    state.judge("record", one, "planned", "elective")
    state.judge("record", one, "transfer", "elective")
    (row,) = store.current(audit.study.fingerprint).itertuples()
    assert (row.says, row.encounter) == ("transfer", audit.pseudonyms.encounter(one))
    assert row.about == audit.pseudonyms.encounter(opened)
    state.undo()
    assert list(store.current(audit.study.fingerprint)["says"]) == ["planned"]
    assert state.verdict_of("record", one).says == "planned"


def test_a_verdict_on_a_record_belongs_to_the_explanation_that_it_was_given_in(state, audit, opened):
    one = past(state)
    state.judge("record", one, "planned")
    state.choose(other_mistake(audit))
    assert state.verdict_of("record", one) is None
    state.choose(opened)
    assert state.verdict_of("record", one).says == "planned"


def test_a_checkpoint_brings_its_verdicts_back(state, store, audit, worst):
    state.judge("prediction", worst, "model_right")
    state.keep("judged")
    state.judge("prediction", worst, "")
    state.return_to("judged")
    assert list(store.current(audit.study.fingerprint)["says"]) == ["model_right"]


def test_a_verdict_that_cannot_be_kept_is_not_given(audit, tmp_path):
    (tmp_path / "file").write_text("in the way")
    state = State(audit, VerdictStore(tmp_path / "file" / "verdicts.sqlite"))
    state.choose(other_mistake(audit))
    before = everything(state)
    state.acting(state.judge)("prediction", state.screen.encounter_id, "model_right")
    assert "store of verdicts" in state.error
    assert everything(state) == before


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_of_several_verdicts_either_all_are_filed_or_none(state, store, audit, opened, monkeypatch, failing):
    state.judge("prediction", opened, "model_right")
    state.judge("record", past(state), "planned")
    state.keep("first thoughts")
    state.judge("prediction", opened, "missing_factor")
    state.judge("record", past(state), "correct")
    current = store.current(audit.study.fingerprint)
    done = []

    def fails_once(step):
        def run(*arguments):
            done.append(step)
            if len(done) == failing:
                raise StoreError("the store of verdicts is full; make room")
            step(*arguments)

        return run

    for name in ("give", "withdraw"):
        monkeypatch.setattr(store, name, fails_once(getattr(store, name)))
    before = everything(state)
    state.acting(state.return_to)("first thoughts")
    assert state.error == "the store of verdicts is full; make room"
    assert everything(state) == before
    columns = [name for name in current.columns if name != "session"]
    ordered = store.current(audit.study.fingerprint).sort_values("subject", ignore_index=True)
    pd.testing.assert_frame_equal(ordered[columns], current.sort_values("subject", ignore_index=True)[columns])
    state.acting(state.return_to)("first thoughts")
    assert sorted(store.current(audit.study.fingerprint)["says"]) == ["model_right", "planned"]


def test_two_sessions_do_not_see_each_other_but_share_the_store(state_of, store, audit):
    one, other = state_of(audit), state_of(audit)
    chosen = other_mistake(audit)
    for state, author, word in ((one, "A", "model_right"), (other, "B", "missing_factor")):
        state.choose(chosen)
        state.sign(author, "prediction", chosen)
        state.judge("prediction", chosen, word)
    assert store.current(audit.study.fingerprint)["session"].nunique() == 2
    assert sorted(store.current(audit.study.fingerprint)["author"]) == ["A", "B"]
    one.undo()
    assert list(store.current(audit.study.fingerprint)["author"]) == ["B"]


def test_a_name_is_one_line_and_an_empty_one_is_the_account(state, worst):
    state.sign(" Dr \x00\n Grey " + "y" * 200, "prediction", worst)
    assert state.screen.author == ("Dr Grey " + "y" * 200)[:80]
    state.sign("\n", "prediction", worst)
    assert state.screen.author == account_name()


def test_a_name_is_that_of_the_verdict_that_stands_there_and_of_those_to_come(state, store, audit, opened):
    state.judge("record", past(state, 1), "planned")
    state.judge("prediction", opened, "missing_factor", "frailty")
    state.sign("Dr Grey", "prediction", opened)
    state.judge("record", past(state, 2), "died")
    kept = store.current(audit.study.fingerprint).set_index("says")
    assert dict(kept["author"]) == {"planned": account_name(), "missing_factor": "Dr Grey", "died": "Dr Grey"}
    assert kept.at["missing_factor", "note"] == "frailty"
    state.undo()
    state.undo()
    assert set(store.current(audit.study.fingerprint)["author"]) == {account_name()}


# Revealing.


def test_revealing_is_written_down_before_anything_is_shown(state, access_log, audit, worst):
    written = []
    state.watch(lambda _: written.append((state.revealed, access_log.exists())))
    state.sign("Dr Grey", "prediction", worst)
    state.reveal()
    assert state.revealed
    assert all(logged for revealed, logged in written if revealed)
    (line,) = access_log.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["pseudonym"], entry["said_to_be"]) == (audit.pseudonyms.encounter(worst), "Dr Grey")
    assert worst not in line
    state.hide()
    assert not state.revealed
    assert len(access_log.read_text().splitlines()) == 1
    state.reveal()
    assert len(access_log.read_text().splitlines()) == 2


def test_a_log_that_cannot_be_written_reveals_nothing(state_of, audit, tmp_path, monkeypatch):
    state = state_of(audit)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(state, "_access", AccessLog(tmp_path / "file" / "access.log"))
    state.choose(other_mistake(audit))
    seen = []
    state.watch(lambda _: seen.append(state.revealed))
    state.acting(state.reveal)()
    assert "no identifier is shown" in state.error
    assert not state.revealed
    assert not any(seen)


def test_another_prediction_is_not_revealed(state, audit, worst):
    state.reveal()
    state.set_threshold(0.3)
    assert state.revealed
    state.choose(other_mistake(audit))
    assert not state.revealed
    state.undo()
    assert state.screen.encounter_id == worst
    assert not state.revealed
