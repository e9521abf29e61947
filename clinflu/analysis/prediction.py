"""One prediction, explained as far as no refit is needed: its risk, its interval, what raised it, what it rests on."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.mistakes import EXPECTED, SURPRISING, check_threshold, kinds
from clinflu.analysis.similar import similar_encounters
from clinflu.analysis.support import Cuts, Support, support
from clinflu.data.asking import NAMED
from clinflu.data.cohort import Provenance
from clinflu.data.design import INTERCEPT, MISSING
from clinflu.data.shown import printable, shown
from clinflu.influence.decomposition import attribution
from clinflu.influence.interval import Interval, risk_interval
from clinflu.influence.result import PERCENT, Influence
from clinflu.model.logistic import curvature_at, risk_at
from clinflu.study import Study

SMALLEST_MARGIN_CHANGE = 1e-9
OWN_COLUMNS = "columns of the model's own"


@dataclass(frozen=True, repr=False)
class Prediction:
    """One prediction and what it rests on; nothing here was refitted.

    Parameters
    ----------
    encounter_id : str
    role : str
        ``"audited"``, ``"confirm"`` or ``"training"``: which part of the cohort it belongs to.
    risk, margin, threshold : float
        Predicted risk (share of 1), its log-odds, and the risk from which the model alerts.
    outcome : int
        What happened.
    kind : str
        ``"missed"``, ``"false alarm"`` or ``"right"``.
    interval : Interval
        Of the risk.
    similar_encounters : int
        How many audited encounters at the nearest risks were looked at.
    similar_event_rate : float
        Share of them that had the event.
    similar_rate_differs : bool
        Whether the predicted risk is outside the 95 % interval of that share.
    audited_encounters : int
        Among how many the mistake was found.
    verdict : str
        ``"surprising"`` or ``"expected at this risk"``.
    baseline_risk : float
        Of the average training encounter; the attribution starts there.
    attribution : DataFrame
        By recorded variable: what was recorded, log-odds added, and their share of the risk in percentage points.
    influence : Influence
        Of every training encounter.
    support : Support
        How well the past patients support the prediction.
    provenance : Provenance
    outcome_label : str
    notes : tuple of str
        About the model, to be shown with every number.
    """

    encounter_id: str
    role: str
    risk: float
    margin: float
    threshold: float
    outcome: int
    kind: str
    interval: Interval
    similar_encounters: int
    similar_event_rate: float
    similar_rate_differs: bool
    audited_encounters: int
    verdict: str
    baseline_risk: float
    attribution: pd.DataFrame
    influence: Influence
    support: Support
    provenance: Provenance
    outcome_label: str
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        simulated = " of a SIMULATED patient" if self.provenance.simulated else ""
        return (
            f"{type(self).__name__}{simulated}: {self.kind}, predicted risk {PERCENT * self.risk:.1f} %, alert "
            f"threshold {PERCENT * self.threshold:.1f} %; {self.verdict}; see {self._where_to_look}"
        )

    @property
    def concentration(self) -> float:
        """Effective number of patients that carry the prediction."""
        return self.influence.concentration

    @property
    def patients_of_half(self) -> int:
        """The fewest past patients from whom half of the squared influence on the prediction comes."""
        return self.influence.patients_of_half

    @property
    def _where_to_look(self) -> str:
        return ".attribution, .interval, .support"


Explained = TypeVar("Explained", bound=Prediction)


def prediction(study: Study, encounter_id: str, threshold: float | None = None, cuts: Cuts | None = None) -> Prediction:
    """Explain one prediction without any refit.

    Parameters
    ----------
    study : Study
    encounter_id : str
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    cuts : Cuts, optional
        Of the low-support warning, to compute them once for many predictions.

    Raises
    ------
    DataError
        No such encounter.
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_trust()
    limit = study.threshold if threshold is None else check_threshold(threshold)
    row = study.row(encounter_id)
    similar = similar_encounters(study, np.array([row]))
    outcome = study.design.y[row]
    baseline, parts = _attribution(study, row)
    influence = influence_on(study, encounter_id)
    supported = support(study, encounter_id, cuts, influence.first_order)
    return Prediction(
        encounter_id=str(encounter_id),
        role=_role(study, row),
        risk=float(study.risks[row]),
        margin=float(study.margins[row]),
        threshold=limit,
        outcome=int(outcome),
        kind=str(kinds(study.risks[[row]], study.design.y[[row]], limit)[0]),
        interval=risk_interval(study.train, study.design.x[row], effect=influence.first_order),
        similar_encounters=int(similar.count[0]),
        similar_event_rate=float(similar.event_rate[0]),
        similar_rate_differs=bool(similar.rate_differs[0]),
        audited_encounters=len(study.split.audited),
        verdict=SURPRISING if similar.surprising[0] else EXPECTED,
        baseline_risk=baseline,
        attribution=parts,
        influence=influence,
        support=supported,
        provenance=study.cohort.provenance,
        outcome_label=study.cohort.schema.outcome_label,
        notes=(*study.notes, *_notes(study, row, supported.unseen)),
    )


def at_threshold(explained: Explained, threshold: float) -> Explained:
    """Return the explanation as it reads where the model alerts from another risk; nothing else depends on it."""
    limit = check_threshold(threshold)
    kind = kinds(np.array([explained.risk]), np.array([explained.outcome]), limit)[0]
    return replace(explained, threshold=limit, kind=str(kind))


def _role(study: Study, row: int) -> str:
    if row in study.split.train:
        return "training"
    return "audited" if row in study.split.audited else "confirm"


def _notes(study: Study, row: int, unseen: tuple[str, ...]) -> tuple[str, ...]:
    """Say what a reader must know about this encounter before trusting its numbers."""
    roles = {
        "training": "The model learned from this very encounter.",
        "confirm": "This encounter belongs to those kept to confirm what an audit finds.",
    }
    role = roles.get(_role(study, row))
    notes = (*_unseen_notes(study, row, unseen), *_unseen_codes(study, row))
    return (*study.warnings, *([role] if role else []), *notes)


def _unseen_notes(study: Study, row: int, unseen: tuple[str, ...]) -> tuple[str, ...]:
    """Say which of the encounter's levels the model could learn nothing about."""
    recorded = study.cohort.frame.iloc[row]
    specs = [study.cohort.schema.feature(name) for name in unseen]
    return tuple(
        f"{spec.label} {MISSING if pd.isna(recorded[spec.name]) else shown(spec, recorded[spec.name])} was never seen "
        "in training, so the model takes the average."
        for spec in specs
    )


def _unseen_codes(study: Study, row: int) -> tuple[str, ...]:
    """Say which of the encounter's codes the model could learn nothing about."""
    if study.encoder is None:
        return ()
    found = study.encoder.unseen_codes(study.cohort.frame.iloc[[row]])
    schema, said = study.cohort.schema, "never seen in training, so the model passes over"
    return tuple(
        f"{schema.feature(name).label} {', '.join(map(printable, list(codes)[:NAMED]))}"
        f"{f' and {len(codes) - NAMED} more' if len(codes) > NAMED else ''} "
        + (f"was {said} it." if len(codes) == 1 else f"were {said} them.")
        for name, codes in found.items()
    )


def _attribution(study: Study, row: int) -> tuple[float, pd.DataFrame]:
    """Return the baseline risk and what each recorded variable adds, largest first."""
    design = study.design
    baseline, parts = attribution(study.model, design.x[row], study.train.mean, has_intercept=design.has_intercept)
    total, gained = float(parts.sum()), float(study.risks[row]) - risk_at(baseline)
    share = gained / total if abs(total) > SMALLEST_MARGIN_CHANGE else curvature_at(baseline)
    folded = pd.Series(design.fold(parts), design.variable_names).drop(INTERCEPT, errors="ignore")
    known = folded.index.isin(study.cohort.schema.feature_names)
    recorded = study.cohort.frame.iloc[row]
    rows = [_contribution(study, recorded, str(name), change) for name, change in folded[known].items()]
    if not known.all():
        rows.append({"variable": OWN_COLUMNS, "label": OWN_COLUMNS, "log_odds": float(folded[~known].sum())})
    frame = pd.DataFrame(rows, columns=["variable", "log_odds", "label", "recorded", "unit"])
    frame = frame.assign(risk_pp=PERCENT * share * frame["log_odds"])
    order = frame["log_odds"].abs().sort_values(ascending=False, kind="stable").index
    return risk_at(baseline), frame.loc[order].reset_index(drop=True)


def _contribution(study: Study, recorded: pd.Series, name: str, log_odds: float) -> dict[str, object]:
    spec = study.cohort.schema.feature(name)
    known = {"label": spec.label, "recorded": recorded[name], "unit": spec.unit}
    return {"variable": name, "log_odds": log_odds, **known}
