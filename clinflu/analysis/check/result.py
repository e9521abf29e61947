"""What a check of the estimates against refits found: the pairs, and the grade of each estimate."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from clinflu.analysis.check.points import (
    ESTIMATES,
    GROUP,
    KINDS,
    SORTS,
    Checked,
    Plan,
    Points,
    methods_of,
)
from clinflu.data.cohort import Provenance
from clinflu.errors import DataError, StoreError
from clinflu.influence.agreement import PERCENT, Agreement, Pairs, agreement, pooled, spearman
from clinflu.study import Study

FORMAT = "clinflu-check-1"
NOT_GRADED = "not graded yet: run clinflu check"


@dataclass(frozen=True, repr=False)
class Check:
    """Every estimate beside its refit, and the grades that follow.

    Grades are of changes of the predicted risk in percentage points, the scale on which views print estimates.

    Parameters
    ----------
    checked : tuple of Checked
        The predictions.
    points : tuple of Points
    refits : int
        Different models refitted; most serve several predictions.
    training_encounters : int
    plan : Plan
    provenance : Provenance
    model_sha256 : str
        Of the model that was checked; its grades say nothing about another.
    """

    checked: tuple[Checked, ...]
    points: tuple[Points, ...]
    refits: int
    training_encounters: int
    plan: Plan
    provenance: Provenance
    model_sha256: str

    def __repr__(self) -> str:
        from clinflu.analysis.check.values import sentence  # it imports this module

        simulated = " SIMULATED patients." if self.provenance.simulated else ""
        return f"Check: {sentence(self)}{simulated}\nSee .grade(kind, method), .to_frame()"

    def grade(self, kind: str, method: str) -> Agreement:
        """Return the grade of one kind of estimate over all predictions.

        Relative errors and signs are pooled; r is the lowest and slope the worst of the predictions, see
        :func:`clinflu.influence.agreement.pooled`.

        Parameters
        ----------
        kind : str
            ``"single"``, ``"group"`` (all sorts), or one sort: ``"random"``, ``"patient"``, ``"subgroup"``,
            ``"together"``.
        method : str
            ``"first_order"``, ``"second_order"``, and ``"one_step"`` of single removals or ``"newton"`` of groups.

        Raises
        ------
        DataError
            There is no such kind or method.
        """
        parts = [self._pairs(place, kind, method) for place in range(len(self.checked))]
        found = pooled(ESTIMATES[method], [part for part in parts if len(part.refit)])
        return replace(found, refits=self.refits)

    def grade_of(self, place: int, kind: str, method: str) -> Agreement:
        """Return the grade of one kind of estimate for one of the predictions, counted from 0."""
        return agreement(ESTIMATES[method], self._pairs(place, kind, method))

    def rank_correlation(self, kind: str, method: str) -> float:
        """Return Spearman's correlation of estimates and refits, the lowest of the predictions; NaN without any."""
        parts = [self._pairs(place, kind, method) for place in range(len(self.checked))]
        found = [spearman(part) for part in parts]
        return min((one for one in found if not np.isnan(one)), default=np.nan)

    def has(self, kind: str) -> bool:
        """Whether anything of this kind was refitted."""
        return any(len(part.refit_pp) for part in self.points if _covers(kind, part.kind))

    def to_frame(self) -> pd.DataFrame:
        """Return the grades: of each prediction (place from 0), and of all of them (place -1), one row a method."""
        rows = []
        for kind in filter(self.has, KINDS):
            for method in methods_of(kind):
                rows.append(_row(-1, kind, method, self.grade(kind, method)))
                places = range(len(self.checked))
                rows += [_row(place, kind, method, self.grade_of(place, kind, method)) for place in places]
        return pd.DataFrame(rows)

    def belongs_to(self, study: Study) -> bool:
        """Whether this is a check of the study's model."""
        return self.model_sha256 == model_sha256(study)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values to be saved; no encounter id is among them."""
        return {
            "format": FORMAT,
            "model_sha256": self.model_sha256,
            "refits": self.refits,
            "training_encounters": self.training_encounters,
            "plan": asdict(self.plan),
            "checked": [{"why": one.why, "risk": one.risk} for one in self.checked],
            "points": [part.to_dict() for part in self.points],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], study: Study) -> Self:
        """Read grades back.

        Raises
        ------
        StoreError
            They are damaged, or are of another model.
        """
        try:
            found = cls(
                checked=tuple(Checked(str(one["why"]), float(one["risk"])) for one in values["checked"]),
                points=tuple(Points.from_dict(part) for part in values["points"]),
                refits=int(values["refits"]),
                training_encounters=int(values["training_encounters"]),
                plan=Plan(**values["plan"]),
                provenance=study.cohort.provenance,
                model_sha256=str(values["model_sha256"]),
            )
            sound = values["format"] == FORMAT and all(part.place < len(found.checked) for part in found.points)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            sound = False
        if not sound:
            raise StoreError("the saved grades are damaged; run clinflu check again") from None
        if not found.belongs_to(study):
            raise StoreError("the saved grades are of another model; run clinflu check again")
        return found

    def _pairs(self, place: int, kind: str, method: str) -> Pairs:
        if kind not in KINDS or method not in methods_of(kind):
            raise DataError(f"no {method!r} estimates of {kind!r} removals are graded; see METHODS for what there is")
        found = [part.pairs(method) for part in self.points if part.place == place and _covers(kind, part.kind)]
        empty = Pairs(np.empty(0), np.empty(0), np.empty(0))
        columns = zip(*((part.estimate, part.refit, part.precision) for part in [empty, *found]), strict=True)
        return Pairs(*(np.concatenate(column) for column in columns))


def grade_words(check: Check | None, kind: str, method: str) -> str:
    """Return what must stand beside an estimate: its grade, or that it has none yet; kinds as in ``Check.grade``."""
    return check.grade(kind, method).words if check and check.has(kind) else NOT_GRADED


def model_sha256(study: Study) -> str:
    """Return what tells one fitted model from another: a hash of its coefficients, penalty and training rows."""
    digest = hashlib.sha256(str(study.model.family).encode())
    for part in (study.model.theta, study.model.penalty, study.split.train.astype(np.int64)):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _covers(kind: str, of: str) -> bool:
    return kind == of or (kind == GROUP and of in SORTS)


def _row(place: int, kind: str, method: str, grade: Agreement) -> dict[str, Any]:
    return {
        "place": place,
        "kind": kind,
        "method": method,
        "removals": grade.removals,
        "no_finite_fit": grade.no_finite_fit,
        "no_estimate": grade.no_estimate,
        "unresolved": grade.unresolved,
        "pearson_r": grade.pearson_r,
        "slope": grade.slope,
        "median_error_percent": PERCENT * grade.median_relative_error,
        "largest_error_percent": PERCENT * grade.largest_relative_error,
        "largest_error_pp": grade.largest_error,
        "sign_agreement_percent": PERCENT * grade.sign_agreement,
    }
