"""H s = v by conjugate gradients: products with the full H alone."""

import numpy as np

from clinflu.data.arrays import Vector
from clinflu.influence.solvers.oracle import HessianOracle
from clinflu.influence.solvers.preconditioners import PRECONDITIONERS, Preconditioner
from clinflu.influence.solvers.solution import Solution, verdict

MAX_RESTARTS = 3


def conjugate_gradients(
    oracle: HessianOracle,
    v: Vector,
    *,
    tolerance: float = 1e-10,
    seed: int = 0,
    preconditioner: str = "diagonal",
    max_iterations: int = 1_000,
) -> Solution:
    """Return s by preconditioned conjugate gradients, stopped by ||H s - v|| <= tolerance ||v||.

    Where rounding has let the recursion's residual drift from the true one, it starts again from there.

    Parameters
    ----------
    oracle : HessianOracle
        H positive definite; where a direction shows that it is not, the solution says so.
    v : (d,)
    tolerance : float
        On the relative residual.
    seed : int
        Of the preconditioner's draws.
    preconditioner : str
        A name in ``PRECONDITIONERS``.
    max_iterations : int

    References
    ----------
    Hestenes & Stiefel (1952); Nocedal & Wright (2006), algorithm 5.3.
    """
    precondition, hvps = PRECONDITIONERS[preconditioner](oracle, seed)
    solution, left, iterations, residual = np.zeros_like(v), v, 0, float(np.any(v))
    remedy = f"raise max_iterations above {max_iterations:,}, or try the preconditioner 'sampled'"
    goal = tolerance * float(np.linalg.norm(v))
    for _ in range(MAX_RESTARTS):
        if residual <= tolerance or iterations >= max_iterations:
            break
        correction, taken, is_definite = _descend(oracle, left, precondition, goal, max_iterations - iterations)
        solution, iterations, hvps = solution + correction, iterations + taken, hvps + taken + 1
        left = v - oracle.product(solution)
        residual = float(np.linalg.norm(left) / np.linalg.norm(v))
        if not is_definite:
            remedy = "the Hessian is not positive definite: add damping"
            break
    converged, words = verdict(residual, tolerance, remedy=remedy)
    return Solution(solution, residual, iterations, hvps, float(hvps), converged, words)


def _descend(
    oracle: HessianOracle, left: Vector, precondition: Preconditioner, goal: float, limit: int
) -> tuple[Vector, int, bool]:
    """Return the solution for the right side ``left``, the iterations it took and whether H was positive throughout."""
    solution = np.zeros_like(left)
    direction = better = precondition(left)
    product = float(left @ better)
    for iteration in range(limit):
        if np.linalg.norm(left) <= goal:
            return solution, iteration, True
        bent = oracle.product(direction)
        curvature = float(direction @ bent)
        if not curvature > 0:
            return solution, iteration + 1, False
        length = product / curvature
        solution = solution + length * direction
        left = left - length * bent
        better = precondition(left)
        last, product = product, float(left @ better)
        direction = better + (product / last) * direction
    return solution, limit, True
