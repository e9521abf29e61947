"""Sums over all pairs are those of scipy's sigmoid over every pair, however many there are and however they lie."""

import numpy as np
import pytest
from scipy.special import expit

from clinflu.influence import pair_sums
from clinflu.influence.pair_sums import sigmoid_sum, slope_sums

SHAPES = {
    "many close together": lambda rng: (rng.normal(0.4, 3.0, 3_000), rng.normal(0.0, 3.0, 4_000)),
    "all the same": lambda rng: (np.full(2_000, same := rng.random()), np.full(2_000, same)),
    "on the edges of panels": lambda rng: (rng.integers(-9, 9, 2_000).astype(float), rng.integers(-9, 9, 2_000) + 0.0),
    "far apart": lambda rng: (rng.normal(0.0, 1.0, 1_500) - 500.0, rng.normal(0.0, 1.0, 1_500) + 500.0),
    "strewn wide": lambda rng: (rng.normal(0.0, 1e5, 800), rng.normal(0.0, 1e5, 800)),
    "one beside many": lambda rng: (rng.normal(size=1), rng.normal(size=400_000)),
    "few": lambda rng: (rng.normal(size=7), rng.normal(size=5)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_of_every_pair(shape):
    first, second = SHAPES[shape](np.random.default_rng(1))
    pairs = expit(first[:, None] - second)
    steep = pairs * (1.0 - pairs)
    np.testing.assert_allclose(sigmoid_sum(first, second), pairs.sum(), rtol=1e-12, atol=1e-12 * pairs.size)
    for found, axis in zip(slope_sums(first, second), (1, 0), strict=True):
        np.testing.assert_allclose(found, steep.sum(axis=axis), rtol=0, atol=1e-12 * (steep.sum(axis=axis).max() + 1.0))


def test_close_values_are_seen_from_few_nodes(monkeypatch):
    first, second = SHAPES["many close together"](np.random.default_rng(1))
    taken = []
    blocks = pair_sums._blocks
    monkeypatch.setattr(pair_sums, "_blocks", lambda a, b: taken.append(len(a) * len(b)) or blocks(a, b))
    sigmoid_sum(first, second)
    slope_sums(first, second)
    assert max(taken) < len(first) * len(second) / 50


def test_any_split_into_blocks_gives_the_same(monkeypatch):
    first, second = SHAPES["many close together"](np.random.default_rng(2))
    whole = sigmoid_sum(first, second), *slope_sums(first, second)
    monkeypatch.setattr(pair_sums, "PAIRS_AT_ONCE", 3_000)
    monkeypatch.setattr(pair_sums, "VALUES_AT_ONCE", 100)
    for found, before in zip((sigmoid_sum(first, second), *slope_sums(first, second)), whole, strict=True):
        np.testing.assert_allclose(found, before, rtol=1e-12)
