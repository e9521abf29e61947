"""How much of a margin is lost at least when one patient is put back: a bound that spares most refits."""

import numpy as np
from scipy.linalg import eigh, solve_triangular

from clinflu.data.arrays import Vector
from clinflu.influence.flipset import State
from clinflu.influence.removal import sum_by_patient
from clinflu.model.logistic import BLOCK_ROWS, weighted_gram

STEEPEST = 0.25  # of the risk in the margin
BEND = 1.0 / (12.0 * np.sqrt(3.0))  # half of the largest second derivative of the risk in the margin


def least_loss(state: State) -> Vector:
    r"""Return how much of the margin at least is lost when each patient is put back, (C,), log-odds.

    With :math:`\theta` the optimum of the changed objective F, H its Hessian, :math:`\Delta` the way to the optimum
    with the rows P of one patient put back and :math:`\|v\|^2 = v^\top H v`,

    .. math::
        \|\Delta\| \le - \log(1 - R \nu) / R, \quad
        \nu = \sum_{a \in P} w_a |g_a| \sqrt{q_a}, \quad R^2 = \max_j q_j, \quad q_j = \tilde x_j^\top H^{-1} \tilde x_j

        \Big| \tilde x_t^\top \Delta - \sum_{a \in P} w_a g_a K(t, a) \Big| \le
        \tfrac14 \sum_{a \in P} w_a |K(t, a)| \sqrt{q_a} \, \|\Delta\| + \frac{\lambda \|\Delta\|^2}{12 \sqrt 3}

    with :math:`g_a = y_a - p_a` where rows were removed, :math:`2 y_a - 1` where they were relabelled (then without
    the first term on the right), and :math:`\lambda` the largest eigenvalue of
    :math:`\tilde X^\top \mathrm{diag}(w_j |K(t, j)|) \tilde X` relative to H. The first line holds since the Hessian
    of F falls by at most a factor :math:`e^{-R u}` over a distance u; the second is Taylor's theorem for the gradient.

    Returns
    -------
    (C,)
        Minus infinity where nothing can be said, as of a family other than the logistic one, and for patients of whom
        nothing is changed.

    References
    ----------
    Bach (2010), "Self-concordant analysis for logistic regression", doi:10.1214/09-EJS521, for the first line.
    """
    crossing, rows = state.crossing, state.rows
    if not state.train.model.is_logistic:
        return np.full(crossing.patient_count, -np.inf)
    first, model = crossing.train, state.train.model
    to_audited = state.train.x @ model.solve(crossing.x_audited)
    lengths = _lengths(state)
    weights, y = first.weights[rows], first.y[rows]
    push = 2.0 * y - 1.0 if crossing.relabel else y - state.train.risk[rows]
    steepest = 0.0 if crossing.relabel else STEEPEST
    count, patients = crossing.patient_count, first.patients[rows]

    def by_patient(values: Vector) -> Vector:
        return sum_by_patient(np.append(values, 0.0), np.append(patients, count - 1))

    way = _longest_way(by_patient(weights * np.abs(push) * lengths[rows]), float(lengths.max()))
    bounded = np.isfinite(way)
    way = np.where(bounded, way, 0.0)
    gained = crossing.sign * by_patient(weights * push * to_audited[rows])
    bent = weighted_gram(state.train.x, state.train.weights * np.abs(to_audited))
    steep = float(eigh(bent, model.hessian, eigvals_only=True, subset_by_index=[len(bent) - 1] * 2)[0])
    unsure = steepest * by_patient(weights * np.abs(to_audited[rows]) * lengths[rows]) * way + BEND * steep * way**2
    return np.where(state.patients & bounded, -gained - unsure, -np.inf)


def _lengths(state: State) -> Vector:
    """Return the root of x' H^-1 x for every row, (n,)."""
    lower, _ = state.train.model.cholesky
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True, check_finite=False)
    squared = np.empty(len(state.train.x))
    for start in range(0, len(squared), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        half = state.train.x[block] @ inverse.T
        squared[block] = np.einsum("np,np->n", half, half)
    return np.sqrt(squared)


def _longest_way(pull: Vector, longest: float) -> Vector:
    """Return how far an optimum can move under each pull; infinity where there is no bound."""
    share = longest * pull
    return np.where(share < 1.0, -np.log1p(-np.minimum(share, 1.0 - 1e-12)) / longest, np.inf)
