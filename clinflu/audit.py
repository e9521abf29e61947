"""Audit: the facade over one study, all that notebooks, dashboards and the command line need."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from warnings import warn

import pandas as pd

from clinflu.adoption import Adoption, adopt
from clinflu.analysis.adversarial.fragility import Fragility, fragility
from clinflu.analysis.adversarial.question import DEFAULT_SEARCH, Search
from clinflu.analysis.audited_metrics import Group
from clinflu.analysis.because import Because, because
from clinflu.analysis.check import DEFAULT_PLAN, Check, Plan, check
from clinflu.analysis.coefficients import coefficients
from clinflu.analysis.discrimination import Discrimination, discrimination
from clinflu.analysis.drivers import Drivers, drivers
from clinflu.analysis.flip_set import DEFAULT_TIME_S, FlipSet, check_options, flip_set
from clinflu.analysis.groupings import groupings
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.ledger import By, Ledger, ledger
from clinflu.analysis.metric_intervals import odds_ratio_intervals, subgroup_metrics
from clinflu.analysis.mistakes import check_threshold, mistakes
from clinflu.analysis.pair import GroupDecomposition, decomposition, group_decomposition, perturbation
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.prediction import Prediction, at_threshold, prediction
from clinflu.analysis.pushed import Pushed, pushed, refitted
from clinflu.analysis.slices import SearchOptions, WeakSubgroups, weak_subgroups
from clinflu.analysis.subgroup_support import training_group
from clinflu.analysis.subgroups import Bootstrap, SubgroupTable, subgroups
from clinflu.analysis.support import Cuts, Support, support, support_cuts, support_table
from clinflu.analysis.support_calibration import SupportCalibration, support_calibration
from clinflu.analysis.trace import Trace, graded, own_frames, proved
from clinflu.analysis.training_diagnostics import diagnostics_beside_refits, training_diagnostics
from clinflu.analysis.what_if import Action, Refit, refit_plan
from clinflu.analysis.what_if.actions import combine, positions
from clinflu.analysis.why import Members, Why, WhyOptions, why
from clinflu.data import Cohort, Design
from clinflu.data.arrays import Rows
from clinflu.data.asking import nearest
from clinflu.data.backends import AUTO, Backend
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError, StoreError
from clinflu.influence.leave_one_out import LeaveOneOut
from clinflu.influence.trust import Trust
from clinflu.model.base import FittedModel
from clinflu.model.logistic import LOGISTIC
from clinflu.model.margin import MarginFamily
from clinflu.progress import Progress, telling
from clinflu.results import Result, Results
from clinflu.storage import open_grades, open_study, save_study
from clinflu.study import DEFAULT_PENALTY, Study
from clinflu.verdicts import VerdictStore


class Audit:
    """One cohort, one fitted model, and every question that can be asked of them.

    Parameters
    ----------
    study : Study
    adoption : Adoption, optional
        Where the model is the hospital's own: how far it was from its optimum.
    grades : Check, optional
        How near the estimates are to refits, where that was checked; every view shows it beside its estimates.

    Notes
    -----
    Long questions show a bar, and can be stopped with Ctrl-C; ``progress`` takes its place. What was computed once is
    kept, and found again by the content of the study and of the question.
    """

    def __init__(self, study: Study, adoption: Adoption | None = None, grades: Check | None = None) -> None:
        if grades is not None and not grades.belongs_to(study):
            raise DataError("these grades are of another model; check this one")
        self.study = study
        self.adoption = adoption
        self.grades = grades

    def __repr__(self) -> str:
        study = self.study
        return (
            f"Audit of {study.cohort.provenance.source}: {len(study.split.train):,} training and "
            f"{len(study.split.audited):,} audited encounters; see .mistakes(), .trace(encounter), .what_if(...)"
        )

    @classmethod
    def fit(
        cls,
        cohort: Cohort,
        penalty: float = DEFAULT_PENALTY,
        seed: int = 0,
        family: str | MarginFamily = LOGISTIC.name,
        backend: str | Backend = AUTO,
        progress: Progress | None = None,
    ) -> Self:
        """Split the cohort by patient, fit the model on the training rows and return the audit of it.

        Parameters
        ----------
        cohort : Cohort
        penalty : float
            L2 penalty on the summed loss; the intercept is free. Never re-chosen in a refit.
        seed : int
            Of the split.
        family : str or MarginFamily
            ``"logistic"``, ``"smooth_hinge"``, ``"rbf_svm"`` or ``"mlp"``, or a family of :mod:`clinflu.model` with
            other options.
        backend : str or Backend
            What holds the design matrix: ``"dense"``, ``"compact"``, ``"sparse"``, or one of
            :mod:`clinflu.data.backends` with options of its own; by default by the size of the table.
        progress : Progress, optional
            Of the passes over the training rows; by default a bar, where they take more than a second.

        Raises
        ------
        FitError
            Its kinds say why no model can be fitted.
        """
        with telling("Fitting, passes over the training rows", progress) as tell:
            return cls(Study.fit(cohort, penalty, seed, family, backend, tell))

    @classmethod
    def adopt(cls, cohort: Cohort, model: Any, penalty: float | None = None, seed: int = 0) -> Self:
        """Return the audit of the hospital's own fitted model; see :func:`clinflu.adoption.adopt`.

        Where it is not the optimum on these rows, ``audit.adoption`` says so and its refit is audited, labelled.
        """
        return cls(*adopt(cohort, model, penalty, seed))

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Read a saved audit back.

        Raises
        ------
        StoreError
            It is damaged, foreign, or not there. Grades that are damaged are left out, with a warning.
        """
        study = open_study(Path(folder))
        try:
            return cls(study, grades=open_grades(Path(folder), study))
        except StoreError as error:
            warn(f"opened without the grades of its estimates: {error.one_line}", stacklevel=2)
            return cls(study)

    def save(self, folder: str | Path) -> None:
        """Write the audit into a folder that only its owner can read; it holds patient data.

        Raises
        ------
        StoreError
            The folder is in use for something else, or cannot be written.
        """
        save_study(self.study, Path(folder), self.grades)

    @property
    def cohort(self) -> Cohort:
        """The cohort."""
        return self.study.cohort

    @property
    def design(self) -> Design:
        """All rows of the cohort, encoded."""
        return self.study.design

    @property
    def model(self) -> FittedModel:
        """The fitted model."""
        return self.study.model

    @property
    def train_rows(self) -> Rows:
        """Row numbers of the training encounters."""
        return self.study.split.train

    @property
    def audited_rows(self) -> Rows:
        """Row numbers of the audited encounters."""
        return self.study.split.audited

    @property
    def confirm_rows(self) -> Rows:
        """Row numbers of the encounters kept to confirm what the audit found."""
        return self.study.split.confirm

    @property
    def threshold(self) -> float:
        """Default alert threshold: the 90th percentile of the training risks."""
        return self.study.threshold

    @property
    def trust(self) -> Trust:
        """Whether influence computed from the fit means anything, and why not."""
        return self.study.trust

    @cached_property
    def support_cuts(self) -> Cuts:
        """Beyond which values a prediction carries the low-support warning; see ``analysis.support``."""
        return support_cuts(self.study)

    @cached_property
    def _results(self) -> Results:
        return Results(self.study.fingerprint)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """What encounters and patients are called in working papers."""
        return Pseudonyms.of_this_user()

    def once(self, question: str, about: tuple[object, ...], compute: Callable[[], Result]) -> Result:
        """Return what was computed before for the same content, or compute it; see :class:`clinflu.results.Results`."""
        return self._results.get(question, about, compute)

    def mistakes(self, threshold: float | None = None) -> pd.DataFrame:
        """Return the audited predictions that turned out wrong, worst first; see ``analysis.mistakes``."""
        return mistakes(self.study, threshold)

    def prediction(self, encounter_id: str, threshold: float | None = None) -> Prediction:
        """Explain one prediction without any refit; see ``analysis.prediction``."""
        key = str(encounter_id)
        found = self._results.get("prediction", (key,), lambda: prediction(self.study, key, cuts=self.support_cuts))
        return at_threshold(own_frames(found), self.threshold if threshold is None else threshold)

    def past_patients(self, encounter_id: str, *, refit: bool = True, progress: Progress | None = None) -> Pushed:
        """Return the past patients that pushed one prediction each way; see ``analysis.pushed``.

        Parameters
        ----------
        encounter_id : str
        refit : bool
            False: with estimates alone, at once.
        progress : Progress, optional
        """
        key = str(encounter_id)
        influence = self.prediction(key).influence
        found = self._results.get("pushed", (key,), lambda: pushed(self.study, influence))
        if refit:
            with telling("Refitting without each past patient", progress) as tell:
                estimated = found
                found = self._results.get(
                    "pushed, refitted", (key,), lambda: refitted(self.study, influence, estimated, tell)
                )
        return own_frames(found)

    def trace(self, encounter_id: str, threshold: float | None = None) -> Trace:
        """Explain one prediction and prove it by refits; see ``analysis.trace``."""
        key = str(encounter_id)
        parts = self.prediction(key), self.past_patients(key)
        found = self._results.get("trace", (key,), lambda: proved(self.study, *parts))
        return graded(at_threshold(own_frames(found), self.threshold if threshold is None else threshold), self.grades)

    def what_if(self, *actions: Action, progress: Progress | None = None) -> Refit:
        """Refit the model as if the actions had been done before training; see ``analysis.what_if``."""
        plan = combine(self.study, actions)
        with telling("Refitting", progress) as tell:
            return self._results.get("what if", plan.content, lambda: refit_plan(self.study, plan, tell))

    def flip_set(
        self,
        encounter_id: str,
        *,
        threshold: float | None = None,
        relabel: bool = False,
        max_patients: int | None = None,
        time_s: float = DEFAULT_TIME_S,
        progress: Progress | None = None,
    ) -> FlipSet:
        """Find few training patients whose removal moves a prediction across the threshold; see ``analysis.flip_set``.

        An answer that the time cut off is not kept: asking again searches again.
        """
        limit = self.threshold if threshold is None else check_threshold(threshold)
        relabel, max_patients, time_s = check_options(relabel, max_patients, time_s)
        options = {"relabel": relabel, "max_patients": max_patients, "time_s": time_s}
        with telling("Searching the smallest set", progress) as tell:
            found = self._results.get(
                "flip set",
                (str(encounter_id), limit, options),
                lambda: flip_set(
                    self.study,
                    encounter_id,
                    threshold=limit,
                    relabel=relabel,
                    max_patients=max_patients,
                    time_s=time_s,
                    progress=tell,
                ),
                keep=lambda found: not found.out_of_time,
            )
        return replace(found, table=_own(found.table), description=_own(found.description))

    def fragility(
        self,
        encounter_id: str,
        *,
        threshold: float | None = None,
        search: Search = DEFAULT_SEARCH,
        progress: Progress | None = None,
    ) -> Fragility:
        """Ask how much one altered past record could change one prediction; see ``analysis.adversarial``."""
        limit = self.threshold if threshold is None else check_threshold(threshold)
        about = (str(encounter_id), limit, search.numbers, search.refitted, search.immutable)
        with telling("Screening edits of past records", progress) as tell:
            return self._results.get(
                "fragility",
                about,
                lambda: fragility(self.study, encounter_id, threshold=limit, search=search, progress=tell),
            )

    def ledger(
        self, encounter_id: str, by: By, encounters: Iterable[str] | None = None, progress: Progress | None = None
    ) -> Ledger:
        """Split the change of one prediction over training subgroups; see ``analysis.ledger``.

        ``encounters`` are those removed; by default every training encounter, each subgroup on its own.
        """
        rows = None if encounters is None else positions(self.study.train_ids, encounters)
        with telling("Refitting without each subgroup", progress) as tell:
            return ledger(self.study, encounter_id, by, rows, tell)

    def training_group(self, variable: str, level: str) -> list[str]:
        """Return the training encounters of a group by its level as it is shown; see ``analysis.subgroup_support``."""
        return training_group(self.study, variable, level)

    def support(self, encounter_id: str) -> Support:
        """Say how well the training patients support one prediction; see ``analysis.support``."""
        return support(self.study, encounter_id, self.support_cuts)

    def support_table(self, progress: Progress | None = None, *, rows: Rows | None = None) -> pd.DataFrame:
        """Return the support of every audited prediction, or of those in some rows; see ``analysis.support``."""
        about = () if rows is None else tuple(map(int, rows))
        with telling("Looking at the support of each prediction", progress) as tell:
            found = self._results.get(
                "support table", about, lambda: support_table(self.study, rows, self.support_cuts, tell)
            )
        return _own(found)

    def support_calibration(self, threshold: float | None = None, *, rows: Rows | None = None) -> SupportCalibration:
        """Put the low-support warning to the test, on audited rows or some of them; see ``support_calibration``."""
        table = self.support_table(rows=rows)
        return support_calibration(self.study, threshold, self.support_cuts, table, rows=rows)

    def because(self, encounter_id: str, past_encounter_id: str) -> Because:
        """Say in one sentence through what a past encounter acts on a prediction; see ``analysis.because``."""
        return because(self.study, encounter_id, past_encounter_id)

    def decomposition(self, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
        """Split the effect of a past encounter over (audited variable x past variable); see ``analysis.pair``."""
        return decomposition(self.study, encounter_id, past_encounter_id)

    def group_decomposition(self, encounter_id: str, encounters: Iterable[str]) -> GroupDecomposition:
        """Split the effect of removing several past encounters likewise; see ``analysis.pair``."""
        return group_decomposition(self.study, encounter_id, encounters)

    def perturbation(self, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
        """Return the slope of the audited loss for each recorded number of a past encounter; see ``analysis.pair``."""
        return perturbation(self.study, encounter_id, past_encounter_id)

    def check(
        self,
        encounters: Iterable[str] | None = None,
        *,
        each: int = DEFAULT_PLAN.strongest,
        groups: int = DEFAULT_PLAN.groups,
        seed: int = DEFAULT_PLAN.seed,
        progress: Progress | None = None,
    ) -> Check:
        """Compare estimates with refits, and keep the grades for every later view; see ``analysis.check``.

        Parameters
        ----------
        encounters : iterable of str, optional
            Predictions to check on; by default five, chosen.
        each : int
            Strongest training encounters of each prediction removed one at a time, and as many others at random.
        groups : int
            Groups of each sort, at most.
        seed : int
            Of what is chosen at random.
        progress : Progress, optional
        """
        plan = Plan(each, each, groups, seed)
        with telling("Refitting", progress) as tell:
            self.grades = check(self.study, encounters=encounters, plan=plan, progress=tell)
        return self.grades

    def drivers(
        self,
        metric: str,
        *,
        subgroup: Group | None = None,
        against: Group | str | None = None,
        threshold: float | None = None,
    ) -> Drivers:
        """Ask who among the training encounters drives a metric; see ``analysis.drivers``."""
        return drivers(self.study, metric, subgroup=subgroup, against=against, threshold=threshold)

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Regression diagnostics of each training encounter, largest Cook's distance first."""
        return _own(self._results.get("diagnostics", (), lambda: training_diagnostics(self.study)))

    def diagnostics_beside_refits(self, k: int = 20, progress: Progress | None = None) -> pd.DataFrame:
        """Return the first k of them, each estimate beside its refit."""
        with telling("Refitting", progress) as tell:
            return diagnostics_beside_refits(self.study, k, tell)

    @cached_property
    def leave_one_out(self) -> LeaveOneOut:
        """Risks and AUROC of the training encounters without themselves, and without their patient."""
        self.study.require_trust()
        return LeaveOneOut(self.study.train)

    def subgroups(
        self,
        by: str | Iterable[str] | None = None,
        threshold: float | None = None,
        bootstrap: Bootstrap | None = None,
        progress: Progress | None = None,
    ) -> SubgroupTable:
        """Measure the model in every subgroup of the audited encounters; see ``analysis.subgroups``.

        Parameters
        ----------
        by : str or iterable of str, optional
            Recorded variables, ``"age_group"`` (children first), ``"under_10"``, and intersections as
            ``"age_group*gender"``; by default the age groups and the subgroup variables of the schema.
        threshold : float, optional
        bootstrap : Bootstrap, optional
        progress : Progress, optional
        """
        with telling("Measuring subgroups", progress) as tell:
            return subgroups(self.study, by, threshold, bootstrap, tell)

    def weak_subgroups(
        self,
        by: str | Iterable[str] | None = None,
        options: SearchOptions | None = None,
        progress: Progress | None = None,
    ) -> WeakSubgroups:
        """Find the subgroups that the model predicts worst, confirmed on other patients; see ``analysis.slices``.

        Parameters
        ----------
        by : str or iterable of str, optional
            Variables whose levels are combined; by default every recorded variable and the age groups.
        options : SearchOptions, optional
        progress : Progress, optional
        """
        chosen = None if by is None else groupings(self.study, by)
        with telling("Searching weak subgroups", progress) as tell:
            return weak_subgroups(self.study, chosen, options, tell)

    def why(
        self,
        variable: str,
        level: str,
        by: str | Iterable[str] | None = None,
        options: WhyOptions | None = None,
        progress: Progress | None = None,
    ) -> Why:
        """Say why the model fails a group, or that nothing in training explains it; see ``analysis.why``.

        Parameters
        ----------
        variable : str
            A recorded variable, ``"age_group"``, or an intersection.
        level : str
            As :meth:`subgroups` shows it.
        by : str or iterable of str, optional
            Variables whose levels are the training groups that may be behind it; by default the subgroup variables.
        options : WhyOptions, optional
        progress : Progress, optional

        Raises
        ------
        DataError
            There is no such variable or level.
        """
        (whole,) = groupings(self.study, variable)
        if level not in whole.levels:
            raise DataError(f"{variable} has no such level{nearest(level, whole.levels)}; look at audit.subgroups()")
        group, chosen = Members.of(whole, whole.levels.index(level)), groupings(self.study, by)
        with telling("Refitting without groups", progress) as tell:
            return why(self.study, group, by=chosen, options=options, progress=tell)

    def subgroup_metrics(
        self,
        variables: tuple[str, ...] | None = None,
        threshold: float | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return the metrics of the audited subgroups with intervals; see ``analysis.metric_intervals``."""
        with telling("Measuring subgroups", progress) as tell:
            return subgroup_metrics(self.study, variables, threshold, progress=tell)

    @property
    def odds_ratio_intervals(self) -> pd.DataFrame:
        """Odds ratios with intervals by patient; see ``analysis.metric_intervals``."""
        return _own(self._results.get("odds ratios", (), lambda: odds_ratio_intervals(self.study)))

    @property
    def coefficients(self) -> pd.DataFrame:
        """Odds ratios with standard errors and intervals, by column."""
        return _own(self._results.get("coefficients", (), lambda: coefficients(self.study)))

    @cached_property
    def discrimination(self) -> Discrimination:
        """AUROC on the audited encounters and in five-fold cross-validation by patient."""
        with telling("Fitting each fold", None) as tell:
            return discrimination(self.study, progress=tell)

    def worst_miss(self, threshold: float | None = None) -> str:
        """Return the encounter id of the audited prediction that was most wrong.

        Raises
        ------
        DataError
            No audited prediction was wrong.
        """
        wrong = self.mistakes(threshold)
        if wrong.empty:
            raise DataError(
                f"none of the {len(self.study.split.audited):,} audited predictions was wrong at this threshold; give "
                "an encounter, another threshold, or a table of more encounters"
            )
        return str(wrong.index[0])

    def example(self, threshold: float | None = None) -> str:
        """Return a mistake worth showing: of those with a planted cause the one that rests on the fewest patients.

        Where nothing was planted, the worst miss.
        """
        planted = planted_mistakes(self.study, threshold)
        if planted.empty:
            return self.worst_miss(threshold)
        return str(min(planted.index, key=lambda name: influence_on(self.study, name).concentration))

    def find(self, name: str) -> str:
        """Return the encounter id that a pseudonym of this user, or an encounter id, stands for.

        Raises
        ------
        DataError
            The cohort has no such encounter.
        """
        name = str(name)
        if name in self.cohort.frame.index:
            return name
        for encounter_id in self.cohort.frame.index:
            if self.pseudonyms.encounter(encounter_id) == name.strip().upper():
                return str(encounter_id)
        return str(self.cohort.frame.index[self.cohort.position(name)])

    def verdicts(self) -> pd.DataFrame:
        """Return what clinicians said of this audit's predictions and records; see ``clinflu.verdicts``."""
        return VerdictStore.of_this_user().current(self.study.fingerprint)


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose changes stay with whoever makes them; nothing is copied until then."""
    return frame.copy(deep=False)
