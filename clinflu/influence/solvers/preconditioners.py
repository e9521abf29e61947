"""Approximate inverses of H that are cheap to apply, for conjugate gradients."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_solve

from clinflu.data.arrays import Vector
from clinflu.influence.solvers.oracle import PROBES, HessianOracle

Preconditioner = Callable[[Vector], Vector]
SAMPLED_ROWS = 1_000


def no_preconditioner(oracle: HessianOracle, seed: int) -> tuple[Preconditioner, int]:  # noqa: ARG001 -- of every preconditioner
    """Return the identity; no products."""
    return lambda v: v, 0


def diagonal(oracle: HessianOracle, seed: int) -> tuple[Preconditioner, int]:
    """Return division by the estimated diagonal of H, and the products that it cost."""
    scale = oracle.diagonal(np.random.default_rng(seed))
    return lambda v: v / scale, PROBES


def sampled(oracle: HessianOracle, seed: int) -> tuple[Preconditioner, int]:
    """Return the solve with the Hessian of at most 1,000 sampled rows, which is formed; no products.

    Raises
    ------
    FitError
        It has more than 8,000 columns.
    SingularHessianError
        The sample does not determine every coefficient, and no penalty does.
    """
    n = len(oracle.x)
    rows = np.random.default_rng(seed).choice(n, size=min(n, SAMPLED_ROWS), replace=False)
    cholesky = oracle.of_rows(rows).cholesky
    return lambda v: cho_solve(cholesky, v, check_finite=False), 0


PRECONDITIONERS = {"none": no_preconditioner, "diagonal": diagonal, "sampled": sampled}
