"""Every problem of a table, at once, by row and column and never by value."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from clinflu.data.schema import CohortSchema, FeatureSpec
from clinflu.errors import LoaderError

SHOWN = 20
NAMED = 8


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


def require_columns(frame: pd.DataFrame, names: list[str] | tuple[str, ...], source: str) -> None:
    """Raise if any of the columns is absent, naming the first of them and how many more there are."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        raise LoaderError(
            f"{source} lacks the columns {', '.join(absent[:NAMED])}{more}; check that it is the right table"
        )


def validate(frame: pd.DataFrame, schema: CohortSchema, source_rows: pd.Series) -> pd.DataFrame:
    """Return the frame with its columns in the types of the schema.

    Parameters
    ----------
    frame : DataFrame
        Columns of the schema; numbers may still be text, missing values are NA.
    schema : CohortSchema
        What each column must hold.
    source_rows : Series of int
        For each row of the frame, its number in the source, for the messages.

    Raises
    ------
    LoaderError
        All problems in one message: row, column and what was expected, without the value found.
    """
    import pandera.pandas as pa

    source_rows = source_rows.reset_index(drop=True)
    table, unreadable = _readable(frame.reset_index(drop=True), schema)
    found = _unreadable_problems(unreadable, schema, source_rows)
    try:
        valid = _pandera_schema(schema).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        found = _problems(error.failure_cases, schema, source_rows) | found
    if found:
        raise LoaderError(_message([found[place] for place in sorted(found)]))
    texts = [schema.encounter_id, schema.patient_id, *(spec.name for spec in schema.categories)]
    typed: pd.DataFrame = valid.astype(dict.fromkeys(texts, "str")).set_index(frame.index)
    return typed


def _specs(schema: CohortSchema) -> dict[str, FeatureSpec]:
    """Return what each column beside ids and outcome must hold; a baseline score is checked as a number is."""
    scores = (FeatureSpec(one.name, one.label, bounds=(0, one.largest)) for one in schema.baselines)
    return {spec.name: spec for spec in (*schema.features, *scores)}


def _readable(table: pd.DataFrame, schema: CohortSchema) -> tuple[pd.DataFrame, dict[str, pd.Series]]:
    """Return the table with its numbers read, and by column which rows hold something that is no number.

    Every column comes through, so that one unreadable cell hides no other problem.
    """
    columns = {str(name): values for name, values in table.items()}
    unreadable = {}
    for name in columns.keys() & {schema.encounter_id, schema.patient_id}:
        columns[name] = columns[name].replace("", None)
    for name in columns.keys() & {spec.name for spec in schema.categories}:
        columns[name] = _plain_text(columns[name])
    numeric = (name for name, spec in _specs(schema).items() if not spec.is_category)
    for name in columns.keys() & {schema.outcome, *numeric}:
        numbers = _number(columns[name])
        unreadable[name] = numbers.isna() & columns[name].notna()
        columns[name] = numbers
    return pd.DataFrame(columns), unreadable


def _plain_text(values: pd.Series) -> pd.Series:
    """Undo categories, and give a column without a single value, which may have any type, that of text."""
    if values.isna().all():
        return pd.Series(None, index=values.index, dtype="str")
    return values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values


def _number(values: pd.Series) -> pd.Series:
    """Read numbers out of numbers or text; a date, for one, is none."""
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_string_dtype(values) or values.dtype == object):
        return pd.Series(float("nan"), index=values.index)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=float("nan"))
    return pd.Series(numbers, index=values.index)


def _unreadable_problems(
    unreadable: dict[str, pd.Series], schema: CohortSchema, source_rows: pd.Series
) -> dict[tuple[int, str], Problem]:
    return {
        (row, column): Problem(row, column, _expected(column, "number", schema))
        for column, rows in unreadable.items()
        for row in source_rows[rows].astype(int)
    }


def _pandera_schema(schema: CohortSchema) -> Any:
    import pandera.pandas as pa

    columns = {name: _pandera_column(spec) for name, spec in _specs(schema).items()}
    columns[schema.patient_id] = pa.Column(str, nullable=False)
    columns[schema.encounter_id] = pa.Column(str, nullable=False, unique=True)
    columns[schema.outcome] = pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=False)
    return pa.DataFrameSchema(columns, strict="filter")


def _pandera_column(spec: FeatureSpec) -> Any:
    import pandera.pandas as pa

    if spec.levels is None:
        return pa.Column(float, pa.Check.in_range(*(spec.bounds or (-1e300, 1e300))), nullable=True)
    return pa.Column(str, [pa.Check.isin(list(spec.levels))] if spec.levels else [], nullable=True)


def _problems(cases: pd.DataFrame, schema: CohortSchema, source_rows: pd.Series) -> dict[tuple[int, str], Problem]:
    """Turn pandera's failure cases into problems, one for each place."""
    found = {}
    for case in cases.to_dict("records"):
        column = case["column"] if case["column"] is not None else case["failure_case"]
        row = 0 if pd.isna(case["index"]) else int(source_rows.iloc[int(case["index"])])
        found[(row, column)] = Problem(row, column, _expected(column, str(case["check"]), schema))
    return found


def _expected(column: str, check: str, schema: CohortSchema) -> str:
    if check == "column_in_dataframe":
        return "the column is absent"
    if check == "field_uniqueness":
        return "this encounter id stands more than once; keep one row for each encounter"
    if check == "not_nullable":
        return "missing, but every row needs it"
    if column == schema.outcome:
        return "expected 0 or 1"
    if column in (schema.encounter_id, schema.patient_id):
        return "expected text"
    return _expected_value(_specs(schema)[column])


def _expected_value(spec: FeatureSpec) -> str:
    if spec.levels is not None:
        return f"expected one of {', '.join(spec.levels)}" if spec.levels else "expected text"
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.bounds is None:
        return f"expected a finite number{unit}"
    return f"expected a number from {spec.bounds[0]:g} to {spec.bounds[1]:g}{unit}"


def _message(problems: list[Problem]) -> str:
    shown = "; ".join(str(problem) for problem in problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"nothing was loaded: {count}: {shown}{more}. Mend the table or its description and load it again"
