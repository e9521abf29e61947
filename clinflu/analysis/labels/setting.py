"""Where labels are flipped and mended: training rows to teach a model, and test rows to judge it by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from clinflu.analysis.labels.taught import Taught, TaughtBinary
from clinflu.data.arrays import Matrix, Vector
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.influence.refit import Change, model_after, refit, refit_each
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk, row_loss
from clinflu.model.metrics import auroc
from clinflu.study import Study


class Setting(Protocol):
    """Training rows whose recorded labels can be replaced."""

    @property
    def name(self) -> str:
        """What it is called where it is drawn."""
        ...

    @property
    def labels(self) -> Vector:
        """True labels of the training rows, 0 to K - 1, (n,)."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether the rows are those of invented patients."""
        ...

    @property
    def classes(self) -> int:
        """K."""
        ...

    def taught(self, labels: Vector) -> Taught:
        """Return the model that these labels teach, beside them."""
        ...

    def judged(self, labels: Sequence[Vector]) -> list[dict[str, float]]:
        """Return measures on the test rows, whose labels are true, of the model that each of these labels teach."""
        ...


@dataclass(frozen=True)
class BinarySetting:
    """Logistic regression, refitted from the model that the true labels taught.

    Parameters
    ----------
    name : str
    train : TrainingRows
        At the true labels.
    x_test : (m, p)
    y_test : (m,)
    simulated : bool
        Whether the patients are invented.
    """

    name: str
    train: TrainingRows
    x_test: Matrix
    y_test: Vector
    simulated: bool = False

    @classmethod
    def of_study(cls, study: Study) -> Self:
        """Take all training rows of a study, judged by its confirming rows."""
        rows, design, provenance = study.split.confirm, study.design, study.cohort.provenance
        return cls(provenance.source, study.train, design.x[rows], design.y[rows], provenance.simulated)

    @classmethod
    def of_digits(cls, digits: Digits, penalty: float = 1.0) -> Self:
        """Tell two digits apart, by all columns penalised alike but the intercept, which is free.

        Raises
        ------
        DataError
            There are more than two digits.
        """
        if len(digits.names) != 2:
            raise DataError(f"{len(digits.names)} digits are no binary choice; load two, such as Digits.load(3, 8)")
        x, y = digits.x[digits.train], digits.labels[digits.train]
        strengths = np.full(x.shape[1], penalty)
        strengths[0] = 0.0
        train = TrainingRows.fit(x, y, np.ones(len(y)), strengths)
        name = f"Digits {' and '.join(digits.names)}"
        return cls(name, train, digits.x[digits.test], digits.labels[digits.test])

    @property
    def labels(self) -> Vector:
        """True labels of the training rows, 0 or 1, (n,)."""
        return self.train.y

    @property
    def classes(self) -> int:
        """2."""
        return 2

    def taught(self, labels: Vector) -> TaughtBinary:
        """Return the refitted model and its rows; with the true labels, the model that is there."""
        train = self.train
        change = self._change(labels)
        if not len(change.rows):
            return TaughtBinary(train)
        model = model_after(train, change, refit(train, change))
        return TaughtBinary(TrainingRows(model, train.x, labels, train.weights, train.patients))

    def judged(self, labels: Sequence[Vector]) -> list[dict[str, float]]:
        """Return what each refit is worth on the test rows.

        ``accuracy`` at a risk of one half, ``auroc``, ``brier`` score, ``log_loss`` in nats a row, and
        ``miscalibration`` in the large: how far the mean risk is from the event rate.
        """
        return [self._judge(one.theta) for one in refit_each(self.train, [self._change(one) for one in labels])]

    def _change(self, labels: Vector) -> Change:
        return Change.relabelling(self.train, labels != self.train.y)

    def _judge(self, theta: Vector) -> dict[str, float]:
        margin = self.train.model.log_odds(self.x_test, theta)
        above = risk(margin) - self.y_test
        return {
            "accuracy": float(np.mean((margin > 0) == (self.y_test == 1))),
            "auroc": auroc(self.y_test, margin),
            "brier": float(np.square(above).mean()),
            "log_loss": float(row_loss(margin, self.y_test).mean()),
            "miscalibration": abs(float(above.mean())),
        }
