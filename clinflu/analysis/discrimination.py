"""How well the model tells patients who come back from those who do not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data import Encoder
from clinflu.data.arrays import Vector
from clinflu.model.logistic import risk
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
    splits = splitter.split(study.design.x, study.design.y, patients)
    values = []
    for train, test in splits:
        values.append(roc_auc_score(study.design.y[test], _risks_after(study, train, test)))
        progress(len(values), folds)
    unseen = not np.isin(rows, study.split.train).any()
    audited = float(roc_auc_score(study.design.y[rows], study.risks[rows])) if unseen else np.nan
    return Discrimination(audited, np.array(values))


def _risks_after(study: Study, train: np.ndarray, test: np.ndarray) -> Vector:
    """Fit on some rows and return the risks of others; an adopted model keeps its own columns."""
    family, y, weights = study.model.of_margin, study.design.y[train], study.design.weights[train]
    if study.encoder is None:
        x, x_test, penalty = study.design.x[train], study.design.x[test], study.model.penalty
    else:
        frame = study.cohort.frame
        encoder = Encoder.learn(frame.iloc[train], study.cohort.schema)
        x, x_test = encoder.encode(frame.iloc[train]), encoder.encode(frame.iloc[test])
        penalty = family.penalties(x.shape[1], study.penalty, has_intercept=True)
    return risk(study.model.as_log_odds(family.margin(family.fit(x, y, weights, penalty).theta, x_test)))
