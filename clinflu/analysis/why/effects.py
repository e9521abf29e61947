"""What each training encounter does to the mean loss of a group: one solve."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from clinflu.analysis.why.members import Sides
from clinflu.data.arrays import Rows, Vector
from clinflu.errors import FitError
from clinflu.influence.functional import MeanLoss, at_model, functional_effects
from clinflu.influence.group import group_newton
from clinflu.influence.removal import one_step, sum_by_patient
from clinflu.influence.training import TrainingRows


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects on the mean loss of a group, in nats; negative: without that encounter the group's loss is lower.

    Parameters
    ----------
    train : TrainingRows
    loss : MeanLoss
        Of the encounters on which the group is judged.
    """

    train: TrainingRows
    loss: MeanLoss

    @classmethod
    def of(cls, sides: Sides) -> Self:
        """Return the effects on the group."""
        design = sides.study.design
        loss = MeanLoss(design.x[sides.group], design.y[sides.group])
        return cls(sides.study.train, at_model(loss, sides.study.model))

    @cached_property
    def slope(self) -> Vector:
        """Gradient of the mean loss, (p,)."""
        return self.loss.gradient(self.train.model.theta)

    @cached_property
    def by_encounter(self) -> Vector:
        """Change without each training encounter at one Newton step, along the tangent of the loss, (n,)."""
        return one_step(self.train, functional_effects(self.train, self.loss))

    @cached_property
    def by_patient(self) -> Vector:
        """The same, added up over the encounters of each training patient, (C,)."""
        return sum_by_patient(self.by_encounter, self.train.patients)

    def after(self, step: Vector) -> float:
        """Return the change of the mean loss, evaluated exactly, after a step of theta (p,); NaN of a step of NaN."""
        theta = self.train.model.theta
        return self.loss.value(theta + step) - self.loss.value(theta)

    def without(self, rows: Rows) -> float:
        """Return the change after one Newton step without these training rows; NaN where there is no such step."""
        try:
            return self.after(group_newton(self.train, rows))
        except FitError:
            return float("nan")
