"""How much of a certified bound is computed."""

from dataclasses import dataclass

from clinflu.analysis.certified.defence import QUANTILE
from clinflu.analysis.certified.rivals import RIVALS
from clinflu.errors import DataError

SHARES = (0.0, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True)
class BoundPlan:
    """How much is computed.

    Parameters
    ----------
    radius : float
        Of the ball of coefficients, intercept included.
    quantile : float
        Share of each class that the sphere, and the slab, keep.
    shares : tuple of float
        Of poisoned rows, of the clean rows that pass the defence; rising, from 0 to 1. Rounded down to whole rows.
    steps : int
        Of each online run.
    step_sizes : tuple of float
        One run each, as multiples of the textbook step size.
    rivals : tuple of str
        Which attacks of ``RIVALS`` are tried beside.
    seed : int
        Of the attacks that draw.
    """

    radius: float
    quantile: float = QUANTILE
    shares: tuple[float, ...] = SHARES
    steps: int = 1000
    step_sizes: tuple[float, ...] = (0.3, 1.0, 3.0)
    rivals: tuple[str, ...] = tuple(RIVALS)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or not all(0.0 <= share <= 1.0 for share in self.shares):
            raise DataError("shares of poisoned rows lie from 0 to 1; give at least one")
        if list(self.shares) != sorted(set(self.shares)):
            raise DataError("give the shares of poisoned rows in rising order, each once")
        if self.steps < 1 or not self.step_sizes or min(self.step_sizes) <= 0.0:
            raise DataError("an online run needs one step or more and step sizes above 0")
        unknown = set(self.rivals) - set(RIVALS)
        if unknown:
            raise DataError(f"no attack is called {', '.join(sorted(unknown))}; there are {', '.join(RIVALS)}")
