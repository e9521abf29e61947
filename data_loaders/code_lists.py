"""Codes of diagnoses against published lists, and any text looked up once for each that there is."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NOTHING = ""
ICD9 = re.compile(r"(V\d{2}|E\d{3}|\d{1,3})\.?(\d{0,2})")
ICD10 = re.compile(r"([A-Z]\d[0-9A-Z])\.?([0-9A-Z]{0,4})")


def plain_icd9(code: str) -> str:
    """Return an ICD-9-CM code without its point, such as ``"4280"``; ``""`` where it is none.

    A code without its point has it behind the third character, that of an external cause (E) behind the fourth. The
    leading zeros of a category, lost in many tables, are put back.
    """
    matched = ICD9.fullmatch(code.strip().upper())
    return matched[1].zfill(3) + matched[2] if matched else NOTHING


def plain_icd10(code: str) -> str:
    """Return an ICD-10 code of WHO or of ICD-10-CM without its point, such as ``"I509"``; ``""`` where it is none."""
    matched = ICD10.fullmatch(code.strip().upper())
    return matched[1] + matched[2] if matched else NOTHING


def lies_in(code: str, ranges: tuple[str, ...]) -> bool:
    """Return whether a plain code begins like one of some codes, or lies in a range such as ``"425.4-425.9"``.

    A code that was cut to its category lies in a range only where all of the category does: ``"428"`` lies in ``428``,
    but ``"443"`` does not lie in ``443.1-443.9``.
    """
    return any(first <= code[:length] <= last for length, first, last in _bounds(ranges))


@cache
def _bounds(ranges: tuple[str, ...]) -> tuple[tuple[int, str, str], ...]:
    """Return of each range how many characters of a code count, and between which beginnings they lie."""
    ends = (written.replace(".", NOTHING).partition("-") for written in ranges)
    return tuple((len(first), first, last or first) for first, _, last in ends)


def looked_up(texts: pd.Series | pd.DataFrame, answer: Callable[[str], Any]) -> NDArray[Any]:
    """Return what a function says of each text, asking it once for each that there is.

    Parameters
    ----------
    texts : Series, (n,), or DataFrame, (n, k)
        A missing one is asked for as ``""``.
    answer : function of str
        Its answers become one array, so they are of one type and shape.

    Returns
    -------
    (n, ...) or (n, k, ...)
    """
    places, known = pd.factorize(texts.to_numpy(dtype=object, na_value=None).ravel())
    table = np.array([answer(text) for text in (*map(str, known), NOTHING)])  # a missing text has place -1: the last
    found: NDArray[Any] = table[places.reshape(texts.shape)]
    return found
