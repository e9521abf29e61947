"""What the dashboard asks the audit: which screen asks it, and which call answers it."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import pandas as pd

from clinflu.analysis.flip_set import FlipSet
from clinflu.analysis.review import ranking
from clinflu.analysis.tally import shared_groups, tally
from clinflu.analysis.what_if import Action, Edit, Refit, Relabel, Remove
from clinflu.audit import Audit
from clinflu.dashboard.reviewing import measured, of_queue, suspect
from clinflu.dashboard.screen import EDIT, LOW, PAST_PATIENTS, RELABEL, WHAT_IF, Ask, Screen
from clinflu.data.age import age_feature
from clinflu.data.arrays import Rows
from clinflu.data.design import MISSING
from clinflu.data.shown import shown
from clinflu.errors import DataError
from clinflu.findings.document import Section
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS
from clinflu.influence.interval import Interval
from clinflu.progress import Progress

Key = Hashable


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Parameters
    ----------
    key : callable
        Screen -> what the answer depends on; None where the screen does not ask.
    answer : callable
        (audit, screen, progress, given) -> the answer; given is that to the question ``after``, None without one.
    doing : str
        What is being done, in words; see :func:`doing`.
    at_once : bool
        Whether the answer is there within a fifth of a second, so that nobody waits.
    after : str
        The question that must be answered first, because this one needs its answer or its time.
    """

    key: Callable[[Screen], Key | None]
    answer: Callable[[Audit, Screen, Progress, Any], Any]
    doing: str
    at_once: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A what-if answered: the refit, and the set that was searched for it, if one was."""

    refit: Refit | None
    found: FlipSet | None = None


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a refit changes for everybody: metrics, the interval of the change for the patient, and warnings."""

    everyone: pd.DataFrame
    subgroups: pd.DataFrame
    interval: Interval
    warnings: tuple[str, ...]


def actions(audit: Audit, ask: Ask) -> list[Action]:
    """Return a what-if question as the actions of the audit.

    Raises
    ------
    DataError
        It names nobody, or a value that makes no sense.
    """
    if ask.group:
        return [Remove(audit.training_group(*ask.group))]
    if not ask.encounters:
        raise DataError("tick at least one past patient first")
    if ask.action == EDIT:
        if not ask.variable:
            raise DataError("choose the variable that is to be recorded otherwise first")
        return [Edit(ask.encounters[0], {ask.variable: typed_value(audit, ask.variable, ask.value)})]
    if ask.action == RELABEL:
        return [Relabel(other_outcomes(audit, ask.encounters))]
    return [Remove(ask.encounters)]


def other_outcomes(audit: Audit, encounters: tuple[str, ...]) -> dict[str, int]:
    """Return the outcome that each of some encounters did not have."""
    return {one: 1 - int(audit.cohort.outcome[one]) for one in encounters}


def typed_value(audit: Audit, variable: str, text: str) -> str | float | None:
    """Return a recorded value as it was typed, or chosen as it is shown; empty is not recorded."""
    if not text.strip() or text == MISSING:
        return None
    spec = audit.cohort.schema.feature(variable)
    if spec.is_category:
        levels = audit.study.encoder.levels(variable) if audit.study.encoder else ()
        return next((level for level in levels if shown(spec, level) == text), text)
    if spec.is_codes:
        return text.strip()
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = nan
    if not isfinite(number):
        raise DataError("give a number for that variable, or leave it empty for 'not recorded'")
    return number


def grouping(audit: Audit, screen: Screen) -> str:
    """Return the variable by which past patients are grouped: the chosen one, else the age, else the first; or none."""
    subgroups = audit.cohort.schema.subgroups
    age = age_feature(audit.cohort.schema, audit.cohort.frame)
    candidates = (screen.by, age.name if age else "", *subgroups)
    return next((one for one in candidates if one in subgroups), "")


def _of_past(screen: Screen) -> Key | None:
    return screen.encounter_id if screen.encounter_id and screen.step >= PAST_PATIENTS else None


def _of_what_if(screen: Screen) -> Key | None:
    asked = screen.asked
    if asked is None or screen.step < WHAT_IF:
        return None
    return (asked, screen.encounter_id, screen.threshold) if asked.fewest else (asked, screen.encounter_id)


def _asks_altered(screen: Screen) -> bool:
    return bool(screen.encounter_id) and screen.altered_for == screen.encounter_id and screen.step >= WHAT_IF


def _changed(audit: Audit, screen: Screen, progress: Progress, _: object) -> Changed:
    ask = screen.asked
    if ask is None:
        raise DataError("nothing was asked")
    if not ask.fewest:
        return Changed(_complete(audit.what_if(*actions(audit, ask), progress=progress)))
    relabel = ask.action == RELABEL
    found = audit.flip_set(screen.encounter_id, threshold=screen.threshold, relabel=relabel, progress=progress)
    if not found.verified:
        return Changed(None, found)
    done = Relabel(other_outcomes(audit, found.encounters)) if relabel else Remove(found.encounters)
    return Changed(_complete(audit.what_if(done, progress=progress)), found)


def _complete(refit: Refit) -> Refit:
    """Return the refit with what a panel shows of it first computed, so that the panel need not wait for that."""
    _ = refit.margins_after
    return refit


def _consequences(_: Audit, screen: Screen, progress: Progress, changed: Changed) -> Consequences | None:
    refit = changed.refit
    if refit is None:
        return None
    progress(1, 4)
    everyone = refit.metrics()
    progress(2, 4)
    subgroups = refit.subgroup_metrics()
    progress(3, 4)
    interval = refit.risk_change_interval_pp(screen.encounter_id)
    return Consequences(everyone, subgroups, interval, refit.warnings)


def _toward(audit: Audit, screen: Screen) -> Rows:
    found = audit.past_patients(screen.encounter_id, refit=False)
    return audit.study.training_positions(found.toward_error.index)


def _tally(audit: Audit, screen: Screen) -> pd.DataFrame | None:
    by = grouping(audit, screen)
    found = audit.past_patients(screen.encounter_id, refit=False)
    parts = {"toward": found.toward_error, "against": found.against}
    rows = {name: audit.study.training_positions(part.index) for name, part in parts.items()}
    return tally(audit.study, by, rows) if by else None


def _section(audit: Audit, screen: Screen, progress: Progress, _: object) -> Section:
    threshold = None if screen.threshold == audit.threshold else screen.threshold
    material = Material(audit, Options(threshold=threshold, internal=True), stage=lambda _: progress)
    return SECTIONS[screen.section](material)


SEARCHING = "Searching the fewest past patients that would change the decision"


def doing(name: str, screen: Screen) -> str:
    """Return in words what is being done for a question."""
    searches = name == "change" and screen.asked is not None and screen.asked.fewest
    return f"{SEARCHING if searches else QUESTIONS[name].doing} …"


QUESTIONS: dict[str, Question] = {
    "prediction": Question(
        lambda screen: screen.encounter_id or None,
        lambda audit, screen, *_: audit.prediction(screen.encounter_id),
        "Explaining the prediction",
        at_once=True,
    ),
    "estimates": Question(
        _of_past,
        lambda audit, screen, *_: audit.past_patients(screen.encounter_id, refit=False),
        "Estimating the influence of every past patient",
        at_once=True,
    ),
    "shared": Question(
        _of_past,
        lambda audit, screen, *_: shared_groups(audit.study, _toward(audit, screen)),
        "Counting the groups that past patients belong to",
        at_once=True,
    ),
    "tally": Question(
        lambda screen: (_of_past(screen), screen.by) if _of_past(screen) else None,
        lambda audit, screen, *_: _tally(audit, screen),
        "Counting the past patients of each group",
        at_once=True,
    ),
    "refits": Question(
        _of_past,
        lambda audit, screen, progress, _: audit.past_patients(screen.encounter_id, progress=progress),
        "Refitting the model without each of the past patients shown",
    ),
    "change": Question(_of_what_if, _changed, "Refitting the model"),
    "consequences": Question(_of_what_if, _consequences, "Looking at what it changes for everyone", after="change"),
    "altered": Question(
        lambda screen: (screen.encounter_id, screen.threshold) if _asks_altered(screen) else None,
        lambda audit, screen, progress, _: audit.fragility(
            screen.encounter_id, threshold=screen.threshold, progress=progress
        ),
        "Searching how much one altered past record could change",
    ),
    "ledger": Question(
        lambda screen: (_of_past(screen), screen.by) if _of_past(screen) else None,
        lambda audit, screen, progress, _: (
            audit.ledger(screen.encounter_id, by, progress=progress) if (by := grouping(audit, screen)) else None
        ),
        "Refitting the model without each group of past patients",
        after="refits",
    ),
    "section": Question(
        lambda screen: (screen.section, screen.threshold) if screen.section else None,
        _section,
        "Measuring the model, its subgroups and what lies behind them",
    ),
    "ranking": Question(
        lambda screen: "ranking" if screen.queue_open else None,
        lambda audit, *_: ranking(audit.study),
        "Planting errors among the past records, to see which order finds them soonest",
    ),
    "suspect": Question(
        lambda screen: (of_queue(screen), screen.queue_place) if screen.queue_open else None,
        lambda audit, screen, _, ranked: suspect(audit, screen, ranked),
        "Looking up the next record, and refitting the model without it",
        after="ranking",
    ),
    "gain": Question(
        lambda screen: of_queue(screen) if screen.queue_open else None,
        lambda audit, screen, progress, _: measured(audit, screen, progress),
        "Refitting the model with the mended labels",
    ),
    "support": Question(
        lambda screen: LOW if LOW in screen.chips else None,
        lambda audit, _, progress, __: audit.support_table(progress),
        "Looking at the support of every prediction",
    ),
}
