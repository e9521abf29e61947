"""From one prediction to the patients, features and subgroups that taught it to the model."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.carriers import carriers
from clinflu.analysis.check.grades import Grades, grades_checked, grades_shown
from clinflu.analysis.check.result import Check
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.mistakes import EXPECTED, SURPRISING, check_threshold, kinds
from clinflu.analysis.similar import similar_encounters
from clinflu.analysis.subgroup_support import subgroup_support
from clinflu.analysis.support import Cuts, Support, support
from clinflu.data.cohort import Provenance
from clinflu.data.design import INTERCEPT
from clinflu.influence.decomposition import attribution
from clinflu.influence.interval import Interval, risk_interval
from clinflu.influence.refit import Change, refit_each_or_nan
from clinflu.influence.result import PERCENT, Influence
from clinflu.model.logistic import curvature_at, risk_at
from clinflu.study import Study

SHOWN = 10
FEW_PATIENTS_MOVE_PP = 1.0
SMALLEST_MARGIN_CHANGE = 1e-9
OWN_COLUMNS = "columns of the model's own"


@dataclass(frozen=True, slots=True)
class Together:
    """What removing the patients that pushed hardest toward the error does, all of them at once.

    The change is NaN where the model without them has no finite fit.
    """

    encounters: int
    risk_change_refit_pp: float


@dataclass(frozen=True, repr=False)
class Trace:
    """One prediction, explained and proved.

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
    pushed_toward_error, pushed_against : DataFrame
        The ten strongest each way: estimate and refit, and the recorded variables that carry the influence.
    together : Together
        The ten that pushed toward the error removed at once, refitted.
    subgroups : DataFrame
        Training subgroups that the prediction leans on, refitted.
    support : Support
        How well the past patients support the prediction.
    grades : Grades
        How near its estimates are to refits.
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
    pushed_toward_error: pd.DataFrame
    pushed_against: pd.DataFrame
    together: Together
    subgroups: pd.DataFrame
    support: Support
    grades: Grades
    provenance: Provenance
    outcome_label: str
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        simulated = " of a SIMULATED patient" if self.provenance.simulated else ""
        return (
            f"Trace{simulated}: {self.kind}, predicted risk {PERCENT * self.risk:.1f} %, alert threshold "
            f"{PERCENT * self.threshold:.1f} %; {self.verdict}; see .pushed_toward_error, .pushed_against, .subgroups"
        )

    @property
    def concentration(self) -> float:
        """Effective number of patients that carry the prediction."""
        return self.influence.concentration

    @property
    def few_patients_explain(self) -> bool:
        """Whether the ten strongest together move the refitted risk by a percentage point or more, or leave none."""
        return not abs(self.together.risk_change_refit_pp) < FEW_PATIENTS_MOVE_PP


def trace(study: Study, encounter_id: str, threshold: float | None = None, cuts: Cuts | None = None) -> Trace:
    """Explain one prediction.

    Parameters
    ----------
    study : Study
    encounter_id : str
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    cuts : Cuts, optional
        Of the low-support warning, to compute them once for many traces.

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
    influence = influence_on(study, encounter_id)
    toward, against = influence.rows_toward_error(SHOWN), influence.rows_against_error(SHOWN)
    changes = [Change.removal(study.train, np.array([one])) for one in (*toward, *against)]
    *single, together = refit_each_or_nan(study.train, [*changes, Change.removal(study.train, toward)])
    similar = similar_encounters(study, np.array([row]))
    outcome = study.design.y[row]
    baseline, parts = _attribution(study, row)
    pushed = _with_carriers(study, influence, toward, influence.refitted(toward, single[: len(toward)]))
    against_it = _with_carriers(study, influence, against, influence.refitted(against, single[len(toward) :]))
    subgroups = subgroup_support(study, influence, toward)
    return Trace(
        encounter_id=str(encounter_id),
        role=_role(study, row),
        risk=float(study.risks[row]),
        margin=float(study.margins[row]),
        threshold=limit,
        outcome=int(outcome),
        kind=str(kinds(study.risks[[row]], study.design.y[[row]], limit)[0]),
        interval=risk_interval(study.train, study.design.x[row]),
        similar_encounters=int(similar.count[0]),
        similar_event_rate=float(similar.event_rate[0]),
        similar_rate_differs=bool(similar.rate_differs[0]),
        audited_encounters=len(study.split.audited),
        verdict=SURPRISING if similar.surprising[0] else EXPECTED,
        baseline_risk=baseline,
        attribution=parts,
        influence=influence,
        pushed_toward_error=pushed,
        pushed_against=against_it,
        together=Together(len(toward), float(influence.risk_change_pp(influence.margin_change_refit([together]))[0])),
        subgroups=subgroups,
        support=support(study, encounter_id, cuts),
        grades=grades_shown(pd.concat([pushed, against_it]), subgroups),
        provenance=study.cohort.provenance,
        outcome_label=study.cohort.schema.outcome_label,
        notes=(*study.notes, *_notes(study, row)),
    )


def at_threshold(traced: Trace, threshold: float) -> Trace:
    """Return the trace as it reads where the model alerts from another risk; nothing else depends on it."""
    limit = check_threshold(threshold)
    kind = kinds(np.array([traced.risk]), np.array([traced.outcome]), limit)[0]
    return replace(traced, threshold=limit, kind=str(kind))


def own_frames(traced: Trace) -> Trace:
    """Return the trace with frames of its own, whose changes reach no other holder of it."""
    names = ("attribution", "pushed_toward_error", "pushed_against", "subgroups")
    return replace(traced, **{name: getattr(traced, name).copy(deep=False) for name in names})


def graded(traced: Trace, check: Check | None) -> Trace:
    """Return the trace with the grades of a check of its model, where there was one."""
    return traced if check is None else replace(traced, grades=grades_checked(check, traced.grades))


def _role(study: Study, row: int) -> str:
    if row in study.split.train:
        return "training"
    return "audited" if row in study.split.audited else "confirm"


def _notes(study: Study, row: int) -> tuple[str, ...]:
    """Say what a reader must know about this encounter before trusting its numbers."""
    roles = {
        "training": "The model learned from this very encounter.",
        "confirm": "This encounter belongs to those kept to confirm what an audit finds.",
    }
    role = roles.get(_role(study, row))
    return (*study.warnings, *([role] if role else []), *_unseen_notes(study, row))


def _unseen_notes(study: Study, row: int) -> tuple[str, ...]:
    """Say which of the encounter's levels the model could learn nothing about."""
    if study.encoder is None:
        return ()
    unseen = study.encoder.unseen(study.cohort.frame.iloc[[row]])
    return tuple(
        f"{study.cohort.schema.feature(name).label} {level} was never seen in training, so the model takes the average."
        for name, levels in unseen.items()
        for level in levels
    )


def _attribution(study: Study, row: int) -> tuple[float, pd.DataFrame]:
    """Return the baseline risk and what each recorded variable adds, largest first."""
    design = study.design
    baseline, parts = attribution(
        study.model.theta, design.x[row], study.train.mean, has_intercept=design.has_intercept
    )
    total, gained = float(parts.sum()), float(study.risks[row]) - risk_at(baseline)
    share = gained / total if abs(total) > SMALLEST_MARGIN_CHANGE else curvature_at(baseline)
    folded = pd.Series(design.fold(parts), design.variable_names).drop(INTERCEPT, errors="ignore")
    known = folded.index.isin(study.cohort.schema.feature_names)
    rows = [_contribution(study, row, str(name), change) for name, change in folded[known].items()]
    if not known.all():
        rows.append({"variable": OWN_COLUMNS, "label": OWN_COLUMNS, "log_odds": float(folded[~known].sum())})
    frame = pd.DataFrame(rows, columns=["variable", "log_odds", "label", "recorded", "unit"])
    frame = frame.assign(risk_pp=PERCENT * share * frame["log_odds"])
    order = frame["log_odds"].abs().sort_values(ascending=False, kind="stable").index
    return risk_at(baseline), frame.loc[order].reset_index(drop=True)


def _contribution(study: Study, row: int, name: str, log_odds: float) -> dict[str, object]:
    spec = study.cohort.schema.feature(name)
    recorded = study.cohort.frame[name].iloc[row]
    return {"variable": name, "log_odds": log_odds, "label": spec.label, "recorded": recorded, "unit": spec.unit}


def _with_carriers(study: Study, influence: Influence, rows: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    inverse_hvp = study.model.solve(influence.x_audited)
    return frame.assign(carried_by=[carriers(study, int(row), inverse_hvp) for row in rows])
