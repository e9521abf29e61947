"""The kernel machine: its columns carry the kernel, its limit is scikit-learn's, and influence is that of the dual."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.distance import pdist
from scipy.special import expit
from sklearn.svm import SVC

from clinflu.errors import FitError, NonFiniteError, TooFewRowsError
from clinflu.influence.solvers import SOLVERS, HessianOracle
from clinflu.model import rbf
from clinflu.model.minimise import minimise_along
from clinflu.model.rbf import KernelMap, design_of, fit_kernel_machine, gaussian_kernel, median_gamma
from clinflu.model.smooth_hinge import SmoothHinge

N, GAMMA, PENALTY = 90, 0.4, 0.5


def rows(seed=0, n=N):
    """Two classes that no line divides."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = (rng.random(n) < expit(3.0 * x[:, 0] * x[:, 1] + x[:, 2])).astype(float)
    return x, y


@pytest.fixture(scope="module")
def columns():
    return KernelMap.learn(rows()[0], GAMMA)


def test_the_columns_carry_the_kernel(columns):
    x, new = rows()[0], rows(1)[0]
    assert columns.is_exact
    by_hand = np.exp(-GAMMA * ((new[:, None] - x[None]) ** 2).sum(axis=2))
    np.testing.assert_allclose(gaussian_kernel(new, x, GAMMA), by_hand, rtol=1e-12)
    np.testing.assert_allclose(columns.transform(new) @ columns.transform(x).T, by_hand, atol=1e-8)
    assert "exact" in repr(columns)


def test_rows_that_repeat_add_no_column():
    x = rows()[0]
    twice = KernelMap.learn(np.vstack([x, x]), GAMMA)
    assert twice.basis.shape[1] <= len(x)
    found = twice.transform(x) @ twice.transform(x).T
    np.testing.assert_allclose(found, gaussian_kernel(x, x, GAMMA), atol=1e-8)


def test_fewer_landmarks_are_nystroem(monkeypatch):
    x = rows()[0]
    few = KernelMap.learn(x, GAMMA, landmarks=20, seed=3)
    assert not few.is_exact
    across, within = gaussian_kernel(x, few.landmarks, GAMMA), gaussian_kernel(few.landmarks, few.landmarks, GAMMA)
    truth = across @ np.linalg.solve(within, across.T)
    np.testing.assert_allclose(few.transform(x) @ few.transform(x).T, truth, atol=1e-6)
    np.testing.assert_array_equal(few.landmarks, KernelMap.learn(x, GAMMA, landmarks=20, seed=3).landmarks)
    assert not np.array_equal(few.landmarks, KernelMap.learn(x, GAMMA, landmarks=20, seed=4).landmarks)
    monkeypatch.setattr(rbf, "LARGEST_EXACT", N - 1)
    monkeypatch.setattr(rbf, "LANDMARKS", 30)
    assert len(KernelMap.learn(x, GAMMA).landmarks) == 30


def test_the_default_width_is_that_of_the_median_distance():
    x = rows()[0]
    assert median_gamma(x) == pytest.approx(1 / (2 * np.median(pdist(x)) ** 2))
    assert KernelMap.learn(x).gamma == median_gamma(x)


@pytest.mark.parametrize("landmarks", [None, 25])
def test_slopes_are_carried_back_to_the_rows(landmarks):
    columns, new = KernelMap.learn(rows()[0], GAMMA, landmarks), rows(1, n=4)[0]
    v = np.random.default_rng(2).normal(size=(4, columns.basis.shape[1])) / np.linalg.norm(columns.basis, axis=0)
    expected = np.empty_like(new)
    for column, step in enumerate(1e-6 * np.eye(3)):
        change = columns.transform(new + step) - columns.transform(new - step)
        expected[:, column] = (change * v).sum(axis=1) / 2e-6
    np.testing.assert_allclose(columns.pull(new, v), expected, rtol=1e-6, atol=1e-7)


def test_with_its_intercept_it_is_the_machine_of_scikit_learn_as_the_temperature_falls(columns):
    (x, y), new = rows(), rows(1)[0]
    machine = SVC(kernel="rbf", gamma=GAMMA, C=1 / PENALTY, tol=1e-9).fit(x, y)
    truth = machine.decision_function(new)
    apart = []
    for temperature in (0.1, 0.01, 0.001, 1e-4):
        fitted = fit_kernel_machine(columns, x, y, np.ones(N), SmoothHinge(temperature), PENALTY)
        apart.append(np.abs(fitted.margin(new) - truth).max())
    assert np.all(np.diff(apart) < 0)
    assert apart[-1] < 1e-3


def test_without_an_intercept_it_is_the_box_constrained_dual(columns):
    (x, y), new = rows(), rows(1)[0]
    signs = 2 * y - 1
    q = np.outer(signs, signs) * gaussian_kernel(x, x, GAMMA)
    dual = minimize(
        lambda a: (0.5 * a @ q @ a - a.sum(), q @ a - 1.0),
        np.zeros(N),
        jac=True,
        bounds=[(0, 1 / PENALTY)] * N,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 20_000},
    )
    truth = gaussian_kernel(new, x, GAMMA) @ (dual.x * signs)
    family, made = SmoothHinge(1e-4), columns.transform(x)
    fit = minimise_along(family.path(), made, y, np.ones(N), np.full(made.shape[1], PENALTY))
    np.testing.assert_allclose(columns.transform(new) @ fit.theta, truth, atol=2e-3)


@pytest.fixture(scope="module", params=[0.1, 0.01])
def without_intercept(request, columns):
    """Family, columns of the training rows, outcome and fit."""
    (x, y), family = rows(), SmoothHinge(request.param)
    made = columns.transform(x)
    fit = minimise_along(family.path(), made, y, np.ones(N), np.full(made.shape[1], PENALTY))
    return family, made, y, fit


def test_the_fit_is_a_sum_of_kernels_by_the_representer_theorem(columns, without_intercept):
    family, made, y, fit = without_intercept
    x, new = rows()[0], rows(1)[0]
    signs = 2 * y - 1
    alpha = signs * expit((1 - signs * (made @ fit.theta)) / family.temperature) / PENALTY
    np.testing.assert_allclose(columns.transform(new) @ fit.theta, gaussian_kernel(new, x, GAMMA) @ alpha, atol=1e-8)


def test_influence_by_the_dual_equals_that_on_the_columns(columns, without_intercept):
    r"""phi_t' H^-1 phi_i = (k_ti - k_t' D^1/2 (lam I + D^1/2 K D^1/2)^-1 D^1/2 k_i) / lam."""
    family, made, y, fit = without_intercept
    x, new = rows()[0], rows(1)[0]
    signs = 2 * y - 1
    slope = expit((1 - signs * (made @ fit.theta)) / family.temperature)
    root = np.sqrt(slope * (1 - slope) / family.temperature)
    kernel, across = gaussian_kernel(x, x, GAMMA), gaussian_kernel(new, x, GAMMA)
    inner = PENALTY * np.eye(N) + root[:, None] * kernel * root
    by_dual = (across - (across * root) @ np.linalg.solve(inner, root[:, None] * kernel)) / PENALTY
    on_columns = columns.transform(new) @ fit.solve(np.ascontiguousarray(made.T))
    np.testing.assert_allclose(on_columns, by_dual, atol=1e-6)


def test_conjugate_gradients_agree_with_the_factorisation_or_say_that_they_did_not_converge(without_intercept):
    family, made, y, fit = without_intercept
    oracle = HessianOracle.of(fit, family, made, y, np.ones(N))
    v = family.gradient(fit.theta, made[:1], y[:1], np.ones(1)) + made[1]
    exact, found = SOLVERS["cholesky"](oracle, v).solution, SOLVERS["cg"](oracle, v)
    assert found.converged
    assert np.linalg.norm(found.solution - exact) <= 1e-6 * np.linalg.norm(exact)
    hurried = SOLVERS["cg"](oracle, v, max_iterations=2)
    assert not hurried.converged
    assert hurried.words.startswith("did not converge")


def test_derivatives_on_the_columns_agree_with_differences(without_intercept):
    family, made, y, fit = without_intercept
    few, direction = made[:, :6], np.random.default_rng(4).normal(size=6)
    theta, step = fit.theta[:6], 1e-6

    def slope(at):
        return family.gradient(at, few, y, np.ones(N))

    expected = np.array([(slope(theta + s) - slope(theta - s)) / (2 * step) for s in step * np.eye(6)])
    hessian = family.hessian(theta, few, y, np.ones(N))
    np.testing.assert_allclose(hessian, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(family.hvp(theta, few, y, np.ones(N), direction), hessian @ direction, rtol=1e-9)


def test_an_intercept_stands_first():
    made = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(design_of(made, intercept=True), [[1, 0, 1], [1, 2, 3], [1, 4, 5]])
    assert design_of(made, intercept=False) is made


BAD = {
    "no rows": (np.empty((0, 2)), {}, TooFewRowsError),
    "NaN": (np.array([[0.0, np.nan], [1.0, 1.0]]), {}, NonFiniteError),
    "no width": (np.ones((5, 2)), {}, FitError),
    "gamma 0": (np.eye(3), {"gamma": 0.0}, FitError),
    "no landmark": (np.eye(3), {"landmarks": 0}, FitError),
}


@pytest.mark.parametrize(("x", "options", "error"), BAD.values(), ids=BAD)
def test_what_makes_a_kernel_impossible_is_named(x, options, error):
    with pytest.raises(error, match=r"; "):
        KernelMap.learn(x, **options)


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.inf])
def test_an_impossible_penalty_is_named(columns, penalty):
    x, y = rows()
    with pytest.raises(FitError, match="try 1"):
        fit_kernel_machine(columns, x, y, np.ones(N), SmoothHinge(0.1), penalty)
