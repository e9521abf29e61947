"""Whether the solvers that never form the Hessian find the same influences as its factorisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from clinflu.analysis.validation.estimates import influence
from clinflu.analysis.validation.problem import Problem
from clinflu.data.arrays import Vector
from clinflu.influence.solvers import SOLVERS, Solution, Solver

REFERENCE = "cholesky"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SolverAgreement:
    """The influence of all training rows on one test row, by each solver.

    Parameters
    ----------
    name : str
        Of the problem.
    solutions : dict
        By solver, what it returned.
    influences : dict
        By solver, (n,), nats.
    """

    name: str
    solutions: dict[str, Solution]
    influences: dict[str, Vector]

    def __repr__(self) -> str:
        errors = ", ".join(f"{one} {self.error(one):.1e}" for one in self.solutions if one != REFERENCE)
        return (
            f"{self.name}: influences of {len(self.influences[REFERENCE]):,} rows apart from the exact ones by {errors}"
        )

    def error(self, solver: str) -> float:
        """Return ||I - I_exact|| / ||I_exact|| over all training rows."""
        exact = self.influences[REFERENCE]
        return float(np.linalg.norm(self.influences[solver] - exact) / np.linalg.norm(exact))

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each solver."""
        values = [
            {
                "error": self.error(name),
                "residual": one.residual,
                "hessian_products": one.hvps,
                "passes_over_the_rows": one.passes,
                "converged": one.converged,
            }
            for name, one in self.solutions.items()
        ]
        return pd.DataFrame(values, index=pd.Index(list(self.solutions), name="solver"))


def solver_agreement(
    problem: Problem, solvers: Mapping[str, Solver] = MappingProxyType(SOLVERS), seed: int = 0
) -> SolverAgreement:
    """Return the influences of all training rows by each solver.

    Parameters
    ----------
    problem : Problem
    solvers : mapping
        By name, such as ``{"cg": partial(SOLVERS["cg"], preconditioner="sampled")}``; by default all, each at its own
        tolerance. The factorisation is always among them, since the others are measured against it.
    seed : int
        Of the solvers that draw.

    Raises
    ------
    FitError
    """
    ways = {REFERENCE: SOLVERS[REFERENCE], **solvers}
    solutions = {name: solve(problem.oracle, problem.test_gradient, seed=seed) for name, solve in ways.items()}
    influences = {name: influence(problem, one.solution) for name, one in solutions.items()}
    return SolverAgreement(problem.name, solutions, influences)
