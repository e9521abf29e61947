"""What must hold of any actions, whichever encounters they touch."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.analysis.what_if import Add, Edit, Relabel, Remove, Reweight, what_if

FEW = settings(max_examples=10, deadline=None)
SOME = st.sets(st.integers(0, 599), min_size=1, max_size=40)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "visits": st.one_of(st.none(), st.integers(0, 60)),
        "age_years": st.floats(0, 110),
        "creatinine": st.one_of(st.none(), st.floats(0, 20)),
        "ward": st.sampled_from(["medical", "surgical", "intensive"]),
        "ward_team": st.sampled_from(["red", "blue", "x_y", None]),
    },
)


@pytest.fixture(scope="module")
def study(small_study):
    """The small study; every property is one of it."""
    assert len(small_study.train_ids) >= 600
    return small_study


def names(study, places):
    return [study.train_ids[place] for place in sorted(places)]


def same(refit, theta, atol=1e-9):
    np.testing.assert_allclose(refit.refitted.theta, theta, rtol=0, atol=atol)


def carried_on(study, refit, frame):
    """Return a study whose cohort and model are those after a refit."""
    cohort = replace(study.cohort, frame=frame)
    return replace(study, cohort=cohort, design=study.encoder.design(cohort), model=refit.model)


@FEW
@given(places=SOME)
def test_doing_what_is_so_already_changes_nothing(study, places):
    recorded = study.train_frame.loc[names(study, places)]
    so_already = (
        Remove([]),
        Relabel(recorded["readmitted"].to_dict()),
        Reweight(dict.fromkeys(recorded.index, 1.0)),
        *(Edit(name, row[["visits", "ward", "ward_team"]].to_dict()) for name, row in recorded.iterrows()),
    )
    np.testing.assert_array_equal(what_if(study, *so_already).refitted.theta, study.model.theta)


@FEW
@given(places=SOME)
def test_removed_and_added_back_is_as_before(study, places):
    gone = names(study, places)
    frame = study.cohort.frame.loc[gone]
    for back in (
        Add(copies_of=dict.fromkeys(gone, 1)),
        Add(frame),
        Add(frame.drop(columns="patient").reset_index(drop=True)),
    ):
        same(what_if(study, Remove(gone), back), study.model.theta)


@FEW
@given(places=SOME)
def test_a_weight_of_two_is_another_copy(study, places):
    chosen = names(study, places)
    heavy = what_if(study, Reweight(dict.fromkeys(chosen, 2.0)))
    copied = what_if(study, Add(copies_of=dict.fromkeys(chosen, 1)))
    same(copied, heavy.refitted.theta)
    audited = study.design.encounter_ids[study.split.audited[:5]]
    np.testing.assert_allclose(copied.risks(audited), heavy.risks(audited), rtol=1e-6, atol=1e-9)
    assert np.abs(copied.refitted.theta - study.model.theta).max() > 1e-6


@FEW
@given(places=SOME)
def test_relabelled_twice_is_as_before(study, places):
    chosen = names(study, places)
    labels = study.train_frame.loc[chosen, "readmitted"]
    once = what_if(study, Relabel((1 - labels).to_dict()))
    frame = study.cohort.frame.copy()
    frame.loc[chosen, "readmitted"] = 1 - labels
    twice = what_if(carried_on(study, once, frame), Relabel(labels.to_dict()))
    same(twice, study.model.theta)


@FEW
@given(places=st.sets(st.integers(0, 599), min_size=1, max_size=8), values=VALUES)
def test_edited_and_edited_back_is_as_before(study, places, values):
    chosen = names(study, places)
    once = what_if(study, *(Edit(name, values) for name in chosen))
    frame, recorded = study.cohort.frame.copy(), study.cohort.frame.loc[chosen, list(values)]
    for variable, value in values.items():
        frame.loc[chosen, variable] = value
    edited = carried_on(study, once, frame)
    same(what_if(edited), once.refitted.theta)
    back = what_if(edited, *(Edit(name, row.to_dict()) for name, row in recorded.iterrows()))
    same(back, study.model.theta)


@FEW
@given(places=SOME, data=st.data())
def test_the_order_of_actions_does_not_matter(study, places, data):
    chosen = names(study, places)
    groups = [chosen[k::6] for k in range(6)]
    actions = [
        Remove(groups[0]),
        Relabel(dict.fromkeys(groups[1], 1)),
        Reweight({name: 0.1 * k for k, name in enumerate(groups[2])}),
        *(Edit(name, data.draw(VALUES)) for name in groups[3][:2]),
        Add(copies_of=dict.fromkeys(groups[4], 2)) if groups[4] else Remove([]),
        Add(study.cohort.frame.iloc[study.split.confirm[:3]]),
    ]
    other = data.draw(st.permutations(actions))
    one, two = what_if(study, *actions), what_if(study, *other)
    np.testing.assert_array_equal(one.refitted.theta, two.refitted.theta)
    assert one == two


@FEW
@given(places=SOME, values=VALUES)
def test_an_edit_is_a_removal_and_an_addition(study, places, values):
    chosen = names(study, places)
    frame = study.cohort.frame.loc[chosen].copy()
    for variable, value in values.items():
        frame[variable] = value
    edited = what_if(study, *(Edit(name, values) for name in chosen))
    replaced = what_if(study, Remove(chosen), Add(frame))
    same(edited, replaced.refitted.theta)
    audited = study.design.encounter_ids[study.split.audited[:5]]
    np.testing.assert_allclose(edited.risks(audited), replaced.risks(audited), rtol=1e-6, atol=1e-8)
