"""A bar appears only where work is long, and a stop is passed on."""

import io

import pytest

from clinflu import progress
from clinflu.errors import Cancelled

SHOW_CURSOR = "\x1b[?25h"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def work(monkeypatch, seconds, *, stopped=False, stream=None):
    """Return what a terminal, or another stream, shows of work whose parts end at these seconds."""
    stream = stream or Terminal()
    clock = iter([0.0, *seconds])
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock, seconds[-1]))
    try:
        with progress.shown("Refitting") as tell:
            for done, _ in enumerate(seconds, start=1):
                tell(done, len(seconds))
            if stopped:
                raise Cancelled("stopped")
    finally:
        monkeypatch.undo()
    return stream.getvalue()


def test_short_work_shows_nothing(monkeypatch):
    assert not work(monkeypatch, [0.1, 0.4, 0.9])


def test_long_work_shows_how_far_it_is(monkeypatch):
    shown = work(monkeypatch, [0.5, 1.5, 2.5])
    assert "Refitting" in shown
    assert "3/3" in shown
    assert SHOW_CURSOR in shown


def test_long_work_leaves_no_mark_in_a_file(monkeypatch):
    assert not work(monkeypatch, [0.5, 1.5, 2.5], stream=io.StringIO())


def test_a_stop_is_passed_on(monkeypatch):
    with pytest.raises(Cancelled):
        work(monkeypatch, [0.5, 1.5, 2.5], stopped=True)


def test_work_that_ends_early_leaves_no_line_behind(capsys):
    with progress.shown("Refitting") as tell:
        tell(1, 1)
    assert capsys.readouterr() == ("", "")


def test_the_progress_that_was_asked_for_takes_the_place_of_the_bar():
    told = []
    with progress.telling("Refitting", lambda *done: told.append(done)) as tell:
        tell(1, 2)
    assert told == [(1, 2)]


def test_silence_is_silent(capsys):
    progress.silent(1, 2)
    assert capsys.readouterr() == ("", "")
