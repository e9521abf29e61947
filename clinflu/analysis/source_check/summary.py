"""How much a source holds."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.source_check.coded import patient_codes
from clinflu.data.cohort import Cohort
from clinflu.influence.result import PERCENT

MANY = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))


@dataclass(frozen=True, slots=True)
class PatientsWith:
    """How many patients have so many encounters."""

    encounters: str
    patients: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a source; the years are None where it has no true dates."""

    encounters: int
    patients: int
    events: int
    event_rate_percent: float
    encounters_per_patient: float
    by_encounters: tuple[PatientsWith, ...]
    first_year: int | None
    last_year: int | None


def summary(cohort: Cohort) -> Summary:
    """Return how many encounters, patients and events there are, and from which years."""
    stays = np.bincount(patient_codes(cohort))
    years = [] if cohort.years is None else [int(year) for year in cohort.years.dropna().unique()]
    return Summary(
        encounters=len(cohort.frame),
        patients=len(stays),
        events=int(cohort.outcome.sum()),
        event_rate_percent=PERCENT * float(cohort.outcome.mean()),
        encounters_per_patient=len(cohort.frame) / len(stays),
        by_encounters=tuple(
            PatientsWith(_words(low, high), int(((stays >= low) & (stays <= (high or stays.max()))).sum()))
            for low, high in MANY
        ),
        first_year=min(years, default=None),
        last_year=max(years, default=None),
    )


def _words(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"
