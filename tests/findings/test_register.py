"""Two exports of one audit cannot be subtracted from each other."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from clinflu.errors import DataError, StoreError
from clinflu.findings.disclosure.register import Exported, Register


@pytest.fixture
def register(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    return Register(tmp_path / "data" / "exports.json")


def test_an_audit_that_was_never_exported_may_be_exported_at_any_threshold(register):
    assert register.before("one", 0.2) == ()


def test_a_second_export_at_another_threshold_is_refused(register):
    register.add("one", Exported(0.2, ("a*b",)))
    assert register.before("one", 0.2) == ("a*b",)
    assert register.before("another", 0.3) == ()
    with pytest.raises(DataError, match=r"made at the threshold 0\.2;"):
        register.before("one", 0.3)


def test_intersections_are_kept_in_the_order_in_which_they_were_shown(register):
    register.add("one", Exported(0.2, ("b*c",)))
    register.add("other", Exported(0.4, ("x*y",)))
    register.add("one", Exported(0.2, ("a*b", "b*c")), register.before("one", 0.2))
    assert register.before("one", 0.2) == ("b*c", "a*b")
    assert register.before("other", 0.4) == ("x*y",)


def test_only_the_owner_can_read_it(register):
    register.add("one", Exported(0.2))
    assert stat.S_IMODE(register.path.stat().st_mode) == 0o600
    assert {path.name for path in register.path.parent.iterdir()} == {"exports.json", "exports.lock"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in register.path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"one": {}}', '{"one": {"threshold": "x", "crossings": []}}'])
def test_a_damaged_register_is_one_line_and_lets_nothing_out(register, content):
    register.path.write_text(content)
    register.path.chmod(0o600)
    with pytest.raises(StoreError) as caught:
        register.before("one", 0.2)
    assert "is damaged" in caught.value.one_line


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="cannot be read or written"):
        Register(blocked / "exports.json").add("one", Exported(0.2))


def test_a_kill_between_writing_and_naming_leaves_the_old_one(register, monkeypatch):
    register.add("one", Exported(0.2, ("a*b",)))
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        register.add("one", Exported(0.2, ("b*c",)), ("a*b",))
    monkeypatch.undo()
    assert register.before("one", 0.2) == ("a*b",)
    assert register.path.exists()


def test_of_two_exports_made_side_by_side_the_second_is_refused(register):
    assert register.before("one", 0.2) == register.before("one", 0.3) == ()
    register.add("one", Exported(0.2))
    with pytest.raises(DataError, match=r"made at the threshold 0\.2;"):
        register.add("one", Exported(0.3))
    assert register.before("one", 0.2) == ()


def test_what_another_export_showed_meanwhile_must_fit(register):
    register.add("one", Exported(0.2, ("a*b",)), ())
    with pytest.raises(DataError, match="made meanwhile"):
        register.add("one", Exported(0.2, ("b*c",)), ())
    register.add("one", Exported(0.2, ("a*b",)), ())  # the same one again
    assert register.before("one", 0.2) == ("a*b",)


def test_many_writers_lose_nothing(register):
    names = [f"audit {number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: register.add(name, Exported(0.2, (name,))), names))
    assert [register.before(name, 0.2) for name in names] == [(name,) for name in names]
