"""Coefficients, errors, odds ratios and intervals are those of statsmodels, per recorded unit."""

import numpy as np
import pytest
import statsmodels.api as sm

from clinflu.adoption import adopt
from clinflu.analysis.coefficients import coefficients
from clinflu.influence.interval import model_covariance
from clinflu.study import Study


@pytest.fixture(scope="module")
def free(small_cohort):
    return Study.fit(small_cohort, penalty=0.0)


@pytest.fixture(scope="module")
def reference(free):
    """Maximum likelihood on the same columns in recorded units, by statsmodels."""
    scale = np.array([column.scale for column in free.encoder.columns])
    train = free.design.x[free.split.train] * scale / np.where(scale > 1e3, 1e5, 1)
    fitted = sm.Logit(free.design.y[free.split.train], train).fit(method="newton", tol=1e-15, maxiter=100, disp=0)
    return fitted, np.where(scale > 1e3, 1e5, 1)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_agrees_with_statsmodels_without_a_penalty(free, reference, level):
    fitted, unit = reference
    frame = coefficients(free, level)
    low, high = fitted.conf_int(1 - level).T
    np.testing.assert_allclose(frame["odds_ratio"], np.exp(fitted.params / unit), rtol=1e-8)
    np.testing.assert_allclose(frame["odds_ratio_low"], np.exp(low / unit), rtol=1e-8)
    np.testing.assert_allclose(frame["odds_ratio_high"], np.exp(high / unit), rtol=1e-8)
    as_fitted = sm.Logit(free.train.y, free.train.x).fit(method="newton", tol=1e-15, maxiter=100, disp=0)
    np.testing.assert_allclose(frame["coefficient"], as_fitted.params, rtol=1e-8)
    np.testing.assert_allclose(frame["standard_error"], as_fitted.bse, rtol=1e-8)
    assert set(frame["interval"]) == {"maximum likelihood"}


def test_covariance_of_a_penalised_fit_is_the_sandwich(small_study):
    train = small_study.train
    p = 1 / (1 + np.exp(-train.x @ train.model.theta))
    information = train.x.T @ (train.x * (p * (1 - p))[:, None])
    inverse = np.linalg.inv(information + np.diag(train.model.penalty))
    expected = inverse @ information @ inverse
    np.testing.assert_allclose(model_covariance(train), expected, rtol=1e-8, atol=1e-12)
    frame = coefficients(small_study)
    np.testing.assert_allclose(frame["standard_error"] ** 2, np.diag(expected), rtol=1e-8)
    assert all("shrinkage not included" in text for text in frame["interval"])


def test_each_odds_ratio_says_per_what(free):
    frame = coefficients(free)
    assert frame.loc["age_years", "per"] == "1 years"
    assert frame.loc["visits", "per"] == "log(1 + count)"
    assert frame.loc["ward=surgical", "per"] == "surgical against medical"
    assert frame.loc["creatinine=missing", "per"] == "missing against recorded"
    assert frame.loc["intercept", "per"] == "baseline odds"
    assert list(frame["variable"]) == list(free.design.variables)


def test_an_adopted_model_keeps_its_own_units(small_cohort):
    rate = float(np.log(small_cohort.outcome.mean() / (1 - small_cohort.outcome.mean())))
    study, _ = adopt(small_cohort, {"intercept": rate, "penalty": 0.0, "coefficients": {"age_years": 0.0}})
    frame = coefficients(study)
    fitted = sm.Logit(study.train.y, study.train.x).fit(method="newton", tol=1e-15, maxiter=100, disp=0)
    np.testing.assert_allclose(frame["odds_ratio"], np.exp(fitted.params), rtol=1e-8)
    np.testing.assert_allclose(frame["standard_error"], fitted.bse, rtol=1e-8)
    assert set(frame["per"]) == {"column as the adopted model has it"}
