"""A fit without a Hessian is the same optimum, and its influences are those of the explicit one."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.errors import FitError, NotConvergedError, OneClassError
from clinflu.influence.removal import removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model import wide
from clinflu.model.newton import fit_logistic
from clinflu.model.wide import Preconditioner, fit_wide


@pytest.fixture(scope="module")
def codes():
    """4,000 encounters with about ten of 300 codes each, some in nearly all and some in a handful."""
    rng = np.random.default_rng(8)
    n, p = 4_000, 300
    present = rng.random((n, p)) < np.minimum(0.6, 4.0 / np.arange(1, p + 1))
    x = np.column_stack([np.ones(n), present]).astype(float)
    y = (rng.random(n) < 1 / (1 + np.exp(1.5 - x[:, 1:] @ rng.normal(size=p, scale=0.5)))).astype(float)
    weights = rng.choice([0.5, 1.0, 2.0], n)
    return x, y, weights, np.r_[0.0, np.ones(p)]


@pytest.fixture(scope="module")
def fitted(codes):
    x, y, weights, penalty = codes
    return fit_wide(SparseMatrix(csr_array(x)), y, weights, penalty)


def test_it_is_the_optimum_of_the_exact_fit(fitted, codes):
    truth = fit_logistic(*codes)
    np.testing.assert_allclose(fitted.theta, truth.theta, atol=1e-9)
    assert fitted.step_norm <= 1e-10
    assert fitted.passes > fitted.iterations


def test_influences_are_those_of_the_exact_fit(fitted, codes):
    x, y, weights, penalty = codes
    truth = TrainingRows.fit(x, y, weights, penalty)
    ours = TrainingRows(fitted, SparseMatrix(csr_array(x)), y, weights, np.arange(len(x)))
    expected = removal_effect(truth, x[7])
    np.testing.assert_allclose(removal_effect(ours, x[7]), expected, atol=1e-9 * np.abs(expected).max())


def test_a_solve_states_its_residual_and_it_is_true(fitted, codes):
    x, _, _, penalty = codes
    hessian = (x.T * fitted.bend) @ x + np.diag(penalty)
    v = x[3]
    found = fitted.solved(v)
    assert np.linalg.norm(hessian @ found.solution - v) <= 2e-10 * np.linalg.norm(v)
    assert found.residual <= 1e-10
    np.testing.assert_allclose(fitted.solve(np.column_stack([v, v])), np.column_stack([found.solution] * 2))


def test_the_sampled_rows_save_products(fitted, codes):
    x, _, _, penalty = codes
    held, v = fitted.x, x[3]
    plain = Preconditioner(np.ones_like(penalty), np.zeros((1, len(penalty))), (np.ones((1, 1)), True))
    by_nothing = wide.conjugate_gradients(held, fitted.bend, penalty, plain, v, 1e-10).products
    assert fitted.solved(v).products < 0.75 * by_nothing


def test_what_needs_the_hessian_itself_is_refused_in_one_line(fitted):
    with pytest.raises(FitError, match="is not formed") as caught:
        fitted.cholesky  # noqa: B018
    assert "\n" not in caught.value.one_line


def test_what_is_not_solved_says_how_far_it_came(fitted, codes, monkeypatch):
    monkeypatch.setattr(wide, "MAX_PRODUCTS", 2)
    with pytest.raises(NotConvergedError, match="relative residual of"):
        fitted.solve(codes[0][3])


def test_one_class_is_refused(codes):
    x, y, weights, penalty = codes
    with pytest.raises(OneClassError):
        fit_wide(SparseMatrix(csr_array(x)), np.zeros_like(y), weights, penalty)
