"""How an estimate is shown beside its refit."""

import pandas as pd

from clinflu.figures.style import signed

NO_ESTIMATE = "no estimate"


def estimated(change: float | None) -> str:
    """Return an estimated change with its sign; without one that there is none, which says nothing of the refit."""
    return NO_ESTIMATE if change is None or pd.isna(change) else signed(change)
