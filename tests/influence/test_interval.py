"""Intervals agree with a bootstrap by patient and with closed forms; concentration counts patients."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from clinflu.errors import DataError
from clinflu.influence import interval
from clinflu.influence.interval import (
    Sampling,
    concentration,
    concentrations,
    jackknife_covariance,
    jackknife_variance,
    margin_standard_error,
    model_covariance,
    risk_interval,
    standard_errors,
)
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

REPLICATES = 200


def clustered(penalty, seed=5, count=150):
    """Patients of one to five encounters that resemble each other, so that patients, not rows, are the sample."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, count)
    patients = np.repeat(np.arange(count), sizes)
    x = np.column_stack([np.ones(len(patients)), rng.normal(size=(count, 3))[patients]])
    shared = rng.normal(size=count)[patients]
    y = (x @ [-0.5, 0.8, -0.4, 0.0] + 2 * shared + rng.logistic(size=len(patients)) > 0).astype(float)
    return TrainingRows.fit(x, y, rng.choice([1.0, 1.5], len(patients)), np.array([0.0, *[penalty] * 3]), patients)


def bootstrap_margins(train, audited, by_patient):
    rng = np.random.default_rng(0)
    units = train.patients if by_patient else np.arange(len(train.x))
    margins = []
    for _ in range(REPLICATES):
        drawn = np.bincount(rng.integers(0, units.max() + 1, units.max() + 1), minlength=units.max() + 1)
        fitted = fit_logistic(train.x, train.y, train.weights * drawn[units], train.model.penalty)
        margins.append(audited @ fitted.theta)
    return np.std(margins, axis=0, ddof=1)


def jackknife_errors(train, audited, patients):
    return np.array([np.sqrt(jackknife_variance(-removal_effect(train, x), patients)) for x in audited])


@pytest.mark.parametrize("penalty", [0.0, 20.0])
def test_jackknife_agrees_with_a_bootstrap_by_patient(penalty):
    train = clustered(penalty)
    audited = np.column_stack([np.ones(8), np.random.default_rng(2).normal(size=(8, 3))])
    errors = jackknife_errors(train, audited, train.patients)

    ratio = errors / bootstrap_margins(train, audited, by_patient=True)
    assert 0.85 < np.median(ratio) < 1.15

    naive = jackknife_errors(train, audited, np.arange(len(train.x)))
    assert np.median(naive / errors) < 0.75, "patients must matter here, or the test proves nothing"


@pytest.mark.parametrize("copies", [1, 3])
def test_jackknife_of_a_mean_is_the_closed_form(copies):
    count, events = 40, 13
    y = np.repeat((np.arange(count) < events).astype(float), copies)
    train = TrainingRows.fit(np.ones((len(y), 1)), y, np.ones(len(y)), np.zeros(1), np.repeat(np.arange(count), copies))
    p = events / count
    variance = jackknife_variance(-removal_effect(train, np.ones(1)), train.patients)
    np.testing.assert_allclose(variance, 1 / ((count - 1) * p * (1 - p)), rtol=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_is_symmetric_in_log_odds_and_says_what_it_leaves_out(level):
    train, x = clustered(0.0), np.array([1.0, 0.3, -1.0, 2.0])
    interval = risk_interval(train, x, level)
    low, high = (np.log(p / (1 - p)) for p in (interval.low, interval.high))
    spread = np.sqrt(jackknife_variance(-removal_effect(train, x), train.patients))
    assert spread > standard_errors(model_covariance(train), x[None, :])[0], "patients matter here"
    np.testing.assert_allclose((low + high) / 2, x @ train.model.theta, rtol=1e-9)
    np.testing.assert_allclose((high - low) / 2, norm.ppf(0.5 + level / 2) * spread, rtol=1e-9)
    assert interval.level == level
    assert "shrinkage" not in interval.method
    assert "shrinkage" in risk_interval(clustered(1.0), x).method


@pytest.mark.parametrize("k", [1, 4, 25])
def test_concentration_counts_equal_patients(k):
    change = np.zeros(100)
    change[:k] = np.where(np.arange(k) % 2, 0.3, -0.3)
    np.testing.assert_allclose(concentration(change, np.arange(100)), k, rtol=1e-12)


def test_concentration_sums_the_encounters_of_a_patient_first():
    change = np.full(12, 0.1)
    patients = np.repeat(np.arange(4), 3)
    np.testing.assert_allclose(concentration(change, patients), 4, rtol=1e-12)
    cancelling = np.array([1.0, -1.0, 0.5, 0.5])
    np.testing.assert_allclose(concentration(cancelling, np.array([0, 0, 1, 1])), 1, rtol=1e-12)


def test_one_strong_patient_outweighs_many_weak_ones():
    change = np.append(1.0, np.full(2000, 0.005))
    assert concentration(change, np.arange(2001)) < 1.2


def test_many_concentrations_are_those_of_each(train, problem, monkeypatch):
    expected = [concentration(one_step(train, removal_effect(train, x)), train.patients) for x in problem.audited]
    np.testing.assert_allclose(concentrations(train, problem.audited), expected, rtol=1e-9)
    monkeypatch.setattr(interval, "BLOCK_VALUES", 1)
    calls = []
    found = concentrations(train, problem.audited, lambda done, total: calls.append((done, total)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert calls == [(done, 12) for done in range(13)]
    np.testing.assert_array_equal(concentrations(train, np.zeros((2, 8))), 0.0)


def test_the_covariance_gives_the_variance_of_every_margin(train, problem):
    covariance = jackknife_covariance(train)
    expected = [np.sqrt(jackknife_variance(-removal_effect(train, x), train.patients)) for x in problem.audited]
    np.testing.assert_allclose(standard_errors(covariance, problem.audited), expected, rtol=1e-9)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)


@pytest.mark.parametrize("one_encounter_a_patient", [True, False])
def test_without_a_penalty_the_covariance_is_the_robust_one_of_statsmodels(one_encounter_a_patient):
    given = clustered(0.0)
    patients = np.arange(len(given.x)) if one_encounter_a_patient else given.patients
    train = TrainingRows.fit(given.x, given.y, np.ones(len(given.x)), np.zeros(4), patients)
    robust = (
        {"cov_type": "HC0"}
        if one_encounter_a_patient
        else {"cov_type": "cluster", "cov_kwds": {"groups": patients, "use_correction": False}}
    )
    fitted = sm.Logit(train.y, train.x).fit(method="newton", tol=1e-14, maxiter=100, disp=0, **robust)
    count = patients.max() + 1
    expected = fitted.cov_params() * count / (count - 1)
    np.testing.assert_allclose(jackknife_covariance(train), expected, rtol=1e-7, atol=1e-12)


def test_a_rare_level_without_an_event_has_the_interval_of_the_model():
    rng = np.random.default_rng(4)
    n = 2_000
    level = (np.arange(n) < 12).astype(float)
    x = np.column_stack([np.ones(n), rng.normal(size=n), level])
    y = (rng.random(n) < 0.15).astype(float)
    y[:12] = 0
    train = TrainingRows.fit(x, y, np.ones(n), np.array([0.0, 1.0, 1.0]))
    holder = np.array([1.0, 0.0, 1.0])
    jackknife = np.sqrt(jackknife_variance(removal_effect(train, holder), train.patients))
    model = standard_errors(model_covariance(train), holder[None, :])[0]
    assert jackknife < 0.6 * model
    np.testing.assert_allclose(margin_standard_error(train, holder), model, rtol=1e-9)
    both = Sampling.of(train).standard_errors(np.array([holder, [1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(
        both, [margin_standard_error(train, one) for one in (holder, [1.0, 1.0, 0.0])], rtol=1e-6
    )


@pytest.mark.parametrize("uneven", [False, True])
def test_the_information_is_the_closed_form(uneven):
    given = clustered(3.0)
    weights = given.weights if uneven else np.ones(len(given.x))
    train = TrainingRows.fit(given.x, given.y, weights, given.model.penalty)
    expected = (train.x.T * (weights**2 * train.risk * (1 - train.risk))) @ train.x
    np.testing.assert_allclose(train.information, expected, rtol=1e-9)


def test_one_patient_alone_has_no_variance():
    assert np.isnan(jackknife_variance(np.array([1.0, 2.0]), np.array([0, 0])))


def test_a_level_beyond_one_is_refused(train, problem):
    with pytest.raises(DataError, match="between 0 and 1"):
        risk_interval(train, problem.audited[0], 95)
