"""An outcome in words: which of them are neither the event nor what was said to be none."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.finding import Finding
from clinflu.data.validation import Broken
from data_loaders.table_description import Description

NEITHER = "expected outcome_event or one of outcome_others"
WRITTEN_OTHERWISE = "expected the event exactly as outcome_event writes it"
MANY_WORDS = "{} values beside the event all count as no event; name them in outcome_others if that is right"


@dataclass(frozen=True, slots=True)
class Misread:
    """What is wrong with the words of an outcome, and what is doubtful."""

    broken: tuple[Broken, ...] = ()
    findings: tuple[Finding, ...] = ()


NOTHING_MISREAD = Misread()


def misread_outcomes(source: str, column: str, outcome: pd.Series, description: Description) -> Misread:
    """Return what is wrong with the words of an outcome, and what is doubtful.

    Parameters
    ----------
    source, column : str
        The table, and its outcome.
    outcome : Series of text, (n,)
        As the table holds it.
    description : Description
        With an ``outcome_event``. Where it names ``outcome_others``, any other word is wrong; where it does not, a word
        that differs from the event only in capitals or spaces is, and several words beside the event are doubtful.
    """
    event, others = description.outcome_event or "", description.outcome_others
    beside = (outcome.notna() & (outcome != event)).to_numpy(dtype=bool)
    if others is not None:
        strange = beside & ~outcome.isin(others).to_numpy(dtype=bool)
        return Misread(_broken(column, NEITHER, strange))
    alike = beside & (_plain(outcome) == event.strip().casefold()).to_numpy(dtype=bool, na_value=False)
    words = outcome[beside].nunique()
    doubtful = (Finding(source, column, MANY_WORDS.format(words), int(np.count_nonzero(beside))),) if words > 1 else ()
    return Misread(_broken(column, WRITTEN_OTHERWISE, alike), doubtful)


def _plain(words: pd.Series) -> pd.Series:
    return words.str.strip().str.casefold()


def _broken(column: str, expected: str, rows: np.ndarray) -> tuple[Broken, ...]:
    return (Broken(column, expected, rows),) if rows.any() else ()
