"""The parts of an effect and of a prediction add up exactly, and belong to the encounter that they are said to."""

import numpy as np
import pytest

from clinflu.influence.decomposition import (
    attribution,
    column_sums,
    decomposition_from_average,
    effect_decomposition,
    group_effect_decomposition,
)
from clinflu.influence.group import group_newton
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


GROUPS = {
    "a patient": [3, 17, 200],
    "the rare level": list(range(3, 10)),
    "more than columns": list(range(90)),
    "half": list(range(0, 600, 2)),
    "most": list(range(560)),
}


@pytest.mark.parametrize("rows", GROUPS.values(), ids=GROUPS)
def test_the_parts_of_a_group_add_up_to_its_newton_step(case, rows):
    train, audited, options = case
    for x in audited[:4]:
        for centred in options:
            parts = group_effect_decomposition(train, np.array(rows), x, centred=centred)
            np.testing.assert_allclose(parts.sum(), x @ group_newton(train, np.array(rows)), rtol=0, atol=1e-10)


def test_a_group_of_one_has_the_parts_of_that_one(case):
    train, audited, options = case
    for row in ROWS:
        for centred in options:
            alone = effect_decomposition(train, row, audited[1], centred=centred)
            group = group_effect_decomposition(train, np.array([row, row]), audited[1], centred=centred)
            np.testing.assert_allclose(group, alone, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("rows", GROUPS.values(), ids=GROUPS)
def test_each_encounter_of_a_group_enters_with_its_residual_after_the_newton_step(case, rows):
    """By Woodbury, dense: pull = (I - D B' H^-1 B)^-1 w r; the columns of the matrix are then explicit."""
    train, audited, _ = case
    rows = np.array(rows)
    inverse, x = np.linalg.inv(train.model.hessian), train.x[rows]
    kernel = np.eye(len(rows)) - train.curvature[rows][:, None] * (x @ inverse @ x.T)
    pull = np.linalg.solve(kernel, train.residual[rows])
    expected = -np.einsum("j,jk,i,ik->jk", audited[2], inverse, pull, x)
    found = group_effect_decomposition(train, rows, audited[2], centred=False)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("rows", GROUPS.values(), ids=GROUPS)
def test_from_the_average_a_model_with_an_intercept_has_the_centred_cells(train, problem, rows):
    found = decomposition_from_average(train, np.array(rows), problem.audited[1])
    centred = group_effect_decomposition(train, np.array(rows), problem.audited[1], centred=True)
    np.testing.assert_allclose(found[1], 0, atol=1e-14)
    np.testing.assert_allclose(found[:, 1], 0, atol=1e-14)
    fold = np.delete(found, 1, axis=0)
    np.testing.assert_allclose(np.delete(fold, 1, axis=1), centred, rtol=1e-7, atol=1e-10)


def test_from_the_average_a_column_that_never_varies_has_no_part_without_an_intercept(problem):
    """Two constant columns, penalised: as recorded, their cells are large and cancel."""
    constant = np.column_stack([np.ones(len(problem.x)), problem.x])
    fit = TrainingRows.fit(constant, problem.y, problem.weights, np.full(9, 0.01), problem.patients)
    audited, rows = np.append(1.0, problem.audited[0]), np.array([3, 5, 8, 3])
    found = decomposition_from_average(fit, rows, audited)
    step = audited @ group_newton(fit, np.unique(rows))
    np.testing.assert_allclose(found.sum(), step, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found[1:3], 0, atol=1e-12)
    np.testing.assert_allclose(found[:, 1:3], 0, atol=1e-12)
    mean = np.average(constant, axis=0, weights=problem.weights)
    inverse = np.linalg.inv(fit.model.hessian)
    pull = fit.residual[[3, 5, 8]] - fit.curvature[[3, 5, 8]] * (
        constant[[3, 5, 8]] @ group_newton(fit, np.unique(rows))
    )
    np.testing.assert_allclose(found[0, 0], -pull.sum() * mean @ inverse @ mean, rtol=1e-7)
    one = -(audited - mean)[4] * inverse[4, 6] * (pull @ (constant[[3, 5, 8]] - mean))[6]
    np.testing.assert_allclose(found[5, 7], one, rtol=1e-7)


def test_without_a_penalty_the_cells_of_a_category_do_not_depend_on_its_reference_level(problem):
    """Folded and centred, a category with another reference, or a number in another unit, has the same cells."""
    rng = np.random.default_rng(4)
    level, audited_level = rng.integers(0, 3, len(problem.x)), np.array([2, 0])
    numbers, rows = problem.x[:, :3], np.array([0, 4, 9, 50])

    def folded(levels, scale):
        columns = [level[:, None] == levels, audited_level[:, None] == levels]
        x, audited = (
            np.column_stack([plain * np.array([1, 1, scale]), one])
            for plain, one in zip((numbers, problem.audited[:2, :3]), columns, strict=True)
        )
        fit = TrainingRows.fit(x.astype(float), problem.y, problem.weights, np.zeros(5))
        fold = np.eye(4)[[0, 1, 2, 3, 3]]
        return [fold.T @ group_effect_decomposition(fit, rows, one, centred=True) @ fold for one in audited]

    for one, other in zip(folded(np.array([1, 2]), 1.0), folded(np.array([0, 1]), 7.0), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-10)


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
        baseline, parts = attribution(train.model, x, train.mean, has_intercept=has_intercept)
        np.testing.assert_allclose(baseline + parts.sum(), x @ train.model.theta, rtol=1e-12)
        np.testing.assert_allclose(baseline, mean @ train.model.theta, rtol=1e-12)
        np.testing.assert_allclose(parts, train.model.theta * (x - mean), atol=1e-12)
        assert not has_intercept or parts[0] == 0
