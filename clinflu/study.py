"""A study: a cohort, its encoder and split, and the model fitted on the training rows. Frozen."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from clinflu.data import Cohort, Design, Encoder, Split, split_by_patient
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import check_number, in_words, is_whole
from clinflu.data.backends import AUTO, Backend, chosen_backend
from clinflu.data.digest import digest
from clinflu.data.levels import level_codes
from clinflu.data.matrix import DesignMatrix, whole
from clinflu.data.places import places_of
from clinflu.errors import DataError, FitError
from clinflu.influence.scale import scaled
from clinflu.influence.training import TrainingRows
from clinflu.influence.trust import Trust, assess, require_trust
from clinflu.model.base import FittedModel
from clinflu.model.family import chosen_family, content_of, family_notes
from clinflu.model.logistic import LOGISTIC, risk
from clinflu.model.margin import MarginFamily
from clinflu.model.metrics import auroc
from clinflu.model.passes import fit_in_passes, holding_note
from clinflu.model.wide import LARGEST_EXPLICIT
from clinflu.progress import Progress, silent

DEFAULT_PENALTY = 1.0
ALERT_PERCENTILE = 90.0
SAME_RISK = 1e-9
PERFECT_AUROC = 0.98


@dataclass(frozen=True, repr=False)
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

    @property
    def is_adopted(self) -> bool:
        """Whether the model came with its own columns."""
        return self.encoder is None

    @cached_property
    def judges_its_teachers(self) -> bool:
        """Whether audited encounters also taught the model, as where it was fitted on all rows before it came."""
        return bool(np.intersect1d(self.split.train, self.split.audited).size)

    def __repr__(self) -> str:
        provenance, split = self.cohort.provenance, self.split
        simulated = " (SIMULATED patients)" if provenance.simulated else ""
        return (
            f"Study of {provenance.source}{simulated}: {len(split.train):,} training, {len(split.audited):,} audited, "
            f"{len(split.confirm):,} confirming encounters; {len(self.design.columns)} columns; see .model, .trust"
        )

    @classmethod
    def fit(
        cls,
        cohort: Cohort,
        penalty: float = DEFAULT_PENALTY,
        seed: int = 0,
        family: str | MarginFamily = LOGISTIC.name,
        backend: str | Backend = AUTO,
        progress: Progress = silent,
    ) -> Self:
        """Split by patient, learn the encoder on the training rows and fit the model.

        Parameters
        ----------
        cohort : Cohort
        penalty : float
            L2 penalty on the summed loss, the same for every column but the intercept, which is free. Numeric
            columns are standardised, level columns are 0 or 1.
        seed : int
            Of the split.
        family : str or MarginFamily
            A name in ``FAMILIES``, or a family with options of its own.
        backend : str or Backend
            What holds the design matrix: a name in ``BACKENDS``, or one with options of its own; by default by size.
        progress : Progress
            Of the passes over the training rows, where they are many.

        Raises
        ------
        DataError
            What was given is no family, no cohort, no number or no seed.
        FitError
            Its kinds say why no model can be fitted.
        """
        if not isinstance(cohort, Cohort):
            raise DataError(f"give a Cohort, as load(...) returns it, not {in_words(cohort)}")
        form = chosen_family(family)
        penalty = check_number(penalty, "the penalty")
        if not is_whole(seed):
            raise DataError(f"the seed of the split must be a whole number of 0 or more, not {in_words(seed)}")
        seed = int(seed)
        if not np.isfinite(penalty) or penalty < 0:
            raise FitError(f"a penalty of {penalty} makes no sense; give 0 or a positive number (the default is 1.0)")
        split = split_by_patient(cohort.patients, seed)
        encoder = Encoder.learn(cohort.frame.iloc[split.train], cohort.schema)
        holder = chosen_backend(backend, len(cohort.frame), len(encoder.columns), encoder.most_codes)
        design = encoder.design(cohort, holder.encode(encoder, cohort.frame))
        train = design.take(split.train)
        if len(encoder.columns) > LARGEST_EXPLICIT:
            raise FitError(
                f"{len(encoder.columns):,} columns are more than the {LARGEST_EXPLICIT:,} whose Hessian an audit can "
                "hold; fold rare levels together (clinflu.model.wide fits them, and gives one influence at a time)"
            )
        if isinstance(train.x, DesignMatrix) and form.name == LOGISTIC.name:
            strengths = form.penalties(train.x.shape[1], penalty, has_intercept=design.has_intercept)
            model = fit_in_passes(train.x, train.y, train.weights, strengths, progress=progress)
            return cls(cohort, design, model, split, seed, encoder, (holding_note(train.x, model),))
        x = whole(train.x, form.title)
        form = form.learned(x)
        strengths = form.penalties(x.shape[1], penalty, has_intercept=design.has_intercept)
        model = form.fit(x, train.y, train.weights, strengths)
        if not form.has_log_odds:
            codes, _ = pd.factorize(train.patient_ids)
            model = scaled(TrainingRows(model, x, train.y, train.weights, codes.astype(np.intp)))
        return cls(cohort, design, model, split, seed, encoder, family_notes(model))

    @property
    def penalty(self) -> float:
        """L2 penalty on the summed loss of whatever is shrunk."""
        return float(self.model.penalty.max())

    @cached_property
    def train(self) -> TrainingRows:
        """The model at its training rows."""
        rows = self.split.train
        taught = self.design.take(rows)
        return TrainingRows(self.model, taught.x, taught.y, taught.weights, self.patients_of(rows))

    def patients_of(self, rows: Rows) -> Rows:
        """Return a code of the patient of each of these rows, (n,), from 0 in the order in which they come."""
        codes, _ = pd.factorize(self.patient_codes[rows])
        found: Rows = codes.astype(np.intp)
        return found

    @cached_property
    def patient_codes(self) -> Rows:
        """A code of the patient of every row of the cohort, (N,)."""
        codes, _ = pd.factorize(self.design.patient_ids)
        found: Rows = codes.astype(np.intp)
        return found

    @cached_property
    def audited_by_margin(self) -> Rows:
        """Row numbers of the audited encounters, in the order of their margins."""
        audited = self.split.audited
        found: Rows = audited[np.argsort(self.margins[audited], kind="stable")]
        return found

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the recorded rows, the design, the penalty, the split and the fit: equal studies have the same."""
        design, model, split = self.design, self.model, self.split
        encoded: tuple[object, ...] = (design.x,)
        ids: tuple[object, ...] = (design.encounter_ids, design.patient_ids)
        if self.encoder and isinstance(design.x, DesignMatrix):
            encoded, ids = self.encoder.content, ()  # the cohort's own rows and ids, whose hash is the first part
        return digest(
            *(self.cohort.content_hash, *encoded, design.y, design.weights, design.columns, design.variables),
            *(*ids, split.train, split.audited, split.confirm),
            *(model.family, model.penalty, model.theta, self.seed),
            *(() if model.is_logistic else (*content_of(model.of_margin), model.scale)),
        )

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

    def require_logistic(self, what: str) -> None:
        """Raise where something is worked out for logistic models alone.

        Raises
        ------
        DataError
            The model is of another family.
        """
        if not self.model.is_logistic:
            raise DataError(f"{what} is worked out for logistic models alone; audit one of the family 'logistic'")

    @cached_property
    def margins(self) -> Vector:
        """Log-odds of every row of the cohort, (N,)."""
        return self.model.log_odds(self.design.x)

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

    @cached_property
    def unseen_codes(self) -> dict[str, dict[str, int]]:
        """By set of codes and code, how many encounters hold a code that training never saw."""
        return self.encoder.unseen_codes(self.cohort.frame) if self.encoder else {}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the model as a whole, in words."""
        found = []
        if np.ptp(self.risks[self.split.train]) < SAME_RISK:
            found.append("The model gives every patient the same risk: no recorded variable tells them apart.")
        elif auroc(self.train.y, self.margins[self.split.train]) > PERFECT_AUROC:
            few = self.train.y.sum() < len(self.model.theta)
            found.append(
                "The model predicts its outcome almost perfectly: "
                + (
                    "it has more columns than events to learn from, so it knows them by heart."
                    if few
                    else "look for a variable that records the outcome."
                )
            )
        unused = [one.label for one in self.cohort.schema.features if one.name not in self.design.variables]
        if unused and self.encoder:
            found.append(f"Not in the model, because they do not vary in training: {', '.join(unused)}.")
        return tuple(found)

    @cached_property
    def train_ids(self) -> pd.Index:
        """Encounter ids of the training rows, in their order."""
        return self.design.encounter_ids[self.split.train]

    @cached_property
    def train_frame(self) -> pd.DataFrame:
        """Recorded values of the training rows, in their order."""
        return self.cohort.frame.iloc[self.split.train]

    @cached_property
    def subgroup_codes(self) -> dict[str, tuple[Rows, tuple[str, ...]]]:
        """By subgroup variable, the code of each training row, (n,), and the level of each code, ``"missing"`` too."""
        found = {}
        for name in self.cohort.schema.subgroups:
            found[name] = level_codes(self.train_frame[name])
        return found

    def row(self, encounter_id: str) -> int:
        """Return the row number of an encounter, or raise DataError."""
        return self.cohort.position(encounter_id)

    def x(self, encounter_id: str) -> Vector:
        """Return the encoded row of an encounter, (p,)."""
        row: Vector = self.design.x[self.row(encounter_id)]
        return row

    def training_positions(self, encounter_ids: "list[str] | pd.Index") -> Rows:
        """Return where these encounters stand among the training rows; -1 where they are not there."""
        return places_of(self.train_ids, [str(name) for name in encounter_ids])


def penalty_vector(design: Design, penalty: float) -> Matrix:
    """Return the penalty of each column: the same for all but the intercept, which is free."""
    strengths = np.full(len(design.columns), float(penalty))
    if design.has_intercept:
        strengths[0] = 0.0
    return strengths
