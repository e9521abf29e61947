"""The causes of error that a simulator planted, as a Parquet file beside the parts: a row a cause."""

from pathlib import Path

import pandas as pd

from clinflu.data import CohortSchema, PlantedCause
from clinflu.errors import LoaderError

PLANTED_FILE = "planted.parquet"
TEXTS = ("name", "description", "variable", "level")
RESPONSIBLE = "responsible"


def write_planted(path: Path, causes: tuple[PlantedCause, ...]) -> None:
    """Write the causes, each with the ids of the encounters that were altered."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: pa.array([getattr(cause, name) for cause in causes], pa.string()) for name in TEXTS}
    columns[RESPONSIBLE] = pa.array([cause.responsible for cause in causes], pa.large_list(pa.string()))
    parquet.write_table(pa.table(columns), path, compression="zstd")


def read_planted(path: Path, frame: pd.DataFrame, schema: CohortSchema) -> tuple[PlantedCause, ...]:
    """Read the causes back.

    Raises
    ------
    LoaderError
        The file is absent, damaged or of other rows.
    """
    import pyarrow as pa
    from pyarrow import compute, parquet

    try:
        table = parquet.ParquetFile(path).read(columns=[*TEXTS, RESPONSIBLE])
        table.validate(full=True)
        rows = table.to_pylist()
        causes = tuple(
            PlantedCause(row["name"], row["description"], tuple(row[RESPONSIBLE]), row["variable"], row["level"])
            for row in rows
        )
    except (pa.ArrowException, OSError, KeyError, TypeError, UnicodeDecodeError):
        raise LoaderError(f"{path.name} is absent or damaged; write the folder again") from None
    altered = pa.array({one for cause in causes for one in cause.responsible}, pa.large_string())
    there = compute.sum(compute.is_in(pa.array(frame.index.array), value_set=altered)).as_py()
    if there != len(altered) or any(cause.variable not in schema.feature_names for cause in causes):
        raise LoaderError(f"{path.name} is of other rows than the parts; write the folder again")
    return causes
