"""Images altered within what is allowed turn predictions, by fits from zero; and no more where many images teach."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from clinflu.analysis.adversarial import (
    SAME_PICTURE,
    Effort,
    GreyLevels,
    ImageModel,
    RandomFeatures,
    attack,
    campaign,
    digit_models,
    frozen_network,
    observations,
    over_epsilon,
    over_records,
    over_rows,
    plausible_values,
    record_campaign,
    refitted_strength,
    rewritten_together,
    sizes_frame,
    smaller_study,
)
from clinflu.analysis.adversarial.attack import promise
from clinflu.analysis.adversarial.records import right_decisions, turns_from_cold
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.model.logistic import row_loss
from clinflu.model.newton import fit_logistic

QUICK = Effort(trials=3, steps=8)
ONE_LEVEL = GreyLevels(1)


@pytest.fixture(scope="module")
def digits():
    return Digits.load()


@pytest.fixture(scope="module")
def model(digits):
    return ImageModel.of_digits(96, digits=digits)


@pytest.fixture(scope="module")
def pixels_attacked(model):
    return campaign(model, model.some_right(16), ONE_LEVEL, effort=QUICK)


@pytest.fixture(scope="module")
def random_model(digits):
    features = RandomFeatures.draw(40, digits.pixels.mean(axis=0))
    return ImageModel.of_digits(60, features, digits=digits, described="random features")


def by_hand(model, rows, altered):
    """Fit from zero to the altered pixels, without code of the attack, and return the margins of the test images."""
    pixels = model.pixels.copy()
    pixels[rows] = altered
    x, test = (np.column_stack([np.ones(len(p)), model.column_map.transform(p)]) for p in (pixels, model.test_pixels))
    strengths = np.array([0.0, *[model.penalty] * (x.shape[1] - 1)])
    return test @ fit_logistic(x, model.y, np.ones(len(x)), strengths).theta


def test_one_image_altered_unseen_turns_at_least_three_in_ten_where_n_is_close_to_d(pixels_attacked):
    assert pixels_attacked.model.rows <= 1.5 * pixels_attacked.model.columns
    assert pixels_attacked.share >= 0.3
    low, high = pixels_attacked.interval
    assert low < pixels_attacked.share < high


def test_every_flip_is_that_of_a_fit_from_zero(model, pixels_attacked):
    for one in pixels_attacked.attacks:
        margins = by_hand(model, one.rows, one.altered)
        np.testing.assert_allclose(one.margins_after, margins[one.targets], rtol=1e-6)
        wrong = (margins > 0) != (model.test_y == 1)
        assert one.flipped == int(wrong[one.targets].sum())
        assert one.flipped + one.others_flipped == int((wrong & model.is_right).sum())


@pytest.mark.parametrize("epsilon", [SAME_PICTURE, 1, 3])
def test_altered_images_are_allowed(model, epsilon):
    found = attack(model, model.some_right(1), allowed=GreyLevels(epsilon), images=2, effort=QUICK)
    original = model.pixels[found.rows]
    assert np.abs(found.altered - original).max() <= epsilon / 16 + 1e-12
    assert found.altered.min() >= 0
    assert found.altered.max() <= 1
    levels = 16 * found.altered
    if epsilon == SAME_PICTURE:
        np.testing.assert_array_equal(np.round(levels), 16 * original)
    else:
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-12)
    assert not np.array_equal(found.altered, original)


def test_all_other_images_stay_as_they_are(model, pixels_attacked):
    for one in pixels_attacked.attacks:
        assert len(one.rows) == 1
        assert one.altered.shape == (1, 64)
    np.testing.assert_array_equal(model.pixels, ImageModel.of_digits(96).pixels)


@pytest.mark.parametrize("which", ["model", "random_model"])
def test_the_promise_is_the_slope_of_refits_in_every_pixel(which, request):
    """One image moved a little along the sign of its slope: the refitted loss rises as the promise says."""
    model = request.getfixturevalue(which)
    target = model.some_right(1, seed=3)
    reach = 1e-4
    promised = promise(model, target, GreyLevels(16 * reach))
    row = int(np.argmax(promised))
    rise = []
    for sign in (1.0, -1.0):
        moved = model.pixels[row].copy()
        for pixel in range(64):
            step = np.zeros(64)
            step[pixel] = 1e-5
            low, high = (
                by_hand(model, [row], np.clip(model.pixels[row] + side * step, -1, 2))[target] for side in (-1.0, 1.0)
            )
            losses = row_loss(low, model.test_y[target]), row_loss(high, model.test_y[target])
            moved[pixel] += sign * reach * np.sign(losses[1] - losses[0])[0]
        inside = np.clip(moved, 0.0, 1.0)
        after = by_hand(model, [row], inside)[target]
        rise.append(float(row_loss(after, model.test_y[target])[0]))
        if sign > 0:
            before = float(row_loss(model.test_margins[target], model.test_y[target])[0])
            assert rise[0] - before == pytest.approx(promised[row], rel=0.05)
    assert rise[0] > rise[1]


def test_more_room_and_more_images_turn_more(model):
    table = over_epsilon(model, (SAME_PICTURE, 2), (1, 10), count=8, effort=Effort(trials=2, steps=6)).to_frame()
    turned = table.set_index(["images_altered", "epsilon"])["turned"]
    assert turned[1, SAME_PICTURE] < turned[1, 2]
    assert turned[1, SAME_PICTURE] < turned[10, SAME_PICTURE]
    assert turned[10, 2] == 8


def test_it_lives_off_n_close_to_d(pixels_attacked):
    many = over_rows(digit_models([900]), ONE_LEVEL, count=12, effort=Effort(trials=2, steps=4)).to_frame()
    assert many["images_per_column"].iloc[0] > 10
    assert many["share"].iloc[0] < 0.1 < pixels_attacked.share


def test_several_predictions_are_turned_by_altering_the_same_images(model):
    targets = model.some_right(4, seed=1)
    found = attack(model, targets, allowed=GreyLevels(3), images=4, effort=Effort(trials=1, steps=10))
    assert found.flipped >= 2
    margins = by_hand(model, found.rows, found.altered)[targets]
    assert found.flipped == int(((margins > 0) != (model.test_y[targets] == 1)).sum())


def test_the_images_altered_are_the_ambiguous_ones(pixels_attacked):
    seen = observations(pixels_attacked)
    assert seen.ambiguity > 0.3
    assert seen.loss[seen.altered > 0].mean() > seen.loss[seen.altered == 0].mean()
    assert seen.altered.sum() == pixels_attacked.tried
    assert set(np.flatnonzero(seen.altered)) == set(pixels_attacked.chosen)
    assert {"AUROC of the loss for being altered", "rank correlation of strength and loss"} <= set(
        seen.to_frame().index
    )


def test_by_refits_too_the_images_that_move_predictions_are_those_that_the_model_would_get_wrong(digits):
    few = ImageModel.of_digits(70, digits=digits)
    one = campaign(few, few.some_right(2), ONE_LEVEL, effort=Effort(1, 1))
    moved = refitted_strength(few, few.some_right(2), ONE_LEVEL, steps=1)
    seen = observations(one)
    assert spearmanr(moved, seen.loss).statistic > 0.3
    assert int(moved.argmax()) in np.argsort(-seen.strength)[:10]


def test_only_images_that_may_be_altered_are(model):
    found = attack(model, model.some_right(1), allowed=ONE_LEVEL, rows=[5, 9], images=2, effort=Effort(1, 2))
    assert sorted(found.rows) == [5, 9]
    with pytest.raises(DataError, match="2 to choose from"):
        attack(model, model.some_right(1), allowed=ONE_LEVEL, rows=[5, 9], images=3)


def test_steps_are_measured_against_the_spread_and_the_variance_of_the_images(model, pixels_attacked):
    seen = observations(pixels_attacked)
    centers = np.array([model.pixels[model.y == one].mean(axis=0) for one in (0, 1)])
    unit = np.linalg.norm(model.pixels - centers[model.y.astype(int)], axis=1).mean()
    one = pixels_attacked.attacks[0]
    step = one.altered[0] - model.pixels[one.rows[0]]
    assert seen.pixel_step[0] == pytest.approx(np.linalg.norm(step) / unit)
    np.testing.assert_allclose(seen.pixel_step, seen.feature_step)
    direction = step / np.linalg.norm(step)
    along = np.var(model.pixels @ direction) / np.var(model.pixels, axis=0).mean()
    assert seen.step_variance[0] == pytest.approx(along)


@pytest.mark.parametrize("make", ["random", "frozen"])
def test_slopes_come_back_through_features_as_finite_differences_say(digits, make):
    features = (
        RandomFeatures.draw(30, digits.pixels.mean(axis=0))
        if make == "random"
        else frozen_network(digits, digits.train[-40:], hidden=12, channels=2, steps=3)
    )
    image, at_columns = (
        digits.pixels[:1],
        np.random.default_rng(0).normal(size=(1, features.transform(digits.pixels[:1]).shape[1])),
    )
    slopes = features.pull(image, at_columns)[0]
    for pixel in range(0, 64, 7):
        step = np.zeros((1, 64))
        step[0, pixel] = 1e-6
        difference = (features.transform(image + step) - features.transform(image - step)) @ at_columns[0] / 2e-6
        assert slopes[pixel] == pytest.approx(difference[0], rel=1e-5, abs=1e-7)


def test_what_makes_no_sense_ends_in_one_line(model):
    wrong = np.flatnonzero(~model.is_right)[:1]
    with pytest.raises(DataError, match="turns predictions that are right"):
        attack(model, wrong, allowed=ONE_LEVEL)
    with pytest.raises(DataError, match="cannot be altered"):
        attack(model, model.some_right(1), allowed=ONE_LEVEL, images=1_000)
    with pytest.raises(DataError, match="at most 16 grey levels"):
        GreyLevels(17)
    with pytest.raises(DataError, match="training images; ask for no more"):
        ImageModel.of_digits(5_000)
    with pytest.raises(DataError, match="two kinds"):
        ImageModel.of_digits(50, large=())
    with pytest.raises(DataError, match="one right prediction or more"):
        campaign(model, [], ONE_LEVEL)
    with pytest.raises(DataError, match="the number of predictions"):
        model.some_right(-1)


def test_records_move_less_where_more_of_them_teach(small_cohort):
    few, many = over_records(small_cohort, (120, 1_000), 4)
    table = sizes_frame((few, many))
    assert table["records_per_column"].is_monotonic_increasing
    assert few.median_change_pp("edit") > 2 * many.median_change_pp("edit")
    assert len(few.to_frame()) == 4
    assert "4 right decisions" in many.words


def test_a_smaller_study_keeps_every_encounter_of_its_patients(small_cohort):
    study = smaller_study(small_cohort, 200)
    assert 190 <= len(study.cohort.frame) <= 200
    whole = small_cohort.patients.value_counts()
    taken = study.cohort.patients.value_counts()
    assert (whole[taken.index] == taken).all()
    with pytest.raises(DataError, match="ask for no more"):
        smaller_study(small_cohort, 5_000)


def test_records_turn_only_decisions_that_a_fit_from_zero_turns(small_cohort):
    study = smaller_study(small_cohort, 120)
    found = record_campaign(study, 6)
    rows = right_decisions(study, 6)
    alerts = study.risks[rows] >= study.threshold
    np.testing.assert_array_equal(alerts, study.design.y[rows] == 1)
    assert [one.encounter_id for one in found.found] == list(study.design.encounter_ids[rows])
    for one, kinds in zip(found.found, found.turned, strict=True):
        assert kinds == {part.kind for part in one.alterations if part.flips}
        for part in one.alterations:
            assert turns_from_cold(study, one, part) == part.flips


def test_several_records_together_move_a_risk_further_toward_the_threshold(small_cohort):
    study = smaller_study(small_cohort, 200)
    row = right_decisions(study, 1)
    table = rewritten_together(study, row, (1, 4))
    towards = np.sign(study.threshold - study.risks[row[0]])
    moved = towards * (table["risk_after"] - table["risk_before"]).to_numpy()
    assert list(table["records"]) == [1, 4]
    assert 0 < moved[0] < moved[1]
    crossed = (table["risk_after"] >= study.threshold) != (table["risk_before"] >= study.threshold)
    np.testing.assert_array_equal(table["turned"], crossed)


def test_records_that_nothing_may_be_changed_of_stay_as_they_are(small_cohort):
    study = smaller_study(small_cohort, 200)
    row = right_decisions(study, 1)
    fixed = plausible_values(study, immutable=study.cohort.schema.feature_names)
    (line,) = rewritten_together(study, row, (2,), candidates=fixed).itertuples()
    assert (line.records, line.turned) == (0, False)
    assert line.risk_after == pytest.approx(line.risk_before, rel=1e-12)
    for counts, message in (((0, 1), "the number of records rewritten"), ((), "at least one number")):
        with pytest.raises(DataError, match=message):
            rewritten_together(study, row, counts)
