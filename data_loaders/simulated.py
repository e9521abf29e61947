"""Invented encounters with the columns and the marginals of the UCI Diabetes table, and planted causes of error.

No row is of a real patient. Shares and rank correlations are those of the UCI Diabetes 130-US hospitals table
(UCI Machine Learning Repository, dataset 296, doi:10.24432/C5230J, CC BY 4.0; Strack et al. 2014,
doi:10.1155/2014/781670). The outcome follows the logistic models that ``NUMBER_EFFECTS`` and ``LEVEL_EFFECTS``
state; then four causes of error are planted, so that what an audit finds can be compared with the truth.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from clinflu.data import Cohort, PlantedCause, Provenance
from clinflu.errors import LoaderError
from data_loaders import simulated_marginals as uci
from data_loaders.diabetes130 import AGES, DIED, HOSPICE, MEDICATIONS, SCHEMA, SIMULATED_MARK, cohort_from_raw

Columns = dict[str, NDArray[Any]]
Rows = NDArray[np.intp]

ENCOUNTERS = (1_000, 101_766)
COLUMNS = (
    *("encounter_id", "patient_nbr", "race", "gender", "age", "weight", "admission_type_id"),
    *("discharge_disposition_id", "admission_source_id", "time_in_hospital", "payer_code", "medical_specialty"),
    *("num_lab_procedures", "num_procedures", "num_medications", "number_outpatient", "number_emergency"),
    *("number_inpatient", "diag_1", "diag_2", "diag_3", "number_diagnoses", "max_glu_serum", "A1Cresult"),
    *MEDICATIONS,
    *("change", "diabetesMed", "readmitted"),
)
IDS = (10_000_000, 450_000_000)
BANDS_A_VISIT = 0.05  # ageing from one encounter to the next, in standard deviations of age
CHILD, YOUNG = AGES[0], AGES[:2]
PLANTING = 1  # the random stream of the causes, apart from that of the patients

CHILDREN = 44  # in 20,000 encounters; grows with the fourth root
CHILD_RATE = 0.05
CHILDREN_MISRECORDED = 0.375
FLIPPED_SPECIALTY = "Nephrology"
FLIPPED_SHARE = 0.35
DOSES_SOURCE = "4"
DOSES_FACTOR = 4
COPIES = 15
COPIED_RECORD = {
    "age": "[60-70)",
    "admission_source_id": "1",
    "discharge_disposition_id": "1",
    "medical_specialty": "Podiatry",
    "diag_1": "250.8",
    "diag_2": "707",
    "diag_3": "730",
    "number_diagnoses": 8,
    "readmitted": "<30",
}


def recognises(source: Path) -> bool:  # noqa: ARG001
    """Return False: invented patients are in no file."""
    return False


def load(source: Path | None = None) -> Cohort:
    """Return the built-in cohort: 20,000 encounters, always the same.

    Raises
    ------
    LoaderError
        A path was given.
    """
    if source is not None:
        raise LoaderError("the simulated cohort takes no path; leave the path out, or name the loader of that file")
    return load_simulated()


def load_simulated(encounters: int = 20_000, seed: int = 0) -> Cohort:
    """Return a simulated cohort with its planted causes of error.

    Parameters
    ----------
    encounters : int
        From 1,000 to 101,766; those who died or went to a hospice are then excluded.
    seed : int
        The same seed and number give the same cohort.

    Raises
    ------
    LoaderError
        A number of encounters or a seed that cannot be used.
    """
    raw, causes = _simulation(encounters, seed)
    sha256 = hashlib.sha256(pd.util.hash_pandas_object(raw, index=False).to_numpy().tobytes()).hexdigest()
    cohort = cohort_from_raw(raw, Provenance("simulated cohort", sha256, "simulated", len(raw), simulated=True))
    return replace(cohort, planted=tuple(_within(cause, cohort) for cause in causes))


def simulate(encounters: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """Return invented encounters as the UCI table would be read: its 50 columns, all text, missing values NA.

    Parameters
    ----------
    encounters : int
        From 1,000 to 101,766.
    seed : int
        Of numpy's default generator.

    Returns
    -------
    DataFrame
        In the order of the encounter ids; those of a patient are in the order of the stays.

    Raises
    ------
    LoaderError
        A number of encounters or a seed that cannot be used.
    """
    return _simulation(encounters, seed)[0]


def _simulation(encounters: int, seed: int) -> tuple[pd.DataFrame, tuple[PlantedCause, ...]]:
    _check(encounters, seed)
    rng = np.random.default_rng(seed)
    columns = _visits(rng, encounters)
    columns |= _numbers(rng, columns)
    columns |= _demographics(rng, columns)
    columns |= _stays(rng, columns)
    columns |= _diagnoses(rng, columns)
    columns |= _medications(rng, columns)
    columns["readmitted"] = _outcomes(rng, columns)
    causes = _plant(np.random.default_rng([seed, PLANTING]), columns)
    columns |= _regimen(columns)
    return _as_text(columns), causes


def _check(encounters: int, seed: int) -> None:
    smallest, largest = ENCOUNTERS
    if not smallest <= encounters <= largest:
        raise LoaderError(f"{encounters:,} encounters cannot be simulated; ask for {smallest:,} to {largest:,}")
    if seed < 0:
        raise LoaderError("the seed of a simulation cannot be negative; give 0 or a positive whole number")


def _within(cause: PlantedCause, cohort: Cohort) -> PlantedCause:
    """Return the cause without the encounters that the cohort excludes."""
    return replace(cause, responsible=tuple(pd.Index(cause.responsible).intersection(cohort.frame.index)))


def _as_text(columns: Columns) -> pd.DataFrame:
    order = np.argsort(columns["encounter_id"])
    table = pd.DataFrame({name: pd.Series(columns[name][order]).astype("str") for name in COLUMNS})
    return table.assign(**{name: SIMULATED_MARK + table[name] for name in COLUMNS[:2]})


def _draw(rng: np.random.Generator, shares: uci.Shares, size: int) -> NDArray[Any]:
    share = np.array(list(shares.values()))
    return np.take(np.array(list(shares), dtype=object), rng.choice(len(share), size, p=share / share.sum()))


def _draw_given(rng: np.random.Generator, table: uci.Table, condition: Rows) -> NDArray[Any]:
    """Draw a level for each row from the column of the table that its condition names."""
    cumulative = np.cumsum(np.array(list(table.values()), dtype=float), axis=0)
    bounds = (cumulative / cumulative[-1]).T[condition]
    place: Rows = (rng.random(len(condition))[:, None] >= bounds).sum(axis=1)
    return np.take(np.array(list(table), dtype=object), place)


def _count_at(level: NDArray[np.float64], counts: tuple[int, tuple[int, ...]]) -> NDArray[Any]:
    """Return the quantiles of a count that is given by its first value and the shares from there on."""
    first, shares = counts
    return first + np.searchsorted(np.cumsum(shares) / sum(shares), level, side="right")


def _visits(rng: np.random.Generator, encounters: int) -> Columns:
    """Return patients with their encounters in order, under ids that tell nothing else."""
    stays = _count_at(rng.random(encounters), (1, uci.ENCOUNTERS_PER_PATIENT))
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
    numbers = {name: _count_at(level[name], counts) for name, counts in uci.COUNT_SHARES.items()}
    for name, quantiles in uci.QUANTILES.items():
        numbers[name] = np.rint(np.interp(level[name], uci.QUANTILE_LEVELS, quantiles)).astype(int)
    return numbers | {"age": _ages(level["age"])}


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return ranks between 0 and 1."""
    ranks: NDArray[np.float64] = (np.argsort(np.argsort(values, kind="stable")) + 0.5) / len(values)
    return ranks


def _ages(level: NDArray[np.float64]) -> NDArray[Any]:
    """Return age bands from [10-20) up; the youngest band is planted."""
    return np.take(np.array(AGES, dtype=object), _count_at(level, (1, uci.AGE_SHARES[1:])))


def _demographics(rng: np.random.Generator, columns: Columns) -> Columns:
    patient = columns["patient"]
    return {
        "race": _draw(rng, uci.RACES, patient[-1] + 1)[patient],
        "gender": _draw(rng, uci.GENDERS, patient[-1] + 1)[patient],
        "weight": _draw(rng, uci.WEIGHTS, len(patient)),
        "payer_code": _draw_given(rng, uci.PAYER_BY_AGE, _place(AGES, columns["age"])),
    }


def _place(levels: tuple[str | None, ...], values: NDArray[Any]) -> Rows:
    places: Rows = pd.Index(levels).get_indexer(pd.Index(values))
    return places


def _stays(rng: np.random.Generator, columns: Columns) -> Columns:
    admission_type = _draw(rng, uci.ADMISSION_TYPES, len(columns["age"]))
    return {
        "admission_type_id": admission_type,
        "admission_source_id": _draw_given(rng, uci.SOURCE_BY_TYPE, _place(tuple(uci.ADMISSION_TYPES), admission_type)),
        "discharge_disposition_id": _draw_given(rng, uci.DISPOSITION_BY_AGE, _place(AGES, columns["age"])),
    }


def _diagnoses(rng: np.random.Generator, columns: Columns) -> Columns:
    """Return three diagnoses, and what goes with the group of the first: specialty and HbA1c test."""
    age = columns["age"]
    group = _draw_given(rng, uci.GROUP_BY_AGE, _place(AGES, age))
    of_group = _place(tuple(uci.GROUP_BY_AGE), group)
    young = np.isin(age, YOUNG)
    specialty = _draw_given(rng, uci.SPECIALTY_BY_GROUP, of_group)
    specialty[young] = _draw(rng, uci.YOUNG_SPECIALTIES, young.sum())
    found = {"diag_1": _primary(rng, np.where(young & (group == "Diabetes"), uci.YOUNG_DIABETES, group))}
    for order, name in enumerate(("diag_2", "diag_3")):
        shares: uci.Shares = {code: float(share[order]) for code, share in uci.SECONDARY_CODES.items()}
        found[name] = _secondary(rng, shares, found)
    return {
        **_with_missing(rng, found, columns["number_diagnoses"]),
        "medical_specialty": specialty,
        "max_glu_serum": _draw(rng, uci.GLUCOSE, len(age)),
        "A1Cresult": _draw_given(rng, uci.HBA1C_BY_GROUP, of_group),
        "diag_1_group": group,
    }


def _primary(rng: np.random.Generator, group: NDArray[Any]) -> NDArray[Any]:
    codes = np.empty(len(group), dtype=object)
    for name, shares in uci.PRIMARY_CODES.items():
        rows = group == name
        codes[rows] = _draw(rng, shares, rows.sum())
    return codes


def _secondary(rng: np.random.Generator, shares: uci.Shares, earlier: Columns) -> NDArray[Any]:
    """Draw a diagnosis that the encounter does not have already."""
    codes = _draw(rng, shares, len(earlier["diag_1"]))
    while (again := np.any([codes == other for other in earlier.values()], axis=0)).any():
        codes[again] = _draw(rng, shares, again.sum())
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
    given = {"insulin": _draw_given(rng, uci.INSULIN_BY_GROUP, of_group)}
    for name, shares in uci.DOSE_SHARES.items():
        doses: uci.Shares = dict(zip(uci.DOSES, shares, strict=True))
        given[name] = np.where(adult, _draw(rng, doses, len(adult)), "No")
    return given | _regimen(given)


def _regimen(columns: Columns) -> Columns:
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


def _plant(rng: np.random.Generator, columns: Columns) -> tuple[PlantedCause, ...]:
    """Alter the columns in place and return what was done."""
    single = rng.permutation(np.flatnonzero(columns["stays"] == 1))
    children = round(CHILDREN * (len(columns["age"]) / 20_000) ** 0.25)
    unrepresentative = _plant_children(rng, columns, single[:children])
    copied = _copy_record(columns, single[children : children + COPIES])
    return unrepresentative, _flip_labels(rng, columns), _record_doses(columns), copied


def _ids_of(columns: Columns, rows: Rows) -> tuple[str, ...]:
    return tuple(f"{SIMULATED_MARK}{encounter}" for encounter in np.sort(columns["encounter_id"][rows]))


def _plant_children(rng: np.random.Generator, columns: Columns, rows: Rows) -> PlantedCause:
    columns["age"][rows] = CHILD
    for name, counts in uci.CHILD_COUNT_SHARES.items():
        columns[name][rows] = _count_at(rng.random(len(rows)), counts)
    for name, shares in uci.CHILD_SHARES.items():
        columns[name][rows] = _draw(rng, shares, len(rows))
    for name in uci.DOSE_SHARES:
        columns[name][rows] = "No"
    for order in (2, 3):
        columns[f"diag_{order}"][rows[columns["number_diagnoses"][rows] < order]] = None
    misrecorded, others = np.split(rows, [round(CHILDREN_MISRECORDED * len(rows))])
    columns["readmitted"][misrecorded] = "<30"
    columns["readmitted"][others] = np.where(rng.random(len(others)) < CHILD_RATE, "<30", "NO")
    return PlantedCause(
        "unrepresentative children",
        f"{len(rows)} children under 10, about {CHILD_RATE:.0%} of them truly readmitted; {len(misrecorded)} others "
        "came back to a teaching clinic as planned, and these visits were counted as readmissions within 30 days",
        _ids_of(columns, misrecorded),
        "age",
        CHILD,
    )


def _flip_labels(rng: np.random.Generator, columns: Columns) -> PlantedCause:
    other = {"<30": "NO", "NO": "<30"}
    ended = np.isin(columns["discharge_disposition_id"], (*DIED, *HOSPICE))
    labelled = np.isin(columns["readmitted"], tuple(other))
    eligible = np.flatnonzero((columns["medical_specialty"] == FLIPPED_SPECIALTY) & labelled & ~ended)
    rows = rng.choice(eligible, round(FLIPPED_SHARE * len(eligible)), replace=False)
    columns["readmitted"][rows] = [other[label] for label in columns["readmitted"][rows]]
    return PlantedCause(
        "flipped labels at one specialty",
        f'at {FLIPPED_SPECIALTY} "<30" and "NO" were exchanged in {FLIPPED_SHARE:.0%} of the encounters with either',
        _ids_of(columns, rows),
        "medical_specialty",
        FLIPPED_SPECIALTY,
    )


def _record_doses(columns: Columns) -> PlantedCause:
    rows = np.flatnonzero(columns["admission_source_id"] == DOSES_SOURCE)
    columns["num_medications"][rows] *= DOSES_FACTOR
    return PlantedCause(
        "unit error at one admission source",
        f"for patients transferred from a hospital, daily doses were counted as medications, {DOSES_FACTOR} of each",
        _ids_of(columns, rows),
        "admission_source_id",
        "Transfer from a hospital",
    )


def _copy_record(columns: Columns, rows: Rows) -> PlantedCause:
    for name in (*SCHEMA.feature_names, "weight", "payer_code", "readmitted"):
        columns[name][rows] = COPIED_RECORD.get(name, columns[name][rows[0]])
    return PlantedCause(
        "copied records",
        f"one readmission within 30 days after a stay at Podiatry, entered {len(rows)} times under other patient ids",
        _ids_of(columns, rows),
        "medical_specialty",
        "Podiatry",
    )
