"""How far an image may be altered, so that a person would not see it."""

from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Matrix
from clinflu.data.digits import BRIGHTEST
from clinflu.errors import DataError

SAME_PICTURE = 0.49  # grey levels; less than half of one is lost when the picture is stored


@dataclass(frozen=True)
class GreyLevels:
    """Images no pixel of which is further than epsilon grey levels from the original, nor beyond paper or ink.

    The digits have 17 grey levels, 0 to 16, where a photograph has 256: one level is 6 % of the range, and can be seen
    if one looks for it. Where epsilon is a whole number every pixel keeps to the 17 levels. ``SAME_PICTURE`` allows
    what rounds to the very same picture, as Koh & Liang do with 256 levels.

    Parameters
    ----------
    epsilon : float
        Grey levels, above 0 and at most 16.
    """

    epsilon: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= BRIGHTEST:
            raise DataError(f"an image can be altered by more than 0 and at most 16 grey levels, not {self.epsilon}")

    @property
    def is_whole(self) -> bool:
        """Whether altered images keep to the 17 grey levels."""
        return float(self.epsilon).is_integer()

    @property
    def words(self) -> str:
        """How far that is."""
        if self.epsilon < 0.5:
            return "under half a grey level: the same picture once it is stored"
        return "1 grey level of 17" if self.epsilon == 1 else f"{self.epsilon:g} grey levels of 17"

    def project(self, original: Matrix, moved: Matrix) -> Matrix:
        """Return the nearest allowed images, pixel by pixel; both (k, 64), from 0 to 1."""
        low, high = self.limits(original)
        if not self.is_whole:
            return np.clip(moved, low, high)
        return np.clip(np.round(moved * BRIGHTEST) / BRIGHTEST, low, high)

    def limits(self, original: Matrix) -> tuple[Matrix, Matrix]:
        """Return the lowest and the highest that each pixel may be."""
        reach = self.epsilon / BRIGHTEST
        return np.clip(original - reach, 0.0, 1.0), np.clip(original + reach, 0.0, 1.0)
