"""Leave-one-out margins agree with real refits of every row and of every patient."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clinflu.influence import leave_one_out as module
from clinflu.influence.group import group_newton
from clinflu.influence.leave_one_out import (
    LeaveOneOut,
    leave_one_out_margins,
    leave_one_patient_out_margins,
    self_kernel,
    share_left,
)
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic


def cold_margins(train, groups):
    """Fit from zero without each group of rows; return each row's margin without its own group."""
    margins = np.empty(len(train.x))
    for rows in groups:
        kept = np.setdiff1d(np.arange(len(train.x)), rows)
        theta = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty).theta
        margins[rows] = train.x[rows] @ theta
    return margins


def groups_of(patients):
    return [np.flatnonzero(patients == code) for code in range(patients.max() + 1)]


@pytest.fixture(scope="module")
def cold_rows(train):
    return cold_margins(train, [np.array([row]) for row in range(len(train.x))])


@pytest.fixture(scope="module")
def cold_patients(train):
    return cold_margins(train, groups_of(train.patients))


def relative_errors(estimate, truth, margins):
    return np.abs(estimate - truth) / np.abs(truth - margins)


def test_margins_agree_with_cold_refits_of_every_row(train, cold_rows):
    margins = train.x @ train.model.theta
    estimate = leave_one_out_margins(train)
    errors = relative_errors(estimate, cold_rows, margins)
    assert np.median(errors) < 5e-3
    assert errors[train.leverage < 0.02].max() < 0.05
    uncorrected = margins - train.residual * self_kernel(train)
    assert np.abs(estimate - cold_rows).sum() < 0.5 * np.abs(uncorrected - cold_rows).sum()


def test_margins_agree_with_cold_refits_of_every_patient(train, cold_patients):
    margins = train.x @ train.model.theta
    estimate = leave_one_patient_out_margins(train)
    errors = relative_errors(estimate, cold_patients, margins)
    assert np.median(errors) < 2e-2
    assert np.corrcoef(estimate - margins, cold_patients - margins)[0, 1] > 0.99
    alone = np.abs(leave_one_out_margins(train) - cold_patients)
    assert np.abs(estimate - cold_patients).sum() < 0.2 * alone.sum(), "several encounters must matter here"


def test_by_patient_is_one_exact_newton_step_for_each_patient(train):
    estimate = leave_one_patient_out_margins(train)
    for rows in groups_of(train.patients)[::7]:
        expected = train.x[rows] @ (train.model.theta + group_newton(train, rows))
        np.testing.assert_allclose(estimate[rows], expected, rtol=1e-9, atol=1e-11)


def test_patients_of_one_encounter_are_single_rows(problem):
    train = TrainingRows.fit(problem.x, problem.y, problem.weights, problem.penalty(2.0))
    np.testing.assert_allclose(leave_one_patient_out_margins(train), leave_one_out_margins(train), rtol=1e-10)


def test_small_blocks_give_the_same(train, monkeypatch):
    whole = leave_one_patient_out_margins(train)
    monkeypatch.setattr(module, "BLOCK_ROWS", 5)
    np.testing.assert_allclose(leave_one_patient_out_margins(train), whole, rtol=1e-12)


def test_a_patient_with_more_encounters_than_columns_is_a_newton_step_too(problem):
    patients = np.minimum(np.arange(len(problem.x)), 560)  # one patient of 40 encounters, 8 columns
    train = TrainingRows.fit(problem.x, problem.y, problem.weights, problem.penalty(2.0), patients)
    rows = np.flatnonzero(patients == 560)
    kept = np.setdiff1d(np.arange(len(patients)), rows)
    x, w, p = train.x[kept], train.weights[kept], train.risk[kept]
    hessian = x.T @ (x * (w * p * (1 - p))[:, None]) + np.diag(train.model.penalty)
    gradient = x.T @ (w * (p - train.y[kept])) + train.model.penalty * train.model.theta
    expected = train.x[rows] @ (train.model.theta - np.linalg.solve(hessian, gradient))
    np.testing.assert_allclose(leave_one_patient_out_margins(train)[rows], expected, rtol=1e-8)


def test_the_aurocs_are_those_of_cold_refits(train, cold_rows, cold_patients):
    left_out = LeaveOneOut(train)
    y = train.y
    np.testing.assert_allclose(left_out.auroc_apparent, roc_auc_score(y, train.risk), rtol=1e-12)
    np.testing.assert_allclose(left_out.auroc, roc_auc_score(y, cold_rows), atol=2e-4)
    np.testing.assert_allclose(left_out.auroc_by_patient, roc_auc_score(y, cold_patients), atol=2e-4)
    assert left_out.optimism == left_out.auroc_apparent - left_out.auroc_by_patient
    assert left_out.optimism > 3e-3
    np.testing.assert_allclose(left_out.risks, 1 / (1 + np.exp(-leave_one_out_margins(train))), rtol=1e-12)


def test_copies_in_one_patient_leak_unless_the_patient_is_left_out():
    """Three copies of noise: alone, a row is still known from its copies; by patient, nothing can be predicted."""
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(150), rng.normal(size=(150, 25))])
    y = rng.integers(0, 2, 150).astype(float)
    patients = np.repeat(np.arange(150), 3)
    penalty = np.array([0.0, *[1.0] * 25])
    train = TrainingRows.fit(np.repeat(x, 3, axis=0), np.repeat(y, 3), np.ones(450), penalty, patients)
    left_out = LeaveOneOut(train)
    assert left_out.auroc > 0.65
    assert abs(left_out.auroc_by_patient - 0.5) < 0.08


def test_refits_stand_beside_the_estimates(train, cold_rows, cold_patients):
    rows = np.array([0, 4, 100, 420])
    shown = LeaveOneOut(train).beside_refits(rows)
    assert list(shown.index) == list(rows)
    np.testing.assert_allclose(shown["risk_without_refit"], 1 / (1 + np.exp(-cold_rows[rows])), rtol=1e-8)
    np.testing.assert_allclose(shown["risk_without_patient_refit"], 1 / (1 + np.exp(-cold_patients[rows])), rtol=1e-8)
    for name in ("risk_without", "risk_without_patient"):
        apart = shown[f"{name}_estimate"] - shown[f"{name}_refit"]
        moved = (shown["risk"] - shown[f"{name}_refit"]).abs()
        assert (apart.abs() < 0.3 * moved).all()


def test_100_random_rows_of_the_simulated_cohort_agree_with_refits(simulated_audit):
    train = simulated_audit.study.train
    rows = np.sort(np.random.default_rng(0).choice(len(train.x), 100, replace=False))
    shown = LeaveOneOut(train).beside_refits(rows)
    for name, limits in (("risk_without", (2e-3, 0.1)), ("risk_without_patient", (5e-3, 0.2))):
        truth = shown[f"{name}_refit"]
        errors = (shown[f"{name}_estimate"] - truth).abs() / (truth - shown["risk"]).abs()
        assert errors.median() < limits[0], name
        assert errors.max() < limits[1], name


def test_optimism_of_the_simulated_cohort_foretells_the_audited_auroc(simulated_audit):
    study = simulated_audit.study
    left_out = LeaveOneOut(study.train)
    assert left_out.determined.all()
    audited = roc_auc_score(study.design.y[study.split.audited], study.risks[study.split.audited])
    assert left_out.auroc_by_patient <= left_out.auroc < left_out.auroc_apparent
    assert abs(left_out.auroc_by_patient - audited) < 0.03  # the audited sample alone has an SE of about 0.013


def test_rows_that_alone_hold_a_column_are_not_made_up(with_level):
    """A level of one patient with both outcomes: without the patient its coefficient is not determined."""
    train, level = with_level(0, 4)
    patients = np.arange(len(train.x))
    patients[level] = patients[level[0]]
    _, patients = np.unique(patients, return_inverse=True)
    train = TrainingRows(train.model, train.x, train.y, train.weights, patients)
    margins = leave_one_patient_out_margins(train)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(margins)), level)
    left_out = LeaveOneOut(train)
    np.testing.assert_array_equal(np.flatnonzero(~left_out.determined), level)
    kept = np.setdiff1d(np.arange(len(train.x)), level)
    np.testing.assert_allclose(left_out.auroc_apparent, roc_auc_score(train.y[kept], train.risk[kept]), rtol=1e-12)


def test_rows_without_weight_were_never_in():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(60), rng.normal(size=(60, 2))])
    y = rng.integers(0, 2, 60).astype(float)
    weights = np.where(np.arange(60) < 5, 0.0, 1.0)
    train = TrainingRows.fit(x, y, weights, np.array([0.0, 1.0, 1.0]))
    margins = x @ train.model.theta
    np.testing.assert_allclose(leave_one_out_margins(train)[:5], margins[:5], rtol=1e-14)
    explicit = np.einsum("ij,ij->i", x, np.linalg.solve(train.model.hessian, x.T).T)
    np.testing.assert_allclose(self_kernel(train), explicit, rtol=1e-10)
    np.testing.assert_allclose(share_left(train), 1 - train.leverage)
