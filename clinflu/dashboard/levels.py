"""The levels of a category in the order in which a person looks for them."""

import re
from collections.abc import Iterable
from math import inf

from clinflu.data.age import age_bands, is_age
from clinflu.data.schema import FeatureSpec

NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)")


def natural_order(spec: FeatureSpec, levels: Iterable[str]) -> list[str]:
    """Return ages by where they begin, what is declared as it is declared, and the rest by numbers and letters.

    Parameters
    ----------
    spec : FeatureSpec
    levels : iterable of str
    """
    listed = list(levels)
    declared = {level: place for place, level in enumerate(spec.levels or ())}
    bands = age_bands(listed) if is_age(spec) else {}

    def key(level: str) -> tuple[float, float, list[tuple[float, str]]]:
        begins = bands[level].low if level in bands else inf
        return begins, declared.get(level, inf), [_part(text) for text in NUMBER.split(level.casefold())]

    return sorted(listed, key=key)


def _part(text: str) -> tuple[float, str]:
    return (float(text), "") if NUMBER.fullmatch(text) else (inf, text)
