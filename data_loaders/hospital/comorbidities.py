"""What the codes of diagnoses say: Charlson comorbidities, malignancy, and groups in plain words.

References
----------
Quan et al. (2005), Med Care 43:1130-1139, doi:10.1097/01.mlr.0000182534.19832.83, table 1 (comorbidities);
chapters 2 of ICD-9-CM and of ICD-10-CM (malignant neoplasms).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_loaders.charlson_codes import COMORBIDITIES, ORGANS, Comorbidity
from data_loaders.code_lists import lies_in, looked_up, plain_icd9, plain_icd10
from data_loaders.hospital.diagnosis_codes import GROUPS, MALIGNANT_ICD9, MALIGNANT_ICD10, SNOMED
from data_loaders.readmission_scores import Vector

__all__ = [
    "COMORBIDITIES",
    "UNGROUPED",
    "Comorbidity",
    "charlson_points",
    "comorbidity_flags",
    "diagnosis_group",
    "is_malignant",
]

ICD9, ICD10, SNOMED_CT = "ICD9CM", "ICD10CM", "SNOMED"
UNGROUPED = "Not grouped"
CANCERS = ("cancer", "metastatic_cancer")
Answers = dict[str, Callable[[str], Any]]


def comorbidity_flags(codes: pd.Series, systems: pd.Series) -> pd.DataFrame:
    """Return which comorbidities of the Charlson index each code proves, with or without its point.

    Parameters
    ----------
    codes : Series of text, (n,)
        One diagnosis a row.
    systems : Series of text, (n,)
        ``"ICD9CM"``, ``"ICD10CM"`` or ``"SNOMED"``; a code of another system, or a missing one, proves nothing.

    Returns
    -------
    DataFrame of bool, (n, 17)
        Index as given; columns are the keys of ``COMORBIDITIES``. Of one code only the gravest of an organ is proven:
        ``"250.4"`` is diabetes with damage only, ``"250"`` diabetes without.
    """
    answers: Answers = {ICD9: _proven_by_icd9, ICD10: _proven_by_icd10, SNOMED_CT: _proven_by_snomed}
    keys = [one.key for one in COMORBIDITIES]
    flags = np.zeros((len(codes), len(keys)), dtype=bool)
    return pd.DataFrame(_answered(flags, codes, systems, answers), codes.index, keys)


def charlson_points(flags: pd.DataFrame) -> Vector:
    """Return the points of LACE for the comorbidities of each row, (n,): of one organ only the gravest counts.

    Parameters
    ----------
    flags : DataFrame of bool, (n, 17)
        Those of ``comorbidity_flags``, or any of them per stay.
    """
    worth = {one.key: flags[one.key].to_numpy(dtype=bool) * float(one.points) for one in COMORBIDITIES}
    points = np.zeros(len(flags))
    for organ in ORGANS:
        points += np.max([worth[one.key] for one in COMORBIDITIES if one.organ == organ], axis=0)
    return points


def is_malignant(codes: pd.Series, systems: pd.Series) -> NDArray[np.bool_]:
    """Return whether each code is a malignant neoplasm, (n,); codes and systems as for ``comorbidity_flags``.

    All that its classification calls malignant: 140-208, 209.0-209.3 and 209.7 of ICD-9-CM, C00-C97 of ICD-10. So skin
    cancer other than melanoma (173, C44) and neuroendocrine tumours (209, C7A, C7B) are in it, which are no comorbidity
    of the Charlson index. Carcinoma in situ and neoplasms of uncertain behaviour are not.
    """
    answers: Answers = {
        ICD9: lambda code: lies_in(plain_icd9(code), MALIGNANT_ICD9),
        ICD10: lambda code: lies_in(plain_icd10(code), MALIGNANT_ICD10),
        SNOMED_CT: lambda code: _snomed_comorbidity(code) in CANCERS,
    }
    return _answered(np.zeros(len(codes), dtype=bool), codes, systems, answers)


def diagnosis_group(codes: pd.Series, systems: pd.Series) -> pd.Series:
    """Return the group of each diagnosis in plain words, the same for every system; missing or blank stays missing.

    Parameters
    ----------
    codes, systems : Series of text, (n,)
        As for ``comorbidity_flags``.

    Returns
    -------
    Series of text, (n,)
        Names of ``GROUPS``; ``UNGROUPED`` where the code or its system is unknown.
    """
    answers: Answers = {ICD9: _group_of_icd9, ICD10: _group_of_icd10, SNOMED_CT: _group_of_snomed}
    names = _answered(np.full(len(codes), UNGROUPED, dtype=object), codes, systems, answers)
    names[codes.astype("str").str.strip().fillna("").to_numpy() == ""] = None
    return pd.Series(names, codes.index, dtype="str")


def _answered(start: NDArray[Any], codes: pd.Series, systems: pd.Series, answers: Answers) -> NDArray[Any]:
    """Return what each system says of its codes, and the start where no system is known."""
    for system, answer in answers.items():
        rows = (systems == system).to_numpy(dtype=bool, na_value=False)
        start[rows] = looked_up(codes[rows], answer)
    return start


def _proven_by_icd9(code: str) -> list[bool]:
    plain = plain_icd9(code)
    return _gravest([one for one in COMORBIDITIES if lies_in(plain, one.icd9)])


def _proven_by_icd10(code: str) -> list[bool]:
    plain = plain_icd10(code)
    return _gravest([one for one in COMORBIDITIES if lies_in(plain, one.icd10)])


def _proven_by_snomed(code: str) -> list[bool]:
    return [one.key == _snomed_comorbidity(code) for one in COMORBIDITIES]


def _gravest(found: list[Comorbidity]) -> list[bool]:
    """Return which comorbidities were found, without those of which the organ has a graver one."""
    most = {one.organ: one.points for one in sorted(found, key=lambda one: one.points)}
    return [one in found and one.points == most[one.organ] for one in COMORBIDITIES]


def _snomed_comorbidity(code: str) -> str | None:
    condition = SNOMED.get(code.strip())
    return condition.comorbidity if condition else None


def _group_of_icd9(code: str) -> str:
    plain = plain_icd9(code)
    return next((group.name for group in GROUPS if lies_in(plain, group.icd9)), UNGROUPED)


def _group_of_icd10(code: str) -> str:
    plain = plain_icd10(code)
    return next((group.name for group in GROUPS if lies_in(plain, group.icd10)), UNGROUPED)


def _group_of_snomed(code: str) -> str:
    condition = SNOMED.get(code.strip())
    return condition.group if condition else UNGROUPED
