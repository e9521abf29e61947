"""The published case study comes out exactly, and every estimate agrees with a refit from cold."""

import json

import numpy as np
import pytest

from clinflu.analysis.case_study import AUDITED_POSITION, CHILD, LAM_MEAN, _fit, case_study
from clinflu.errors import DataError
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic

pytestmark = pytest.mark.uci


@pytest.fixture(scope="module")
def raw(uci_table):
    return uci_table[0]


@pytest.fixture(scope="module")
def protocol(uci_protocol):
    return uci_protocol


@pytest.fixture(scope="module")
def study(uci_case_study):
    return uci_case_study


def test_training_and_test_sets_are_the_published_ones(study):
    assert study.train == {
        "rows": 19_980,
        "features": 127,
        "children": 4,
        "children_readmitted": 3,
        "children_before": 24,
        "children_readmitted_before": 3,
    }
    assert study.test["rows"] == 81_766
    assert study.audited["test_position"] == AUDITED_POSITION


def test_every_child_is_twenty_times_as_influential_as_any_other_patient(study):
    for patients, ratio in ((study.harmful, "harmful"), (study.helpful, "helpful")):
        children = [one for one in patients if one.age == "[0-10)"]
        others = [one for one in patients if one.age != "[0-10)"]
        assert len(children) == (3 if ratio == "harmful" else 1)
        assert all(abs(one.loss_change) > 20 * abs(others[0].loss_change) for one in children)
        assert abs(children[0].loss_change / others[0].loss_change) == pytest.approx(study.ratio_to_next[ratio])
        assert study.ratio_to_next[ratio] > 30


def test_the_child_indicator_carries_the_influence_yet_its_coefficient_does_not_show_it(study):
    assert [one["variable"] for one in study.children_top_variable] == [CHILD] * 4
    assert study.child_coefficient_rank > 10


def test_few_patients_carry_the_prediction(study):
    assert study.concentration == pytest.approx(3.9, abs=0.05)  # formulas: "Test row 1742: 3.9"


def test_the_fit_is_the_optimum_that_scikit_learn_finds(protocol, study):
    from sklearn.linear_model import LogisticRegression

    x, y = protocol.design.x[protocol.modified], protocol.design.y[protocol.modified]
    theirs = LogisticRegression(
        C=1 / (len(x) * LAM_MEAN), fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=200
    ).fit(x, y)
    test = protocol.design.x[protocol.test]
    assert study.fit["gradient_norm"] < 1e-12
    assert study.audited["risk_modified"] == pytest.approx(
        theirs.predict_proba(test[[AUDITED_POSITION]])[0, 1], abs=1e-9
    )
    accuracy = theirs.score(test, protocol.design.y[protocol.test])
    assert study.fit["test_accuracy"] == pytest.approx(accuracy, abs=1e-9)


@pytest.mark.parametrize("place", [0, 3])
def test_shown_refits_are_refits_from_cold(protocol, study, place):
    patient = study.harmful[place]
    kept = np.delete(protocol.modified, patient.train_position)
    x, y = protocol.design.x[kept], protocol.design.y[kept]
    penalty = np.full(x.shape[1], len(protocol.modified) * LAM_MEAN)
    cold = fit_logistic(x, y, np.ones(len(y)), penalty)
    audited = protocol.design.x[protocol.test][AUDITED_POSITION]
    after = float(risk(audited @ cold.theta))
    assert after - study.audited["risk_modified"] == pytest.approx(patient.risk_change_refit, abs=1e-9)
    assert -np.log(1 - after) + np.log(1 - study.audited["risk_modified"]) == pytest.approx(
        patient.loss_change_refit, abs=1e-9
    )


def test_every_refit_of_the_case_study_equals_a_cold_refit(protocol):
    from clinflu.influence.refit import Change, refit, rows_after

    train = _fit(protocol.design, protocol.modified)
    children = np.flatnonzero(protocol.is_child(protocol.modified))
    seventies = np.flatnonzero(train.x[:, protocol.design.columns.index("age=[70-80)")] == 1)
    for rows in (children[:1], children, seventies):
        change = Change.removal(train, rows)
        x, y, weights = rows_after(train, change)
        cold = fit_logistic(x, y, weights, train.model.penalty)
        assert np.abs(refit(train, change).theta - cold.theta).max() < 1e-9


def test_flipped_children_are_counted_from_both_risks(study):
    flipped = [one for one in study.children if (one.risk_original > 0.5) != (one.risk_modified > 0.5)]
    assert study.test["children_flipped"] == len(flipped) > 0
    assert study.test["children"] == len(study.children) == 161 - 24


def test_json_holds_what_was_promised(study):
    values = json.loads(json.dumps(study.to_dict()))
    assert {"train", "fit", "test", "audited", "harmful", "helpful", "ratio_to_next"} <= set(values)
    assert set(values["harmful"][0]) == {
        "train_position",
        "age",
        "readmitted",
        "loss_change",
        "loss_change_refit",
        "risk_change_refit",
    }
    assert len(values["harmful"]) == len(values["helpful"]) == 10
    assert set(values["children_top_variable"][0]) == {"train_position", "variable"}
    assert set(values["fit"]) == {"gradient_norm", "test_accuracy"}


def test_an_absent_test_row_is_an_error(raw):
    with pytest.raises(DataError, match="test positions 0 to 81765"):
        case_study(raw, 81_766)


def test_another_table_is_an_error(raw):
    with pytest.raises(DataError, match="absent: gender"):
        case_study(raw.drop(columns="gender"))
