"""The streamed top k is that of the whole table, computed another way, whatever the blocks and the ties."""

import numpy as np
import pytest

from clinflu.errors import Cancelled, DataError
from clinflu.influence import strongest
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.strongest import strongest_each
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic


def table(train, audited):
    return np.array([one_step(train, removal_effect(train, x)) for x in audited])


def random_train(seed, n=900, p=6):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.standard_t(3, size=(n, p - 1))])
    y = (rng.random(n) < 0.3).astype(float)
    return TrainingRows.fit(x, y, rng.choice([0.5, 1.0], n), np.full(p, 0.5)), rng.normal(size=(23, p))


@pytest.mark.parametrize("k", [1, 7, 20, 44, 45])
@pytest.mark.parametrize("seed", [0, 1])
def test_is_the_top_of_the_whole_table(seed, k):
    train, audited = random_train(seed)
    effects = table(train, audited)
    expected = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :k]

    found = strongest_each(train, audited, k)

    np.testing.assert_array_equal(found.positions, expected)
    np.testing.assert_allclose(found.margin_change, np.take_along_axis(effects, expected, axis=1), rtol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    train, audited = random_train(2)
    whole = strongest_each(train, audited)
    for values in (1, 2_000, 10_000):
        monkeypatch.setattr(strongest, "BLOCK_VALUES", values)
        found = strongest_each(train, audited)
        np.testing.assert_array_equal(found.positions, whole.positions)
        np.testing.assert_allclose(found.margin_change, whole.margin_change, rtol=1e-12)


def test_effects_all_at_the_end_of_the_rows_are_found():
    """The lower bound leaves out a few last columns: those must still be looked at."""
    train, audited = random_train(3, n=437)
    k = 20
    effects = table(train, audited)
    order = np.argsort(np.abs(effects[0]))
    sorted_train = TrainingRows(train.model, train.x[order], train.y[order], train.weights[order], train.patients)
    found = strongest_each(sorted_train, audited[:1], k)
    np.testing.assert_array_equal(found.positions[0], np.arange(436, 436 - k, -1))


@pytest.mark.parametrize("copies", [7, 15, 60])
def test_copies_of_a_record_stand_in_the_order_of_the_rows(copies):
    rng = np.random.default_rng(4)
    n = 800
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 4))])
    places = np.sort(rng.choice(n, 3 * copies, replace=False))
    x[places] = [1.0, 6.0, -5.0, 4.0, 3.0]
    y = (rng.random(n) < 0.4).astype(float)
    y[places] = np.resize([1.0, 0.0, 0.0], 3 * copies)  # the events among the copies are rarer, so they weigh more
    train = TrainingRows.fit(x, y, np.ones(n), np.array([0.0, 1.0, 1.0, 1.0, 1.0]))

    found = strongest_each(train, x[places[:1]], 20)

    events, others = places[y[places] == 1], places[y[places] == 0]
    np.testing.assert_array_equal(found.positions[0], np.append(events, others)[:20])


def test_ties_up_to_rounding_stand_in_the_order_of_the_rows():
    """Effects of equal records may differ in the last bits, as the product happens to be summed."""
    noise = 1.0 + 3e-16 * np.array([0, 2, 1, 0, 3, 0])
    sizes = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.5]) * noise
    rows, columns = np.zeros(6, dtype=int), np.array([5, 0, 1, 2, 3, 4])
    assert len(np.unique(sizes[1:5])) > 1
    order = strongest._in_order(np.append(rows, 1), np.append(columns, 0), np.append(sizes, 0.5))
    np.testing.assert_array_equal(order, [0, 1, 2, 3, 4, 5, 6])


def test_a_row_that_no_record_moves_gives_the_first_rows():
    train, _ = random_train(5)
    found = strongest_each(train, np.zeros((2, 6)), 4)
    np.testing.assert_array_equal(found.positions, [[0, 1, 2, 3]] * 2)
    np.testing.assert_array_equal(found.margin_change, 0.0)


def test_asking_for_more_than_there_are_gives_all(train, problem):
    found = strongest_each(train, problem.audited, 10_000)
    np.testing.assert_array_equal(np.sort(found.positions, axis=1), np.tile(np.arange(600), (12, 1)))
    assert np.all(np.diff(np.abs(found.margin_change), axis=1) <= 1e-12)


def test_the_strongest_of_low_leverage_agree_with_cold_refits(train, problem):
    found = strongest_each(train, problem.audited[:3], 5)
    for x, rows, changes in zip(problem.audited, found.positions, found.margin_change, strict=False):
        for row, change in zip(rows, changes, strict=True):
            kept = np.delete(np.arange(600), row)
            cold = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty)
            truth = x @ (cold.theta - train.model.theta)
            assert np.sign(truth) == np.sign(change)
            np.testing.assert_allclose(change, truth, rtol=0.15 if train.leverage[row] > 0.05 else 0.03)


def test_tells_how_far_it_is_and_can_be_stopped(train, problem, monkeypatch):
    monkeypatch.setattr(strongest, "BLOCK_VALUES", 600)
    calls = []
    strongest_each(train, problem.audited[:3], 2, lambda done, total: calls.append((done, total)))
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def stop(done, total):
        if done == 1:
            raise Cancelled(f"stopped of {total}")

    with pytest.raises(Cancelled):
        strongest_each(train, problem.audited, 2, stop)


def test_no_rows_give_empty_tables(train):
    found = strongest_each(train, np.empty((0, 8)), 3)
    assert found.positions.shape == found.margin_change.shape == (0, 3)


def test_refuses_what_means_nothing(train, problem):
    with pytest.raises(DataError, match="ask for 1 or more"):
        strongest_each(train, problem.audited, 0)
    broken = problem.audited.copy()
    broken[1, 2] = np.nan
    with pytest.raises(DataError, match="missing or infinite"):
        strongest_each(train, broken)
