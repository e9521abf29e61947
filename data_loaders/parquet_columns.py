"""How the columns of Parquet parts become those of a cohort, without a Python object for any cell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clinflu.data import CohortSchema

ID_BYTES = 24  # about: the text of an id and where it ends
CODES_BYTES = 100  # about: some codes in one text


class Collector(Protocol):
    """Takes a column block by block."""

    def add(self, block: Any) -> None:
        """Take the next block, an Arrow array."""

    def series(self) -> pd.Series:
        """Return all of it."""


class Texts:
    """Ids and sets of codes, which stay in Arrow's memory."""

    def __init__(self, rows: int) -> None:  # noqa: ARG002 -- as every collector
        self._blocks: list[Any] = []

    def add(self, block: Any) -> None:
        """Take the next block."""
        import pyarrow as pa

        plain = block.dictionary_decode() if pa.types.is_dictionary(block.type) else block
        self._blocks.append(plain.cast(pa.large_string()))

    def series(self) -> pd.Series:
        """Return all as text."""
        import pyarrow as pa

        whole = pa.concat_arrays(self._blocks)
        self._blocks = []
        return pd.Series(pd.array(pa.chunked_array([whole]), dtype=pd.StringDtype("pyarrow", na_value=np.nan)))


class Levels:
    """A category: a code for each row, in the smallest type that holds those of all levels."""

    def __init__(self, rows: int) -> None:
        self._codes: NDArray[Any] = np.empty(rows, dtype=np.int8)
        self._filled = 0
        self._places: dict[str, int] = {}

    def add(self, block: Any) -> None:
        """Take the next block."""
        import pyarrow as pa

        encoded = block if pa.types.is_dictionary(block.type) else block.cast(pa.string()).dictionary_encode()
        place = np.array([*map(self._place, encoded.dictionary.to_pylist()), -1])  # the last: missing
        places = place[encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)]
        needed = np.min_scalar_type(-max(len(self._places), 1))
        if needed.itemsize > self._codes.itemsize:
            self._codes = self._codes.astype(needed)
        self._codes[self._filled : self._filled + len(places)] = places
        self._filled += len(places)

    def _place(self, level: str | None) -> int:
        return -1 if level is None else self._places.setdefault(level, len(self._places))

    def series(self) -> pd.Series:
        """Return all as a category whose levels are sorted."""
        levels = sorted(self._places)
        new = {level: code for code, level in enumerate(levels)}
        ordered = np.array([*(new[level] for level in self._places), -1], dtype=self._codes.dtype)
        codes = ordered[self._codes]
        return pd.Series(pd.Categorical.from_codes(codes, pd.Index(levels, dtype="str")))


class Numbers:
    """Numbers, missing ones NaN."""

    def __init__(self, rows: int) -> None:
        self._numbers = np.empty(rows)
        self._filled = 0

    def add(self, block: Any) -> None:
        """Take the next block."""
        import pyarrow as pa

        plain = block.cast(pa.int8()) if pa.types.is_boolean(block.type) else block
        numbers = plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        self._numbers[self._filled : self._filled + len(numbers)] = numbers
        self._filled += len(numbers)

    def series(self) -> pd.Series:
        """Return all as float64."""
        return pd.Series(self._numbers, copy=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """How columns of a kind are stored in Parquet, and held."""

    stored_as: str
    takes: Callable[[Any], bool]
    collected: Callable[[int], Collector]
    bytes_each: int


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_category(kind: Any) -> bool:
    import pyarrow as pa

    return _is_text(kind.value_type) if pa.types.is_dictionary(kind) else _is_text(kind) or pa.types.is_null(kind)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))


def _is_outcome(kind: Any) -> bool:
    import pyarrow as pa

    return _is_number(kind) or bool(pa.types.is_boolean(kind))


ID = Kind("text", _is_text, Texts, ID_BYTES)
OUTCOME = Kind("0 and 1", _is_outcome, Numbers, 8)
CATEGORY = Kind("text", _is_category, Levels, 1)
CODES = Kind("text", _is_category, Texts, CODES_BYTES)
NUMBER = Kind("a number", _is_number, Numbers, 8)


def kind_of(name: str, schema: CohortSchema) -> Kind:
    """Return how a column of the schema is stored and held."""
    if name in (schema.encounter_id, schema.patient_id):
        return ID
    if name == schema.outcome:
        return OUTCOME
    if any(spec.name == name for spec in schema.code_sets):
        return CODES
    return CATEGORY if any(spec.name == name for spec in schema.categories) else NUMBER


def collector(name: str, schema: CohortSchema, rows: int) -> Collector:
    """Return what takes a column of the schema, for so many rows in all."""
    return kind_of(name, schema).collected(rows)
