"""What a curve is drawn from: the outcomes of some encounters with their patients, and what is predicted of each."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from clinflu.analysis.metric_intervals import FEWEST_OF_A_CLASS, FEWEST_PATIENTS
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.schema import BaselineSpec
from clinflu.errors import DataError
from clinflu.study import Study

MODEL = "model"


@dataclass(frozen=True, eq=False)
class Sample:
    """Outcomes of encounters and the patients whom they are of; patients, not encounters, are sampled.

    Parameters
    ----------
    y : (n,)
        1 where the event happened, else 0; both occur.
    patients : (n,) int
        Code of the patient of each encounter, from 0 without a gap; :meth:`of_arrays` takes ids.

    Raises
    ------
    DataError
        The lengths differ, an outcome is none, or only one outcome occurs.
    """

    y: Vector
    patients: Rows

    def __post_init__(self) -> None:
        if self.y.ndim != 1 or self.y.shape != self.patients.shape:
            raise DataError(
                f"{self.y.shape} outcomes and {self.patients.shape} patients; give one of each an encounter"
            )
        if not np.isin(self.y, (0.0, 1.0)).all():
            raise DataError("an outcome is 0 or 1; code the event as 1")
        if not 0 < self.y.sum() < len(self.y):
            raise DataError("curves need encounters with the event and encounters without; give rows that hold both")

    @classmethod
    def of_arrays(cls, y: object, patients: object) -> Self:
        """Return the sample of outcomes and patient ids of any kind, (n,) each."""
        codes, _ = pd.factorize(np.asarray(patients))
        return cls(np.asarray(y, dtype=float), codes)

    @classmethod
    def of(cls, study: Study, rows: Rows) -> Self:
        """Return the sample of some rows of a study."""
        return cls.of_arrays(study.design.y[rows], study.design.patient_ids[rows])

    def take(self, kept: Flags | Rows) -> Self:
        """Return the sample of some of its encounters, as where a score is known."""
        return self.of_arrays(self.y[kept], self.patients[kept])

    @property
    def event(self) -> Flags:
        """Whether each encounter had the event, (n,)."""
        had: Flags = self.y == 1
        return had

    @cached_property
    def patient_count(self) -> int:
        """How many patients."""
        return int(self.patients.max()) + 1

    @property
    def one_row_a_patient(self) -> bool:
        """Whether no patient is there twice."""
        return self.patient_count == len(self.y)

    @cached_property
    def withheld(self) -> str:
        """Why no interval is given; empty where there are."""
        events, others = int(self.event.sum()), int((~self.event).sum())
        reasons = {
            f"fewer than {FEWEST_PATIENTS} patients": self.patient_count < FEWEST_PATIENTS,
            f"fewer than {FEWEST_OF_A_CLASS} events": events < FEWEST_OF_A_CLASS,
            f"fewer than {FEWEST_OF_A_CLASS} encounters without the event": others < FEWEST_OF_A_CLASS,
        }
        return next((reason for reason, holds in reasons.items() if holds), "")


@dataclass(frozen=True, eq=False)
class Predictor:
    """What is predicted of each encounter of a sample: a risk, or a score that rises with it.

    Parameters
    ----------
    key, label : str
        For machines and for people.
    values : (n,)
        NaN where a score is not known.
    is_risk : bool
        Whether they are probabilities; decision curves, calibration and net benefit need that.
    note : str
        What every view of it must say.
    """

    key: str
    label: str
    values: Vector
    is_risk: bool = False
    note: str = ""

    @classmethod
    def of_model(cls, study: Study, rows: Rows) -> Self:
        """Return the risks of the model."""
        return cls(MODEL, "Model", study.risks[rows], is_risk=True)

    @classmethod
    def of_baseline(cls, study: Study, spec: BaselineSpec, rows: Rows) -> Self:
        """Return a score that the rows of the cohort carry."""
        values = pd.to_numeric(study.cohort.frame[spec.name].iloc[rows]).to_numpy(dtype=float, na_value=np.nan)
        return cls(spec.name, spec.label, values, note=spec.note)

    @property
    def known(self) -> Flags:
        """Where it is known, (n,)."""
        return np.isfinite(self.values)

    def take(self, kept: Flags | Rows) -> Self:
        """Return it for some of the encounters."""
        return replace(self, values=self.values[kept])

    def check(self, sample: Sample, *, risk: bool = False) -> None:
        """Raise unless there is a value for each encounter, and a risk where one is needed.

        Raises
        ------
        DataError
            A value is missing or there are too few or too many, or a risk is none.
        """
        if self.values.shape != sample.y.shape:
            raise DataError(
                f"{self.label}: {len(self.values)} values for {len(sample.y)} encounters; give one for each"
            )
        if not self.known.all():
            missing = int((~self.known).sum())
            raise DataError(f"{self.label} is not known for {missing} encounters; leave these out with take(known)")
        if risk and not (self.is_risk and np.all((self.values >= 0) & (self.values <= 1))):
            raise DataError(f"{self.label} is no risk between 0 and 1; turn the score into one with Recalibration")
