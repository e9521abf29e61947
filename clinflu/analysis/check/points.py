"""What a check refits, and the pairs of estimate and refit that it finds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import is_whole
from clinflu.errors import DataError
from clinflu.influence.agreement import Pairs

SINGLE, GROUP = "single", "group"
RANDOM, PATIENT, SUBGROUP, TOGETHER = "random", "patient", "subgroup", "together"
SORTS = (RANDOM, PATIENT, SUBGROUP, TOGETHER)
FIRST_ORDER, SECOND_ORDER, ONE_STEP, NEWTON = "first_order", "second_order", "one_step", "newton"
METHODS = {SINGLE: (FIRST_ORDER, SECOND_ORDER, ONE_STEP), GROUP: (FIRST_ORDER, SECOND_ORDER, NEWTON)}
ESTIMATES = {
    FIRST_ORDER: "first-order estimate",
    SECOND_ORDER: "second-order estimate",
    ONE_STEP: "one-step estimate",
    NEWTON: "Newton estimate",
}
KINDS = {
    SINGLE: "one encounter",
    GROUP: "all groups",
    RANDOM: "a random group",
    PATIENT: "a patient's encounters",
    SUBGROUP: "a subgroup",
    TOGETHER: "the strongest together",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is refitted.

    Parameters
    ----------
    strongest, random : int
        Training encounters removed one at a time for each prediction: the strongest by the one-step estimate, and
        others at random.
    groups : int
        Groups of each sort at most; 0 for none.
    seed : int
        Of what is chosen at random.
    """

    strongest: int = 250
    random: int = 250
    groups: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        counts = asdict(self)
        if not all(map(is_whole, counts.values())):
            raise DataError("a check counts in whole numbers; give whole counts, such as 250, and a whole seed")
        for name, value in counts.items():
            object.__setattr__(self, name, int(value))
        if min(counts.values()) < 0 or self.strongest + self.random + self.groups == 0:
            raise DataError("a check needs something to refit; give counts of 0 or more, and not 0 for all of them")


@dataclass(frozen=True, slots=True)
class Checked:
    """A prediction on which the estimates were checked.

    Parameters
    ----------
    why : str
        Why it was chosen.
    risk : float
        Predicted, a share of 1.
    encounter_id : str, optional
        Absent in grades that were saved and read back.
    """

    why: str
    risk: float
    encounter_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Estimates and refits of several removals, for one prediction.

    Parameters
    ----------
    place : int
        Which of the predictions, from 0.
    kind : str
        ``"single"``, or the sort of the groups: ``"random"``, ``"patient"``, ``"subgroup"``, ``"together"``.
    encounters : (k,) int
        How many each removal removes.
    refit_pp : (k,)
        Change of the risk in percentage points; NaN where what is left has no finite fit.
    precision_pp : (k,)
        How far each refit may be from the exact optimum.
    estimates_pp : mapping of str to (k,)
        By method; NaN where the estimate does not exist.
    """

    place: int
    kind: str
    encounters: Rows
    refit_pp: Vector
    precision_pp: Vector
    estimates_pp: Mapping[str, Vector]

    def pairs(self, method: str) -> Pairs:
        """Return the pairs of one method."""
        return Pairs(self.estimates_pp[method], self.refit_pp, self.precision_pp)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN is None."""
        return {
            "place": self.place,
            "kind": self.kind,
            "encounters": self.encounters.tolist(),
            "refit_pp": _without_nan(self.refit_pp),
            "precision_pp": _without_nan(self.precision_pp),
            "estimates_pp": {method: _without_nan(values) for method, values in self.estimates_pp.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read points back.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            They are damaged.
        """
        part = cls(
            place=int(values["place"]),
            kind=str(values["kind"]),
            encounters=np.array(values["encounters"], dtype=np.intp),
            refit_pp=np.array(values["refit_pp"], dtype=float),
            precision_pp=np.array(values["precision_pp"], dtype=float),
            estimates_pp={name: np.array(numbers, dtype=float) for name, numbers in values["estimates_pp"].items()},
        )
        if part.kind not in (SINGLE, *SORTS) or set(part.estimates_pp) != set(methods_of(part.kind)):
            raise ValueError("another kind of estimates")
        if part.encounters.shape != part.refit_pp.shape or part.place < 0:
            raise ValueError("counts that belong to other removals")
        for method in part.estimates_pp:
            part.pairs(method)  # raises where their lengths differ
        return part


def methods_of(kind: str) -> tuple[str, ...]:
    """Return the estimates that there are of removals of this kind."""
    return METHODS[SINGLE if kind == SINGLE else GROUP]


def _without_nan(values: Vector) -> list[float | None]:
    return [float(one) if np.isfinite(one) else None for one in values]
