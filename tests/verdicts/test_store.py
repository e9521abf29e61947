"""The store keeps every event whole, whoever else writes and whenever a process dies, and says which verdicts stand."""

import errno
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.errors import DataError, StoreError
from clinflu.verdicts import RECORD, Verdict, VerdictStore, new_session, verdict

AUDIT, OTHER_AUDIT = "a" * 64, "b" * 64
PREDICTED, PAST, OTHER_PAST = "E-K3QX7A2M5T", "E-AAAAAAAAA2", "E-AAAAAAAAA3"
HOSTILE = "<img src=x onerror=alert(1)>\n=1+1\n'); DROP TABLE event; --"
NOBODY = 65534

WRITER = """
import sys
from clinflu.verdicts import VerdictStore, verdict
path, author, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = VerdictStore(path, wait_s=60)
for k in range(count):
    store.give("a" * 64, "s", verdict("prediction", "E-K3QX7A2M5T", "model_right", author=author, note=f"{k} " * 300))
    print(k, flush=True)
"""
DIES_HALF_WAY = """
import os, signal, sys
from clinflu.verdicts import VerdictStore, verdict
from clinflu.verdicts.store import _add
with VerdictStore(sys.argv[1])._place.writing() as connection:
    connection.execute("PRAGMA cache_size = 1")
    for k in range(60):
        _add(connection, "a" * 64, "s", "given", verdict("record", "E-K3QX7A2M5T", "died", author="B", note="x" * 2000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clinflu" / "verdicts.sqlite"


@pytest.fixture
def store(path):
    return VerdictStore(path)


def said(says="correct", *, author="A", encounter=PAST, about=PREDICTED, note=""):
    return verdict("record", encounter, says, about=about, author=author, note=note)


def start(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def says(store, audit=AUDIT):
    return store.current(audit)["says"].tolist()


def refused(attempt):
    """What the person reads."""
    with pytest.raises(StoreError) as error:
        attempt()
    message = str(error.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


@contextmanager
def disk_of(n_bytes):
    """No file can grow beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def without_privileges(folder):
    """Permissions hold for root too, who becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    for place in (folder, *folder.iterdir()):
        os.chown(place, NOBODY, -1)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_was_given_is_found_again_by_another_store(store, path):
    given = said("planned", note=HOSTILE)
    store.give(AUDIT, "s1", given)
    (row,) = VerdictStore(path).current(AUDIT).to_dict("records")
    assert Verdict.from_row(row) == given
    assert (row["note"], row["words"], row["session"]) == (HOSTILE, RECORD["planned"], "s1")
    assert VerdictStore(path).current(OTHER_AUDIT).empty


def test_a_later_verdict_of_the_same_author_replaces_and_its_withdrawal_brings_the_earlier_back(store):
    first, second = said("planned"), said("correct")
    store.give(AUDIT, "s1", first)
    store.give(AUDIT, "s2", second)
    assert says(store) == ["correct"]
    store.withdraw(AUDIT, "s3", second)
    assert says(store) == ["planned"]
    store.withdraw(AUDIT, "s3", first)
    assert says(store) == []
    history = store.history(AUDIT)
    assert history["kind"].tolist() == ["given", "given", "withdrawn", "withdrawn"]
    assert history["session"].tolist() == ["s1", "s2", "s3", "s3"]
    assert history.index.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("other", [{"author": "B"}, {"encounter": OTHER_PAST}, {"about": ""}])
def test_verdicts_of_others_or_on_something_else_stand_side_by_side(store, other):
    store.give(AUDIT, "s", said("planned"))
    store.give(AUDIT, "s", said("correct", **other))
    store.give(OTHER_AUDIT, "s", said("died"))
    assert says(store) == ["planned", "correct"]
    assert says(store, OTHER_AUDIT) == ["died"]


def test_only_what_stands_in_this_audit_can_be_withdrawn(store):
    given = said()
    store.give(OTHER_AUDIT, "s", given)
    for audit in (AUDIT, OTHER_AUDIT):
        if audit == OTHER_AUDIT:
            store.withdraw(audit, "s", given)
        with pytest.raises(DataError, match="never given, or is withdrawn already"):
            store.withdraw(audit, "s", given)
    assert len(store.history(OTHER_AUDIT)) == 2


def test_reading_makes_no_file_and_an_empty_answer_has_the_same_columns(store, path):
    empty = store.current(AUDIT), store.history(AUDIT)
    assert not path.parent.exists()
    store.give(AUDIT, "s", said())
    for before, after in zip(empty, (store.current(AUDIT), store.history(AUDIT)), strict=True):
        assert before.dtypes.equals(after.dtypes)
        assert before.index.dtype == after.index.dtype


VERDICTS = st.builds(
    said,
    st.sampled_from(["correct", "died"]),
    author=st.sampled_from(["A", "B"]),
    encounter=st.sampled_from([PAST, OTHER_PAST]),
    about=st.sampled_from(["", PREDICTED]),
)
STEPS = st.lists(st.tuples(st.booleans(), VERDICTS), max_size=14)


class Model:
    """What should stand, by the plainest means: all that was given and not withdrawn."""

    def __init__(self):
        self.given = []

    def withdraw(self, verdict):
        places = [k for k, one in enumerate(self.given) if one == verdict]
        if places:
            del self.given[places[-1]]
        return bool(places)

    def current(self):
        latest = {(v.author, v.subject, v.encounter, v.about): k for k, v in enumerate(self.given)}
        return [self.given[k] for k in sorted(latest.values())]


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_any_order_of_giving_and_withdrawing_leaves_what_a_plain_list_would(steps):
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        store = VerdictStore(Path(folder) / "verdicts.sqlite")
        done = 0
        for gives, verdict in steps:
            if gives:
                store.give(AUDIT, "s", verdict)
                model.given.append(verdict)
            elif model.withdraw(verdict):
                store.withdraw(AUDIT, "s", verdict)
            else:
                with pytest.raises(DataError):
                    store.withdraw(AUDIT, "s", verdict)
                continue
            done += 1
        found = [Verdict.from_row(row) for row in store.current(AUDIT).to_dict("records")]
        assert found == model.current()
        assert len(store.history(AUDIT)) == done


@pytest.mark.thorough
def test_two_processes_that_write_at_once_lose_nothing(store, path):
    writers = [start(WRITER, path, author, 60) for author in "AB"]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    history = store.history(AUDIT)
    for author in "AB":
        notes = history.loc[history["author"] == author, "note"]
        assert [int(note.split()[0]) for note in notes] == list(range(60))


def test_threads_of_one_process_that_write_at_once_lose_nothing(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: VerdictStore(path).give(AUDIT, str(k), said()), range(80)))
    assert set(VerdictStore(path).history(AUDIT)["session"]) == {str(k) for k in range(80)}


@pytest.mark.thorough
def test_a_killed_process_leaves_whole_events_and_all_that_it_reported(store, path):
    kept = 0
    for more in (1, 17, 40):
        writer = start(WRITER, path, "A", 100_000)
        reported = [writer.stdout.readline() for _ in range(more)]
        writer.kill()
        reported += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        written = len(store.history(AUDIT)) - kept
        assert len(reported) <= written <= len(reported) + 1
        kept += written
        store.give(AUDIT, "s", said())
        kept += 1


def test_a_process_killed_within_a_transaction_leaves_nothing_of_it(store, path):
    store.give(AUDIT, "s", said("planned"))
    writer = start(DIES_HALF_WAY, path)
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    assert stat.S_IMODE(path.with_name(f"{path.name}-journal").stat().st_mode) == 0o600
    assert says(store) == ["planned"]
    store.give(AUDIT, "s", said("correct"))
    assert len(store.history(AUDIT)) == 2


def test_store_and_journal_are_for_their_owner_alone_whatever_the_umask(store, path):
    before = os.umask(0)
    try:
        with store._place.writing():
            modes = {place.name: stat.S_IMODE(place.stat().st_mode) for place in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {path.name: 0o600, f"{path.name}-journal": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_store_that_others_could_read_is_closed_to_them(store, path):
    store.give(AUDIT, "s", said())
    path.chmod(0o644)
    assert says(store) == ["correct"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_store_of_this_user_is_in_a_folder_closed_to_others(tmp_path, monkeypatch):
    folder = tmp_path / "share"
    folder.mkdir(mode=0o775)
    folder.chmod(0o775)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: str(folder))
    VerdictStore.of_this_user().give(AUDIT, "s", said())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert says(VerdictStore(folder / "verdicts.sqlite")) == ["correct"]


def test_an_audit_finds_the_verdicts_on_itself(small_study, tmp_path, monkeypatch):
    from clinflu import Audit

    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: str(tmp_path))
    audit = Audit(small_study)
    assert audit.verdicts().empty
    VerdictStore.of_this_user().give(small_study.fingerprint, new_session(), said("unclear"))
    VerdictStore.of_this_user().give(OTHER_AUDIT, new_session(), said("died"))
    assert audit.verdicts()["says"].tolist() == ["unclear"]


def damage_by_text(path):
    path.write_bytes(b"secret text, no database at all" * 100)


def damage_by_cutting(path):
    path.write_bytes(path.read_bytes()[:5000])


def damage_by_another_program(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE event (secret TEXT)")
        connection.commit()


def damage_a_note(path):
    content = path.read_bytes()
    assert content.count(b"secret") == 1
    path.write_bytes(content.replace(b"secret", b"secxet"))


def damage_the_encoding(path):
    path.write_bytes(path.read_bytes().replace(b"secret", b"\xff\xfecret"))


def damage_a_row(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER never_removed")
        connection.execute("DELETE FROM event WHERE number = 2")
        connection.commit()


@pytest.mark.parametrize(
    "damage",
    [
        damage_by_text,
        damage_by_cutting,
        damage_by_another_program,
        damage_a_note,
        damage_the_encoding,
        damage_a_row,
    ],
)
def test_a_damaged_or_foreign_file_is_refused(store, path, damage):
    given = said(note="secret")
    store.give(AUDIT, "s", given)
    store.give(AUDIT, "s", said("died"))
    damage(path)
    path.chmod(0o600)
    for attempt in (
        lambda: store.current(AUDIT),
        lambda: store.history(AUDIT),
        lambda: store.withdraw(AUDIT, "s", given),
    ):
        assert "restore it from a backup" in refused(attempt)


def test_no_flipped_bit_ever_shows_other_verdicts(store, path, tmp_path):
    for k in range(4):
        store.give(AUDIT, "s", said("planned", note=f"note {k}"))
    before, content, rng = store.history(AUDIT), path.read_bytes(), np.random.default_rng(5)
    holding = [k for k, byte in enumerate(content) if byte]
    damaged, refusals = tmp_path / "damaged.sqlite", 0
    for place in rng.choice(holding, 150, replace=False):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        damaged.write_bytes(flipped)
        damaged.chmod(0o600)
        try:
            assert VerdictStore(damaged, wait_s=0).history(AUDIT).equals(before)
        except StoreError:
            refusals += 1
    assert refusals > 50


def test_a_store_of_a_later_format_asks_for_a_newer_clinflu(store, path):
    store.give(AUDIT, "s", said())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    assert "newer clinflu" in refused(lambda: store.current(AUDIT))


@pytest.mark.parametrize("statement", ["UPDATE event SET says = 'died'", "DELETE FROM event"])
def test_events_can_only_be_added(store, path, statement):
    store.give(AUDIT, "s", said())
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_a_store_that_another_program_holds_says_so(path):
    store = VerdictStore(path, wait_s=0.05)
    store.give(AUDIT, "s", said())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "in use" in refused(lambda: store.give(AUDIT, "s", said(note="secret")))
        assert "in use" in refused(lambda: store.current(AUDIT))
    assert len(store.history(AUDIT)) == 1


def test_a_full_disk_costs_no_event_that_was_there(store, path):
    store.give(AUDIT, "s", said("planned"))
    with disk_of(path.stat().st_size):
        kept = [1]

        def fill():
            for _ in range(10):
                store.give(AUDIT, "s", said(note="secret " * 250))
                kept.append(1)

        assert "free some space" in refused(fill)
        assert len(store.history(AUDIT)) == len(kept)
    store.give(AUDIT, "s", said())
    assert len(store.history(AUDIT)) == len(kept) + 1


def test_a_disk_too_full_for_the_file_itself_says_so(store, monkeypatch):
    def no_space(**_):
        raise OSError(errno.ENOSPC, "secret")

    monkeypatch.setattr(tempfile, "mkstemp", no_space)
    assert "free some space" in refused(lambda: store.give(AUDIT, "s", said()))


def test_a_folder_that_may_only_be_read_is_read_and_not_written():
    folder = Path(tempfile.mkdtemp())
    try:
        with without_privileges(folder):
            store = VerdictStore(folder / "verdicts.sqlite")
            store.give(AUDIT, "s", said("planned"))
            folder.chmod(0o500)
            assert "writable for you" in refused(lambda: store.give(AUDIT, "s", said(note="secret")))
            assert says(store) == ["planned"]
            unmade = VerdictStore(folder / "new" / "verdicts.sqlite")
            assert "writable for you" in refused(lambda: unmade.give(AUDIT, "s", said(note="secret")))
            folder.chmod(0o700)
    finally:
        shutil.rmtree(folder)


def test_a_link_a_folder_or_a_file_that_others_can_write_is_no_store(store, path, tmp_path):
    store.give(AUDIT, "s", said())
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    (path.parent / "folder.sqlite").mkdir()
    for place in (link, path.parent / "folder.sqlite"):
        assert "no plain file" in refused(lambda place=place: VerdictStore(place).give(AUDIT, "s", said(note="secret")))
    path.chmod(0o662)
    assert "others can write" in refused(lambda: store.current(AUDIT))
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert "chmod go-w" in refused(lambda: VerdictStore(open_to_all / "v.sqlite").give(AUDIT, "s", said()))
    assert not list(open_to_all.iterdir())


def test_sessions_have_names_of_their_own():
    assert len({new_session() for _ in range(100)}) == 100
