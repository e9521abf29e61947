"""Any CSV or Parquet table, with a small TOML beside it that says what its columns mean.

Without ``file`` the table has the stem of the TOML: ``discharges.toml`` describes ``discharges.csv`` or
``discharges.parquet``. All that is not marked optional is needed::

    [table]
    file = "discharges.csv"                       # optional: where the stem differs; same folder
    encounter_id = "visit"                        # unique
    patient_id = "person"
    outcome = "readmitted"
    outcome_event = "yes"                         # optional: the value that means the event; otherwise 0 and 1
    outcome_others = ["no", "later"]              # optional: what means no event, so that any other value is an error
    outcome_label = "readmitted within 30 days"   # optional
    missing = ["", "NA"]                          # optional: what stands for a missing value; otherwise [""]
    subgroups = ["sex"]                           # optional: otherwise all categories

    [[exclude]]                                   # optional: any number, applied in this order
    column = "disposition"
    values = ["died", "hospice"]                  # one of the missing markers stands for a missing value
    reason = "died or hospice"

    [features.age]                                # a number: the column's name stands behind the point
    label = "Age"                                 # optional: otherwise the column's name
    unit = "years"                                # optional
    bounds = [0, 120]                             # optional: smallest and largest plausible value

    [features.ed_visits]
    label = "ED visits, year before"
    bounds = [0, 400]
    log1p = true                                  # optional: a count that enters as log(1 + count)

    [features.sex]                                # a category, since it has levels: any other value is an error
    label = "Sex"
    levels = ["F", "M"]

    [features.ward]
    category = true                               # a category whose levels are learned from the training rows

Whole numbers may stand for texts (``values = [11, 19]``). In Parquet, numbers that serve as ids or categories
become text without ``.0``, and true-or-false columns ``True`` and ``False``. Columns that are not named are ignored.

A column may hold a set of codes in one text, such as I10;E11.9;N18. It is one recorded variable::

    [features.diagnoses]
    label = "Diagnoses"
    separator = ";"                               # what stands between the codes; missing means that there is none
    fewest = 11                                   # optional: codes of fewer training encounters share one column

A score that the table already holds may be named to compare the model with. It never enters the model::

    [baselines.lace_at_discharge]                 # a column of numbers from 0 to largest, or missing
    largest = 19
    label = "LACE"                                # optional: otherwise the column's name
    approximate = true                            # optional: parts of the published score are missing ...
    note = "Emergency visits to this hospital alone."   # ... and then this says which
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from clinflu.data import Cohort, CohortSchema, Exclusion, Provenance, build_cohort
from clinflu.data.validation import SHOWN
from clinflu.errors import LoaderError
from data_loaders.diabetes130 import SIMULATED_MARK
from data_loaders.outcome_words import NOTHING_MISREAD, misread_outcomes
from data_loaders.reading import MAX_UNPACKED_BYTES, read_csv, read_member, require_distinct
from data_loaders.table_description import DATABASE, SUFFIXES, Description, is_table_name, read_description, read_toml
from data_loaders.tables.source import Source, require_path
from data_loaders.toml_section import nearest


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as they were read; ``frame`` is indexed by place from 0, which is row ``first_row`` of the file."""

    name: str
    frame: pd.DataFrame
    names: list[str]
    sha256: str
    first_row: int


def recognises(source: Source) -> bool:
    """Whether this is a TOML whose table is there, or a CSV or Parquet with a TOML of the same stem."""
    if not isinstance(source, Path):
        return False
    try:
        if source.suffix.lower() in SUFFIXES:
            return source.is_file() and source.with_suffix(".toml").is_file()
        if source.suffix.lower() != ".toml" or not source.is_file():
            return False
        return DATABASE not in read_toml(source) and (bool(_same_stem(source)) or _names_a_table(source))
    except (OSError, ValueError):
        return False


def load(source: Source | None) -> Cohort:
    """Read a described table into one row for each encounter at risk.

    Parameters
    ----------
    source : Path
        The table or the TOML that describes it.

    Raises
    ------
    LoaderError
        All that is wrong with the description, or else every value that breaks it, in one message.
    """
    path = require_path(source)
    try:
        described_in = _description_path(path)
    except OSError:
        raise LoaderError("the table cannot be read; check that you may open its folder") from None
    description = read_description(described_in)
    if description.database is not None:
        raise LoaderError(f"{described_in.name} describes rows of a database; name the loader sql")
    return described_cohort(
        described_in.name,
        description,
        lambda: _read(_table_path(path or described_in, described_in, description), description),
    )


def described_cohort(name: str, description: Description, read: Callable[[], Rows], loader: str = "table") -> Cohort:
    """Return described rows as a cohort.

    Parameters
    ----------
    name : str
        Of the description, for the messages.
    description : Description
    read : function
        Reads the rows; what is wrong with them is told with what is wrong with the description.
    loader : str
        Name in ``LOADERS``.

    Raises
    ------
    LoaderError
        All that is wrong with the description, or else every value that breaks it, in one message.
    """
    problems = list(description.problems)
    table = None
    try:
        table = read()
        problems += _misfits(table, description)
    except LoaderError as error:
        if not problems:
            raise
        problems.append(str(error))
    if table is None or description.schema is None or problems:
        raise LoaderError(_message(name, problems))
    return _cohort(table, description, description.schema, loader)


def _names_a_table(source: Path) -> bool:
    table = read_toml(source).get("table")
    file = table.get("file") if isinstance(table, dict) else None
    return is_table_name(file) and (source.parent / str(file)).is_file()


def _same_stem(described_in: Path) -> list[Path]:
    beside = [described_in.with_suffix(suffix) for suffix in SUFFIXES]
    return [path for path in beside if path.is_file()]


def _description_path(source: Path | None) -> Path:
    if source is None:
        raise LoaderError("this loader needs a table: give --data with a CSV or Parquet that a TOML describes")
    if source.suffix.lower() not in (".toml", *SUFFIXES) or source.is_dir():
        raise LoaderError(f"{source.name!r} is no table; give a CSV, a Parquet or the TOML that describes one")
    if not source.is_file():
        raise LoaderError(f"there is no file {source.name!r} there; check the path")
    described_in = source if source.suffix.lower() == ".toml" else source.with_suffix(".toml")
    if not described_in.is_file():
        raise LoaderError(f"nothing says what the columns mean; describe them in {described_in.name} beside the table")
    return described_in


def _table_path(source: Path, described_in: Path, description: Description) -> Path:
    """Return the one table that is meant; never outside the folder of the description."""
    if description.file is None:
        return source if source != described_in else _only_same_stem(described_in)
    path = described_in.parent / description.file
    if not is_table_name(description.file) or path.is_symlink():
        raise LoaderError(
            "[table]: file must be the plain name of a .csv or .parquet in the same folder, and no link; put it there"
        )
    if source not in (described_in, path):
        raise LoaderError(f"{described_in.name} describes {description.file!r}, not {source.name!r}; give that one")
    return path


def _only_same_stem(described_in: Path) -> Path:
    tables = _same_stem(described_in)
    if not tables:
        raise LoaderError(
            f"[table]: no {described_in.stem}.csv or .parquet is beside {described_in.name}; name the file"
        )
    if len(tables) > 1:
        raise LoaderError(f"[table]: {described_in.stem} is there as .csv and as .parquet; name the file")
    return tables[0]


def _read(path: Path, description: Description) -> Rows:
    content, sha256 = read_member(path, path.name)
    if path.suffix.lower() == ".csv":
        frame = read_csv(content, path.name, missing=description.missing)
        return Rows(path.name, frame, list(frame.columns), sha256, first_row=2)  # row 1 is the header
    frame, names = _read_parquet(content, path.name, description)
    return Rows(path.name, frame, names, sha256, first_row=1)


def _read_parquet(content: bytes, name: str, description: Description) -> tuple[pd.DataFrame, list[str]]:
    """Return the described columns as text, numbers or truth values, and the names of all columns."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        names = list(file.schema_arrow.names)
        require_distinct(names, name)
        wanted = [column for column in description.columns if column in names]
        if 8 * file.metadata.num_rows * max(len(wanted), 1) > MAX_UNPACKED_BYTES:
            raise LoaderError(f"{name} would unpack to more than {MAX_UNPACKED_BYTES / 2**30:g} GiB; give fewer rows")
        table = file.read(columns=wanted)
        table.validate(full=True)
    except (pa.ArrowException, OSError):
        raise LoaderError(f"{name} is damaged or not Parquet; export it again") from None
    if table.num_rows == 0:
        raise LoaderError(f"{name} has no rows; export it again")
    return _plain_frame(table, description.missing), names


def _plain_frame(table: Any, missing: tuple[str, ...]) -> pd.DataFrame:
    columns = {name: _plain(column) for name, column in zip(table.column_names, table.columns, strict=True)}
    strange = [
        f"column {name!r} holds {table.schema.field(name).type}" for name, values in columns.items() if values is None
    ]
    if strange:
        raise LoaderError(f"{', '.join(strange)}; store it as text or as numbers")
    known = {name: values for name, values in columns.items() if values is not None}
    return pd.DataFrame({name: values.mask(_holds(values, missing)) for name, values in known.items()})


def _plain(column: Any) -> pd.Series | None:
    """Return an Arrow column as text, numbers or truth values, missing values kept; anything else is none."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_decimal(kind):  # whole ones are often ids, with more digits than a float holds
        return _plain(column.cast(pa.string() if kind.scale <= 0 else pa.float64()))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        nullable = {pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()}
        return pd.Series(column.to_pandas(types_mapper=lambda arrow: nullable.get(arrow, pd.Int64Dtype())))
    if pa.types.is_floating(kind):
        return pd.Series(column.cast(pa.float64()).to_pandas())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pd.Series(column.cast(pa.large_string()).to_pandas(), dtype="str")
    return None


def _misfits(table: Rows, description: Description) -> list[str]:
    """Return what the description says of the table that is not so."""
    absent = [name for name in description.columns if name not in table.names]
    problems = [f"the table has no column {name!r}{nearest(name, table.names)}" for name in absent]
    event, schema = description.outcome_event, description.schema
    if event and schema and schema.outcome in table.names and not (_text(table.frame[schema.outcome]) == event).any():
        problems.append(f"[table]: outcome_event stands in no row of column {schema.outcome!r}; check its spelling")
    return problems


def _message(name: str, problems: list[str]) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    found = f"{name}: {count}: {'; '.join(problems[:SHOWN])}{more}"
    return f"{found}{'' if found.endswith('?') else '.'} Mend the description and load the table again"


def _cohort(table: Rows, description: Description, schema: CohortSchema, loader: str) -> Cohort:
    rows, exclusions = _at_risk(table.frame, description)
    texts = (spec.name for spec in schema.features if not spec.is_number)
    for column in (schema.encounter_id, schema.patient_id, *texts):
        rows[column] = _text(rows[column])
    misread = NOTHING_MISREAD
    if description.outcome_event is not None:
        outcome = _text(rows[schema.outcome])
        rows[schema.outcome] = (outcome == description.outcome_event).astype(float).where(outcome.notna())
        misread = misread_outcomes(table.name, schema.outcome, outcome, description)
    simulated = all(rows[ids].str.startswith(SIMULATED_MARK).all() for ids in (schema.encounter_id, schema.patient_id))
    provenance = Provenance(table.name, table.sha256, loader, len(table.frame), exclusions, simulated=simulated)
    in_source = pd.Series(rows.index + table.first_row)
    cohort = build_cohort(rows, schema, provenance, source_rows=in_source, broken=misread.broken)
    return replace(cohort, findings=misread.findings)


def _at_risk(frame: pd.DataFrame, description: Description) -> tuple[pd.DataFrame, tuple[Exclusion, ...]]:
    """Return the rows that no rule leaves out, and how many each left out of those that came to it."""
    exclusions = []
    frame = frame.copy(deep=False)
    for rule in description.rules:
        values = frame[rule.column]
        out = _holds(values, rule.values) | (values.isna() & any(value in description.missing for value in rule.values))
        exclusions.append(Exclusion(rule.reason, int(out.sum())))
        frame = frame[~out]
    return frame, tuple(exclusions)


def _holds(values: pd.Series, wanted: tuple[str, ...]) -> pd.Series:
    """Return which rows hold one of the wanted texts, or the number that it spells."""
    found = _text(values).isin(wanted)
    if pd.api.types.is_numeric_dtype(values):
        found |= values.isin(pd.to_numeric(pd.Series(wanted, dtype="str"), errors="coerce").dropna())
    return found


def _text(values: pd.Series) -> pd.Series:
    """Return the values as text, whole numbers without ``.0``; missing ones stay missing."""
    if pd.api.types.is_float_dtype(values):
        known = values.dropna()
        if (known.abs() < 2**63).all() and (known == known.round()).all():
            values = values.astype("Int64")
    return values.astype("str")
