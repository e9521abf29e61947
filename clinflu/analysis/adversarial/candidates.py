"""Values that another past record could plausibly have held, one recorded variable at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.what_if.records import encoded, require_encoder
from clinflu.data import CohortSchema, Encoder, FeatureSpec
from clinflu.data.age import is_age
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.asking import check_count, list_of_ids
from clinflu.data.design import MISSING
from clinflu.study import Study

DEFAULT_NUMBERS = 12
BORN_WITH = ("sex", "gender", "race", "ethnicity", "ethnic")


@dataclass(frozen=True, eq=False)
class Candidates:
    """New values, each of one recorded variable, as the frozen encoder turns them into columns.

    Parameters
    ----------
    variables : tuple of str, (e,)
    values : tuple, (e,)
        As an ``Edit`` takes them; None for not recorded.
    x : (e, p)
        Encoded; only the columns of the variable count.
    columns : dict
        Of each variable, where its columns stand.
    immutable : tuple of str
        Variables that are left as they are.
    """

    variables: tuple[str, ...]
    values: tuple[Any, ...]
    x: Matrix
    columns: dict[str, Rows]
    immutable: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.variables)

    @cached_property
    def own_columns(self) -> Flags:
        """Which columns are those of each one's variable, (e, p)."""
        own = np.zeros(self.x.shape, dtype=bool)
        for variable, columns in self.columns.items():
            own[np.ix_(self.of(variable), columns)] = True
        return own

    def of(self, variable: str) -> Rows:
        """Return which of them are of a variable."""
        return np.flatnonzero(np.array(self.variables, dtype=object) == variable)


def immutable_variables(schema: CohortSchema) -> tuple[str, ...]:
    """Return what no record of a patient would plausibly get wrong or have changed: age, sex, race and ethnicity."""
    return tuple(spec.name for spec in schema.features if is_age(spec) or _is_born_with(spec))


def plausible_values(
    study: Study, numbers: int = DEFAULT_NUMBERS, immutable: Iterable[str] | None = None
) -> Candidates:
    """Return every value that an edit of one variable may take.

    Of a category, every level that training saw. Of a number, the values that training saw, so that counts stay whole
    and within their range; where they are more, as many of them as asked for, evenly spread from the smallest to the
    largest by rank. "Not recorded" where training saw that too. A set of codes stays as it is.

    Parameters
    ----------
    study : Study
    numbers : int
        At most so many values of each number.
    immutable : iterable of str, optional
        Variables that stay as they are; by default :func:`immutable_variables`.

    Raises
    ------
    DataError
        An adopted model brought its own columns, or there is no such variable.
    """
    encoder, schema = require_encoder(study, "plausible values"), study.cohort.schema
    numbers = check_count(numbers, "the values tried of each number", least=2)
    fixed = immutable_variables(schema) if immutable is None else tuple(list_of_ids(immutable, "variables"))
    for name in fixed:
        schema.feature(name)
    specs = [one for one in schema.features if one.name in study.design.variables and one.name not in fixed]
    specs = [one for one in specs if not one.is_codes]
    pairs = [(spec.name, value) for spec in specs for value in _values(study, encoder, spec, numbers)]
    columns = {spec.name: _columns(study, spec.name) for spec in specs}
    variables, values = zip(*pairs, strict=True) if pairs else ((), ())
    return Candidates(tuple(variables), tuple(values), _encoded(study, encoder, pairs), columns, fixed)


def _is_born_with(spec: FeatureSpec) -> bool:
    words = f"{spec.name} {spec.label}".replace("_", " ").casefold().split()
    return any(word in BORN_WITH for word in words)


def _columns(study: Study, variable: str) -> Rows:
    return np.flatnonzero(np.array(study.design.variables, dtype=object) == variable)


def _values(study: Study, encoder: Encoder, spec: FeatureSpec, numbers: int) -> list[Any]:
    if spec.is_category:
        return [None if level == MISSING else level for level in encoder.levels(spec.name)]
    recorded: Vector = study.train_frame[spec.name].to_numpy(dtype=float, na_value=np.nan)
    seen = np.unique(recorded[~np.isnan(recorded)])
    if len(seen) > numbers:
        places = np.round(np.linspace(0, len(seen) - 1, numbers)).astype(np.intp)
        seen = seen[places]
    return [*map(float, seen), *([None] if np.isnan(recorded).any() else [])]


def _encoded(study: Study, encoder: Encoder, pairs: list[tuple[str, Any]]) -> Matrix:
    """Return the rows of one record with each value in turn in the place of its own."""
    schema = study.cohort.schema
    template = study.train_frame.iloc[0]
    record = {name: [template[name]] * len(pairs) for name in schema.feature_names}
    for place, (name, value) in enumerate(pairs):
        record[name][place] = value
    types = {spec.name: float if spec.is_number else "str" for spec in schema.features}
    return encoded(encoder, pd.DataFrame(record, dtype=object).astype(types))
