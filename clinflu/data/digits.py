"""scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels that come without a download."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import is_whole
from clinflu.errors import DataError

SIDE = 8
BRIGHTEST = 16.0
TRAINING_SHARE = 0.6


@dataclass(frozen=True, repr=False)
class Digits:
    """Images and what they show, split at random into rows to train on and rows to test on.

    Parameters
    ----------
    pixels : (n, 64)
        Row after row of an image, from 0 (paper) to 1 (ink).
    labels : (n,)
        0 to K - 1.
    names : tuple of str
        What each label stands for.
    train, test : (k,) int
        Row numbers.

    References
    ----------
    E. Alpaydin & C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
    """

    pixels: Matrix
    labels: Vector
    names: tuple[str, ...]
    train: Rows
    test: Rows

    @classmethod
    def load(cls, *only: int, seed: int = 0) -> Self:
        """Return all ten digits, or those that are named, as the classes 0, 1, ... in the order given.

        Parameters
        ----------
        *only : int
            Digits from 0 to 9, two or more.
        seed : int
            Of the split.

        Raises
        ------
        DataError
            Fewer than two digits, one twice, or what is no digit.
        """
        from sklearn.datasets import load_digits

        chosen = only or tuple(range(10))
        if (
            len(chosen) < 2
            or len(set(chosen)) < len(chosen)
            or not all(is_whole(one) and 0 <= one < 10 for one in chosen)
        ):
            raise DataError("name two or more different digits from 0 to 9")
        images, shown = load_digits(return_X_y=True)
        rows = np.flatnonzero(np.isin(shown, chosen))
        labels = np.array([chosen.index(digit) for digit in shown[rows]], dtype=float)
        order = np.random.default_rng(seed).permutation(len(rows))
        cut = round(TRAINING_SHARE * len(rows))
        return cls(images[rows] / BRIGHTEST, labels, tuple(map(str, chosen)), order[:cut], order[cut:])

    def __repr__(self) -> str:
        return f"Digits {', '.join(self.names)}: {len(self.train):,} training and {len(self.test):,} test images"

    @cached_property
    def x(self) -> Matrix:
        """The pixels after a column of ones, the intercept, (n, 65)."""
        return np.column_stack([np.ones(len(self.pixels)), self.pixels])

    def image(self, row: int) -> Matrix:
        """Return one image, (8, 8)."""
        picture: Matrix = self.pixels[row].reshape(SIDE, SIDE)
        return picture
