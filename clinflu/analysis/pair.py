"""One past encounter and one prediction: which recorded features make the one matter to the other."""

import numpy as np
import pandas as pd

from clinflu.data.arrays import Vector
from clinflu.errors import DataError
from clinflu.influence.decomposition import effect_decomposition
from clinflu.influence.perturbation import perturbation_influence
from clinflu.study import Study


def decomposition(study: Study, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
    """Split the one-step effect of removing a past encounter over recorded variables.

    Parameters
    ----------
    study : Study
    encounter_id, past_encounter_id : str
        The audited encounter, and the training encounter.

    Returns
    -------
    DataFrame, log-odds
        Rows: variables of the audited encounter; columns: variables of the past one; both measured from the
        training mean where the model has an intercept. All cells add up to the margin change.

    Raises
    ------
    DataError
        No such encounter, or one that did not teach the model.
    """
    study.require_trust()
    design, position = study.design, _position(study, past_encounter_id)
    parts = effect_decomposition(study.train, position, study.x(encounter_id), centred=design.has_intercept)
    folded = design.fold(design.fold(parts).T).T
    names = pd.Index(design.variable_names)
    return pd.DataFrame(folded, names.rename("audited"), names.rename("past"))


def perturbation(study: Study, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
    """Return how the audited loss would react to a small change of each recorded number of a past encounter.

    Parameters
    ----------
    study : Study
    encounter_id, past_encounter_id : str
        The audited encounter, and the training encounter.

    Returns
    -------
    DataFrame
        One row for each numeric variable in the model: what was recorded, its unit, and the slope of the audited
        loss in nats for each recorded unit. Categories have no slope: to change one, refit.

    Raises
    ------
    DataError
        As for ``decomposition``; or the model was adopted with columns of its own.
    """
    study.require_trust()
    if study.encoder is None:
        raise DataError("an adopted model keeps its own columns, which have no recorded unit")
    position = _position(study, past_encounter_id)
    row = study.row(encounter_id)
    residual = float(study.design.y[row] - study.risks[row])
    slopes = perturbation_influence(study.train, study.design.x[row], residual, np.array([position]))[0]
    recorded = study.train_frame.iloc[position]
    chosen = [(place, column) for place, column in enumerate(study.encoder.columns) if column.kind == "number"]
    units = [study.cohort.schema.feature(column.variable) for _, column in chosen]
    values: Vector = np.array([recorded[spec.name] for spec in units], dtype=float)
    per_unit = [
        slopes[place] / column.scale / (1.0 + value if spec.log1p else 1.0)
        for (place, column), spec, value in zip(chosen, units, values, strict=True)
    ]
    return pd.DataFrame(
        {"recorded": values, "unit": [spec.unit for spec in units], "loss_slope_per_unit": per_unit},
        index=pd.Index([spec.name for spec in units], name="variable"),
    )


def _position(study: Study, past_encounter_id: str) -> int:
    position = int(study.training_positions([past_encounter_id])[0])
    if position < 0:
        raise DataError("that encounter did not teach the model: it is not among the training encounters")
    return position
