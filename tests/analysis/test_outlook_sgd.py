"""Influence along a run of gradient steps is the derivative of the run, and tends to that of the optimum."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.mistakes import mistakes
from clinflu.analysis.outlook import Query, SgdPlan, SgdRun, compare_runs, optimum_of, sgd_comparison
from clinflu.analysis.outlook.sgd_comparison import optimum_influence
from clinflu.errors import DataError, NotConvergedError
from clinflu.influence.removal import loss_change, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import LOGISTIC
from clinflu.model.mlp import Mlp

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
N = 90


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    y = (rng.random(N) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.7, 0.4]))).astype(float)
    return x, y, rng.choice([0.5, 1.0, 2.0], N)


@pytest.fixture(scope="module")
def run(rows):
    x, y, weights = rows
    plan = SgdPlan(epochs=6, batch=16, rate=0.3, decay=0.2, seed=3)
    return SgdRun(LOGISTIC, x, y, weights, np.array([0.0, 2.0, 2.0, 2.0]), plan, np.zeros(4))


QUERY = Query(LOGISTIC, np.array([1.0, 0.8, -1.2, 0.3]), 0.0)


def downweighted(run, row, share):
    weights = run.weights.copy()
    weights[row] *= share
    return replace(run, weights=weights).theta


@pytest.mark.parametrize("row", [0, 17, 60])
def test_it_is_the_derivative_of_the_end_in_the_weight_of_a_row(run, row):
    """Central differences of whole runs; removing the row is minus its weight."""
    found = run.influence(QUERY.gradient(run.theta))[row]
    losses = [QUERY.loss(downweighted(run, row, share)) for share in (1 + 1e-4, 1 - 1e-4)]
    np.testing.assert_allclose(found, -(losses[0] - losses[1]) / 2e-4, rtol=1e-5)


def test_of_a_network_too(rows):
    x, y, weights = rows
    family = Mlp(2)
    start = family.start(4, seed=1)
    run = SgdRun(family, x, y, weights, np.full(len(start), 0.5), SgdPlan(4, 16, 0.3, seed=1), start)
    query = replace(QUERY, family=family)
    found = run.influence(query.gradient(run.theta))
    for row in (0, 17):
        losses = [query.loss(downweighted(run, row, share)) for share in (1 + 1e-4, 1 - 1e-4)]
        np.testing.assert_allclose(found[row], -(losses[0] - losses[1]) / 2e-4, rtol=1e-5)


def test_full_batches_to_the_end_give_the_influence_of_the_optimum(rows):
    x, y, weights = rows
    train = TrainingRows.fit(x, y, weights, np.array([0.0, 2.0, 2.0, 2.0]))
    run = SgdRun(LOGISTIC, x, y, weights, train.model.penalty, SgdPlan(600, N, 1.5), np.zeros(4))
    np.testing.assert_allclose(run.theta, train.model.theta, atol=1e-10)
    closed_form = loss_change(removal_effect(train, QUERY.x), float(QUERY.x @ train.model.theta), QUERY.y)
    np.testing.assert_allclose(run.influence(QUERY.gradient(run.theta)), closed_form, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(optimum_influence(run, QUERY, optimum_of(run)), closed_form, rtol=1e-8, atol=1e-14)


def test_all_runs_without_a_row_together_are_those_one_by_one(run):
    left_out = np.array([5, 3, 88])
    np.testing.assert_allclose(run.without_each(left_out), [run.without(row) for row in left_out], rtol=1e-12)


def test_a_run_without_a_row_is_one_that_never_saw_it(run):
    """Its features and outcome no longer matter, and what it taught is gone."""
    spoilt = replace(run, x=np.where(np.arange(N)[:, None] == 7, 3.0, run.x))
    np.testing.assert_array_equal(spoilt.without(7), run.without(7))
    assert np.abs(run.without(7) - run.theta).max() > 1e-4


def test_an_epoch_visits_every_row_once_in_an_order_of_its_seed(run):
    per_epoch = len(run.steps) // 6
    for epoch in range(6):
        part = run.steps[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(np.concatenate([rows for rows, _ in part])) == list(range(N))
        assert {rate for _, rate in part} == {0.3 / (1 + 0.2 * epoch)}
    again = SgdPlan(6, 16, 0.3, 0.2, seed=4).steps(N)
    assert any((one != other).any() for (one, _), (other, _) in zip(run.steps, again, strict=True))


def test_tracin_is_the_sum_over_the_ends_of_epochs(run):
    expected = np.zeros(N)
    for epoch in range(6):
        theta = run.thetas[(epoch + 1) * 6]  # 90 rows, 16 a step
        rate = 0.3 / (1 + 0.2 * epoch) / 16
        gradients = (1 / (1 + np.exp(-run.x @ theta)) - run.y)[:, None] * run.x
        expected += rate * run.weights * (gradients @ QUERY.gradient(theta))
    np.testing.assert_allclose(run.tracin(QUERY.gradient), expected, rtol=1e-10)


def test_one_step_from_the_start_is_exact_for_tracin_and_the_run(rows):
    """A single full step: the end moves by the row's own gradient, there is no curvature to pass through."""
    x, y, weights = rows
    run = SgdRun(LOGISTIC, x, y, weights, np.zeros(4), SgdPlan(1, N, 1e-3), np.zeros(4))
    query = QUERY.gradient(run.theta)
    own = 1e-3 / N * weights * LOGISTIC.losses_along(np.zeros(4), x, y, query)
    np.testing.assert_allclose(run.influence(query), own, rtol=1e-12)


@pytest.fixture(scope="module")
def compared(small_study):
    rows = np.arange(0, len(small_study.train.y), 8)
    worst = str(mistakes(small_study).index[0])
    plan = SgdPlan(epochs=1, batch=32, rate=0.5, decay=0.1)
    return sgd_comparison(small_study, worst, plan, epochs=(1, 8, 80), rows=rows)


def test_along_the_run_it_agrees_with_the_runs_without_the_rows(compared):
    frame = compared.to_frame()
    assert list(frame.index) == [1, 8, 80]
    assert (frame["sgd_pearson"] > 0.999).all()
    assert (frame["sgd_spearman"] > 0.99).all()
    assert (frame["sgd_error"] < 0.05).all()


def test_the_optimums_influence_does_not_describe_a_short_run(compared):
    first = compared.to_frame().iloc[0]
    assert first["optimum_pearson"] < 0.9
    assert first["optimum_error"] > 10 * first["sgd_error"]


def test_with_more_epochs_the_two_influences_meet(rows):
    """By full steps, whose end is not noise."""
    x, y, weights = rows
    run = SgdRun(LOGISTIC, x, y, weights, np.array([0.0, 2.0, 2.0, 2.0]), SgdPlan(1, N, 1.0), np.zeros(4))
    frame = compare_runs(run, QUERY, optimum_of(run), (3, 30, 300), np.arange(0, N, 9)).to_frame()
    assert (np.diff(frame["sgd_from_optimum"]) < 0).all()
    assert (np.diff(frame["distance_to_optimum"]) < 0).all()
    assert frame["sgd_from_optimum"].iloc[-1] < 1e-3


def test_words_say_both_ends(compared):
    assert compared.words.startswith("After 1 epoch the influence along the run")
    assert "80 epochs" in compared.words


def test_a_rate_that_is_too_large_is_named(run):
    steep = replace(run, x=run.x * 1e155, plan=SgdPlan(2, 16, 1e155))
    with np.errstate(all="ignore"), pytest.raises(NotConvergedError, match="smaller rate"):
        _ = steep.theta


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 0}, {"rate": 0.0}, {"decay": -1.0}, {"seed": -1}])
def test_a_plan_that_makes_no_sense(wrong):
    with pytest.raises(DataError):
        SgdPlan(**{"epochs": 1, "batch": 8, "rate": 0.1, **wrong})


def test_no_epochs(run):
    with pytest.raises(DataError, match="at least one"):
        compare_runs(run, QUERY, optimum_of(run), ())
