"""Check what a person asks with: counts, numbers, lists of ids; what makes no sense ends in one line that says so."""

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.errors import DataError

FEWEST_NAMED = 10
NAMED = 20
SHOWN_CHARACTERS = 60


def check_count(value: Any, what: str, least: int = 0) -> int:
    """Return a whole number of ``least`` or more.

    Parameters
    ----------
    value : int
    what : str
        What it counts; the message begins with it.
    least : int

    Raises
    ------
    DataError
        It is smaller or no whole number; a truth value is none.
    """
    if not is_whole(value) or value < least:
        raise DataError(f"{what} must be a whole number of {least} or more, not {in_words(value)}")
    return int(value)


def check_number(value: Any, what: str) -> float:
    """Return a number as a float, NaN and infinity too.

    Raises
    ------
    DataError
        It is no number; a truth value and a text are none.
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise DataError(f"{what} must be a number, not {in_words(value)}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise DataError(f"{what} must be a number that a float can hold") from None


def check_flag(value: Any, what: str) -> bool:
    """Return a truth value, or raise DataError where it is none."""
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{what} must be True or False, not {in_words(value)}")
    return bool(value)


def list_of_ids(values: Iterable[str], what: str = "encounter ids") -> list[str]:
    """Return several ids, or names, as texts.

    Raises
    ------
    DataError
        It is a single text or number, a whole frame, or nothing at all.
    """
    if isinstance(values, str | bytes):
        raise DataError(f"give a list of {what}, not a single text")
    alone = isinstance(values, np.ndarray) and values.ndim == 0
    if alone or isinstance(values, pd.DataFrame) or not isinstance(values, Iterable):
        raise DataError(f"give a list of {what}, not {in_words(values)}")
    return [str(one) for one in values]


def values_by_id(values: Any, example: str) -> dict[str, Any]:
    """Return a mapping or Series as a dict by id.

    Parameters
    ----------
    values : mapping or Series
    example : str
        How it is written, for the message.

    Raises
    ------
    DataError
        It is no mapping, or names an id twice.
    """
    if not isinstance(values, Mapping | pd.Series):
        raise DataError(f"give {example}, or a Series by encounter id, not {in_words(values)}")
    found = {str(name): value for name, value in values.items()}
    if len(found) < len(values):
        raise DataError(f"{len(values) - len(found)} of the ids are there more than once; give each one only once")
    return found


def row_positions(rows: Any, count: int) -> Rows:
    """Return positions among the training encounters, in the order given.

    Raises
    ------
    DataError
        They are no list of whole numbers from 0 to ``count`` - 1; encounter ids are none.
    """
    try:
        found = np.asarray(rows)
    except ValueError:
        found = np.asarray(None)
    if found.ndim == 1 and not found.size:
        return np.empty(0, dtype=np.intp)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer) or found.min() < 0 or found.max() >= count:
        raise DataError(
            f"rows are positions among the training encounters, a list of whole numbers from 0 to {count - 1}; "
            "those of encounter ids are found by study.training_positions(ids)"
        )
    return found.astype(np.intp)


def levels_there(wanted: str, levels: Iterable[str]) -> str:
    """Say which level may have been meant and which there are, as the end of a message.

    Only levels that at least 10 of the encounters hold are named: a rarer one may be a patient's own value.

    Parameters
    ----------
    wanted : str
        What was asked for.
    levels : iterable of str
        Of every encounter.
    """
    counts = pd.Series(list(levels), dtype=object).value_counts()
    common = sorted(str(level) for level in counts.index[counts >= FEWEST_NAMED])
    if not common:
        return f"; none of its levels is held by {FEWEST_NAMED} encounters or more, so none is named here"
    more = f" and {len(counts) - len(common[:NAMED])} more" if len(counts) > len(common[:NAMED]) else ""
    return f"{nearest(wanted, common)}; there are: {', '.join(map(shortened, common[:NAMED]))}{more}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name that is spelt most alike, empty where none is."""
    by_spelling = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name[:SHOWN_CHARACTERS].casefold(), by_spelling, n=1)
    return f"; did you mean {shortened(by_spelling[near[0]])}?" if near else ""


def shortened(text: str) -> str:
    """Return a text in quotes, on one line, cut where it is long."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}...")


def is_whole(value: Any) -> bool:
    """Return whether something is a whole number; a truth value is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def in_words(value: Any) -> str:
    """Return a number as it is, and of anything else only what kind it is: it may hold values of patients."""
    if value is None or isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, int | float | np.number):
        return f"{value}"
    return "a text" if isinstance(value, str) else f"a {type(value).__name__}"
