"""Whoever sees an identifier is written down first; where that fails, nobody sees it."""

import fcntl
import json
import os
import pwd
import resource
import stat
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from clinflu.errors import DataError, StoreError
from clinflu.verdicts import AccessLog

NAME = "E-K3QX7A2M5T"
WRITER = """
import sys
from clinflu.verdicts import AccessLog
log = AccessLog(sys.argv[1], wait_s=60)
for k in range(100):
    log.record("E-K3QX7A2M5T", f"{sys.argv[2]} {k}")
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clinflu" / "access.log"


@pytest.fixture
def log(path):
    return AccessLog(path, wait_s=0.05)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def refused(log):
    with pytest.raises(StoreError) as error:
        log.record(NAME, "Dr A")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_reveal_is_one_line_with_who_when_and_which(log, path, monkeypatch):
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="nurse"))
    log.record(NAME, "Dr A")
    log.record(NAME)
    first, second = lines(path)
    assert list(first) == ["time", "user", "said_to_be", "pseudonym"]
    assert (first["user"], first["said_to_be"], first["pseudonym"]) == ("nurse", "Dr A", NAME)
    assert second["said_to_be"] == ""
    assert datetime.fromisoformat(first["time"]).utcoffset() == timedelta(0)


def test_a_name_cannot_forge_another_line(log, path):
    log.record(NAME, 'x"}\n{"time": "never"}\u2028\x00<b>\ud800')
    (line,) = lines(path)
    assert line["said_to_be"] == 'x"} {"time": "never"} <b>'
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.parametrize(("name", "person"), [("secret-id", ""), ("", ""), (NAME, "secret" * 100)])
def test_no_id_and_no_endless_name_is_written(log, path, name, person):
    with pytest.raises(DataError) as error:
        log.record(name, person)
    assert "secret" not in str(error.value)
    assert not path.exists()


def test_the_log_is_for_its_owner_alone_whatever_the_umask(log, path):
    before = os.umask(0)
    try:
        log.record(NAME)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    log.record(NAME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_log_of_this_user_is_apart_from_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_state_dir", lambda _: str(tmp_path / "state"))
    AccessLog.of_this_user().record(NAME)
    assert len(lines(tmp_path / "state" / "access.log")) == 1


def test_two_processes_that_write_at_once_lose_no_line(path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), person]) for person in "AB"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    people = [line["said_to_be"] for line in lines(path)]
    for person in "AB":
        assert [name for name in people if name[0] == person] == [f"{person} {k}" for k in range(100)]


def linked(path):
    elsewhere = path.with_name("elsewhere.log")
    elsewhere.write_text("")
    elsewhere.chmod(0o600)
    path.symlink_to(elsewhere)


def dangling(path):
    path.symlink_to(path.with_name("nowhere.log"))


def piped(path):
    os.mkfifo(path, 0o600)


def writable_by_others(path):
    path.write_text("")
    path.chmod(0o620)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (linked, "no plain file"),
        (dangling, "no plain file"),
        (piped, "no plain file"),
        (Path.mkdir, "no plain file"),
        (writable_by_others, "others can write"),
    ],
)
def test_a_path_that_is_not_surely_ours_is_refused(log, path, place, says):
    path.parent.mkdir(mode=0o700)
    place(path)
    assert says in refused(log)
    assert all(one.is_dir() or one.is_symlink() or not one.stat().st_size for one in path.parent.iterdir())


def test_a_folder_that_others_can_write_is_refused(log, path):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    assert "chmod go-w" in refused(log)
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "no identifier is shown" in refused(AccessLog(tmp_path / "file" / "access.log"))


def test_a_full_disk_leaves_no_half_line(log, path):
    log.record(NAME, "first")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        assert "no identifier is shown" in refused(log)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    log.record(NAME, "second")
    assert [line["said_to_be"] for line in lines(path)] == ["first", "second"]


def test_after_a_line_that_was_cut_off_the_next_one_is_whole(log, path):
    log.record(NAME, "first")
    with path.open("ab") as stream:
        stream.write(b'{"time": "2024')
    log.record(NAME, "second")
    first, _, second = path.read_text().splitlines()
    assert [json.loads(line)["said_to_be"] for line in (first, second)] == ["first", "second"]


def test_a_log_that_another_program_holds_is_not_waited_for_without_end(log, path):
    log.record(NAME)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "no identifier is shown" in refused(log)
    assert len(lines(path)) == 1
