"""The figures of two explanations: every row is drawn once, refits beside estimates, and titles say what is there."""

import re

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.explanations import (
    Explanation,
    Explanations,
    ImagePlan,
    explain_image,
    kernel_machine,
    linear_model,
    perturbation_slopes,
)
from clinflu.data.digits import Digits
from clinflu.figures.explanations_figure import explanations_figure, slopes_figure, strip_figure

N = 40

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def explanation(name, seed, k=3):
    rng = np.random.default_rng(seed)
    influence = rng.normal(size=N)
    order = np.argsort(influence)
    return Explanation(
        name=name,
        loss=0.25,
        is_right=seed == 0,
        distance=rng.random(N) + 1,
        influence=influence,
        same_class=rng.random(N) < 0.5,
        helpful=order[::-1][:k],
        harmful=order[:k],
        helpful_refit=influence[order[::-1][:k]] + 0.01,
        harmful_refit=influence[order[:k]] - 0.01,
    )


@pytest.fixture(scope="module")
def digits():
    return Digits.load(3, 8)


@pytest.fixture(scope="module")
def found(digits):
    ids = pd.Index([f"secret{k}" for k in range(N)])
    both = explanation("model <A>", 0), explanation("model B", 1, k=2)
    return Explanations("test image 7, a 3", int(digits.test[0]), "3", "pixels", ids, both)


def text_of(figure):
    return " ".join([figure.layout.title.text, *(one.text for one in figure.layout.annotations)])


def test_every_training_row_is_drawn_once_in_the_panel_of_each_model(found):
    figure = explanations_figure(found)
    for axis, one in zip(("x", "x2"), found.models, strict=True):
        same, other, refit = (part for part in figure.data if part.xaxis == axis)
        drawn = [(x, y, True) for x, y in zip(same.x, same.y, strict=True)]
        drawn += [(x, y, False) for x, y in zip(other.x, other.y, strict=True)]
        assert sorted(drawn) == sorted(zip(one.distance, one.influence, one.same_class, strict=True))
        assert set(zip(refit.x, refit.y, strict=True)) == {
            *zip(one.distance[one.helpful], one.helpful_refit, strict=True),
            *zip(one.distance[one.harmful], one.harmful_refit, strict=True),
        }
        assert len({same.marker.symbol, other.marker.symbol, refit.marker.symbol}) == 3


def test_it_says_what_the_far_half_holds_and_in_which_units(found):
    figure = explanations_figure(found)
    shares = [f"{100 * one.far_share:.0f} %" for one in found.models]
    assert f"{shares[0]} and {shares[1]} of the influence" in figure.layout.title.text
    assert "model &lt;A&gt;" in text_of(figure)
    assert "pixels" in figure.layout.xaxis2.title.text
    assert "loss" in figure.layout.yaxis.title.text
    assert [part.name for part in figure.data if part.showlegend] == [
        "same class, estimated",
        "other class, estimated",
        "refitted without it",
    ]
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]


def test_one_model_alone_has_a_panel_and_a_sentence(found):
    alone = Explanations("x", 0, "3", "pixels", found.train_ids, found.models[:1])
    assert " and " not in explanations_figure(alone).layout.title.text


@pytest.mark.parametrize("simulated", [True, False])
def test_it_names_no_training_row_and_says_when_patients_are_invented(found, simulated):
    of = Explanations("a patient", 0, "event", "columns", found.train_ids, found.models, simulated=simulated)
    figure = explanations_figure(of)
    assert "secret" not in figure.to_json()
    assert ("SIMULATED" in str(figure.layout.title.subtitle.text)) == simulated


def test_the_strip_shows_the_test_image_and_each_of_the_strongest(found, digits):
    figure = strip_figure(found, digits)
    shown = [np.array(part.z) for part in figure.data]
    expected = [
        digits.image(row)
        for one in found.models
        for row in (found.row, *digits.train[one.helpful], *digits.train[one.harmful])
    ]
    assert len(shown) == len(expected) == 7 + 5
    for picture, truth in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(picture, truth)
    assert len({part.xaxis for part in figure.data}) == len(shown)


def test_under_each_picture_stand_its_class_its_estimate_and_its_refit(found, digits):
    text = text_of(strip_figure(found, digits))
    for one in found.models:
        for side, rows, refits in (
            ("helpful", one.helpful, one.helpful_refit),
            ("harmful", one.harmful, one.harmful_refit),
        ):
            for row, refit in zip(rows, refits, strict=True):
                name = digits.names[int(digits.labels[digits.train[row]])]
                numbers = [f"{value:+.3f}".replace("-", "−") for value in (one.influence[row], refit)]
                assert f"{side}: a {name}<br>est. {numbers[0]}<br>refit {numbers[1]}" in text
    assert "right, loss 0.25" in text
    assert "wrong, loss 0.25" in text


def test_its_title_counts_the_images_that_all_models_share(found, digits):
    common = len(found.shared)
    assert common == len(set(found.models[0].strongest) & set(found.models[1].strongest))
    title = strip_figure(found, digits).layout.title.text
    assert ("none of them is" in title) == (common == 0)
    assert common == 0 or re.search(rf"\b{common} of them", title)
    same = Explanations("x", found.row, "3", "pixels", found.train_ids, (found.models[0],) * 2)
    assert "6 of them are the same" in strip_figure(same, digits).layout.title.text


def test_slopes_stand_beside_the_image_that_they_belong_to(digits):
    models = linear_model(digits, None, "pixels"), kernel_machine(digits, ImagePlan(), "kernel")
    explained = explain_image(digits, models, strongest=1)
    figure = slopes_figure(explained, digits, models)
    row, label = digits.pixels[explained.row], float(digits.labels[explained.row])
    assert len(figure.data) == 4
    for place, (one, model) in enumerate(zip(explained.models, models, strict=True)):
        picture, slopes = figure.data[2 * place : 2 * place + 2]
        np.testing.assert_array_equal(picture.z, digits.image(digits.train[one.harmful[0]]))
        truth = perturbation_slopes(model, row, label, one.harmful[:1])[0].reshape(8, 8)
        np.testing.assert_array_equal(slopes.z, truth)
        assert slopes.zmax == -slopes.zmin == np.abs(truth).max()
        assert f"{np.abs(truth).max():.2g} a pixel" in text_of(figure)
