"""The log is a signed chain: nothing can be changed, removed, reordered or added unseen, on SQLite and PostgreSQL."""

import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from sources import postgresql

from clinflu.data.digest import digest
from clinflu.errors import DataError, StoreError
from clinflu.verdicts import VerdictStore, verdict
from clinflu.verdicts.keys import SigningKey, Witness
from clinflu.verdicts.seals import seal
from clinflu.verdicts.store import VARIABLE

AUDIT, PAST = "a" * 64, "E-AAAAAAAAA2"
WRITER = """
import sys
from clinflu.verdicts import VerdictStore, verdict
store = VerdictStore(sys.argv[1], wait_s=60)
for k in range(int(sys.argv[3])):
    store.give("a" * 64, sys.argv[2], verdict("record", "E-AAAAAAAAA2", "died", author=sys.argv[2], note=str(k)))
    print(k, flush=True)
"""
INSERT_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
REPLACE_EVENT = (
    "INSERT OR REPLACE INTO event SELECT number, audit, session, kind, recorded, subject, encounter, about, "
    "'correct', note, author, time, digest FROM event WHERE number = 1"
)
SQLITE_GUARDS = ("never_changed", "never_removed", "seal_never_changed", "seal_never_removed", "event_in_order")
FORMAT_1 = (
    """CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, audit TEXT NOT NULL, session TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('given', 'withdrawn')), recorded TEXT NOT NULL, subject TEXT NOT NULL,
    encounter TEXT NOT NULL, about TEXT NOT NULL, says TEXT NOT NULL, note TEXT NOT NULL, author TEXT NOT NULL,
    time TEXT NOT NULL, digest TEXT NOT NULL)""",
    "CREATE TRIGGER never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END",
    "CREATE TRIGGER never_removed BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END",
    "PRAGMA application_id = 1668048502",
    "PRAGMA user_version = 1",
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="session")
def server():
    if missing := postgresql.absence():
        pytest.skip(missing)
    with postgresql.running() as running:
        yield running


@pytest.fixture
def team(server):
    """The URL of a PostgreSQL database of the test's own."""
    name = f"log_{secrets.token_hex(4)}"
    with server.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log" / "verdicts.sqlite"


@pytest.fixture
def full(path):
    """A file of five events."""
    store = VerdictStore(path)
    for k in range(5):
        store.give(AUDIT, "s", said(note=f"note {k}"))
    return store


def said(says="died", note="", author="A"):
    return verdict("record", PAST, says, note=note, author=author)


def start(where, author, count):
    command = [sys.executable, "-c", WRITER, str(where), author, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def numbers(verification):
    return [one.number for one in verification.problems]


def tamper(path, *statements):
    """What somebody does who may write to the file: the guards go first."""
    with closing(sqlite3.connect(path)) as connection:
        for name in SQLITE_GUARDS:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def rows_of(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY number").fetchall()  # noqa: S608


def test_an_untouched_log_is_whole_and_signed(full):
    found = full.verify()
    assert found.whole
    assert (found.events, found.own, found.others, found.unsigned, found.found) == (5, 5, 0, 0, 0)
    assert found.words == "The log is whole. 5 events: 5 signed with your key."
    assert found.to_frame().empty


def test_a_log_that_is_not_there_holds_nothing(path):
    assert VerdictStore(path).verify().events == 0
    assert not path.parent.exists()


@pytest.mark.usefixtures("full")
def test_each_seal_holds_the_event_and_the_seal_before(path):
    events, seals = rows_of(path, "event"), rows_of(path, "seal")
    before = "0" * 64
    for event, (number, previous, link, how, signer, signature) in zip(events, seals, strict=True):
        assert (number, previous, how) == (event[0], before, "added")
        assert link == digest("clinflu log", number, previous, event[-1], how, signer)
        assert SigningKey.of_this_user().sign(link) == signature
        before = link


@pytest.mark.parametrize(
    ("statements", "at"),
    [
        (("UPDATE event SET note = 'other' WHERE number = 3",), [3]),
        (("DELETE FROM event WHERE number = 2",), [2]),
        (("DELETE FROM event WHERE number = 2", "DELETE FROM seal WHERE number = 2"), [2, 3]),
        (("UPDATE seal SET signature = 'f' WHERE number = 4",), [4]),
        (("UPDATE seal SET signature = x'66' WHERE number = 4",), [4]),
        (("DELETE FROM seal WHERE number = 5",), [5]),
        (("UPDATE event SET number = 9 WHERE number = 1", "UPDATE event SET number = 1 WHERE number = 2",
          "UPDATE event SET number = 2 WHERE number = 9"), [1, 2]),
    ],
)  # fmt: skip
def test_what_was_changed_removed_or_reordered_is_found(full, path, statements, at):
    tamper(path, *statements)
    found = full.verify()
    assert not found.whole
    assert numbers(found) == at
    assert f"event {at[0]} " in found.words
    assert "NOT as it was written" in found.words


def test_the_missing_end_of_a_log_is_found_though_the_rest_is_whole(full, path):
    tamper(
        path,
        "DELETE FROM event WHERE number > 3",
        "DELETE FROM seal WHERE number > 3",
        "UPDATE sqlite_sequence SET seq = 3 WHERE name = 'event'",
    )
    assert len(full.history(AUDIT)) == 3  # a chain alone does not show it
    assert numbers(full.verify()) == [4, 5]
    path.unlink()
    VerdictStore(path).give(AUDIT, "s", said(note="anew"))
    assert numbers(full.verify()) == [1, 2, 3, 4, 5]


def rewrite(path, key, signer=None):
    """Change event 2, then make every digest, link and signature fit, with a key that is not the user's."""
    events, seals, before = rows_of(path, "event"), [], "0" * 64
    changed = []
    for event in events:
        values = [*event[:-1]]
        if event[0] == 2:
            values[8] = "correct"
        changed.append((*values, digest(*values)))
        made = seal(event[0], changed[-1][-1], before, key)
        seals.append(made)
        before = made.link
    tamper(path, "DELETE FROM event", "DELETE FROM seal")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER seal_in_order")
        connection.executemany(INSERT_EVENT, changed)
        connection.executemany("INSERT INTO seal VALUES (?, ?, ?, ?, ?, ?)", [one.values for one in seals])
        if signer:
            connection.execute("UPDATE seal SET signer = ?", (signer,))
        connection.commit()


def test_a_chain_made_anew_without_the_key_is_found(full, path, monkeypatch):
    rewrite(path, SigningKey(b"x" * 32))
    found = full.verify()
    assert numbers(found) == [1, 2, 3, 4, 5]
    assert found.own == 0
    monkeypatch.setattr(Witness, "seen", lambda _: {})  # with the witness gone it shows as another's
    assert full.verify().others == 5


def test_a_signature_in_the_name_of_the_user_is_found(full, path, monkeypatch):
    key = SigningKey.of_this_user()

    class Forger(SigningKey):
        name = key.name

    rewrite(path, Forger(b"x" * 32))
    monkeypatch.setattr(Witness, "seen", lambda _: {})
    found = full.verify()
    assert numbers(found) == [1, 2, 3, 4, 5]
    assert "signature that your key did not make" in found.words
    assert (found.own, found.others) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE seal SET link = 'x'",
        "DELETE FROM seal",
        REPLACE_EVENT,
        "INSERT OR REPLACE INTO seal SELECT number, previous, 'x', how, signer, signature FROM seal WHERE number = 1",
    ],
)
def test_a_file_lets_nobody_change_remove_or_replace(full, path, statement):
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert full.verify().whole


def make_format_1(path, count):
    """A file as it was before the log was signed, by the statements of that time."""
    store = VerdictStore(path.with_name("new.sqlite"))
    for k in range(count):
        store.give(AUDIT, "s", said(note=f"old {k}"))
    events = rows_of(path.with_name("new.sqlite"), "event")
    with closing(sqlite3.connect(path)) as connection:
        for statement in FORMAT_1:
            connection.execute(statement)
        connection.executemany(INSERT_EVENT, events)
        connection.commit()
    path.chmod(0o600)
    return events


def test_a_file_from_before_the_seals_opens_as_it_is_and_is_sealed_by_the_next_verdict(path):
    path.parent.mkdir(mode=0o700)
    before = make_format_1(path, 3)
    store = VerdictStore(path)
    content = path.read_bytes()
    assert store.history(AUDIT)["note"].tolist() == ["old 0", "old 1", "old 2"]
    assert (store.verify().whole, store.verify().waiting) == (True, 3)
    assert path.read_bytes() == content
    store.give(AUDIT, "s", said(note="new"))
    assert rows_of(path, "event")[:3] == before
    found = store.verify()
    assert found.whole
    assert (found.own, found.found, found.waiting) == (1, 3, 0)
    assert "3 from before the log was signed" in found.words


def test_an_event_that_another_program_adds_among_signed_ones_is_found(full, path):
    event = (6, *rows_of(path, "event")[0][1:-1])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(INSERT_EVENT, (*event, digest(*event)))
        connection.commit()
    assert numbers(full.verify()) == [6]
    full.give(AUDIT, "s", said(note="later"))
    assert numbers(full.verify()) == [6]
    assert len(full.history(AUDIT)) == 7


def test_the_key_is_made_once_for_its_owner_alone_and_is_never_shown(full, tmp_path):
    key = SigningKey.of_this_user()
    assert key == SigningKey.of_this_user()
    (file,) = (tmp_path / "xdg_state_home").rglob("verdicts.key")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == key.key
    assert key.key.hex() not in f"{key!r}{full!r}{key.name}"
    file.write_bytes(b"short")
    with pytest.raises(StoreError, match="the key that signs your verdicts"):
        full.give(AUDIT, "s", said())


def test_without_a_place_for_a_key_events_are_kept_and_said_to_be_unsigned(path, monkeypatch):
    monkeypatch.setattr(SigningKey, "of_this_user", classmethod(lambda _: None))
    store = VerdictStore(path)
    store.give(AUDIT, "s", said())
    assert store.verify().unsigned == 1
    assert "1 without a key" in store.verify().words


def both_at_once(where):
    writers = [start(where, author, 8) for author in "AB"]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    store = VerdictStore(where)
    history = store.history(AUDIT)
    assert history.index.tolist() == list(range(1, 17))
    for author in "AB":
        assert history.loc[history["author"] == author, "note"].tolist() == [str(k) for k in range(8)]
    found = store.verify()
    assert found.whole
    assert found.own == 16


def killed_after(where, *counts):
    kept = VerdictStore(where).verify().events
    for more in counts:
        writer = start(where, "A", 100_000)
        reported = [writer.stdout.readline() for _ in range(more)]
        writer.send_signal(signal.SIGKILL)
        reported += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        kept = settled(where, kept + len(reported))
    assert VerdictStore(where).verify().whole


def settled(where, least):
    """A server may still be busy with what a dead client sent; at most that one event is more than was reported."""
    deadline = time.monotonic() + 10
    while True:
        found = VerdictStore(where).verify()
        assert found.whole
        assert found.events >= least
        if found.events <= least + 1 or time.monotonic() > deadline:
            assert found.events <= least + 1
            return found.events


@pytest.mark.thorough
def test_two_processes_at_once_make_one_chain(path):
    both_at_once(path)


@pytest.mark.thorough
def test_a_kill_at_any_moment_leaves_a_whole_chain(path):
    killed_after(path, 1, 6)


def test_a_team_keeps_one_chain_in_postgresql(team):
    both_at_once(team)
    killed_after(team, 2)


def test_postgresql_keeps_events_and_finds_what_its_owner_changed(team, server):
    import psycopg

    store, given = VerdictStore(team), said(note="one")
    assert store.current(AUDIT).empty
    assert store.verify().events == 0
    store.give(AUDIT, "s", given)
    store.give(AUDIT, "s", said("correct", note="two"))
    store.withdraw(AUDIT, "s", given)
    assert store.current(AUDIT)["says"].tolist() == ["correct"]
    assert store.history(AUDIT)["kind"].tolist() == ["given", "given", "withdrawn"]
    with server.connect(team.rpartition("/")[2]) as connection:
        for statement in (
            "UPDATE clinflu_event SET note = 'x'",
            "DELETE FROM clinflu_event",
            "TRUNCATE clinflu_seal",
            "UPDATE clinflu_seal SET link = 'x'",
            "INSERT INTO clinflu_seal VALUES (7, 'x', 'x', 'added', '', '')",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(statement)
        assert store.verify().whole
        connection.execute("ALTER TABLE clinflu_event DISABLE TRIGGER ALL")
        connection.execute("UPDATE clinflu_event SET says = 'planned' WHERE number = 2")
    assert numbers(store.verify()) == [2]
    with pytest.raises(StoreError, match="damaged"):
        store.current(AUDIT)


def test_no_message_holds_what_is_secret_of_a_url(server, monkeypatch):
    wrong = server.url("warehouse", password="never-seen")  # noqa: S106
    monkeypatch.setenv(VARIABLE, wrong)
    store = VerdictStore.of_this_user()
    with pytest.raises(StoreError) as caught:
        store.give(AUDIT, "s", said())
    told = f"{caught.value}{store!r}"
    assert "cannot be reached" in told
    assert not [one for one in (*server.secrets(), "never-seen") if one in told]
    for bad in ("mysql://me:never-seen@host/x", "postgresql://me:never-seen@host:port/x", "sqlite://"):
        with pytest.raises(DataError) as caught:
            VerdictStore(bad).current(AUDIT)
        assert "never-seen" not in str(caught.value)


@pytest.mark.usefixtures("full")
def test_a_url_of_a_file_is_the_file(path, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"sqlite:///{path}")
    assert VerdictStore.of_this_user().current(AUDIT)["note"].tolist() == ["note 4"]
    monkeypatch.setenv(VARIABLE, str(path))
    assert VerdictStore.of_this_user().verify().whole


@pytest.mark.usefixtures("full")
def test_a_copy_elsewhere_is_judged_by_its_own_chain(path, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir(mode=0o700)
    shutil.copy(path, folder / "verdicts.sqlite")
    assert VerdictStore(folder / "verdicts.sqlite").verify().own == 5
