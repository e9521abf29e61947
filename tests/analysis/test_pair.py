"""The effect of one past encounter, split over recorded variables and tested by refits."""

import numpy as np
import pytest

from clinflu.errors import DataError
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
