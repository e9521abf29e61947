"""Work beside the page: delivered on the page's own thread, stopped at once, and of what is asked twice the last."""

import asyncio
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest

from clinflu import Remove
from clinflu.dashboard.answers import FAILED, READY, STOPPED, UNEXPECTED, WORKING
from clinflu.dashboard.app import build
from clinflu.dashboard.jobs import Jobs
from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import RELABEL, REMOVE, Ask
from clinflu.errors import Cancelled, DataError

PATIENCE_S = 20


def in_a_loop(journey):
    """Run a journey on an event loop, as a kernel does."""
    return asyncio.run(asyncio.wait_for(journey(), PATIENCE_S))


async def until(holds):
    while not holds():
        await asyncio.sleep(0.002)


class Gate:
    """Work that waits until the test lets it go on."""

    def __init__(self):
        self.begun, self.open, self.stopped = threading.Event(), threading.Event(), threading.Event()

    def wait(self, progress):
        self.begun.set()
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not self.open.wait(0.002):
                if time.monotonic() > deadline:
                    raise TimeoutError("nobody opened the gate")
                progress(0, 1)
        except Cancelled:
            self.stopped.set()
            raise


def silent(*_):
    pass


# The jobs themselves.


def test_without_a_loop_work_is_done_before_start_returns():
    got, told, here = [], [], threading.get_ident()

    def compute(progress):
        progress(1, 2)
        return threading.get_ident()

    Jobs().start("a", compute, lambda *one: got.append(one), lambda *one: told.append(one))
    assert got == [(here, None)]
    assert told[-1] == (1, 2)


def test_without_a_loop_an_error_is_handed_over():
    got, error = [], DataError("no")

    def fail(_):
        raise error

    Jobs().start("a", fail, lambda *one: got.append(one), silent)
    assert got == [(None, error)]


def test_in_a_loop_work_is_beside_it_and_delivered_on_its_thread():
    async def journey():
        here, got, told, jobs = threading.get_ident(), [], [], Jobs()

        def compute(progress):
            progress(1, 3)
            return threading.get_ident()

        jobs.start(
            "a",
            compute,
            lambda value, error: got.append((value, error, threading.get_ident())),
            lambda *one: told.append((*one, threading.get_ident())),
        )
        assert got == []
        await until(lambda: got)
        ((worker, error, receiver),) = got
        assert worker != here
        assert (error, receiver) == (None, here)
        assert (1, 3, here) in told

    in_a_loop(journey)


def test_the_last_asked_wins_however_late_the_first_ends():
    async def journey():
        got, gates, jobs = [], [Gate(), Gate()], Jobs()

        def waits(gate, name, *, heeds_progress):
            def compute(progress):
                gate.wait(progress if heeds_progress else silent)
                return name

            return compute

        for gate, name in zip(gates, ("first", "last"), strict=True):
            jobs.start("a", waits(gate, name, heeds_progress=False), lambda *one: got.append(one), silent)
            await until(gate.begun.is_set)
        gates[1].open.set()
        await until(lambda: got)
        gates[0].open.set()
        await asyncio.sleep(0.05)
        assert got == [("last", None)]

    in_a_loop(journey)


def test_work_that_is_replaced_is_stopped_at_its_next_step():
    async def journey():
        got, gate, jobs = [], Gate(), Jobs()
        jobs.start("a", gate.wait, lambda *one: got.append(one), silent)
        await until(gate.begun.is_set)
        jobs.start("a", lambda _: "last", lambda *one: got.append(one), silent)
        await until(lambda: got)
        await until(gate.stopped.is_set)
        await asyncio.sleep(0.02)
        assert got == [("last", None)]

    in_a_loop(journey)


def test_work_under_another_name_goes_on():
    async def journey():
        got, gate, jobs = {}, Gate(), Jobs()

        def compute(progress):
            gate.wait(progress)
            return "a"

        jobs.start("a", compute, lambda value, _: got.update(a=value), silent)
        jobs.start("b", lambda _: "b", lambda value, _: got.update(b=value), silent)
        await until(lambda: "b" in got)
        gate.open.set()
        await until(lambda: len(got) == 2)
        assert got == {"a": "a", "b": "b"}

    in_a_loop(journey)


def test_of_stopped_work_nothing_comes():
    async def journey():
        got, told, gate, jobs = [], [], Gate(), Jobs()
        jobs.start("a", gate.wait, lambda *one: got.append(one), lambda *one: told.append(one))
        await until(gate.begun.is_set)
        jobs.stop("a")
        jobs.stop("never begun")
        told.clear()
        await until(gate.stopped.is_set)
        await asyncio.sleep(0.02)
        assert got == []
        assert told == []

    in_a_loop(journey)


def test_work_stopped_before_its_turn_never_begins():
    async def journey():
        gates, jobs, begun, got = [Gate(), Gate()], Jobs(), [], []
        for place, gate in enumerate(gates):
            jobs.start(f"busy {place}", gate.wait, silent, silent)
            await until(gate.begun.is_set)
        jobs.start("a", begun.append, lambda *one: got.append(one), silent)
        jobs.stop("a")
        for gate in gates:
            gate.open.set()
        jobs.start("b", lambda _: "b", lambda *one: got.append(one), silent)
        await until(lambda: got)
        assert begun == []
        assert got == [("b", None)]

    in_a_loop(journey)


def test_an_error_beside_the_loop_is_handed_over():
    async def journey():
        got, error, jobs = [], ValueError("no"), Jobs()

        def fail(_):
            raise error

        jobs.start("a", fail, lambda *one: got.append(one), silent)
        await until(lambda: got)
        assert got == [(None, error)]

    in_a_loop(journey)


def test_work_that_ends_after_the_page_is_gone_hurts_nobody():
    gate, got = Gate(), []

    async def journey():
        jobs = Jobs()
        jobs.start("a", lambda _: gate.wait(silent), lambda *one: got.append(one), silent)
        await until(gate.begun.is_set)
        return jobs

    jobs = in_a_loop(journey)
    gate.open.set()
    jobs._pool.shutdown(wait=True)
    assert got == []


# A session whose work goes on beside a loop.


def frame_of(found):
    return pd.concat([found.toward_error, found.against]).drop(columns="carried_by")


def gated(monkeypatch, question):
    """Let the work on a question wait; return the gates by the encounter that it is about."""
    good, gates = QUESTIONS[question], {}

    def answer(audit, screen, progress, given):
        gate = gates.setdefault(screen.encounter_id, Gate())
        gate.wait(progress)
        return good.answer(audit, screen, progress, given)

    monkeypatch.setitem(QUESTIONS, question, replace(good, answer=answer))
    return gates


def test_a_session_in_a_loop_reaches_the_same_answers(state_of, audit):
    first, second = map(str, audit.mistakes().index[:2])

    def steps(state):
        yield lambda: state.choose(first)
        yield state.open_past_patients
        yield lambda: state.tick(str(state.answer("estimates").toward_error.index[0]), on=True)
        yield lambda: state.ask(Ask(REMOVE, encounters=state.screen.ticked))
        yield lambda: state.toggle_chip("low")
        yield lambda: state.group_by("ward_team")
        yield state.undo
        yield lambda: state.ask(Ask(RELABEL, fewest=True))

    alone = state_of(audit)
    for step in steps(alone):
        step()

    async def journey():
        state = state_of(audit)
        state.choose(second)
        state.open_past_patients()
        for step in steps(state):
            step()
            await asyncio.sleep(0)
        assert state.is_working
        await until(lambda: not state.is_working)
        return state

    beside = in_a_loop(journey)
    assert beside.screen == alone.screen
    assert {name: (one.key, one.status) for name, one in beside.answers.items()} == {
        name: (one.key, one.status) for name, one in alone.answers.items()
    }
    assert beside.answer("change").refit == alone.answer("change").refit
    pd.testing.assert_frame_equal(frame_of(beside.answer("refits")), frame_of(alone.answer("refits")))
    pd.testing.assert_frame_equal(beside.answer("tally"), alone.answer("tally"))
    pd.testing.assert_frame_equal(beside.answer("ledger").to_frame(), alone.answer("ledger").to_frame())
    for part in ("everyone", "subgroups"):
        pd.testing.assert_frame_equal(
            getattr(beside.answer("consequences"), part), getattr(alone.answer("consequences"), part)
        )


def test_what_follows_an_answer_is_worked_on_as_soon_as_the_answer_is_seen(state_of, audit):
    """No picture in between says that all is done."""
    chosen, seen = str(audit.mistakes().index[0]), []

    async def journey():
        state = state_of(audit)
        state.watch(lambda what: seen.append((what, state.is_working)))
        state.choose(chosen)
        state.open_past_patients()
        await until(lambda: not state.is_working)

    in_a_loop(journey)
    assert ("refits", True) in seen
    assert ("refits", False) not in seen


def test_the_estimates_are_there_at_once_and_the_refits_follow(state_of, audit, monkeypatch):
    gates, chosen = gated(monkeypatch, "refits"), str(audit.mistakes().index[0])

    async def journey():
        state = state_of(audit)
        state.choose(chosen)
        state.open_past_patients()
        estimates = state.answer("estimates")
        assert [*map(str, estimates.toward_error.index), *map(str, estimates.against.index)] == shown(audit, chosen)
        assert estimates.together is None
        assert state.answers["refits"].status == WORKING
        assert "ledger" not in state.answers
        await until(lambda: chosen in gates)
        gates[chosen].open.set()
        await until(lambda: not state.is_working)
        assert state.answer("refits").together == audit.past_patients(chosen).together
        assert state.answers["ledger"].status == READY

    in_a_loop(journey)


def test_another_patient_is_never_shown_with_the_refits_of_the_last(state_of, audit, monkeypatch, read):
    """Whoever is slow, in whatever order they end."""
    gates, (first, second) = gated(monkeypatch, "refits"), map(str, audit.mistakes().index[:2])
    cards = {one: set(audit.pseudonyms.encounters(shown(audit, one))) for one in (first, second)}
    assert cards[first] != cards[second]
    seen = []

    async def journey():
        state = state_of(audit)
        panel = build(state).panels[2]

        def look(what):
            asked = {name: question.key(state.screen) for name, question in QUESTIONS.items()}
            assert all(asked[name] == one.key for name, one in state.answers.items())
            names = {one.get("data-key") for one in read(panel).all("li", "clinflu-card")}
            seen.append((what, state.screen.encounter_id, names))

        state.watch(look)
        state.choose(first)
        state.open_past_patients()
        await until(lambda: first in gates and gates[first].begun.is_set())
        state.choose(second)
        state.open_past_patients()
        await until(lambda: second in gates and gates[second].begun.is_set())
        gates[first].open.set()
        await asyncio.sleep(0.05)
        assert state.answers["refits"].status == WORKING
        gates[second].open.set()
        await until(lambda: not state.is_working)
        assert set(state.answer("refits").toward_error.index) <= set(shown(audit, second))
        assert not state.error

    in_a_loop(journey)
    assert ("refits", second, cards[second]) in seen
    assert all(names in (set(), cards[chosen]) for _, chosen, names in seen if chosen)


def shown(audit, encounter_id):
    found = audit.past_patients(encounter_id, refit=False)
    return [*map(str, found.toward_error.index), *map(str, found.against.index)]


def test_going_back_to_the_first_patient_asks_again(state_of, audit, monkeypatch):
    gates, (first, second) = gated(monkeypatch, "refits"), map(str, audit.mistakes().index[:2])

    async def journey():
        state = state_of(audit)
        state.choose(first)
        state.open_past_patients()
        await until(lambda: first in gates and gates[first].begun.is_set())
        state.choose(second)
        await until(gates[first].stopped.is_set)
        state.undo()
        assert state.screen.encounter_id == first
        assert state.answers["refits"].status == WORKING
        gates[first].open.set()
        await until(lambda: not state.is_working)
        assert set(state.answer("refits").toward_error.index) <= set(shown(audit, first))

    in_a_loop(journey)


def test_what_the_step_does_not_change_goes_on(state_of, audit, monkeypatch):
    gates, chosen = gated(monkeypatch, "refits"), str(audit.mistakes().index[0])

    async def journey():
        state = state_of(audit)
        state.choose(chosen)
        state.open_past_patients()
        await until(lambda: chosen in gates and gates[chosen].begun.is_set())
        state.set_threshold(0.3)
        state.tick(shown(audit, chosen)[0], on=True)
        assert not gates[chosen].stopped.is_set()
        gates[chosen].open.set()
        await until(lambda: not state.is_working)
        assert not gates[chosen].stopped.is_set()
        assert state.answer("refits").together == audit.past_patients(chosen).together

    in_a_loop(journey)


def test_stopping_says_so_keeps_nothing_and_can_be_taken_up_again(state_of, audit, monkeypatch, read):
    gates, chosen = gated(monkeypatch, "refits"), str(audit.mistakes().index[0])

    async def journey():
        state = state_of(audit)
        panel = build(state).panels[2]
        state.choose(chosen)
        state.open_past_patients()
        await until(lambda: chosen in gates and gates[chosen].begun.is_set())
        state.stop()
        assert (state.answers["refits"].status, state.answers["refits"].line) == (FAILED, STOPPED)
        assert not state.is_working
        assert state.status == STOPPED
        await until(gates[chosen].stopped.is_set)
        gates[chosen].open.set()
        await asyncio.sleep(0.05)
        assert state.answer("refits") is None
        assert "ledger" not in state.answers
        assert STOPPED in read(panel).text
        assert "refitted;" not in read(panel).text
        state.try_again()
        await until(lambda: not state.is_working)
        assert state.answer("refits").together == audit.past_patients(chosen).together
        assert STOPPED not in read(panel).text

    in_a_loop(journey)


def test_how_far_the_work_is_stands_in_the_status_line(state_of, audit, monkeypatch, read):
    good, gate, chosen = QUESTIONS["refits"], Gate(), str(audit.mistakes().index[0])

    def answer(audit, screen, progress, given):
        progress(3, 20)
        gate.wait(silent)
        return good.answer(audit, screen, progress, given)

    monkeypatch.setitem(QUESTIONS, "refits", replace(good, answer=answer))

    async def journey():
        state = state_of(audit)
        made = build(state)
        state.choose(chosen)
        state.open_past_patients()
        await until(lambda: state.answers["refits"].total)
        found = state.answers["refits"]
        assert (found.done, found.total) == (3, 20)
        bar = read(made.statusline).one("progress")
        assert (bar.get("value"), bar.get("max")) == ("3", "20")
        assert good.doing in read(made.statusline).text
        gate.open.set()
        await until(lambda: not state.is_working)
        assert read(made.statusline).all("progress") == []
        assert good.doing not in read(made.statusline).text

    in_a_loop(journey)


FAILURES = {
    "no fit": DataError("no\nfit"),
    UNEXPECTED: RuntimeError("Jane Doe, born 1931-04-02"),
    STOPPED: Cancelled("whatever"),
}


@pytest.mark.parametrize("line", FAILURES)
def test_an_error_beside_the_loop_becomes_one_line(state_of, audit, monkeypatch, caplog, read, line):
    def fail(*_):
        raise FAILURES[line]

    monkeypatch.setitem(QUESTIONS, "change", replace(QUESTIONS["change"], answer=fail))
    chosen = str(audit.mistakes().index[0])

    async def journey():
        state = state_of(audit)
        panel = build(state).panels[3]
        state.choose(chosen)
        state.ask(Ask(REMOVE, encounters=(shown(audit, chosen)[0],)))
        await until(lambda: not state.is_working)
        assert (state.answers["change"].status, state.answers["change"].line) == (FAILED, line)
        assert "consequences" not in state.answers
        assert line in read(panel).text
        assert state.answer("refits").together == audit.past_patients(chosen).together

    in_a_loop(journey)
    assert "Doe" not in caplog.text


def test_a_what_if_asked_twice_shows_the_last(state_of, audit, fresh, monkeypatch):
    chosen = str(audit.mistakes().index[0])
    past = shown(audit, chosen)
    good, gates = QUESTIONS["change"], {}

    def answer(audit, screen, progress, given):
        gate = gates.setdefault(screen.asked, Gate())
        gate.wait(silent)
        return good.answer(audit, screen, progress, given)

    monkeypatch.setitem(QUESTIONS, "change", replace(good, answer=answer))
    asks = [Ask(REMOVE, encounters=(one,)) for one in past[:2]]

    async def journey():
        state = state_of(audit)
        state.choose(chosen)
        for ask in asks:
            state.ask(ask)
            await until(lambda ask=ask: ask in gates and gates[ask].begun.is_set())
        for ask in reversed(asks):
            gates[ask].open.set()
            await asyncio.sleep(0.05)
        await until(lambda: not state.is_working)
        assert state.answer("change").refit == fresh.what_if(Remove([past[1]]))

    in_a_loop(journey)
