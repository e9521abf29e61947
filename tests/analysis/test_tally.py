"""Past patients are counted as a plain table counts them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.analysis.tally import FEWEST_SHOWN, LEAST_LIFT, NAMED, Shared, shared_groups, tally


@pytest.fixture(scope="module")
def study(small_cohort):
    schema = replace(small_cohort.schema, subgroups=("ward", "ward_team"))
    return Audit.fit(replace(small_cohort, schema=schema)).study


def recorded(study, variable):
    return study.train_frame[variable].astype(object).where(study.train_frame[variable].notna(), "missing")


def counts_by_hand(study, variable, rows):
    return recorded(study, variable).iloc[rows].value_counts()


@pytest.mark.parametrize("variable", ["ward", "ward_team"])
def test_levels_are_counted_in_training_and_among_those_shown(study, variable):
    rng = np.random.default_rng(2)
    shown = {"toward": rng.choice(len(study.train.y), 10, replace=False), "against": np.array([], dtype=int)}
    counted = tally(study, variable, shown)
    values = recorded(study, variable)
    outcome = study.train_frame["readmitted"]
    assert list(counted.index) == sorted(values.unique())
    assert ("missing" in counted.index) == (variable == "ward_team")
    assert counted.index.name == variable
    for level, line in counted.iterrows():
        members = values == level
        assert line["training"] == members.sum()
        assert line["events"] == outcome[members].sum()
        assert line["toward"] == members.iloc[shown["toward"]].sum()
        assert line["against"] == 0
    assert counted["training"].sum() == len(values)
    assert list(counted.columns) == ["training", "events", "toward", "against"]


def groups_by_hand(study, rows):
    """Return the groups that stand out, by the table alone."""
    found = []
    for variable in ("ward", "ward_team"):
        values, outcome = recorded(study, variable), study.train_frame["readmitted"]
        for level, of_shown in values.iloc[rows].value_counts().sort_index().items():
            members = values == level
            lift = (of_shown / len(rows)) / members.mean()
            if of_shown >= 2 and lift >= 2:
                label = study.cohort.schema.feature(variable).label
                found.append((lift, variable, label, level, of_shown, members.sum(), outcome[members].sum()))
    return sorted(found, key=lambda one: -one[0])[:3]


def test_groups_that_stand_out_are_found_by_their_lift(study):
    rng, seen = np.random.default_rng(4), set()
    rare = np.flatnonzero(recorded(study, "ward") == "intensive")
    missing = np.flatnonzero(recorded(study, "ward_team") == "missing")
    for trial in range(60):
        others = rng.choice(len(study.train.y), 8, replace=False)
        rows = np.unique(np.concatenate([others, rng.choice(rare, trial % 4), rng.choice(missing, trial % 6)]))
        shown, wanted = shared_groups(study, rows), groups_by_hand(study, rows)
        assert [(one.variable, one.level) for one in shown] == [(one[1], one[3]) for one in wanted]
        for one, (lift, _, label, _, of_shown, training, events) in zip(shown, wanted, strict=True):
            assert one.lift == pytest.approx(lift)
            counts = one.label, one.of_shown, one.shown, one.training, one.events
            assert counts == (label, of_shown, len(rows), training, events)
        seen |= {(one.variable, one.level) for one in shown}
    assert {("ward", "intensive"), ("ward_team", "missing")} <= seen


def test_one_of_them_alone_is_no_group(study):
    rare = np.flatnonzero(recorded(study, "ward") == "intensive")
    common = np.flatnonzero(recorded(study, "ward") == "medical")
    alone = shared_groups(study, np.array([rare[0], *common[:9]]))
    assert ("ward", "intensive") not in [(one.variable, one.level) for one in alone]
    two = shared_groups(study, np.array([*rare[:2], *common[:8]]))
    assert ("ward", "intensive") in [(one.variable, one.level) for one in two]


def test_what_all_have_does_not_stand_out(study):
    assert shared_groups(study, np.arange(len(study.train.y))) == ()


def test_of_nobody_there_are_no_groups(study):
    assert shared_groups(study, np.array([], dtype=int)) == ()


def test_without_subgroups_there_are_none(small_cohort):
    alone = Audit.fit(replace(small_cohort, schema=replace(small_cohort.schema, subgroups=()))).study
    assert shared_groups(alone, np.arange(10)) == ()


def test_at_most_three_are_named(study, monkeypatch):
    monkeypatch.setattr("clinflu.analysis.tally.LEAST_LIFT", 0.0)
    rows = np.arange(200)
    shown = shared_groups(study, rows)
    assert len(shown) == NAMED == 3
    assert [one.lift for one in shown] == sorted((one.lift for one in shown), reverse=True)
    everything = pd.concat([counts_by_hand(study, name, rows) for name in ("ward", "ward_team")])
    assert (everything >= FEWEST_SHOWN).sum() > NAMED
    assert LEAST_LIFT == 2.0


def test_a_group_is_said_in_one_sentence():
    one = Shared("ward", "Ward", "[90-100)", 4, 10, 1_234, 1, 3.1)
    assert one.words("readmitted", "90+") == (
        "4 of these 10 share Ward 90+: 1 of the 1,234 such encounters in training was readmitted."
    )
    many = replace(one, events=1_000)
    assert "1,000 of the 1,234 such encounters in training were <b>." in many.words("<b>", "x")
    assert "0 of the 1,234 such encounters in training were" in replace(one, events=0).words("readmitted", "x")
