"""The priced fit follows its own closed forms, finite differences and refits; a price never raises what it prices."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.outlook import FitRows, Judged, PenaltyPath, Price, fit_penalised, penalty_path
from clinflu.analysis.outlook.fragility import largest_changes, moves_of_each
from clinflu.analysis.outlook.penalty import k_norm, objective_and_gradient, self_influence
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic

N = 80
LABELS = ("own label", "either label")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    y = (rng.random(N) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.7, 0.4]))).astype(float)
    x[0, 1:], y[0] = [3.0, -2.0, 1.0], 0.0  # of high leverage and with a surprising outcome
    return FitRows(x, y, rng.choice([0.5, 1.0, 2.0], N), np.array([0.0, 1.0, 1.0, 1.0]))


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(7)
    x = np.column_stack([np.ones(60), rng.normal(size=(60, 3))])
    y = (rng.random(60) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.7, 0.4]))).astype(float)
    return Judged(x[:30], x[30:], y[30:])


def theta_of(rows):
    return fit_logistic(rows.x, rows.y, rows.weights, rows.penalty).theta


def test_self_influence_is_that_of_the_diagnostics(rows):
    """w r^2 q over 1 - h: the unweighted first-order rise, leverage-corrected."""
    train = TrainingRows.fit(rows.x, rows.y, rows.weights, rows.penalty)
    expected = Diagnostics(train).self_influence_first_order / (1 - train.leverage)
    np.testing.assert_allclose(self_influence(rows, train.model.theta), expected, rtol=1e-10)


def test_either_label_is_the_sum_over_both_outcomes(rows):
    theta = np.array([0.2, 0.5, -1.0, 0.3])
    both = self_influence(rows, theta) + self_influence(replace(rows, y=1 - rows.y), theta)
    np.testing.assert_allclose(self_influence(rows, theta, "either label"), both, rtol=1e-12)


def brute(rows, price, theta):
    """The objective from dense algebra, row by row."""
    p = 1 / (1 + np.exp(-rows.x @ theta))
    curved = rows.weights * p * (1 - p)
    inverse = np.linalg.inv(rows.x.T @ np.diag(curved) @ rows.x + np.diag(rows.penalty))
    loss = -(rows.weights * (rows.y * np.log(p) + (1 - rows.y) * np.log(1 - p))).sum()
    influence = []
    for i, x in enumerate(rows.x):
        q = x @ inverse @ x
        squared = (rows.y[i] - p[i]) ** 2 if price.label == "own label" else p[i] ** 2 + (1 - p[i]) ** 2
        influence.append(rows.weights[i] * squared * q / (1 - curved[i] * q))
    norm = sum(value**price.power for value in influence) ** (1 / price.power)
    return loss + 0.5 * theta @ (rows.penalty * theta) + price.mu * norm


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("power", [1.0, 8.0])
def test_objective_and_gradient_are_those_of_dense_algebra_and_finite_differences(rows, label, power):
    price, theta = Price(20.0, label, power), np.array([0.2, 0.5, -1.0, 0.3])
    value, gradient = objective_and_gradient(rows, price, theta)
    np.testing.assert_allclose(value, brute(rows, price, theta), rtol=1e-12)
    steps = 1e-5 * np.eye(4)
    slopes = [(brute(rows, price, theta + step) - brute(rows, price, theta - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5)


def test_the_norm_is_at_least_the_largest_and_tends_to_it():
    values = np.array([0.1, 0.5, 0.4])
    assert k_norm(values, 1.0) == pytest.approx(1.0)
    assert k_norm(values, 8.0) == pytest.approx((0.1**8 + 0.5**8 + 0.4**8) ** (1 / 8))
    assert 0.5 <= k_norm(values, 500.0) < 0.5001
    assert k_norm(np.zeros(3), 8.0) == 0


def test_without_a_price_it_is_the_ordinary_fit(rows):
    np.testing.assert_allclose(fit_penalised(rows, Price(0.0)).theta, theta_of(rows), atol=1e-10)


@pytest.mark.parametrize("label", LABELS)
def test_it_is_a_minimum_that_no_nearby_point_undercuts(rows, label):
    price = Price(30.0, label)
    fit = fit_penalised(rows, price)
    best = brute(rows, price, fit.theta)
    rng = np.random.default_rng(0)
    assert all(brute(rows, price, fit.theta + 1e-3 * rng.normal(size=4)) > best for _ in range(50))
    assert best < brute(rows, price, theta_of(rows))


@pytest.mark.parametrize("label", LABELS)
def test_a_higher_price_never_raises_what_is_priced_and_never_lowers_the_loss(rows, label):
    fits = [fit_penalised(rows, Price(mu, label)) for mu in (0.0, 1.0, 10.0, 100.0)]
    loss = [brute(rows, Price(0.0), fit.theta) for fit in fits]
    assert (np.diff([fit.priced for fit in fits]) < 0).all()
    assert (np.diff(loss) > 0).all()


@pytest.mark.parametrize("label", LABELS)
def test_moves_of_each_record_are_the_slopes_of_priced_refits(rows, label):
    """Central differences in the weight and in the outcome of a record, the price refitted each time."""
    fit = fit_penalised(rows, Price(20.0, label))
    removed, relabelled = moves_of_each(rows, fit)
    for i in (0, 33):

        def refitted(**changed):
            return fit_penalised(replace(rows, **changed), fit.price, fit.theta).theta

        step = np.where(np.arange(N) == i, 1e-3, 0.0)
        by_weight = (refitted(weights=rows.weights + step) - refitted(weights=rows.weights - step)) / 2e-3
        np.testing.assert_allclose(removed[:, i], -rows.weights[i] * by_weight, rtol=2e-3, atol=2e-5)
        slope = objective_gradient_slope(rows, fit, i)
        np.testing.assert_allclose(relabelled[:, i], -slope * (1 - 2 * rows.y[i]), rtol=1e-5, atol=1e-9)


def objective_gradient_slope(rows, fit, i):
    """J^-1 times the slope of the gradient in the outcome of a row, both by finite differences of the gradient."""

    def gradient(theta, y):
        return objective_and_gradient(replace(rows, y=y), fit.price, theta)[1]

    step = np.where(np.arange(N) == i, 1e-5, 0.0)
    mixed = (gradient(fit.theta, rows.y + step) - gradient(fit.theta, rows.y - step)) / 2e-5
    hessian = [
        (gradient(fit.theta + one, rows.y) - gradient(fit.theta - one, rows.y)) / 2e-5 for one in 1e-5 * np.eye(4)
    ]
    return np.linalg.solve(np.array(hessian), mixed)


def test_a_row_removed_or_relabelled_is_refitted_with_the_same_price(rows, judged):
    """Against every one of 30 records in turn: the five foreseen to do most hold the largest change."""
    few = FitRows(rows.x[:30], rows.y[:30], rows.weights[:30], rows.penalty)
    fit = fit_penalised(few, Price(3.0, "either label"))
    before = risk(judged.x_audited @ fit.theta)

    def change(other):
        theta = fit_penalised(other, fit.price, fit.theta).theta
        return 100 * np.abs(risk(judged.x_audited @ theta) - before).max()

    chosen = np.arange(30)
    removed = max(change(replace(few, weights=np.where(chosen == i, 0, few.weights))) for i in chosen)
    relabelled = max(change(replace(few, y=np.where(chosen == i, 1 - few.y, few.y))) for i in chosen)
    np.testing.assert_allclose(largest_changes(few, fit, judged.x_audited, 5), (removed, relabelled), rtol=1e-3)


def test_at_no_price_the_largest_change_is_that_of_the_ordinary_refits(rows, judged):
    fit = fit_penalised(rows, Price(0.0))
    before = risk(judged.x_audited @ theta_of(rows))
    changes = [100 * np.abs(risk(judged.x_audited @ theta_of(rows.without(i))) - before).max() for i in range(N)]
    removed, _ = largest_changes(rows, fit, judged.x_audited, 3)
    np.testing.assert_allclose(removed, max(changes), rtol=1e-6)


@pytest.fixture(scope="module")
def path(rows, judged):
    return penalty_path(rows, judged, (0.0, 0.3, 10.0), label="either label", verified=2)


def test_the_path_stands_beside_a_ridge_that_is_as_robust(rows, judged, path):
    frame = path.to_frame()
    priced, ridge = frame.loc["price on self-influence"], frame.loc["ridge as robust"]
    assert list(priced.index) == list(ridge.index) == [0.0, 0.3, 10.0]
    np.testing.assert_allclose(priced.loc[0.0].astype(float), ridge.loc[0.0].astype(float))

    def largest(strength):
        other = replace(rows, penalty=rows.penalty * strength)
        before = risk(judged.x_audited @ theta_of(other))
        without = [risk(judged.x_audited @ theta_of(other.without(i))) for i in range(N)]
        return 100 * np.abs(without - before).max()

    np.testing.assert_allclose(largest(ridge.loc[0.3, "ridge"]), priced.loc[0.3, "largest_removal_pp"], rtol=0.02)
    assert largest(1e-3) < priced.loc[10.0, "largest_removal_pp"]  # no ridge is that fragile
    assert np.isnan(ridge.loc[10.0, "log_loss"])


def test_a_model_bent_around_one_record_springs_back_without_it(path):
    """The planted record dominates the price: its own influence falls, and what its removal does rises."""
    priced = path.frame.loc["price on self-influence"]
    assert priced.loc[10.0, "largest_self_influence"] < priced.loc[0.0, "largest_self_influence"]
    assert priced.loc[10.0, "largest_removal_pp"] > priced.loc[0.0, "largest_removal_pp"]


def test_the_path_judges_on_the_confirming_rows(rows, judged, path):
    margins = judged.x_confirm @ theta_of(rows)
    line = path.to_frame().loc[("price on self-influence", 0.0)]
    loss = np.mean(np.logaddexp(0, margins) - judged.y_confirm * margins)
    assert line["log_loss"] == pytest.approx(loss)
    assert line["accuracy"] == pytest.approx(np.mean((margins > 0) == judged.y_confirm))


@pytest.fixture(scope="module")
def digits():
    return Digits.load(4, 9)


@pytest.fixture(scope="module")
def digit_rows(digits):
    penalty = np.append(0.0, np.ones(64))
    return FitRows(digits.x[digits.train], digits.labels[digits.train], np.ones(len(digits.train)), penalty)


@pytest.fixture(scope="module")
def digit_fits(digit_rows):
    prices = {"plain": Price(0.0), "own label": Price(10.0), "either label": Price(10.0, "either label")}
    return {name: fit_penalised(digit_rows, price) for name, price in prices.items()}


def test_on_digits_the_price_halves_the_largest_self_influence(digits, digit_fits):
    plain, priced = digit_fits["plain"], digit_fits["own label"]
    assert priced.self_influence.max() < 0.5 * plain.self_influence.max()
    right = [np.mean((digits.x[digits.test] @ fit.theta > 0) == digits.labels[digits.test]) for fit in (plain, priced)]
    assert right[1] > right[0] - 0.02


def test_a_price_on_the_own_label_is_paid_by_learning_by_heart(digits, digit_rows, digit_fits):
    """One wrong label then does more, not less; a price on either label does protect."""
    found = {name: largest_changes(digit_rows, fit, digits.x[digits.test], 1)[1] for name, fit in digit_fits.items()}
    assert found["own label"] > 1.5 * found["plain"]
    assert found["either label"] < 0.75 * found["plain"]


def test_words_tell_both_sides(path):
    assert "At a price of 10 the largest self-influence goes from 1.11 to" in path.words
    assert path.words.endswith("no ridge changes by as much.")
    cheaper = PenaltyPath(path.frame.drop(index=10.0, level="mu"), path.training, path.columns).words
    loss = path.frame.loc[("ridge as robust", 0.3), "log_loss"]
    assert "At a price of 0.3 the largest" in cheaper
    assert f"ridge as robust has {loss:.4f}" in cheaper


@pytest.mark.parametrize("wrong", [{"mu": -1.0}, {"mu": 1.0, "power": 0.5}, {"mu": 1.0, "label": "mine"}])
def test_a_price_that_makes_no_sense(wrong):
    with pytest.raises(DataError):
        Price(**wrong)
