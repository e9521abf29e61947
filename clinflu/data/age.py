"""Which recorded variable is the age, what it says in years, and how an age over 89 is shown."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from math import inf, isinf
from numbers import Real

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Vector
from clinflu.data.cohort import Cohort
from clinflu.data.schema import CohortSchema, FeatureSpec

OLDEST_SHOWN = 89
OVER_OLDEST = "90+"
ADULT_FROM = 18
CHILD_BANDS_END = 20
OLD_FROM = 65
YEARS = frozenset(("year", "years", "yr", "yrs", "y", "a"))
AGE_WORD = re.compile(r"ages?(?:y|yrs?|years?|gr?ps?|groups?|bands?|cat|category|class|range|bracket)?")
PLAIN_WORDS = YEARS | {"in", "at", "adm", "admission", "index", "visit", "anchor", "patient"}
MOST_LEVELS = 200
LONGEST_LEVEL = 40
FEWEST_UNNAMED_BANDS = 4
YOUNG_FROM, YOUNG_TO, OLD_BAND_FROM, OLDEST_END = 20, 35, 60, 131

NUMBER = r"([0-9]{1,3}(?:\.[0-9]{1,2})?)"
AROUND = re.compile(r"(?:age[sd]?)?:?(.*?)(?:years?|yrs?|yo?|a)?(?:old)?")
CLOSED = re.compile(rf"([\[(]?){NUMBER}(?:[-‐‑–—−,;]|to)(<|under)?{NUMBER}([\])]?)")
BELOW = re.compile(rf"(<=|≤|upto|<|under|below){NUMBER}")
ABOVE = re.compile(rf"(>=|≥|from|>|over|above){NUMBER}")
AND_OVER = re.compile(rf"{NUMBER}(?:years?|yrs?|y)?(?:\+|(?:and|or|&)(?:over|older|above|more|up))")
ALONE = re.compile(NUMBER)


@dataclass(frozen=True, slots=True)
class Band:
    """Ages from ``low`` up to and not including ``high``, in years.

    ``bare``: both ends were written without brackets, so that ``"10-20"`` may end at 20 or include it.
    ``alone``: a single age was written, not a band.
    """

    low: float
    high: float
    bare: bool = False
    alone: bool = False


@lru_cache(maxsize=4096)
def age_band(text: str) -> Band | None:
    """Return what a level says in years, such as ``"[10-20)"``, ``"10–19"``, ``"<1"`` or ``"> 89"``; None otherwise.

    Whole years are meant where no decimals are written: ``"10-19"`` ends before 20, and ``">89"`` starts at 90.
    """
    if len(text) > LONGEST_LEVEL:
        return None
    around = AROUND.fullmatch("".join(text.casefold().split()))
    plain = around[1] if around else ""
    found = _closed(plain) or _open(plain)
    return found if found and found.low < found.high else None


def _closed(plain: str) -> Band | None:
    if alone := ALONE.fullmatch(plain):
        age = float(alone[1])
        return Band(age, np.floor(age) + 1.0, alone=True)
    if not (ends := CLOSED.fullmatch(plain)):
        return None
    before, low, below, high, after = ends.groups()
    return Band(
        _next(low) if before == "(" else float(low),
        float(high) if below or after == ")" else _next(high),
        bare=not (before or below or after),
    )


def _open(plain: str) -> Band | None:
    if below := BELOW.fullmatch(plain):
        sign, high = below.groups()
        return Band(0.0, _next(high) if sign in ("<=", "≤", "upto") else float(high))
    if over := AND_OVER.fullmatch(plain):
        return Band(float(over[1]), inf)
    if above := ABOVE.fullmatch(plain):
        sign, low = above.groups()
        return Band(float(low) if sign in (">=", "≥", "from") else _next(low), inf)
    return None


def _next(number: str) -> float:
    """Return the first whole year after one that is included; what has decimals is taken as it is."""
    return float(number) + ("." not in number)


def age_bands(levels: Iterable[object]) -> dict[str, Band]:
    """Return the band of each level that is one; bands that would share an end, as 10-20 and 20-30, do not."""
    texts = dict.fromkeys(str(level) for level in levels)
    found = {text: band for text in texts if (band := age_band(text)) is not None}
    starts = {band.low for band in found.values() if band.bare}

    def apart(band: Band) -> Band:
        end = band.high - 1.0
        return replace(band, high=end) if band.bare and end in starts and end > band.low else band

    return {text: apart(band) for text, band in found.items()}


def shown_age(recorded: object) -> object:
    """Return an age as it is shown: ``"90+"`` where it, or the start of its band, is over 89; else as it is."""
    if isinstance(recorded, str):
        band = age_band(recorded)
        return OVER_OLDEST if band and band.low > OLDEST_SHOWN else recorded
    over = isinstance(recorded, Real) and float(recorded) > OLDEST_SHOWN
    return OVER_OLDEST if over else recorded


@lru_cache(maxsize=4096)
def says_age(name: str, label: str, unit: str | None = None) -> bool:
    """Whether a recorded variable is an age in years by its name or label: the word age, and no other unit."""
    return (not unit or unit.strip().casefold() in YEARS) and any(map(_is_age_word, (*_words(name), *_words(label))))


def is_age(spec: FeatureSpec) -> bool:
    """Whether a recorded variable is an age in years by its name, its label or its declared levels."""
    said = not spec.is_codes and says_age(spec.name, spec.label, spec.unit)
    return said or _span_a_life(tuple(spec.levels or ()))


def age_feature(schema: CohortSchema, frame: pd.DataFrame | None = None) -> FeatureSpec | None:
    """Return the recorded variable that is the patient's age, None where there is none.

    It is a number in years whose name or label says age, or a category most of whose levels are age bands. Where there
    are several, a name that begins with age comes first, then numbers. Where nothing says age, it is the first
    category whose levels follow each other as bands from youth to old age.

    Parameters
    ----------
    schema : CohortSchema
    frame : DataFrame, optional
        Of the cohort; holds the levels of categories that declare none.
    """
    named = [spec for spec in schema.features if not spec.is_codes and says_age(spec.name, spec.label, spec.unit)]
    for spec in sorted(named, key=lambda one: (not _begins_with_age(one), one.is_category)):
        if _mostly_bands(_levels(spec, frame)) if spec.is_category else _is_number_of_years(spec):
            return spec
    return next((spec for spec in schema.categories if _span_a_life(_levels(spec, frame))), None)


def age_bounds(cohort: Cohort) -> tuple[Vector, Vector]:
    """Return the age of every row of the cohort, in years, as far as it is known.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    low, high : (N,)
        The age is at least ``low`` and less than ``high``: a number is [age, age + 1) in whole years, a band its
        ends, ``"90+"`` [90, inf). NaN where it is not known.
    """
    spec = age_feature(cohort.schema, cohort.frame)
    if spec is None:
        return np.full(len(cohort.frame), np.nan), np.full(len(cohort.frame), np.nan)
    recorded = cohort.frame[spec.name]
    if not spec.is_category:
        years = recorded.to_numpy(dtype=float, na_value=np.nan)
        low = np.floor(np.where(np.isfinite(years) & (years >= 0), years, np.nan))
        return low, low + 1.0
    codes, levels = pd.factorize(recorded)
    bands = age_bands(levels)
    unknown = Band(np.nan, np.nan)
    ends = np.array([(band.low, band.high) for band in (*(bands.get(str(one), unknown) for one in levels), unknown)])
    return ends[codes, 0], ends[codes, 1]


def is_child(cohort: Cohort) -> Flags:
    """Return, per row, whether the patient is certainly a child.

    Under 18 where ages are exact or a band ends at 18; under 20 where bands are of ten years, so that [10-20) is the
    last one of children. :func:`child_words` says which.
    """
    _, high = age_bounds(cohort)
    child: Flags = high <= _children_end(cohort)
    return child


def child_words(cohort: Cohort) -> str:
    """Return who counts as a child in this cohort: ``"under 18"`` or, in ten-year bands, ``"under 20"``."""
    return f"under {_children_end(cohort):.0f}"


def is_65_and_over(cohort: Cohort) -> Flags:
    """Return, per row, whether the patient is certainly 65 or older."""
    low, _ = age_bounds(cohort)
    old: Flags = low >= OLD_FROM
    return old


def over_65_words(cohort: Cohort) -> str:
    """Return who counts as 65 and over, where a band holds 65 also from which age that is certain."""
    bands = _cohort_bands(cohort)
    if not any(band.low < OLD_FROM < band.high for band in bands):
        return f"{OLD_FROM} and over"
    certain = min((band.low for band in bands if band.low >= OLD_FROM), default=None)
    known = "never certain" if certain is None else f"from {certain:g}"
    return f"{OLD_FROM} and over (recorded in bands: {known})"


def _children_end(cohort: Cohort) -> float:
    ends = [band.high for band in _cohort_bands(cohort) if band.high <= CHILD_BANDS_END]
    return ADULT_FROM if not ends or ADULT_FROM in ends else max(ends)


def _cohort_bands(cohort: Cohort) -> list[Band]:
    """Return the bands in which ages are recorded; none where they are exact or not recorded."""
    spec = age_feature(cohort.schema, cohort.frame)
    levels = _levels(spec, cohort.frame) if spec is not None and spec.is_category else ()
    return list(age_bands(levels).values())


def _levels(spec: FeatureSpec, frame: pd.DataFrame | None) -> tuple[str, ...]:
    """Return the declared levels of a category, else those in the frame."""
    if spec.levels or frame is None or spec.name not in frame.columns:
        return tuple(spec.levels or ())
    return tuple(str(level) for level in frame[spec.name].dropna().unique())


def _mostly_bands(levels: tuple[str, ...]) -> bool:
    return len(levels) <= MOST_LEVELS and 2 * len(age_bands(levels)) > len(levels)


@lru_cache(maxsize=256)
def _span_a_life(levels: tuple[str, ...]) -> bool:
    """Whether most levels are bands that follow each other from youth to old age."""
    if not FEWEST_UNNAMED_BANDS <= len(levels) <= MOST_LEVELS:
        return False
    bands = sorted((one for one in age_bands(levels).values() if not one.alone), key=lambda one: one.low)
    if len(bands) < FEWEST_UNNAMED_BANDS or 2 * len(bands) <= len(levels):
        return False
    apart = all(one.high <= after.low for one, after in pairwise(bands))
    young = bands[0].low <= YOUNG_FROM and bands[0].high <= YOUNG_TO
    old = bands[-1].low >= OLD_BAND_FROM and (isinf(bands[-1].high) or bands[-1].high <= OLDEST_END)
    return apart and young and old


def _words(text: str) -> list[str]:
    return [word.casefold() for word in re.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", text) if word]


def _is_age_word(word: str) -> bool:
    return AGE_WORD.fullmatch(word) is not None


def _begins_with_age(spec: FeatureSpec) -> bool:
    return any(map(_is_age_word, (*_words(spec.name)[:1], *_words(spec.label)[:1])))


def _is_number_of_years(spec: FeatureSpec) -> bool:
    """Whether a number that says age is one of years: by its unit, or by a name or label that says nothing else."""
    return bool(spec.unit) or _says_only_age(spec.name) or _says_only_age(spec.label)


def _says_only_age(text: str) -> bool:
    words = _words(text)
    return any(map(_is_age_word, words)) and all(word in PLAIN_WORDS or _is_age_word(word) for word in words)
