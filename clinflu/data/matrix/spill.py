"""Codes on disk: a compact matrix as parts of Parquet, without ids and without anything that was recorded as text."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from clinflu.data.arrays import Vector
from clinflu.data.matrix.coded import Coded, CodedMatrix, Plain
from clinflu.data.matrix.folder import PrivateFolder
from clinflu.errors import BackendError

PART_ROWS = 2**16
NOTHING = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Layout:
    """What the codes of a part stand for.

    Parameters
    ----------
    variables : tuple of Coded or Plain
        Without rows.
    kinds : tuple of dtype
        Of the codes or values of each.
    columns : int
        p.
    """

    variables: tuple[Coded | Plain, ...]
    kinds: tuple[np.dtype[Any], ...]
    columns: int

    @classmethod
    def of(cls, x: CodedMatrix) -> Self:
        """Return the layout of a matrix."""
        kinds = tuple((one.codes if isinstance(one, Coded) else one.values).dtype for one in x.variables)
        return cls(tuple(_filled(one, NOTHING) for one in x.variables), kinds, x.columns)

    @property
    def written(self) -> tuple[int, ...]:
        """Places of the variables that are on disk: those that have more than one code."""
        return tuple(place for place, one in enumerate(self.variables) if not _is_constant(one))

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes in memory."""
        return max(1, sum(self.kinds[place].itemsize for place in self.written))

    def matrix(self, contents: dict[int, NDArray[Any]], rows: int) -> CodedMatrix:
        """Return the rows of a part, given the content of each variable that is on disk, by its place."""
        constant = np.broadcast_to(np.uint8(0), rows)
        filled = (_filled(one, contents.get(place, constant)) for place, one in enumerate(self.variables))
        return CodedMatrix(tuple(filled), self.columns)

    def joined(self, parts: list[CodedMatrix]) -> CodedMatrix:
        """Return parts one under another, as one."""
        contents = {place: np.concatenate([_content(one.variables[place]) for one in parts]) for place in self.written}
        return self.matrix(contents, sum(map(len, parts)))


@dataclass(frozen=True, eq=False)
class Spill:
    """A compact matrix in a private folder, a part of a known number of rows in each file.

    Parameters
    ----------
    folder : PrivateFolder
        Removed when nothing refers to it any more.
    layout : Layout
    rows : int
        n.
    part_rows : int
        Of every part but the last.
    largest : (p,)
        max |x_ij| of each column.
    """

    folder: PrivateFolder
    layout: Layout
    rows: int
    part_rows: int
    largest: Vector

    @classmethod
    def write(cls, x: CodedMatrix, place: Path | None = None, part_rows: int = PART_ROWS) -> Self:
        """Write all parts, or leave nothing.

        Raises
        ------
        BackendError
            The disk is full, or cannot be written to.
        """
        found = cls(PrivateFolder(place), Layout.of(x), len(x), part_rows, x.largest())
        try:
            for number in range(found.count):
                start = number * part_rows
                rows = slice(start, min(start + part_rows, len(x)))
                write_part(found.path(number), x, rows, found.layout.written)
        except OSError as error:
            found.folder.remove()
            raise BackendError(
                f"the table could not be written to disk ({error.strerror or 'the disk failed'}); make room, or name "
                "another folder for it; nothing was left there"
            ) from None
        except BaseException:
            found.folder.remove()
            raise
        return found

    @property
    def count(self) -> int:
        """Number of parts."""
        return -(-self.rows // self.part_rows)

    def path(self, number: int) -> Path:
        """Return where a part is."""
        return self.folder.path / f"part-{number:05d}.parquet"

    def rows_of(self, number: int) -> int:
        """Return the number of rows of a part."""
        return min(self.part_rows, self.rows - number * self.part_rows)

    def read(self, number: int) -> CodedMatrix:
        """Return a part; see :func:`read_part`."""
        return read_part(self.path(number), number, self.rows_of(number), self.layout)


def write_part(path: Path, x: CodedMatrix, rows: slice, places: tuple[int, ...]) -> None:
    """Write rows as one row group, readable by the owner alone; each page has a checksum."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {str(place): _content(x.variables[place])[rows] for place in places}
    group = pa.table(columns) if columns else pa.table({"none": pa.nulls(rows.stop - rows.start)})
    path.touch(mode=0o600)
    parquet.write_table(group, path, row_group_size=len(group), write_statistics=False, write_page_checksum=True)


def read_part(path: Path, number: int, rows: int, layout: Layout) -> CodedMatrix:
    """Return the rows of a part.

    Raises
    ------
    BackendError
        It is gone, or it is not what was written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            group = file.read_row_group(0, use_threads=False)
        if group.num_rows != rows:
            raise pa.ArrowInvalid("another number of rows")
        return layout.matrix(dict(_contents(group, layout)), rows)
    except FileNotFoundError:
        trouble = "is gone"
    except (OSError, pa.ArrowException, KeyError):
        trouble = "is broken"
    raise BackendError(
        f"part {number + 1} of the table on disk {trouble}; fit again, in a folder that nothing else writes to or "
        "tidies and that every worker sees"
    )


def _contents(group: Any, layout: Layout) -> Iterator[tuple[int, NDArray[Any]]]:
    for place in layout.written:
        yield place, group.column(str(place)).to_numpy().astype(layout.kinds[place], copy=False)


def _content(variable: Coded | Plain) -> NDArray[Any]:
    return variable.codes if isinstance(variable, Coded) else variable.values


def _filled(variable: Coded | Plain, content: NDArray[Any]) -> Coded | Plain:
    if isinstance(variable, Coded):
        return replace(variable, codes=content)
    return replace(variable, values=content)


def _is_constant(variable: Coded | Plain) -> bool:
    return isinstance(variable, Coded) and len(variable.table) == 1
