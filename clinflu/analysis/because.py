"""Why a past encounter matters to a prediction: the recorded values of both that carry its effect, in a sentence."""

from dataclasses import dataclass, replace
from math import isnan

import numpy as np
import pandas as pd

from clinflu.analysis.pair import GroupDecomposition, group_decomposition
from clinflu.data.age import is_age, shown_age
from clinflu.data.design import INTERCEPT, MISSING
from clinflu.influence.decomposition import decomposition_from_average
from clinflu.influence.result import PERCENT
from clinflu.study import Study

SHOWN = 5
NAMED = 3
LARGE_SHARE = 0.5
NOTABLE_SHARE = 0.25
CANCELLING_SHARE = 2.0
NOTICEABLE_PP = 0.01
ONE_OF = {"years": "year", "months": "month", "weeks": "week", "days": "day", "hours": "hour", "minutes": "minute"}
CAUTION = "parts much larger than the effect cancel here, so read them together"
CONFIRMED = (0.5, 2.0)
NO_EFFECT = 1e-9


@dataclass(frozen=True, slots=True)
class Pair:
    """One cell of the decomposition: a variable of the audited encounter with a variable of the past one.

    Parameters
    ----------
    audited_variable, past_variable : str
        ``"intercept"`` stands for what all patients have in common: the training average, nobody's record.
    audited_label, past_label : str
        What a clinician calls them.
    audited_recorded, past_recorded : str or None
        As a person sees it, with the unit; ``"missing"``; None where the model's column is no recorded variable.
    alike : bool
        Whether it is the same variable, recorded alike in both.
    log_odds : float
        Its part in the one-step margin change.
    share : float
        Of the whole change; shares can exceed 1 or be negative where cells work against each other.
    """

    audited_variable: str
    past_variable: str
    audited_label: str
    past_label: str
    audited_recorded: str | None
    past_recorded: str | None
    alike: bool
    log_odds: float
    share: float


@dataclass(frozen=True, slots=True)
class Because:
    """Why a past encounter matters to a prediction.

    Parameters
    ----------
    encounter_id, past_encounter_id : str
    sentence : str
        Plain text, with recorded values in it: a view escapes it. Ids do not occur.
    pairs : tuple of Pair
        The cells with the largest parts of either sign, largest first.
    margin_change_estimate, margin_change_refit : float, log-odds
        Without the past encounter: one step, of which the pairs are parts, and the truth.
    risk_change_refit_pp : float
        The truth in percentage points.
    """

    encounter_id: str
    past_encounter_id: str
    sentence: str
    pairs: tuple[Pair, ...]
    margin_change_estimate: float
    margin_change_refit: float
    risk_change_refit_pp: float

    def __repr__(self) -> str:
        change = self.risk_change_refit_pp
        said = "the model cannot be fitted" if isnan(change) else f"the refitted risk would be {_points(change)}"
        return f"Because: without the past encounter {said}; see .sentence, .pairs (with recorded values)"


def because(study: Study, encounter_id: str, past_encounter_id: str) -> Because:
    """Say through which recorded values a past encounter matters to a prediction, beside its refit.

    Variables are named where the largest cell carries at least half of the effect, with it those of a quarter or more,
    or where up to three together carry half; otherwise the sentence says that no few carry it. Where the refit moves
    the risk by less than 0.01 percentage points there is nothing to explain, and nothing is named; where it is not
    between half and twice the one-step estimate, nothing is named either. Both encounters are measured from the
    training average, also where the model has no intercept.

    Parameters
    ----------
    study : Study
    encounter_id, past_encounter_id : str
        The audited encounter, and the training encounter.

    Raises
    ------
    DataError
        No such encounter, or one that did not teach the model.
    SingularHessianError
        Without the past encounter the model is not determined.
    """
    plain = group_decomposition(study, encounter_id, [past_encounter_id])
    found = replace(plain, newton=_from_average(study, plain))
    pairs = _pairs(study, found)
    return Because(
        encounter_id=found.encounter_id,
        past_encounter_id=found.encounters[0],
        sentence=_sentence(found, pairs),
        pairs=pairs[:SHOWN],
        margin_change_estimate=found.margin_change_newton,
        margin_change_refit=found.margin_change_refit,
        risk_change_refit_pp=found.risk_change_refit_pp,
    )


def _from_average(study: Study, found: GroupDecomposition) -> pd.DataFrame:
    """Return the cells of recorded variables, and of what all patients have in common as the intercept."""
    rows = study.training_positions(list(found.encounters))
    parts = decomposition_from_average(study.train, rows, study.x(found.encounter_id))
    names = pd.Index([INTERCEPT, *study.design.variables])
    table = pd.DataFrame(parts, names, names)
    return table.groupby(level=0, sort=False).sum().T.groupby(level=0, sort=False).sum().T


def _pairs(study: Study, found: GroupDecomposition) -> tuple[Pair, ...]:
    """Return every cell, largest first."""
    cells, names = found.newton.to_numpy(), [str(name) for name in found.newton.index]
    total = found.margin_change_newton
    here, there = (study.cohort.frame.iloc[study.row(one)] for one in (found.encounter_id, found.encounters[0]))
    audited, past = ([_recorded(study, record, name) for name in names] for record in (here, there))
    labels = [_label(study, name) for name in names]
    order = np.argsort(-np.abs(cells), axis=None, kind="stable")
    return tuple(
        Pair(
            audited_variable=names[j],
            past_variable=names[k],
            audited_label=labels[j],
            past_label=labels[k],
            audited_recorded=audited[j],
            past_recorded=past[k],
            alike=bool(j == k and audited[j] is not None and _same(here[names[j]], there[names[j]])),
            log_odds=float(cells[j, k]),
            share=float(cells[j, k]) / total if total else 0.0,
        )
        for j, k in zip(*np.unravel_index(order, cells.shape), strict=True)
    )


def _label(study: Study, name: str) -> str:
    if name == INTERCEPT:
        return "what all patients have in common"
    known = name in study.cohort.schema.feature_names
    return study.cohort.schema.feature(name).label if known else f"the model's own column {name}"


def _same(one: object, other: object) -> bool:
    """Whether two recorded values are the same; ages over 89, which are shown alike, need not be."""
    return bool(pd.isna(other)) if pd.isna(one) else bool(one == other)


def _recorded(study: Study, record: pd.Series, name: str) -> str | None:
    if name not in study.cohort.schema.feature_names:
        return None
    spec, value = study.cohort.schema.feature(name), record[name]
    if pd.isna(value):
        return MISSING
    said = shown_age(value) if is_age(spec) else value
    if not spec.is_number:
        return str(said)
    unit = ONE_OF.get(spec.unit, spec.unit) if said == 1 and spec.unit else spec.unit
    number = said if isinstance(said, str) else f"{float(value):.12g}"
    return number + (f" {unit}" if unit else "")


def _sentence(found: GroupDecomposition, pairs: tuple[Pair, ...]) -> str:
    change, estimate = found.margin_change_refit, found.margin_change_newton
    if isnan(change):
        return "Without this past encounter the model cannot be fitted at all."
    if max(abs(change), abs(estimate)) < NO_EFFECT:
        return "Without this past encounter the refitted risk would be the same."
    truth = f"Without this past encounter the refitted risk would be {_points(found.risk_change_refit_pp)}"
    if abs(found.risk_change_refit_pp) < NOTICEABLE_PP:
        return f"{truth}: no noticeable effect."
    if not CONFIRMED[0] * abs(estimate) <= change * np.sign(estimate) <= CONFIRMED[1] * abs(estimate):
        return f"{truth}; the one-step estimate is too far from this refit to say which recorded values carry it."
    return f"{truth}{_carried(pairs)}."


def _carried(pairs: tuple[Pair, ...]) -> str:
    """Return what carries the effect, what works against it, and a caution where parts dwarf their sum."""
    helping = [pair for pair in pairs if pair.share > 0][:NAMED]
    opposing = [pair for pair in pairs if pair.share <= -NOTABLE_SHARE][:1]
    against = f"; against it works {_meeting(opposing[0])}" if opposing else ""
    caution = f"; {CAUTION}" if abs(pairs[0].share) >= CANCELLING_SHARE else ""
    if pairs[0].share < 0:
        return f"; no few recorded values carry this: the largest part, {_meeting(pairs[0])}, works against it{caution}"
    if pairs[0].share >= LARGE_SHARE:
        notable = [pair for pair in helping if pair.share >= NOTABLE_SHARE]
        return f", {_named(notable)}{against}{caution}"
    if sum(pair.share for pair in helping) >= LARGE_SHARE:
        return f", mainly {_named(helping)}{against}"
    return f"; no few recorded values carry this: the largest part comes {_named(helping[:1])}{against}"


def _named(pairs: list[Pair]) -> str:
    """Return the pairs as reasons: first the values that both share, then those that differ."""
    shared = " and ".join(f"{pair.past_label} {pair.past_recorded} ({_percent(pair)})" for pair in pairs if pair.alike)
    others = " and ".join(_meeting(pair) for pair in pairs if not pair.alike)
    reasons = [f"because both were recorded as {shared}"] if shared else []
    return " and ".join([*reasons, *([f"through {others}"] if others else [])])


def _meeting(pair: Pair) -> str:
    """Return which values meet in a cell: there, in the past encounter, and here, in the audited one."""
    there = [] if pair.past_recorded is None else [f"{pair.past_recorded} there"]
    here = [] if pair.audited_recorded is None else [f"{pair.audited_recorded} here"]
    if pair.alike:
        return f"{pair.past_label} ({pair.past_recorded} in both; {_percent(pair)})"
    if pair.audited_variable == pair.past_variable:
        return _with_details(pair.past_label, [", ".join(there + here)] if there else [], pair)
    past = " ".join([pair.past_label, *(f"({text})" for text in there)])
    return f"{past} with {_with_details(pair.audited_label, here, pair)}"


def _with_details(label: str, details: list[str], pair: Pair) -> str:
    return f"{label} ({'; '.join([*details, _percent(pair)])})"


def _percent(pair: Pair) -> str:
    return f"{PERCENT * pair.share:.0f} % of the estimate".replace("-", "−")


def _points(change: float) -> str:
    if abs(change) < NOTICEABLE_PP:
        return f"{'lower' if change < 0 else 'higher'} by less than {NOTICEABLE_PP:g} percentage points"
    size = f"{abs(change):.1f}" if abs(change) >= 0.05 else f"{abs(change):.1g}"
    return f"{size} percentage points {'lower' if change < 0 else 'higher'}"
