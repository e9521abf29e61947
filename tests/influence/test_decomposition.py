"""The parts of an effect and of a prediction add up exactly, and belong to the encounter that they are said to."""

import numpy as np
import pytest

from clinflu.influence.decomposition import attribution, column_sums, effect_decomposition
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows

ROWS = [0, 2, 5, 100, 599]


@pytest.fixture(scope="module", params=["intercept", "no intercept"])
def case(request, problem):
    """A fit, its audited rows and whether it can be centred."""
    chosen = problem if request.param == "intercept" else problem.without_intercept()
    return chosen.fit(), chosen.audited, [False, True] if request.param == "intercept" else [False]


def test_the_parts_add_up_to_the_one_step_change(case):
    train, audited, options = case
    for x in audited:
        first = removal_effect(train, x)
        corrected = one_step(train, first)
        for row in ROWS:
            for centred in options:
                parts = effect_decomposition(train, row, x, centred=centred)
                plain = effect_decomposition(train, row, x, centred=centred, leverage_corrected=False)
                np.testing.assert_allclose(parts.sum(), corrected[row], rtol=1e-10, atol=1e-13)
                np.testing.assert_allclose(plain.sum(), first[row], rtol=1e-10, atol=1e-13)


def test_rows_belong_to_the_audited_and_columns_to_the_training_encounter(case):
    train, audited, _ = case
    inverse = np.linalg.inv(train.model.hessian)
    for row in ROWS:
        scale = -train.residual[row] / (1 - train.leverage[row])
        parts = effect_decomposition(train, row, audited[0], centred=False)
        np.testing.assert_allclose(parts.sum(axis=1), scale * audited[0] * (inverse @ train.x[row]), rtol=1e-9)
        np.testing.assert_allclose(parts.sum(axis=0), scale * train.x[row] * (inverse @ audited[0]), rtol=1e-9)


def test_column_sums_are_those_of_the_matrix(case):
    train, audited, options = case
    for x in audited[:3]:
        inverse_hvp = train.model.solve(x)
        for row in ROWS:
            for centred in options:
                matrix = effect_decomposition(train, row, x, centred=centred)
                sums = column_sums(train, row, inverse_hvp, centred=centred)
                np.testing.assert_allclose(sums, matrix.sum(axis=0), rtol=1e-9, atol=1e-12)


def test_centring_is_a_refit_on_centred_columns(problem):
    train = problem.fit()
    mean = np.average(train.x, axis=0, weights=train.weights)
    mean[0] = 0
    centred = TrainingRows.fit(train.x - mean, train.y, train.weights, train.model.penalty)
    for row in ROWS:
        expected = effect_decomposition(centred, row, problem.audited[0] - mean, centred=False)
        found = effect_decomposition(train, row, problem.audited[0], centred=True)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


def test_attribution_adds_up_to_the_margin(case):
    train, audited, options = case
    has_intercept = True in options
    mean = np.average(train.x, axis=0, weights=train.weights)
    for x in audited:
        baseline, parts = attribution(train.model.theta, x, train.mean, has_intercept=has_intercept)
        np.testing.assert_allclose(baseline + parts.sum(), x @ train.model.theta, rtol=1e-12)
        np.testing.assert_allclose(baseline, mean @ train.model.theta, rtol=1e-12)
        np.testing.assert_allclose(parts, train.model.theta * (x - mean), atol=1e-12)
        assert not has_intercept or parts[0] == 0
