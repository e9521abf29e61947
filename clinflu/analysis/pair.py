"""Past encounters and one prediction: which recorded features make the one matter to the other."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import list_of_ids
from clinflu.errors import DataError
from clinflu.influence.decomposition import effect_decomposition, group_effect_decomposition
from clinflu.influence.perturbation import perturbation_influence
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.removal import exact_risk_change
from clinflu.influence.result import PERCENT
from clinflu.study import Study


@dataclass(frozen=True, repr=False)
class GroupDecomposition:
    """The effect of removing past encounters together, split over (audited variable x past variable).

    Parameters
    ----------
    encounter_id : str
    encounters : tuple of str
        The past encounters, each once, in the order of the training rows.
    margin : float
        The audited log-odds.
    newton : DataFrame, log-odds
        Rows: variables of the audited encounter; columns: variables of the past ones. The cells add up to the
        margin change of one Newton step without the group: an estimate.
    margin_change_refit : float, log-odds
        What really happens; NaN where the model without them has no finite fit.
    """

    encounter_id: str
    encounters: tuple[str, ...]
    margin: float
    newton: pd.DataFrame
    margin_change_refit: float

    def __repr__(self) -> str:
        return (
            f"GroupDecomposition: without {len(self.encounters):,} past encounter(s) the log-odds change by "
            f"{self.margin_change_newton:+.3g} (one Newton step), {self.margin_change_refit:+.3g} (refitted)\n"
            "see .newton, .refit, .risk_pp"
        )

    @property
    def margin_change_newton(self) -> float:
        """The estimate that the cells of ``newton`` add up to, log-odds."""
        return float(self.newton.to_numpy().sum())

    @property
    def risk_change_refit_pp(self) -> float:
        """What really happens to the risk, percentage points."""
        return PERCENT * float(exact_risk_change(self.margin, np.array([self.margin_change_refit]))[0])

    @property
    def refit(self) -> pd.DataFrame:
        """The cells scaled so that they add up to the refit's margin change, log-odds.

        NaN where the refit does not exist, or goes the other way than the estimate: then the cells explain nothing.
        """
        return self.newton * self._times(self.margin_change_refit)

    @property
    def risk_pp(self) -> pd.DataFrame:
        """The cells scaled so that they add up to the refit's change of risk, percentage points; NaN as ``refit``."""
        return self.newton * self._times(self.risk_change_refit_pp)

    def _times(self, change: float) -> float:
        """Return the factor that turns the estimate into a change of the same sign; NaN where there is none."""
        estimate = self.margin_change_newton
        return change / estimate if change * estimate > 0 else np.nan


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
    position = _position(study, past_encounter_id)
    parts = effect_decomposition(study.train, position, study.x(encounter_id), centred=study.design.has_intercept)
    return _folded(study, parts)


def group_decomposition(study: Study, encounter_id: str, encounters: Iterable[str]) -> GroupDecomposition:
    """Split the effect of removing past encounters together over recorded variables, beside the refit.

    Parameters
    ----------
    study : Study
    encounter_id : str
        The audited encounter.
    encounters : iterable of str
        Training encounters; a single one gives the cells of :func:`decomposition`.

    Raises
    ------
    DataError
        No such encounter, none at all, or one that did not teach the model.
    SingularHessianError
        What is left does not determine the model.
    """
    study.require_trust()
    rows = _positions(study, encounters)
    x = study.x(encounter_id)
    parts = group_effect_decomposition(study.train, rows, x, centred=study.design.has_intercept)
    refitted = refit_each_or_nan(study.train, [Change.removal(study.train, rows)])[0]
    return GroupDecomposition(
        encounter_id=str(encounter_id),
        encounters=tuple(study.train_ids[rows]),
        margin=study.model.log_odds_of(x),
        newton=_folded(study, parts),
        margin_change_refit=study.model.log_odds_change(x, refitted.theta),
    )


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


def _folded(study: Study, parts: Matrix) -> pd.DataFrame:
    """Add up the cells of the columns of each recorded variable."""
    design = study.design
    names = pd.Index(design.variable_names)
    return pd.DataFrame(design.fold(design.fold(parts).T).T, names.rename("audited"), names.rename("past"))


def _positions(study: Study, encounters: Iterable[str]) -> Rows:
    positions = study.training_positions(list_of_ids(encounters))
    if not len(positions):
        raise DataError("no past encounter was given; name at least one training encounter")
    if (positions < 0).any():
        raise DataError(
            f"{int((positions < 0).sum())} of the encounters did not teach the model: they are not among the training "
            "encounters"
        )
    return np.unique(positions)


def _position(study: Study, past_encounter_id: str) -> int:
    position = int(study.training_positions([past_encounter_id])[0])
    if position < 0:
        raise DataError("that encounter did not teach the model: it is not among the training encounters")
    return position
