"""Actions become one change of the training rows; what makes no sense is refused in one line without an id."""

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.analysis.what_if.actions import Add, Edit, Relabel, Remove, Reweight, combine
from clinflu.errors import DataError


@pytest.fixture(scope="module")
def ids(small_study):
    return list(small_study.train_ids)


@pytest.fixture(scope="module")
def adopted(small_cohort):
    """The study of a model that brought its own columns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = small_cohort.frame
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10, max_iter=1000))
    model.fit(frame[["age_years", "visits"]], frame["readmitted"])
    return Audit.adopt(small_cohort, model).study


def record(study, name, **changed):
    """The recorded values of an encounter as a dict, ids left out."""
    frame = study.cohort.frame
    values = frame.loc[name].drop("patient").to_dict()
    return {key: None if pd.isna(value) else value for key, value in {**values, **changed}.items()}


def rows_of(study, query):
    """Row positions by pandas' own query."""
    return list(np.flatnonzero(study.train_frame.eval(query)))


def test_a_query_removes_what_it_is_true_of_and_joins_the_other_ways(small_study, ids):
    by_query = combine(small_study, [Remove(query="visits > 2 and readmitted == 1")]).change
    assert list(by_query.rows) == rows_of(small_study, "visits > 2 and readmitted == 1")
    assert len(by_query.rows) > 10
    patient = small_study.train_frame["patient"].iloc[0]
    both = combine(small_study, [Remove([ids[3]], [patient], query="ward == 'intensive'")]).change
    frame = small_study.train_frame
    expected = (frame["ward"] == "intensive") | (frame["patient"] == patient) | (frame.index == ids[3])
    assert list(both.rows) == list(np.flatnonzero(expected))
    assert (both.weights == 0).all()


def test_a_query_without_an_answer_is_said(small_study):
    plan = combine(small_study, [Remove(query="visits > 59")])
    assert len(plan.change.rows) == 0
    assert "answers to a query" in plan.notes[0]
    assert combine(small_study, [Remove(query="visits > 0")]).notes == ()


def test_an_edit_is_the_row_as_the_encoder_would_have_it(small_study, ids):
    values = {"ward": "intensive", "creatinine": None, "visits": "7", "age_years": np.int64(33)}
    change = combine(small_study, [Edit(ids[4], values), Reweight({ids[2]: 2.0})]).change
    frame = small_study.train_frame.iloc[[2, 4]].copy()
    frame.loc[ids[4], ["ward", "creatinine", "visits", "age_years"]] = ["intensive", np.nan, 7.0, 33.0]
    assert list(change.rows) == [2, 4]
    np.testing.assert_array_equal(change.x, small_study.encoder.encode(frame))
    np.testing.assert_array_equal(change.x[0], small_study.train.x[2])
    np.testing.assert_array_equal(change.weights, [2.0, 1.0])
    assert not np.array_equal(change.x[1], small_study.train.x[4])


def test_edits_of_one_encounter_are_joined(small_study, ids):
    parts = [Edit(ids[0], {"visits": 3}), Edit(ids[0], {"ward": "surgical"}), Edit(ids[0], {"visits": 3.0})]
    together = combine(small_study, [Edit(ids[0], {"visits": 3, "ward": "surgical"})])
    np.testing.assert_array_equal(combine(small_study, parts).change.x, together.change.x)
    assert together.edited_encounters == 1


def test_copies_carry_the_weight_of_their_number_and_belong_to_their_patient(small_study, ids):
    audited = small_study.design.encounter_ids[small_study.split.audited[0]]
    plan = combine(small_study, [Add(copies_of={ids[5]: 2}), Add(copies_of={ids[5]: 1, audited: 1})])
    assert plan.added_encounters == 4
    of_train = int(np.flatnonzero(plan.change.added.weights == 3)[0])
    np.testing.assert_array_equal(plan.change.added.x[of_train], small_study.train.x[5])
    assert plan.added_patients[of_train] == small_study.train.patients[5]
    assert plan.added_patients[1 - of_train] == small_study.train.patients.max() + 1
    assert plan.change.added.weights[1 - of_train] == 1
    assert "kept apart for auditing" in plan.notes[0]


def test_records_are_encoded_as_the_same_encounters_of_the_cohort(small_study):
    frame = small_study.cohort.frame
    rows = [*small_study.split.audited[:6], *small_study.split.train[:4]]
    names = list(frame.index[rows])
    ways = {
        "a list of dicts": [record(small_study, name) for name in names],
        "a frame without ids": frame.loc[names].drop(columns="patient").reset_index(drop=True),
        "text": frame.loc[names].drop(columns="patient").reset_index(drop=True).astype("str"),
        "a frame without patients": frame.loc[names].drop(columns="patient").rename(index=lambda name: f"new {name}"),
    }
    x, y = small_study.design.x[rows], small_study.design.y[rows]
    order = np.lexsort((y, *x.T))
    for what, records in ways.items():
        plan = combine(small_study, [Add(records)])
        np.testing.assert_array_equal(plan.change.added.x, x[order], err_msg=what)
        np.testing.assert_array_equal(plan.change.added.y, y[order], err_msg=what)
        assert len(set(plan.added_patients)) == 10, what
        assert plan.added_patients.min() == small_study.train.patients.max() + 1, what


def test_a_known_patient_stays_one_patient(small_study):
    frame = small_study.cohort.frame
    first = small_study.train_frame["patient"].iloc[0]
    records = [
        {**record(small_study, frame.index[0], visits=k), "patient": name}
        for k, name in enumerate([first, "x", "x", None])
    ]
    codes = combine(small_study, [Add(records)]).added_patients
    new = small_study.train.patients.max() + 1
    assert sorted(codes) == [0, new, new, new + 1] or sorted(codes) == [0, new, new + 1, new + 1]


def test_the_order_of_actions_does_not_matter_to_a_single_bit(small_study, ids):
    one, two = (record(small_study, name) for name in small_study.design.encounter_ids[small_study.split.audited[:2]])
    actions = [
        Remove(ids[:3]),
        Relabel({ids[5]: 1, ids[6]: 0}),
        Edit(ids[7], {"visits": 2}),
        Edit(ids[8], {"ward": None}),
        Add([one]),
        Add([two, one]),
        Add(copies_of={ids[9]: 2}),
        Reweight({ids[10]: 0.3}),
    ]
    plans = [combine(small_study, order) for order in (actions, actions[::-1], actions[3:] + actions[:3])]
    for plan in plans[1:]:
        for name in ("rows", "weights", "y", "x"):
            np.testing.assert_array_equal(getattr(plan.change, name), getattr(plans[0].change, name))
        for name in ("x", "y", "weights"):
            np.testing.assert_array_equal(getattr(plan.change.added, name), getattr(plans[0].change.added, name))
        np.testing.assert_array_equal(plan.added_patients, plans[0].added_patients)
        assert plan.notes == plans[0].notes


CONTRADICTIONS = {
    "removed and edited": lambda i, _: (Remove([i[0]]), Edit(i[0], {"visits": 2})),
    "removed and relabelled": lambda i, _: (Relabel({i[0]: 1}), Remove([i[0]])),
    "removed and reweighted": lambda i, _: (Remove([i[0]]), Reweight({i[0]: 2.0})),
    "removed by a query and edited": lambda i, _: (Edit(i[0], {"visits": 2}), Remove(query="visits >= 0")),
    "two outcomes": lambda i, _: (Relabel({i[0]: 0}), Relabel({i[0]: 1})),
    "two weights": lambda i, _: (Reweight({i[0]: 0.5}), Reweight({i[0]: 2.0})),
    "two values": lambda i, _: (Edit(i[0], {"visits": 2}), Edit(i[0], {"visits": 3})),
    "a value and missing": lambda i, _: (Edit(i[0], {"visits": 2}), Edit(i[0], {"visits": None})),
    "an id that stays": lambda i, r: (Add([{**r, "encounter": i[0]}]),),
    "an id twice": lambda _, r: (Add([{**r, "encounter": "new"}]), Add([{**r, "encounter": "new"}])),
    "an id twice in one": lambda _, r: (Add([{**r, "encounter": "new"}, {**r, "encounter": "new"}]),),
}
WRONG = {
    "no action": (lambda i, _: (i[:1],), "wrap the ids"),
    "an edit of nobody": (lambda _, __: (Edit("nobody", {"visits": 2}),), "not among the training"),
    "an edit without values": (lambda i, _: (Edit(i[0], 3),), "Edit"),
    "an unknown variable": (lambda i, _: (Edit(i[0], {"visit": 2}),), "there are: age_years"),
    "an edited outcome": (lambda i, _: (Edit(i[0], {"readmitted": 1}),), "Relabel"),
    "an edited patient": (lambda i, _: (Edit(i[0], {"patient": "p"}),), "is an id"),
    "a level of the schema that training never saw": (
        lambda i, _: (Edit(i[0], {"ward": "burns"}),),
        "training saw: med",
    ),
    "an unknown level": (lambda i, _: (Edit(i[0], {"ward_team": "green"}),), "training saw: "),
    "a number for a category": (lambda i, _: (Edit(i[0], {"ward": 3}),), "must be a level"),
    "text for a number": (lambda i, _: (Edit(i[0], {"visits": "lots"}),), "from 0 to 60"),
    "a truth value for a number": (lambda i, _: (Edit(i[0], {"visits": True}),), "from 0 to 60"),
    "a list for a number": (lambda i, _: (Edit(i[0], {"visits": [1]}),), "from 0 to 60"),
    "beyond the bounds": (lambda i, _: (Edit(i[0], {"visits": 61}),), "from 0 to 60"),
    "an infinite number": (lambda i, _: (Edit(i[0], {"creatinine": np.inf}),), "from 0 to inf mg/dL"),
    "a huge number": (lambda i, _: (Edit(i[0], {"platelets": 10**400}),), "must be a number per"),
    "nothing to add": (lambda _, __: (Add(),), "copies_of"),
    "no records": (lambda _, __: (Add([]),), "no records"),
    "records that are none": (lambda _, __: (Add(3),), "list of dicts"),
    "a record that is none": (lambda _, __: (Add([3]),), "list of dicts"),
    "a column too many": (lambda _, r: (Add([{**r, "shoe_size": 3}]),), "shoe_size"),
    "a column too few": (lambda _, r: (Add([{k: v for k, v in r.items() if k != "visits"}]),), "lack visits"),
    "no outcome": (lambda _, r: (Add([{**r, "readmitted": None}]),), "row 1, column 'readmitted'"),
    "an outcome of 2": (
        lambda _, r: (Add([r, {**r, "readmitted": 2}]),),
        "row 2, column 'readmitted': expected 0 or 1",
    ),
    "a record beyond the bounds": (lambda _, r: (Add([{**r, "visits": -1}]),), "row 1, column 'visits'"),
    "a record in words": (lambda _, r: (Add([{**r, "visits": "lots"}]),), "row 1, column 'visits'"),
    "a record with an infinite value": (lambda _, r: (Add([{**r, "creatinine": np.inf}]),), "infinite"),
    "a record of a level that is none": (lambda _, r: (Add([{**r, "ward": "garden"}]),), "row 1, column 'ward'"),
    "a record of an unseen level": (
        lambda _, r: (Add([{**r, "ward": "burns"}]),),
        "levels of ward that training never",
    ),
    "copies of nobody": (lambda _, __: (Add(copies_of={"nobody": 1}),), "not in the cohort"),
    "no copies": (lambda i, _: (Add(copies_of={i[0]: 0}),), "whole number from 1"),
    "half a copy": (lambda i, _: (Add(copies_of={i[0]: 0.5}),), "whole number from 1"),
    "a true copy": (lambda i, _: (Add(copies_of={i[0]: True}),), "whole number from 1"),
    "copies in a list": (lambda i, _: (Add(copies_of=[i[0]]),), "copies_of="),
    "a query that cannot be read": (lambda _, __: (Remove(query="visits >"),), "cannot be read"),
}


def refused(study, actions, reason):
    with pytest.raises(DataError, match=reason) as caught:
        combine(study, actions)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


@pytest.mark.parametrize("make", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_refused_in_either_order(small_study, ids, make):
    assert not small_study.train_frame.loc[ids[0]].isna().any()
    actions = make(ids, record(small_study, ids[0]))
    for order in (actions, actions[::-1]):
        message = refused(small_study, order, "1|both")
        assert ids[0] not in message


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(small_study, ids, make, reason):
    message = refused(small_study, make(ids, record(small_study, ids[0])), reason)
    for secret in (ids[0], "nobody", "lots", "garden", "green", "nothing was loaded", "load it again"):
        assert secret not in message


def test_a_record_may_take_the_place_of_one_that_goes(small_study, ids):
    plan = combine(small_study, [Remove([ids[0]]), Add([{**record(small_study, ids[0]), "encounter": ids[0]}])])
    np.testing.assert_array_equal(plan.change.added.x[0], small_study.train.x[0])
    assert plan.notes == ()


def test_an_adopted_model_takes_copies_but_no_new_values(adopted):
    ids = adopted.train_ids
    frame = adopted.cohort.frame
    assert adopted.encoder is None
    for action in (Edit(ids[0], {"visits": 2}), Add(frame.iloc[:2].drop(columns="patient"))):
        assert ids[0] not in refused(adopted, [action], "adopted model")
    plan = combine(adopted, [Add(copies_of={ids[0]: 2}), Remove(query="ward == 'intensive'")])
    np.testing.assert_array_equal(plan.change.added.x[0], adopted.train.x[0])
    assert len(plan.change.rows) == (adopted.train_frame["ward"] == "intensive").sum()


def test_missing_where_training_never_missed_is_said(small_study, ids):
    assert combine(small_study, [Edit(ids[0], {"creatinine": None, "ward_team": None})]).notes == ()
    plan = combine(small_study, [Edit(ids[0], {"visits": None}), Edit(ids[1], {"ward": None})])
    assert [note.split(" was never missing")[0] for note in plan.notes] == ["Visits in the year before", "Ward"]
    columns = small_study.design.columns
    assert plan.change.x[0, columns.index("visits")] == 0
    added = combine(small_study, [Add([record(small_study, ids[0], visits=None)])])
    assert "Visits in the year before was never missing" in added.notes[0]
