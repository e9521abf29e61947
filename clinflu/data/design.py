"""From recorded variables to the columns of the model, and back."""

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.code_sets import OTHER, SeenCodes, code_sets, encoded, learned
from clinflu.data.cohort import Cohort
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.data.schema import RESERVED, CohortSchema, FeatureSpec
from clinflu.errors import DataError, TooLargeError

INTERCEPT = RESERVED
MISSING = "missing"
LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the design matrix.

    Parameters
    ----------
    name : str
        ``"age=[0-10)"``, ``"time_in_hospital"``, ``"weight=missing"`` or ``"intercept"``.
    variable : str
        The recorded variable that it belongs to.
    kind : str
        ``"intercept"``, ``"number"`` (centred and scaled), ``"level"`` or ``"code"`` (0 or 1).
    level : str, optional
        The level that a column of kind ``"level"`` stands for; ``"missing"`` where the value is absent. The code of
        one of kind ``"code"``, ``"other codes"`` where it stands for all rare ones.
    center, scale : float
        A number enters as (value - center) / scale, after log(1 + value) where its feature says so; center is
        the training mean, which also stands for a missing or, in a level column, an unseen value.
    """

    name: str
    variable: str
    kind: Literal["intercept", "number", "level", "code"]
    level: str | None = None
    center: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True, repr=False)
class Design:
    """A design matrix whose rows and columns are still named.

    Parameters
    ----------
    x : (n, p) float64
        Column 0 is the intercept if there is one. A plain array, or a :class:`DesignMatrix` where the table is large.
    y : (n,) float64
        The outcome, 0 or 1.
    weights : (n,) float64
        Weight of each encounter in the loss.
    columns : tuple of str, (p,)
    variables : tuple of str, (p,)
        The recorded variable that each column belongs to.
    encounter_ids, patient_ids : Index, (n,)
    """

    x: AnyMatrix
    y: Vector
    weights: Vector
    columns: tuple[str, ...]
    variables: tuple[str, ...]
    encounter_ids: pd.Index
    patient_ids: pd.Index

    def __repr__(self) -> str:
        intercept = "with" if self.has_intercept else "without"
        return (
            f"Design: {len(self.x):,} encounters x {len(self.columns)} columns of {len(set(self.variables))} variables "
            f"{intercept} intercept; see .columns, .x, .y"
        )

    def take(self, rows: Rows) -> Self:
        """Return the design of these rows alone."""
        ids = self.encounter_ids[rows], self.patient_ids[rows]
        x = self.x.take(rows) if isinstance(self.x, DesignMatrix) else self.x[rows]
        return type(self)(x, self.y[rows], self.weights[rows], self.columns, self.variables, *ids)

    def rows(self, rows: Rows) -> Matrix:
        """Return some rows as a plain array, (k, p)."""
        return self.x.rows(rows) if isinstance(self.x, DesignMatrix) else self.x[rows]

    @property
    def has_intercept(self) -> bool:
        """Whether column 0 is the intercept."""
        return self.columns[0] == INTERCEPT

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The recorded variables, each once, in the order of their columns."""
        return tuple(dict.fromkeys(self.variables))

    def fold(self, values: Matrix) -> Matrix:
        """Add up the last axis, one value a column, over the columns of each recorded variable."""
        names = {name: place for place, name in enumerate(self.variable_names)}
        folding = np.zeros((len(self.columns), len(names)))
        folding[np.arange(len(self.columns)), [names[name] for name in self.variables]] = 1.0
        return values @ folding


@dataclass(frozen=True, slots=True)
class Encoder:
    """How recorded variables become columns; learned on the training rows, then frozen.

    The most common level of a category is its reference (``references``) and has no column. A missing value is a
    level of its own. A level that training never saw takes the training average of the columns: it says nothing.
    A variable that does not vary in training has no column at all. A set of codes has a column for each code that
    enough training encounters hold, and one for all that fewer do (``sets`` names them); a code that training never
    saw is in no column.
    """

    schema: CohortSchema
    columns: tuple[Column, ...]
    references: dict[str, str]
    sets: dict[str, SeenCodes] = field(default_factory=dict)

    @classmethod
    def learn(cls, frame: pd.DataFrame, schema: CohortSchema) -> Self:
        """Learn levels, means and scales from the training rows.

        Parameters
        ----------
        frame : DataFrame
            Training rows of a cohort.
        schema : CohortSchema
            What the columns mean.
        """
        columns = [Column(INTERCEPT, INTERCEPT, "intercept")]
        references, sets = {}, {}
        for spec in schema.features:
            if spec.is_category:
                reference, *levels = _level_columns(frame[spec.name], spec.name)
                references[spec.name] = str(reference.level)
                columns += levels
            elif spec.is_codes:
                shares, sets[spec.name] = learned(frame[spec.name], spec)
                columns += [Column(f"{spec.name}={code}", spec.name, "code", code, shares[code]) for code in shares]
            else:
                columns += _number_columns(frame[spec.name], spec)
        return cls(schema, tuple(columns), references, sets)

    def encode(self, frame: pd.DataFrame) -> Matrix:
        """Return the design matrix of the rows, (n, p) float64.

        Raises
        ------
        DataError
            A recorded variable is absent.
        """
        x = np.empty((len(frame), len(self.columns)))
        for variable, places in self.places().items():
            if variable == INTERCEPT:
                x[:, places] = 1.0
                continue
            x[:, places] = self.encode_variable(variable, self.recorded(frame, variable))
        return x

    @staticmethod
    def recorded(frame: pd.DataFrame, variable: str) -> pd.Series:
        """Return the recorded values of a variable.

        Raises
        ------
        DataError
            It is absent.
        """
        if variable not in frame.columns:
            raise DataError(f"the rows have no column {variable!r}; give every recorded variable of the model")
        return frame[variable]

    def encode_variable(self, variable: str, values: pd.Series) -> Matrix:
        """Return the columns of one recorded variable for values of it, (n, q)."""
        columns = [column for column in self.columns if column.variable == variable]
        spec = self.schema.feature(variable)
        if spec.is_category:
            return _encode_levels(values, columns, self.references[variable])
        if spec.is_codes:
            found: Matrix = self.encode_codes(variable, values).toarray()
            return found
        return _encode_number(values, spec, columns)

    def encode_codes(self, variable: str, values: pd.Series) -> csr_array:
        """Return the columns of one set of codes for values of it, (n, q), without the zeros."""
        columns = [str(column.level) for column in self.columns if column.variable == variable]
        return encoded(values, self.schema.feature(variable), columns, self.sets[variable])

    @property
    def most_codes(self) -> int:
        """How many columns the widest set of codes has; 0 where there is none."""
        places = self.places()
        return max((len(places.get(name, ())) for name in self.sets), default=0)

    @property
    def content(self) -> tuple[object, ...]:
        """What the encoder is known by: its columns, with their centers and scales, and the codes without a column."""
        sets = tuple((name, seen.rare, seen.always) for name, seen in self.sets.items())
        return (*((one.name, one.center, one.scale) for one in self.columns), *sets)

    def unseen(self, frame: pd.DataFrame) -> dict[str, dict[str, int]]:
        """Return, by variable and level, how many rows hold a level that training never saw."""
        found = {}
        for spec in self.schema.categories:
            counts = _level_counts(frame[spec.name])
            counts = counts[~counts.index.isin(self.levels(spec.name))].sort_values(ascending=False, kind="stable")
            if len(counts):
                found[spec.name] = {str(level): int(rows) for level, rows in counts.items()}
        return found

    def unseen_codes(self, frame: pd.DataFrame, *names: str) -> dict[str, dict[str, int]]:
        """Return, by set of codes (those named, or all) and code, how many rows hold a code that training never saw."""
        found = {}
        for spec in (one for one in self.schema.code_sets if not names or one.name in names):
            known, sets = set(self.codes(spec.name)), code_sets(frame[spec.name], spec)
            counts = zip(sets.codes, map(int, sets.counts), strict=True)
            unseen = {code: rows for code, rows in counts if code not in known}
            if unseen:
                found[spec.name] = unseen
        return found

    def codes(self, variable: str) -> tuple[str, ...]:
        """Return the codes of a set that training saw: those with a column, the rare ones, those in every encounter."""
        own = (str(column.level) for column in self.columns if column.variable == variable)
        seen = self.sets[variable]
        return (*(code for code in own if code != OTHER), *seen.rare, *seen.always)

    def levels(self, variable: str) -> tuple[str, ...]:
        """Return the levels that training saw, the reference first."""
        others = [column.level for column in self.columns if column.variable == variable and column.level is not None]
        return (self.references[variable], *others)

    def design(self, cohort: Cohort, x: AnyMatrix | None = None) -> Design:
        """Encode all rows of a cohort, each with weight 1; or name the columns of what encodes them already."""
        frame = cohort.frame
        return Design(
            x=self.encode(frame) if x is None else x,
            y=cohort.outcome.to_numpy(dtype=float),
            weights=np.ones(len(frame)),
            columns=tuple(column.name for column in self.columns),
            variables=tuple(column.variable for column in self.columns),
            encounter_ids=frame.index,
            patient_ids=pd.Index(cohort.patients),
        )

    def places(self) -> dict[str, list[int]]:
        """Return, by recorded variable, the places of its columns, which stand side by side."""
        places: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            places.setdefault(column.variable, []).append(place)
        return places


def _levels_of(values: pd.Series) -> pd.Series:
    """Return the values with the missing ones as a level of their own."""
    return values.astype(object).where(values.notna(), MISSING)


def _level_counts(values: pd.Series) -> pd.Series:
    """Return in how many rows each level occurs, missing among them, sorted as text; those that do not are absent."""
    counts = values.value_counts(dropna=False)
    levels = _levels_of(counts.index.to_series())
    occurring = counts.groupby(levels.to_numpy()).sum()
    return occurring[occurring > 0]


def _level_columns(values: pd.Series, name: str) -> list[Column]:
    """Return a column for each level, the most common one first, the others sorted as text."""
    shares = _level_counts(values) / len(values)
    reference = shares.idxmax()
    ordered = [reference, *(level for level in shares.index if level != reference)]
    return [Column(f"{name}={level}", name, "level", str(level), center=float(shares[level])) for level in ordered]


def _number_columns(values: pd.Series, spec: FeatureSpec) -> list[Column]:
    """Return a scaled column, and one for missing values if there are any; none where nothing varies."""
    numbers = _numbers(values, spec)
    missing = float(np.isnan(numbers).mean())
    columns = []
    if missing < 1 and np.nanmax(numbers) > np.nanmin(numbers):
        if not np.nanmax(np.abs(numbers)) < LARGEST:
            raise TooLargeError(
                f"column {spec.name!r} holds values beyond {LARGEST:.0e}; give it bounds, or check its unit"
            )
        center, scale = float(np.nanmean(numbers)), float(np.nanstd(numbers))
        columns.append(Column(spec.name, spec.name, "number", center=center, scale=scale))
    if 0 < missing < 1:
        columns.append(Column(f"{spec.name}={MISSING}", spec.name, "level", MISSING, center=missing))
    return columns


def _numbers(values: pd.Series, spec: FeatureSpec) -> Vector:
    numbers: Vector = values.to_numpy(dtype=float, na_value=np.nan)
    return np.log1p(numbers) if spec.log1p else numbers


def _encode_number(values: pd.Series, spec: FeatureSpec, columns: list[Column]) -> Matrix:
    numbers = _numbers(values, spec)
    missing = np.isnan(numbers)
    encoded = [
        np.where(missing, 0.0, (numbers - column.center) / column.scale) if column.kind == "number" else missing
        for column in columns
    ]
    return np.column_stack(encoded).astype(float)


def _encode_levels(values: pd.Series, columns: list[Column], reference: str) -> Matrix:
    levels = [str(column.level) for column in columns]
    place = pd.Index([*levels, reference], dtype=object).get_indexer(_levels_of(values))
    encoded = np.zeros((len(values), len(columns)))
    has_column = (place >= 0) & (place < len(levels))
    encoded[np.flatnonzero(has_column), place[has_column]] = 1.0
    encoded[place < 0] = [column.center for column in columns]  # a level that training never saw
    return encoded
