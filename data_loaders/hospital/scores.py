"""LACE and HOSPITAL of each episode, as far as the records go: scores to compare a model with, never its features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clinflu.data import BaselineSpec
from clinflu.data.arrays import Flags, Vector
from clinflu.data.readmission import EMERGENCY, URGENT
from data_loaders.hospital.comorbidities import charlson_points, is_malignant
from data_loaders.hospital.material import Material
from data_loaders.hospital.records import EMERGENCY_VISIT, Records
from data_loaders.readmission_scores import FIRST_CUTS, LATER_CUTS, hospital, hospital_simplified, lace

SIX_MONTHS = 183
ICD = ("ICD9CM", "ICD10CM")
NO_TYPE = "an unknown admission type counts as not acute"
NO_ICD = "not all diagnoses are coded in ICD, so comorbidity is a lower bound"
NO_VISITS = "emergency visits are not recorded and count as none"
NO_LABS = "haemoglobin and sodium are not recorded and count as normal"
NO_PROCEDURES = "procedures are not recorded and count as none"
ONCOLOGY = "a malignant neoplasm among the diagnoses stands for discharge from oncology"
NO_LAB_OF_SOME = "where haemoglobin or sodium was not measured it counts as normal"
CUTS = {"hospital_2_5": (LATER_CUTS, "0-1 / 2-5 / over 5"), "hospital_1_5": (FIRST_CUTS, "0 / 1-5 / over 5")}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores and their values, a column a score."""

    specs: tuple[BaselineSpec, ...]
    values: dict[str, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class _Items:
    """What the scores are made of, a row an episode, and what stands for something else."""

    days: Vector
    acute: Flags
    admissions: Vector
    comorbidity: Vector
    cancer: Flags
    emergency: Vector
    procedures: Vector
    haemoglobin: Vector | None
    sodium: Vector | None
    missing: tuple[str, ...]


def scores(material: Material) -> Scores:
    """Return LACE, HOSPITAL with both published cuts, and its simplified form.

    Nothing is returned where no diagnoses are recorded, since every one of them needs some.
    """
    diagnoses = material.records.diagnoses
    if diagnoses is None:
        return Scores((), {})
    items = _items(material, diagnoses)
    tests: Any = {"haemoglobin": items.haemoglobin, "sodium": items.sodium}
    values = {"lace": lace(items.days, items.acute, items.comorbidity, items.emergency)}
    others = items.days, items.acute, items.cancer, items.procedures, items.admissions
    values |= {name: hospital(*others, cuts, **tests) for name, (cuts, _) in CUTS.items()}
    values["hospital_simplified"] = hospital_simplified(
        items.days, items.acute, items.cancer, items.admissions, **tests
    )
    return Scores(_specs(items), values)


def _items(material: Material, diagnoses: pd.DataFrame) -> _Items:
    episodes = material.episodes
    days = (episodes["discharged"].dt.normalize() - episodes["admitted"].dt.normalize()).dt.days
    malignant = is_malignant(diagnoses["code"], diagnoses["system"])
    return _Items(
        days=days.to_numpy(dtype=float),
        acute=episodes["admission_type"].isin((EMERGENCY, URGENT)).to_numpy(),
        admissions=episodes["episodes_before"].to_numpy(dtype=float),
        comorbidity=charlson_points(material.comorbidities),
        cancer=material.tally(material.diagnosis_rows[malignant]) > 0,
        emergency=material.visits_before(EMERGENCY_VISIT, SIX_MONTHS),
        procedures=np.zeros(len(episodes)) if material.records.procedures is None else material.procedures,
        haemoglobin=material.laboratory.get(("last", "haemoglobin")),
        sodium=material.laboratory.get(("last", "sodium")),
        missing=_missing(material.records, diagnoses, episodes),
    )


def _missing(records: Records, diagnoses: pd.DataFrame, episodes: pd.DataFrame) -> tuple[str, ...]:
    """Return what the records lack of what the scores ask."""
    lacks = {
        NO_TYPE: bool(episodes["admission_type"].isna().any()),
        NO_ICD: not diagnoses["system"].isin(ICD).all(),
        NO_VISITS: records.visits is None or not records.visits["kind"].eq(EMERGENCY_VISIT).any(),
        NO_PROCEDURES: records.procedures is None,
    }
    return tuple(words for words, so in lacks.items() if so)


def _specs(items: _Items) -> tuple[BaselineSpec, ...]:
    of_lace = [words for words in items.missing if words != NO_PROCEDURES]
    shared = [words for words in items.missing if words == NO_TYPE]
    shared.append(NO_LABS if items.haemoglobin is None and items.sodium is None else NO_LAB_OF_SOME)
    full = [ONCOLOGY, *(words for words in items.missing if words == NO_PROCEDURES), *shared]
    simple = shared if items.haemoglobin is None or items.sodium is None else shared[:-1]
    hospital_specs = (_spec(name, f"HOSPITAL, cuts {cuts}", full, 13) for name, (_, cuts) in CUTS.items())
    return (
        _spec("lace", "LACE", of_lace, 19),
        *hospital_specs,
        _spec("hospital_simplified", "Simplified HOSPITAL", simple, 12),
    )


def _spec(name: str, label: str, missing: list[str], largest: int) -> BaselineSpec:
    if not missing:
        return BaselineSpec(name, label, approximate=False, note="", largest=largest)
    head, _, tail = label.partition(",")
    shown = f"{head}~ (approximate){',' if tail else ''}{tail}"
    return BaselineSpec(name, shown, approximate=True, note=f"Approximate: {'; '.join(missing)}.", largest=largest)
