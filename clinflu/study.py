"""A study: a cohort, its encoder and split, and the model fitted on the training rows. Frozen."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from clinflu.data import Cohort, Design, Encoder, Split, split_by_patient
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.design import INTERCEPT
from clinflu.errors import FitError
from clinflu.influence.training import TrainingRows
from clinflu.influence.trust import Trust, assess, require_trust
from clinflu.model.base import FittedModel
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic

DEFAULT_PENALTY = 1.0
ALERT_PERCENTILE = 90.0


@dataclass(frozen=True)
class Study:
    """Everything that an analysis may read.

    Parameters
    ----------
    cohort : Cohort
    design : Design
        All rows of the cohort, encoded as the training rows taught.
    model : FittedModel
        Fitted on the training rows.
    split : Split
        Rows for training, auditing and confirming.
    seed : int
        Of the split.
    encoder : Encoder, optional
        Absent where an adopted model brought its own columns.
    notes : tuple of str
        What every view must say about the model, such as how it was adopted.
    """

    cohort: Cohort
    design: Design
    model: FittedModel
    split: Split
    seed: int
    encoder: Encoder | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, cohort: Cohort, penalty: float = DEFAULT_PENALTY, seed: int = 0) -> Self:
        """Split by patient, learn the encoder on the training rows and fit the model.

        Parameters
        ----------
        cohort : Cohort
        penalty : float
            L2 penalty on the summed loss, the same for every column but the intercept, which is free. Numeric
            columns are standardised, level columns are 0 or 1.
        seed : int
            Of the split.

        Raises
        ------
        FitError
            Its kinds say why no model can be fitted.
        """
        if not np.isfinite(penalty) or penalty < 0:
            raise FitError(f"a penalty of {penalty} makes no sense; give 0 or a positive number (the default is 1.0)")
        split = split_by_patient(cohort.patients, seed)
        encoder = Encoder.learn(cohort.frame.iloc[split.train], cohort.schema)
        design = encoder.design(cohort)
        train = design.take(split.train)
        model = fit_logistic(train.x, train.y, train.weights, penalty_vector(design, penalty))
        return cls(cohort, design, model, split, seed, encoder)

    @cached_property
    def train(self) -> TrainingRows:
        """The model at its training rows."""
        rows = self.split.train
        codes, _ = pd.factorize(self.design.patient_ids[rows])
        return TrainingRows(self.model, self.design.x[rows], self.design.y[rows], self.design.weights[rows], codes)

    @cached_property
    def trust(self) -> Trust:
        """Whether influence computed from the fit means anything."""
        return assess(self.train)

    def require_trust(self) -> None:
        """Raise if it does not.

        Raises
        ------
        TrustError
            With every reason.
        """
        require_trust(self.trust)

    @cached_property
    def margins(self) -> Vector:
        """Log-odds of every row of the cohort, (N,)."""
        margins: Vector = self.design.x @ self.model.theta
        return margins

    @cached_property
    def risks(self) -> Vector:
        """Predicted risk of every row of the cohort, (N,)."""
        return risk(self.margins)

    @cached_property
    def threshold(self) -> float:
        """Alert threshold: the 90th percentile of the training risks."""
        return float(np.percentile(self.risks[self.split.train], ALERT_PERCENTILE))

    @cached_property
    def unseen(self) -> dict[str, dict[str, int]]:
        """By variable and level, how many encounters hold a level that training never saw."""
        return self.encoder.unseen(self.cohort.frame) if self.encoder else {}

    @property
    def train_ids(self) -> pd.Index:
        """Encounter ids of the training rows, in their order."""
        return self.design.encounter_ids[self.split.train]

    @cached_property
    def train_frame(self) -> pd.DataFrame:
        """Recorded values of the training rows, in their order."""
        return self.cohort.frame.iloc[self.split.train]

    def row(self, encounter_id: str) -> int:
        """Return the row number of an encounter, or raise DataError."""
        return self.cohort.position(encounter_id)

    def x(self, encounter_id: str) -> Vector:
        """Return the encoded row of an encounter, (p,)."""
        row: Vector = self.design.x[self.row(encounter_id)]
        return row

    def training_positions(self, encounter_ids: "list[str] | pd.Index") -> Rows:
        """Return where these encounters stand among the training rows; -1 where they are not there."""
        positions: Rows = self.train_ids.get_indexer(pd.Index([str(name) for name in encounter_ids]))
        return positions


def penalty_vector(design: Design, penalty: float) -> Matrix:
    """Return the penalty of each column: the same for all but the intercept, which is free."""
    return np.array([0.0 if column == INTERCEPT else penalty for column in design.columns])
