"""The conditions that slices are made of, and the losses that they are judged by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clinflu.analysis.groupings import Grouping
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.model.logistic import row_loss
from clinflu.study import Study

Criterion = Literal["loss", "beyond_risk"]
CRITERIA: tuple[Criterion, ...] = ("loss", "beyond_risk")


@dataclass(frozen=True, slots=True)
class Condition:
    """One variable at one level."""

    key: str
    label: str
    level: str

    def __str__(self) -> str:
        return f"{self.label}: {self.level}"


@dataclass(frozen=True, eq=False)
class Items:
    """Conditions that enough encounters answer to.

    Parameters
    ----------
    conditions : tuple of Condition
    variable : (m,) int
        Of which grouping each condition is.
    holds : (n, m) bool
        Whether it holds of each encounter.
    """

    conditions: tuple[Condition, ...]
    variable: Rows
    holds: Flags

    @classmethod
    def of(cls, groupings: tuple[Grouping, ...], rows: Rows, least: int) -> "Items":
        """Return every level that at least so many of these encounters have, and not all of them."""
        conditions, variable, columns = [], [], []
        for place, one in enumerate(groupings):
            codes = one.codes[rows]
            counts = np.bincount(codes, minlength=len(one.levels))
            for code in np.flatnonzero((counts >= least) & (counts < len(rows))):
                conditions.append(Condition(one.key, one.label, one.levels[code]))
                variable.append(place)
                columns.append(codes == code)
        holds = np.column_stack(columns) if columns else np.empty((len(rows), 0), dtype=bool)
        return cls(tuple(conditions), np.array(variable, dtype=np.intp), holds)


def errors(study: Study, rows: Rows, criterion: Criterion) -> Vector:
    """Return by what encounters are judged, (n,), nats.

    ``"loss"``: the loss of what happened. ``"beyond_risk"``: less the loss that the predicted risk itself expects,
    which is 0 in the mean where the risks are right, however hard the patients are.
    """
    loss = row_loss(study.margins[rows], study.design.y[rows])
    return loss if criterion == "loss" else loss - expected_loss(study, rows)


def expected_loss(study: Study, rows: Rows) -> Vector:
    """Return the loss that the predicted risk expects of itself, its entropy, (n,), nats."""
    margin, p = study.margins[rows], study.risks[rows]
    happens, does_not = (row_loss(margin, np.full(len(rows), outcome)) for outcome in (1.0, 0.0))
    return p * happens + (1.0 - p) * does_not
