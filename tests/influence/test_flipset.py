"""A reported set flips the prediction in a fit from zero, and with any patient put back it does not."""

import itertools
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.errors import Cancelled, FitError
from clinflu.influence import flipset_search
from clinflu.influence.flipset import Crossing, chosen, shortest_prefix
from clinflu.influence.flipset_bound import least_loss
from clinflu.influence.flipset_search import Budget, find_flip_set
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

PLENTY = Budget(60.0)


def crossing(train, x, by, *, relabel=False):
    """A threshold that lies ``by`` log-odds from the prediction."""
    margin = float(x @ train.model.theta)
    return Crossing(train, x, margin + by, by > 0, relabel)


def cold_missing(question, rows):
    """Fit from zero on the changed rows; return how far the margin is from the threshold, positive if not across."""
    train, y, kept = question.train, question.train.y.copy(), np.arange(len(question.train.y))
    if question.relabel:
        y[rows] = 1 - y[rows]
    else:
        kept = np.setdiff1d(kept, rows)
    theta = fit_logistic(train.x[kept], y[kept], train.weights[kept], train.model.penalty).theta
    return question.sign * (question.threshold_margin - float(question.x_audited @ theta))


def require_flips(question, found):
    assert found.verified
    np.testing.assert_array_equal(np.unique(question.train.patients[found.rows]), found.patients)
    if not question.relabel:
        np.testing.assert_array_equal(found.rows, np.flatnonzero(np.isin(question.train.patients, found.patients)))
    missing = cold_missing(question, found.rows)
    assert missing <= 0
    assert found.margin == pytest.approx(question.threshold_margin - question.sign * missing, abs=1e-8)


def require_minimal(question, found):
    assert found.minimal
    for patient in found.patients:
        rest = found.rows[question.train.patients[found.rows] != patient]
        with suppress(FitError):  # without a fit there is no flip
            assert cold_missing(question, rest) > 0, patient


def tiny(seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(24), rng.normal(size=(24, 2)), rng.random(24) < 0.2])
    y = (rng.random(24) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.7, 0.8]))).astype(float)
    y[:2] = [0, 1]
    patients = np.concatenate([np.arange(14), rng.integers(0, 14, 10)])
    weights = rng.choice([1.0, 2.0], 24)
    train = TrainingRows.fit(x, y, weights, np.array([0, 0.5, 0.5, 0.5]), rng.permutation(patients))
    return train, np.array([1.0, *rng.normal(size=2), float(rng.random() < 0.3)]), rng.uniform(-1.5, 1.5)


def true_minimum(question, most=3):
    """Try every set of up to three patients with a refit."""
    train, start = question.train, question.start
    for size in range(1, most + 1):
        each = [np.isin(train.patients, one) for one in itertools.combinations(range(14), size)]
        if question.relabel:
            each = [rows & (start.row_gain > 0) for rows in each]
        if np.nanmin(start.missing_with([rows for rows in each if rows.any()])) <= 0:
            return size
    return None


@pytest.mark.parametrize("relabel", [False, True])
def test_on_tiny_problems_the_set_is_as_small_as_any(relabel):
    sizes = []
    for seed in range(12):
        train, x, by = tiny(seed)
        question = crossing(train, x, by, relabel=relabel)
        found, least = find_flip_set(question, PLENTY), true_minimum(question)
        if least is None:
            assert not found.verified or len(found.patients) > 3
            continue
        require_flips(question, found)
        require_minimal(question, found)
        assert len(found.patients) == least, seed
        sizes.append(least)
    assert max(sizes) >= 2


@pytest.mark.parametrize(("seed", "relabel", "fewest"), [(221, False, 3), (359, True, 2), (624, True, 2)])
def test_where_the_rounds_end_with_one_too_many_another_order_finds_fewer(seed, relabel, fewest, monkeypatch):
    train, x, _ = tiny(seed)
    question = crossing(train, x, 2 * np.random.default_rng(seed + 1000).uniform(-1, 1), relabel=relabel)
    found = find_flip_set(question, PLENTY)
    require_flips(question, found)
    assert len(found.patients) == fewest == true_minimum(question)
    monkeypatch.setattr(flipset_search, "FEW", 0)
    assert len(find_flip_set(question, PLENTY).patients) > fewest


def test_a_search_that_goes_round_in_circles_still_ends_with_a_set():
    train, x, _ = tiny(13)
    question = crossing(train, x, 0.5889858406123757)
    found = find_flip_set(question, PLENTY)
    require_flips(question, found)
    assert (len(found.patients), found.surrogate_size, found.surrogate_flips) == (2, 2, False)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 11), st.floats(0.02, 0.8), st.booleans(), st.booleans())
def test_every_set_flips_and_is_minimal_in_fits_from_zero(train, problem, row, size, upward, relabel):
    question = crossing(train, problem.audited[row], size if upward else -size, relabel=relabel)
    found = find_flip_set(question, PLENTY)
    if found.verified:
        require_flips(question, found)
        require_minimal(question, found)
    else:
        assert size > 0.3


@pytest.mark.parametrize("relabel", [False, True])
@pytest.mark.parametrize("by", [-0.6, -0.1, 0.1, 0.6])
def test_the_bound_is_below_what_putting_back_really_loses(train, problem, by, relabel):
    for x in problem.audited[:6]:
        question = crossing(train, x, by, relabel=relabel)
        found = find_flip_set(question, PLENTY)
        bound = least_loss(question.start.move_to(chosen(found.rows, len(train.x))))
        assert np.all(np.isneginf(bound[np.setdiff1d(np.arange(question.patient_count), found.patients)]))
        now = cold_missing(question, found.rows)
        for patient in found.patients:
            rest = found.rows[train.patients[found.rows] != patient]
            assert bound[patient] <= cold_missing(question, rest) - now + 1e-9


@pytest.mark.parametrize("relabel", [False, True])
def test_where_no_row_has_much_leverage_the_bound_is_close(relabel):
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(4_000), rng.normal(size=(4_000, 4))])
    y = (rng.random(4_000) < 1 / (1 + np.exp(-x @ [-1.0, 0.5, -0.5, 0.3, 0.0]))).astype(float)
    train = TrainingRows.fit(x, y, np.ones(4_000), np.array([0.0, 1, 1, 1, 1]))
    question = crossing(train, np.array([1.0, 1.0, 0.5, -0.5, 1.0]), 0.2, relabel=relabel)
    found = find_flip_set(question, PLENTY)
    bound = least_loss(question.start.move_to(chosen(found.rows, len(x))))
    now = cold_missing(question, found.rows)
    assert len(found.patients) >= 10
    for patient in found.patients[:10]:
        loss = cold_missing(question, np.setdiff1d(found.rows, [patient])) - now
        assert 0.9 * loss < bound[patient] <= loss


def test_without_the_bound_refits_decide_the_same(train, problem, monkeypatch):
    question = crossing(train, problem.audited[1], 0.3)
    with_bound = find_flip_set(question, PLENTY)
    monkeypatch.setattr(flipset_search, "least_loss", lambda state: np.full(len(state.gain), -np.inf))
    without = find_flip_set(question, PLENTY)
    assert with_bound.minimal
    assert without.minimal
    np.testing.assert_array_equal(with_bound.patients, without.patients)


def test_whoever_can_be_put_back_is(train, problem):
    """A set with patients too many loses them, though the search began with it."""
    question = crossing(train, problem.audited[0], 0.2)
    search = flipset_search._Search(question, PLENTY, flipset_search.silent)
    too_many = np.argsort(-question.start.gain)[:40]
    search._best = question.start.move_to(question.start.flags_of(chosen(too_many, question.patient_count)))
    assert search._best.is_across
    assert search._prune()
    require_minimal(question, search._found(None, surrogate_flips=False, minimal=True))
    assert search._best.size < 40


def test_gains_are_the_one_step_effects_in_the_wanted_direction(train, problem):
    x = problem.audited[3]
    up, down = crossing(train, x, 0.1), crossing(train, x, -0.1)
    effect = one_step(train, removal_effect(train, x))
    np.testing.assert_allclose(up.start.row_gain, effect, rtol=1e-12)
    np.testing.assert_allclose(down.start.row_gain, -effect, rtol=1e-12)
    summed = [effect[train.patients == patient].sum() for patient in range(up.patient_count)]
    np.testing.assert_allclose(up.start.gain, summed, atol=1e-15)


def test_gains_at_a_changed_model_are_its_slopes_in_the_weights(train, problem):
    """Finite differences of fits from zero; leverage enters as one step on either side of a row."""
    question = crossing(train, problem.audited[2], 0.5)
    removed = np.flatnonzero(question.start.row_gain > 0)[:60]
    state = question.start.move_to(chosen(removed, len(train.x)))
    assert state.missing == pytest.approx(cold_missing(question, removed), abs=1e-7)
    for row in (*removed[:4], 0, 1, 300, 301):
        sign = 1.0 if state.changed[row] else -1.0
        slope = _slope_in_weight(question, removed, row) * train.weights[row]
        np.testing.assert_allclose(state.row_gain[row] * (1 + sign * train.leverage[row]), slope, rtol=2e-3, atol=1e-7)


def _slope_in_weight(question, removed, row, step=1e-4):
    """Return by how much more is missing for each unit of weight that a row gains, in fits from zero."""
    weights = np.where(np.isin(np.arange(len(question.train.y)), removed), 0.0, question.train.weights)
    missing = []
    for added in (0.0, step):
        weights[row] += added
        theta = fit_logistic(question.train.x, question.train.y, weights, question.train.model.penalty).theta
        missing.append(question.sign * (question.threshold_margin - float(question.x_audited @ theta)))
    return (missing[1] - missing[0]) / step


def test_gains_of_relabelling_at_a_changed_model_are_those_of_refits(train, problem):
    question = crossing(train, problem.audited[2], 0.5, relabel=True)
    changed = np.flatnonzero(question.start.row_gain > 0)[:30]
    state = question.start.move_to(chosen(changed, len(train.x)))
    now = cold_missing(question, changed)
    for row in (*changed[:6], 0, 1, 300, 301):
        is_changed = row in changed
        other = np.setdiff1d(changed, [row]) if is_changed else np.append(changed, row)
        lost = cold_missing(question, other) - now
        np.testing.assert_allclose(state.row_gain[row], lost if is_changed else -lost, rtol=0.2, atol=2e-3)


def test_fewer_than_the_sum_of_single_estimates_asks_for(problem):
    train = problem.fit()
    question = crossing(train, problem.audited[5], 0.8)
    found = find_flip_set(question, PLENTY)
    require_flips(question, found)
    assert found.surrogate_flips
    assert len(found.patients) < 0.9 * found.surrogate_size


def test_the_rounds_leave_hardly_anybody_to_put_back(train, problem, monkeypatch):
    """Putting back one at a time from the additive estimate's set would end as small, but take as many refits."""
    question = crossing(train, problem.audited[5], 0.8)
    whole = find_flip_set(question, PLENTY)
    monkeypatch.setattr(flipset_search._Search, "_prune", lambda search: search._best is None)
    assert len(find_flip_set(question, PLENTY).patients) <= len(whole.patients) + 1


@pytest.mark.parametrize("relabel", [False, True])
def test_nobody_is_found_when_more_patients_are_needed_than_allowed(train, problem, relabel):
    question = crossing(train, problem.audited[5], 0.8, relabel=relabel)
    needed = len(find_flip_set(question, PLENTY).patients)
    exactly = find_flip_set(question, Budget(60.0, needed))
    require_flips(question, exactly)
    assert len(exactly.patients) <= needed
    short = find_flip_set(question, Budget(60.0, max(1, needed // 2)))
    assert (short.verified, short.minimal, short.out_of_time) == (False, False, False)
    assert (len(short.rows), len(short.patients)) == (0, 0)
    assert np.isnan(short.margin)


def test_more_seconds_than_needed_change_nothing(train, problem):
    question = crossing(train, problem.audited[4], -0.4)
    first, second = find_flip_set(question, Budget(30.0)), find_flip_set(question, Budget(3000.0))
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.margin == second.margin


def test_a_search_cut_off_says_so_and_still_reports_only_what_flips(train, problem, monkeypatch):
    question = crossing(train, problem.audited[5], 0.8)
    whole = find_flip_set(question, PLENTY)
    cut = 0
    for checks in range(12):
        clock = iter([0.0] * (1 + checks) + [100.0] * 1000)
        monkeypatch.setattr(flipset_search.time, "monotonic", lambda clock=clock: next(clock))
        found = find_flip_set(question, Budget(10.0))
        cut += found.out_of_time
        if found.verified:
            require_flips(question, found)
            assert len(found.patients) >= len(whole.patients)
        assert not (found.out_of_time and found.minimal)
    assert 2 <= cut < 12


def test_a_search_can_be_stopped_at_every_part_and_leaves_nothing_behind(train, problem):
    question = crossing(train, problem.audited[5], 0.6)
    parts = []
    whole = find_flip_set(question, PLENTY, lambda done, total: parts.append((done, total)))
    assert all(0 < done <= total for done, total in parts)
    assert [done for done, _ in parts] == list(range(1, len(parts) + 1))

    for stop in range(1, len(parts) + 1):

        def progress(done, total, stop=stop):  # noqa: ARG001
            if done == stop:
                raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            find_flip_set(question, PLENTY, progress)
    np.testing.assert_array_equal(find_flip_set(question, PLENTY).rows, whole.rows)


def test_a_prediction_at_the_threshold_has_to_fall_below_it(train, problem):
    x = problem.audited[0]
    question = Crossing(train, x, float(x @ train.model.theta), upward=False)
    found = find_flip_set(question, PLENTY)
    assert len(found.patients) == 1
    assert found.margin < question.threshold_margin


@pytest.mark.parametrize("upward", [False, True])
def test_a_margin_counts_as_across_only_when_it_is_clearly_beyond(train, problem, upward):
    question = Crossing(train, problem.audited[0], 0.3, upward)
    beyond = 1.0 if upward else -1.0
    assert question.missing(0.3) > 0
    assert question.missing(0.3 + beyond * 1e-9) > 0
    assert question.missing(0.3 + beyond * 1e-7) <= 0
    assert question.missing(0.3 - beyond * 1e-7) > 0


@pytest.mark.parametrize("relabel", [False, True])
def test_what_no_removal_can_do_is_not_found(relabel):
    train, x, _ = tiny(3)
    for by in (-40.0, 40.0):
        found = find_flip_set(crossing(train, x, by, relabel=relabel), PLENTY)
        assert not found.verified
        assert found.surrogate_size is None


def test_without_a_penalty_a_removal_that_leaves_no_fit_is_passed_over(with_level):
    """The prediction hangs on a level of six encounters: without its events, or its other rows, there is no fit."""
    reached = 0
    for seed in range(8):
        train, rows = with_level(seed, 6)
        for by in (-0.4, 0.4):
            question = crossing(train, train.x[rows[0]], by)
            found = find_flip_set(question, PLENTY)
            if found.verified:
                reached += 1
                require_flips(question, found)
                require_minimal(question, found)
    assert reached >= 8


def test_who_cannot_be_removed_is_left_and_the_others_are_tried(with_level):
    """Of a level of one event and one other row the other pulls hardest, but without it there is no fit."""
    tried = 0
    for seed in range(6):
        train, rows = with_level(seed, 2)
        question = crossing(train, train.x[rows[0]], 0.01)
        strongest = int(np.argmax(question.start.gain))
        if strongest not in rows or question.start.gain[strongest] < 0.01:
            continue
        found = find_flip_set(question, PLENTY)
        assert not found.surrogate_flips
        require_flips(question, found)
        assert strongest not in found.patients
        tried += 1
    assert tried >= 3


def test_rows_that_are_copies_are_taken_in_their_order(problem):
    once = problem.fit()
    x, y, w = (np.concatenate([values] * 2) for values in (problem.x, problem.y, problem.weights))
    twice = TrainingRows.fit(x, y, w, 2 * once.model.penalty, np.arange(len(x)))
    question = crossing(twice, problem.audited[1], 0.05)
    found = find_flip_set(question, PLENTY)
    again = find_flip_set(replace(question), PLENTY)
    np.testing.assert_array_equal(found.rows, again.rows)
    require_flips(question, found)


@pytest.mark.parametrize(
    ("wanted", "expected"), [(0.5, [1]), (3.0, [1]), (3.1, [1, 3]), (5.0, [1, 3]), (7.0, [1, 2, 3, 4]), (7.1, None)]
)
def test_the_shortest_prefix_takes_the_strongest_first(wanted, expected):
    gain = np.array([-1.0, 3.0, 1.0, 2.0, 1.0, 0.0])
    found = shortest_prefix(gain, wanted)
    assert expected is None if found is None else np.flatnonzero(found).tolist() == expected
