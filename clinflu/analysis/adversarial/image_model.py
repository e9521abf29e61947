"""A model of two kinds of images, and the predictions of it that are right."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.analysis.adversarial.feature_maps import ColumnMap, Pixels
from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.asking import check_count
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.newton import fit_logistic

LARGE_DIGITS = (5, 6, 7, 8, 9)
DEFAULT_PENALTY = 0.01


@dataclass(frozen=True, repr=False, eq=False)
class ImageModel:
    """Logistic regression on features of images.

    Parameters
    ----------
    pixels, test_pixels : (n, 64) and (t, 64)
        From 0 to 1.
    y, test_y : (n,) and (t,)
        1 for one kind of image, 0 for the other.
    column_map : ColumnMap
        From pixels to features.
    penalty : float
        On the summed loss, of every coefficient but the intercept.
    names : (str, str)
        What 0 and 1 stand for.
    described : str
        What the features are, in words.
    """

    pixels: Matrix
    y: Vector
    test_pixels: Matrix
    test_y: Vector
    column_map: ColumnMap
    penalty: float
    names: tuple[str, str]
    described: str = "pixels"

    @classmethod
    def of_digits(
        cls,
        rows: int,
        column_map: ColumnMap | None = None,
        *,
        described: str = "pixels",
        digits: Digits | None = None,
        large: tuple[int, ...] = LARGE_DIGITS,
        penalty: float = DEFAULT_PENALTY,
    ) -> Self:
        """Return a model that tells some digits from the others, taught by the first training images.

        Parameters
        ----------
        rows : int
            How many images teach it.
        column_map : ColumnMap, optional
            By default the pixels.
        described : str
            What its features are, in words.
        digits : Digits, optional
            By default all ten.
        large : tuple of int
            Digits that are 1, the others being 0; by default 5 to 9.
        penalty : float

        Raises
        ------
        DataError
            There are not so many training images, or all digits are on one side.
        """
        digits = Digits.load() if digits is None else digits
        rows = check_count(rows, "the number of training images", least=2)
        if rows > len(digits.train):
            raise DataError(f"there are {len(digits.train):,} training images; ask for no more")
        ones = [name for name in digits.names if int(name) in large]
        zeros = [name for name in digits.names if name not in ones]
        if not ones or not zeros:
            raise DataError("name digits to be told from the others, so that there are two kinds of images")
        y = np.isin(digits.labels, [digits.names.index(name) for name in ones]).astype(float)
        taught = digits.train[:rows]
        return cls(
            digits.pixels[taught], y[taught], digits.pixels[digits.test], y[digits.test],
            Pixels() if column_map is None else column_map, penalty, (", ".join(zeros), ", ".join(ones)), described,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"ImageModel on {self.described}: {self.rows:,} training images for {self.columns:,} features, "
            f"{self.share_right:.1%} of {len(self.test_y):,} test images right"
        )

    @property
    def rows(self) -> int:
        """How many images taught it, n."""
        return len(self.y)

    @property
    def columns(self) -> int:
        """How many features it has, d, the intercept apart."""
        return int(self.train.x.shape[1]) - 1

    @cached_property
    def train(self) -> TrainingRows:
        """The fit at its training rows."""
        return self.fitted(self.encoded(self.pixels))

    @cached_property
    def test_x(self) -> Matrix:
        """The test images as the model sees them, (t, 1 + d)."""
        return self.encoded(self.test_pixels)

    @cached_property
    def test_margins(self) -> Vector:
        """Log-odds of 1 of each test image, (t,)."""
        margins: Vector = self.test_x @ self.train.model.theta
        return margins

    @cached_property
    def is_right(self) -> Flags:
        """Whether each test image is on its side of one half, (t,)."""
        return right(self.test_margins, self.test_y)

    @property
    def share_right(self) -> float:
        """Share of the test images that are right."""
        return float(self.is_right.mean())

    def encoded(self, pixels: Matrix) -> Matrix:
        """Return images as the model sees them, (n, 1 + d): the intercept, then their features."""
        return np.column_stack([np.ones(len(pixels)), self.column_map.transform(pixels)])

    def fitted(self, x: Matrix, start: FittedModel | None = None) -> TrainingRows:
        """Fit the training rows as they would be seen; from zero, or from another fit."""
        weights, strengths = np.ones(len(x)), np.full(x.shape[1], self.penalty)
        strengths[0] = 0.0
        model = fit_logistic(x, self.y, weights, strengths, None if start is None else start.theta)
        return TrainingRows(model, x, self.y, weights, np.arange(len(x)))

    def some_right(self, count: int, seed: int = 0) -> Rows:
        """Return so many right test predictions, drawn at random from all of them, or all if there are fewer."""
        count = check_count(count, "the number of predictions", least=1)
        found = np.flatnonzero(self.is_right)
        if count >= len(found):
            return found
        return np.sort(np.random.default_rng(seed).choice(found, count, replace=False))


def right(margins: Vector, y: Vector) -> Flags:
    """Return whether each margin is on the side of its outcome."""
    sides: Flags = (margins > 0) == (y == 1)
    return sides
