"""The hospital's own fitted model: taken over where it is the optimum on these rows, refitted where it is not."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clinflu.data import Cohort, Design, FeatureSpec, split_by_patient
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.code_sets import holding
from clinflu.data.design import INTERCEPT, MISSING
from clinflu.data.split import Split
from clinflu.errors import DataError, FitError
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic
from clinflu.study import Study, penalty_vector

SAME_RISK = 1e-6
AS_FED = "give a pipeline that takes the recorded variables as this cohort has them"


@dataclass(frozen=True, slots=True)
class Adoption:
    """How far the hospital's model is from the optimum of the objective that it claims.

    Parameters
    ----------
    rows : str
        ``"training"`` or ``"all"``: on which rows of the cohort it was checked.
    penalty : float
        L2 penalty on the summed loss.
    gradient_norm : float
        2-norm of the objective's gradient at the model as given, divided by the number of rows.
    theta_distance : float
        Largest difference of a coefficient between the model as given and its refit.
    risk_distance : float
        Largest difference of a predicted risk over these rows, a share of 1.
    """

    rows: str
    penalty: float
    gradient_norm: float
    theta_distance: float
    risk_distance: float

    @property
    def is_optimum(self) -> bool:
        """Whether no predicted risk differs by more than 1e-6, so that influence speaks of the model as given."""
        return self.risk_distance <= SAME_RISK

    def note(self) -> str:
        """Return what every view must say."""
        distance = (
            f"gradient {self.gradient_norm:.1e}, coefficients within {self.theta_distance:.1e} and risks within "
            f"{100 * self.risk_distance:.2g} percentage points of the refit, penalty {self.penalty:g}"
        )
        rows = "training rows" if self.rows == "training" else "rows of the whole cohort"
        if self.is_optimum:
            return f"The hospital's own model, verified to be the optimum on the {rows} ({distance})."
        return (
            f"Not the hospital's model itself: that is not the optimum on the {rows} ({distance}). What is traced is "
            "its refit there; fitted with a tighter tolerance, such as tol=1e-8, it can be traced itself."
        )


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A model as it came: its columns on the cohort's rows, and its coefficients on them."""

    x: Matrix
    theta: Vector
    columns: tuple[str, ...]
    variables: tuple[str, ...]
    penalty: float | None
    class_weight: Any = None


def adopt(cohort: Cohort, model: Any, penalty: float | None = None, seed: int = 0) -> tuple[Study, Adoption]:
    """Take over a fitted model.

    It is checked on the training rows of the split and, where it is not the optimum there, on all rows; the closer
    of the two is taken. A model fitted on the whole cohort is then audited on the rows that taught it, and says so.

    Parameters
    ----------
    cohort : Cohort
    model : fitted scikit-learn Pipeline or LogisticRegression, mapping, or path of a TOML file
        A pipeline ends in a binary logistic regression and takes the cohort's recorded variables. A mapping or
        TOML file holds ``intercept``, optionally ``penalty``, and a table ``coefficients``: names of numeric
        variables, per recorded unit, and ``"variable=level"``.
    penalty : float, optional
        L2 penalty on the summed loss that it was fitted with; by default what the model itself says.
    seed : int
        Of the split.

    Returns
    -------
    study : Study
        Always of a model at its optimum.
    adoption : Adoption
        How far the model as given was from it.

    Raises
    ------
    DataError, FitError
        A model that this cohort cannot feed, or that is no logistic regression.
    """
    given = _from_sklearn(cohort, model) if hasattr(model, "predict_proba") else _from_coefficients(cohort, model)
    strength = given.penalty if penalty is None else penalty
    if strength is None:
        raise DataError("the model does not say which penalty it was fitted with; give penalty=... (0 for none)")
    design = _design(cohort, given)
    split = split_by_patient(cohort.patients, seed)
    everything = np.arange(len(cohort.frame))
    found = _compared(design, given, strength, split.train, "training")
    if isinstance(found, FitError) or not found[2].is_optimum:
        whole = _compared(design, given, strength, everything, "all")
        if not isinstance(whole, FitError) and (isinstance(found, FitError) or _closer(whole[2], found[2])):
            found, split = whole, Split(everything, everything, everything)
    if isinstance(found, FitError):
        raise found
    chosen, refitted, adoption = found
    notes: tuple[str, ...] = (adoption.note(),)
    if adoption.rows == "all":
        notes += ("It was fitted on all rows, so each audited patient is also one of its teachers.",)
    return Study(cohort, chosen, refitted, split, seed, None, notes), adoption


def _closer(one: Adoption, other: Adoption) -> bool:
    return one.risk_distance < other.risk_distance


def _compared(
    design: Design, given: GivenModel, penalty: float, rows: Rows, name: str
) -> "tuple[Design, Any, Adoption] | FitError":
    """Return the comparison on these rows, or why they cannot be fitted."""
    try:
        return _compare(design, given, penalty, rows, name)
    except FitError as error:
        return error


def _compare(
    design: Design, given: GivenModel, penalty: float, rows: Rows, name: str
) -> "tuple[Design, Any, Adoption]":
    """Refit on these rows from the model as given, and measure how far the two are apart."""
    weighted = _weighted(design, given.class_weight, rows)
    train = weighted.take(rows)
    strengths = penalty_vector(design, penalty)
    refitted = fit_logistic(train.x, train.y, train.weights, strengths, start=given.theta)
    before, after = risk(train.x @ given.theta), risk(train.x @ refitted.theta)
    gradient = (train.weights * (before - train.y)) @ train.x + strengths * given.theta
    return (
        weighted,
        refitted,
        Adoption(
            name,
            penalty,
            float(np.linalg.norm(gradient)) / len(rows),
            float(np.abs(refitted.theta - given.theta).max()),
            float(np.abs(after - before).max()),
        ),
    )


def _weighted(design: Design, class_weight: Any, rows: Rows) -> Design:
    """Return the design with the weights that scikit-learn's class_weight gives on these rows."""
    if class_weight is None:
        return design
    from sklearn.utils.class_weight import compute_class_weight

    try:
        low, high = compute_class_weight(class_weight, classes=np.array([0.0, 1.0]), y=design.y[rows])
    except ValueError:
        raise DataError("the model's class weights do not name 0 and 1; give class_weight={0: ..., 1: ...}") from None
    weights = np.where(design.y == 1, high, low)
    return Design(
        design.x, design.y, weights, design.columns, design.variables, design.encounter_ids, design.patient_ids
    )


def _design(cohort: Cohort, given: GivenModel) -> Design:
    if not np.isfinite(given.x).all():
        raise DataError("the model turns some rows into missing or infinite values; let its pipeline impute them")
    return Design(
        x=given.x,
        y=cohort.outcome.to_numpy(dtype=float),
        weights=np.ones(len(given.x)),
        columns=given.columns,
        variables=given.variables,
        encounter_ids=cohort.frame.index,
        patient_ids=pd.Index(cohort.patients),
    )


def _from_sklearn(cohort: Cohort, model: Any) -> GivenModel:
    final = model[-1] if hasattr(model, "steps") else model
    needed = all(hasattr(final, name) for name in ("coef_", "intercept_", "fit_intercept"))
    if not needed or len(getattr(final, "classes_", ())) != 2 or np.shape(final.coef_)[0] != 1:
        raise DataError("the model is not a fitted binary logistic regression, nor a pipeline that ends in one")
    if not np.array_equal(final.classes_, [0, 1]):
        raise DataError("the model was fitted to other labels; fit it to an outcome of 0 and 1, where 1 is the event")
    frame = cohort.frame
    wanted = list(getattr(model, "feature_names_in_", cohort.schema.feature_names))
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise DataError(
            f"the cohort lacks the model's variables {', '.join(map(str, absent))}; use the loader it was fitted on"
        )
    x, columns = _transformed(model, frame[wanted])
    theta = np.ravel(final.coef_).astype(float)
    if theta.shape != (x.shape[1],):
        raise DataError(f"the model has {len(theta)} coefficients for {x.shape[1]} columns of this cohort; {AS_FED}")
    if final.fit_intercept:
        x, theta = np.column_stack([np.ones(len(x)), x]), np.append(np.ravel(final.intercept_), theta)
        columns = (INTERCEPT, *columns)
    names = tuple(str(column) for column in columns)
    variables = tuple(_variable_of(name, cohort.schema.feature_names) for name in names)
    _refuse_baselines(names, cohort)
    return GivenModel(x, theta, names, variables, _penalty_of(final), getattr(final, "class_weight", None))


def _refuse_baselines(columns: tuple[str, ...], cohort: Cohort) -> None:
    """Raise if a column comes from a score that the cohort holds only to compare the model with."""
    known = (*cohort.schema.feature_names, *cohort.schema.baseline_names)
    used = sorted({_variable_of(name, known) for name in columns} & set(cohort.schema.baseline_names))
    if used:
        raise DataError(
            f"the model uses {', '.join(used)}, which the cohort holds only to compare the model with; make it a "
            "feature of the cohort instead"
        )


def _transformed(model: Any, frame: pd.DataFrame) -> tuple[Matrix, tuple[Any, ...]]:
    """Return the columns on which the last step of a model works, and their names."""
    x, columns = frame, tuple(frame.columns)
    try:
        if hasattr(model, "steps") and len(model.steps) > 1:
            x, columns = model[:-1].transform(frame), tuple(model[:-1].get_feature_names_out())
        return np.asarray(x.toarray() if hasattr(x, "toarray") else x, dtype=float), columns
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # whose message may hold a recorded value
        kind = type(error).__name__
        raise DataError(f"the model cannot turn the cohort's variables into its columns ({kind}); {AS_FED}") from None


def _penalty_of(final: Any) -> float | None:
    """Return the L2 penalty on the summed loss that an estimator claims."""
    if hasattr(final, "C"):
        ratio = getattr(final, "l1_ratio", 0) or 0
        if ratio != 0 or getattr(final, "penalty", "l2") in ("l1", "elasticnet"):
            raise FitError("the model has an L1 penalty; influence needs a smooth objective: fit it with L2, or none")
        return 0.0 if getattr(final, "penalty", "l2") is None or np.isinf(final.C) else 1.0 / float(final.C)
    claimed = getattr(final, "penalty", None)
    return float(claimed) if isinstance(claimed, int | float) else None


def _variable_of(column: str, variables: tuple[str, ...]) -> str:
    """Return the recorded variable that a pipeline's column comes from, by name; itself where none matches."""
    steps = column.split("__")
    for plain in ("__".join(steps[first:]).removeprefix("missingindicator_") for first in range(len(steps))):
        found = [name for name in variables if plain == name or plain.startswith((f"{name}_", f"{name}="))]
        if found:
            return max(found, key=len)
    return column.split("__", 1)[-1]


def _from_coefficients(cohort: Cohort, model: Any) -> GivenModel:
    described = model if isinstance(model, Mapping) else _read_toml(model)
    table = described.get("coefficients")
    if not isinstance(table, Mapping) or not table:
        raise DataError("the model needs a table [coefficients] of names and numbers; see the README")
    numbers = {INTERCEPT: described.get("intercept", 0.0), **table}
    wrong = [name for name, value in numbers.items() if not _is_number(value)]
    if wrong:
        raise DataError(f"the coefficients of {', '.join(wrong)} are not numbers; write them as 0.12")
    columns = [_column(cohort, name) for name in table]
    x, theta = np.column_stack(columns), np.array(list(table.values()), dtype=float)
    names, variables = tuple(table), tuple(name.split("=", 1)[0] for name in table)
    if "intercept" in described:
        x, theta = np.column_stack([np.ones(len(x)), x]), np.append(float(described["intercept"]), theta)
        names, variables = (INTERCEPT, *names), (INTERCEPT, *variables)
    penalty = described.get("penalty")
    if penalty is not None and not _is_number(penalty):
        raise DataError("the model's penalty is not a number; write it as 1.0, and 0 for none")
    return GivenModel(x, theta, names, variables, None if penalty is None else float(penalty))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _read_toml(path: Any) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, TypeError, UnicodeDecodeError):
        raise DataError("the model is neither a fitted pipeline nor the path of a readable TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{Path(path).name} is not valid TOML: {error}; correct it and try again") from None


def _column(cohort: Cohort, name: str) -> Vector:
    variable, _, level = name.partition("=")
    spec = cohort.schema.feature(variable)
    values = cohort.frame[variable]
    if spec.is_number == bool(level):
        wanted = f'"{variable}"' if spec.is_number else f'"{variable}={"level" if spec.is_category else "code"}"'
        raise DataError(f"the coefficient of {variable!r} must be named {wanted}")
    if spec.is_codes:
        return _holding(values, spec, level)
    if spec.is_number:
        numbers: Vector = values.to_numpy(dtype=float, na_value=np.nan)
        return np.log1p(numbers) if spec.log1p else numbers
    recorded = (values == level).fillna(value=False)
    if level == MISSING:
        recorded |= values.isna()
    if level not in (spec.levels or ()) and not recorded.any():
        raise DataError(f"no encounter has the level of the coefficient {name!r}; check its spelling")
    indicator: Vector = recorded.to_numpy(dtype=float)
    return indicator


def _holding(values: pd.Series, spec: FeatureSpec, code: str) -> Vector:
    held: Vector = holding(values, spec, code).astype(float)
    if not held.any():
        raise DataError(f"no encounter holds the code of the coefficient '{spec.name}={code}'; check its spelling")
    return held
