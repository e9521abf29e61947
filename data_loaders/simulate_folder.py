"""A simulated table of any size: a folder of Parquet parts, its description, and the causes of error planted in it."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clinflu.data import Exclusion, FeatureSpec, PlantedCause
from clinflu.data.matrix.folder import PrivateFolder
from clinflu.errors import BackendError, LoaderError
from clinflu.progress import Progress, silent
from data_loaders.diabetes130 import SCHEMA
from data_loaders.folder_description import COHORT_FILE, SUFFIX, FolderDescription, PartFile, written_description
from data_loaders.parquet_planted import PLANTED_FILE, write_planted
from data_loaders.simulated import MOST_PARTS, simulate_part
from data_loaders.simulated_causes import whole

FEWEST = 1_000  # with fewer encounters a part might have none of a planted cause
PART_ROWS = 100_000
LARGEST_PART = 1_000_000
ROW_GROUP = 65_536
OWNER_ONLY_FOLDER = 0o700
UNFINISHED = ".simulating-"


@dataclass(frozen=True, slots=True, repr=False)
class _Written:
    """What is known of a part once its file is there."""

    rows: int
    exclusions: tuple[Exclusion, ...]
    planted: tuple[PlantedCause, ...]


def write_simulated(
    folder: Path,
    rows: int,
    seed: int = 0,
    part_rows: int = PART_ROWS,
    processes: int | None = None,
    progress: Progress = silent,
) -> FolderDescription:
    """Write a simulated table into a new folder: all of it, or nothing.

    Parts are independent: what the first ones hold is the same however many follow and however many processes write.

    Parameters
    ----------
    folder : Path
        Must not be there yet.
    rows : int
        Encounters to simulate, 1,000 or more; those who died or went to a hospice are then excluded.
    seed : int
    part_rows : int
        Encounters simulated for each part, from 1,000 to 1,000,000. A rest of fewer than 1,000 goes with the last.
    processes : int, optional
        By default one for each processor that this process may use.
    progress : Progress
        Told after every part.

    Raises
    ------
    LoaderError
        The folder is there already or cannot be written, or the numbers cannot be used.
    """
    sizes = _sizes(rows, seed, part_rows)
    with _new_folder(folder) as new:
        written: list[_Written | None] = [None] * len(sizes)
        for done, (part, one) in enumerate(_all_written(new, sizes, seed, processes or _processors()), start=1):
            written[part] = one
            progress(done, len(sizes))
        return _describe(new, rows, sizes, [one for one in written if one is not None])


def _sizes(rows: int, seed: int, part_rows: int) -> list[int]:
    """Return how many encounters are simulated for each part."""
    if seed < 0:
        raise LoaderError("the seed of a simulation cannot be negative; give 0 or a positive whole number")
    if not FEWEST <= part_rows <= LARGEST_PART:
        raise LoaderError(f"parts of {part_rows:,} rows cannot be written; ask for {FEWEST:,} to {LARGEST_PART:,}")
    if not FEWEST <= rows <= MOST_PARTS * part_rows:
        raise LoaderError(
            f"{rows:,} encounters cannot be simulated in parts of {part_rows:,}; ask for {FEWEST:,} to "
            f"{MOST_PARTS * part_rows:,}"
        )
    sizes = [part_rows] * (rows // part_rows)
    rest = rows % part_rows
    if rest >= FEWEST:
        return [*sizes, rest]
    return [*sizes[:-1], sizes[-1] + rest]


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; it appears in its place when all went well, and else nothing is left of it.

    What a killed simulation left beside it is removed too.
    """
    if os.path.lexists(folder):
        raise LoaderError(f"{folder.name} is there already; give a new folder")
    try:
        workplace = PrivateFolder(folder.parent, UNFINISHED)
    except BackendError:
        raise LoaderError(f"cannot write beside {folder.name}; give a folder that you may write to") from None
    try:
        new = workplace.path / "new"
        new.mkdir(mode=OWNER_ONLY_FOLDER)
        yield new
        new.rename(folder)
    except (OSError, BrokenProcessPool, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "the machine ended the work, for want of memory it seems"
        raise LoaderError(f"{folder.name} was not written: {reason}; free some, or ask for less") from None
    finally:
        workplace.remove()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _all_written(new: Path, sizes: list[int], seed: int, processes: int) -> Iterator[tuple[int, _Written]]:
    """Write every part, and give its place and what is known of it as soon as it is there."""
    paths = [new / part.file for part in _named(sizes)]
    if min(processes, len(sizes)) == 1:
        for part, (path, size) in enumerate(zip(paths, sizes, strict=True)):
            yield part, _write_part(path, size, seed, part)
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(processes, len(sizes)), multiprocessing.get_context("spawn"))
    try:
        with _deaf_to_interrupts():
            tasks = {
                pool.submit(_write_part, path, size, seed, part): part
                for part, (path, size) in enumerate(zip(paths, sizes, strict=True))
            }
        for task in as_completed(tasks):
            yield tasks[task], task.result()
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start processes that never see Ctrl-C, which reaches all of a terminal: to stop them is their parent's affair."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _named(rows: list[int]) -> list[PartFile]:
    return [PartFile(f"part-{part:05}{SUFFIX}", one) for part, one in enumerate(rows)]


def _write_part(path: Path, encounters: int, seed: int, part: int) -> _Written:
    from pyarrow import parquet

    made = simulate_part(encounters, seed, part)
    parquet.write_table(_as_arrow(made.frame), path, row_group_size=ROW_GROUP, compression="zstd")
    return _Written(len(made.frame), made.exclusions, made.planted)


def _as_arrow(frame: pd.DataFrame) -> Any:
    """Return the rows as an Arrow table: ids text, categories dictionaries, whole numbers as small as they can be."""
    import pyarrow as pa

    table = frame.reset_index()
    types = {SCHEMA.encounter_id: pa.string(), SCHEMA.patient_id: pa.string(), SCHEMA.outcome: pa.int8()}
    types |= {spec.name: _arrow_type(spec) for spec in SCHEMA.features}
    types |= {score.name: _whole_number(score.largest) for score in SCHEMA.baselines}
    arrays = {name: pa.Array.from_pandas(table[name]) for name in types}
    arrays = {name: _cast(array, types[name]) for name, array in arrays.items()}
    return pa.table(arrays)


def _cast(array: Any, kind: Any) -> Any:
    import pyarrow as pa

    text = array.cast(pa.string()) if pa.types.is_large_string(array.type) else array
    return text.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else text.cast(kind)


def _arrow_type(spec: FeatureSpec) -> Any:
    import pyarrow as pa

    if spec.is_category:
        return pa.dictionary(pa.int16(), pa.string())
    return pa.float64() if spec.bounds is None else _whole_number(spec.bounds[1])


def _whole_number(largest: float) -> Any:
    """Return the smallest type of whole numbers that holds numbers up to this one."""
    import pyarrow as pa

    return next(kind for kind in (pa.int8(), pa.int16(), pa.int32()) if largest < 2 ** (kind.bit_width - 1))


def _describe(new: Path, rows: int, sizes: list[int], written: list[_Written]) -> FolderDescription:
    excluded: Counter[str] = Counter()
    for one in written:
        excluded.update({step.reason: step.rows for step in one.exclusions})
    described = FolderDescription(
        SCHEMA,
        tuple(_named([one.rows for one in written])),
        rows,
        tuple(Exclusion(reason, count) for reason, count in excluded.items()),
        simulated=True,
        planted=PLANTED_FILE,
    )
    write_planted(new / PLANTED_FILE, whole([one.planted for one in written], sizes))
    (new / COHORT_FILE).write_text(written_description(described), encoding="utf-8")
    return described
