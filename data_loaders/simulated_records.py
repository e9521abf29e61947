"""The simulated encounters before any cause of error is planted: who they are, how they stayed, what followed."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from data_loaders import simulated_marginals as uci
from data_loaders.diabetes130 import AGES, DIED, MEDICATIONS, SCHEMA
from data_loaders.simulated_draws import Columns, Rows, count_at, draw, draw_given

IDS = (10_000_000, 450_000_000)
BANDS_A_VISIT = 0.05  # ageing from one encounter to the next, in standard deviations of age
YOUNG = AGES[:2]


def records(rng: np.random.Generator, encounters: int) -> Columns:
    """Return the columns of the UCI table, and a few that only the simulator knows, one entry an encounter."""
    columns = _visits(rng, encounters)
    columns |= _numbers(rng, columns)
    columns |= _demographics(rng, columns)
    columns |= _stays(rng, columns)
    columns |= _diagnoses(rng, columns)
    columns |= _medications(rng, columns)
    columns["readmitted"] = _outcomes(rng, columns)
    return columns


def _visits(rng: np.random.Generator, encounters: int) -> Columns:
    """Return patients with their encounters in order, under ids that tell nothing else."""
    stays = count_at(rng.random(encounters), (1, uci.ENCOUNTERS_PER_PATIENT))
    patient = np.repeat(np.arange(encounters), stays)[:encounters]
    stays = np.bincount(patient)
    visit = np.arange(encounters) - (np.cumsum(stays) - stays)[patient]
    encounter_id = _ids(rng, encounters)
    return {
        "patient": patient,
        "visit": visit,
        "stays": stays[patient],
        "encounter_id": encounter_id[np.lexsort((encounter_id, patient))],
        "patient_nbr": _ids(rng, len(stays))[patient],
    }


def _ids(rng: np.random.Generator, size: int) -> NDArray[Any]:
    return IDS[0] + rng.choice(IDS[1] - IDS[0], size, replace=False)


def _numbers(rng: np.random.Generator, columns: Columns) -> Columns:
    """Return age and counts from correlated normal scores: one each a patient for his stays and his age."""
    patient, visit = columns["patient"], columns["visit"]
    scores = rng.standard_normal((len(patient), len(uci.CORRELATED)))
    of_patient = rng.standard_normal((patient[-1] + 1, 2))[patient]
    scores[:, 0] = ndtri(_ranks(columns["stays"] + ndtr(of_patient[:, 0])))
    scores[:, 1] = ndtri(_ranks(of_patient[:, 1] + BANDS_A_VISIT * visit))
    levels = ndtr(scores @ np.linalg.cholesky(np.array(uci.LATENT_CORRELATION)).T)
    level = dict(zip(uci.CORRELATED, levels.T, strict=True)) | {"age": ndtr(scores[:, 1])}
    numbers = {name: count_at(level[name], counts) for name, counts in uci.COUNT_SHARES.items()}
    for name, quantiles in uci.QUANTILES.items():
        numbers[name] = np.rint(np.interp(level[name], uci.QUANTILE_LEVELS, quantiles)).astype(int)
    return numbers | {"age": _ages(level["age"])}


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return ranks between 0 and 1."""
    ranks: NDArray[np.float64] = (np.argsort(np.argsort(values, kind="stable")) + 0.5) / len(values)
    return ranks


def _ages(level: NDArray[np.float64]) -> NDArray[Any]:
    """Return age bands from [10-20) up; the youngest band is planted."""
    return np.take(np.array(AGES, dtype=object), count_at(level, (1, uci.AGE_SHARES[1:])))


def _demographics(rng: np.random.Generator, columns: Columns) -> Columns:
    patient = columns["patient"]
    return {
        "race": draw(rng, uci.RACES, patient[-1] + 1)[patient],
        "gender": draw(rng, uci.GENDERS, patient[-1] + 1)[patient],
        "weight": draw(rng, uci.WEIGHTS, len(patient)),
        "payer_code": draw_given(rng, uci.PAYER_BY_AGE, _place(AGES, columns["age"])),
    }


def _place(levels: tuple[str | None, ...], values: NDArray[Any]) -> Rows:
    places: Rows = pd.Index(levels).get_indexer(pd.Index(values))
    return places


def _stays(rng: np.random.Generator, columns: Columns) -> Columns:
    admission_type = draw(rng, uci.ADMISSION_TYPES, len(columns["age"]))
    return {
        "admission_type_id": admission_type,
        "admission_source_id": draw_given(rng, uci.SOURCE_BY_TYPE, _place(tuple(uci.ADMISSION_TYPES), admission_type)),
        "discharge_disposition_id": draw_given(rng, uci.DISPOSITION_BY_AGE, _place(AGES, columns["age"])),
    }


def _diagnoses(rng: np.random.Generator, columns: Columns) -> Columns:
    """Return three diagnoses, and what goes with the group of the first: specialty and HbA1c test."""
    age = columns["age"]
    group = draw_given(rng, uci.GROUP_BY_AGE, _place(AGES, age))
    of_group = _place(tuple(uci.GROUP_BY_AGE), group)
    young = np.isin(age, YOUNG)
    specialty = draw_given(rng, uci.SPECIALTY_BY_GROUP, of_group)
    specialty[young] = draw(rng, uci.YOUNG_SPECIALTIES, young.sum())
    found = {"diag_1": _primary(rng, np.where(young & (group == "Diabetes"), uci.YOUNG_DIABETES, group))}
    for order, name in enumerate(("diag_2", "diag_3")):
        shares: uci.Shares = {code: float(share[order]) for code, share in uci.SECONDARY_CODES.items()}
        found[name] = _secondary(rng, shares, found)
    return {
        **_with_missing(rng, found, columns["number_diagnoses"]),
        "medical_specialty": specialty,
        "max_glu_serum": draw(rng, uci.GLUCOSE, len(age)),
        "A1Cresult": draw_given(rng, uci.HBA1C_BY_GROUP, of_group),
        "diag_1_group": group,
    }


def _primary(rng: np.random.Generator, group: NDArray[Any]) -> NDArray[Any]:
    codes = np.empty(len(group), dtype=object)
    for name, shares in uci.PRIMARY_CODES.items():
        rows = group == name
        codes[rows] = draw(rng, shares, rows.sum())
    return codes


def _secondary(rng: np.random.Generator, shares: uci.Shares, earlier: Columns) -> NDArray[Any]:
    """Draw a diagnosis that the encounter does not have already."""
    codes = draw(rng, shares, len(earlier["diag_1"]))
    while (again := np.any([codes == other for other in earlier.values()], axis=0)).any():
        codes[again] = draw(rng, shares, again.sum())
    return codes


def _with_missing(rng: np.random.Generator, diagnoses: Columns, recorded: NDArray[Any]) -> Columns:
    """Blank the diagnoses beyond the number recorded, and a few others."""
    for order, (name, codes) in enumerate(diagnoses.items(), start=1):
        codes[(recorded < order) | (rng.random(len(codes)) < uci.MISSING_DIAGNOSIS[name])] = None
    return diagnoses


def _medications(rng: np.random.Generator, columns: Columns) -> Columns:
    """Return the doses; the young get insulin and nothing else."""
    adult = ~np.isin(columns["age"], YOUNG)
    of_group = _place(tuple(uci.GROUP_BY_AGE), columns["diag_1_group"])
    given = {"insulin": draw_given(rng, uci.INSULIN_BY_GROUP, of_group)}
    for name, shares in uci.DOSE_SHARES.items():
        doses: uci.Shares = dict(zip(uci.DOSES, shares, strict=True))
        given[name] = np.where(adult, draw(rng, doses, len(adult)), "No")
    return given | regimen(given)


def regimen(columns: Columns) -> Columns:
    """Return whether any drug was given, and whether the treatment changed, as the UCI table has it."""
    drugs = np.sum([columns[name] != "No" for name in MEDICATIONS], axis=0)
    adjusted = np.any([(columns[name] == "Up") | (columns[name] == "Down") for name in MEDICATIONS], axis=0)
    return {
        "diabetesMed": np.where(drugs > 0, "Yes", "No").astype(object),
        "change": np.where(adjusted | (drugs > 1), "Ch", "No").astype(object),
    }


def _outcomes(rng: np.random.Generator, columns: Columns) -> NDArray[Any]:
    """Draw the outcome; who died has none."""
    soon, later = (rng.random(len(columns["age"])) < expit(_log_odds(columns, outcome)) for outcome in (0, 1))
    readmitted = np.where(soon, "<30", np.where(later, ">30", "NO")).astype(object)
    readmitted[np.isin(columns["discharge_disposition_id"], DIED)] = "NO"
    return readmitted


def _log_odds(columns: Columns, outcome: int) -> NDArray[np.float64]:
    margin = np.full(len(columns["age"]), uci.INTERCEPTS[outcome])
    for name, effects in uci.NUMBER_EFFECTS.items():
        values = np.log1p(columns[name]) if SCHEMA.feature(name).log1p else columns[name]
        margin += effects[outcome] * values
    for name, levels in uci.LEVEL_EFFECTS.items():
        for level, effects in levels.items():
            margin[columns[name] == level] += effects[outcome]
    return margin
