"""The fewest training patients whose removal, or relabelling, moves one prediction across the alert threshold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit

from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.shared_features import shared_features, summary
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_count, check_flag, check_number
from clinflu.errors import DataError
from clinflu.influence.flipset import Crossing
from clinflu.influence.flipset_search import Budget, Found, find_flip_set
from clinflu.influence.result import PERCENT
from clinflu.model.logistic import risk_at
from clinflu.progress import Progress, silent
from clinflu.study import Study

REMOVAL = "removal"
RELABELLING = "relabelling"
DEFAULT_TIME_S = 10.0


@dataclass(frozen=True, repr=False)
class FlipSet:
    """Training patients without whom, or with whose outcomes changed, the refitted prediction is across the threshold.

    The set is the smallest that was found, not the smallest there is, and that it flips the prediction does not mean
    that anything is wrong with its patients. Where none was found it is empty.

    Parameters
    ----------
    encounter_id : str
    threshold : float
        Risk from which the model alerts, a share of 1; a risk at the threshold is an alert.
    risk_before, risk_after : float
        Of the encounter, shares of 1; after: refitted with the set changed, NaN where none was found.
    mode : str
        ``"removal"``: all training encounters of each patient are removed. ``"relabelling"``: of each patient, those
        encounters get the other outcome whose recorded one pushes the prediction away from the threshold.
    patients, encounters : tuple of str
        Ids of the patients, the strongest by the estimate first, and of their encounters that change.
    training_patients : int
        Among how many patients the search was made.
    includes_own : bool
        Whether the audited patient is one of them.
    surrogate_size : int or None
        How many patients the sum of single estimates asks for; None where it holds that all would not do.
    surrogate_flips : bool
        Whether the refit without those, or with their outcomes changed, is across the threshold.
    verified : bool
        Whether the refit from the original fit is across; False where no set was found.
    minimal : bool
        Whether it is proven, by refits or a bound, that with any single patient put back the prediction is not across.
    out_of_time : bool
        Whether the search was cut off; another run, or a longer one, may then find another set.
    time_s, max_patients : float, int or None
        What the search was allowed.
    table : DataFrame
        As ``to_frame`` gives it.
    description : DataFrame
        What the encounters share, against the rest of the training encounters: see
        :func:`clinflu.analysis.shared_features.shared_features`.
    event_rate, event_rate_rest : float
        Share of the set's encounters, and of the other training encounters, with the event as it is recorded.
    summary : str
        The most distinctive shared features in a sentence.
    """

    encounter_id: str
    threshold: float
    risk_before: float
    risk_after: float
    mode: str
    patients: tuple[str, ...]
    encounters: tuple[str, ...]
    training_patients: int
    includes_own: bool
    surrogate_size: int | None
    surrogate_flips: bool
    verified: bool
    minimal: bool
    out_of_time: bool
    time_s: float
    max_patients: int | None
    table: pd.DataFrame
    description: pd.DataFrame
    event_rate: float
    event_rate_rest: float
    summary: str

    def __repr__(self) -> str:
        return f"FlipSet: {self.words} See .to_frame(), .description"

    @property
    def size(self) -> int:
        """How many patients."""
        return len(self.patients)

    @property
    def status(self) -> str:
        """``"verified, at most 14"`` or ``"none found within 10 s"``."""
        return f"verified, at most {self.size:,}" if self.verified else f"none found within {self._budget}"

    @property
    def words(self) -> str:
        """What was found, what is proven about it, and what is not; no value of a patient but the audited risk."""
        return " ".join(self._found_words() if self.verified else self._none_words())

    def to_frame(self) -> pd.DataFrame:
        """Return the encounters of the set, one a row.

        Returns
        -------
        DataFrame
            Index: encounter id. ``position`` of the patient, 1 for the strongest by the estimate; ``patient``;
            ``outcome`` as recorded; ``margin_change_estimate``, log-odds: of removing or relabelling that encounter
            alone, one step from the original fit; ``same_patient``: whether it is the audited patient's own.
        """
        return self.table.copy()

    @property
    def _budget(self) -> str:
        patients = "" if self.max_patients is None else f" and {_count(self.max_patients, 'patient')}"
        return f"{self.time_s:g} s{patients}"

    def _found_words(self) -> list[str]:
        side = "below" if self.risk_after < self.threshold else "at or above"
        with_them = "Without" if self.mode == REMOVAL else "With other outcomes for"
        encounters = _count(len(self.encounters), "encounter")
        after, limit = _percent(self.risk_after, self.threshold), _percent(self.threshold, self.risk_after)
        found = (
            f"{with_them} {self.size:,} of {self.training_patients:,} training patients ({encounters}) the refitted "
            f"risk is {after}, {side} the threshold of {limit}; as trained it is "
            f"{_percent(self.risk_before, self.threshold)}."
        )
        words = [found]
        if self.minimal:
            words.append("None of them can be put back, but another, smaller set may exist.")
        else:
            words.append("Not all of them may be needed, and another, smaller set may exist.")
        if self.out_of_time:
            words.append(f"The search was cut off after {self.time_s:g} s; with more time it may find fewer.")
        if self.includes_own:
            words.append("The audited patient's own earlier or later encounters are among them.")
        words.append(self._surrogate_words())
        return words

    def _none_words(self) -> list[str]:
        before, limit = _percent(self.risk_before, self.threshold), _percent(self.threshold, self.risk_before)
        none = (
            f"No training patients were found within {self._budget} whose {self.mode} moves the risk of {before} "
            f"across the threshold of {limit}."
        )
        words = [none, "That does not prove that there are none."]
        if self.out_of_time:
            words.append("The search was cut off by the time.")
        return words

    def _surrogate_words(self) -> str:
        if self.surrogate_size is None:
            return "By the sum of single estimates, all patients together would not do."
        truth = "does" if self.surrogate_flips else "does not"
        return (
            f"The sum of single estimates asks for {self.surrogate_size:,}, a set that {truth} cross the threshold "
            "when refitted."
        )


def flip_set(  # noqa: PLR0913 the options of one question
    study: Study,
    encounter_id: str,
    *,
    threshold: float | None = None,
    relabel: bool = False,
    max_patients: int | None = None,
    time_s: float = DEFAULT_TIME_S,
    progress: Progress = silent,
) -> FlipSet:
    """Find few training patients whose removal or relabelling moves a prediction across the alert threshold.

    Works from either side: an alert is to disappear, or to appear. All training encounters of a patient go together,
    and the audited patient's own count like any other's, but are flagged.

    Parameters
    ----------
    study : Study
    encounter_id : str
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    relabel : bool
        Give encounters the other outcome; by default they are removed.
    max_patients : int, optional
        The largest set that is still an answer; by default any.
    time_s : float
        The search stops after about so many seconds, with the best set found until then.
    progress : Progress

    Raises
    ------
    DataError
        No such encounter, or a threshold or budget that makes no sense.
    TrustError
        The fit is such that influence means nothing.
    Cancelled
        By ``progress``.
    """
    study.require_trust()
    limit = study.threshold if threshold is None else check_threshold(threshold)
    relabel, max_patients, time_s = check_options(relabel, max_patients, time_s)
    row = study.row(encounter_id)
    upward = bool(study.risks[row] < limit)
    crossing = Crossing(study.train, study.design.x[row], float(logit(limit)), upward, relabel)
    found = find_flip_set(crossing, Budget(time_s, max_patients), progress)
    table = _table(study, row, crossing, found)
    description = shared_features(study, found.rows)
    return FlipSet(
        encounter_id=str(encounter_id),
        threshold=limit,
        risk_before=float(study.risks[row]),
        risk_after=risk_at(found.margin),
        mode=RELABELLING if relabel else REMOVAL,
        patients=tuple(dict.fromkeys(table["patient"])),
        encounters=tuple(table.index),
        training_patients=crossing.patient_count,
        includes_own=bool(table["same_patient"].any()),
        surrogate_size=found.surrogate_size,
        surrogate_flips=found.surrogate_flips,
        verified=found.verified,
        minimal=found.minimal,
        out_of_time=found.out_of_time,
        time_s=time_s,
        max_patients=max_patients,
        table=table,
        description=description,
        event_rate=_mean(study.train.y[found.rows]),
        event_rate_rest=_mean(np.delete(study.train.y, found.rows)),
        summary=summary(description, len(found.rows)),
    )


def check_options(relabel: bool, max_patients: int | None, time_s: float) -> tuple[bool, int | None, float]:  # noqa: FBT001
    """Return the options of a search as plain values, or raise DataError where one makes no sense."""
    most = None if max_patients is None else check_count(max_patients, "the most patients of a set", least=1)
    seconds = check_number(time_s, "the time of a search, in seconds,")
    if not seconds > 0:
        raise DataError(f"a search of {seconds} s makes no sense; give a positive number of seconds")
    return check_flag(relabel, "relabel"), most, seconds


def _table(study: Study, row: int, crossing: Crossing, found: Found) -> pd.DataFrame:
    """Return the changed encounters, those of the patient with the largest estimated effect first."""
    estimate = crossing.sign * crossing.start.row_gain[found.rows]
    codes = crossing.train.patients[found.rows]
    patients = study.design.patient_ids[study.split.train]
    position = _positions(crossing.sign * estimate, codes)
    frame = pd.DataFrame(
        {
            "position": position,
            "patient": patients[found.rows].astype(str),
            "outcome": study.train.y[found.rows].astype(int),
            "margin_change_estimate": estimate,
            "same_patient": np.asarray(patients[found.rows] == study.design.patient_ids[row]),
        },
        index=study.train_ids[found.rows].rename("encounter_id"),
    )
    return frame.sort_values("position", kind="stable")


def _positions(gain: Vector, codes: Rows) -> Rows:
    """Return the place of each encounter's patient by the gain of all its encounters, 1 for the largest."""
    unique, place = np.unique(codes, return_inverse=True)
    order = np.argsort(-np.bincount(place, weights=gain, minlength=len(unique)), kind="stable")
    rank = np.empty(len(unique), dtype=np.intp)
    rank[order] = np.arange(1, len(unique) + 1)
    return rank[place]


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else np.nan


def _percent(share: float, beside: float) -> str:
    """Return a share as text, with as many digits as tell it from the one that it is compared with, at least one."""
    for digits in range(1, 8):
        if round(PERCENT * share, digits) != round(PERCENT * beside, digits):
            break
    return f"{PERCENT * share:.{digits}f} %"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
