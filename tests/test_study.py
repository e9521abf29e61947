"""A study says what is odd about its model, and refuses what no model can be made of."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clinflu import Add, Audit, Edit, Remove
from clinflu.analysis.groupings import groupings
from clinflu.errors import DataError, LoaderError, TooLargeError
from clinflu.study import Study


def with_values(cohort, **columns):
    return dataclasses.replace(cohort, frame=cohort.frame.assign(**columns))


def test_a_variable_that_records_the_outcome_is_suspected(small_cohort, small_study):
    leaking = with_values(small_cohort, visits=20.0 * small_cohort.outcome)
    assert "look for a variable that records the outcome" in " ".join(Study.fit(leaking).warnings)
    assert "records the outcome" not in " ".join(small_study.warnings)


def test_a_model_that_tells_nobody_apart_says_so(small_cohort):
    same = {spec.name: small_cohort.frame[spec.name].dropna().iloc[0] for spec in small_cohort.schema.features}
    warnings = " ".join(Study.fit(with_values(small_cohort, **same)).warnings)
    assert "gives every patient the same risk" in warnings


def test_a_variable_that_does_not_vary_is_named_in_every_trace(small_cohort):
    audit = Audit.fit(with_values(small_cohort, age_years=50.0))
    assert "age_years" not in audit.design.variables
    assert any("do not vary in training: Age." in note for note in audit.trace(audit.worst_miss()).notes)


def test_a_value_too_large_to_scale_is_named_by_its_column(small_cohort):
    platelets = small_cohort.frame["platelets"].to_numpy(copy=True)
    platelets[:] = np.where(np.arange(len(platelets)) % 2, platelets, 1e300)
    with pytest.raises(TooLargeError, match="'platelets'"):
        Study.fit(with_values(small_cohort, platelets=platelets))


def test_an_identifier_is_no_category(small_cohort):
    from clinflu.data import build_cohort

    rows = small_cohort.frame.reset_index().assign(ward_team=lambda frame: frame["encounter"])
    with pytest.raises(LoaderError, match="ward_team differ in most rows") as caught:
        build_cohort(rows, small_cohort.schema, small_cohort.provenance)
    assert rows["encounter"].iloc[0] not in str(caught.value)


def test_a_negative_seed_is_an_error(small_cohort):
    with pytest.raises(DataError, match="seed"):
        Study.fit(small_cohort, seed=-1)


def test_ids_that_are_no_action_are_an_error(small_study):
    with pytest.raises(DataError, match="wrap the ids"):
        Audit(small_study).what_if(["e0001"])


def test_baseline_scores_leave_the_model_and_every_answer_as_they_are(small_study, scored_cohort):
    without, scored = Audit(small_study), Audit.fit(scored_cohort)

    assert scored.study.fingerprint != without.study.fingerprint
    assert scored.design.columns == without.design.columns
    np.testing.assert_array_equal(scored.design.x, without.design.x)
    np.testing.assert_array_equal(scored.model.theta, without.model.theta)
    pd.testing.assert_frame_equal(scored.mistakes(), without.mistakes())
    worst = without.worst_miss()
    first, second = without.trace(worst), scored.trace(worst)
    pd.testing.assert_frame_equal(second.attribution, first.attribution)
    pd.testing.assert_frame_equal(second.influence.strongest(5), first.influence.strongest(5))
    records = scored_cohort.frame.iloc[scored.train_rows[:3]].reset_index(drop=True)
    for action, same in (
        (Remove([first.influence.strongest(1).index[0]]),) * 2,
        (Add(records), Add(records.drop(columns="lace"))),
    ):
        after, expected = scored.what_if(action).model, without.what_if(same).model
        np.testing.assert_array_equal(after.theta, expected.theta)
        assert (after.theta != without.model.theta).any()


def test_a_baseline_score_cannot_be_asked_for_edited_or_grouped_by(scored_cohort):
    audit = Audit.fit(scored_cohort)
    train = str(audit.study.train_ids[0])

    with pytest.raises(DataError, match="no recorded variable is called"):
        audit.what_if(Remove(query="lace > 3"))
    with pytest.raises(DataError, match="lace"):
        audit.what_if(Edit(train, {"lace": 0}))
    with pytest.raises(DataError, match="lace"):
        groupings(audit.study, ["lace"])
