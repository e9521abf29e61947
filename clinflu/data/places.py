"""Where ids stand in a long index, without turning all of it into Python objects."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows

LONG = 1_000_000


def places_of(index: pd.Index, wanted: Iterable[object]) -> Rows:
    """Return the place of each wanted id in a unique index of texts, (k,); -1 where it is not there."""
    ids = pd.Index(list(wanted), dtype=object)
    if len(index) <= LONG:
        known: Rows = index.get_indexer(ids)
        return known
    texts, back = np.unique(ids.to_numpy().astype(str), return_inverse=True)
    found = np.full(len(texts), -1, dtype=np.intp)
    which = _index_in(index, texts)
    there = np.flatnonzero(which >= 0)
    found[which[there]] = there
    places: Rows = found[back]
    return places


def is_among(index: pd.Index, wanted: Iterable[object]) -> Flags:
    """Return which entries of an index of texts, (n,), are among some ids."""
    if len(index) <= LONG:
        known: Flags = np.asarray(index.isin(list(wanted)))
        return known
    return _index_in(index, np.unique(np.array(list(wanted), dtype=str))) >= 0


def _index_in(index: pd.Index, texts: "np.ndarray") -> Rows:
    """Return for each entry of the index which of the texts it is, (n,); -1 where none."""
    import pyarrow as pa
    from pyarrow import compute

    entries = pa.array(index.array) if len(index) else pa.array([], pa.string())
    which = compute.index_in(entries.cast(pa.large_string()), pa.array(texts.tolist(), pa.large_string()))
    filled = which.fill_null(-1)
    flat = pa.concat_arrays(filled.chunks) if isinstance(filled, pa.ChunkedArray) else filled
    found: Rows = flat.to_numpy(zero_copy_only=False).astype(np.intp)
    return found
