"""Published readmission scores as functions of what a discharge table holds: LACE, HOSPITAL, and Charlson from ICD-9.

References
----------
van Walraven et al. (2010), CMAJ 182:551-557, doi:10.1503/cmaj.091117 (LACE); Donzé et al. (2013), JAMA Intern Med
173:632-638, doi:10.1001/jamainternmed.2013.3023 (HOSPITAL), with the later cut points of Aubert et al. (2017), BMJ
Qual Saf 26:799-805, doi:10.1136/bmjqs-2016-006239; Quan et al. (2005), Med Care 43:1130-1139, table 1, enhanced
ICD-9-CM (the codes of a comorbidity).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Span = tuple[int, int]

CODE = re.compile(r"([VE]?)(\d{1,3})(?:\.(\d{1,2}))?")
CHAPTERS = {"": 0, "V": 100_000, "E": 200_000}
NO_CODE = ""
MALIGNANT = "140-208"
LATER_CUTS = (2, 6)
FIRST_CUTS = (1, 6)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comorbidity of the Charlson index: its points in LACE and its ICD-9-CM codes.

    Of the conditions of one ``organ``, such as mild and severe liver disease, only the one with most points counts.
    """

    organ: str
    points: int
    codes: tuple[str, ...]


HEART_FAILURE_CODES = (
    *("398.91", "402.01", "402.11", "402.91", "404.01", "404.03", "404.11", "404.13", "404.91", "404.93"),
    *("425.4-425.9", "428"),
)
VESSEL_CODES = ("093.0", "437.3", "440", "441", "443.1-443.9", "447.1", "557.1", "557.9", "V43.4")
MILD_LIVER_CODES = (
    *("070.22", "070.23", "070.32", "070.33", "070.44", "070.54", "070.6", "070.9"),
    *("570", "571", "573.3", "573.4", "573.8", "573.9", "V42.7"),
)
KIDNEY_CODES = (
    *("403.01", "403.11", "403.91", "404.02", "404.03", "404.12", "404.13", "404.92", "404.93"),
    *("582", "583.0-583.7", "585", "586", "588.0", "V42.0", "V45.1", "V56"),
)
CONDITIONS = (
    Condition("myocardial infarction", 1, ("410", "412")),
    Condition("cerebrovascular disease", 1, ("362.34", "430-438")),
    Condition("peripheral vascular disease", 1, VESSEL_CODES),
    Condition("peptic ulcer", 1, ("531-534",)),
    Condition("diabetes", 1, ("250",)),
    Condition("diabetes", 2, ("250.4-250.7",)),  # with end-organ damage
    Condition("liver", 2, MILD_LIVER_CODES),
    Condition("liver", 4, ("456.0-456.2", "572.2-572.8")),
    Condition("heart failure", 2, HEART_FAILURE_CODES),
    Condition("chronic pulmonary disease", 2, ("416.8", "416.9", "490-505", "506.4", "508.1", "508.8")),
    Condition("cancer", 2, ("140-172", "174-195", "200-208", "238.6")),
    Condition("cancer", 6, ("196-199",)),  # metastatic
    Condition("kidney", 2, KIDNEY_CODES),
    Condition("dementia", 3, ("290", "294.1", "331.2")),
    Condition("connective tissue disease", 3, ("446.5", "710.0-710.4", "714.0-714.2", "714.8", "725")),
    Condition("HIV", 4, ("042-044",)),
)
ORGANS = tuple(dict.fromkeys(one.organ for one in CONDITIONS))


def charlson(codes: pd.DataFrame) -> Vector:
    """Return the points of the comorbidities that the codes prove: a lower bound of the Charlson index of LACE.

    Parameters
    ----------
    codes : DataFrame of text, (n, k)
        ICD-9-CM codes of each stay with their point, such as ``"250.83"`` or ``"V42.0"``; the first diagnosis too.
        Missing codes, and what is no ICD-9 code, prove nothing.

    Returns
    -------
    (n,), points
        A code that was cut to its category counts only where all of the category belongs to the condition: ``"428"``
        is heart failure, but ``"443"`` may be Raynaud's syndrome.
    """
    gravest = _looked_up(codes, _points).max(axis=1)  # of each organ
    return np.asarray(gravest.sum(axis=1))


def has_malignancy(codes: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether any ICD-9-CM code of a stay is a malignant neoplasm, 140 to 208; codes as for ``charlson``."""
    return np.asarray(_looked_up(codes, _is_malignant).any(axis=1))


def lace(days: ArrayLike, acute: ArrayLike, comorbidity: ArrayLike, emergency_visits: ArrayLike) -> Vector:
    """Return the LACE index, 0 to 19, (n,).

    Parameters
    ----------
    days : (n,)
        Length of stay in whole days: under 1: 0; 1, 2, 3: as many; 4 to 6: 4; 7 to 13: 5; 14 and more: 7.
    acute : (n,) bool
        Whether the admission was acute: 3.
    comorbidity : (n,)
        Points of ``charlson``: up to 3 as they are, from 4 on 5.
    emergency_visits : (n,)
        In the six months before, the one of this admission not counted: up to 4 as they are, then 4.

    Returns
    -------
    (n,), points
        NaN where a number is missing.
    """
    length = _numbers(days)
    points = _stepped(length, (1, 2, 3, 4, 7, 14), (0, 1, 2, 3, 4, 5, 7))
    points += _stepped(_numbers(comorbidity), (1, 2, 3, 4), (0, 1, 2, 3, 5))
    points += np.clip(_numbers(emergency_visits), 0, 4)
    points += np.where(acute, 3, 0)
    return points


def hospital(
    days: ArrayLike,
    acute: ArrayLike,
    oncology: ArrayLike,
    procedures: ArrayLike,
    admissions: ArrayLike,
    cuts: tuple[int, int] = LATER_CUTS,
) -> Vector:
    """Return the HOSPITAL score without its two laboratory items, 0 to 11, (n,).

    Parameters
    ----------
    days : (n,)
        Length of stay: 5 days or more: 2.
    acute : (n,) bool
        Whether the admission was not elective: 1.
    oncology : (n,) bool
        Whether the discharge was from oncology, or stands for it: 2.
    procedures : (n,)
        Number in this stay: any: 1.
    admissions : (n,)
        In the year before, this one not counted.
    cuts : (int, int)
        Fewest admissions for 2 points and for 5: ``LATER_CUTS``, 0-1 / 2-5 / over 5, or ``FIRST_CUTS``, 0 / 1-5 /
        over 5. Both are published.

    Returns
    -------
    (n,), points
        NaN where a number is missing.
    """
    points = _stepped(_numbers(days), (5,), (0, 2)) + _stepped(_numbers(procedures), (1,), (0, 1))
    points += _stepped(_numbers(admissions), cuts, (0, 2, 5))
    points += np.where(acute, 1, 0) + np.where(oncology, 2, 0)
    return points


def _looked_up(codes: pd.DataFrame, values: Callable[[str], Any]) -> NDArray[Any]:
    """Return what a function says of each code, (n, k, ...), asking it once for each that there is."""
    places, known = pd.factorize(codes.to_numpy(dtype=object, na_value=None).ravel())
    table = np.array([values(code) for code in (*map(str, known), NO_CODE)])  # a missing code has place -1: the last
    found: NDArray[Any] = table[places.reshape(codes.shape)]
    return found


def _numbers(values: ArrayLike) -> Vector:
    numbers: Vector = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _stepped(values: Vector, starts: tuple[int, ...], points: tuple[int, ...]) -> Vector:
    """Return the points of the step on which each value lies; NaN stays NaN."""
    steps = np.array(points, dtype=float)[np.searchsorted(starts, values, side="right")]
    return np.where(np.isnan(values), np.nan, steps)


def _points(code: str) -> Vector:
    """Return the points that a code gives to each organ."""
    found = np.zeros(len(ORGANS))
    for one, spans in zip(CONDITIONS, SPANS, strict=True):
        if _lies_in(code, spans):
            place = ORGANS.index(one.organ)
            found[place] = max(found[place], one.points)
    return found


def _is_malignant(code: str) -> bool:
    return _lies_in(code, [_span(MALIGNANT)])


def _lies_in(code: str, spans: list[Span]) -> bool:
    if not CODE.fullmatch(code):
        return False
    first, last = _span(code)
    return any(start <= first and last <= end for start, end in spans)


def _span(codes: str) -> Span:
    """Return the first and the last five-digit code of a code, or of a range such as ``"430-438"``."""
    first, _, last = codes.partition("-")
    return _bounds(first)[0], _bounds(last or first)[1]


def _bounds(code: str) -> Span:
    matched = CODE.fullmatch(code)
    if matched is None:
        raise ValueError(f"{code!r} is no ICD-9 code")
    chapter, category, digits = matched.groups(default="")
    start = CHAPTERS[chapter] + 100 * int(category)
    return start + int(digits.ljust(2, "0")), start + int(digits.ljust(2, "9"))


SPANS = [[_span(code) for code in one.codes] for one in CONDITIONS]
