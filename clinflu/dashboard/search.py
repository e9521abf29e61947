"""Find audited encounters by what is typed: an age, a recorded value, or how a pseudonym begins."""

import re
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.audit import Audit
from clinflu.dashboard.screen import CHILDREN
from clinflu.data.age import OLDEST_SHOWN, OVER_OLDEST, age_bounds, age_feature, is_child
from clinflu.data.arrays import Flags
from clinflu.data.schema import FeatureSpec
from clinflu.data.shown import shown

WORD = re.compile(r"(?<!\S)[0-9]{1,3}\+? years?(?!\S)|\S+")
AGE = re.compile(r"([0-9]{1,3})(?: years?)?")
OLDEST_LIVING = 130
ALL_CHILDREN = (CHILDREN, "child")
PREFIX = "e-"


class Search:
    """Finds those who hold every word of a text.

    Parameters
    ----------
    audit : Audit
    names : (n,)
        Pseudonyms of the audited encounters, in the order of the study.
    """

    def __init__(self, audit: Audit, names: "np.ndarray") -> None:
        self._audit = audit
        self._rows = audit.study.split.audited
        self._names = pd.Series(names, dtype="str").str.casefold().str.removeprefix(PREFIX)
        self._age = age_feature(audit.cohort.schema, audit.cohort.frame)

    def found(self, text: str) -> Flags:
        """Return who holds every word of a text.

        A number is an age in years: of those who are that old, or whose band holds it; beside other words it may also
        be a word of a recorded value. ``"children"`` are those of the filter. Any other word is a part of a recorded
        value, or the beginning of a pseudonym.
        """
        words = WORD.findall(text.casefold())
        kept = np.ones(len(self._rows), dtype=bool)
        for word in words:
            kept &= self._holds(word, alone=len(words) == 1)
        return kept

    def _holds(self, word: str, *, alone: bool) -> Flags:
        if self._age is not None and word in ALL_CHILDREN:
            return is_child(self._audit.cohort)[self._rows]
        years = None if self._age is None else _years(word)
        if years is None:
            return _held(self._texts, word) | self._named(word)
        return self._aged(years) if alone else self._aged(years) | self._says(word)

    def _aged(self, years: int) -> Flags:
        """Return who is, or may be, of an age; those over 89 are told apart by nobody."""
        low, high = self._bounds
        found: Flags = high > OLDEST_SHOWN + 1 if years > OLDEST_SHOWN else (low <= years) & (years < high)
        return found

    def _says(self, word: str) -> Flags:
        return _held(" " + self._values + " ", f" {word} ")

    def _named(self, word: str) -> Flags:
        named: Flags = self._names.str.startswith(word.removeprefix(PREFIX)).to_numpy(bool)
        return named

    @cached_property
    def _bounds(self) -> tuple["np.ndarray", "np.ndarray"]:
        low, high = age_bounds(self._audit.cohort)
        return low[self._rows], high[self._rows]

    @cached_property
    def _values(self) -> pd.Series:
        """The recorded values of the variables that make subgroups, without the age."""
        schema = self._audit.cohort.schema
        texts = pd.Series("", range(len(self._rows)), dtype="str")
        for name in schema.subgroups:
            if self._age is None or name != self._age.name:
                texts = texts + " " + self._shown(schema.feature(name))
        return texts

    @cached_property
    def _texts(self) -> pd.Series:
        """The recorded values, and the band of the age where it is recorded in bands."""
        if self._age is None or not self._age.is_category:
            return self._values
        return self._values + " " + self._shown(self._age)

    def _shown(self, spec: FeatureSpec) -> pd.Series:
        values = self._audit.cohort.frame[spec.name].iloc[self._rows].reset_index(drop=True)
        words = {level: shown(spec, level) for level in values.dropna().unique()}
        return values.map(words).astype("str").fillna("").str.casefold()


def _held(texts: pd.Series, part: str) -> Flags:
    held: Flags = texts.str.contains(part, regex=False).to_numpy(bool)
    return held


def _years(word: str) -> int | None:
    """Return the age that a word names, None where it names none."""
    if word.removesuffix(" years") == OVER_OLDEST:
        return OLDEST_SHOWN + 1
    named = AGE.fullmatch(word)
    return int(named[1]) if named and int(named[1]) <= OLDEST_LIVING else None
