"""Softmax: its closed forms, and its fit against scikit-learn and against logistic regression."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from clinflu.errors import FitError, OneClassError, SingularHessianError
from clinflu.model import ModelFamily
from clinflu.model.minimise import minimise
from clinflu.model.newton import fit_logistic
from clinflu.model.softmax import Softmax

N, P, K = 60, 4, 3

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def rows(classes=K, n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, P - 1))])
    score = x @ rng.normal(size=(P, classes)) + rng.gumbel(size=(n, classes))
    return x, score.argmax(axis=1).astype(float), rng.choice([0.5, 1.0, 3.0], n)


def objective(theta, x, y, weights):
    tensors = (torch.from_numpy(np.array(array)) for array in (theta, x, y))
    return float(weights @ Softmax(K).loss(*tensors).numpy())


@pytest.mark.parametrize("size", [0.0, 1.0, 8.0])
def test_closed_forms_agree_with_automatic_differentiation_and_differences(size):
    rng = np.random.default_rng(1)
    theta, direction, data = size * rng.normal(size=K * P), rng.normal(size=K * P), rows()
    for name, extra in (("gradient", ()), ("hvp", (direction,)), ("hessian", ())):
        closed = getattr(Softmax(K), name)(theta, *data, *extra)
        np.testing.assert_allclose(closed, getattr(ModelFamily, name)(Softmax(K), theta, *data, *extra), atol=1e-11)
    gradient = Softmax(K).gradient(theta, *data)
    steps = 1e-5 * np.eye(K * P)
    expected = [(objective(theta + step, *data) - objective(theta - step, *data)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


def test_agrees_with_scikit_learn():
    digits = load_digits(n_class=5)
    x = np.column_stack([np.ones(300), digits.images[:300].reshape(300, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(300, 16)])
    y = digits.target[:300]
    model = minimise(Softmax(5), x / 16, y.astype(float), np.ones(300), np.full(5 * 17, 0.5))
    reference = LogisticRegression(C=1 / 0.5, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(x / 16, y)
    np.testing.assert_allclose(model.theta.reshape(5, 17), reference.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        Softmax(5).probabilities(model.theta, x / 16), reference.predict_proba(x / 16), atol=1e-6
    )


def test_two_classes_are_logistic_regression_at_half_the_penalty():
    x, y, weights = rows(classes=2)
    zero, one = minimise(Softmax(2), x, y, weights, np.full(2 * P, 3.0)).theta.reshape(2, P)
    np.testing.assert_allclose(one - zero, fit_logistic(x, y, weights, np.full(P, 1.5)).theta, rtol=0, atol=1e-9)


def test_a_column_without_penalty_is_named_as_singular():
    x, y, weights = rows()
    with pytest.raises(SingularHessianError, match="penalty above 0"):
        minimise(Softmax(K), x, y, weights, np.tile([0.0, 1.0, 1.0, 1.0], K))


def test_impossible_classes_are_named():
    x, y, weights = rows()
    with pytest.raises(FitError, match="0 to 1"):
        minimise(Softmax(2), x, y, weights, np.ones(2 * P))
    with pytest.raises(OneClassError):
        minimise(Softmax(K), x, np.full(N, 2.0), weights, np.ones(K * P))
