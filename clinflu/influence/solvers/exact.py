"""H s = v by the Cholesky factor of H."""

from scipy.linalg import cho_solve

from clinflu.data.arrays import Vector
from clinflu.influence.solvers.oracle import HessianOracle
from clinflu.influence.solvers.solution import Solution, relative_residual, verdict


def solve_exactly(oracle: HessianOracle, v: Vector, *, tolerance: float = 1e-8, seed: int = 0) -> Solution:  # noqa: ARG001 -- of every solver
    """Return s by a factorisation, kept by the oracle for the next v, and two triangular solves.

    Parameters
    ----------
    oracle : HessianOracle
    v : (d,)
    tolerance : float
        Largest relative residual that counts as converged.
    seed : int
        Not used: nothing is drawn.

    Raises
    ------
    FitError
        H has more than 8,000 columns.
    SingularHessianError
        H is not positive definite.
    """
    solution = cho_solve(oracle.cholesky, v, check_finite=False)
    residual = relative_residual(oracle, solution, v)
    converged, words = verdict(residual, tolerance, remedy="the Hessian is nearly singular: raise the penalty")
    return Solution(solution, residual, 0, 1, 1.0, converged, words)
