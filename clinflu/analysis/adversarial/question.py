"""What may be done to one past record of a study, the strongest for one prediction, each refitted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clinflu.analysis.adversarial.alteration import (
    EDIT,
    KINDS,
    RELABELLING,
    REMOVAL,
    REWRITING,
    Alteration,
    words_of,
)
from clinflu.analysis.adversarial.candidates import DEFAULT_NUMBERS, Candidates
from clinflu.analysis.adversarial.rewriting import rewrite
from clinflu.analysis.adversarial.screen import Screened
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_count
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk_at
from clinflu.study import Study

REFITTED = 8


@dataclass(frozen=True)
class Search:
    """How hard the strongest alteration is looked for.

    Parameters
    ----------
    numbers : int
        Values tried of each recorded number, from the smallest to the largest that training saw.
    refitted : int
        Of each kind and each way, how many of the strongest by the estimate are refitted; the records of the
        strongest edits are also rewritten altogether.
    immutable : tuple of str, optional
        Variables that stay as they are; by default age, sex, race and ethnicity.
    """

    numbers: int = DEFAULT_NUMBERS
    refitted: int = REFITTED
    immutable: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_count(self.numbers, "the values tried of each number", least=2)
        check_count(self.refitted, "the refits of each kind", least=1)


DEFAULT_SEARCH = Search()


@dataclass(frozen=True, eq=False)
class _Tried:
    """An alteration before and after its refit: margins, log-odds."""

    kind: str
    row: int
    values: dict[str, Any]
    estimate: float
    change: Change
    refit: float = np.nan


class Question:
    """One prediction, and what may be done to the records; ``refits`` counts what it took."""

    def __init__(self, study: Study, x: Vector, candidates: Candidates, search: Search) -> None:
        self.study, self.x, self.candidates, self.search = study, x, candidates, search
        self.margin = float(x @ study.model.theta)
        self.refits = 0

    def alterations(self, screened: Screened, threshold: float) -> list[Alteration]:
        """Return, by the refit, the alteration of each kind that raises the margin most and that lowers it most."""
        edits = self._edits(screened)
        tried = self._refitted([*edits, *self._rewritings(screened), *self._removals(), *self._relabellings()])
        best = []
        for kind in KINDS:
            of_kind = [one for one in tried if one.kind == kind and np.isfinite(one.refit)]
            for sign in (1.0, -1.0):
                strongest = max(of_kind, key=lambda one: sign * one.refit, default=None)
                if strongest is not None and sign * (strongest.refit - self.margin) > 0:
                    best.append(self._alteration(strongest, threshold))
        return best

    def _edits(self, screened: Screened) -> list[_Tried]:
        found = []
        for hit in (*screened.raising, *screened.lowering):
            name = self.candidates.variables[hit.edit]
            columns, x = self.candidates.columns[name], self.study.train.x[hit.row].copy()
            x[columns] = self.candidates.x[hit.edit, columns]
            found.append(self._edit(EDIT, hit.row, x, {name: self.candidates.values[hit.edit]}, hit.margin_change))
        return found

    def _edit(self, kind: str, row: int, x: Vector, values: dict[str, Any], margin_change: float) -> _Tried:
        train, rows = self.study.train, np.array([row])
        change = Change(rows, train.weights[rows], train.y[rows], x[None])
        return _Tried(kind, row, values, self.margin + margin_change, change)

    def _removals(self) -> list[_Tried]:
        train = self.study.train
        effects = one_step(train, removal_effect(train, self.x))
        return [
            _Tried(REMOVAL, int(row), {}, self.margin + effects[row], Change.removal(train, np.array([row])))
            for row in _ends(effects, self.search.refitted)
        ]

    def _relabellings(self) -> list[_Tried]:
        train = self.study.train
        effects = relabelling_effects(train, self.x)
        return [
            _Tried(RELABELLING, int(row), {}, self.margin + effects[row], Change.relabelling(train, np.array([row])))
            for row in _ends(effects, self.search.refitted)
        ]

    def _refitted(self, tried: list[_Tried]) -> list[_Tried]:
        refits = refit_each_or_nan(self.study.train, [one.change for one in tried])
        self.refits += len(refits)
        return [
            _Tried(one.kind, one.row, one.values, one.estimate, one.change, float(self.x @ refitted.theta))
            for one, refitted in zip(tried, refits, strict=True)
        ]

    def _rewritings(self, screened: Screened) -> list[_Tried]:
        train, found = self.study.train, []
        for hits, sign in ((screened.raising, 1.0), (screened.lowering, -1.0)):
            for row in dict.fromkeys(hit.row for hit in hits):
                written = rewrite(train, self.candidates, self.x, row, sign)
                if len(written.edits) > 1:
                    values = {self.candidates.variables[one]: self.candidates.values[one] for one in written.edits}
                    found.append(self._edit(REWRITING, row, written.x, values, written.margin_change))
        return found

    def _alteration(self, one: _Tried, threshold: float) -> Alteration:
        study = self.study
        return Alteration(
            kind=one.kind,
            encounter_id=str(study.train_ids[one.row]),
            values=tuple(one.values.items()),
            outcome=int(study.train.y[one.row]),
            words=words_of(study, one.kind, one.row, one.values),
            risk_before=risk_at(self.margin),
            risk_estimate=risk_at(one.estimate),
            risk_after=risk_at(one.refit),
            threshold=threshold,
        )


def relabelling_effects(train: TrainingRows, x_audited: Vector) -> Vector:
    """Return the change of an audited margin when each training row gets the other outcome, one Newton step, (n,)."""
    effects: Vector = train.weights * (1.0 - 2.0 * train.y) * (train.x @ train.model.solve(x_audited))
    return effects


def _ends(effects: Vector, k: int) -> Rows:
    """Return the k largest and the k smallest, by position."""
    order = np.argsort(effects, kind="stable")
    return np.unique(np.concatenate([order[:k], order[-k:]]))
