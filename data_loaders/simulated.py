"""Invented encounters with the columns and the marginals of the UCI Diabetes table, and planted causes of error.

No row is of a real patient. Shares and rank correlations are those of the UCI Diabetes 130-US hospitals table
(UCI Machine Learning Repository, dataset 296, doi:10.24432/C5230J, CC BY 4.0; Strack et al. 2014,
doi:10.1155/2014/781670). The outcome follows the logistic models that ``NUMBER_EFFECTS`` and ``LEVEL_EFFECTS``
of :mod:`data_loaders.simulated_marginals` state; then :mod:`data_loaders.simulated_causes` plants four causes of
error, so that what an audit finds can be compared with the truth.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.data import Cohort, Exclusion, PlantedCause, Provenance
from clinflu.errors import LoaderError
from data_loaders.diabetes130 import MEDICATIONS, SIMULATED_MARK, cohort_from_raw
from data_loaders.simulated_causes import Counts, plant
from data_loaders.simulated_draws import Columns
from data_loaders.simulated_records import records, regimen
from data_loaders.tables.source import Source

ENCOUNTERS = (1_000, 101_766)
COLUMNS = (
    *("encounter_id", "patient_nbr", "race", "gender", "age", "weight", "admission_type_id"),
    *("discharge_disposition_id", "admission_source_id", "time_in_hospital", "payer_code", "medical_specialty"),
    *("num_lab_procedures", "num_procedures", "num_medications", "number_outpatient", "number_emergency"),
    *("number_inpatient", "diag_1", "diag_2", "diag_3", "number_diagnoses", "max_glu_serum", "A1Cresult"),
    *MEDICATIONS,
    *("change", "diabetesMed", "readmitted"),
)
PLANTING = 1  # the random stream of the causes, apart from that of the patients
MOST_PARTS = 10_000  # an id ends in the number of its part, so that those of all parts are in one order of time


def recognises(source: Source) -> bool:  # noqa: ARG001
    """Return False: invented patients are in no file."""
    return False


def load(source: Source | None = None) -> Cohort:
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
    return replace(cohort, planted=tuple(_within(cause, cohort.frame) for cause in causes))


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


@dataclass(frozen=True, slots=True, repr=False)
class SimulatedPart:
    """One part of a simulated table: its rows at risk, what was excluded and what was planted in it."""

    frame: pd.DataFrame
    exclusions: tuple[Exclusion, ...]
    planted: tuple[PlantedCause, ...]


def simulate_part(encounters: int, seed: int, part: int) -> SimulatedPart:
    """Return one part of a table of any number of parts: patients of its own, and its share of every planted cause.

    Parameters
    ----------
    encounters : int
        From 1,000 on.
    seed : int
        Of the table.
    part : int
        From 0 to 9,999. What a part holds depends on these three alone.
    """
    columns = records(np.random.default_rng([seed, part]), encounters)
    columns |= {name: columns[name] * MOST_PARTS + part for name in COLUMNS[:2]}
    causes = plant(np.random.default_rng([seed, part, PLANTING]), columns, Counts.of_part(encounters))
    columns |= regimen(columns)
    cohort = cohort_from_raw(_as_text(columns), Provenance("part", "", "simulated", encounters, simulated=True))
    return SimulatedPart(
        cohort.frame, cohort.provenance.exclusions, tuple(_within(cause, cohort.frame) for cause in causes)
    )


def _simulation(encounters: int, seed: int) -> tuple[pd.DataFrame, tuple[PlantedCause, ...]]:
    _check(encounters, seed)
    columns = records(np.random.default_rng(seed), encounters)
    causes = plant(np.random.default_rng([seed, PLANTING]), columns, Counts.of_table(encounters))
    columns |= regimen(columns)
    return _as_text(columns), causes


def _check(encounters: int, seed: int) -> None:
    smallest, largest = ENCOUNTERS
    if not smallest <= encounters <= largest:
        raise LoaderError(f"{encounters:,} encounters cannot be simulated; ask for {smallest:,} to {largest:,}")
    if seed < 0:
        raise LoaderError("the seed of a simulation cannot be negative; give 0 or a positive whole number")


def _within(cause: PlantedCause, frame: pd.DataFrame) -> PlantedCause:
    """Return the cause without the encounters that the cohort excludes."""
    return replace(cause, responsible=tuple(pd.Index(cause.responsible).intersection(frame.index)))


def _as_text(columns: Columns) -> pd.DataFrame:
    order = np.argsort(columns["encounter_id"])
    table = pd.DataFrame({name: pd.Series(columns[name][order]).astype("str") for name in COLUMNS})
    return table.assign(**{name: SIMULATED_MARK + table[name] for name in COLUMNS[:2]})
