"""Every problem of a table, at once, by row and column and never by value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clinflu.data.arrays import Flags, Vector
from clinflu.data.code_sets import LONGEST_CODE, code_sets, with_long_codes
from clinflu.data.schema import CohortSchema, FeatureSpec, Kind
from clinflu.errors import LoaderError

SHOWN = 20
NAMED = 8
MANY = 1_000_000
LARGEST = 1e300
ABSENT = "the column is absent"
TEXT = "expected text"
OUTCOME = "expected 0 or 1"
OTHER_WORDS = "no row holds 0 or 1; put 1 where the event happened, or name the event's value as outcome_event"
NEEDED = "missing, but every row needs it"
TWICE = "this encounter id stands more than once; keep one row for each encounter"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a table; ``row`` counts from 1 as the source does, 0 for the whole column."""

    row: int
    column: str
    expected: str

    def __str__(self) -> str:
        """Where it is and what should stand there."""
        place = f"row {self.row}, column {self.column!r}" if self.row else f"column {self.column!r}"
        return f"{place}: {self.expected}"


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing wrong with some cells of a column, (n,); without rows it is wrong with the column itself."""

    column: str
    expected: str
    rows: Flags | None = None

    @property
    def cells(self) -> int:
        """How many cells it is wrong with."""
        return 1 if self.rows is None else int(np.count_nonzero(self.rows))

    def first(self, source_rows: NDArray[Any]) -> list[Problem]:
        """Return the first of its cells in the order of the source, as many as a message shows."""
        rows = [0] if self.rows is None else np.sort(source_rows[self.rows])[:SHOWN]
        return [Problem(int(row), self.column, self.expected) for row in rows]


Checked = tuple[pd.Series, list[Broken]]
Check = Callable[[str, pd.Series, CohortSchema], Checked]


def require_columns(frame: pd.DataFrame, names: list[str] | tuple[str, ...], source: str) -> None:
    """Raise if any of the columns is absent, naming the first of them and how many more there are."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        raise LoaderError(
            f"{source} lacks the columns {', '.join(absent[:NAMED])}{more}; check that it is the right table"
        )


def validate(
    frame: pd.DataFrame,
    schema: CohortSchema,
    source_rows: pd.Series | None = None,
    broken_already: Sequence[Broken] = (),
) -> pd.DataFrame:
    """Return the frame with its columns in the types of the schema.

    Parameters
    ----------
    frame : DataFrame
        Columns of the schema; numbers may still be text, missing values are NA. A category may be a ``category``
        column and then stays one, with its levels in order and none without a row; no cell of it is looked at alone.
        A set of codes is text; one without a code becomes missing.
    schema : CohortSchema
        What each column must hold.
    source_rows : Series of int, optional
        For each row of the frame, its number in the source, for the messages; by default counted from 1.
    broken_already : sequence of Broken
        What whoever read the source found wrong, told with the rest.

    Raises
    ------
    LoaderError
        All problems in one message: row, column and what was expected, without the value found.
    """
    kinds = _kinds(schema)
    checked, broken = {}, [*broken_already, *(Broken(name, ABSENT) for name in kinds if name not in frame.columns)]
    for name in (str(one) for one in frame.columns if one in kinds):
        checked[name], found = kinds[name](name, frame[name], schema)
        broken += found
    if broken:
        rows = np.arange(1, len(frame) + 1) if source_rows is None else source_rows.to_numpy()
        raise LoaderError(_message(broken, rows))
    return pd.DataFrame(checked, index=frame.index, copy=False)


def _kinds(schema: CohortSchema) -> dict[str, Check]:
    """Return by column of the schema what checks it."""
    kinds: dict[str, Check] = dict.fromkeys((schema.encounter_id, schema.patient_id), _checked_id)
    kinds[schema.outcome] = _checked_outcome
    kinds |= {name: CHECKS[one.kind] for name, one in _specs(schema).items()}
    return kinds


def _specs(schema: CohortSchema) -> dict[str, FeatureSpec]:
    """Return what each column beside ids and outcome must hold; a baseline score is checked as a number is."""
    scores = (FeatureSpec(one.name, one.label, bounds=(0, one.largest)) for one in schema.baselines)
    return {spec.name: spec for spec in (*schema.features, *scores)}


def _checked_id(name: str, values: pd.Series, schema: CohortSchema) -> Checked:
    strange = ~_is_text(values)
    texts = _as_text(values, strange)
    missing = ~strange & (texts.isna() | (texts == "")).to_numpy(dtype=bool)
    found = {TEXT: strange, NEEDED: missing}
    if name == schema.encounter_id and not _all_differ(texts):
        again = texts.duplicated(keep=False).to_numpy()
        found[TWICE] = again & ~strange & ~missing
    return texts, _broken(name, found)


def _all_differ(texts: pd.Series) -> bool:
    """Return whether no text is there twice; of many, those that end alike are compared at a time, to save memory."""
    if len(texts) <= MANY or not isinstance(texts.array, pd.arrays.ArrowStringArray):
        return bool(texts.is_unique)
    import pyarrow as pa
    from pyarrow import compute

    ids = pa.array(texts.array)
    ends = compute.utf8_slice_codeunits(ids, -1)
    alike = (ids.filter(compute.equal(ends, end)) for end in compute.unique(ends))
    return all(compute.count_distinct(some).as_py() == len(some) for some in alike)


def _checked_category(name: str, values: pd.Series, schema: CohortSchema) -> Checked:
    strange = ~_is_text(values)
    levels = _as_levels(values) if isinstance(values.dtype, pd.CategoricalDtype) else _as_text(values, strange)
    spec = schema.feature(name)
    if spec.levels:
        known = levels.isin(spec.levels) | levels.isna()
        strange |= ~known.to_numpy(dtype=bool)
    return levels, _broken(name, {_expected_value(spec): strange})


def _checked_codes(name: str, values: pd.Series, schema: CohortSchema) -> Checked:
    spec = schema.feature(name)
    strange = ~_is_text(values)
    texts = _as_text(values, strange)
    strange |= with_long_codes(texts, spec)
    if strange.any():
        return texts, _broken(name, {_expected_value(spec): strange})
    empty = (code_sets(texts, spec).sizes == 0) & texts.notna().to_numpy(dtype=bool)
    return texts.mask(empty) if empty.any() else texts, []


def _checked_number(name: str, values: pd.Series, schema: CohortSchema) -> Checked:
    spec = _specs(schema)[name]
    numbers, unreadable = _numbers(values)
    low, high = spec.bounds or (-LARGEST, LARGEST)
    outside = ~np.isnan(numbers) & ~((numbers >= low) & (numbers <= high))
    return pd.Series(numbers, values.index, copy=False), _broken(name, {_expected_value(spec): unreadable | outside})


def _checked_outcome(name: str, values: pd.Series, schema: CohortSchema) -> Checked:  # noqa: ARG001
    numbers, unreadable = _numbers(values)
    missing = np.isnan(numbers) & ~unreadable
    other = ~missing & ~np.isin(numbers, (0.0, 1.0))
    if (other | missing).all() and np.count_nonzero(other) > SHOWN:
        return pd.Series(numbers, values.index, copy=False), [Broken(name, OTHER_WORDS)]
    return pd.Series(numbers, values.index, copy=False), _broken(name, {OUTCOME: other, NEEDED: missing})


CHECKS: dict[Kind, Check] = {"number": _checked_number, "category": _checked_category, "codes": _checked_codes}


def _broken(name: str, found: dict[str, Flags]) -> list[Broken]:
    return [Broken(name, expected, rows) for expected, rows in found.items() if rows.any()]


def _is_text(values: pd.Series) -> Flags:
    """Return which cells hold text, or nothing."""
    if isinstance(values.dtype, pd.StringDtype):
        return np.ones(len(values), dtype=bool)
    if isinstance(values.dtype, pd.CategoricalDtype):
        of_level = np.array([*(isinstance(level, str) for level in values.cat.categories), True])  # code -1: missing
        return np.asarray(of_level[values.cat.codes.to_numpy()])
    missing: Flags = values.isna().to_numpy(dtype=bool)
    if values.dtype != object:
        return missing
    text: Flags = missing | np.fromiter((isinstance(one, str) for one in values), dtype=bool, count=len(values))
    return text


def _as_text(values: pd.Series, strange: Flags) -> pd.Series:
    """Return the texts, nothing in the place of what is none."""
    return values.mask(strange).astype("str") if strange.any() else values.astype("str")


def _as_levels(values: pd.Series) -> pd.Series:
    """Return a column of categories with its levels in the order of text, those without a row left out."""
    codes, levels = values.cat.codes.to_numpy(), values.cat.categories
    held = np.bincount(codes + np.intp(1), minlength=len(levels) + 1)[1:] > 0
    texts = sorted(level for level, there in zip(levels, held, strict=True) if there and isinstance(level, str))
    plain = pd.CategoricalDtype(pd.Index(texts, dtype="str"), ordered=False)
    if values.dtype == plain and isinstance(levels.dtype, pd.StringDtype) and list(levels) == texts:
        return values
    place = plain.categories.get_indexer(pd.Index(levels, dtype=object))
    return pd.Series(pd.Categorical.from_codes(np.append(place, -1)[codes], dtype=plain), values.index, copy=False)


def _numbers(values: pd.Series) -> tuple[Vector, Flags]:
    """Read numbers out of numbers or text, and tell which cells hold something else; a date, for one, is none."""
    if values.dtype == np.float64:
        return values.to_numpy(), np.zeros(len(values), dtype=bool)
    numbers = np.full(len(values), np.nan)
    if isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype):  # each text is read once
        codes, texts = pd.factorize(values)
        numbers = np.append(_read(pd.Series(np.asarray(texts, dtype=object))), np.nan)[codes]
    elif pd.api.types.is_numeric_dtype(values) or values.dtype == object:
        numbers = _read(values)
    return numbers, np.isnan(numbers) & values.notna().to_numpy(dtype=bool)


def _read(values: pd.Series) -> Vector:
    numbers: Vector = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _expected_value(spec: FeatureSpec) -> str:
    if spec.levels is not None:
        return f"expected one of {', '.join(spec.levels)}" if spec.levels else TEXT
    if spec.is_codes:
        return f"expected codes of at most {LONGEST_CODE} characters with {spec.separator!r} between them"
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.bounds is None:
        return f"expected a finite number{unit}"
    return f"expected a number from {spec.bounds[0]:g} to {spec.bounds[1]:g}{unit}"


def _message(broken: list[Broken], source_rows: NDArray[Any]) -> str:
    problems = sorted(
        (one for each in broken for one in each.first(source_rows)), key=lambda one: (one.row, one.column)
    )
    total = sum(one.cells for one in broken)
    shown = "; ".join(str(problem) for problem in problems[:SHOWN])
    more = f"; and {total - SHOWN} more" if total > SHOWN else ""
    count = "1 problem" if total == 1 else f"{total} problems"
    return f"nothing was loaded: {count}: {shown}{more}. Mend the table or its description and load it again"
