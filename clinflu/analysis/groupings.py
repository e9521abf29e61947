"""How encounters are grouped: by a recorded category, by bands of a number, by age groups, and by intersections."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd

from clinflu.data.age import (
    ADULT_FROM,
    CHILD_BANDS_END,
    age_bands,
    age_bounds,
    age_feature,
    child_words,
    is_age,
    is_child,
)
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.asking import list_of_ids, nearest, shortened
from clinflu.data.schema import FeatureSpec
from clinflu.data.shown import NOT_RECORDED, shown
from clinflu.errors import DataError
from clinflu.study import Study

AGE_GROUP, UNDER_TEN = "age_group", "under_10"
CROSS = "*"
BETWEEN = " × "
MOST_CROSSED = 3
MOST_VALUES = 5
CUT_DIGITS = 3
QUARTILES = (25.0, 50.0, 75.0)
UNCERTAIN = "age not certain"


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A partition of all encounters of a cohort into named groups.

    Parameters
    ----------
    key : str
        ``"gender"``, ``"age_group"`` or, for an intersection, ``"age_group*gender"``.
    label : str
        In words.
    levels : tuple of str
        Names of the groups as a person sees them, in their order.
    codes : (N,) int
        Group of every row of the cohort.
    ordered : bool
        Whether neighbouring levels are alike, as bands are.
    """

    key: str
    label: str
    levels: tuple[str, ...]
    codes: Rows
    ordered: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Keys of what is crossed; its own where nothing is."""
        return tuple(self.key.split(CROSS))


def known_groupings(study: Study) -> tuple[str, ...]:
    """Return every key by which encounters can be grouped, intersections left out; sets of codes make no groups."""
    schema = study.cohort.schema
    derived = (AGE_GROUP, UNDER_TEN) if age_feature(schema, study.cohort.frame) else ()
    grouping = tuple(spec.name for spec in schema.features if not spec.is_codes)
    return (*(name for name in derived if name not in schema.feature_names), *grouping)


def default_groupings(study: Study) -> tuple[str, ...]:
    """Return the age groups and the subgroup variables of the schema."""
    derived = tuple(key for key in known_groupings(study) if key not in study.cohort.schema.feature_names)
    return (*derived, *study.cohort.schema.subgroups)


def groupings(study: Study, by: str | Iterable[str] | None = None) -> tuple[Grouping, ...]:
    """Return the groupings that were asked for.

    Parameters
    ----------
    study : Study
    by : str or iterable of str, optional
        Recorded variables, ``"age_group"`` (children first), ``"under_10"``, and intersections of two or three of them
        as ``"age_group*gender"``; by default the age groups and the subgroup variables of the schema. Numbers are cut
        at the quartiles of the training encounters, an age into ten-year bands.

    Raises
    ------
    DataError
        There is no such variable, or an intersection is of more than three.
    """
    names = default_groupings(study) if by is None else [by] if isinstance(by, str) else list_of_ids(by, "variables")
    return tuple(grouping(study, name) for name in dict.fromkeys(names))


def grouping(study: Study, key: str) -> Grouping:
    """Return one grouping by its key; see :func:`groupings`."""
    parts = [part.strip() for part in key.split(CROSS)]
    known = known_groupings(study)
    for part in parts:
        if part not in known:
            if part in study.cohort.schema.feature_names:
                raise DataError(f"{part!r} is a set of codes, which makes no groups; name a category or a number")
            hint = nearest(part, known)
            raise DataError(f"no recorded variable is called {shortened(part)}{hint}; there are: {', '.join(known)}")
    if len(parts) > MOST_CROSSED or len(set(parts)) < len(parts):
        raise DataError(f"an intersection is of two or three different variables, such as {known[0]}{CROSS}{known[-1]}")
    return reduce(crossed, [_single(study, part) for part in parts])


def crossed(first: Grouping, second: Grouping) -> Grouping:
    """Return the intersection of two groupings; combinations that no encounter has are left out."""
    pairs = first.codes * len(second.levels) + second.codes
    there, codes = np.unique(pairs, return_inverse=True)
    levels = (
        BETWEEN.join((first.levels[pair // len(second.levels)], second.levels[pair % len(second.levels)]))
        for pair in there
    )
    key, label = f"{first.key}{CROSS}{second.key}", BETWEEN.join((first.label, second.label))
    return Grouping(key, label, tuple(levels), codes.astype(np.intp))


def merged(one: Grouping, classes: Sequence[Sequence[int]], names: Sequence[str]) -> Grouping:
    """Return a grouping whose levels were put together.

    Parameters
    ----------
    one : Grouping
    classes : sequence of sequence of int
        Codes of the levels of each new group; every level is in exactly one.
    names : sequence of str
        Of the new groups.
    """
    new_code = np.empty(len(one.levels), dtype=np.intp)
    for place, members in enumerate(classes):
        new_code[list(members)] = place
    return Grouping(one.key, one.label, tuple(names), new_code[one.codes], one.ordered)


def _single(study: Study, key: str) -> Grouping:
    if key in study.cohort.schema.feature_names:
        spec = study.cohort.schema.feature(key)
        return _category(study, spec) if spec.is_category else _number(study, spec)
    bounds = age_bounds(study.cohort)
    if key == UNDER_TEN:
        return _by_age(key, "Age under 10", [10.0], bounds)
    return _by_age(key, "Age group", _age_group_ends(study), bounds, is_child(study.cohort))


def _category(study: Study, spec: FeatureSpec) -> Grouping:
    codes, recorded = pd.factorize(study.cohort.frame[spec.name], use_na_sentinel=False)
    texts = [NOT_RECORDED if pd.isna(one) else shown(spec, one) for one in recorded]
    levels = tuple(dict.fromkeys(sorted(texts, key=_order_of(spec, recorded, texts))))
    place = {text: at for at, text in enumerate(levels)}
    ordered = bool(spec.levels) or is_age(spec)
    return Grouping(spec.name, spec.label, levels, np.array([place[text] for text in texts])[codes], ordered)


def _order_of(
    spec: FeatureSpec, recorded: Iterable[object], texts: Sequence[str]
) -> Callable[[str], tuple[bool, int, float, str]]:
    declared = {shown(spec, level): at for at, level in reversed(list(enumerate(spec.levels or ())))}
    bands = age_bands(str(one) for one in recorded) if is_age(spec) else {}
    starts = {shown(spec, text): band.low for text, band in bands.items()}
    order = {
        text: (text == NOT_RECORDED, declared.get(text, len(declared)), starts.get(text, np.inf), text)
        for text in texts
    }
    return order.__getitem__


def _number(study: Study, spec: FeatureSpec) -> Grouping:
    values = study.cohort.frame[spec.name].to_numpy(dtype=float, na_value=np.nan)
    if is_age(spec):
        years = np.floor(np.where(np.isfinite(values), values, np.nan))
        return _by_age(spec.name, spec.label, [float(end) for end in range(10, 100, 10)], (years, years + 1.0))
    train = values[study.split.train]
    known = train[np.isfinite(train)]
    cuts = _cuts(known)
    codes = np.where(np.isfinite(values), np.searchsorted(cuts, values, side="left"), len(cuts) + 1)
    whole = bool(np.all(known == np.round(known)))
    names = [*_band_names(cuts, whole=whole, counts=whole and bool(np.all(known >= 0))), NOT_RECORDED]
    label = f"{spec.label} ({spec.unit})" if spec.unit else spec.label
    return _only_held(Grouping(spec.name, label, tuple(names), codes.astype(np.intp), ordered=True))


def _cuts(known: Vector) -> Vector:
    """Return the largest value of each band but the last: every value where there are few, else about the quartiles.

    A quartile is the value of a patient; unless it is a whole number it is rounded.
    """
    values = np.unique(known)
    if len(values) <= MOST_VALUES:
        return np.asarray(values[:-1])
    cuts = np.percentile(known, QUARTILES, method="lower")
    if not np.all(known == np.round(known)):
        cuts = np.array([float(f"{cut:.{CUT_DIGITS}g}") for cut in cuts])
    cuts = np.unique(cuts)
    return np.asarray(cuts[(cuts >= values[0]) & (cuts < values[-1])])


def _band_names(cuts: Vector, *, whole: bool, counts: bool) -> list[str]:
    """Return what the bands are called; neither the smallest nor the largest value is told: it is one patient's."""
    if not len(cuts):
        return ["any value"]
    first = "0" if counts and cuts[0] == 0 else f"up to {_plain(cuts[0])}"
    if not whole:
        between = (f"over {_plain(low)} to {_plain(high)}" for low, high in pairwise(cuts))
        return [first, *between, f"over {_plain(cuts[-1])}"]
    between = (
        _plain(high) if low + 1 >= high else f"{_plain(low + 1)} to {_plain(high)}" for low, high in pairwise(cuts)
    )
    return [first, *between, f"{_plain(cuts[-1] + 1)} or more"]


def _plain(value: float) -> str:
    """Return a number in full: two cuts that differ never look alike."""
    return np.format_float_positional(value, trim="-")


def _age_group_ends(study: Study) -> list[float]:
    """Return where the age groups end: childhood, 40, 65 (60 where bands hold 65 within them) and 80 years."""
    low, high = age_bounds(study.cohort)
    children_end = float(ADULT_FROM if child_words(study.cohort).endswith(str(ADULT_FROM)) else CHILD_BANDS_END)
    known = np.isfinite(low)
    inside = bool(np.any((low[known] < 65) & (high[known] > 65)))
    return [children_end, 40.0, 60.0 if inside else 65.0, 80.0]


def _by_age(
    key: str, label: str, ends: list[float], bounds: tuple[Vector, Vector], children: Flags | None = None
) -> Grouping:
    """Return bands of age between ends; ``bounds`` are what is known of the age of each row, from and below."""
    low, high = bounds
    first = np.searchsorted(ends, np.nan_to_num(low), side="right")
    last = np.searchsorted(ends, np.nan_to_num(high), side="left")
    codes = np.where(first == last, first, len(ends) + 1)
    if children is not None:
        codes = np.where(children, 0, codes)
    codes = np.where(np.isfinite(low), codes, len(ends) + 2)
    names = [_age_name(ends, place, children=children is not None) for place in range(len(ends) + 1)]
    return _only_held(Grouping(key, label, (*names, UNCERTAIN, NOT_RECORDED), codes.astype(np.intp), ordered=True))


def _age_name(ends: list[float], place: int, *, children: bool) -> str:
    if place == 0:
        return f"children (under {ends[0]:g})" if children else f"under {ends[0]:g}"
    if place == len(ends):
        return f"{ends[-1]:g} and over" if ends[-1] < 90 else "90+"
    return f"{ends[place - 1]:g} to {ends[place] - 1:g}"


def _only_held(one: Grouping) -> Grouping:
    """Return the grouping without the levels that no encounter has."""
    held, codes = np.unique(one.codes, return_inverse=True)
    levels = tuple(one.levels[code] for code in held)
    return Grouping(one.key, one.label, levels, codes.astype(np.intp), one.ordered)
