"""Every backend of a design matrix gives what the dense one gives: the algebra is the contract."""

import numpy as np
import pandas as pd
import pytest
import torch

from clinflu.data import Encoder
from clinflu.data.backends import BACKENDS, OnDask, Streamed, chosen_backend, named_backend
from clinflu.data.matrix import DenseMatrix, DesignMatrix, StackedMatrix, device
from clinflu.data.matrix import base as blocks
from clinflu.errors import BackendError, DataError

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
HELD = [pytest.param(name, marks=CUDA) if name == "gpu" else name for name in BACKENDS if name != "dense"]
IN_PARTS = {"streamed": Streamed(part_rows=300), "dask": OnDask(part_rows=500)}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Many blocks and chunks, as of a large table, whose last ones are not full."""
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 64)
    monkeypatch.setattr(blocks, "CHUNK_ROWS", 256)


@pytest.fixture(scope="module")
def table(small_cohort):
    """Recorded values with a level that training never saw, missing ones, and a measurement of many values."""
    frame = small_cohort.frame.copy()
    encoder = Encoder.learn(frame.iloc[:600], small_cohort.schema)
    return encoder, frame, encoder.encode(frame)


@pytest.fixture(params=[*HELD, "stacked"])
def held(request, table):
    encoder, frame, dense = table
    if request.param == "stacked":
        return StackedMatrix((DenseMatrix(dense[:100]), DenseMatrix(dense[100:101]), DenseMatrix(dense[101:])))
    return IN_PARTS.get(request.param, BACKENDS[request.param]()).encode(encoder, frame)


def test_products_are_those_of_the_dense_matrix(held: DesignMatrix, table):
    dense = table[2]
    rng = np.random.default_rng(0)
    v, many = rng.normal(size=dense.shape[1]), rng.normal(size=(dense.shape[1], 7))
    u, two = rng.normal(size=len(dense)), rng.normal(size=(2, len(dense)))
    assert held.shape == dense.shape
    np.testing.assert_allclose(held @ v, dense @ v, atol=1e-12)
    np.testing.assert_allclose(held @ many, dense @ many, atol=1e-12)
    np.testing.assert_allclose(u @ held, u @ dense, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(two @ held, two @ dense, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sandwich_takes_weights_of_any_sign(held: DesignMatrix, table, sign):
    dense = table[2]
    d = np.random.default_rng(1).random(len(dense)) - (0.5 if sign < 0 else 0.0)
    np.testing.assert_allclose(held.sandwich(d), (dense.T * d) @ dense, rtol=1e-12, atol=1e-9)


def test_rows_are_dense_where_few_and_stay_held_where_many(held: DesignMatrix, table, monkeypatch):
    dense = table[2]
    rows = np.sort(np.random.default_rng(2).permutation(len(dense))[:300])
    flags = np.zeros(len(dense), dtype=bool)
    flags[rows] = True
    np.testing.assert_array_equal(held[rows], dense[rows])
    np.testing.assert_array_equal(held[flags], dense[flags])
    np.testing.assert_array_equal(held[5:90], dense[5:90])
    np.testing.assert_array_equal(held[7], dense[7])
    np.testing.assert_array_equal(held[-1], dense[-1])
    np.testing.assert_allclose(held[:, 3], dense[:, 3], atol=0)
    with pytest.raises(IndexError):
        held[len(dense)]
    monkeypatch.setattr(blocks, "LARGEST_DENSE_BYTES", 1000)
    many = held[rows]
    assert isinstance(many, DesignMatrix)
    np.testing.assert_array_equal(many.rows(np.arange(len(rows))), dense[rows])


def test_what_is_known_of_columns(held: DesignMatrix, table):
    dense = table[2]
    assert (held.largest() >= np.abs(dense).max(axis=0)).all()
    np.testing.assert_allclose(held.squares(), np.square(dense).sum(axis=0), rtol=1e-12)


def test_sums_are_the_same_each_time(held: DesignMatrix, table):
    d = np.random.default_rng(3).random(len(table[2]))
    first, second = held.sandwich(d), held.sandwich(d)
    assert first.tobytes() == second.tobytes()


def test_a_measurement_of_many_values_and_missing_ones_is_held_as_it_is(table, monkeypatch):
    from clinflu.data import coding
    from clinflu.data.coding import coded_matrix

    encoder, frame, dense = table
    monkeypatch.setattr(coding, "MOST_CODES", 3)  # now every number has too many
    np.testing.assert_array_equal(coded_matrix(encoder, frame).rows(np.arange(len(frame))), dense)


def test_a_category_column_gives_what_its_texts_give(table, small_cohort):
    encoder, frame, dense = table
    categories = frame.astype({one.name: "category" for one in small_cohort.schema.categories})
    again = Encoder.learn(categories.iloc[:600], small_cohort.schema)
    assert again == encoder
    np.testing.assert_array_equal(BACKENDS["compact"]().encode(again, categories).rows(np.arange(len(frame))), dense)


def test_a_backend_is_chosen_by_size_and_a_wrong_name_is_refused():
    assert chosen_backend("auto", 1_000, 100).name == "dense"
    assert chosen_backend("auto", 10_000_000, 100).name == "compact"
    assert chosen_backend("auto", 1_000_000, 5_000).name == "sparse"
    with pytest.raises(DataError, match="there are: auto, dense, compact"):
        chosen_backend("magic", 10, 10)
    with pytest.raises(DataError, match="did you mean 'sparse'"):
        named_backend("sparce")
    assert named_backend("tcp://scheduler:8786") == OnDask(address="tcp://scheduler:8786")
    assert named_backend(None) == "auto"


def test_a_gpu_that_torch_does_not_see_is_refused_and_one_with_room_is_chosen(table, monkeypatch):
    encoder, frame, _ = table
    monkeypatch.setattr(device, "fits_on_a_gpu", lambda rows, columns: rows * columns > 10**9)
    with pytest.raises(BackendError, match="no CUDA device"):
        BACKENDS["gpu"]().encode(encoder, frame)
    assert chosen_backend("auto", 20_000_000, 100).name == "gpu"
    assert chosen_backend("auto", 9_000_000, 100).name == "compact"


def test_a_column_that_is_absent_is_named(table):
    encoder, frame, _ = table
    name = encoder.schema.features[0].name
    there = torch.cuda.is_available()
    for backend in (one for one in BACKENDS.values() if there or one.name != "gpu"):
        with pytest.raises(DataError, match=repr(name)):
            backend().encode(encoder, pd.DataFrame(frame).drop(columns=name))
