"""The published case study, asked as an audit, says exactly what the reproduction of it says."""

import hashlib
import sys

import numpy as np
import pytest

from clinflu import Remove, cli
from clinflu.analysis.case_study import AUDITED_POSITION, CHILD, CHILD_LEVEL, LAM_MEAN
from clinflu.analysis.case_study import _fit as fit_published
from clinflu.data.age import child_words, is_child
from clinflu.storage import open_study
from data_loaders.diabetes130 import SCHEMA

pytestmark = pytest.mark.uci


@pytest.fixture(scope="module")
def raw(uci_table):
    return uci_table[0]


@pytest.fixture(scope="module")
def protocol(uci_protocol):
    return uci_protocol


@pytest.fixture(scope="module")
def published(uci_case_study):
    return uci_case_study


@pytest.fixture(scope="module")
def audit(uci_case_audit):
    return uci_case_audit


@pytest.fixture(scope="module")
def study(audit):
    return audit.study


@pytest.fixture(scope="module")
def audited(study):
    return str(study.design.encounter_ids[study.split.audited[AUDITED_POSITION]])


@pytest.fixture(scope="module")
def trace(audit, audited):
    return audit.trace(audited, threshold=0.5)


@pytest.fixture(scope="module")
def children(study):
    return [str(name) for name in study.train_ids[study.train_frame["age"] == CHILD_LEVEL]]


def test_the_model_is_the_published_one(study, protocol):
    np.testing.assert_array_equal(study.model.theta, fit_published(protocol.design, protocol.modified).model.theta)
    np.testing.assert_array_equal(study.model.penalty, np.full(127, 19_980 * LAM_MEAN))
    assert study.design.columns == protocol.design.columns
    assert not study.design.has_intercept
    assert study.trust.reasons == ()


def test_rows_are_the_published_ones_in_their_order(study, protocol, raw):
    ids = raw["encounter_id"].to_numpy()
    for rows, theirs in ((study.split.train, protocol.modified), (study.split.audited, protocol.test)):
        np.testing.assert_array_equal(study.design.encounter_ids[rows], ids[theirs])
        np.testing.assert_array_equal(study.design.x[rows], protocol.design.x[theirs])
        np.testing.assert_array_equal(study.design.y[rows], protocol.design.y[theirs])
        np.testing.assert_array_equal(study.design.patient_ids[rows], raw["patient_nbr"].to_numpy()[theirs])
    assert len(study.split.confirm) == 0
    assert len(study.cohort.frame) == len(study.split.train) + len(study.split.audited)


def test_recorded_values_are_those_of_the_columns(study):
    frame, design = study.cohort.frame, study.design
    np.testing.assert_array_equal(frame["age"] == CHILD_LEVEL, design.x[:, design.columns.index(CHILD)] == 1)
    np.testing.assert_array_equal(frame["race"].isna(), design.x[:, design.columns.index("race=?")] == 1)
    np.testing.assert_array_equal(frame["time_in_hospital"], design.x[:, design.columns.index("time_in_hospital")])
    assert set(design.variables) == set(study.cohort.schema.feature_names)
    assert child_words(study.cohort) == "under 20"
    assert is_child(study.cohort).sum() == frame["age"].isin((CHILD_LEVEL, "[10-20)")).sum()


def test_labels_and_units_are_those_of_the_loader(study):
    for spec in study.cohort.schema.features:
        theirs = SCHEMA.feature(spec.name)
        assert spec.unit == theirs.unit
        assert spec.label == theirs.label or spec.name == "discharge_disposition_id"  # there are no descriptions here
    assert study.cohort.schema.outcome_label == SCHEMA.outcome_label


def test_it_says_where_it_comes_from_and_what_was_left_out(study, uci_table, uci_zip):
    provenance = study.cohort.provenance
    assert provenance.sha256 == uci_table[1] == hashlib.sha256(uci_zip.read_bytes()).hexdigest()
    steps = provenance.flowchart()
    assert [rows for _, rows in steps] == [101_766, 20, 101_746]
    assert "children not readmitted" in steps[1][0]
    assert any("left out on purpose" in note for note in study.notes)


def test_risks_are_the_published_ones(study, audit, audited, published):
    assert audit.prediction(audited).risk == pytest.approx(published.audited["risk_modified"], abs=1e-15)
    risks = study.risks[study.split.audited]
    accuracy = ((risks > 0.5) == (study.design.y[study.split.audited] == 1)).mean()
    assert accuracy == published.fit["test_accuracy"]
    assert audit.mistakes(0.5).at[audited, "kind"] == "false alarm"


def test_the_children_come_first_each_way(trace, children, published, study):
    assert len(children) == 4
    assert study.cohort.outcome[children].sum() == 3
    toward, against = trace.pushed_toward_error.head(3), trace.pushed_against.head(1)
    assert set(toward.index) | set(against.index) == set(children)
    assert toward["outcome"].tolist() == [1, 1, 1]
    assert against["outcome"].tolist() == [0]
    for rows, theirs in ((toward, published.harmful[:3]), (against, published.helpful[:1])):
        assert [str(study.train_ids[one.train_position]) for one in theirs] == rows.index.tolist()
        np.testing.assert_allclose(
            rows["risk_change_refit_pp"], [100 * one.risk_change_refit for one in theirs], atol=1e-9
        )
        assert all(carried[0].variable == "age" for carried in rows["carried_by"])
        assert all(carried[0].recorded == CHILD_LEVEL for carried in rows["carried_by"])


def test_without_the_children_the_prediction_is_right(audit, audited, children):
    refit = audit.what_if(Remove(children))
    assert refit.risk_before(audited) > 0.5 > refit.risk_after(audited)
    lines = audit.ledger(audited, "age").frame
    assert lines.index[0] == CHILD_LEVEL
    assert lines["risk_change_refit_pp"].iloc[0] == pytest.approx(refit.risk_change_pp(audited), abs=1e-8)
    assert lines["holds_audited_patient"].iloc[0]


def test_every_other_question_has_an_answer(audit, audited, children):
    assert audit.support(audited).low
    found = audit.flip_set(audited, threshold=0.5, time_s=5)
    assert found.verified
    assert set(found.encounters) < set(children)
    assert "Age [0-10)" in found.summary
    assert f"Age {CHILD_LEVEL}" in audit.because(audited, children[0]).sentence
    metrics = audit.subgroup_metrics(("gender",))
    assert {"Female", "Male"} <= set(metrics["level_name"])
    assert audit.prediction(children[0]).role == "training"


def test_it_can_be_kept_and_opened(audit, study, tmp_path):
    audit.save(tmp_path / "kept")
    opened = open_study(tmp_path / "kept")
    assert opened.fingerprint == study.fingerprint
    assert len(opened.split.confirm) == 0
    assert opened.notes == study.notes
    np.testing.assert_array_equal(opened.model.theta, study.model.theta)


def test_the_command_keeps_it_for_the_app(study, uci_zip, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "kept here"
    monkeypatch.setattr(sys, "argv", ["clinflu", "casestudy", "--data", str(uci_zip), "--save", str(folder)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert (stopped.value.code or 0) == 0
    assert f"clinflu app --audit '{folder}'" in capsys.readouterr().out.replace("\n", "")
    assert open_study(folder).fingerprint == study.fingerprint
