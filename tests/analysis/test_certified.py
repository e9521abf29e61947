"""The certified bound: its inner maximum, its learner, its regret and every attack against it."""

import numpy as np
import pytest
from scipy.optimize import minimize

from clinflu.analysis.certified import (
    HINGE,
    LOGISTIC_LOSS,
    RIVALS,
    BallFit,
    BoundPlan,
    Game,
    HingeLoss,
    SphereSlab,
    Target,
    WeightedRows,
    certified_curve,
    curves_frame,
    fit_in_ball,
    run_online,
)
from clinflu.analysis.certified.game import with_constant
from clinflu.analysis.certified.online import repeats
from clinflu.analysis.certified.rivals import harm_direction
from clinflu.data.digits import Digits
from clinflu.errors import DataError, FitError, NotConvergedError

LOSSES = (HINGE, LOGISTIC_LOSS)
SHARP = HingeLoss(1e-4)
PLAN = BoundPlan(1.0, 0.9, (0.0, 0.01, 0.03, 0.1, 0.3), steps=120, step_sizes=(1.0,))
NAMES = [loss.name for loss in LOSSES]


def two_clouds(d, seed=0, n=60, overlap=1.0):
    """Two classes of unequal size and spread, with a radius and a half width of their own."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 3 == 0).astype(float)
    features = rng.normal(size=(n, d)) * np.where(y, 0.6, 1.0)[:, None] * overlap
    features[:, 0] += np.where(y, 1.5, -0.5)
    return features, y


def a_target(d=3, seed=0, **how):
    features, y = two_clouds(d, seed, **how)
    return Target("clouds", features, y, *two_clouds(d, seed + 1, **how))


def digits_target(*pair):
    return Target.of_digits(Digits.load(*pair))


@pytest.fixture(scope="module", params=[(1, 7), (4, 9)], ids=["1-7", "4-9"])
def digit_curves(request):
    """Both losses on a pair of digits, with every attack."""
    target = digits_target(*request.param)
    return {loss.name: certified_curve(target, loss, PLAN) for loss in LOSSES}


class TestDefence:
    def test_each_part_keeps_its_share_of_each_class(self):
        features, y = two_clouds(4, n=600)

        defence = SphereSlab.learn(features, y, 0.8)

        for label in (0, 1):
            away = features[y == label] - features[y == label].mean(axis=0)
            assert np.mean(np.linalg.norm(away, axis=1) <= defence.radii[label]) == pytest.approx(0.8, abs=0.01)
            assert np.mean(np.abs(away @ defence.axis) <= defence.half_widths[label]) == pytest.approx(0.8, abs=0.01)

    def test_everything_passes_where_everything_is_kept(self):
        features, y = two_clouds(4)

        assert SphereSlab.learn(features, y, 1.0).keeps(features, y).all()

    def test_the_nearest_row_passes_and_a_row_that_passes_stays(self):
        rng = np.random.default_rng(5)
        features, y = two_clouds(4)
        defence = SphereSlab.learn(features, y, 0.7)
        far, label = 5.0 * rng.normal(size=(200, 4)), rng.integers(0, 2, 200).astype(float)

        near = defence.nearest(far, label)

        assert not defence.keeps(far, label).all()
        assert defence.keeps(near, label).all()
        kept = defence.keeps(features, y)
        np.testing.assert_allclose(defence.nearest(features[kept], y[kept]), features[kept], atol=1e-9)

    @pytest.mark.parametrize("quantile", [0.0, 1.5, float("nan")])
    def test_a_share_that_is_none_is_an_error(self, quantile):
        with pytest.raises(DataError, match="keeps a share"):
            SphereSlab.learn(*two_clouds(2), quantile)

    def test_one_class_is_an_error(self):
        with pytest.raises(DataError, match="both classes"):
            SphereSlab.learn(np.eye(3), np.ones(3))

    def test_one_centroid_is_an_error(self):
        with pytest.raises(DataError, match="same centroid"):
            SphereSlab.learn(np.ones((4, 2)), np.array([0.0, 1.0, 0.0, 1.0]))


class TestWorstRow:
    @pytest.mark.parametrize("label", [0, 1])
    @pytest.mark.parametrize("seed", range(4))
    def test_a_numeric_search_from_many_starts_finds_the_same(self, label, seed):
        rng = np.random.default_rng(seed)
        features, y = two_clouds(4, seed)
        defence = SphereSlab.learn(features, y, (0.3, 0.6, 0.9, 1.0)[seed])
        theta = rng.normal(size=5)
        centre, radius, half = defence.centroids[label], defence.radii[label], defence.half_widths[label]
        sign = 2 * label - 1
        found = [
            minimize(
                lambda x: sign * (theta[0] + theta[1:] @ x),
                centre + 0.5 * radius * rng.normal(size=4),
                jac=lambda _: sign * theta[1:],
                method="SLSQP",
                constraints=[
                    {"type": "ineq", "fun": lambda x: radius**2 - (x - centre) @ (x - centre)},
                    {"type": "ineq", "fun": lambda x: half - defence.axis @ (x - centre)},
                    {"type": "ineq", "fun": lambda x: half + defence.axis @ (x - centre)},
                ],
                options={"maxiter": 500, "ftol": 1e-12},
            )
            for _ in range(4)
        ]

        row, margin = defence.worst_row(theta, label)

        assert margin == pytest.approx(min(one.fun for one in found if one.success), abs=1e-6)
        assert margin == pytest.approx(sign * (theta @ row), abs=1e-12)
        assert defence.keeps(row[None, 1:], np.array([float(label)])).all()

    @pytest.mark.parametrize("d", [1, 2, 30])
    def test_no_random_row_that_passes_is_worse(self, d):
        rng = np.random.default_rng(d)
        features, y = two_clouds(d)
        defence = SphereSlab.learn(features, y, 0.7)
        labels = rng.integers(0, 2, 20_000).astype(float)
        rows = with_constant(defence.nearest(3.0 * rng.normal(size=(20_000, d)), labels))
        for _ in range(10):
            theta = rng.normal(size=d + 1)

            lowest = ((2 * labels - 1) * (rows @ theta)).min()

            assert defence.worst(theta)[2] <= lowest + 1e-12
            if d == 1:
                assert defence.worst(theta)[2] == pytest.approx(lowest, abs=1e-2)

    @pytest.mark.parametrize("theta", [np.zeros(5), np.array([2.0, 0, 0, 0, 0])])
    def test_without_slopes_the_centroid_is_as_bad_as_any(self, theta):
        features, y = two_clouds(4)
        defence = SphereSlab.learn(features, y)

        for label in (0, 1):
            row, margin = defence.worst_row(theta, label)
            np.testing.assert_allclose(row[1:], defence.centroids[label])
            assert margin == (2 * label - 1) * theta[0]

    @pytest.mark.parametrize("along", [True, False])
    def test_slopes_along_the_axis_and_across_it(self, along):
        features, y = two_clouds(3)
        defence = SphereSlab.learn(features, y, 0.5)
        across = np.linalg.svd(defence.axis[None])[2][1]
        theta = np.append(0.0, defence.axis if along else across)

        _, margin = defence.worst_row(theta, 1)

        reach = min(defence.half_widths[1], defence.radii[1]) if along else defence.radii[1]
        assert margin == pytest.approx(defence.centroids[1] @ theta[1:] - reach, abs=1e-9)


class TestLearner:
    @pytest.mark.parametrize("loss", [SHARP, LOGISTIC_LOSS], ids=NAMES)
    @pytest.mark.parametrize("radius", [0.3, 1.0, 50.0])
    def test_a_numeric_search_finds_the_same_minimum(self, loss, radius):
        features, y = two_clouds(3, overlap=2.0, n=24)
        rows = WeightedRows(with_constant(features), y, np.full(24, 1 / 24))

        fit = fit_in_ball(rows, loss, radius)

        assert fit.objective == pytest.approx(lowest_by_slsqp(rows, loss, radius)[0], abs=2e-4)
        assert fit.objective == pytest.approx(rows.loss(fit.theta, loss), abs=1e-15)
        assert np.linalg.norm(fit.theta) <= radius * (1 + 1e-12)
        assert 0 <= fit.gap <= 1e-6 + 1.1 * loss.blur

    def test_scikit_learn_finds_the_same_at_the_penalty_of_the_ball(self):
        from sklearn.linear_model import LogisticRegression

        features, y = two_clouds(3, overlap=2.0)
        x = with_constant(features)
        rows = WeightedRows(x, y, np.full(60, 1 / 60))
        theirs = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10).fit(x, y).coef_[0]

        ours = fit_in_ball(rows, LOGISTIC_LOSS, float(np.linalg.norm(theirs)))

        np.testing.assert_allclose(ours.theta, theirs, atol=2e-3)

    def test_a_warm_start_comes_to_the_same(self):
        rows = WeightedRows(with_constant(two_clouds(3)[0]), two_clouds(3)[1], np.full(60, 1 / 60))
        for loss in LOSSES:
            cold = fit_in_ball(rows, loss, 1.0)

            warm = fit_in_ball(rows, loss, 1.0, fit_in_ball(rows, loss, 0.5).theta)

            assert warm.objective == pytest.approx(cold.objective, abs=cold.gap + warm.gap)

    def test_weights_count_rows_more_than_once(self):
        features, y = two_clouds(3)
        times = np.arange(60) % 3
        once = np.repeat(np.arange(60), times)

        weighted = fit_in_ball(WeightedRows(with_constant(features), y, times / 60), LOGISTIC_LOSS, 1.0)
        repeated = fit_in_ball(
            WeightedRows(with_constant(features[once]), y[once], np.full(60, 1 / 60)), LOGISTIC_LOSS, 1
        )

        np.testing.assert_allclose(weighted.theta, repeated.theta, atol=1e-6)

    def test_a_learner_takes_better_coefficients_and_refuses_worse(self):
        game = Game.behind_defence(a_target(), LOGISTIC_LOSS, 1.0)
        attack = RIVALS["labels flipped"](game, 6, 0)
        best, poor = game.damage(attack), fit_in_ball(game.clean, LOGISTIC_LOSS, 0.2).theta
        rows = game.clean.and_also(attack[0], attack[1], attack[2] / game.n)
        there = BallFit(poor, rows.loss(poor, LOGISTIC_LOSS), 1.0)

        moved = game.at_best(game.judged(there), attack, best.fit.theta)

        assert game.at_best(best, attack, poor) is best
        assert moved.clean_loss == best.clean_loss
        assert moved.fit.objective == pytest.approx(best.fit.objective, abs=1e-12)
        assert moved.fit.gap == pytest.approx(1.0 - (there.objective - best.fit.objective), abs=1e-12)

    def test_a_ball_without_inside_is_an_error(self):
        with pytest.raises(FitError, match="radius above 0"):
            fit_in_ball(WeightedRows(np.ones((2, 1)), np.array([0.0, 1.0]), np.ones(2)), HINGE, 0.0)

    def test_arrays_that_do_not_match_are_an_error(self):
        with pytest.raises(FitError, match="shapes do not match"):
            WeightedRows(np.ones((2, 1)), np.ones(3), np.ones(2))

    def test_no_minimum_within_its_steps_is_an_error(self, monkeypatch):
        monkeypatch.setattr("clinflu.analysis.certified.learner.MAX_STEPS", 1)
        rows = WeightedRows(with_constant(two_clouds(3)[0]), two_clouds(3)[1], np.full(60, 1 / 60))
        with pytest.raises(NotConvergedError, match="lower the radius"):
            fit_in_ball(rows, LOGISTIC_LOSS, 1.0)


def lowest_by_slsqp(rows, loss, radius, points=(), share=0.0):
    """Minimise the loss of rows, plus share times the largest loss of some points, over the ball, by scipy.

    ``points`` holds each point times its sign. Every hinge, and the largest loss, is a variable of its own, held from
    below, so that all is smooth.
    """
    n, columns = rows.x.shape
    signed = (2 * rows.y - 1)[:, None] * rows.x
    hinges = n if loss.name == "hinge" else 0
    pad = np.zeros((n, 1))
    eye = np.eye(n)

    def value(v):
        theta, slack = v[:columns], v[columns:-1]
        clean = rows.weights @ (slack if hinges else np.logaddexp(0, -signed @ theta))
        return clean + share * v[-1]

    def slope(v):
        theta = v[:columns]
        if hinges:
            return np.concatenate([np.zeros(columns), rows.weights, [share]])
        return np.append(-(rows.weights / (1 + np.exp(signed @ theta))) @ signed, share)

    constraints = [
        {
            "type": "ineq",
            "fun": lambda v: radius**2 - v[:columns] @ v[:columns],
            "jac": lambda v: np.concatenate([-2 * v[:columns], np.zeros(hinges + 1)]),
        },
        {"type": "ineq", "fun": lambda v: v[-1], "jac": lambda v: np.eye(len(v))[-1]},
    ]
    if hinges:
        corner, floor = np.hstack([signed, eye, pad]), np.hstack([np.zeros((n, columns)), eye, pad])
        constraints.append({"type": "ineq", "fun": lambda v: corner @ v - 1, "jac": lambda _: corner})
        constraints.append({"type": "ineq", "fun": lambda v: floor @ v, "jac": lambda _: floor})
    constraints += [
        {"type": "ineq", "fun": lambda v, point=point: v[-1] - float(loss.value(np.array(v[:columns] @ point)))}
        for point in points
    ]
    start = np.concatenate([np.full(columns, 1e-3), np.full(hinges, 1.1), [3.0]])
    options = {"maxiter": 500, "ftol": 1e-11}
    found = minimize(value, start, jac=slope, method="SLSQP", constraints=constraints, options=options)
    assert found.success, found.message
    return found.fun, found.x[:columns]


def lowest_bound(game, share):
    """Return the limit of the bound from below and from above: the worst rows found so far, one more at a time."""
    points, above = [], np.inf
    for _ in range(60):
        below, theta = lowest_by_slsqp(game.clean, game.loss, game.radius, points, share)
        above = min(above, sum(np.array([1.0, share]) * game.parts(theta)))
        if above - below < 1e-5:
            break
        points += [(2 * label - 1) * game.defence.worst_row(theta, label)[0] for label in (0, 1)]
    return below, above


class TestOnlineRun:
    @pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
    def test_the_bound_comes_to_the_minimum_of_its_convex_problem(self, loss):
        game = Game.behind_defence(a_target(2, n=24), loss, 1.0)
        below, above = lowest_bound(game, 0.1)

        run = run_online(game, 0.1, 1500, 1.0)

        assert above - below < 1e-4
        assert run.values.min() >= below - 1e-6
        assert run.values.min() == pytest.approx(above, rel=5e-3)

    @pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
    @pytest.mark.parametrize(("steps", "size"), [(1, 1.0), (7, 0.1), (50, 1.0), (50, 10.0), (400, 1.0)])
    def test_regret_is_within_its_limit_and_the_attack_below_the_bound(self, loss, steps, size):
        game = Game.behind_defence(a_target(), loss, 1.0)

        run = run_online(game, 0.2, steps, size)

        fractional = (run.points, run.labels, np.full(steps, 0.2 * game.n / steps))
        attacked = game.damage(fractional).fit
        assert run.values.mean() - attacked.objective <= run.average_regret
        assert run.values.min() - run.average_regret <= attacked.objective
        assert attacked.objective - attacked.gap <= run.values.min()

    def test_subgradients_are_those_of_finite_differences(self):
        game, rng = Game.behind_defence(a_target(), LOGISTIC_LOSS, 1.0), np.random.default_rng(0)
        theta = rng.normal(size=4)
        move = game.play(theta, 0.3)
        for direction in np.eye(4):
            change = game.play(theta + 1e-6 * direction, 0.3).value - game.play(theta - 1e-6 * direction, 0.3).value
            assert move.gradient @ direction == pytest.approx(change / 2e-6, abs=1e-6)
        clean, worst = game.parts(theta)
        assert move.value == pytest.approx(clean + 0.3 * worst, abs=1e-14)

    @pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
    def test_every_iterate_stays_in_the_ball(self, loss):
        game = Game.behind_defence(a_target(), loss, 0.5)

        thetas = run_online(game, 0.1, 60, 30.0).thetas

        assert np.linalg.norm(thetas, axis=1).max() <= 0.5 * (1 + 1e-12)

    @pytest.mark.parametrize(("rows", "steps"), [(1, 100), (7, 100), (100, 7), (0, 3), (15_103, 150)])
    def test_the_attack_has_the_rows_that_were_asked_for(self, rows, steps):
        times = repeats(rows, steps)

        assert times.sum() == rows
        assert len(times) == steps
        assert np.ptp(times) <= 1

    def test_the_attack_passes_the_defence(self):
        game = Game.behind_defence(a_target(), HINGE, 1.0)

        points, labels, times = run_online(game, 0.2, 50, 1.0).attack(9)

        assert times.sum() == 9
        assert game.defence.keeps(points[:, 1:], labels).all()
        assert (points[:, 0] == 1).all()


@pytest.mark.parametrize("name", NAMES)
class TestCurveOnDigits:
    def test_no_attack_comes_above_the_bound(self, digit_curves, name):
        for point in digit_curves[name].points:
            for damage in (point.attack, point.strongest[1], *point.rivals.values()):
                assert damage.clean_loss <= damage.fit.objective + 1e-12
                assert damage.fit.objective <= point.bound + 1e-12
                assert damage.clean_loss <= point.bound + 1e-12
            assert (len(point.rivals) == len(RIVALS)) == (point.poisoned_rows > 0)

    def test_it_rises_with_the_share_from_the_clean_loss(self, digit_curves, name):
        curve = digit_curves[name]
        bounds = [point.bound for point in curve.points]

        assert bounds[0] == pytest.approx(curve.clean.clean_loss, abs=1e-12)
        assert (np.diff(bounds) > 0).all()
        assert (np.diff([point.strongest[1].clean_loss for point in curve.points]) >= 0).all()

    def test_it_is_tight_at_three_percent(self, digit_curves, name):
        point = digit_curves[name].at(0.03)

        assert point.bound <= 2.0 * point.strongest[1].clean_loss
        assert point.bound <= 1.02 * point.reached + point.attack.fit.gap

    def test_no_random_attack_comes_above_it(self, digit_curves, name):
        curve = digit_curves[name]
        point, game = curve.at(0.1), curve.game
        for seed in range(3):
            attack = RIVALS["random rows at the edge"](game, point.poisoned_rows, seed)
            assert game.defence.keeps(attack[0][:, 1:], attack[1]).all()
            assert game.damage(attack, curve.clean.fit.theta).clean_loss <= point.bound

    def test_rival_rows_pass_the_defence(self, digit_curves, name):
        game = digit_curves[name].game
        for attack in RIVALS.values():
            points, labels, times = attack(game, 12, 0)
            assert times.sum() == 12
            assert game.defence.keeps(points[:, 1:], labels).all()


def test_the_bound_is_concave_in_the_share():
    shares = tuple(np.arange(0, 10) / 10)
    game_rows = Game.behind_defence(a_target(n=600), LOGISTIC_LOSS, 1.0).n

    curve = certified_curve(a_target(n=600), LOGISTIC_LOSS, BoundPlan(1.0, shares=shares, steps=50, rivals=()))

    rows = np.array([point.poisoned_rows for point in curve.points]) / game_rows
    slopes = np.diff([point.bound for point in curve.points]) / np.diff(rows)
    assert (np.diff(slopes) <= 1e-9).all()


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_it_holds_long_before_it_has_converged(steps):
    target = a_target()
    rough = certified_curve(target, LOGISTIC_LOSS, BoundPlan(1.0, shares=(0.2,), steps=steps, rivals=()))
    fine = certified_curve(target, LOGISTIC_LOSS, BoundPlan(1.0, shares=(0.2,), steps=300))

    assert rough.points[0].bound >= fine.points[0].reached
    assert rough.points[0].bound >= fine.points[0].strongest[1].clean_loss


def test_poison_outside_the_defence_can_come_above_it():
    target = a_target()
    curve = certified_curve(target, LOGISTIC_LOSS, BoundPlan(1.0, 0.5, shares=(0.3,), steps=200, rivals=()))
    game, rows = curve.game, curve.points[0].poisoned_rows
    far = with_constant(game.defence.centroids[:1] + 60.0 * game.defence.axis)
    outside = (far, np.zeros(1), np.array([float(rows)]))

    assert not game.defence.keeps(far[:, 1:], np.zeros(1)).any()
    assert game.damage(outside).clean_loss > curve.points[0].bound


@pytest.mark.parametrize("radius", [0.5, 100.0])
def test_the_direction_of_harm_is_that_of_refits(radius):
    """Inside the ball and on its surface, against a refit with a little more weight on one row."""
    game = Game.behind_defence(a_target(overlap=2.0), LOGISTIC_LOSS, radius, 1.0)
    attack = RIVALS["labels flipped"](game, 6, 0)
    rows = game.clean.and_also(attack[0], attack[1], attack[2] / game.n)
    theta = fit_in_ball(rows, LOGISTIC_LOSS, radius).theta
    v = harm_direction(game, rows, theta)
    x, label = game.defence.worst(theta)[:2]
    one = WeightedRows(x[None], np.array([float(label)]), np.ones(1))
    change = [
        game.clean.loss(
            fit_in_ball(rows.and_also(one.x, one.y, np.array([weight])), LOGISTIC_LOSS, radius).theta, LOGISTIC_LOSS
        )
        for weight in (0.0, 0.002, 0.004)
    ]

    at_once = (4 * change[1] - change[2] - 3 * change[0]) / 0.004
    assert -v @ one.subgradient(theta, LOGISTIC_LOSS) == pytest.approx(at_once, rel=0.03)
    assert abs(at_once) > 0.01


def test_a_curve_as_a_table():
    plan = BoundPlan(1.0, shares=(0.0, 0.1), steps=20, step_sizes=(1.0,))
    curves = [certified_curve(a_target(), loss, plan) for loss in LOSSES]

    frame = curves_frame(curves)

    assert list(frame["loss"]) == ["hinge", "hinge", "logistic", "logistic"]
    assert list(frame["poisoned_rows"]) == [0, int(0.1 * curves[0].game.n)] * 2
    assert (frame["certified_bound"] >= frame["strongest_attack"]).all()
    assert frame["strongest_attack_is"][0] == "none"
    attacks = curves[0].attacks(0.1)
    assert list(attacks["attack"]) == ["none", "of the bound", *RIVALS]
    assert attacks["clean_loss_under_attack"].max() == pytest.approx(frame["strongest_attack"][1])
    assert "of 60 clean rows pass the defence; shares 0%, 10%" in repr(curves[0])
    with pytest.raises(DataError, match=r"no bound at a share of 0\.5"):
        curves[0].at(0.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shares": ()}, "at least one"),
        ({"shares": (0.1, 1.5)}, "from 0 to 1"),
        ({"shares": (0.3, 0.1)}, "rising order"),
        ({"steps": 0}, "one step or more"),
        ({"step_sizes": (0.0,)}, "step sizes above 0"),
        ({"rivals": ("bribery",)}, "no attack is called bribery"),
    ],
)
def test_a_plan_that_makes_no_sense_is_an_error(wrong, said):
    with pytest.raises(DataError, match=said):
        BoundPlan(1.0, **wrong)


@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_the_slopes_and_bends_of_the_losses(loss):
    signed = np.array([-3.0, -0.2, 0.4, 0.9, 1.3, 5.0])
    step = 1e-5

    value = loss.value
    np.testing.assert_allclose(
        loss.slope(signed), (value(signed + step) - value(signed - step)) / (2 * step), atol=1e-8
    )
    bend = (value(signed + step) - 2 * value(signed) + value(signed - step)) / step**2
    np.testing.assert_allclose(loss.bend(signed), bend, atol=1e-4)


def test_ten_digits_are_an_error():
    with pytest.raises(DataError, match="two digits"):
        Target.of_digits(Digits.load())


def test_a_ball_without_inside_is_an_error():
    with pytest.raises(DataError, match="radius above 0"):
        Game.behind_defence(a_target(), HINGE, 0.0)


def test_a_study_behind_the_defence(small_study):
    everything = Target.of_study(small_study)
    target = Target.of_study(small_study, "few", most=300)
    radius = float(np.linalg.norm(small_study.model.theta))

    curve = certified_curve(target, LOGISTIC_LOSS, BoundPlan(radius, 0.9, (0.0, 0.03), 100, (1.0,)))

    assert everything.features.shape == (len(small_study.split.train), small_study.design.x.shape[1] - 1)
    np.testing.assert_array_equal(everything.test_y, small_study.design.y[small_study.split.audited])
    assert everything.name == "small"
    assert len(target.y) == 300
    assert curve.points[1].strongest[1].clean_loss <= curve.points[1].bound
    assert repr(target).startswith("Target few: 300 clean rows of ")
