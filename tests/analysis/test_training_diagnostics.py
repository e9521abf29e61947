"""Diagnostics of the training encounters: by id, strongest first, beside cold refits."""

import numpy as np
import pytest

from clinflu.analysis.training_diagnostics import diagnostics_beside_refits, training_diagnostics
from clinflu.errors import Cancelled, TrustError
from clinflu.model.newton import fit_logistic


@pytest.fixture(scope="module")
def table(small_study):
    return training_diagnostics(small_study)


def cold_theta(train, rows):
    kept = np.setdiff1d(np.arange(len(train.x)), rows)
    return fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty).theta


def test_every_training_encounter_is_there_once_strongest_first(small_study, table):
    assert sorted(table.index) == sorted(small_study.train_ids)
    assert table.index.name == "encounter_id"
    assert table["cooks_distance"].is_monotonic_decreasing
    assert table.drop(columns="max_abs_dfbetas_column").notna().all().all()


def test_rows_belong_to_their_encounters(small_study, table):
    """Sorting must move whole rows: outcome, risk and leverage are looked up again by id."""
    rows = small_study.training_positions(table.index)
    train = small_study.train
    np.testing.assert_array_equal(table["outcome"], train.y[rows])
    np.testing.assert_allclose(table["risk"], small_study.risks[small_study.split.train[rows]], rtol=1e-14)
    np.testing.assert_array_equal(table["hat_matrix_diag"], train.leverage[rows])
    np.testing.assert_allclose(
        table["resid_pearson"], (train.y - train.risk)[rows] / np.sqrt(train.curvature[rows]), rtol=1e-9
    )
    np.testing.assert_allclose(
        table["resid_studentized"], table["resid_pearson"] / np.sqrt(1 - table["hat_matrix_diag"]), rtol=1e-12
    )
    np.testing.assert_allclose(
        np.square(table["resid_deviance"]) / 2, -np.log(np.where(table["outcome"], table["risk"], 1 - table["risk"]))
    )


def test_what_is_said_of_without_is_near_cold_refits(small_study, table):
    train = small_study.train
    for encounter_id in [*table.index[:3], *table.index[400:403]]:
        row = small_study.training_positions([encounter_id])
        patient = np.flatnonzero(train.patients == train.patients[row[0]])
        shown = table.loc[encounter_id]
        for name, removed in (("risk_without", row), ("risk_without_patient", patient)):
            truth = 1 / (1 + np.exp(-train.x[row[0]] @ cold_theta(train, removed)))
            np.testing.assert_allclose(shown[name] - shown["risk"], truth - shown["risk"], rtol=0.15, atol=2e-5)


def test_the_column_named_is_the_one_that_moves_most(small_study, table):
    train = small_study.train
    errors = np.sqrt(np.diag(np.linalg.inv(train.model.hessian)))
    for encounter_id in table.index[:5]:
        moved = np.abs(train.model.theta - cold_theta(train, small_study.training_positions([encounter_id]))) / errors
        assert table.loc[encounter_id, "max_abs_dfbetas_column"] == small_study.design.columns[int(moved.argmax())]
        np.testing.assert_allclose(table.loc[encounter_id, "max_abs_dfbetas"], moved.max(), rtol=0.15)


def test_with_the_encounter_dffits_is_positive_where_the_risk_is_higher(table):
    assert (np.sign(table["dffits"]) == np.sign(table["risk"] - table["risk_without"])).all()


def test_refits_stand_beside_the_strongest(small_study, table):
    shown = diagnostics_beside_refits(small_study, 5)
    assert list(shown.index) == list(table.index[:5])
    train = small_study.train
    for encounter_id, one in shown.iterrows():
        row = small_study.training_positions([encounter_id])[0]
        theta = cold_theta(train, np.array([row]))
        moved = theta - train.model.theta
        np.testing.assert_allclose(
            one["cooks_distance_refit"], moved @ train.model.hessian @ moved / len(moved), rtol=1e-6
        )
        margin, y = train.x[row] @ theta, train.y[row]
        np.testing.assert_allclose(one["risk_without_refit"], 1 / (1 + np.exp(-margin)), rtol=1e-8)
        rise = np.logaddexp(0, margin) - y * margin + np.log(one["risk"] if y else 1 - one["risk"])
        np.testing.assert_allclose(one["self_influence_refit"], rise, rtol=1e-6)
        for name in ("cooks_distance", "self_influence"):
            np.testing.assert_allclose(one[f"{name}_estimate"], one[f"{name}_refit"], rtol=0.3)
            assert one[f"{name}_estimate"] == table.loc[encounter_id, name]
        assert one["risk_without_estimate"] == table.loc[encounter_id, "risk_without"]


def test_none_asked_is_none_shown_and_work_can_be_stopped(small_study):
    assert diagnostics_beside_refits(small_study, 0).empty

    def stop(done, _total):
        if done:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        diagnostics_beside_refits(small_study, 12, progress=stop)


def test_a_fit_that_is_not_to_be_trusted_gives_none(small_study):
    from dataclasses import replace

    moved = replace(small_study, model=replace(small_study.model, theta=small_study.model.theta + 0.1))
    with pytest.raises(TrustError):
        training_diagnostics(moved)
    with pytest.raises(TrustError):
        diagnostics_beside_refits(moved)
