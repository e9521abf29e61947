"""Two exports of one audit cannot be subtracted from each other."""

import stat

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
    register.add("one", Exported(0.2, ("a*b", "b*c")))
    assert register.before("one", 0.2) == ("b*c", "a*b")
    assert register.before("other", 0.4) == ("x*y",)


def test_only_the_owner_can_read_it(register):
    register.add("one", Exported(0.2))
    assert stat.S_IMODE(register.path.stat().st_mode) == 0o600
    assert [path.name for path in register.path.parent.iterdir()] == [register.path.name]


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
        register.add("one", Exported(0.2, ("b*c",)))
    monkeypatch.undo()
    assert register.before("one", 0.2) == ("a*b",)
    assert register.path.exists()
