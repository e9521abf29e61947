"""Laboratory tests that several sources record: their codes, and their values in one unit.

References
----------
Codes are those of LOINC for serum, plasma and whole blood; concepts those of the OMOP vocabulary; items those of MIMIC,
which mimic-code maps to the same concepts (mimic-iv/concepts/concept_map). Factors follow from molar masses: creatinine
113.12 g/mol, glucose 180.16 g/mol, 28.01 g of nitrogen in a mole of urea, 16 114 g in a mole of haemoglobin chains.
"""

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import pandas as pd

from data_loaders.code_lists import looked_up

Code = TypeVar("Code", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Analyte:
    """What a laboratory measures.

    Parameters
    ----------
    label : str
        In words.
    unit : str
        In which its values are kept.
    bounds : (float, float)
        Of a living patient; outside of them a value is a mistake.
    loinc : tuple of str
        Of serum, plasma and whole blood; never of urine or other fluids.
    omop_concepts : tuple of int
        Standard concepts of the OMOP vocabulary.
    mimic_items : tuple of int
        ``itemid`` of MIMIC-III and MIMIC-IV, whole blood of the gas analyser with it.
    names : tuple of str
        In lower case, as eICU and others write them.
    factors : dict of str to float
        From a unit, in lower case without blanks, to ours.
    """

    label: str
    unit: str
    bounds: tuple[float, float]
    loinc: tuple[str, ...]
    omop_concepts: tuple[int, ...]
    mimic_items: tuple[int, ...]
    names: tuple[str, ...]
    factors: dict[str, float]

    def factor(self, unit: str) -> float:
        """Return what turns a value of a unit into ours: NaN for an unknown unit, 1 for none."""
        plain = ANNOTATION.sub("", unit).lower().translate(SPELLINGS)
        return self.factors.get(plain, np.nan) if plain else 1.0


ANNOTATION = re.compile(r"\{[^}]*\}|\s")
SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "^": "*", "×": "x"})
IONS = {"mmol/l": 1.0, "meq/l": 1.0}  # of one charge
MASS = {"g/dl": 1.0, "gm/dl": 1.0, "g/l": 0.1}
THOUSANDS = ("k", "th", "ths", "thou", "thousand", "10*3", "x10*3", "10e3", "x10e3", "10(3)", "x10(3)", "x103")
MICROLITRES = ("/ul", "/mcl", "/mm3", "/mmcu", "/cumm", "/cmm")
COUNTS = {
    **{thousand + volume: 1.0 for thousand in THOUSANDS for volume in MICROLITRES},
    **{cells + volume: 0.001 for cells in ("", "cells") for volume in MICROLITRES},
    **dict.fromkeys(("10*9/l", "x10*9/l", "10e9/l", "x10e9/l", "g/l", "giga/l", "10(3)mcl", "x10(3)", "x103"), 1.0),
    "10*6/l": 0.001,
}

ANALYTES = {
    "sodium": Analyte(
        "Sodium",
        "mmol/L",
        (80, 210),
        loinc=("2951-2", "2947-0"),
        omop_concepts=(3019550, 3000285),
        mimic_items=(50983, 50824),
        names=("sodium", "na"),
        factors=IONS,
    ),
    "potassium": Analyte(
        "Potassium",
        "mmol/L",
        (0.8, 15),
        loinc=("2823-3", "6298-4"),
        omop_concepts=(3023103, 3005456),
        mimic_items=(50971, 50822),
        names=("potassium", "k"),
        factors=IONS,
    ),
    "creatinine": Analyte(
        "Creatinine",
        "mg/dL",
        (0.05, 75),
        loinc=("2160-0", "38483-4", "14682-9"),
        omop_concepts=(3016723, 3051825),
        mimic_items=(50912,),
        names=("creatinine", "creat"),
        factors={"mg/dl": 1.0, "mg/l": 0.1, "umol/l": 1 / 88.4, "mcmol/l": 1 / 88.4, "mmol/l": 1000 / 88.4},
    ),
    "urea_nitrogen": Analyte(
        "Urea nitrogen",
        "mg/dL",
        (0.5, 350),
        loinc=("3094-0", "6299-2", "14937-7", "22664-7"),  # not urea by mass, 3091-6: its mg/dL are others
        omop_concepts=(3013682, 3004295),
        mimic_items=(51006,),
        names=("bun", "urea nitrogen", "blood urea nitrogen"),
        factors={"mg/dl": 1.0, "mmol/l": 2.801},
    ),
    "glucose": Analyte(
        "Glucose",
        "mg/dL",
        (5, 3000),
        loinc=("2345-7", "2339-0", "2340-8", "41653-7", "14749-6", "15074-8"),
        omop_concepts=(3004501, 3000483),
        mimic_items=(50931, 50809),
        names=("glucose", "bedside glucose"),
        factors={"mg/dl": 1.0, "mmol/l": 18.016},
    ),
    "haemoglobin": Analyte(
        "Haemoglobin",
        "g/dL",
        (1, 28),
        loinc=("718-7", "20509-6", "30313-1", "30350-3", "59260-0"),
        omop_concepts=(3000963,),
        mimic_items=(51222, 50811),
        names=("hgb", "hb", "hemoglobin", "haemoglobin"),
        factors={**MASS, "mmol/l": 1.611},
    ),
    "white_cells": Analyte(
        "White blood cells",
        "10^9/L",
        (0, 1000),
        loinc=("6690-2", "26464-8", "804-5"),
        omop_concepts=(3000905, 3010813),
        mimic_items=(51301, 51300),
        names=("wbc x 1000", "wbc", "white blood cells", "leukocytes"),
        factors=COUNTS,
    ),
    "platelets": Analyte(
        "Platelets",
        "10^9/L",
        (0, 4000),
        loinc=("777-3", "26515-7", "778-1"),
        omop_concepts=(3024929, 3007461),
        mimic_items=(51265,),
        names=("platelets x 1000", "platelets", "platelet count"),
        factors=COUNTS,
    ),
    "albumin": Analyte(
        "Albumin",
        "g/dL",
        (0.3, 8),
        loinc=("1751-7", "2862-1", "61151-7", "61152-5"),
        omop_concepts=(3024561,),
        mimic_items=(50862,),
        names=("albumin",),
        factors=MASS,
    ),
}
"""By key. A glucometer measures glucose as well; a count in ``g/l`` is in giga per litre. The tests at the point of
care that MIMIC-IV keeps apart (52502 and others) are rare, and left out, as mimic-code leaves them out.
"""


def in_our_units(analytes: pd.Series, values: pd.Series, units: pd.Series) -> pd.Series:
    """Return each value in the unit of its analyte; possible or not, see ``Analyte.bounds``.

    Parameters
    ----------
    analytes : Series of text, (n,)
        Keys of ``ANALYTES``.
    values : Series of numbers, (n,)
    units : Series of text, (n,)
        As recorded, such as ``"10*3/uL"``; a missing or blank one is taken for ours.

    Returns
    -------
    Series of float, (n,)
        Index of the values; NaN where the analyte or its unit is unknown, or no value.
    """
    factors = np.full(len(values), np.nan)
    for key, analyte in ANALYTES.items():
        rows = (analytes == key).to_numpy(dtype=bool, na_value=False)
        factors[rows] = looked_up(units[rows], analyte.factor)
    return pd.Series(values.to_numpy(dtype=float, na_value=np.nan) * factors, values.index)


@cache
def by_loinc() -> dict[str, str]:
    """Return the key of the analyte of each LOINC code."""
    return _by(lambda analyte: analyte.loinc)


@cache
def by_omop_concept() -> dict[int, str]:
    """Return the key of the analyte of each standard concept of OMOP."""
    return _by(lambda analyte: analyte.omop_concepts)


@cache
def by_mimic_item() -> dict[int, str]:
    """Return the key of the analyte of each ``itemid`` of MIMIC."""
    return _by(lambda analyte: analyte.mimic_items)


@cache
def by_name() -> dict[str, str]:
    """Return the key of the analyte of each name, in lower case without blanks at its ends."""
    return _by(lambda analyte: analyte.names)


def _by(codes: Callable[[Analyte], Iterable[Code]]) -> dict[Code, str]:
    return {code: key for key, analyte in ANALYTES.items() for code in codes(analyte)}
