"""Groupings put every encounter into exactly one group, and the name of the group says which."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.groupings import (
    UNCERTAIN,
    Grouping,
    crossed,
    default_groupings,
    grouping,
    groupings,
    known_groupings,
    merged,
)
from clinflu.data import CohortSchema, FeatureSpec, Provenance, build_cohort
from clinflu.data.shown import NOT_RECORDED
from clinflu.errors import DataError
from clinflu.study import Study

N = 900


def study_of(frame, *features, subgroups=()):
    """A study of N encounters, two a patient, whose outcome depends on nothing that is recorded."""
    rng = np.random.default_rng(0)
    keys = {"encounter": [f"e{k}" for k in range(N)], "patient": [f"p{k // 2}" for k in range(N)]}
    rows = pd.DataFrame({**keys, "readmitted": (rng.random(N) < 0.3).astype(int), "other": rng.normal(size=N), **frame})
    schema = CohortSchema("encounter", "patient", "readmitted", (*features, FeatureSpec("other", "Other")))
    schema = CohortSchema("encounter", "patient", "readmitted", schema.features, subgroups=subgroups)
    return Study.fit(build_cohort(rows, schema, Provenance("small", "0" * 64, "none", N, simulated=True)))


def of_numbers(values):
    return study_of({"count": values}, FeatureSpec("count", "Count", bounds=(-np.inf, np.inf)))


def of_ages(values):
    return study_of({"age": values}, FeatureSpec("age", "Age", unit="years"))


def of_bands(values):
    return study_of({"age": values}, FeatureSpec("age", "Age", levels=()))


def named(one):
    """Name of the group of each encounter."""
    return np.array(one.levels, dtype=object)[one.codes]


def says(name, value):
    """Whether the name of a band says that a whole or broken number is in it."""
    if name == NOT_RECORDED:
        return not np.isfinite(value)
    number = r"(-?\d+(?:\.\d+)?)"
    rules = {
        r"any value": lambda: True,
        number: lambda a: value == a,
        rf"up to {number}": lambda a: value <= a,
        rf"{number} or more": lambda a: value >= a,
        rf"over {number}": lambda a: value > a,
        rf"{number} to {number}": lambda a, b: a <= value <= b,
        rf"over {number} to {number}": lambda a, b: a < value <= b,
        rf"under {number}": lambda a: value < a,
        rf"children \(under {number}\)": lambda a: value < a,
        rf"{number} and over": lambda a: value >= a,
        r"90\+": lambda: value >= 90,
    }
    found = [rule(*map(float, match.groups())) for form, rule in rules.items() if (match := re.fullmatch(form, name))]
    assert len(found) == 1, name
    return np.isfinite(value) and found[0]


@pytest.fixture(params=["small", "simulated"])
def study(request):
    if request.param == "small":
        return request.getfixturevalue("small_study")
    return request.getfixturevalue("simulated_audit").study


def test_every_grouping_is_a_partition_with_names_apart(study):
    for one in groupings(study, known_groupings(study)):
        assert one.codes.shape == (len(study.cohort.frame),)
        assert one.codes.dtype == np.intp
        assert len(set(one.levels)) == len(one.levels)
        assert set(one.codes) == set(range(len(one.levels))), "a level that no encounter has"
        assert one.parts == (one.key,)
        assert one.label


def test_categories_are_those_recorded_and_what_is_missing_comes_last(small_study):
    frame = small_study.cohort.frame
    one = grouping(small_study, "ward_team")
    expected = frame["ward_team"].astype(object).where(frame["ward_team"].notna(), NOT_RECORDED)
    assert list(named(one)) == list(expected)
    assert one.levels == ("blue", "red", "x_y", NOT_RECORDED)
    assert not one.ordered
    ward = grouping(small_study, "ward")
    assert ward.levels == ("medical", "surgical", "intensive"), "declared order, and nobody was in burns"
    assert ward.ordered


@pytest.mark.parametrize("key", ["visits", "platelets", "creatinine"])
def test_bands_say_what_is_in_them(small_study, key):
    values = small_study.cohort.frame[key].to_numpy(dtype=float, na_value=np.nan)
    one = grouping(small_study, key)
    assert one.ordered
    assert all(says(name, value) for name, value in zip(named(one), values, strict=True))
    if key == "creatinine":
        assert (one.levels[-1] == NOT_RECORDED) == np.isnan(values).any()
    if key != "visits":
        train = named(one)[small_study.split.train]
        counts = pd.Series(train[train != NOT_RECORDED]).value_counts(normalize=True)
        np.testing.assert_allclose(counts, 0.25, atol=0.01)


@pytest.mark.parametrize(
    ("draw", "levels"),
    [
        (lambda rng: rng.integers(0, 3, N), ("0", "1", "2 or more")),
        (lambda rng: rng.integers(2, 5, N), ("up to 2", "3", "4 or more")),
        (lambda rng: rng.choice([0, 5, 9], N), ("0", "1 to 5", "6 or more")),
        (lambda rng: rng.choice([0.5, 1.5], N), ("up to 0.5", "over 0.5")),
        (lambda rng: np.where(rng.random(N) < 0.9, 0, rng.integers(1, 40, N)), ("0", "1 or more")),
        (lambda rng: rng.permutation(np.arange(N) % 40), ("up to 9", "10 to 19", "20 to 29", "30 or more")),
    ],
)
def test_whole_numbers_have_whole_bands(draw, levels):
    values = draw(np.random.default_rng(1))
    one = grouping(of_numbers(values), "count")
    assert all(says(name, value) for name, value in zip(named(one), values, strict=True))
    if levels[0] != "up to 9":
        assert one.levels == levels
    else:
        assert len(one.levels) == 4, "quartiles of the training encounters, near those of all"


def test_neither_the_smallest_nor_the_largest_value_is_told():
    values = np.random.default_rng(2).integers(40, 160, N).astype(float)
    values[:2] = 17, 251
    for drawn in (values, values + 0.25):
        text = " ".join(grouping(of_numbers(drawn), "count").levels)
        assert not re.search(r"\b(17|251)", text)


def test_a_number_that_training_never_saw_is_in_a_band_too():
    values = np.random.default_rng(3).integers(0, 4, N).astype(float)
    study = of_numbers(values)
    outside = study.split.confirm[:3]
    values[outside] = -2, 77, np.nan
    found = named(grouping(of_numbers(values), "count"))[outside]
    assert list(found[1:]) == ["3 or more", NOT_RECORDED]
    unit = study_of({"count": values}, FeatureSpec("count", "Stay", unit="days"))
    assert grouping(unit, "count").label == "Stay (days)"


def test_exact_ages_have_children_under_18_and_bands_of_ten_years():
    rng = np.random.default_rng(4)
    ages = rng.integers(0, 105, N).astype(float) + rng.choice([0.0, 0.5], N)
    study = of_ages(ages)
    assert known_groupings(study)[:2] == ("age_group", "under_10")
    by_group, ten, under = (grouping(study, key) for key in ("age_group", "age", "under_10"))
    assert by_group.levels == ("children (under 18)", "18 to 39", "40 to 64", "65 to 79", "80 and over")
    assert ten.levels == ("under 10", *(f"{low} to {low + 9}" for low in range(10, 90, 10)), "90+")
    assert under.levels == ("under 10", "10 and over")
    for one in (by_group, ten, under):
        assert all(says(name, age) for name, age in zip(named(one), np.floor(ages), strict=True))
        assert one.ordered


def test_an_age_that_is_missing_is_in_no_band():
    ages = np.random.default_rng(5).integers(0, 95, N).astype(float)
    ages[::10] = np.nan
    for key in ("age_group", "age", "under_10"):
        one = grouping(of_ages(ages), key)
        assert set(named(one)[::10]) == {one.levels[-1]}
        assert one.levels[-1] not in set(named(one)[1::10])


def test_bands_of_ten_years_have_children_under_20_and_60_for_65(simulated_audit):
    study = simulated_audit.study
    low = study.cohort.frame["age"].astype(str).str.extract(r"\[(\d+)-")[0].astype(float).to_numpy()
    one = grouping(study, "age_group")
    expected = pd.cut(low, [-1, 19, 39, 59, 79, 200], labels=False)
    assert one.levels == ("children (under 20)", "20 to 39", "40 to 59", "60 to 79", "80 and over")
    assert list(one.codes) == list(expected)
    under = grouping(study, "under_10")
    assert under.levels == ("under 10", "10 and over")
    assert list(named(under) == "under 10") == list(low < 10)
    recorded = grouping(study, "age")
    assert recorded.levels[0] == "[0-10)"
    assert recorded.levels[-1] == "90+", "nobody is seen to be 90 to 100"
    assert list(named(recorded) == "90+") == list(low >= 90)
    assert default_groupings(study) == ("age_group", "under_10", *study.cohort.schema.subgroups)
    assert [one.key for one in groupings(study)] == list(default_groupings(study))


def test_a_band_that_spans_two_groups_is_in_neither():
    bands = np.random.default_rng(6).choice(["[0-10)", "[10-30)", "[30-50)", "[50-70)", "[70-90)"], N)
    one = grouping(of_bands(bands), "age_group")
    assert one.levels[-1] == UNCERTAIN
    by_band = dict(zip(bands, named(one), strict=True))
    assert by_band["[10-30)"] == by_band["[30-50)"] == UNCERTAIN
    assert by_band["[0-10)"].startswith("children")
    assert set(by_band) == set(bands)


def test_without_an_age_there_is_no_age_group(small_cohort):
    study = of_numbers(np.arange(N) % 7)
    assert known_groupings(study) == ("count", "other")
    assert groupings(study) == ()
    assert default_groupings(Study.fit(small_cohort)) == ("age_group", "under_10", "ward")


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("wrad", r"no recorded variable is called 'wrad'; did you mean 'ward'\?; there are: age_group, under_10, age_"),
        ("ward*visitz", r"'visitz'; did you mean 'visits'"),
        ("", "no recorded variable is called ''"),
        ("ward*", "no recorded variable is called ''"),
        ("ward*ward", "two or three different variables, such as"),
        ("ward*visits*age_group*ward_team", "two or three different variables"),
        (7, "give a list of variables"),
        (["ward", 3], "no recorded variable is called '3'"),
    ],
)
def test_what_cannot_be_grouped_by_says_so(small_study, by, message):
    with pytest.raises(DataError, match=message):
        groupings(small_study, by)


def test_what_is_asked_twice_is_there_once_and_a_single_text_will_do(small_study):
    assert [one.key for one in groupings(small_study, ["visits", "ward", "visits"])] == ["visits", "ward"]
    assert [one.key for one in groupings(small_study, "ward * age_group")] == ["ward*age_group"]


def test_an_intersection_is_the_pairs_that_occur(small_study):
    one = grouping(small_study, "age_group*ward*ward_team")
    parts = [named(grouping(small_study, key)) for key in one.parts]
    assert one.parts == ("age_group", "ward", "ward_team")
    assert list(named(one)) == [" × ".join(three) for three in zip(*parts, strict=True)]
    assert len(set(one.levels)) == len(one.levels) == len(set(one.codes))
    assert one.label == "Age group × Ward × Team"


def test_merged_levels_keep_every_encounter():
    codes = np.array([0, 1, 2, 3, 2, 1, 0])
    one = Grouping("a", "A", ("w", "x", "y", "z"), codes, ordered=True)
    found = merged(one, [(0, 3), (1,), (2,)], ("w or z", "x", "y"))
    assert list(named(found)) == ["w or z", "x", "y", "w or z", "y", "x", "w or z"]
    assert (found.key, found.label, found.ordered) == ("a", "A", True)
    assert list(one.codes) == list(codes), "the first is as it was"
    both = crossed(found, one)
    assert both.levels == ("w or z × w", "w or z × z", "x × x", "y × y")


def test_texts_of_the_data_stay_texts():
    made = partial(np.random.default_rng(7).choice, size=N)
    names = ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "a*b"]
    study = study_of({"text": made(names)}, FeatureSpec("text", "Text", levels=()))
    assert set(grouping(study, "text").levels) == set(names)
    assert len(grouping(study, "text*other").parts) == 2
