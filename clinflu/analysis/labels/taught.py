"""A model beside the labels that taught it: what every order of checking reads."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.leave_one_out import leave_one_out_margins
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk, row_loss


class Taught(Protocol):
    """Quantities of each training row under the model that learned from the labels as they are, mistaken ones too."""

    @property
    def labels(self) -> Vector:
        """As recorded, 0 to K - 1, (n,)."""
        ...

    @property
    def loss(self) -> Vector:
        """Unweighted loss of each row, (n,), nats."""
        ...

    @property
    def self_influence(self) -> Vector:
        """First-order rise of a row's own loss when it is removed, (n,), nats; never negative."""
        ...

    @property
    def self_influence_one_step(self) -> Vector:
        """The same rise at the margin of one Newton step without the row, (n,), nats."""
        ...

    @property
    def loss_without(self) -> Vector:
        """Loss of each row under the model that did not learn from it, by one Newton step, (n,), nats."""
        ...

    @property
    def probabilities_without(self) -> Matrix:
        """Probability of each class under the model that did not learn from the row, (n, K)."""
        ...


@dataclass(frozen=True)
class TaughtBinary:
    """A logistic model and its training rows.

    A row without which the model is not determined has nothing beside it to doubt its label: its quantities without
    itself are those with itself.

    Parameters
    ----------
    train : TrainingRows
    """

    train: TrainingRows

    @property
    def labels(self) -> Vector:
        """As recorded, 0 or 1, (n,)."""
        return self.train.y

    @cached_property
    def loss(self) -> Vector:
        """Unweighted loss of each row, (n,), nats."""
        return row_loss(self._margins, self.labels)

    @property
    def self_influence(self) -> Vector:
        r"""Return :math:`w_i r_i^2 \, \tilde x_i^\top H^{-1} \tilde x_i`, (n,), nats."""
        return Diagnostics(self.train).self_influence_first_order

    @property
    def self_influence_one_step(self) -> Vector:
        """Rise of the own loss at the leverage-corrected margin, (n,), nats."""
        return self.loss_without - self.loss

    @property
    def loss_without(self) -> Vector:
        """Loss at the leave-one-out margin, (n,), nats."""
        return row_loss(self._margins_without, self.labels)

    @property
    def probabilities_without(self) -> Matrix:
        """Probability of no event and of the event at the leave-one-out margin, (n, 2)."""
        p = risk(self._margins_without)
        return np.column_stack([1.0 - p, p])

    @cached_property
    def _margins(self) -> Vector:
        return self.train.log_odds

    @cached_property
    def _margins_without(self) -> Vector:
        without = leave_one_out_margins(self.train)
        return np.where(np.isfinite(without), without, self._margins)
