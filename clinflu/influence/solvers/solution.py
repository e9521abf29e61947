"""What a solver returns, and what it says of itself."""

from dataclasses import dataclass

import numpy as np

from clinflu.data.arrays import Vector
from clinflu.influence.solvers.oracle import HessianOracle


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution s of H s = v, whether it is one or not.

    Parameters
    ----------
    solution : (d,)
    residual : float
        ||H s - v|| / ||v||, measured on the full H at the end.
    iterations : int
        Steps of the solver's recursion; 0 for a factorisation.
    hvps : int
        Products with H or with the H of a batch of rows.
    passes : float
        Rows that these products touched, divided by n.
    converged : bool
        Whether the residual, and the standard error where there is one, are within the tolerance.
    words : str
        The same in a sentence, with what to do where it did not converge.
    standard_error : float
        Of a stochastic solution, relative to its norm; 0 for the others.
    damping : float
        Added to the diagonal inside the recursion alone; 0 where none was.
    """

    solution: Vector
    residual: float
    iterations: int
    hvps: int
    passes: float
    converged: bool
    words: str
    standard_error: float = 0.0
    damping: float = 0.0


def relative_residual(oracle: HessianOracle, solution: Vector, v: Vector) -> float:
    """Return ||H s - v|| / ||v||; of v = 0, whose solution is 0, ||H s||."""
    left = float(np.linalg.norm(oracle.product(solution) - v))
    return left / (float(np.linalg.norm(v)) or 1.0)


def verdict(residual: float, tolerance: float, *, remedy: str) -> tuple[bool, str]:
    """Return whether the residual is within the tolerance, and the sentence that says so."""
    if residual <= tolerance:
        return True, f"converged: residual {residual:.1e}, at most {tolerance:.0e} was asked for"
    return False, f"did not converge: residual {residual:.1e}, at most {tolerance:.0e} was asked for; {remedy}"
