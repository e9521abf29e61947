"""The Cholesky factor of a Hessian, and which columns are to blame where there is none."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, qr

from clinflu.data.arrays import Matrix
from clinflu.errors import SingularHessianError

COLLINEAR = 1e-10


def factor(hessian: Matrix) -> tuple[Matrix, bool]:
    """Return the Cholesky factor of a Hessian.

    Raises
    ------
    SingularHessianError
        It is not positive definite, or so nearly singular that solving with it means nothing.
    """
    scale = np.diagonal(hessian)
    try:
        cholesky, lower = cho_factor(hessian, lower=True, check_finite=False)
    except LinAlgError:
        raise _singular(hessian) from None
    if np.any(np.diagonal(cholesky) ** 2 <= 1e-13 * scale):
        raise _singular(hessian)
    return cholesky, lower


def collinear_columns(hessian: Matrix) -> list[int]:
    """Return the columns that are, to rounding, combinations of the others."""
    scale = np.sqrt(np.diagonal(hessian).clip(min=np.finfo(float).tiny))
    _, r, order = qr(hessian / np.outer(scale, scale), pivoting=True)
    diagonal = np.abs(np.diagonal(r))
    return sorted(int(column) for column in order[diagonal < COLLINEAR * diagonal[0]])


def _singular(hessian: Matrix) -> SingularHessianError:
    columns = ", ".join(map(str, collinear_columns(hessian)[:10]))
    named = f" (columns {columns})" if columns else ""
    return SingularHessianError(
        f"some columns are combinations of others{named}, so their coefficients cannot be told apart; drop them, or "
        "fit with a penalty above 0"
    )
