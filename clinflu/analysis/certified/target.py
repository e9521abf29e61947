"""What is attacked: clean rows to learn from, and rows to test on."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from clinflu.data.arrays import Matrix, Vector
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.study import Study


@dataclass(frozen=True, repr=False)
class Target:
    """What is attacked: clean rows that teach a linear classifier, and rows that test it.

    Parameters
    ----------
    name : str
    features, test_features : (n, d), (m, d)
        Without a column for the intercept.
    y, test_y : (n,), (m,)
        0 or 1.
    """

    name: str
    features: Matrix
    y: Vector
    test_features: Matrix
    test_y: Vector

    @classmethod
    def of_digits(cls, digits: Digits) -> Self:
        """Return two digits, their pixels from 0 to 1.

        Raises
        ------
        DataError
            More than two digits.
        """
        if len(digits.names) != 2:
            raise DataError("the bound is for two classes; load two digits, as in Digits.load(1, 7)")
        train, test = digits.train, digits.test
        name = f"Digits {' against '.join(digits.names)}"
        return cls(name, digits.pixels[train], digits.labels[train], digits.pixels[test], digits.labels[test])

    @classmethod
    def of_study(cls, study: Study, name: str | None = None, most: int | None = None, seed: int = 0) -> Self:
        """Return the training and the audited encounters of a study, their columns as its encoder made them.

        Parameters
        ----------
        study : Study
        name : str, optional
            By default that of its source.
        most : int, optional
            Take so many training encounters, at random, if there are more.
        seed : int
            Of that draw.
        """
        first = 1 if study.design.has_intercept else 0
        x, y, train, test = study.design.x[:, first:], study.design.y, study.split.train, study.split.audited
        if most is not None and most < len(train):
            train = np.sort(np.random.default_rng(seed).choice(train, most, replace=False))
        return cls(name or study.cohort.provenance.source, x[train], y[train], x[test], y[test])

    def __repr__(self) -> str:
        rows, columns = self.features.shape
        return f"Target {self.name}: {rows:,} clean rows of {columns} features, {len(self.test_y):,} to test on"
