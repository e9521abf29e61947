"""Published readmission scores as functions of what a discharge table holds: LACE, HOSPITAL, and Charlson from ICD-9.

References
----------
van Walraven et al. (2010), CMAJ 182:551-557, doi:10.1503/cmaj.091117 (LACE); Donzé et al. (2013), JAMA Intern Med
173:632-638, doi:10.1001/jamainternmed.2013.3023 (HOSPITAL); Aubert et al. (2017), BMJ Qual Saf 26:799-805,
doi:10.1136/bmjqs-2016-006239 (its later cut points, and the simplified score); Quan et al. (2005), Med Care
43:1130-1139, table 1, enhanced ICD-9-CM (the codes of a comorbidity).
"""

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from data_loaders.charlson_codes import COMORBIDITIES, ORGANS
from data_loaders.code_lists import NOTHING, lies_in, looked_up, plain_icd9

Vector = NDArray[np.float64]

CODE = re.compile(r"[VE]?\d{1,3}(\.\d{1,2})?")
MALIGNANT = ("140-208",)
LATER_CUTS = (2, 6)
FIRST_CUTS = (1, 6)
LOWEST_HAEMOGLOBIN, LOWEST_SODIUM = 12, 135  # g/dL, mmol/L: what is under them gives a point


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
    gravest = looked_up(codes, _points).max(axis=1)  # of each organ
    return np.asarray(gravest.sum(axis=1))


def has_malignancy(codes: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether any ICD-9-CM code of a stay is a malignant neoplasm, 140 to 208; codes as for ``charlson``."""
    return np.asarray(looked_up(codes, _is_malignant).any(axis=1))


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


def hospital(  # noqa: PLR0913 -- the items of the score
    days: ArrayLike,
    acute: ArrayLike,
    oncology: ArrayLike,
    procedures: ArrayLike,
    admissions: ArrayLike,
    cuts: tuple[int, int] = LATER_CUTS,
    *,
    haemoglobin: ArrayLike | None = None,
    sodium: ArrayLike | None = None,
) -> Vector:
    """Return the HOSPITAL score, 0 to 13, (n,); 0 to 11 without its two laboratory items.

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
    haemoglobin : (n,), g/dL, optional
        The last before discharge: under 12: 1. Not given: not recorded.
    sodium : (n,), mmol/L, optional
        The last before discharge: under 135: 1. Not given: not recorded.

    Returns
    -------
    (n,), points
        NaN where a number is missing, but a haemoglobin or sodium that is missing gives no point: what was not
        measured is taken for normal, so that the score stays comparable and can only be too low.
    """
    points = _stepped(_numbers(days), (5,), (0, 2)) + _stepped(_numbers(procedures), (1,), (0, 1))
    points += _stepped(_numbers(admissions), cuts, (0, 2, 5))
    points += np.where(acute, 1, 0) + np.where(oncology, 2, 0)
    return points + _below(haemoglobin, LOWEST_HAEMOGLOBIN) + _below(sodium, LOWEST_SODIUM)


def hospital_simplified(
    days: ArrayLike,
    acute: ArrayLike,
    cancer: ArrayLike,
    admissions: ArrayLike,
    haemoglobin: ArrayLike | None = None,
    sodium: ArrayLike | None = None,
) -> Vector:
    """Return the simplified HOSPITAL score, 0 to 12, (n,); 0 to 10 without its two laboratory items.

    Parameters
    ----------
    days, acute, haemoglobin, sodium
        As for ``hospital``.
    cancer : (n,) bool
        Whether there is a diagnosis of cancer, or the discharge was from oncology: 2.
    admissions : (n,)
        In the year before, this one not counted: 0-1: 0; 2-5: 2; over 5: 5. Procedures do not count.

    Returns
    -------
    (n,), points
        As for ``hospital``; from 5 on a readmission is called likely.
    """
    return hospital(days, acute, cancer, np.zeros(np.shape(days)), admissions, haemoglobin=haemoglobin, sodium=sodium)


def _numbers(values: ArrayLike) -> Vector:
    numbers: Vector = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _below(values: ArrayLike | None, lowest: float) -> Vector | float:
    return 0.0 if values is None else np.where(_numbers(values) < lowest, 1.0, 0.0)


def _stepped(values: Vector, starts: tuple[int, ...], points: tuple[int, ...]) -> Vector:
    """Return the points of the step on which each value lies; NaN stays NaN."""
    steps = np.array(points, dtype=float)[np.searchsorted(starts, values, side="right")]
    return np.where(np.isnan(values), np.nan, steps)


def _points(code: str) -> Vector:
    """Return the points that a code gives to each organ."""
    plain = _plain(code)
    found = np.zeros(len(ORGANS))
    for one in COMORBIDITIES:
        if lies_in(plain, one.icd9):
            place = ORGANS.index(one.organ)
            found[place] = max(found[place], one.points)
    return found


def _is_malignant(code: str) -> bool:
    return lies_in(_plain(code), MALIGNANT)


def _plain(code: str) -> str:
    return plain_icd9(code) if CODE.fullmatch(code) else NOTHING  # "4280" may be 428.0, or nonsense
