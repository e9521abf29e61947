"""A verdict holds words of the vocabulary, a pseudonym and plain text, and nothing else."""

import pwd
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.verdicts import PREDICTION, RECORD, VOCABULARY, WRONG_LABEL, Verdict, verdict
from clinflu.verdicts.verdict import account_name, plain_text

PREDICTED, PAST = "E-K3QX7A2M5T", "E-AAAAAAAAA2"
HOSTILE = "<img src=x onerror=alert(1)>\n=cmd|' /C calc'!A0\n'; DROP TABLE event; --"


def on_prediction(**given):
    return verdict(**{"subject": "prediction", "encounter": PREDICTED, "says": "model_right", "author": "A"} | given)


@pytest.mark.parametrize(("subject", "says"), [(kind, says) for kind, words in VOCABULARY.items() for says in words])
def test_every_word_of_the_vocabulary_can_be_said(subject, says):
    assert verdict(subject, PREDICTED, says, author="A").words == VOCABULARY[subject][says]


def test_the_wrong_labels_are_those_whose_words_say_so():
    assert set(WRONG_LABEL) == {says for says, words in RECORD.items() if words.startswith("wrong label")}
    assert not set(PREDICTION) & set(RECORD)


def test_pseudonyms_of_encounters_are_taken_as_they_are_made():
    name = Pseudonyms(b"k" * 32).encounter("e0001")
    assert verdict("record", name, "planned", about=PREDICTED, author="A").encounter == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "patient"},
        {"says": "planned"},
        {"says": "secret-word"},
        {"encounter": "secret-id"},
        {"encounter": ""},
        {"encounter": f"{PREDICTED}\n"},
        {"encounter": "P-K3QX7A2M5T"},
        {"subject": "record", "says": "correct", "about": "secret-id"},
        {"about": PAST},
        {"note": "secret" * 400},
        {"author": "secret" * 100},
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_without_repeating_it(wrong):
    with pytest.raises(DataError) as refused:
        on_prediction(**wrong)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_note_may_have_2000_characters_and_no_more():
    assert len(on_prediction(note="é" * 2000).note) == 2000
    with pytest.raises(DataError, match="2,000 characters, not 2,001"):
        on_prediction(note="é" * 2001)


def test_markup_and_line_ends_stay_text_and_control_characters_go():
    assert on_prediction(note=HOSTILE).note == HOSTILE
    assert on_prediction(note="a\r\nb\rc\t\x00\x1b[31md\x7f\x85\ud800").note == "a\nb\nc\t[31md"
    assert on_prediction(author=" Dr\nA\x00 ").author == "Dr A"


@given(st.text(alphabet=st.characters()))
def test_plain_text_is_plain_and_can_be_stored(text):
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert plain.encode().decode() == plain


def test_a_note_is_not_printed_with_the_verdict():
    assert "secret" not in repr(on_prediction(note="secret"))


def test_the_time_is_utc_to_the_second():
    noon = datetime(2024, 5, 1, 12, 0, 3, 999, tzinfo=timezone(timedelta(hours=2)))
    assert on_prediction(now=noon).time == "2024-05-01T10:00:03+00:00"
    given = datetime.fromisoformat(on_prediction().time)
    assert abs(datetime.now(UTC) - given) < timedelta(seconds=5)


def test_without_an_author_it_is_the_user_of_the_account(monkeypatch):
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="nurse"))
    monkeypatch.setenv("LOGNAME", "somebody else")
    assert on_prediction(author=" \n").author == "nurse"


def test_an_account_without_a_name_is_known_by_its_number(monkeypatch):
    def nameless(_):
        raise KeyError("no such uid")

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    assert account_name() == "uid 4711"


@pytest.mark.parametrize("wrong", [{"note": "a\x00"}, {"author": ""}, {"author": "a\nb"}, {"note": "\ud800"}])
def test_no_verdict_holds_control_characters_however_it_is_made(wrong):
    with pytest.raises(DataError):
        replace(on_prediction(), **wrong)


def test_a_row_of_a_table_is_a_verdict_again():
    made = verdict("record", PAST, "died", about=PREDICTED, note=HOSTILE, author="A")
    row = {name: getattr(made, name) for name in (*Verdict.__slots__, "words")}
    assert Verdict.from_row(row) == made
