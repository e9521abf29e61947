"""The estimator is a scikit-learn classifier in full, and fits what scikit-learn fits."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from clinflu import LogisticRegression
from clinflu.errors import FitError, OneClassError


@parametrize_with_checks([LogisticRegression(), LogisticRegression(penalty=0.3, fit_intercept=False)])
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


def rows(seed=0, n=400):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)) * [1, 2, 0.5, 3, 1] + [0, 1, 0, -2, 0]
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-(x @ [0.8, -0.4, 0.2, 0.1, 0.0] - 0.3))), "event", "none")
    return x, y, rng.choice([0.0, 0.5, 1.0, 4.0], n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("penalty", [0.5, 100.0])
def test_agrees_with_scikit_learn(penalty, intercept, weighted):
    x, y, weights = rows()
    weights = weights if weighted else None
    reference = Reference(C=1 / penalty, tol=1e-12, solver="newton-cholesky", fit_intercept=intercept)
    reference.fit(x, y, weights)
    fitted = LogisticRegression(penalty=penalty, fit_intercept=intercept).fit(x, y, weights)

    np.testing.assert_allclose(fitted.coef_, reference.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(fitted.intercept_, reference.intercept_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(fitted.predict_proba(x), reference.predict_proba(x), rtol=0, atol=1e-8)
    np.testing.assert_array_equal(fitted.predict(x), reference.predict(x))
    assert fitted.coef_.shape == (1, 5)
    assert fitted.intercept_.shape == (1,)
    assert list(fitted.classes_) == ["event", "none"]


def test_works_in_a_pipeline_and_in_cross_validation():
    x, y, _ = rows()
    frame = pd.DataFrame(x[:, :2], columns=["a", "b"]).assign(ward=np.where(x[:, 2] > 0, "red", "blue"))
    encode = ColumnTransformer([("level", OneHotEncoder(), ["ward"]), ("number", StandardScaler(), ["a", "b"])])
    ours, theirs = (
        cross_validate(make_pipeline(clone(encode), model), frame, y, scoring=["roc_auc", "neg_log_loss"], cv=4)
        for model in (LogisticRegression(penalty=2.0), Reference(C=0.5, tol=1e-12, solver="newton-cholesky"))
    )
    for name in ("test_roc_auc", "test_neg_log_loss"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-8)


def test_names_of_columns_are_kept_and_checked():
    x, y, _ = rows()
    frame = pd.DataFrame(x, columns=list("abcde"))
    fitted = LogisticRegression().fit(frame, y)
    assert list(fitted.feature_names_in_) == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[list("edcba")])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"penalty": -1.0}, FitError),
        ({"penalty": float("nan")}, FitError),
        ({"y": np.full(400, "event")}, OneClassError),
        ({"y": np.arange(400) % 3}, FitError),
        ({"sample_weight": np.full(400, -1.0)}, FitError),
        ({"sample_weight": np.zeros(400)}, FitError),
        ({"sample_weight": np.ones(3)}, FitError),
    ],
    ids=str,
)
def test_input_errors_are_named_and_value_errors(change, error):
    x, y, _ = rows()
    model = LogisticRegression(penalty=change.pop("penalty", 1.0))
    with pytest.raises(error) as caught:
        model.fit(**{"X": x, "y": y, **change})
    assert isinstance(caught.value, ValueError)


def test_importing_the_package_imports_nothing_heavy():
    code = "import clinflu, sys; print(sorted({'sklearn', 'pandas', 'scipy', 'torch', 'plotly'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
