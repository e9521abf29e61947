"""A prediction is explained without any refit, by the formulas that its docstrings state."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from clinflu import Audit
from clinflu.analysis import pushed
from clinflu.analysis.prediction import Prediction, at_threshold, prediction
from clinflu.data import split_by_patient
from clinflu.errors import DataError, TrustError
from clinflu.influence.interval import patients_of_half


@pytest.fixture(scope="module")
def audit(small_cohort):
    return Audit.fit(small_cohort)


def someone(audit, role):
    rows = {"audited": audit.audited_rows, "confirm": audit.confirm_rows, "training": audit.train_rows}[role]
    return str(audit.design.encounter_ids[rows[3]])


def each_field(one, other):
    """Yield the values of both by name; the influence is told by its numbers."""
    for field in dataclasses.fields(Prediction):
        values = getattr(one, field.name), getattr(other, field.name)
        yield field.name, *(value.margin_change if field.name == "influence" else value for value in values)


@pytest.mark.parametrize("role", ["audited", "confirm", "training"])
def test_a_prediction_is_the_part_of_a_trace_that_needs_no_refit(audit, role):
    chosen = someone(audit, role)
    found, trace = prediction(audit.study, chosen), Audit(audit.study).trace(chosen)
    assert found.role == role
    for name, mine, its in each_field(found, trace):
        if isinstance(mine, pd.DataFrame):
            pd.testing.assert_frame_equal(mine, its)
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, its)
        else:
            assert mine == its, name


def test_nothing_is_refitted(audit, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    for place in ("clinflu.influence.refit.refit_each", "clinflu.analysis.pushed.refit_each_or_nan"):
        monkeypatch.setattr(place, refuse)
    assert prediction(audit.study, someone(audit, "audited")).risk > 0
    with pytest.raises(AssertionError):
        pushed.refitted(audit.study, *estimated(audit))


def estimated(audit):
    influence = prediction(audit.study, someone(audit, "audited")).influence
    return influence, pushed.pushed(audit.study, influence)


def test_risk_and_baseline_are_those_of_the_model(audit):
    for role in ("audited", "training"):
        found = prediction(audit.study, someone(audit, role))
        row = audit.design.encounter_ids.get_loc(found.encounter_id)
        average = audit.design.x[audit.train_rows].mean(axis=0)
        assert found.margin == pytest.approx(audit.design.x[row] @ audit.model.theta)
        assert found.risk == pytest.approx(expit(found.margin))
        assert found.baseline_risk == pytest.approx(expit(average @ audit.model.theta))
        assert found.outcome == audit.cohort.outcome[found.encounter_id]


def test_the_attribution_leads_from_the_baseline_to_the_prediction(audit):
    for row in audit.audited_rows[:40]:
        found = prediction(audit.study, str(audit.design.encounter_ids[row]))
        average = audit.design.x[audit.train_rows].mean(axis=0)
        parts = (audit.design.x[row] - average) * audit.model.theta
        by_variable = pd.Series(parts).groupby(list(audit.design.variables)).sum().drop("intercept")
        shown = found.attribution.set_index("variable")
        np.testing.assert_allclose(shown["log_odds"], by_variable[shown.index], atol=1e-12)
        np.testing.assert_allclose(shown["log_odds"].sum(), found.margin - logit(found.baseline_risk), atol=1e-10)
        np.testing.assert_allclose(shown["risk_pp"].sum(), 100 * (found.risk - found.baseline_risk), atol=1e-10)
        assert shown["log_odds"].abs().is_monotonic_decreasing


def test_similar_encounters_are_the_nearest_audited_ones(audit):
    found = prediction(audit.study, someone(audit, "audited"))
    ids = audit.design.encounter_ids[audit.audited_rows]
    margins = pd.Series(audit.design.x[audit.audited_rows] @ audit.model.theta, ids).drop(found.encounter_id)
    nearest = (margins - found.margin).abs().sort_values().index[: found.similar_encounters]
    assert found.similar_encounters >= 30
    assert found.similar_event_rate == pytest.approx(audit.cohort.outcome[nearest].mean())
    assert found.audited_encounters == len(ids)


def half_by_hand(changes, patients):
    """Add up the squared influence of patients, the strongest first, until half of it is there."""
    squared = sorted((pd.Series(changes).groupby(np.asarray(patients)).sum() ** 2), reverse=True)
    for taken in range(1, len(squared) + 1):
        if sum(squared[:taken]) >= sum(squared) / 2:
            return taken
    return 0


def test_the_patients_of_half_are_counted_one_by_one(audit):
    patients = audit.design.patient_ids[audit.train_rows]
    for row in audit.audited_rows[:60]:
        found = prediction(audit.study, str(audit.design.encounter_ids[row]))
        assert found.patients_of_half == half_by_hand(found.influence.margin_change, patients)
        assert found.patients_of_half <= found.concentration * 3


@pytest.mark.parametrize(
    ("changes", "patients", "fewest"),
    [
        ([3.0], [0], 1),
        ([1.0, 1.0], [0, 1], 1),
        ([1.0, 1.0, 1.0], [0, 1, 2], 2),
        ([1.0, -1.0, 0.5], [0, 0, 1], 1),
        ([2.0, 1.0, 1.0, 1.0, 1.0], [0, 1, 2, 3, 4], 1),
        ([0.0, 0.0], [0, 1], 0),
        ([1.0, -1.0], [0, 0], 0),
    ],
)
def test_half_of_the_squared_influence_by_hand(changes, patients, fewest):
    assert patients_of_half(np.array(changes), np.array(patients)) == fewest


def test_half_does_not_depend_on_the_sign_or_the_unit():
    rng = np.random.default_rng(3)
    for _ in range(50):
        changes, patients = rng.normal(size=60) ** 3, rng.integers(0, 25, 60)
        _, codes = np.unique(patients, return_inverse=True)
        found = patients_of_half(changes, codes)
        assert found == half_by_hand(changes, codes)
        assert found == patients_of_half(-100 * changes, codes)


@pytest.mark.parametrize("threshold", [0.001, 0.2, 0.5, 0.999])
def test_another_threshold_changes_what_kind_it_is_and_nothing_else(audit, threshold):
    for row in audit.audited_rows[:30]:
        chosen = str(audit.design.encounter_ids[row])
        found = audit.prediction(chosen)
        moved = at_threshold(found, threshold)
        alert, event = found.risk >= threshold, bool(found.outcome)
        assert moved.kind == ("right" if alert == event else "false alarm" if alert else "missed")
        assert moved.kind == prediction(audit.study, chosen, threshold).kind == audit.prediction(chosen, threshold).kind
        assert dataclasses.replace(moved, threshold=found.threshold, kind=found.kind) == found


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 3, float("nan"), "0.2", None])
def test_what_is_no_threshold_is_refused(audit, threshold):
    with pytest.raises(DataError):
        at_threshold(audit.prediction(someone(audit, "audited")), threshold)


def test_a_trace_stays_a_trace_at_another_threshold(audit):
    trace = audit.trace(someone(audit, "audited"))
    assert type(at_threshold(trace, 0.5)) is type(trace)


def test_by_default_the_model_alerts_from_the_90th_percentile(audit):
    risks = expit(audit.design.x[audit.train_rows] @ audit.model.theta)
    assert prediction(audit.study, someone(audit, "audited")).threshold == pytest.approx(np.percentile(risks, 90))


def test_what_a_caller_does_to_a_frame_reaches_nobody_else(audit):
    chosen = someone(audit, "audited")
    first = audit.prediction(chosen)
    first.attribution["risk_pp"] = 0.0
    del first.attribution["label"]
    again = audit.prediction(chosen)
    assert "label" in again.attribution
    assert again.attribution["risk_pp"].abs().sum() > 0


def test_the_role_is_said(audit):
    notes = {role: prediction(audit.study, someone(audit, role)).notes for role in ("audited", "confirm", "training")}
    assert not notes["audited"]
    assert any("kept to confirm" in one for one in notes["confirm"])
    assert any("learned from this very encounter" in one for one in notes["training"])


def test_its_name_holds_no_id(audit):
    chosen = someone(audit, "audited")
    assert chosen not in repr(audit.prediction(chosen))
    assert "SIMULATED" in repr(audit.prediction(chosen))


def test_nobody_is_an_error_and_so_is_a_fit_that_cannot_be_trusted(audit, monkeypatch):
    with pytest.raises(DataError):
        prediction(audit.study, "nobody")
    monkeypatch.setattr(type(audit.study), "require_trust", refuse_trust)
    with pytest.raises(TrustError):
        prediction(audit.study, someone(audit, "audited"))


def refuse_trust(_):
    raise TrustError("no optimum")


def test_the_roles_are_those_of_the_split(audit, small_cohort):
    split = split_by_patient(small_cohort.patients, 0)
    for role, rows in (("training", split.train), ("audited", split.audited), ("confirm", split.confirm)):
        assert prediction(audit.study, str(audit.design.encounter_ids[rows[-1]])).role == role
