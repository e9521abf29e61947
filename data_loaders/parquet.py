"""A folder of Parquet parts with a ``cohort.toml`` that says what their columns mean: a table of any number of rows.

``clinflu data simulate --rows`` writes such folders, and so may the pipeline of a hospital. The description is that of
:mod:`data_loaders.folder_description`; its parts lie beside it. Every part has the same columns and no other:

- the encounter id, unique over all parts, and the patient id: text;
- the outcome: 0 or 1, as numbers or truth values;
- categories and sets of codes: text, dictionary-encoded or not; numbers and scores: whole or floating-point numbers.

A missing value is null. Patients may have encounters in several parts. In messages the rows are counted from 1 over
all parts, in the order of the description. Nothing is converted cell by cell: ids stay in Arrow's memory, categories
become ``category`` columns, sets of codes stay text in Arrow's memory, numbers are float64.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import pandas as pd

from clinflu.data import Cohort, CohortSchema, Provenance, build_cohort
from clinflu.errors import LoaderError
from data_loaders.folder_description import (
    COHORT_FILE,
    PARTS,
    SUFFIX,
    FolderDescription,
    PartFile,
    read_folder_description,
    refuse,
)
from data_loaders.parquet_columns import ID_BYTES, collector, kind_of
from data_loaders.parquet_planted import read_planted
from data_loaders.table_description import read_toml
from data_loaders.tables.source import Source, require_path
from data_loaders.toml_section import nearest

BATCH_ROWS = 65_536
BLOCK_BYTES = 2**22
NAMED = 3


def recognises(source: Source) -> bool:
    """Whether this is a folder with a ``cohort.toml`` that names parts, or that file itself."""
    if not isinstance(source, Path):
        return False
    described_in = source / COHORT_FILE if source.is_dir() else source
    try:
        return described_in.name == COHORT_FILE and described_in.is_file() and PARTS in read_toml(described_in)
    except (OSError, ValueError):
        return False


def load(source: Source | None) -> Cohort:
    """Read a folder of parts into one row for each encounter at risk.

    Parameters
    ----------
    source : Path
        The folder, or the ``cohort.toml`` in it.

    Raises
    ------
    LoaderError
        All that is wrong with the description or the parts, or else every value that breaks it, in one message.
    """
    path = require_path(source)
    if path is None:
        raise LoaderError(f"this loader needs a folder of Parquet parts: give --data with one that holds {COHORT_FILE}")
    folder = path if path.is_dir() else path.parent
    if path not in (folder, folder / COHORT_FILE):
        raise LoaderError(f"{path.name} is no folder of Parquet parts; give the folder that holds {COHORT_FILE}")
    described = read_folder_description(folder / COHORT_FILE)
    _require_sound(folder, described)
    _require_memory(described)
    sha256 = _sha256(folder, described)
    rows = _rows(folder, described)
    provenance = Provenance(
        folder.resolve().name,
        sha256,
        "parquet",
        described.rows_read,
        described.exclusions,
        described.simulated,
        described.definition,
        described.notes,
    )
    cohort = build_cohort(rows, described.schema, provenance)
    if described.planted is None:
        return cohort
    planted = read_planted(folder / described.planted, cohort.frame, described.schema)
    return Cohort(cohort.frame, cohort.schema, cohort.provenance, planted)


def _require_sound(folder: Path, described: FolderDescription) -> None:
    """Raise if the folder does not hold the described parts and no other, each with the rows and columns it must."""
    problems = [problem for part in described.parts for problem in _problems(folder, part, described.schema)]
    named = {part.file for part in described.parts} | {described.planted}
    others = sorted(one.name for one in folder.glob(f"*{SUFFIX}") if one.name not in named)
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        problems.append(f"{', '.join(others[:NAMED])}{more}: not named in {COHORT_FILE}")
    refuse(folder.resolve().name, problems)


def _problems(folder: Path, part: PartFile, schema: CohortSchema) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / part.file
    if path.is_symlink() or not path.is_file():
        return [f"{part.file} is absent, or no plain file"]
    try:
        with parquet.ParquetFile(path) as file:
            rows, arrow = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError, ValueError):
        return [f"{part.file} is damaged or not Parquet; write it again"]
    found = [] if rows == part.rows else [f"{part.file} holds {rows:,} rows, and not the {part.rows:,} described"]
    names, wanted = list(arrow.names), _columns(schema)
    found += [f"{part.file} has no column {one!r}{nearest(one, names)}" for one in wanted if one not in names]
    found += [f"{part.file} has a column that is not described: {one!r}" for one in names if one not in wanted]
    found += [f"{part.file} has the column {one!r} twice" for one in wanted if names.count(one) > 1]
    for one in wanted:
        if names.count(one) == 1 and not kind_of(one, schema).takes(arrow.field(one).type):
            kind = kind_of(one, schema).stored_as
            found.append(f"{part.file}: column {one!r} holds {arrow.field(one).type}; store it as {kind}")
    return found


def _columns(schema: CohortSchema) -> list[str]:
    return [schema.encounter_id, schema.patient_id, schema.outcome, *schema.feature_names, *schema.baseline_names]


def _require_memory(described: FolderDescription) -> None:
    """Raise if the rows alone would take more memory than the machine has."""
    schema = described.schema
    each = 2 * ID_BYTES + sum(kind_of(name, schema).bytes_each for name in _columns(schema)[2:])
    needed, there = each * described.rows, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise LoaderError(
            f"{described.rows:,} rows take about {needed / 2**30:,.0f} GiB of memory and this machine has "
            f"{there / 2**30:,.0f}; name fewer parts in {COHORT_FILE}, or take a larger machine"
        )


def _sha256(folder: Path, described: FolderDescription) -> str:
    """Return the sha256 of the bytes of the parts, one after the other."""
    digest = hashlib.sha256()
    for part in described.parts:
        try:
            with (folder / part.file).open("rb") as stream:
                while block := stream.read(BLOCK_BYTES):
                    digest.update(block)
        except OSError:
            raise LoaderError(f"{part.file} cannot be read; check that you may open it") from None
    return digest.hexdigest()


def _rows(folder: Path, described: FolderDescription) -> pd.DataFrame:
    """Return the rows of all parts, read a block at a time, each column into its place."""
    columns = {name: collector(name, described.schema, described.rows) for name in _columns(described.schema)}
    for part in described.parts:
        left = part.rows
        for batch in _batches(folder / part.file, list(columns)):
            left -= batch.num_rows
            for name, column in columns.items() if left >= 0 else ():
                column.add(batch.column(name))
        if left:
            raise LoaderError(f"{part.file} is damaged: it does not hold the rows that it says; write it again")
    return pd.DataFrame({name: columns.pop(name).series() for name in list(columns)}, copy=False)


def _batches(path: Path, names: list[str]) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=names):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, ValueError):
        raise LoaderError(f"{path.name} is damaged; write it again") from None
