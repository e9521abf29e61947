"""Whatever is removed, relabelled or reweighted, the answer is that of a cold fit on the changed rows."""

import numpy as np
import pytest

from clinflu import Audit, Relabel, Remove, Reweight
from clinflu.analysis.what_if import what_if
from clinflu.errors import DataError, OneClassError
from clinflu.model.newton import fit_logistic

SAME = {"rtol": 0, "atol": 1e-9}


def cold(study, *, weights=(), outcomes=()):
    """Fit from zero with new weights and outcomes given by encounter id."""
    ids = list(study.train_ids)
    rows = study.split.train
    w, y = study.design.weights[rows].copy(), study.design.y[rows].copy()
    for name, value in dict(weights).items():
        w[ids.index(name)] = value
    for name, value in dict(outcomes).items():
        y[ids.index(name)] = value
    kept = w > 0
    return fit_logistic(study.design.x[rows][kept], y[kept], w[kept], study.model.penalty)


@pytest.fixture(scope="module")
def ids(small_study):
    return list(small_study.train_ids)


def outcome(study, name):
    return int(study.cohort.outcome[name])


@pytest.mark.parametrize("count", [1, 4, 100, 311])
def test_removed_encounters(small_study, ids, count):
    chosen = ids[:: len(ids) // count][:count]
    refit = what_if(small_study, Remove(chosen))
    np.testing.assert_allclose(refit.refitted.theta, cold(small_study, weights=dict.fromkeys(chosen, 0)).theta, **SAME)
    assert (refit.encounters_changed, refit.encounters_removed) == (count, count)


def test_removed_patients_take_all_their_encounters_along(small_study):
    patients = small_study.design.patient_ids[small_study.split.train]
    chosen = list(patients.value_counts().index[:3])
    gone = [name for name, patient in zip(small_study.train_ids, patients, strict=True) if patient in chosen]
    assert len(gone) > 3
    expected = cold(small_study, weights=dict.fromkeys(gone, 0)).theta
    np.testing.assert_allclose(what_if(small_study, Remove(patients=chosen)).refitted.theta, expected, **SAME)
    np.testing.assert_allclose(what_if(small_study, Remove(gone[:1], chosen)).refitted.theta, expected, **SAME)


def test_a_level_that_goes_entirely(small_study):
    frame = small_study.train_frame
    gone = list(frame.index[frame["ward"] == "intensive"])
    assert len(gone) >= 5
    refit = what_if(small_study, Remove(gone))
    np.testing.assert_allclose(refit.refitted.theta, cold(small_study, weights=dict.fromkeys(gone, 0)).theta, **SAME)
    place = small_study.design.columns.index("ward=intensive")
    np.testing.assert_allclose(refit.refitted.theta[place], 0, atol=1e-9)


def test_new_outcomes_and_new_weights(small_study, ids):
    labels = {name: 1 - outcome(small_study, name) for name in ids[:60:3]}
    weights = {name: k / 7 for k, name in enumerate(ids[1:60:3])}
    relabelled = what_if(small_study, Relabel(labels))
    reweighted = what_if(small_study, Reweight(weights))
    np.testing.assert_allclose(relabelled.refitted.theta, cold(small_study, outcomes=labels).theta, **SAME)
    np.testing.assert_allclose(reweighted.refitted.theta, cold(small_study, weights=weights).theta, **SAME)
    assert relabelled.encounters_removed == 0
    assert reweighted.encounters_removed == 1


def test_actions_together_are_one_change(small_study, ids):
    labels = {name: 1 - outcome(small_study, name) for name in ids[:10]}
    refit = what_if(small_study, Remove(ids[20:30]), Relabel(labels), Reweight({ids[5]: 3.0, ids[40]: 0.0}), Remove([]))
    weights = {**dict.fromkeys(ids[20:30], 0), ids[5]: 3.0, ids[40]: 0.0}
    expected = cold(small_study, weights=weights, outcomes=labels)
    np.testing.assert_allclose(refit.refitted.theta, expected.theta, **SAME)
    np.testing.assert_allclose(refit.model.hessian, expected.hessian, rtol=1e-8, atol=1e-8)
    assert (refit.encounters_changed, refit.encounters_removed) == (21, 11)


def test_nothing_changes_nothing(small_study, ids):
    same = Relabel({ids[0]: outcome(small_study, ids[0])})
    for actions in ((), (Remove([]),), (same, Reweight({ids[1]: 1.0}))):
        np.testing.assert_array_equal(what_if(small_study, *actions).refitted.theta, small_study.model.theta)


def test_risks_before_and_after_are_those_of_the_two_models(small_study, ids):
    refit = Audit(small_study).what_if(Remove(ids[:40]))
    audited = small_study.design.encounter_ids[small_study.split.audited[:5]]
    x = small_study.design.x[small_study.split.audited[:5]]
    before = 1 / (1 + np.exp(-x @ small_study.model.theta))
    after = 1 / (1 + np.exp(-x @ cold(small_study, weights=dict.fromkeys(ids[:40], 0)).theta))
    frame = refit.risks(audited)
    np.testing.assert_allclose(frame["risk_before"], before, atol=1e-12)
    np.testing.assert_allclose(frame["risk_after"], after, atol=1e-9)
    np.testing.assert_allclose(frame["risk_change_pp"], 100 * (after - before), atol=1e-7)
    for place, name in enumerate(audited):
        np.testing.assert_allclose(refit.risk_change_pp(name), frame["risk_change_pp"].iloc[place], atol=1e-12)
        moved = np.log(after / (1 - after)) - np.log(before / (1 - before))
        np.testing.assert_allclose(refit.margin_change(name), moved[place], atol=1e-7)


REFUSED = {
    "an unknown encounter": lambda _: (Remove(["nobody"]),),
    "an unknown patient": lambda _: (Remove(patients=["nobody"]),),
    "an unknown relabelled encounter": lambda _: (Relabel({"nobody": 1}),),
    "an outcome of 2": lambda ids: (Relabel({ids[0]: 2}),),
    "an outcome in words": lambda ids: (Relabel({ids[0]: "yes"}),),
    "a missing outcome": lambda ids: (Relabel({ids[0]: None}),),
    "a negative weight": lambda ids: (Reweight({ids[0]: -1.0}),),
    "an infinite weight": lambda ids: (Reweight({ids[0]: float("inf")}),),
    "a weight in words": lambda ids: (Reweight({ids[0]: "heavy"}),),
    "removed and reweighted": lambda ids: (Remove([ids[0]]), Reweight({ids[0]: 2.0})),
    "two weights": lambda ids: (Reweight({ids[0]: 0.5}), Reweight({ids[0]: 2.0})),
    "two outcomes": lambda ids: (Relabel({ids[0]: 0}), Relabel({ids[0]: 1})),
}


@pytest.mark.parametrize("actions", REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(small_study, ids, actions):
    with pytest.raises(DataError) as caught:
        what_if(small_study, *actions(ids))
    assert str(caught.value) == caught.value.one_line
    assert ids[0] not in str(caught.value)


def test_a_single_text_is_no_list(small_study, ids):
    for action in (Remove(ids[0]), Remove(patients="p001")):
        with pytest.raises(DataError, match="not a single text"):
            what_if(small_study, action)


def test_an_encounter_that_taught_nothing_cannot_be_changed(small_study):
    audited = small_study.design.encounter_ids[small_study.split.audited[0]]
    for action in (Remove([audited]), Relabel({audited: 1}), Reweight({audited: 2.0})):
        with pytest.raises(DataError, match="training"):
            what_if(small_study, action)
    patient = small_study.design.patient_ids[small_study.split.audited[0]]
    with pytest.raises(DataError, match="1 of the patients"):
        what_if(small_study, Remove(patients=[patient]))


def test_the_same_said_twice_is_no_conflict(small_study, ids):
    twice = what_if(small_study, Remove([ids[0], ids[0]]), Remove([ids[0]]), Reweight({ids[0]: 0.0}))
    np.testing.assert_allclose(twice.refitted.theta, cold(small_study, weights={ids[0]: 0}).theta, **SAME)
    assert twice.encounters_changed == 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_outcome_left_is_named(small_study, ids, label):
    of_label = [name for name in ids if outcome(small_study, name) == label]
    for action in (Remove(of_label), Relabel(dict.fromkeys(of_label, 1 - label))):
        with pytest.raises(OneClassError):
            what_if(small_study, action)
