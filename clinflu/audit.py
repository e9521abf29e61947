"""Audit: the facade over one study, all that notebooks, dashboards and the command line need."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clinflu.adoption import Adoption, adopt
from clinflu.analysis.coefficients import coefficients
from clinflu.analysis.discrimination import Discrimination, discrimination
from clinflu.analysis.mistakes import mistakes
from clinflu.analysis.pair import decomposition, perturbation
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.trace import Trace, at_threshold, influence_on, trace
from clinflu.analysis.what_if import Action, Refit, what_if
from clinflu.data import Cohort, Design
from clinflu.data.arrays import Rows
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.influence.trust import Trust
from clinflu.model.base import FittedModel
from clinflu.storage import open_study, save_study
from clinflu.study import DEFAULT_PENALTY, Study

KEPT_TRACES = 32


class Audit:
    """One cohort, one fitted model, and every question that can be asked of them.

    Parameters
    ----------
    study : Study
    adoption : Adoption, optional
        Where the model is the hospital's own: how far it was from its optimum.
    """

    def __init__(self, study: Study, adoption: Adoption | None = None) -> None:
        self.study = study
        self.adoption = adoption
        self._traces: dict[str, Trace] = {}

    @classmethod
    def fit(cls, cohort: Cohort, penalty: float = DEFAULT_PENALTY, seed: int = 0) -> Self:
        """Split the cohort by patient, fit the model on the training rows and return the audit of it.

        Parameters
        ----------
        cohort : Cohort
        penalty : float
            L2 penalty on the summed loss; the intercept is free. Never re-chosen in a refit.
        seed : int
            Of the split.

        Raises
        ------
        FitError
            Its kinds say why no model can be fitted.
        """
        return cls(Study.fit(cohort, penalty, seed))

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
            It is damaged, foreign, or not there.
        """
        return cls(open_study(Path(folder)))

    def save(self, folder: str | Path) -> None:
        """Write the audit into a folder that only its owner can read; it holds patient data.

        Raises
        ------
        StoreError
            The folder is in use for something else, or cannot be written.
        """
        save_study(self.study, Path(folder))

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
    def pseudonyms(self) -> Pseudonyms:
        """What encounters and patients are called in working papers."""
        return Pseudonyms.of_this_user()

    def mistakes(self, threshold: float | None = None) -> pd.DataFrame:
        """Return the audited predictions that turned out wrong, worst first; see ``analysis.mistakes``."""
        return mistakes(self.study, threshold)

    def trace(self, encounter_id: str, threshold: float | None = None) -> Trace:
        """Explain one prediction; see ``analysis.trace``."""
        key = str(encounter_id)
        if key not in self._traces:
            if len(self._traces) >= KEPT_TRACES:
                self._traces.pop(next(iter(self._traces)))
            self._traces[key] = trace(self.study, key)
        return at_threshold(self._traces[key], self.threshold if threshold is None else threshold)

    def what_if(self, *actions: Action) -> Refit:
        """Refit the model as if the actions had been done before training; see ``analysis.what_if``."""
        return what_if(self.study, *actions)

    def decomposition(self, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
        """Split the effect of a past encounter over (audited variable x past variable); see ``analysis.pair``."""
        return decomposition(self.study, encounter_id, past_encounter_id)

    def perturbation(self, encounter_id: str, past_encounter_id: str) -> pd.DataFrame:
        """Return the slope of the audited loss for each recorded number of a past encounter; see ``analysis.pair``."""
        return perturbation(self.study, encounter_id, past_encounter_id)

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Odds ratios with standard errors and intervals, by column."""
        return coefficients(self.study)

    @cached_property
    def discrimination(self) -> Discrimination:
        """AUROC on the audited encounters and in five-fold cross-validation by patient."""
        return discrimination(self.study)

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
                "no audited prediction was wrong at this threshold; give an encounter, or another threshold"
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
        if name in self.cohort.frame.index:
            return name
        for encounter_id in self.cohort.frame.index:
            if self.pseudonyms.encounter(encounter_id) == name.strip().upper():
                return str(encounter_id)
        return str(self.cohort.frame.index[self.cohort.position(name)])
