"""What a clinician says of a prediction, or of a past record that taught it: one vocabulary everywhere."""

import os
import pwd
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal, Self

from clinflu.data.pseudonym import NAME_LENGTH
from clinflu.errors import DataError

Subject = Literal["prediction", "record"]

PREDICTION = {
    "model_right": "the model was right",
    "missing_factor": "a factor is missing",
    "not_our_patients": "not like our patients",
}
RECORD = {
    "correct": "correct",
    "planned": "wrong label: planned readmission",
    "transfer": "wrong label: transfer",
    "died": "wrong label: died",
    "wrong_patient": "wrong label: wrong patient",
    "unclear": "unclear",
}
VOCABULARY: dict[Subject, dict[str, str]] = {"prediction": PREDICTION, "record": RECORD}
WRONG_LABEL = ("planned", "transfer", "died", "wrong_patient")

LONGEST_NOTE = 2_000
LONGEST_NAME = 200
NOT_TEXT = {"Cc", "Cs"}  # control characters, and halves of a character that no file can hold
PSEUDONYM = re.compile(rf"E-[A-Z2-7]{{{NAME_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One clinician's word on one prediction or record; :func:`verdict` makes it.

    Parameters
    ----------
    subject : {"prediction", "record"}
    encounter : str
        Pseudonym of the encounter, such as ``"E-K3QX7A2M5T"``; never its id.
    about : str
        Of a record: pseudonym of the prediction in whose explanation it was judged; empty otherwise.
    says : str
        A key of ``PREDICTION`` or ``RECORD``.
    note : str
        As it was typed, markup and line ends too: text, to be escaped before it is shown.
    author : str
    time : str
        UTC, ISO 8601, to the second.

    Raises
    ------
    DataError
        A part of it is not as said here.
    """

    subject: Subject
    encounter: str
    about: str
    says: str
    note: str = field(repr=False)
    author: str
    time: str

    def __post_init__(self) -> None:
        if self.subject not in VOCABULARY:
            raise DataError("a verdict is on a prediction or on a record; give one of these as its subject")
        if self.says not in VOCABULARY[self.subject]:
            raise DataError(f"a verdict on a {self.subject} says one of: {', '.join(VOCABULARY[self.subject])}")
        check_pseudonym(self.encounter)
        if self.about:
            check_pseudonym(self.about)
        if self.about and self.subject == "prediction":
            raise DataError("a verdict on a prediction is about no other prediction; leave it empty")
        _check_text(self)
        _check_time(self.time)

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Self:
        """Return the verdict that a row of a table of verdicts holds."""
        return cls(**{one.name: row[one.name] for one in fields(cls)})  # type: ignore[arg-type]  # checked as it is made

    @property
    def words(self) -> str:
        """What it says, in words."""
        return VOCABULARY[self.subject][self.says]

    @property
    def target(self) -> tuple[str, str, str, str]:
        """What a later verdict must share with this one to replace it."""
        return self.author, self.subject, self.encounter, self.about


def verdict(  # noqa: PLR0913 -- the parts of a verdict
    subject: Subject,
    encounter: str,
    says: str,
    *,
    about: str = "",
    note: str = "",
    author: str,
    now: datetime | None = None,
) -> Verdict:
    """Return a verdict given now, its texts without control characters.

    Parameters
    ----------
    subject : {"prediction", "record"}
    encounter : str
        Pseudonym.
    says : str
        A key of ``PREDICTION`` or ``RECORD``.
    about : str
        Of a record: pseudonym of the prediction in whose explanation it was judged.
    note : str
        At most 2,000 characters.
    author : str
        Empty: the user of this machine's account.
    now : datetime, optional

    Raises
    ------
    DataError
        A word that the vocabulary does not hold, an id where a pseudonym belongs, or a text that is too long.
    """
    time = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    return Verdict(subject, encounter, about, says, plain_text(note), one_line(author) or account_name(), time)


def check_pseudonym(name: str) -> None:
    """Raise DataError where a name is not the pseudonym of an encounter."""
    if not PSEUDONYM.fullmatch(name):
        raise DataError("give the pseudonym of an encounter, such as E-K3QX7A2M5T, never its id")


def plain_text(text: str) -> str:
    """Return a text without control characters; tabs and line ends stay."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in lines if one in "\n\t" or unicodedata.category(one) not in NOT_TEXT).strip()


def one_line(text: str) -> str:
    """Return a text without control characters, on a single line."""
    return " ".join(plain_text(text).split())


def account_name() -> str:
    """Return the name of the account that this program runs under, or its number where it has no name.

    The environment is not asked: anybody can say there to be somebody else.
    """
    number = os.geteuid()
    try:
        return one_line(pwd.getpwuid(number).pw_name)[:LONGEST_NAME] or f"uid {number}"
    except KeyError:
        return f"uid {number}"


def check_name(name: str) -> None:
    """Raise DataError where the name of a person is too long."""
    if len(name) > LONGEST_NAME:
        raise DataError(f"a name holds at most {LONGEST_NAME} characters, not {len(name):,}; shorten it")


def _check_time(time: str) -> None:
    try:
        datetime.fromisoformat(time)
    except ValueError:
        raise DataError("the time of a verdict is a date and time in ISO format") from None


def _check_text(given: Verdict) -> None:
    if len(given.note) > LONGEST_NOTE:
        raise DataError(f"a note holds at most {LONGEST_NOTE:,} characters, not {len(given.note):,}; shorten it")
    check_name(given.author)
    if given.note != plain_text(given.note) or given.author != one_line(given.author) or not given.author:
        raise DataError("the note or the author holds control characters, or there is no author; use verdict(...)")
