"""A name is a keyed hash that leads back to nobody, the same for one encounter and for many."""

import base64
import hashlib
import hmac
import secrets

import pytest

from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import StoreError

NAMES = Pseudonyms(b"k" * 32)
IDS = ("1742", "", "0", "é", "x" * 500, "SIM-3")


def expected(kind, identifier):
    digest = hmac.new(NAMES.key, f"{kind}:{identifier}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:10]


def test_names_are_the_start_of_a_keyed_hash():
    for identifier in IDS:
        assert NAMES.encounter(identifier) == f"E-{expected('encounter', identifier)}"
        assert NAMES.patient(identifier) == f"P-{expected('patient', identifier)}"
    assert NAMES.encounter("1742") == "E-BT5JGOO5TQ"


def test_many_are_named_like_one():
    assert NAMES.encounters(IDS) == [NAMES.encounter(one) for one in IDS]
    assert NAMES.encounters(map(str, range(3))) == [NAMES.encounter(str(one)) for one in range(3)]
    assert NAMES.encounters([]) == []


def test_another_key_gives_other_names():
    assert not set(NAMES.encounters(IDS)) & set(Pseudonyms(b"l" * 32).encounters(IDS))


def test_the_key_is_in_no_text():
    assert "kk" not in repr(NAMES)


def test_of_two_programs_that_make_a_key_at_once_only_one_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key = tmp_path / "clinflu" / "pseudonym.key"

    def overtaken(count):
        assert not key.exists()  # who reads now would find a key that is cut off
        key.write_bytes(b"o" * count)
        return b"k" * count

    monkeypatch.setattr(secrets, "token_bytes", overtaken)
    assert Pseudonyms.of_this_user() == Pseudonyms(b"o" * 32)
    assert [one.name for one in key.parent.iterdir()] == [key.name]
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_told_and_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key = tmp_path / "clinflu" / "pseudonym.key"
    key.parent.mkdir()
    key.write_bytes(b"short")
    with pytest.raises(StoreError, match=r"the key of your pseudonyms .* is damaged; restore it"):
        Pseudonyms.of_this_user()
    assert key.read_bytes() == b"short"
