"""The effect of past encounters, split over recorded variables and tested by refits."""

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.analysis.pair import GroupDecomposition, decomposition, group_decomposition
from clinflu.errors import DataError
from clinflu.influence.group import group_newton
from clinflu.model.logistic import loss_at
from clinflu.model.newton import fit_logistic


@pytest.fixture(scope="module")
def pair(simulated_audit):
    trace = simulated_audit.trace(simulated_audit.example())
    return trace.encounter_id, trace.pushed_toward_error.index[0]


def test_decomposition_adds_up_to_the_one_step_effect(simulated_audit, pair):
    table = simulated_audit.decomposition(*pair)
    effect = simulated_audit.trace(pair[0]).influence.margin_change_of(pair[1])
    assert abs(table.to_numpy().sum() - effect) < 1e-10
    assert set(table.columns) == set(simulated_audit.design.variables)


def test_decomposition_columns_are_what_a_trace_calls_carriers(simulated_audit, pair):
    table = simulated_audit.decomposition(*pair)
    first = simulated_audit.trace(pair[0]).pushed_toward_error.loc[pair[1], "carried_by"][0]
    assert table[first.variable].sum() == pytest.approx(first.log_odds, rel=1e-9)


@pytest.mark.parametrize("variable", ["time_in_hospital", "number_inpatient"])
def test_perturbation_is_the_slope_of_refits_with_that_number_changed(simulated_audit, pair, variable):
    study, (audited, past) = simulated_audit.study, pair
    position = study.training_positions([past])[0]
    row = study.row(audited)

    def loss_with(change):
        record = study.train_frame.iloc[[position]].copy()
        record[variable] = record[variable].astype(float) + change
        x = study.train.x.copy()
        x[position] = study.encoder.encode(record)[0]
        model = fit_logistic(x, study.train.y, study.train.weights, study.model.penalty)
        return loss_at(float(study.design.x[row] @ model.theta), float(study.design.y[row]))

    step = 1e-3
    slope = (loss_with(step) - loss_with(-step)) / (2 * step)
    shown = simulated_audit.perturbation(audited, past).loc[variable]
    assert shown["loss_slope_per_unit"] == pytest.approx(slope, rel=1e-4)
    assert np.isfinite(shown["recorded"])


def test_only_teachers_can_be_asked_about(simulated_audit, pair):
    with pytest.raises(DataError, match="did not teach"):
        simulated_audit.decomposition(pair[0], pair[0])
    with pytest.raises(DataError, match="did not teach"):
        simulated_audit.perturbation(pair[0], "absent")


def test_a_level_never_seen_in_training_is_said(simulated_audit):
    study = simulated_audit.study
    assert study.unseen
    name, levels = next(iter(study.unseen.items()))
    level = next(iter(levels))
    holder = study.cohort.frame.index[study.cohort.frame[name] == level][0]
    notes = " ".join(simulated_audit.trace(holder).notes)
    assert f"{level} was never seen in training" in notes


@pytest.fixture(scope="module")
def strongest(simulated_audit, pair):
    influence = simulated_audit.trace(pair[0]).influence
    return influence.rows_toward_error(10)


@pytest.fixture(scope="module")
def group(simulated_audit, pair, strongest):
    return group_decomposition(simulated_audit.study, pair[0], simulated_audit.study.train_ids[strongest])


def test_cells_of_a_group_add_up_to_its_newton_step(simulated_audit, pair, strongest, group):
    study = simulated_audit.study
    step = study.x(pair[0]) @ group_newton(study.train, strongest)
    assert abs(group.newton.to_numpy().sum() - step) < 1e-10
    assert group.margin_change_newton == pytest.approx(step, abs=1e-10)
    assert tuple(group.encounters) == tuple(study.train_ids[np.sort(strongest)])


def test_cells_scaled_to_the_refit_add_up_to_a_cold_fit(simulated_audit, pair, strongest, group):
    study = simulated_audit.study
    kept = np.setdiff1d(np.arange(len(study.train.x)), strongest)
    model = fit_logistic(study.train.x[kept], study.train.y[kept], study.train.weights[kept], study.model.penalty)
    before, after = study.x(pair[0]) @ study.model.theta, study.x(pair[0]) @ model.theta
    pp = 100 / (1 + np.exp(-after)) - 100 / (1 + np.exp(-before))
    assert group.margin_change_refit == pytest.approx(after - before, abs=1e-8)
    assert group.refit.to_numpy().sum() == pytest.approx(after - before, abs=1e-8)
    assert group.risk_change_refit_pp == pytest.approx(pp, abs=1e-6)
    assert group.risk_pp.to_numpy().sum() == pytest.approx(pp, abs=1e-6)
    ratio = group.risk_pp.to_numpy() / group.newton.to_numpy()
    np.testing.assert_allclose(ratio, pp / group.margin_change_newton, rtol=1e-6)


def test_a_group_of_one_has_the_cells_of_the_pair(simulated_audit, pair):
    found = group_decomposition(simulated_audit.study, pair[0], [pair[1], pair[1]])
    pd.testing.assert_frame_equal(found.newton, decomposition(simulated_audit.study, *pair), rtol=1e-8, atol=1e-12)
    assert found.encounters == (pair[1],)


def test_cells_belong_to_their_variables(small_study):
    """Centred by hand: the cell of two variables is that of their columns alone."""
    study = small_study
    audited, rows = study.design.encounter_ids[study.split.audited[3]], np.array([0, 5, 9])
    found = group_decomposition(study, audited, study.train_ids[rows]).newton
    step = group_newton(study.train, rows)
    pull = study.train.residual[rows] - study.train.curvature[rows] * (study.train.x[rows] @ step)
    mean = study.train.x.mean(axis=0)
    mean[0] = 0.0
    shift = np.eye(len(mean))
    shift[0] += mean
    inverse = shift @ np.linalg.inv(study.model.hessian) @ shift.T
    here, there = study.x(audited) - mean, pull @ (study.train.x[rows] - mean)
    for j in ("ward", "creatinine", "intercept"):
        for k in ("ward_team", "visits", "intercept"):
            one, other = (np.array([name == want for name in study.design.variables]) for want in (j, k))
            expected = -(here * one) @ inverse @ (there * other)
            assert found.loc[j, k] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("refit", [-0.2, np.nan])
def test_an_estimate_that_the_refit_contradicts_is_not_scaled(refit):
    cells = pd.DataFrame([[0.3, -0.1], [0.2, 0.1]])
    found = GroupDecomposition("a", ("b",), -1.0, cells, refit)
    assert found.margin_change_newton == pytest.approx(0.5)
    assert found.refit.isna().all(axis=None)
    assert found.risk_pp.isna().all(axis=None)


@pytest.mark.parametrize("intercept", [{"intercept": -1.0}, {}], ids=["intercept", "none"])
def test_models_with_columns_of_their_own(small_cohort, intercept):
    described = {**intercept, "penalty": 1.0, "coefficients": {"age_years": 0.02, "ward=surgical": 0.1}}
    study = Audit.adopt(small_cohort, described).study
    assert study.encoder is None
    audited = study.design.encounter_ids[study.split.audited[0]]
    found = group_decomposition(study, audited, study.train_ids[:30])
    assert list(found.newton.index) == [*intercept, "age_years", "ward"]
    step = study.x(audited) @ group_newton(study.train, np.arange(30))
    assert abs(found.newton.to_numpy().sum() - step) < 1e-10
    alone = decomposition(study, audited, study.train_ids[0])
    assert abs(alone.to_numpy().sum() - study.x(audited) @ group_newton(study.train, np.array([0]))) < 1e-10
    assert found.refit.to_numpy().sum() == pytest.approx(found.margin_change_refit, abs=1e-12)


def test_a_group_must_have_taught_the_model(small_study):
    audited, past = small_study.design.encounter_ids[small_study.split.audited[0]], small_study.train_ids[0]
    for encounters, words in (([], "no past encounter"), ([past, audited], "did not teach"), (past, "a list")):
        with pytest.raises(DataError, match=words) as error:
            group_decomposition(small_study, audited, encounters)
        assert audited not in str(error.value)
