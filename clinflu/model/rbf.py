"""Support vector machines with a Gaussian kernel, as linear ones on columns that carry the kernel."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist, pdist

from clinflu.data.arrays import Matrix, Vector
from clinflu.errors import FitError, NonFiniteError, TooFewRowsError
from clinflu.model.base import FittedModel
from clinflu.model.minimise import minimise_along
from clinflu.model.smooth_hinge import SmoothHinge

LARGEST_EXACT = 5_000
LANDMARKS = 500
RANK_CUT = 1e-10
MEDIAN_ROWS = 1_000


def gaussian_kernel(a: Matrix, b: Matrix, gamma: float) -> Matrix:
    """Return exp(-gamma ||a_i - b_j||^2), (n, m)."""
    kernel: Matrix = np.exp(-gamma * cdist(a, b, "sqeuclidean"))
    return kernel


def median_gamma(rows: Matrix, seed: int = 0) -> float:
    """Return 1 / (2 s^2) with s the median distance of two rows, over at most 1,000 rows drawn by the seed.

    Raises
    ------
    FitError
        More than half of the distances are 0, or there are none.

    References
    ----------
    Garreau, Jitkrittum & Kanagawa (2017), arXiv:1707.07269, on the median heuristic.
    """
    drawn = np.random.default_rng(seed).permutation(len(rows))[:MEDIAN_ROWS]
    median = float(np.median(pdist(rows[drawn]))) if len(drawn) > 1 else 0.0
    if not median > 0:
        raise FitError("the median distance of two rows is 0, which gives the kernel no width; name a gamma")
    return 1.0 / (2.0 * median**2)


@dataclass(frozen=True, repr=False)
class KernelMap:
    r"""Columns whose products are a Gaussian kernel, so that a kernel machine is linear in them.

    .. math:: \phi(x) = k(x, L) \, U \Lambda^{-1/2}, \qquad K(L, L) = U \Lambda U^\top

    For rows x and z among the landmarks L, :math:`\phi(x)^\top \phi(z) = k(x, z)`; where L are all training rows, a
    model that is linear in the columns is the kernel machine itself, by the representer theorem. With fewer landmarks
    it is Nystroem's approximation of it. Eigenvalues below 1e-10 of the largest are cut, which changes no entry of the
    kernel of the landmarks by more than that share of its largest eigenvalue.

    Parameters
    ----------
    landmarks : (m, d)
    gamma : float
        Of the kernel exp(-gamma ||x - z||^2), per squared unit of x.
    basis : (m, r)
        U Lambda^-1/2.
    is_exact : bool
        Whether the landmarks are all the rows that it was learned on.

    References
    ----------
    Williams & Seeger (2001), "Using the Nystroem method to speed up kernel machines", NIPS.
    """

    landmarks: Matrix
    gamma: float
    basis: Matrix
    is_exact: bool

    def __repr__(self) -> str:
        kind = "exact" if self.is_exact else "Nystroem"
        return f"KernelMap ({kind}): {self.basis.shape[1]:,} columns of {len(self.landmarks):,} landmarks"

    @classmethod
    def learn(cls, rows: Matrix, gamma: float | None = None, landmarks: int | None = None, seed: int = 0) -> Self:
        """Learn the columns from training rows.

        Parameters
        ----------
        rows : (n, d)
            Without an intercept column; columns in comparable units.
        gamma : float, optional
            By default that of :func:`median_gamma`.
        landmarks : int, optional
            By default all rows up to 5,000, which is exact; above, 500 drawn at random.
        seed : int
            Of the draws.

        Raises
        ------
        FitError
            No rows, values missing, or no width of the kernel.
        """
        if not len(rows):
            raise TooFewRowsError("no rows to learn a kernel from; check the exclusions")
        if not np.isfinite(rows).all():
            raise NonFiniteError("the rows hold missing (NaN) or infinite values; fill, encode or drop them")
        width = median_gamma(rows, seed) if gamma is None else float(gamma)
        if not 0 < width < np.inf:
            raise FitError(f"a kernel needs a gamma above 0, not {gamma}; leave it out for the median heuristic")
        wanted = (len(rows) if len(rows) <= LARGEST_EXACT else LANDMARKS) if landmarks is None else landmarks
        if wanted < 1:
            raise FitError(
                f"a kernel needs one landmark or more, not {landmarks}; leave the number out for the default"
            )
        is_exact = wanted >= len(rows)
        drawn = np.arange(len(rows))
        if not is_exact:
            drawn = np.sort(np.random.default_rng(seed).choice(len(rows), size=wanted, replace=False))
        chosen = np.array(rows[drawn], dtype=float)
        return cls(chosen, width, _whitening(gaussian_kernel(chosen, chosen, width)), is_exact)

    def transform(self, rows: Matrix) -> Matrix:
        """Return the columns of rows (n, d): (n, r)."""
        columns: Matrix = gaussian_kernel(rows, self.landmarks, self.gamma) @ self.basis
        return columns

    def pull(self, rows: Matrix, at_columns: Matrix) -> Matrix:
        r"""Return slopes at the columns, (n, r), carried back to the rows, (n, d).

        .. math:: -2 \gamma \sum_l c_l \, k(x, l) (x - l), \qquad c = U \Lambda^{-1/2} v
        """
        pull = gaussian_kernel(rows, self.landmarks, self.gamma) * (at_columns @ self.basis.T)
        back: Matrix = -2.0 * self.gamma * (pull.sum(axis=1)[:, None] * rows - pull @ self.landmarks)
        return back


@dataclass(frozen=True, repr=False)
class KernelMachine:
    """A support vector machine with a Gaussian kernel, a smooth hinge and a free intercept.

    Parameters
    ----------
    columns : KernelMap
    family : SmoothHinge
    fit : FittedModel
        On the columns after a column of ones.
    """

    columns: KernelMap
    family: SmoothHinge
    fit: FittedModel

    def __repr__(self) -> str:
        return f"KernelMachine: smooth hinge of temperature {self.family.temperature:g} on {self.columns!r}"

    def margin(self, rows: Matrix) -> Vector:
        """Return the margin of each row, (n,); the outcome 1 is predicted above 0."""
        margin: Vector = design_of(self.columns.transform(rows), intercept=True) @ self.fit.theta
        return margin


def fit_kernel_machine(
    columns: KernelMap, rows: Matrix, y: Vector, weights: Vector, family: SmoothHinge, penalty: float = 1.0
) -> KernelMachine:
    r"""Return the minimum of :math:`\sum_i w_i l_i + \tfrac12 \lambda ||f||_K^2`.

    At temperature 0 it would be scikit-learn's ``SVC(kernel="rbf", gamma=gamma, C=1 / penalty)``, whose intercept is
    free of the penalty too.

    Parameters
    ----------
    columns : KernelMap
        Learned on the rows.
    rows : (n, d)
    y, weights : (n,)
        0 or 1, and weights.
    family : SmoothHinge
    penalty : float
        On the summed loss; above 0.

    Raises
    ------
    FitError
    """
    if not 0 < penalty < np.inf:
        raise FitError(f"a kernel machine needs a penalty above 0, not {penalty}; try 1")
    x = design_of(columns.transform(rows), intercept=True)
    strengths = np.append(0.0, np.full(x.shape[1] - 1, float(penalty)))
    return KernelMachine(columns, family, minimise_along(family.path(), x, y, weights, strengths))


def design_of(columns: Matrix, *, intercept: bool) -> Matrix:
    """Return columns after a column of ones, or as they are."""
    return np.column_stack([np.ones(len(columns)), columns]) if intercept else columns


def _whitening(kernel: Matrix) -> Matrix:
    """Return U Lambda^-1/2 of the eigenvalues that are not lost in rounding, (m, r), the largest first."""
    values, vectors = eigh(kernel)
    kept = np.flatnonzero(values > RANK_CUT * values[-1])[::-1]
    basis: Matrix = vectors[:, kept] / np.sqrt(values[kept])
    return basis
