"""Solvers of H s = v from Hessian-vector products: one protocol, one table."""

from typing import Protocol

from clinflu.data.arrays import Vector
from clinflu.influence.solvers.conjugate import conjugate_gradients
from clinflu.influence.solvers.exact import solve_exactly
from clinflu.influence.solvers.lissa import LissaLimits, lissa
from clinflu.influence.solvers.oracle import HessianOracle
from clinflu.influence.solvers.preconditioners import PRECONDITIONERS
from clinflu.influence.solvers.solution import Solution


class Solver(Protocol):
    """A way to solve H s = v; each has further options of its own, with defaults."""

    def __call__(self, oracle: HessianOracle, v: Vector, *, tolerance: float = ..., seed: int = ...) -> Solution:
        """Return s (d,), with its residual measured on the full H."""


SOLVERS: dict[str, Solver] = {
    "cholesky": solve_exactly,
    "cg": conjugate_gradients,
    "lissa": lissa,
}

__all__ = ["PRECONDITIONERS", "SOLVERS", "HessianOracle", "LissaLimits", "Solution", "Solver"]
