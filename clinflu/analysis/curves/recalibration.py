"""Turn a score into risks, as a decision curve needs them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from clinflu.analysis.curves.sample import Predictor
from clinflu.data.arrays import Rows, Vector
from clinflu.data.schema import BaselineSpec
from clinflu.errors import DataError
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

STATED = "turned into a risk by logistic recalibration on the training encounters"


@dataclass(frozen=True, slots=True)
class Recalibration:
    """logit P(event) = intercept + slope x score, fitted without a penalty.

    It lets a score compete with the model at its best: no published score was made for these patients.
    """

    intercept: float
    slope: float

    @classmethod
    def fit(cls, y: Vector, score: Vector) -> Self:
        """Fit on other encounters than those it is applied to; those without a score are left out.

        Raises
        ------
        DataError
            The score does not vary.
        FitError
            There are no rows, or only one outcome, or the score separates them.
        """
        known = np.isfinite(score)
        y, score = y[known], score[known]
        centre, spread = (float(score.mean()), float(score.std())) if len(score) else (0.0, 0.0)
        if not spread > 0:
            raise DataError("the score is the same for all these encounters; a constant can be turned into no risk")
        x = np.column_stack([np.ones(len(y)), (score - centre) / spread])
        constant, scaled = fit_logistic(x, y, np.ones(len(y)), np.zeros(2)).theta
        return cls(float(constant - scaled * centre / spread), float(scaled / spread))

    @classmethod
    def of_baseline(cls, study: Study, spec: BaselineSpec) -> Self:
        """Fit a score of the cohort on the training rows of a study."""
        rows: Rows = study.split.train
        return cls.fit(study.design.y[rows], Predictor.of_baseline(study, spec, rows).values)

    def cuts(self, score_cuts: Vector) -> Vector:
        """Return the risks from which those are alerted whom the cuts of the score tell apart, (k,)."""
        risks = self._risk(np.asarray(score_cuts, dtype=float))
        return risks if self.slope > 0 else np.nextafter(risks, 1.0)

    def _risk(self, score: Vector) -> Vector:
        return risk(self.intercept + self.slope * score)

    def apply(self, score: Predictor) -> Predictor:
        """Return the score as a risk; its note says how it became one."""
        note = f"{score.note} {score.label}: {STATED}.".strip()
        return Predictor(score.key, score.label, self._risk(score.values), is_risk=True, note=note)
