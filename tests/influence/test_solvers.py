"""Every solver gives the exact solution to the tolerance it states, or says that it did not; and influence by each
agrees with retraining."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from clinflu.errors import ClinfluError, SingularHessianError
from clinflu.influence.solvers import PRECONDITIONERS, SOLVERS, HessianOracle, LissaLimits
from clinflu.influence.solvers.lissa import lissa
from clinflu.model.logistic import LOGISTIC
from clinflu.model.minimise import LARGEST_EXPLICIT, minimise, minimise_along, stationary_point
from clinflu.model.mlp import Mlp
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.model.softmax import Softmax

N = 300
TOLERANCES = {"cholesky": 1e-12, "cg": 1e-8, "lissa": 1e-3}  # relative, of the solution


@cache
def digits():
    """300 images of 8 x 8 pixels, averaged to 4 x 4, and an intercept."""
    images, target = load_digits(return_X_y=True)
    pooled = images[:N].reshape(N, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(N, 16)
    return np.column_stack([np.ones(N), pooled / 16]), target[:N].astype(float)


@cache
def problem(name):
    """A family, its oracle at the optimum on the digits, and the gradient of the loss of one row."""
    x, y = digits()
    family = {"logistic": LOGISTIC, "softmax": Softmax(10)}[name]
    y, size = (y, 170) if name == "softmax" else ((y > 4).astype(float), 17)
    model = minimise(family, x, y, np.ones(N), np.ones(size))
    oracle = HessianOracle.of(model, family, x, y, np.ones(N))
    return oracle, family.gradient(model.theta, x[:1], y[:1], np.ones(1))


def error(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("name", ["logistic", "softmax"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solves_to_its_tolerance(solver, name):
    oracle, v = problem(name)
    hessian = oracle.family.hessian(oracle.theta, oracle.x, oracle.y, oracle.weights) + np.diag(oracle.penalty)
    found = SOLVERS[solver](oracle, v, seed=1)
    assert error(found.solution, np.linalg.solve(hessian, v)) <= TOLERANCES[solver]
    assert found.residual == pytest.approx(error(hessian @ found.solution, v), rel=0.01, abs=1e-14)
    assert found.converged
    assert found.words.startswith("converged")
    assert found.damping == 0.0


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_conjugate_gradients_with_each_preconditioner_on_badly_scaled_columns(preconditioner):
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 8)) * np.geomspace(1, 100, 8)])
    y = (rng.random(N) < 0.3).astype(float)
    oracle = HessianOracle(LOGISTIC, np.zeros(9), x, y, np.ones(N), np.append(0.0, np.ones(8)))
    found = SOLVERS["cg"](oracle, x[0], preconditioner=preconditioner)
    assert found.converged
    assert error(found.solution, SOLVERS["cholesky"](oracle, x[0]).solution) <= 1e-7


def test_batches_stand_for_all_rows():
    oracle, v = problem("softmax")
    parts = np.random.default_rng(0).permutation(N).reshape(10, 30)
    mean = np.mean([oracle.batch_product(part, v) for part in parts], axis=0)
    np.testing.assert_allclose(mean, oracle.product(v), rtol=1e-10, atol=1e-12)


def test_an_intercept_without_penalty_is_damped_inside_the_recursion_without_bias():
    oracle, v = problem("logistic")
    free = HessianOracle(oracle.family, oracle.theta, oracle.x, oracle.y, oracle.weights, np.append(0.0, np.ones(16)))
    found = lissa(free, v, tolerance=1e-5)
    assert found.damping > 0
    assert found.converged
    assert error(found.solution, SOLVERS["cholesky"](free, v).solution) <= 1e-3


def test_a_seed_repeats_and_nothing_solves_nothing():
    oracle, v = problem("logistic")
    one, again, other = (lissa(oracle, v, tolerance=1e-2, seed=seed).solution for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert error(other, one) > 0
    for solver in SOLVERS.values():
        found = solver(oracle, np.zeros_like(v))
        assert found.converged
        assert not found.solution.any()


@pytest.mark.parametrize(("solver", "options"), [
    ("cg", {"max_iterations": 3}),
    ("lissa", {"limits": LissaLimits(depth=96, repeats=2, steps=1_000)}),
])  # fmt: skip
def test_says_that_it_did_not_converge(solver, options):
    oracle, v = problem("softmax")
    found = SOLVERS[solver](oracle, v, **options)
    assert not found.converged
    assert found.residual > 1e-4
    assert found.words.startswith(f"did not converge: residual {found.residual:.1e}")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_hessian_that_is_not_positive_definite_has_no_solution_unless_damped(solver):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 3)), (rng.random(100) < 0.5).astype(float)
    saddle = HessianOracle(Mlp(2), np.zeros(9), x, y, np.ones(100), np.full(9, 0.1))
    v = rng.normal(size=9)
    if solver == "cholesky":
        with pytest.raises(SingularHessianError):
            SOLVERS[solver](saddle, v)
    else:
        assert "add damping" in SOLVERS[solver](saddle, v).words
    damped = HessianOracle(Mlp(2), np.zeros(9), x, y, np.ones(100), np.full(9, 0.1), damping=40.0)
    assert SOLVERS[solver](damped, v).converged


def test_a_hessian_too_large_to_form_is_refused_and_solved_without():
    size = LARGEST_EXPLICIT + 1
    x = np.random.default_rng(0).normal(size=(20, size)) / np.sqrt(size)
    oracle = HessianOracle(LOGISTIC, np.zeros(size), x, np.resize([0.0, 1.0], 20), np.ones(20), np.ones(size))
    with pytest.raises(ClinfluError, match="conjugate gradients"):
        SOLVERS["cholesky"](oracle, x[0])
    assert SOLVERS["cg"](oracle, x[0], preconditioner="none").converged


def agreement(solver, family, data, model, removed, refit, **options):
    """Pearson's r of first-order changes of a loss against retraining without each row."""
    x, y, penalty, audited = data
    n = len(x)
    at = slice(audited, audited + 1)
    oracle = HessianOracle.of(model, family, x, y, np.ones(n))
    found = SOLVERS[solver](oracle, family.gradient(model.theta, x[at], y[at], np.ones(1)), **options)
    assert found.converged
    predicted, actual = [], []
    for i in removed:
        predicted.append(found.solution @ family.gradient(model.theta, x[i : i + 1], y[i : i + 1], np.ones(1)))
        without = refit(family, x, y, (np.arange(n) != i).astype(float), penalty, model.theta)
        actual.append(loss(family, without.theta, x[at], y[at]) - loss(family, model.theta, x[at], y[at]))
    return np.corrcoef(predicted, actual)[0, 1]


def loss(family, theta, x, y):
    return float(family.loss(*(torch.from_numpy(np.array(array)) for array in (theta, x, y))).sum())


@pytest.mark.parametrize("name", ["logistic", "softmax"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_influence_by_each_solver_agrees_with_retraining(solver, name):
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    classes = 2 if name == "logistic" else 3
    y = (x @ rng.normal(size=(4, classes)) + rng.gumbel(size=(N, classes))).argmax(axis=1).astype(float)
    family, penalty = (LOGISTIC, np.ones(4)) if name == "logistic" else (Softmax(3), np.ones(12))
    model = minimise(family, x, y, np.ones(N), penalty)
    removed = rng.choice(N, size=30, replace=False)
    assert agreement(solver, family, (x, y, penalty, 0), model, removed, minimise) >= 0.999


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_influence_on_a_smooth_hinge_agrees_with_retraining(solver):
    """At t = 0.001 it takes many rows, so that some lie in the corner."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 3))])
    y = (rng.random(20_000) < 1 / (1 + np.exp(-x @ [0.3, 1.0, -1.0, 0.5]))).astype(float)
    family, penalty = SmoothHinge(0.001), np.ones(4)
    model = minimise_along(family.path(), x, y, np.ones(20_000), penalty)
    margin = (2 * y - 1) * (x @ model.theta)
    removed = rng.choice(np.flatnonzero(margin < 1), size=30, replace=False)
    audited = int(np.argmin(np.abs(margin)))
    assert agreement(solver, family, (x, y, penalty, audited), model, removed, minimise) >= 0.99


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_influence_on_a_network_agrees_with_retraining_from_its_minimum(solver):
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(800), rng.normal(size=(800, 4))])
    y = (rng.random(800) < 1 / (1 + np.exp(-2 * x[:, 1] * x[:, 2] - x[:, 3]))).astype(float)
    family = Mlp(3)
    penalty = np.ones(family.parameters(5))
    model = stationary_point(family, x, y, np.ones(800), penalty, family.start(5, seed=1))
    assert model.damping == 0.0
    removed = rng.choice(800, size=30, replace=False)
    assert agreement(solver, family, (x, y, penalty, 0), model, removed, minimise) >= 0.99
