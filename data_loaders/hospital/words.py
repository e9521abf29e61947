"""What hospitals write for how a stay began and ended, in the few words of a readmission."""

import re

import pandas as pd

from clinflu.data.readmission import (
    AGAINST_ADVICE,
    ELECTIVE,
    EMERGENCY,
    FACILITY,
    HOME,
    HOSPICE,
    NEWBORN,
    OBSERVATION,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
    URGENT,
)

DIED = "died"
WENT = (
    (DIED, r"(?<!not )\b(?:died|dead|expired|deceased|death)\b"),
    (HOSPICE, r"hospice"),
    (AGAINST_ADVICE, r"against|\bama\b|left without|self.?discharge|absconded|eloped"),
    (FACILITY, r"nursing (?:home|facility)|\bcourt\b|law enforcement|\bjail\b|\bprison\b"),
    (HOME, r"\bto (?:his |her |own |a |private )*home\b|home (?:health|care|with)"),
    (PSYCHIATRY, r"psych"),
    (REHABILITATION, r"\brehab"),
    (FACILITY, r"skilled|\bsnf\b|nursing|long.?term|\bltac?h?\b|\bicf\b|assisted|intermediate|custodial|chronic"),
    (OTHER_HOSPITAL, r"hosp|acute care|short.?term"),
    (HOME, r"\bhome\b|\bself.?care\b|residence"),
    (OTHER_HOSPITAL, r"transfer"),
    (FACILITY, r"facility|other|institution"),
)
CAME = (
    (OBSERVATION, r"\bobserv"),
    (NEWBORN, r"\bnewborn\b|\bbirth\b"),
    (URGENT, r"\b(?:non|not|un)[\s-]*(?:elective|planned|scheduled)\b"),
    (ELECTIVE, r"\b(?:non|not)[\s-]*(?:emer\w*|urgent)\b"),
    (URGENT, r"\burgent\b"),
    (EMERGENCY, r"\bemer|\bed\b|\ber\b|\btrauma\b"),
    (ELECTIVE, r"\belective\b|\bplanned\b|same day|\bscheduled\b"),
)
NOT_SAID = r"unknown|unable|declined|refused|not (?:stated|specified|available)|no matching|^0$"
RACES = (
    ("Hispanic or Latino", r"hispanic|latin"),
    ("Native Hawaiian or other Pacific Islander", r"hawaii|pacific"),
    ("American Indian or Alaska Native", r"american indian|alaska|native american"),
    ("Asian", r"\basian|chinese|\bindian|japanese|korean|vietnamese"),
    ("Black or African American", r"black|african"),
    ("White", r"white|caucasian|european|portuguese"),
)
OTHER_RACE = "Other"
PLANNED = {
    **dict.fromkeys((ELECTIVE, NEWBORN, PSYCHIATRY, REHABILITATION), True),
    **dict.fromkeys((EMERGENCY, URGENT, OBSERVATION), False),
}


def disposition(words: pd.Series) -> pd.Series:
    """Return where patients went, of ``DISPOSITIONS`` or ``DIED``; missing where the words say nothing known."""
    return _looked_up(words, WENT)


def admission_type(words: pd.Series) -> pd.Series:
    """Return the type of each admission, of ``ADMISSION_TYPES``; missing where the words say nothing known."""
    return _looked_up(words, CAME)


def race(words: pd.Series) -> pd.Series:
    """Return the race in the words of the US Office of Management and Budget, another as ``"Other"``.

    Missing where it is, or where the words say that it is not known.
    """
    known = words.mask(words.str.casefold().str.contains(NOT_SAID, na=True))
    return _looked_up(known, RACES).mask(lambda found: found.isna() & known.notna(), OTHER_RACE)


def is_planned(types: pd.Series) -> pd.Series:
    """Return whether an admission of each type was planned, missing where the type is."""
    return types.map(PLANNED).astype("boolean")


def plain_words(words: pd.Series) -> pd.Series:
    """Return words as they are shown: one blank between them, only the first letter large; ``"0"`` is missing."""
    distinct = {one: " ".join(one.split()).capitalize() for one in words.dropna().unique()}
    shown = words.map(distinct)
    return shown.mask(shown.isin(["", "0"]))


def _looked_up(words: pd.Series, table: tuple[tuple[str, str], ...]) -> pd.Series:
    distinct = {one: _first(one, table) for one in words.dropna().unique()}
    return words.map(distinct).astype("str")


def _first(words: str, table: tuple[tuple[str, str], ...]) -> str | None:
    return next((meaning for meaning, pattern in table if re.search(pattern, words.casefold())), None)
