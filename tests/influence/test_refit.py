"""Every refit is the cold refit on the changed rows, however it was reached."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.errors import Cancelled, FitError, OneClassError, SeparationError, SingularHessianError
from clinflu.influence.refit import Added, Change, model_after, refit, refit_each, refit_each_or_nan, rows_after
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

SAME = {"rtol": 0, "atol": 1e-9}


def cold(train, change):
    """Fit from zero on the rows that keep a weight, and on nothing else."""
    x, y, weights = train.x.copy(), train.y.copy(), train.weights.copy()
    weights[change.rows], y[change.rows] = change.weights, change.y
    if change.x is not None:
        x[change.rows] = change.x
    if change.added is not None:
        x, y = np.vstack([x, change.added.x]), np.append(y, change.added.y)
        weights = np.append(weights, change.added.weights)
    kept = weights > 0
    return fit_logistic(x[kept], y[kept], weights[kept], train.model.penalty)


def removals(train):
    rng = np.random.default_rng(3)
    n = len(train.x)
    chosen = [[0], [1], [77], [0, 1, 2, 5], rng.choice(n, 4), rng.choice(n, 100, replace=False), np.arange(0, n, 2)]
    chosen += [np.flatnonzero(train.x[:, 7] == 1), np.flatnonzero(train.x[:, 6] == 1), np.flatnonzero(train.y == 1)[5:]]
    return [Change.removal(train, np.array(rows)) for rows in chosen]


def other_changes(train):
    few, many, half = np.array([0, 4, 9]), np.arange(50, 150), np.arange(0, len(train.x), 2)
    for rows in (few, many, half):
        yield Change(rows, train.weights[rows], 1 - train.y[rows])
        yield Change(rows, 3 * train.weights[rows], train.y[rows])
        yield Change(rows, np.zeros(len(rows)) + 0.1, 1 - train.y[rows])
    yield Change(few, np.array([500.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))


def edits_and_additions(train):
    rng = np.random.default_rng(8)
    for rows in (np.array([0]), np.array([3, 70, 4]), np.arange(0, len(train.x), 3)):
        edited = train.x[rows].copy()
        edited[:, 1:6] += rng.normal(size=(len(rows), 5))
        edited[:, 7] = 1 - edited[:, 7]
        yield Change(rows, train.weights[rows], train.y[rows], edited)
        yield Change(rows, 2 * train.weights[rows], 1 - train.y[rows], edited)
    none = np.array([], dtype=np.intp)
    added = Added(train.x[5:9] + 0.5, np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 2.0, 0.0, 7.0]))
    yield Change(none, np.array([]), np.array([]), added=added)
    yield Change(rows, np.zeros(len(rows)), train.y[rows], added=added)
    yield Change(rows, train.weights[rows], 1 - train.y[rows], edited, added)


@pytest.fixture(scope="module")
def changes(train):
    return [*removals(train), *other_changes(train), *edits_and_additions(train)]


def test_every_refit_is_the_cold_refit(train, changes):
    for change in changes:
        found, truth = refit(train, change), cold(train, change)
        np.testing.assert_allclose(found.theta, truth.theta, **SAME)
        assert found.step_norm <= 1e-10


def test_batched_refits_are_the_single_ones_in_their_order(train, changes):
    many = changes * 3  # more than one batch
    for change, found in zip(many, refit_each(train, many), strict=True):
        np.testing.assert_allclose(found.theta, refit(train, change).theta, **SAME)


def attempt(call):
    try:
        return call().theta
    except FitError as error:
        return type(error)


@pytest.mark.parametrize(("penalty", "least"), [(0.0, 12), (1e-3, 20), (100.0, 20)])
def test_a_refit_and_a_cold_refit_end_alike_at_any_penalty(problem, penalty, least):
    train = problem.fit(penalty)
    reached = 0
    for change in [*removals(train), *other_changes(train)]:
        found, truth = attempt(lambda c=change: refit(train, c)), attempt(lambda c=change: cold(train, c))
        if isinstance(truth, type):
            assert found is truth
        else:
            np.testing.assert_allclose(found, truth, **SAME)
            reached += 1
    assert reached >= least


def test_few_removals_need_no_new_hessian(train):
    for change in removals(train)[:5]:
        assert refit(train, change).hessians == 0


def test_removing_nothing_returns_theta(train):
    nothing = refit(train, Change.removal(train, np.array([], dtype=int)))
    np.testing.assert_array_equal(nothing.theta, train.model.theta)
    assert (nothing.steps, nothing.hessians) == (0, 0)


def test_removing_and_restoring_returns_theta(train):
    rows = np.arange(0, 300)
    without = Change.removal(train, rows)
    x, y, weights = rows_after(train, without)
    after = TrainingRows(model_after(train, without, refit(train, without)), x, y, weights, train.patients)
    restored = refit(after, Change(rows, train.weights[rows], train.y[rows]))
    np.testing.assert_allclose(restored.theta, train.model.theta, **SAME)


def test_the_refitted_model_carries_its_own_hessian(train):
    for change in (Change(np.arange(100), np.full(100, 0.3), 1 - train.y[:100]), *edits_and_additions(train)):
        model = model_after(train, change, refit(train, change))
        np.testing.assert_allclose(model.hessian, cold(train, change).hessian, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_left_is_named(train, outcome):
    rows = np.flatnonzero(train.y == outcome)
    with pytest.raises(OneClassError):
        refit(train, Change.removal(train, rows))
    with pytest.raises(OneClassError):
        refit(train, Change(rows, train.weights[rows], 1 - train.y[rows]))
    one_left = Change.removal(train, rows[1:])
    np.testing.assert_allclose(refit(train, one_left).theta, cold(train, one_left).theta, **SAME)


@pytest.mark.parametrize("size", [6, 40, 250])
def test_a_level_that_goes_entirely_without_a_penalty_is_named(with_level, size):
    for seed in range(12):
        train, rows = with_level(seed, size)
        with pytest.raises(SingularHessianError, match="columns 7"):
            refit(train, Change.removal(train, rows))


def steep(seed, n=100):
    """Rows whose outcomes follow the features closely, fitted without a penalty."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ (3 * rng.normal(size=6))))).astype(float)
    return TrainingRows.fit(x, y, np.ones(n), np.zeros(6)), rng.choice(n, n // 2, replace=False)


@pytest.mark.parametrize("seed", [2, 4, 7, 21, 22, 23])
def test_a_change_too_large_for_chord_steps_is_fitted_from_cold(seed):
    train, rows = steep(seed)
    relabelled = Change(rows, np.ones(len(rows)), 1 - train.y[rows])
    np.testing.assert_allclose(refit(train, relabelled).theta, cold(train, relabelled).theta, **SAME)


@pytest.mark.parametrize("seed", [2, 4, 7, 21, 22, 23])
def test_few_rows_left_without_a_penalty_are_named_separated(seed):
    train, _ = steep(seed)
    kept = np.union1d(np.flatnonzero(train.y == 1)[:3], np.flatnonzero(train.y == 0)[:3])
    with pytest.raises(SeparationError):
        refit(train, Change.removal(train, np.setdiff1d(np.arange(100), kept)))


def test_added_rows_count_when_the_outcomes_left_are_counted(train):
    rows = np.flatnonzero(train.y == 1)
    added = Added(train.x[rows[:3]], np.ones(3), np.ones(3))
    change = Change(rows, np.zeros(len(rows)), train.y[rows], added=added)
    np.testing.assert_allclose(refit(train, change).theta, cold(train, change).theta, **SAME)


def test_a_change_is_refitted_in_few_steps(train):
    for change in removals(train)[:6]:
        assert refit(train, change).steps <= 6


def test_many_refits_tell_how_far_they_are_and_can_be_stopped(train, changes):
    told = []
    refit_each(train, changes * 3, lambda done, total: told.append((done, total)))
    assert told[-1] == (3 * len(changes), 3 * len(changes))
    assert len(told) > 2

    def stop(*_):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        refit_each(train, changes * 3, stop)


@pytest.mark.parametrize("events", [25, 30, 40, 200])
def test_separation_far_away_is_not_taken_for_an_optimum(events):
    rng = np.random.default_rng(events)
    n = 600
    level = np.zeros(n)
    level[: events + 1] = 1
    x = np.column_stack([np.ones(n), rng.normal(size=n), level])
    y = (rng.random(n) < 0.3).astype(float)
    y[: events + 1] = 1
    y[0] = 0
    train = TrainingRows.fit(x, y, np.ones(n), np.zeros(3))
    with pytest.raises(SeparationError):
        refit(train, Change.removal(train, np.arange(1, events + 1)))
    (lost,) = refit_each_or_nan(train, [Change.removal(train, np.arange(1, events + 1))])
    assert np.isnan(lost.theta).all()


def test_one_change_without_a_fit_hides_no_other(problem):
    train = problem.fit(penalty=0.0)
    rare = np.flatnonzero(train.x[:, 7] == 1)
    lost = Change.removal(train, rare[train.y[rare] == 1])
    told = []
    found = refit_each_or_nan(train, [lost, Change.removal(train, [400]), lost], lambda *done: told.append(done))
    assert [bool(np.isnan(one.theta).any()) for one in found] == [True, False, True]
    assert told == sorted(told)


def test_flags_and_positions_name_the_same_rows(train):
    flags = np.zeros(len(train.x), dtype=bool)
    flags[[4, 9]] = True
    assert Change.removal(train, flags).rows.tolist() == [4, 9]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda train: Change.removal(train, np.array([-1])),
        lambda train: Change.removal(train, np.array([len(train.x)])),
        lambda train: Change.removal(train, np.array([True, False])),
        lambda train: Change(np.array([9, 9]), np.zeros(2), train.y[[9, 9]]),
        lambda train: Change(np.array([9]), np.array([-1.0]), train.y[[9]]),
        lambda train: Change(np.array([9]), np.array([np.inf]), train.y[[9]]),
        lambda train: Change(np.array([9]), train.weights[[9]], np.array([7.0])),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(train, wrong):
    with pytest.raises(ValueError, match=r"position|flags|once|outcome"):
        refit(train, wrong(train))


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_weights_of_any_size_change_nothing_but_the_scale(problem, scale):
    one = TrainingRows.fit(problem.x, problem.y, problem.weights, problem.penalty(2.0))
    other = TrainingRows.fit(problem.x, problem.y, scale * problem.weights, scale * problem.penalty(2.0))
    rows = np.arange(5)
    there, here = (refit(train, Change.removal(train, rows)).theta for train in (one, other))
    np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-9)


def test_a_huge_weight_does_not_hide_the_other_outcome(train):
    row = np.flatnonzero(train.y == 1)[:1]
    refit(train, Change(row, np.array([1e8]), train.y[row]))


def test_a_row_named_twice_is_removed_once(train):
    assert Change.removal(train, np.array([5, 3, 5])).rows.tolist() == [3, 5]


@pytest.mark.parametrize("outcome", [0, 1])
def test_separation_after_a_removal_without_a_penalty_is_named(problem, outcome):
    train = problem.fit(penalty=0.0)
    rare = np.flatnonzero(train.x[:, 7] == 1)
    last_of_its_outcome = Change.removal(train, rare[train.y[rare] == outcome])
    with pytest.raises(SeparationError):
        refit(train, last_of_its_outcome)


def small(seed, n=60):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.5, 0.2]))).astype(float)
    y[:2] = [0, 1]
    return TrainingRows.fit(x, y, rng.choice([1.0, 2.0], n), np.array([0.0, 0.5, 0.5, 0.5]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.sets(st.integers(2, 59), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_removals_does_not_matter(seed, removed, random):
    train = small(seed)
    shuffled = sorted(removed, key=lambda _: random.random())
    order = np.array(sorted(range(60), key=lambda _: random.random()))
    moved = TrainingRows(train.model, train.x[order], train.y[order], train.weights[order], train.patients[order])

    there = refit(train, Change.removal(train, np.array(shuffled)))
    elsewhere = refit(moved, Change.removal(moved, np.flatnonzero(np.isin(order, shuffled))))

    np.testing.assert_allclose(there.theta, elsewhere.theta, **SAME)
    np.testing.assert_allclose(there.theta, cold(train, Change.removal(train, np.array(shuffled))).theta, **SAME)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.sets(st.integers(0, 59), min_size=1, max_size=59))
def test_weight_two_is_two_copies(seed, doubled):
    train = small(seed)
    rows = np.array(sorted(doubled))
    copies = fit_logistic(
        np.vstack([train.x, train.x[rows]]),
        np.append(train.y, train.y[rows]),
        np.append(train.weights, train.weights[rows]),
        train.model.penalty,
    )
    doubled_weight = Change(rows, 2 * train.weights[rows], train.y[rows])
    np.testing.assert_allclose(refit(train, doubled_weight).theta, copies.theta, **SAME)
