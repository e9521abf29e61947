"""How well the model tells patients who come back from those who do not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data import Encoder
from clinflu.data.arrays import Vector
from clinflu.data.backends import Compact, Dense, Sparse
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.model.base import FittedModel
from clinflu.model.logistic import risk
from clinflu.model.passes import fit_in_passes
from clinflu.progress import Progress, silent
from clinflu.study import Study

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Discrimination:
    """AUROC on patients that the model has not seen.

    Parameters
    ----------
    audited : float
        Of the study's model on its audited encounters; NaN where they also taught it.
    folds : (k,)
        Of refits in k-fold cross-validation over the whole cohort, patients kept together, the encoder learned
        anew in each fold; an adopted model keeps its columns.
    """

    audited: float
    folds: Vector

    @property
    def mean(self) -> float:
        """Mean over the folds."""
        return float(self.folds.mean())


def discrimination(study: Study, folds: int = FOLDS, progress: Progress = silent) -> Discrimination:
    """Return the AUROC on the audited encounters and in cross-validation by patient.

    Parameters
    ----------
    study : Study
        Its penalty is used in every fold.
    folds : int
    progress : Progress
        Of how many folds are fitted.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(n_splits=folds, shuffle=True, random_state=study.seed)
    rows = study.split.audited
    patients, _ = pd.factorize(study.design.patient_ids, sort=True)
    splits = splitter.split(patients, study.design.y, patients)
    values = []
    for train, test in splits:
        values.append(roc_auc_score(study.design.y[test], _risks_after(study, train, test)))
        progress(len(values), folds)
    unseen = not np.isin(rows, study.split.train).any()
    audited = float(roc_auc_score(study.design.y[rows], study.risks[rows])) if unseen else np.nan
    return Discrimination(audited, np.array(values))


def _risks_after(study: Study, train: np.ndarray, test: np.ndarray) -> Vector:
    """Fit on some rows and return the risks of others; an adopted model keeps its own columns."""
    if study.encoder is None:
        x, x_test, penalty = study.design.x[train], study.design.x[test], study.model.penalty
    else:
        frame = study.cohort.frame
        encoder = Encoder.learn(frame.iloc[train], study.cohort.schema)
        x, x_test = (_encoded(study, encoder, frame.iloc[rows]) for rows in (train, test))
        penalty = study.model.of_margin.penalties(x.shape[1], study.penalty, has_intercept=True)
    fitted = _fitted(study, x, train, penalty)
    return risk(study.model.as_log_odds(fitted.margin(x_test)))


def _encoded(study: Study, encoder: Encoder, frame: pd.DataFrame) -> AnyMatrix:
    """Return rows by the columns of a fold, dense only where those of the study are."""
    x = study.design.x
    if not isinstance(x, DesignMatrix):
        return Dense().encode(encoder, frame)
    return (Compact() if x.in_blocks else Sparse()).encode(encoder, frame)


def _fitted(study: Study, x: AnyMatrix, rows: np.ndarray, penalty: Vector) -> FittedModel:
    y, weights = study.design.y[rows], study.design.weights[rows]
    if isinstance(x, DesignMatrix):
        return fit_in_passes(x, y, weights, penalty)
    return study.model.of_margin.fit(x, y, weights, penalty)
