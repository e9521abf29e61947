"""Grades are those of their definitions, found by other means, and leave nothing out in silence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clinflu.influence.agreement import Agreement, Pairs, agreement, correlation_text, percent_text, pooled, spearman

WHAT = "one-step estimate"


def pairs(estimate, refit, precision=0.0):
    refit = np.asarray(refit, dtype=float)
    return Pairs(np.asarray(estimate, dtype=float), refit, np.broadcast_to(float(precision), refit.shape).copy())


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(4)
    refit = rng.normal(size=201) * 10.0 ** rng.uniform(-3, 1, 201)
    return pairs(refit * (1 + 0.2 * rng.normal(size=201)) + 0.01 * rng.normal(size=201), refit)


def test_r_is_that_of_scipy_and_slope_that_of_least_squares(noisy):
    found = agreement(WHAT, noisy)
    assert found.pearson_r == pytest.approx(stats.pearsonr(noisy.estimate, noisy.refit).statistic, abs=1e-12)
    slope = np.linalg.lstsq(noisy.estimate[:, None], noisy.refit, rcond=None)[0][0]
    assert found.slope == pytest.approx(slope, rel=1e-12)


def test_errors_and_signs_are_those_counted_one_by_one(noisy):
    found = agreement(WHAT, noisy)
    errors = sorted(abs(e / t - 1) for e, t in zip(noisy.estimate, noisy.refit, strict=True))
    assert found.median_relative_error == pytest.approx(errors[100], rel=1e-9)
    assert found.largest_relative_error == pytest.approx(errors[-1], rel=1e-9)
    assert found.largest_error == max(abs(e - t) for e, t in zip(noisy.estimate, noisy.refit, strict=True))
    same = sum((e > 0) == (t > 0) for e, t in zip(noisy.estimate, noisy.refit, strict=True))
    assert 150 < same < 201
    assert found.sign_agreement == same / 201
    assert (found.removals, found.compared, found.unresolved) == (201, 201, 0)


def test_slope_is_of_the_refit_on_the_estimate():
    """Estimates half of what the refits say have the slope 2, whatever their r."""
    found = agreement(WHAT, pairs([1.0, -2.0, 3.0], [2.0, -4.0, 6.0]))
    assert found.slope == pytest.approx(2)
    assert found.pearson_r == pytest.approx(1)
    assert found.median_relative_error == pytest.approx(0.5)


def test_a_constant_shift_shows_in_the_slope_not_in_r():
    refit = np.array([1.0, 2.0, 3.0])
    found = agreement(WHAT, pairs(refit + 1, refit))
    assert found.pearson_r == pytest.approx(1)
    assert found.slope == pytest.approx(20 / 29)


def test_refits_near_their_own_precision_are_left_out_of_relative_errors_and_counted():
    estimate, refit = [1.1, 5e-9, -1e-9, 1.1e-5, 0.0], [1.0, 1e-9, 1e-9, 1e-5, 0.0]
    found = agreement(WHAT, pairs(estimate, refit, precision=1e-8))
    assert found.unresolved == 3
    assert found.compared == 5
    assert found.largest_relative_error == pytest.approx(0.1)
    assert found.sign_agreement == 1
    assert agreement(WHAT, pairs(estimate, refit)).largest_relative_error == pytest.approx(4)
    assert agreement(WHAT, pairs(estimate, refit)).unresolved == 1


def test_the_limit_is_a_hundred_times_the_precision():
    assert agreement(WHAT, pairs([1.0], [1.0], precision=0.01)).unresolved == 0
    assert agreement(WHAT, pairs([1.0], [1.0], precision=0.0101)).unresolved == 1


def test_what_has_no_fit_and_what_has_no_estimate_is_counted_apart():
    found = agreement(WHAT, pairs([1.0, 2.0, np.nan, np.nan, 4.0], [1.0, np.nan, 3.0, np.nan, 5.0]))
    assert (found.removals, found.no_finite_fit, found.no_estimate, found.compared) == (5, 2, 1, 2)
    assert found.largest_relative_error == pytest.approx(0.2)
    assert found.largest_error == pytest.approx(1)
    assert "2 more without a finite fit, 1 more without an estimate" in found.words


@pytest.mark.parametrize(("estimate", "refit"), [([], []), ([np.nan], [1.0]), ([1.0], [np.nan]), ([0.0], [0.0])])
def test_without_a_pair_there_is_no_grade(estimate, refit):
    found = agreement(WHAT, pairs(estimate, refit))
    assert np.isnan([found.pearson_r, found.slope, found.median_relative_error, found.sign_agreement]).all()
    assert found.words == "one-step estimate: no refit to grade it by"


def test_what_does_not_vary_has_no_r():
    found = agreement(WHAT, pairs([1.0, 1.0], [1.0, 2.0]))
    assert np.isnan(found.pearson_r)
    assert found.slope == pytest.approx(1.5)
    assert ", r " not in found.words


def test_several_predictions_pool_errors_and_keep_the_worst_r_and_slope(noisy):
    """One that moves a thousand times as much and fits perfectly must not hide the other."""
    big = pairs([1000.0, -2000.0, 500.0], [1000.0, -2000.0, 500.0])
    found, alone = pooled(WHAT, [big, noisy]), agreement(WHAT, noisy)
    assert (found.pearson_r, found.slope) == (alone.pearson_r, alone.slope)
    joined = pairs(np.append(big.estimate, noisy.estimate), np.append(big.refit, noisy.refit))
    whole = agreement(WHAT, joined)
    assert whole.pearson_r > alone.pearson_r
    assert found.median_relative_error == whole.median_relative_error
    assert found.largest_relative_error == whole.largest_relative_error
    assert found.largest_error == whole.largest_error == alone.largest_error
    assert found.sign_agreement == whole.sign_agreement
    assert found.removals == whole.removals == 204


@pytest.mark.parametrize(
    ("slopes", "worst"), [([1.1, 0.5], 0.5), ([2.2, 0.5], 2.2), ([3.0, -1.0], -1.0), ([1.0, 0.99], 0.99)]
)
def test_the_worst_slope_is_the_farthest_from_one_as_a_ratio(slopes, worst):
    parts = [pairs([1.0, 2.0], [slope, 2 * slope]) for slope in slopes]
    assert pooled(WHAT, parts).slope == pytest.approx(worst)


def test_nothing_pooled_is_no_grade():
    assert pooled(WHAT, []).words == "one-step estimate: no refit to grade it by"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(-10_000, 10_000)] * 2), min_size=3, max_size=20),
    st.sampled_from([1e-6, 0.01, 0.3, 100.0]),
)
def test_the_unit_does_not_matter(rows, unit):
    estimate, refit = np.array(rows, dtype=float).T
    one, other = agreement(WHAT, pairs(estimate, refit)), agreement(WHAT, pairs(unit * estimate, unit * refit))
    for name in ("slope", "median_relative_error", "largest_relative_error", "sign_agreement"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-12, nan_ok=True)


def test_shapes_that_do_not_match_are_a_defect():
    with pytest.raises(ValueError, match="each estimate needs one refit"):
        Pairs(np.zeros(2), np.zeros(3), np.zeros(3))


def graded(**changes):
    figures = {"pearson_r": 0.9999997, "slope": 1.001, "median_relative_error": 5.6e-5}
    figures |= {"largest_relative_error": 0.02, "largest_error": 0.1, "sign_agreement": 1.0}
    return Agreement(WHAT, 500, 0, 0, 0, **(figures | changes))


def test_the_words_say_the_error_the_correlation_and_over_how_many():
    assert graded().words == (
        "one-step estimate: median error 0.0056 % of the refit, largest 0.1 percentage points, r 0.9999997, "
        "over 500 comparisons with refits"
    )
    bad = graded(median_relative_error=1.304, pearson_r=-0.31)
    assert "median error 130 % of the refit, largest 0.1 percentage points, r −0.3100, over" in bad.words


def test_the_largest_error_in_words_is_not_that_of_a_removal_that_moves_nothing():
    found = agreement(WHAT, pairs([1.01, 0.00002], [1.0, 0.00001]))
    assert found.largest_relative_error == pytest.approx(1)
    assert "largest 0.01 percentage points" in found.words


def test_words_tell_comparisons_from_refits_where_several_predictions_share_them():
    parts = [pairs([1.0, 2.0, 3.0], [1.1, 2.0, np.nan]), pairs([1.0, 2.0, 3.0], [1.0, 2.1, np.nan])]
    found = pooled(WHAT, parts)
    assert found.predictions == 2
    assert found.words.endswith("over 4 comparisons with refits (2 more without a finite fit)")
    assert replace(found, refits=3).words.endswith(
        "over 4 comparisons with refits of 2 predictions (2 more without a finite fit), "
        "from a check of 3 different refits"
    )
    assert replace(pooled(WHAT, parts[:1]), refits=3).words.endswith(
        "over 2 comparisons with refits (1 more without a finite fit)"
    )


def test_the_rank_correlation_is_that_of_scipy(noisy):
    assert spearman(noisy) == pytest.approx(stats.spearmanr(noisy.estimate, noisy.refit).statistic, abs=1e-12)
    gappy = pairs([1.0, 4.0, np.nan, 9.0, 2.0], [1.0, 50.0, 3.0, np.nan, 60.0])
    assert spearman(gappy) == pytest.approx(0.5)
    assert np.isnan(spearman(pairs([1.0, 1.0], [1.0, 2.0])))


@pytest.mark.parametrize(
    ("r", "text"),
    [(0.5, "0.5000"), (0.99994, "0.9999"), (0.99996, "0.99996"), (0.9999997, "0.9999997"), (1 - 1e-12, "1.0000"),
     (1.0, "1.0000"), (-0.99996, "−0.99996"), (np.nan, "not known")],
)  # fmt: skip
def test_a_correlation_is_not_rounded_up_to_one_within_seven_digits(r, text):
    assert correlation_text(r) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1e-6, "under 0.001 %"), (5.6e-5, "0.0056 %"), (0.021, "2.1 %"), (0.67, "67 %"), (13, "1,300 %"),
     (np.nan, "not known")],
)  # fmt: skip
def test_a_share_is_written_to_two_digits(share, text):
    assert percent_text(share) == text
