"""Sets of codes in one recorded text, such as the diagnoses of an encounter: ``"I10;E11.9;N18"``."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from clinflu.data.arrays import Flags, Rows
from clinflu.data.schema import FeatureSpec

LONGEST_CODE = 100
OTHER = "other codes"


@dataclass(frozen=True, slots=True, eq=False)
class CodeSets:
    """Which codes some encounters hold.

    Parameters
    ----------
    codes : tuple of str, (m,)
        Those that occur, sorted as text.
    held : csr_array (n, m) float64
        1 where an encounter holds a code.
    """

    codes: tuple[str, ...]
    held: csr_array

    @property
    def counts(self) -> Rows:
        """How many encounters hold each code, (m,)."""
        found: Rows = np.bincount(self.held.indices, minlength=len(self.codes))
        return found

    @property
    def sizes(self) -> Rows:
        """How many codes each encounter holds, (n,)."""
        found: Rows = np.diff(self.held.indptr).astype(np.intp)
        return found

    def any_of(self, chosen: Flags) -> Flags:
        """Return which encounters hold any of some codes, (n,)."""
        found: Flags = self.held @ chosen.astype(float) > 0
        return found

    def columns(self, places: Rows, width: int) -> csr_array:
        """Return the codes in columns of 0 and 1, (n, width), float64.

        Parameters
        ----------
        places : (m,)
            Of the column of each code, -1 where it has none; several codes may share one.
        width : int
        """
        with_column = np.flatnonzero(places >= 0)
        ones = np.ones(len(with_column))
        found = csr_array(self.held @ csr_array((ones, (with_column, places[with_column])), (len(self.codes), width)))
        found.data[:] = 1.0
        found.sort_indices()
        return found


@dataclass(frozen=True, slots=True)
class SeenCodes:
    """Codes of one set that training saw and that have no column of their own.

    Parameters
    ----------
    rare : tuple of str
        Those that too few training encounters hold; they share the column "other codes".
    always : tuple of str
        Those that every training encounter holds: they tell nobody apart.
    """

    rare: tuple[str, ...]
    always: tuple[str, ...]


def code_sets(values: pd.Series, spec: FeatureSpec) -> CodeSets:
    """Return which codes each of some encounters holds.

    Parameters
    ----------
    values : Series of str, (n,)
        Recorded sets; missing means no code.
    spec : FeatureSpec
        Of the set.
    """
    rows, texts = _split(values, spec)
    encoded = texts.dictionary_encode()
    there = encoded.dictionary.to_pylist()
    codes = sorted(there)
    new = {code: place for place, code in enumerate(codes)}
    places = np.array([new[code] for code in there], dtype=np.intp)[encoded.indices.to_numpy()]
    held = csr_array((np.ones(len(rows)), (rows, places)), (len(values), len(codes)))
    held.sum_duplicates()
    held.data[:] = 1.0
    return CodeSets(tuple(codes), held)


def with_long_codes(values: pd.Series, spec: FeatureSpec) -> Flags:
    """Return which encounters hold what is too long to be a code, (n,)."""
    from pyarrow import compute

    rows, texts = _split(values, spec)
    found = np.zeros(len(values), dtype=bool)
    found[rows[compute.utf8_length(texts).to_numpy() > LONGEST_CODE]] = True
    return found


def holding(values: pd.Series, spec: FeatureSpec, code: str) -> Flags:
    """Return which encounters hold one code, (n,)."""
    sets = code_sets(values, spec)
    return sets.any_of(np.array([one == code.strip() for one in sets.codes], dtype=bool))


def learned(values: pd.Series, spec: FeatureSpec) -> tuple[dict[str, float], SeenCodes]:
    """Return the share of each column of a set among the training encounters, and the codes without one.

    Parameters
    ----------
    values : Series of str, (n,)
        Of the training encounters.
    spec : FeatureSpec

    Returns
    -------
    dict of str to float
        By code, sorted as text; last :data:`OTHER`, which stands for every rare code, where that varies.
    SeenCodes
    """
    sets = code_sets(values, spec)
    counts, total = sets.counts, len(values)
    rare = (counts < spec.fewest) | np.array([one == OTHER for one in sets.codes], dtype=bool)
    always = ~rare & (counts == total)
    shares = {sets.codes[k]: float(counts[k] / total) for k in np.flatnonzero(~rare & ~always)}
    others = int(np.count_nonzero(sets.any_of(rare)))
    if 0 < others < total:
        shares[OTHER] = others / total
    return shares, SeenCodes(*(tuple(sets.codes[k] for k in np.flatnonzero(which)) for which in (rare, always)))


def encoded(values: pd.Series, spec: FeatureSpec, columns: list[str], seen: SeenCodes) -> csr_array:
    """Return the columns of a set, (n, q), 0 and 1; a code that training never saw is in none.

    Parameters
    ----------
    values : Series of str, (n,)
    spec : FeatureSpec
    columns : list of str, (q,)
        As :func:`learned` names them.
    seen : SeenCodes
    """
    sets = code_sets(values, spec)
    place = {code: at for at, code in enumerate(columns)}
    together = place.pop(OTHER, -1)
    place |= dict.fromkeys(seen.rare, together)
    return sets.columns(np.array([place.get(code, -1) for code in sets.codes], dtype=np.intp), len(columns))


def _split(values: pd.Series, spec: FeatureSpec) -> tuple[Rows, Any]:
    """Return the row of each code that stands in the texts, and the codes, an Arrow array of text."""
    import pyarrow as pa
    from pyarrow import compute

    texts = pa.array(values.astype("str"), pa.large_string(), from_pandas=True)
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    lists = compute.split_pattern(whole, str(spec.separator))
    codes = compute.utf8_trim_whitespace(lists.flatten())
    there = compute.not_equal(codes, "")
    rows: Rows = compute.list_parent_indices(lists).filter(there).to_numpy().astype(np.intp)
    return rows, codes.filter(there)
