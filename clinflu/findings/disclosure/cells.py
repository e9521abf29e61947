"""The cells of the tables that a report may show: who is counted in each, and when a count may be seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows
from clinflu.study import Study

LARGEST_HIDDEN = 10  # ResDAC: cells of 1 to 10 are never shown nor derivable; 0 may be
OUTCOMES = (
    *("training with the event", "training without", "confirming with the event", "confirming without"),
    *("true alerts", "false alerts", "missed events", "true quiet"),
)
PARTS = ("training", "confirming", "audited")
PART_OF = (0, 0, 1, 1, 2, 2, 2, 2)
TRAINING = slice(0, 2)

Counts = np.ndarray  # (..., 8) int, by OUTCOMES


@dataclass(frozen=True, eq=False)
class Cells:
    """To which cell each encounter of the cohort belongs.

    Parameters
    ----------
    outcome : (N,) int
        Place in ``OUTCOMES``.
    patients : (N,) int
        Code of the patient.
    """

    outcome: Rows
    patients: Rows

    @classmethod
    def of(cls, study: Study, threshold: float) -> "Cells":
        """Return the cells of a study whose model alerts from this risk."""
        y, alert = study.design.y == 1, study.risks >= threshold
        outcome = np.empty(len(y), dtype=np.intp)
        for first, rows in ((0, study.split.train), (2, study.split.confirm)):
            outcome[rows] = np.where(y[rows], first, first + 1)
        rows = study.split.audited
        outcome[rows] = np.select([y[rows] & alert[rows], alert[rows], y[rows]], [4, 5, 6], 7)
        patients, _ = pd.factorize(study.design.patient_ids)
        return cls(outcome, patients)

    @cached_property
    def part(self) -> Rows:
        """Place in ``PARTS`` of each encounter."""
        found: Rows = np.array(PART_OF)[self.outcome]
        return found

    def by_level(self, codes: Rows, levels: int) -> Counts:
        """Return the counts of each level, (levels, 8)."""
        cells = len(OUTCOMES)
        return np.bincount(codes * cells + self.outcome, minlength=levels * cells).reshape(levels, cells)

    def patients_by_level(self, codes: Rows, levels: int) -> list[list[Rows]]:
        """Return the patients of each level in each part of the cohort."""
        pairs = pd.DataFrame({"level": codes, "part": self.part, "patient": self.patients}).drop_duplicates()
        found = {key: rows.to_numpy() for key, rows in pairs.groupby(["level", "part"])["patient"]}
        none = np.empty(0, dtype=np.intp)
        return [[found.get((level, part), none) for part in range(len(PARTS))] for level in range(levels)]


def encounters(counts: Counts) -> Counts:
    """Return the encounters of each part of the cohort, (..., 3), of counts by outcome, (..., 8)."""
    return np.stack([counts[..., np.array(PART_OF) == part].sum(axis=-1) for part in range(len(PARTS))], axis=-1)


def unsafe(counts: Counts) -> Flags:
    """Return, of (..., k) counts, whether any is one that may not be seen, (...)."""
    return np.asarray(((counts > 0) & (counts <= LARGEST_HIDDEN)).any(axis=-1))


def is_small(count: int) -> bool:
    """Whether a count may not be seen."""
    return 0 < count <= LARGEST_HIDDEN
