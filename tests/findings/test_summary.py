"""The plain words say no more than was measured."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.subgroups import Bootstrap, Difference, Estimate
from clinflu.analysis.why.words import Found
from clinflu.findings.explained import explained_groups
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import summary


@pytest.fixture(scope="module")
def internal(simulated_audit):
    return Material(simulated_audit, Options(bootstrap=Bootstrap(50), internal=True))


@pytest.fixture(scope="module")
def why(simulated_audit):
    found = simulated_audit.why("gender", "Female", by=("gender", "age"))
    harmful = found.groups.harmful or found.groups.helpful
    return replace(found, groups=replace(found.groups, harmful=harmful))


@pytest.fixture(scope="module")
def weak(internal):
    one = internal.weak.found[0]
    wrong = replace(one, confirm=replace(one.confirm, excess_loss=0.10, beyond_risk=0.08))
    right = replace(one, confirm=replace(one.confirm, excess_loss=0.10, beyond_risk=0.01))
    return {"wrong": wrong, "right": right}


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        (["right", "right"], "not because the risks are wrong"),
        (["wrong"], "those risks are wrong"),
        (["right", "wrong"], "In 1 of those shown, marked in the table, most of it is more"),
    ],
)
def test_the_error_of_weak_subgroups_is_put_down_to_what_was_measured(weak, kinds, says):
    assert says in summary._of_their_risks(tuple(weak[kind] for kind in kinds))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (("confirmed", False), "predicts it better, also on patients who chose nothing"),
        (("confirmed", True), "brings its risks nearer to what happened, also on patients who chose nothing"),
        (("not confirmed", False), "predicts it better where it was tried, but not on"),
        (("not confirmed", True), "nearer to what happened where it was tried, but not on"),
    ],
)
def test_the_reason_is_told_as_it_was_found(why, monkeypatch, found, says):
    kind, by_level = found
    why = replace(why, finding=kind)
    monkeypatch.setattr(summary, "finding", lambda *_: Found(kind, why.groups.harmful[0], by_level=by_level))
    assert says in summary._why(why)


@pytest.mark.parametrize(("difficulty", "harder"), [(0.09, True), (0.01, False)])
def test_a_group_is_harder_to_predict_only_where_that_is_most_of_it(why, difficulty, harder):
    excess = replace(why.excess, group=0.4, rest=0.3, difficulty=difficulty)
    said = summary._why(replace(why, finding="unexplained", excess=excess))
    assert ("harder to predict" in said) is harder


OFF = {"calibration_intercept": Estimate(0.3, 0.1, 0.5), "calibration_slope": Estimate(0.7, 0.5, 0.9)}


@pytest.mark.parametrize(
    ("estimates", "says"),
    [
        ({"calibration_intercept": OFF["calibration_intercept"]}, "intercept +0.30: its risks are too low"),
        ({"calibration_slope": OFF["calibration_slope"]}, "slope 0.70: its risks are too extreme"),
        (
            {
                "calibration_slope": Estimate(withheld="too few events"),
                "calibration_intercept": OFF["calibration_intercept"],
            },
            "intercept",
        ),
    ],
)
def test_how_a_subgroup_is_failed_is_what_made_it_one_of_them(internal, estimates, says):
    one = internal.table.groups[0]
    calm = {"oe": Estimate(1.0, 0.9, 1.1), "calibration_intercept": Estimate(0.0, -0.1, 0.1)}
    calm["calibration_slope"] = Estimate(1.0, 0.9, 1.1)
    how = summary._how(
        replace(
            one,
            estimates={**one.estimates, **calm, **estimates},
            differences={**one.differences, "auroc": Difference(0.01, -0.01, 0.03, 0.3, 0.4)},
        )
    )
    assert says in how
    assert "nan" not in how
    assert "O:E" not in how


def test_groups_of_equal_counts_are_two_unless_they_are_the_same_encounters(internal):
    table = internal.table
    one = table.groups[0]
    failing = replace(
        one,
        estimates={**one.estimates, **OFF},
        differences={**one.differences, "calibration_intercept": Difference(0.3, 0.1, 0.5, 0.001, 0.001)},
    )
    groups = tuple(replace(failing, variable=key, level="yes") for key in ("one", "same", "other"))
    codes = np.arange(len(internal.study.design.y)) % 2
    compared = tuple(
        Grouping(key, key, ("no", "yes"), codes if key != "other" else 1 - codes) for key in ("one", "same", "other")
    )
    found = explained_groups(replace(table, groups=groups), compared, most=None)
    assert [group.variable for group in found] == ["one", "other"]
