"""The convolutional network: its layers against torch's own, its derivatives against differences, its fits."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import ArpackNoConvergence

from clinflu.errors import FitError
from clinflu.influence.solvers import SOLVERS, HessianOracle
from clinflu.model import ModelFamily, base, cnn, minimise
from clinflu.model.base import torch_device
from clinflu.model.cnn import BLOCK_ROWS, Cnn
from clinflu.model.minimise import stationary_point
from clinflu.model.mlp import Mlp

N = 40
FAMILIES = [Cnn(2, side=4, channels=2, hidden=3), Cnn(3, side=6, channels=1, hidden=2)]

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@pytest.fixture(params=FAMILIES, ids=["two classes", "three classes"])
def family(request):
    return request.param


def rows(family, n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, family.side**2))
    bright = x[:, : x.shape[1] // 2].sum(axis=1) - x[:, x.shape[1] // 2 :].sum(axis=1)
    y = np.digitize(bright + 0.3 * rng.normal(size=n), np.linspace(-0.6, 0.6, family.classes + 1)[1:-1]).astype(float)
    return x, y, rng.choice([0.5, 1.0, 2.0], n)


def tensors(*arrays):
    return [torch.from_numpy(np.array(array, dtype=float)) for array in arrays]


def objective(family, theta, x, y, weights):
    return float(weights @ family.loss(*tensors(theta, x, y)).numpy())


def central(function, theta):
    return np.array([(function(theta + step) - function(theta - step)) / 2e-5 for step in 1e-5 * np.eye(len(theta))])


def test_its_layers_are_those_of_torch(family):
    theta = np.random.default_rng(1).normal(size=family.parameters())
    (x,) = tensors(rows(family)[0])
    kernels, offset, inner, bias, outer, shift = family._parts(torch.from_numpy(theta), family.shapes)
    images = x.reshape(N, 1, family.side, family.side)
    maps = torch.tanh(torch.nn.functional.conv2d(images, kernels.reshape(-1, 1, 3, 3), offset))
    pooled = torch.nn.functional.avg_pool2d(maps, 2).permute(0, 2, 3, 1).reshape(N, -1)
    units = torch.tanh(pooled @ inner.T + bias)
    scores = units @ outer.T + shift
    at = torch.from_numpy(theta)
    np.testing.assert_allclose(family.hidden_layer(at, x), units, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(family.scores(at, x), scores, rtol=1e-12, atol=1e-12)


def test_its_loss_is_minus_the_log_of_the_probability(family):
    theta = np.random.default_rng(1).normal(size=family.parameters())
    x, y, _ = rows(family)
    p = family.probabilities(theta, x)
    assert p.shape == (N, family.classes)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    chosen = p[np.arange(N), y.astype(int)]
    np.testing.assert_allclose(family.loss(*tensors(theta, x, y)), -np.log(chosen), rtol=1e-9)


@pytest.mark.parametrize("size", [0.3, 1.5])
def test_derivatives_agree_with_automatic_ones_and_with_differences(family, size):
    rng, data = np.random.default_rng(2), rows(family)
    theta, direction = size * rng.normal(size=family.parameters()), rng.normal(size=family.parameters())
    gradient, hessian = family.gradient(theta, *data), family.hessian(theta, *data)
    np.testing.assert_allclose(gradient, ModelFamily.gradient(family, theta, *data), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(hessian, ModelFamily.hessian(family, theta, *data), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(family.hvp(theta, *data, direction), hessian @ direction, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(gradient, central(lambda t: objective(family, t, *data), theta), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(hessian, central(lambda t: family.gradient(t, *data), theta), rtol=1e-5, atol=1e-6)


def test_more_rows_than_a_block_are_all_summed():
    family = FAMILIES[0]
    theta = family.start(0)
    x, y, weights = rows(family, BLOCK_ROWS + 100)
    parts = [slice(0, 60), slice(60, None)]
    total = sum(family.hessian(theta, x[part], y[part], weights[part]) for part in parts)
    np.testing.assert_allclose(family.hessian(theta, x, y, weights), total, rtol=1e-9, atol=1e-9)


def test_a_seeded_start_leads_to_a_point_without_slope_where_both_solvers_agree(family):
    x, y, weights = rows(family)
    start, penalty = family.start(seed=0), np.full(family.parameters(), 0.3)
    np.testing.assert_array_equal(start, family.start(seed=0))
    assert not np.array_equal(start, family.start(seed=1))
    fit = stationary_point(family, x, y, weights, penalty, start)
    slope = central(lambda t: objective(family, t, x, y, weights) + 0.15 * t @ t, fit.theta)
    assert np.abs(slope).max() <= 1e-6
    lowest = np.linalg.eigvalsh(fit.hessian)[0]
    assert fit.smallest_eigenvalue == pytest.approx(lowest, rel=1e-6)
    assert (fit.damping > 0) == (lowest <= 0)
    oracle = HessianOracle.of(fit, family, x, y, weights)
    v = family.gradient(fit.theta, x[:1], y[:1], np.ones(1))
    found = SOLVERS["cg"](oracle, v)
    assert found.converged
    assert np.linalg.norm(found.solution - fit.solve(v)) <= 1e-6 * np.linalg.norm(found.solution)


def test_units_that_die_and_give_equal_eigenvalues_do_not_stop_it():
    family = Cnn(2, side=4, channels=2, hidden=12)
    x, y, weights = rows(family)
    fit = stationary_point(family, x, y, weights, np.full(family.parameters(), 4.0), family.start(seed=0))
    values = np.linalg.eigvalsh(fit.hessian)
    assert (values < values[0] * 1.001).sum() > 10
    assert fit.smallest_eigenvalue == pytest.approx(values[0])
    assert "local minimum" in fit.words


def saddle():
    """The network of one hidden layer at zero, where it has one."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    y, size = (x[:, 1] * x[:, 2] + x[:, 3] > 0).astype(float), Mlp(3).parameters(4)
    return stationary_point(Mlp(3), x, y, np.ones(N), np.full(size, 0.1), np.zeros(size))


def test_a_saddle_says_so_and_is_damped():
    found = saddle()
    smallest, largest = np.linalg.eigvalsh(found.hessian)[[0, -1]]
    assert smallest < 0
    assert "saddle" in found.words
    damped = np.linalg.eigvalsh(found.hessian + found.damping * np.eye(len(found.theta)))
    assert damped[0] == pytest.approx(1e-3 * largest)


def test_where_lanczos_stops_short_all_eigenvalues_are_computed(monkeypatch):
    monkeypatch.setattr(minimise, "LARGEST_DECOMPOSED", 10)
    monkeypatch.setattr(minimise, "LANCZOS_RESTARTS", 2)
    lie_close = np.diag([*np.linspace(1.0, 1.001, 400), 50.0])
    with pytest.raises(ArpackNoConvergence):
        minimise._end_by_lanczos(lie_close, "SA")
    assert minimise.damping_of(lie_close) == (pytest.approx(1.0, rel=1e-12), 0.0)


def test_it_counts_its_parameters():
    family = Cnn(10, channels=4, hidden=12)
    assert family.parameters() == (4 * 9 + 4) + (12 * 36 + 12) + (10 * 12 + 10)
    assert Cnn(2, channels=4, hidden=12).parameters() == 40 + 444 + 13


@pytest.mark.parametrize("options", [{"side": 7}, {"side": 2}, {"classes": 1}, {"channels": 0}, {"hidden": 0}], ids=str)
def test_an_impossible_network_is_named(options):
    with pytest.raises(FitError, match=r"give an even side|at least"):
        Cnn(**options)


def test_automatic_differentiation_runs_where_torch_has_a_device():
    assert torch_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_cuda_device_gives_the_numbers_of_the_cpu(family, monkeypatch):
    theta, data = np.random.default_rng(2).normal(size=family.parameters()), rows(family)
    direction = np.random.default_rng(3).normal(size=len(theta))

    def derivatives():
        gradient = family.gradient(theta, *data)
        return gradient, family.hvp(theta, *data, direction), family.hessian(theta, *data)

    on_device = derivatives()
    monkeypatch.setattr(base, "torch_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(cnn, "torch_device", lambda: torch.device("cpu"))
    for found, truth in zip(on_device, derivatives(), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-8, atol=1e-8)
