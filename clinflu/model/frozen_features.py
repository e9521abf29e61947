"""The hidden layer of a fitted network as columns for a model that is convex in them, and the way back to the image."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError
from clinflu.model.base import torch_device
from clinflu.model.cnn import Cnn


class ColumnMap(Protocol):
    """Columns computed from rows by a rule that no refit changes, with the slopes carried back by the chain rule."""

    def transform(self, rows: Matrix) -> Matrix:
        """Return the columns of rows (n, d): (n, r), without an intercept."""

    def pull(self, rows: Matrix, at_columns: Matrix) -> Matrix:
        """Return J(x)' v for each row, (n, d), from slopes at its columns, (n, r)."""


@dataclass(frozen=True, repr=False)
class FrozenFeatures:
    """The last hidden layer of a network that learns no more.

    A model fitted on these columns has an exact optimum and an exact influence function. It speaks of that model: what
    a training image taught the network itself, before it was frozen, is not in it.

    Parameters
    ----------
    family : Cnn
    theta : (d,)
        Of the network, where it was frozen.

    Raises
    ------
    FitError
        theta is not one of this network.
    """

    family: Cnn
    theta: Vector

    def __post_init__(self) -> None:
        if np.shape(self.theta) != (self.family.parameters(),):
            raise FitError(
                f"this network has {self.family.parameters():,} parameters, not {np.size(self.theta):,}; freeze it "
                "with the family that it was fitted as"
            )

    def __repr__(self) -> str:
        return f"FrozenFeatures: {self.family.hidden} hidden units of a network of {len(self.theta):,} parameters"

    def transform(self, rows: Matrix) -> Matrix:
        """Return the hidden units of images (n, pixels): (n, hidden), each between -1 and 1."""
        import torch

        at, images = (torch.from_numpy(np.array(one, dtype=float)).to(torch_device()) for one in (self.theta, rows))
        units: Matrix = self.family.hidden_layer(at, images).cpu().numpy()
        return units

    def pull(self, rows: Matrix, at_columns: Matrix) -> Matrix:
        """Return J(x)' v for each image, (n, pixels), with J the slopes of its units in its pixels."""
        import torch
        from torch.func import vjp

        at, images, slopes = (
            torch.from_numpy(np.array(one, dtype=float)).to(torch_device()) for one in (self.theta, rows, at_columns)
        )
        _, back = vjp(lambda free: self.family.hidden_layer(at, free), images)
        pulled: Matrix = back(slopes)[0].cpu().numpy()
        return pulled
