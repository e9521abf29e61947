"""What is compared on the audited encounters: the model, and the scores that the source brings."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows, Vector
from clinflu.errors import FitError
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

MODEL = "model"


@dataclass(frozen=True, eq=False)
class Predictor:
    """A way to order patients and to give each a risk.

    Parameters
    ----------
    key, label : str
    value : (n,)
        By which patients are ordered: the model's risk, or the points of a score.
    risk : (n,)
        Share of 1; of a score, from a logistic regression of the outcome on its points in the training encounters.
    note : str
        What the reader must know about it.
    """

    key: str
    label: str
    value: Vector
    risk: Vector
    note: str = ""


@dataclass(frozen=True, eq=False)
class Judgement:
    """The encounters on which predictors are compared.

    Parameters
    ----------
    y : (n,)
    patients : (n,) int
        Code of the patient of each.
    predictors : tuple of Predictor
        The model first.
    """

    y: Vector
    patients: Rows
    predictors: tuple[Predictor, ...]

    @property
    def model(self) -> Predictor:
        """The model."""
        return self.predictors[0]


def judgement(study: Study) -> Judgement:
    """Return the model and the baseline scores of the cohort on the audited encounters.

    An unknown score counts as the median of the training encounters.
    """
    rows = study.split.audited
    patients, _ = pd.factorize(study.design.patient_ids[rows])
    model = Predictor(MODEL, "This model", study.risks[rows], study.risks[rows])
    scores = (_score(study, spec.name, spec.label, spec.note) for spec in study.cohort.schema.baselines)
    return Judgement(study.design.y[rows], patients, (model, *(one for one in scores if one is not None)))


def _score(study: Study, name: str, label: str, note: str) -> Predictor | None:
    """Return a score; None where it tells nobody apart in training."""
    points = study.cohort.frame[name].to_numpy(dtype=float, na_value=np.nan)
    train = study.split.train
    known = points[train][np.isfinite(points[train])]
    if not len(known) or known.min() == known.max():
        return None
    points = np.where(np.isfinite(points), points, np.median(known))
    x = np.column_stack([np.ones(len(train)), points[train]])
    try:
        theta = fit_logistic(x, study.design.y[train], np.ones(len(train)), np.zeros(2)).theta
    except FitError:
        return None
    rows = study.split.audited
    return Predictor(name, label, points[rows], risk(theta[0] + theta[1] * points[rows]), note)
