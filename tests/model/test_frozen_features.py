"""Frozen features: they are the network's own, and influence on pixels through them is that of refitted models."""

import numpy as np
import pytest
import torch

from clinflu.analysis.explanations import Taught, perturbation_slopes
from clinflu.errors import FitError
from clinflu.influence.perturbation import perturbation_influence
from clinflu.influence.training import TrainingRows
from clinflu.model.cnn import Cnn
from clinflu.model.frozen_features import FrozenFeatures
from clinflu.model.logistic import LOGISTIC, risk
from clinflu.model.minimise import minimise
from clinflu.model.rbf import KernelMap, fit_kernel_machine
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.model.softmax import Softmax

N, SIDE, STEP = 60, 6, 1e-4
NETWORK = Cnn(2, side=SIDE, channels=2, hidden=4)
FEATURES = FrozenFeatures(NETWORK, 1.5 * NETWORK.start(seed=3))

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def images(classes=2):
    rng = np.random.default_rng(0)
    x = rng.random((N, SIDE**2))
    scores = FEATURES.transform(x) @ rng.normal(size=(4, classes)) + 0.2 * rng.normal(size=(N, classes))
    return x, (scores - scores.mean(axis=0)).argmax(axis=1).astype(float), rng.choice([0.5, 1.0, 2.0], N)


def taught(kind):
    """A model of each kind on images, its columns learned and then frozen."""
    x, y, weights = images(3 if kind == "softmax" else 2)
    if kind == "kernel":
        columns = KernelMap.learn(x)
        machine = fit_kernel_machine(columns, x, y, weights, SmoothHinge(0.2))
        return Taught(kind, machine.family, machine.fit, x, y, weights, columns)
    design = np.column_stack([np.ones(N), FEATURES.transform(x)])
    if kind == "softmax":
        family, penalty = Softmax(3), np.ones(15)
    else:
        family, penalty = LOGISTIC, np.append(0.0, np.ones(4))
    return Taught(kind, family, minimise(family, design, y, weights, penalty), x, y, weights, FEATURES)


def test_the_network_is_linear_in_its_own_features():
    x = images()[0]
    *_, outer, shift = NETWORK._parts(torch.from_numpy(FEATURES.theta), NETWORK.shapes)
    scores = NETWORK.scores(torch.from_numpy(FEATURES.theta), torch.from_numpy(x))
    found = FEATURES.transform(x) @ outer.numpy().T + shift.numpy()
    np.testing.assert_allclose(found, scores.numpy(), rtol=1e-12, atol=1e-12)
    assert "4 hidden units" in repr(FEATURES)


def test_slopes_are_carried_back_to_the_pixels():
    x = images()[0][:5]
    v = np.random.default_rng(1).normal(size=(5, 4))
    expected = np.empty_like(x)
    for pixel, step in enumerate(1e-6 * np.eye(SIDE**2)):
        change = FEATURES.transform(x + step) - FEATURES.transform(x - step)
        expected[:, pixel] = (change * v).sum(axis=1) / 2e-6
    np.testing.assert_allclose(FEATURES.pull(x, v), expected, rtol=1e-6, atol=1e-8)


def test_on_logistic_regression_the_slopes_are_the_closed_form_carried_back():
    model, rows = taught("logistic"), np.array([3, 17, 40])
    train = TrainingRows(model.fit, model.x, model.y, model.weights, np.arange(N))
    row, y = images()[0][5] + 0.05, 1.0
    audited = model.design(row[None])[0]
    closed = perturbation_influence(train, audited, y - float(risk(audited @ model.fit.theta)), rows)
    expected = FEATURES.pull(model.rows[rows], closed[:, 1:])
    np.testing.assert_allclose(perturbation_slopes(model, row, y, rows), expected, rtol=1e-9, atol=1e-12)


def refitted_loss(model, position, image, row, y):
    """Loss of a row in the model fitted again, cold, to rows among which one image is another; columns are frozen."""
    rows = model.rows.copy()
    rows[position] = image
    fit = minimise(model.family, model.design(rows), model.y, model.weights, model.fit.penalty, start=model.fit.theta)
    return model.losses(row[None], np.array([y]), fit.theta)[0]


@pytest.mark.parametrize("kind", ["logistic", "softmax", "kernel"])
def test_slopes_in_pixels_are_those_of_models_refitted_to_altered_images(kind):
    model, position = taught(kind), 17
    row, y = images()[0][5] + 0.05, float(model.y[5])
    slopes = perturbation_slopes(model, row, y, np.array([position]))[0]
    pixels = np.argsort(-np.abs(slopes))[[0, 1, 5, 20]]
    for pixel in pixels:
        step = STEP * np.eye(SIDE**2)[pixel]
        moved = [refitted_loss(model, position, model.rows[position] + sign * step, row, y) for sign in (1, -1)]
        assert (moved[0] - moved[1]) / (2 * STEP) == pytest.approx(slopes[pixel], rel=1e-3, abs=1e-9)


def test_a_visible_alteration_changes_the_loss_as_foretold():
    """A training image moved by 0.05 in every pixel along its slopes: the refit follows within a fifth."""
    model, position = taught("logistic"), 17
    row, y = images()[0][5] + 0.05, 1.0
    slopes = perturbation_slopes(model, row, y, np.array([position]))[0]
    alteration = 0.05 * np.sign(slopes)
    before = model.losses(row[None], np.array([y]))[0]
    after = refitted_loss(model, position, model.rows[position] + alteration, row, y)
    assert after - before == pytest.approx(float(slopes @ alteration), rel=0.2)
    assert after > before


def test_parameters_of_another_network_are_refused():
    with pytest.raises(FitError, match="not 3"):
        FrozenFeatures(NETWORK, np.zeros(3))
