"""Rows on a device give what rows in memory give; on a GPU where torch sees one."""

import numpy as np
import pytest
import torch

from clinflu.data.matrix import DenseMatrix
from clinflu.data.matrix import base as blocks
from clinflu.data.matrix import device as devices
from clinflu.data.matrix.device import DeviceMatrix, fits_on_a_gpu
from clinflu.influence.refit import Change, refit_each
from clinflu.influence.removal import removal_effect
from clinflu.influence.training import TrainingRows

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"))


@pytest.fixture
def rows():
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(700), rng.normal(size=(700, 6)), rng.random((700, 5)) < 0.2]).astype(float)
    y = (rng.random(700) < 1 / (1 + np.exp(-x @ rng.normal(size=12)))).astype(float)
    return x, y, np.ones(700), np.r_[0.0, np.ones(11)]


@pytest.fixture(params=["cpu", CUDA])
def held(request, rows, monkeypatch):
    for module in (blocks, devices):
        monkeypatch.setattr(module, "CHUNK_ROWS", 256)  # several, the last one not full
    return DeviceMatrix.of(DenseMatrix(rows[0]), request.param)


def test_the_algebra_is_that_of_the_dense_matrix(held, rows):
    x, rng = rows[0], np.random.default_rng(6)
    v, u, d, form = rng.normal(size=12), rng.normal(size=700), rng.normal(size=700), np.cov(x.T)
    np.testing.assert_allclose(held @ v, x @ v, atol=1e-12)
    np.testing.assert_allclose(u @ held, u @ x, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(held.sandwich(d), (x.T * d) @ x, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(held.quadratic(form), np.einsum("ni,ij,nj->n", x, form, x), atol=1e-10)
    np.testing.assert_allclose(held.squares(), np.square(x).sum(axis=0))
    np.testing.assert_allclose(held.largest(), np.abs(x).max(axis=0))
    np.testing.assert_array_equal(held[3:9], x[3:9])
    np.testing.assert_array_equal(held.take(np.array([5, 2])).rows(np.array([0, 1])), x[[5, 2]])


def test_fit_influence_and_refits_are_the_same_to_1e_9(held, rows):
    x, y, weights, penalty = rows
    ours, truth = (TrainingRows.fit(one, y, weights, penalty) for one in (held, x))
    np.testing.assert_allclose(ours.model.theta, truth.model.theta, atol=1e-9)
    np.testing.assert_allclose(ours.leverage, truth.leverage, rtol=1e-9)
    np.testing.assert_allclose(removal_effect(ours, x[3]), removal_effect(truth, x[3]), rtol=1e-9, atol=1e-14)
    for one, other in zip(*(refit_each(t, [Change.removal(t, np.arange(40))]) for t in (ours, truth)), strict=True):
        np.testing.assert_allclose(one.theta, other.theta, atol=1e-9)


def test_without_cuda_nothing_fits_on_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not fits_on_a_gpu(10, 10)


def test_what_is_larger_than_its_free_memory_does_not_fit(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1_000_000, 2_000_000))
    assert fits_on_a_gpu(1_000, 70)
    assert not fits_on_a_gpu(1_000, 80)
