"""The charts of a group hold the published values of its tables, and draw none that is withheld."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from clinflu.analysis.groupings import grouping, groupings
from clinflu.analysis.why import Members, why
from clinflu.analysis.why.records import (
    concentration_records,
    left_out_records,
    remedy_records,
    support_record,
    training_group_records,
    variable_records,
)
from clinflu.figures.theme import DOWN, UP
from clinflu.figures.why_figures import remedies_spec, training_groups_spec, variables_spec


@pytest.fixture(scope="module")
def found(small_study):
    one = grouping(small_study, "ward")
    members = Members.of(one, one.levels.index("surgical"))
    return why(small_study, members, by=groupings(small_study, ("ward", "ward_team", "visits")))


def sound(spec):
    json.dumps(spec, allow_nan=False)
    return go.Figure(spec)


def test_training_groups_are_drawn_refit_beside_estimate(found):
    records = training_group_records(found)
    figure = sound(training_groups_spec(records, title="Who harms it"))
    bars, dots = figure.data
    np.testing.assert_array_equal(bars.x, [one["loss_change"] for one in records])
    np.testing.assert_array_equal(dots.x, [one["estimate"] for one in records])
    assert list(figure.layout.yaxis.ticktext) == [one["group"] for one in records]
    assert list(bars.marker.color) == [UP if one["loss_change"] > 0 else DOWN for one in records]
    assert [one["direction"] for one in records] == sorted(one["direction"] for one in records)


def test_remedies_are_drawn_with_their_intervals_a_mark_a_side(found):
    records = remedy_records(found)
    figure = sound(remedies_spec(records, title="What would help"))
    assert [trace.name for trace in figure.data] == ["the group", "all others", "the group, confirming"]
    assert len(figure.layout.yaxis.ticktext) == len(found.remedies)
    for trace in figure.data:
        mine = [one for one in records if one["side"] == trace.name]
        np.testing.assert_array_equal(trace.x, [one["log_loss_change"] for one in mine])
        for x, up, down, one in zip(trace.x, trace.error_x.array, trace.error_x.arrayminus, mine, strict=True):
            if np.isfinite(one["log_loss_change_high"]):
                np.testing.assert_allclose(
                    [x - down, x + up], [one["log_loss_change_low"], one["log_loss_change_high"]]
                )
            else:
                assert up == down == 0


def test_variables_are_drawn_and_what_is_cut_is_one_bar(found):
    records = variable_records(found.gap, 3)
    figure = sound(variables_spec(records, title="What sets it apart", unit="log-odds"))
    (bars,) = figure.data
    np.testing.assert_allclose(sum(bars.x), found.gap.total)
    assert len(bars.x) == 4
    assert figure.layout.yaxis.ticktext[-1] == "All other variables"
    assert variable_records(None) == []


def test_what_is_withheld_is_not_drawn_and_no_value_becomes_markup():
    records = [
        {"group": "<img src=x onerror=alert(1)>", "loss_change": "withheld", "estimate": None},
        {"group": "b", "loss_change": -0.1, "estimate": float("nan")},
    ]
    figure = sound(training_groups_spec(records, title="<b>t</b>", simulated=True))
    assert list(figure.data[0].x) == [None, -0.1]
    assert list(figure.data[1].x) == [None, None]
    assert "<img" not in json.dumps(figure.to_dict()["layout"]["yaxis"], default=list)
    assert figure.layout.title.text == "&lt;b&gt;t&lt;/b&gt;"
    side = [{"remedy": "r", "side": "s", "log_loss_change": "withheld"}]
    assert list(sound(remedies_spec(side, title="t")).data[0].x) == [None]


def test_records_hold_what_was_found(found):
    assert [one["patients"] for one in left_out_records(found)] == [one.patients for one in found.patients.left_out]
    for record, one in zip(left_out_records(found), found.patients.left_out, strict=True):
        if found.excess.total > 0:
            np.testing.assert_allclose(record["share_of_excess"] * found.excess.total, -one.loss_change)
        else:
            assert record["share_of_excess"] is None
    assert [one["share"] for one in concentration_records(found)] == [one.share for one in found.patients.top]
    support = support_record(found)
    assert support["encounters"] + support["other_encounters"] == round(support["encounters"] / support["share"])
