"""The figures of attacks show every share, image and alteration as it was computed, and name nobody."""

import re

import numpy as np
import pytest

from clinflu.analysis.adversarial import (
    Effort,
    GreyLevels,
    ImageModel,
    Search,
    campaign,
    digit_models,
    fragility,
    over_epsilon,
    over_records,
    over_rows,
)
from clinflu.figures.adversarial_figure import (
    before_after_figure,
    flips_over_epsilon_figure,
    flips_over_rows_figure,
    fragility_figure,
    records_over_size_figure,
)

QUICK = Effort(trials=1, steps=3)


@pytest.fixture(scope="module")
def model():
    return ImageModel.of_digits(80)


def test_each_number_of_images_is_a_line_of_shares_with_intervals(model):
    curve = over_epsilon(model, (1, 2), (1, 3), count=4, effort=QUICK)
    figure, table = flips_over_epsilon_figure(curve), curve.to_frame()
    assert [line.name for line in figure.data] == ["one training image altered", "3 training images altered"]
    for line, k in zip(figure.data, (1, 3), strict=True):
        rows = table[table["images_altered"] == k]
        np.testing.assert_allclose(line.x, rows["epsilon"])
        np.testing.assert_allclose(line.y, 100 * rows["share"])
        np.testing.assert_allclose(np.add(line.y, line.error_y.array), 100 * rows["high"])
        np.testing.assert_allclose(np.subtract(line.y, line.error_y.arrayminus), 100 * rows["low"], atol=1e-12)
    assert f"{table['share'].iloc[0]:.0%} of the right predictions turn" in figure.layout.title.text
    assert "grey levels" in figure.layout.xaxis.title.text


def test_shares_are_drawn_over_n_divided_by_d_on_a_log_axis():
    curve = over_rows(digit_models([70, 200]), GreyLevels(2), count=3, effort=QUICK)
    figure, table = flips_over_rows_figure(curve), curve.to_frame()
    np.testing.assert_allclose(figure.data[0].x, table["training_images"] / 64)
    np.testing.assert_allclose(figure.data[0].y, 100 * table["share"])
    assert figure.layout.xaxis.type == "log"
    assert f"{table['share'].iloc[-1]:.0%}" in figure.layout.title.text
    assert len(flips_over_rows_figure([curve, curve]).data) == 2


def test_the_strip_holds_before_after_and_their_difference(model):
    found = campaign(model, model.some_right(4), GreyLevels(2), effort=Effort(trials=2, steps=5))
    figure = before_after_figure(found, shown=2)
    assert len(figure.data) == 6
    pictures = [np.array(part.z) for part in figure.data]
    for column in (0, 1):
        before, after, change = pictures[column::2]
        np.testing.assert_allclose(change, 16 * (after - before), atol=1e-9)
        assert 0 < np.abs(change).max() <= 2
        matched = [one for one in found.attacks if np.array_equal(after.ravel(), one.altered[0])]
        assert matched
        np.testing.assert_array_equal(before.ravel(), model.pixels[matched[0].rows[0]])
    assert all(len(part.z) == 8 and len(part.z[0]) == 8 for part in figure.data)


def test_records_are_drawn_by_kind_on_log_axes(small_cohort):
    campaigns = over_records(small_cohort, (120, 500), 2, search=Search(numbers=3, refitted=2))
    figure = records_over_size_figure(campaigns, simulated=True)
    assert len(figure.data) == 4
    assert {line.name for line in figure.data} == {"one variable edited", "rewritten", "removed", "other outcome"}
    edited = next(line for line in figure.data if line.name == "one variable edited")
    np.testing.assert_allclose(edited.y, [one.median_change_pp("edit") for one in campaigns])
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert "SIMULATED" in str(figure.layout.title.subtitle.text)


def test_every_alteration_has_its_bar_and_its_estimate(small_study):
    encounter = str(small_study.design.encounter_ids[small_study.split.audited[0]])
    found = fragility(small_study, encounter, search=Search(numbers=4, refitted=3))
    figure = fragility_figure(found, simulated=True)
    bars, estimates = figure.data
    changes = {round(one.change_pp, 9) for one in found.alterations}
    assert {round(one, 9) for one in bars.x} == changes
    assert {round(one, 9) for one in estimates.x} == {round(one.estimated_pp, 9) for one in found.alterations}
    assert len(set(bars.y)) == len(bars.x)
    ids = {*small_study.cohort.frame.index, *small_study.cohort.patients}
    assert not ids & set(re.findall(r"\w+", figure.to_json()))
    assert "percentage points" in figure.layout.xaxis.title.text
