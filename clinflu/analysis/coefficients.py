"""What the model says in general: odds ratios with their intervals."""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clinflu.data.arrays import Vector
from clinflu.errors import DataError
from clinflu.influence.interval import model_covariance
from clinflu.study import Study

UNPENALISED = "maximum likelihood"
PENALISED = "penalised fit: sampling error only, shrinkage not included"


def coefficients(study: Study, level: float = 0.95) -> pd.DataFrame:
    """Return each coefficient with its odds ratio and Wald interval.

    Parameters
    ----------
    study : Study
    level : float
        Coverage aimed at.

    Returns
    -------
    DataFrame
        Index: column. ``coefficient`` and ``standard_error`` in log-odds as fitted; ``odds_ratio`` and its
        interval ``per``: one unit of the variable (one unit of log(1 + count) where counts enter so), or the level
        against the reference; ``interval`` says whether the fit was penalised.
    """
    require_odds_ratios(study)
    errors = np.sqrt(np.diagonal(model_covariance(study.train)))
    return odds_ratio_frame(study, errors, level).assign(
        interval=PENALISED if study.model.is_penalised else UNPENALISED
    )


def odds_ratio_frame(study: Study, errors: Vector, level: float) -> pd.DataFrame:
    """Return each coefficient with its odds ratio, and the interval that its standard error (p,) gives.

    Raises
    ------
    DataError
        The level is none, or the family has no odds ratios.
    """
    require_odds_ratios(study)
    if not 0 < level < 1:
        raise DataError("the level of an interval lies between 0 and 1; 0.95 is usual")
    steep = study.model.scale[1]
    theta, errors = steep * study.model.theta, steep * errors
    scale, per = recorded_units(study)
    reach = float(ndtri(0.5 + level / 2)) * errors
    return pd.DataFrame(
        {
            "variable": study.design.variables,
            "coefficient": theta,
            "standard_error": errors,
            "odds_ratio": np.exp(theta / scale),
            "odds_ratio_low": np.exp((theta - reach) / scale),
            "odds_ratio_high": np.exp((theta + reach) / scale),
            "per": per,
        },
        index=pd.Index(study.design.columns, name="column"),
    )


def require_odds_ratios(study: Study) -> None:
    """Raise where no variable has an odds ratio.

    Raises
    ------
    DataError
        The family keeps no coefficient for each column.
    """
    if not study.model.of_margin.keeps_columns:
        raise DataError(
            f"a {study.model.family} model has no odds ratios: what a variable does depends on all others; look at "
            "single predictions, or fit a logistic model"
        )


def recorded_units(study: Study) -> tuple[np.ndarray, list[str]]:
    """Return by what each coefficient is divided to speak of one recorded unit, and that unit in words."""
    if study.encoder is None:
        return np.ones(len(study.design.columns)), ["column as the adopted model has it"] * len(study.design.columns)
    scales, words = [], []
    for column in study.encoder.columns:
        scales.append(column.scale)
        if column.kind == "intercept":
            words.append("baseline odds")
        elif column.kind == "level":
            words.append(f"{column.level} against {study.encoder.references.get(column.variable, 'recorded')}")
        elif column.kind == "code":
            words.append(f"{column.level} against without")
        else:
            spec = study.cohort.schema.feature(column.variable)
            words.append(f"log(1 + {spec.unit or 'count'})" if spec.log1p else f"1 {spec.unit or 'unit'}")
    return np.array(scales), words
