"""Without a penalty diagnostics are those of statsmodels, with one those of explicit formulas and refits."""

import numpy as np
import pytest
import statsmodels.api as sm

from clinflu.influence import diagnostics as module
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.refit import Change, refit_each
from clinflu.influence.training import TrainingRows

SHARED = (
    "hat_matrix_diag",
    "resid_studentized",
    "d_params",
    "dfbetas",
    "d_linpred",
    "d_linpred_scaled",
    "d_fittedvalues",
    "d_fittedvalues_scaled",
)


def fit_with_statsmodels(problem, weights):
    model = sm.GLM(problem.y, problem.x, sm.families.Binomial(), var_weights=weights)
    return model.fit(tol=1e-15, tol_criterion="params", maxiter=200)


@pytest.fixture(scope="module", params=["weights of 1", "weights that differ"])
def both(request, problem):
    weights = np.ones(len(problem.y)) if request.param == "weights of 1" else problem.weights
    fit = fit_with_statsmodels(problem, weights)
    ours = Diagnostics(TrainingRows.fit(problem.x, problem.y, weights, np.zeros(problem.x.shape[1])))
    return fit, fit.get_influence(), ours


@pytest.mark.parametrize("name", SHARED)
def test_statsmodels_says_the_same(both, name):
    _, influence, ours = both
    np.testing.assert_allclose(getattr(ours, name), getattr(influence, name), rtol=1e-8, atol=1e-8)


def test_cooks_distance_residuals_and_standard_errors_are_those_of_statsmodels(both):
    fit, influence, ours = both
    np.testing.assert_allclose(ours.cooks_distance, influence.cooks_distance[0], rtol=1e-8)
    np.testing.assert_allclose(ours.resid_pearson, fit.resid_pearson, rtol=1e-8)
    np.testing.assert_allclose(ours.resid_deviance, fit.resid_deviance, rtol=1e-8)
    np.testing.assert_allclose(ours.bse, fit.bse, rtol=1e-8)


def test_dffits_is_what_the_table_of_statsmodels_holds(both):
    _, influence, ours = both
    frame = influence.summary_frame()
    np.testing.assert_allclose(ours.d_fittedvalues_scaled, frame["dffits_internal"], rtol=1e-8)
    np.testing.assert_allclose(ours.cooks_distance, frame["cooks_d"], rtol=1e-8)


@pytest.fixture(scope="module")
def refits(train):
    return [one.theta for one in refit_each(train, [Change.removal(train, np.array([i])) for i in range(len(train.x))])]


def test_with_a_penalty_coefficients_move_as_refits_say(train, refits):
    ours = Diagnostics(train)
    truth = train.model.theta - np.array(refits)  # statsmodels' sign: with the row minus without it
    assert np.corrcoef(ours.d_params.ravel(), truth.ravel())[0, 1] > 0.999
    cooks = np.einsum("ij,jk,ik->i", truth, train.model.hessian, truth) / train.x.shape[1]
    errors = np.abs(ours.cooks_distance / cooks - 1)
    assert np.median(errors) < 1e-2
    assert errors[train.leverage < 0.02].max() < 0.1


def test_with_a_penalty_the_penalty_is_in_the_standard_errors(train):
    inverse = np.linalg.inv(train.model.hessian)
    np.testing.assert_allclose(Diagnostics(train).bse, np.sqrt(np.diag(inverse)), rtol=1e-10)
    without = np.sqrt(np.diag(np.linalg.inv(train.model.hessian - np.diag(train.model.penalty))))
    assert (np.sqrt(np.diag(inverse)) < 0.999 * without).any(), "the penalty must matter here"


def test_cooks_distance_is_the_quadratic_form_of_the_coefficients(train):
    ours = Diagnostics(train)
    quadratic = np.einsum("ij,jk,ik->i", ours.d_params, train.model.hessian, ours.d_params)
    np.testing.assert_allclose(ours.cooks_distance, quadratic / train.x.shape[1], rtol=1e-9)


def test_the_largest_dfbetas_are_found_without_the_matrix(train, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 77)
    ours = Diagnostics(train)
    dfbetas = np.abs(ours.dfbetas)
    np.testing.assert_allclose(ours.max_abs_dfbetas, dfbetas.max(axis=1), rtol=1e-13)
    np.testing.assert_array_equal(ours.max_abs_dfbetas_column, dfbetas.argmax(axis=1))
    assert dfbetas.shape == train.x.shape
    assert len(set(ours.max_abs_dfbetas_column)) > 3


def test_self_influence_is_the_rise_of_the_own_loss_at_the_refit(train, refits):
    def losses(margins):
        return np.logaddexp(0, margins) - train.y * margins

    before = losses(train.x @ train.model.theta)
    truth = losses(np.einsum("ij,ij->i", train.x, np.array(refits))) - before
    ours = Diagnostics(train)
    assert (ours.self_influence_first_order >= 0).all()
    assert (ours.self_influence > ours.self_influence_first_order).all()  # the loss is convex and 1 - h < 1
    assert np.median(np.abs(ours.self_influence / truth - 1)) < 5e-3
    assert np.abs(ours.self_influence - truth).sum() < 0.5 * np.abs(ours.self_influence_first_order - truth).sum()


def test_extreme_margins_keep_finite_residuals(problem):
    """Where p rounds to 0 or 1, p (1 - p) is 0: a residual that divides by it is lost."""
    train = TrainingRows.fit(problem.x, problem.y, problem.weights, problem.penalty(2.0))
    x = train.x.copy()
    x[0] *= 200 * np.sign(x[0] @ train.model.theta) * (1 - 2 * train.y[0])
    far = Diagnostics(TrainingRows(train.model, x, train.y, train.weights, train.patients))
    margin = x[0] @ train.model.theta
    assert abs(margin) > 40
    expected = np.sqrt(train.weights[0]) * np.exp(0.5 * abs(margin)) * (2 * train.y[0] - 1)
    np.testing.assert_allclose(far.resid_pearson[0], expected, rtol=1e-12)
    np.testing.assert_allclose(np.abs(far.resid_deviance[0]), np.sqrt(2 * train.weights[0] * abs(margin)), rtol=1e-9)
