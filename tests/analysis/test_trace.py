"""A trace on the simulated cohort, whose true causes are known, and every number of it against a refit."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from clinflu import Audit, Remove
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.sentence import chance, headline
from clinflu.analysis.trace_values import trace_values
from clinflu.data import split_by_patient
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError, TrustError
from clinflu.model.newton import fit_logistic
from clinflu.report.trace_page import trace_page

CHILDREN = "unrepresentative children"


@pytest.fixture(scope="module")
def children(simulated_audit):
    """Traces of children whom the planted records misjudge."""
    wrong = planted_mistakes(simulated_audit.study)
    wrong = wrong[wrong["cause"] == CHILDREN]
    assert len(wrong) >= 3
    return [simulated_audit.trace(name) for name in wrong.index]


@pytest.fixture(scope="module")
def trace(simulated_audit):
    return simulated_audit.trace(simulated_audit.example())


def responsible(audit, cause):
    return next(set(one.responsible) for one in audit.cohort.planted if one.name == cause)


def test_the_planted_records_are_found_first(simulated_audit, children):
    guilty = responsible(simulated_audit, CHILDREN) & set(simulated_audit.study.train_ids)
    assert len(guilty) >= 8
    for one in children:
        first = one.influence.train_ids[one.influence.rows_toward_error(30)]  # of more than 11,000
        assert len(guilty & set(first)) >= 0.8 * len(guilty)
        assert guilty & set(one.pushed_toward_error.index)


def test_without_the_planted_records_the_risk_falls(simulated_audit, children):
    guilty = responsible(simulated_audit, CHILDREN) & set(simulated_audit.study.train_ids)
    refit = simulated_audit.what_if(Remove(guilty))
    for one in children:
        assert refit.risk_change_pp(one.encounter_id) < -10
        assert one.few_patients_explain
        assert "No few patients" not in headline(one)


def test_the_sentence_names_the_planted_subgroup(children):
    assert all("Age [0-10)" in headline(one) for one in children)


def test_a_miss_by_chance_is_said_to_be_one(simulated_audit):
    wrong = simulated_audit.mistakes()
    plain = next(one for one in map(simulated_audit.trace, wrong.index[:30]) if not one.few_patients_explain)
    assert abs(plain.together.risk_change_refit_pp) < 1.0
    assert "No few patients explain it" in headline(plain)
    assert "it leans most on" in headline(plain)


def test_refits_shown_are_refits_from_cold(simulated_audit, trace):
    study = simulated_audit.study
    row = study.design.x[study.row(trace.encounter_id)]

    def risk_without(names):
        kept = ~study.train_ids.isin(names)
        train = study.train
        cold = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty)
        return 100 / (1 + np.exp(-row @ cold.theta))

    before = 100 * trace.risk
    for frame in (trace.pushed_toward_error, trace.pushed_against):
        name = frame.index[0]
        assert risk_without([name]) - before == pytest.approx(frame.loc[name, "risk_change_refit_pp"], abs=1e-7)
    together = risk_without(trace.pushed_toward_error.index) - before
    assert together == pytest.approx(trace.together.risk_change_refit_pp, abs=1e-7)
    group = trace.subgroups.iloc[0]
    members = study.train_frame.index[study.train_frame[group["variable"]] == group["level"]]
    assert len(members) == group["training_encounters"]
    assert risk_without(members) - before == pytest.approx(group["risk_change_refit_pp"], abs=1e-7)


def test_toward_and_against_are_told_apart_by_what_happened(trace):
    sign = 1 if trace.outcome else -1
    assert (sign * trace.pushed_toward_error["risk_change_refit_pp"] > 0).all()
    assert (sign * trace.pushed_against["risk_change_refit_pp"] < 0).all()
    assert (trace.pushed_toward_error["loss_change_refit"] < 0).all()


def test_attribution_adds_up_to_the_risk(simulated_audit, trace):
    assert 100 * trace.baseline_risk + trace.attribution["risk_pp"].sum() == pytest.approx(100 * trace.risk)
    baseline = np.log(trace.baseline_risk / (1 - trace.baseline_risk))
    assert baseline + trace.attribution["log_odds"].sum() == pytest.approx(trace.margin)
    recorded = simulated_audit.cohort.frame.loc[trace.encounter_id]
    for row in trace.attribution.to_dict("records"):
        value = recorded[row["variable"]]
        assert (pd.isna(row["recorded"]) and pd.isna(value)) or row["recorded"] == value


def test_carriers_add_up_to_the_effect(simulated_audit, trace):
    from clinflu.analysis.carriers import carriers

    study = simulated_audit.study
    row = study.training_positions([trace.pushed_toward_error.index[0]])[0]
    inverse_hvp = study.model.solve(study.x(trace.encounter_id))
    everything = carriers(study, int(row), inverse_hvp, k=1000)
    total = sum(one.log_odds for one in everything)
    intercept = 1 - sum(one.share for one in everything)
    assert total == pytest.approx((1 - intercept) * trace.influence.margin_change[row], rel=1e-9)
    assert trace.pushed_toward_error.iloc[0]["carried_by"] == everything[:3]


def test_the_audited_patient_is_no_teacher_and_says_so_when_it_is(simulated_audit, trace):
    assert trace.role == "audited"
    assert not trace.pushed_toward_error["same_patient"].any()
    counts = simulated_audit.design.patient_ids[simulated_audit.train_rows].value_counts()
    patient = counts.index[0]
    mine = simulated_audit.study.train_ids[simulated_audit.design.patient_ids[simulated_audit.train_rows] == patient]
    taught = simulated_audit.trace(mine[0])
    assert taught.role == "training"
    assert "The model learned from this very encounter." in taught.notes
    values = trace_values(taught, Pseudonyms(b"k" * 32))
    itself = [one for one in (*values["pushed_toward_error"], *values["pushed_against"]) if one["same_encounter"]]
    assert [(one["encounter"], one["same_patient"]) for one in itself] == [(values["encounter"], True)]
    assert set(simulated_audit.study.train_ids[taught.influence.same_patient]) == set(mine)


def test_values_hold_no_id_and_every_promised_key(simulated_audit, trace):
    names = Pseudonyms(b"k" * 32)
    text = json.dumps(trace_values(trace, names), allow_nan=False)
    values = json.loads(text)
    assert {
        "encounter",
        "risk",
        "interval",
        "outcome",
        "attribution",
        "pushed_toward_error",
        "pushed_against",
        "subgroups",
        "concentration",
        "provenance",
    } <= set(values)
    shown = [trace.encounter_id, *trace.pushed_toward_error.index, *trace.pushed_against.index]
    patients = simulated_audit.cohort.patients.loc[shown]
    assert not [identifier for identifier in (*shown, *patients) if identifier in text]
    assert values["encounter"] == names.encounter(trace.encounter_id)
    assert values["notice"].startswith("INTERNAL")
    assert "SIMULATED" in values["notice"]


def test_pseudonyms_depend_on_the_key_alone():
    first, again, other = Pseudonyms(b"a" * 32), Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
    assert first.encounter("17") == again.encounter("17") != other.encounter("17")
    assert first.encounter("17")[2:] != first.patient("17")[2:]
    assert "aaaa" not in repr(first)


def test_the_user_key_is_made_once_and_readable_by_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = Pseudonyms.of_this_user()
    key = tmp_path / "clinflu" / "pseudonym.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert Pseudonyms.of_this_user() == first
    assert Pseudonyms(key.read_bytes()) == first


def test_an_audit_finds_an_encounter_by_either_name(simulated_audit, trace):
    assert simulated_audit.find(trace.encounter_id) == trace.encounter_id
    assert simulated_audit.find(simulated_audit.pseudonyms.encounter(trace.encounter_id)) == trace.encounter_id
    with pytest.raises(DataError, match="has no encounter") as caught:
        simulated_audit.find("no such encounter")
    assert "no such encounter" not in str(caught.value)


def test_how_surprising_an_outcome_is_comes_from_the_audited_encounters(simulated_audit, trace):
    study = simulated_audit.study
    audited = study.split.audited
    own = study.row(trace.encounter_id)
    others = audited[audited != own]
    distance = np.abs(study.margins[others] - trace.margin)
    assert trace.similar_encounters == min(500, max(30, int((distance <= 0.25).sum())))
    nearest = others[np.argsort(distance, kind="stable")[: trace.similar_encounters]]
    assert trace.similar_event_rate == pytest.approx(study.design.y[nearest].mean())
    assert f"{100 * trace.similar_event_rate:.1f} %" in chance(trace)


def test_an_untrustworthy_fit_gives_no_trace(simulated_audit):
    study = simulated_audit.study
    shifted = dataclasses.replace(study.model, theta=study.model.theta + 1e-4)
    with pytest.raises(TrustError, match="not at its optimum"):
        Audit(dataclasses.replace(study, model=shifted)).trace(study.design.encounter_ids[0])


def test_a_refit_without_a_finite_optimum_is_said_and_hides_no_other(small_cohort):
    split = split_by_patient(small_cohort.patients, 0)
    events = small_cohort.outcome.to_numpy()
    one_event, healthy = split.train[events[split.train] == 1][0], split.train[events[split.train] == 0][:6]
    audited = split.audited[events[split.audited] == 0][0]
    frame = small_cohort.frame.copy()
    frame.iloc[[one_event, *healthy, audited], frame.columns.get_loc("ward")] = "burns"
    audit = Audit.fit(dataclasses.replace(small_cohort, frame=frame), penalty=0.0)

    traced = audit.trace(frame.index[audited])

    refits = traced.pushed_toward_error["risk_change_refit_pp"]
    assert np.isnan(refits[frame.index[one_event]])
    assert refits.drop(frame.index[one_event]).notna().all()
    assert "the model cannot be fitted at all" in headline(traced)
    values = trace_values(traced, Pseudonyms(b"k" * 32))
    assert values["ten_strongest_together"]["risk_change_refit_pp"] is None
    assert "no finite fit" in " ".join(trace_page(traced, Pseudonyms(b"k" * 32)).split())
    json.dumps(values, allow_nan=False)


def test_another_threshold_changes_what_is_a_mistake_and_nothing_else(simulated_audit, trace):
    from clinflu.analysis.trace import trace as fresh

    moved = simulated_audit.trace(trace.encounter_id, 0.95)
    again = fresh(simulated_audit.study, trace.encounter_id, 0.95)
    assert (moved.kind, moved.threshold) == (again.kind, again.threshold) == ("right", 0.95)
    assert moved.together == again.together
    pd.testing.assert_frame_equal(moved.subgroups, again.subgroups)


def test_whether_the_risk_looks_wrong_is_the_wilson_interval(trace):
    from statsmodels.stats.proportion import proportion_confint

    events = round(trace.similar_event_rate * trace.similar_encounters)
    low, high = proportion_confint(events, trace.similar_encounters, method="wilson")
    assert trace.similar_rate_differs == (not low <= trace.risk <= high)
    assert ("looks wrong" in chance(trace)) == trace.similar_rate_differs


def test_nothing_that_names_a_patient_is_in_a_repr(simulated_audit, trace):
    cohort, study = simulated_audit.cohort, simulated_audit.study
    planted, influence = cohort.planted[0], trace.influence
    refit = simulated_audit.what_if(Remove(trace.pushed_toward_error.index[:1]))
    for one in (cohort, study, study.design, planted, trace, influence, refit, simulated_audit):
        assert not re.search(r"SIM[-\w]*\d", repr(one))


def test_columns_that_come_from_no_recorded_variable_have_a_row_of_their_own(small_cohort):
    numbers = ["age_years", "visits"]
    pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), LogisticRegression(tol=1e-10))
    train = small_cohort.frame.iloc[split_by_patient(small_cohort.patients, 0).train]
    pipeline.fit(train[numbers], train["readmitted"])
    audit = Audit.adopt(small_cohort, pipeline)
    traced = audit.trace(audit.worst_miss())
    assert "columns of the model's own" in set(traced.attribution["label"])
    assert 100 * traced.baseline_risk + traced.attribution["risk_pp"].sum() == pytest.approx(100 * traced.risk)
