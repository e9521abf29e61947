"""The age is found, read in years as far as it is certain, and never shown beyond 89."""

from math import inf

import numpy as np
import pandas as pd
import pytest

from clinflu.data import Cohort, CohortSchema, FeatureSpec, Provenance
from clinflu.data.age import (
    age_band,
    age_bands,
    age_bounds,
    age_feature,
    child_words,
    is_65_and_over,
    is_age,
    is_child,
    over_65_words,
    says_age,
    shown_age,
)
from clinflu.data.shown import NOT_RECORDED, recorded_text, shown, shown_value

TEN_YEARS = tuple(f"[{start}-{start + 10})" for start in range(0, 100, 10))
HOSPITAL = ("<1", "1-17", "18-64", "65-89", "> 89", "unknown")
HOSTILE = ("<img src=x onerror=alert(1)>", "9" * 400, "[" * 200, "\x00", "٣٠-٤٠", "1e999", "-5", "[20-10)", "NaN", "")


def cohort_of(spec, values):
    frame = pd.DataFrame(
        {"patient": "p", "event": 0, spec.name: values}, index=[f"e{place}" for place in range(len(values))]
    )
    schema = CohortSchema("encounter", "patient", "event", (spec,))
    return Cohort(frame, schema, Provenance("test", "0" * 64, "none", len(frame)))


def bands_of(levels, values=None):
    return cohort_of(FeatureSpec("age", "Age", levels=levels), pd.Series(values or levels, dtype="str").to_numpy())


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("[10-20)", 10, 20),
        ("[10, 20)", 10, 20),
        ("10-19", 10, 20),
        ("10–19", 10, 20),
        ("10 to 19 years", 10, 20),
        ("0-<18", 0, 18),
        ("(10-20]", 11, 21),
        ("(64.0, 75.0]", 64, 75),
        ("<1", 0, 1),
        ("< 18", 0, 18),
        ("<=17", 0, 18),
        ("≤ 17", 0, 18),
        ("under 18 years", 0, 18),
        ("90+", 90, inf),
        (">89", 90, inf),
        ("> 89", 90, inf),
        (">= 90", 90, inf),
        ("65 and over", 65, inf),
        ("65 years or older", 65, inf),
        ("Over 64", 65, inf),
        ("[90-100)", 90, 100),
        ("93", 93, 94),
        ("aged 93", 93, 94),
        ("93 y", 93, 94),
        ("17.5", 17.5, 18),
    ],
)
def test_a_band_is_read_in_whole_years(text, low, high):
    band = age_band(text)
    assert (band.low, band.high) == (low, high)


@pytest.mark.parametrize("text", [*HOSTILE, "unknown", "Norm", "2010-2019", "None", "1-2-3"])
def test_what_is_no_band_is_none(text):
    assert age_band(text) is None


def test_bands_that_share_their_ends_do_not_overlap():
    bands = age_bands(["0-10", "10-20", "20-30"])
    assert [(one.low, one.high) for one in bands.values()] == [(0, 10), (10, 20), (20, 31)]
    bands = age_bands(["0-9", "10-19"])
    assert [(one.low, one.high) for one in bands.values()] == [(0, 10), (10, 20)]


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("age", "Age", None),
        ("age_years", "Age", "years"),
        ("age_at_admission", "Age", "year"),
        ("AGE", "AGE", "a"),
        ("anchor_age", "anchor_age", None),
        ("ageAtAdmission", "Since birth", "Years"),
        ("x1", "Age of the patient", "yr"),
    ],
)
def test_a_number_of_years_that_says_age_is_the_age(name, label, unit):
    spec = FeatureSpec(name, label, unit=unit)
    other = FeatureSpec("stage", "Stage")
    assert age_feature(CohortSchema("e", "p", "y", (other, spec))) is spec


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("stage", "Tumour stage", None),
        ("dosage", "Dosage", "years"),
        ("management", "Management", None),
        ("age_days", "Age", "days"),
        ("charlson", "Age-adjusted Charlson index", None),
        ("survival", "Survival", "years"),
        ("alter", "Alter", "years"),
    ],
)
def test_no_other_number_is(name, label, unit):
    assert age_feature(CohortSchema("e", "p", "y", (FeatureSpec(name, label, unit=unit),))) is None


@pytest.mark.parametrize("levels", [TEN_YEARS, HOSPITAL, ("0-17", "18+"), tuple(map(str, range(100)))])
def test_bands_that_are_called_age_are_the_age(levels):
    for name, label in (("age", "Age"), ("age_group", "age_group"), ("agegrp", "Group"), ("x", "Age band")):
        spec = FeatureSpec(name, label, levels=levels)
        assert age_feature(CohortSchema("e", "p", "y", (spec,))) is spec


def test_bands_that_nothing_calls_age_are_it_only_if_they_span_a_life():
    for levels in (TEN_YEARS, HOSPITAL):
        spec = FeatureSpec("Altersgruppe", "Altersgruppe", levels=levels)
        assert age_feature(CohortSchema("e", "p", "y", (spec,))) is spec
        assert is_age(spec)
    for levels in (("None", "Norm", ">7", ">8"), ("1-3", "4-7", "8-14", "15+"), ("<80", "80-89", "90-99", "100+")):
        spec = FeatureSpec("lab", "Laboratory", levels=levels)
        assert age_feature(CohortSchema("e", "p", "y", (spec,))) is None


def test_learned_levels_are_those_of_the_frame():
    cohort = bands_of((), list(TEN_YEARS))
    assert age_feature(cohort.schema) is None
    assert age_feature(cohort.schema, cohort.frame) is cohort.schema.features[0]
    other = bands_of((), ["red", "blue", "10-19"])
    assert age_feature(other.schema, other.frame) is None


def test_the_patients_own_age_comes_before_that_of_others():
    mother = FeatureSpec("maternal_age", "Mother's age", unit="years")
    band = FeatureSpec("age_band", "Age band", levels=TEN_YEARS)
    own = FeatureSpec("age", "Age", unit="years")
    assert age_feature(CohortSchema("e", "p", "y", (FeatureSpec("sex", "Sex", levels=()), band, own))) is own
    assert age_feature(CohortSchema("e", "p", "y", (mother, band))) is band


def test_numbers_are_whole_years_and_what_is_no_age_is_not_known():
    cohort = cohort_of(
        FeatureSpec("age", "Age", unit="years"), [0.4, 17.99, 18.0, 64.9, 65.0, 300.0, np.nan, -3.0, inf]
    )
    low, high = age_bounds(cohort)
    np.testing.assert_array_equal(low, [0, 17, 18, 64, 65, 300, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(high, low + 1)
    np.testing.assert_array_equal(is_child(cohort), [True, True, *[False] * 7])
    np.testing.assert_array_equal(is_65_and_over(cohort), [*[False] * 4, True, True, *[False] * 3])
    assert (child_words(cohort), over_65_words(cohort)) == ("under 18", "65 and over")


def test_ten_year_bands_say_what_is_certain():
    cohort = bands_of(TEN_YEARS, ["[0-10)", "[10-20)", "[20-30)", "[60-70)", "[70-80)", "[90-100)", None])
    low, high = age_bounds(cohort)
    np.testing.assert_array_equal(low, [0, 10, 20, 60, 70, 90, np.nan])
    np.testing.assert_array_equal(high, [10, 20, 30, 70, 80, 100, np.nan])
    np.testing.assert_array_equal(is_child(cohort), [True, True, *[False] * 5])
    np.testing.assert_array_equal(is_65_and_over(cohort), [*[False] * 4, True, True, False])
    assert child_words(cohort) == "under 20"
    assert over_65_words(cohort) == "65 and over (recorded in bands: from 70)"


def test_bands_with_an_end_at_18_and_65_are_exact():
    cohort = bands_of(HOSPITAL)
    np.testing.assert_array_equal(is_child(cohort), [True, True, *[False] * 4])
    np.testing.assert_array_equal(is_65_and_over(cohort), [False, False, False, True, True, False])
    assert (child_words(cohort), over_65_words(cohort)) == ("under 18", "65 and over")


def test_where_no_band_is_certainly_65_it_says_so():
    cohort = bands_of(("0-59", "60+"))
    assert not is_65_and_over(cohort).any()
    assert over_65_words(cohort) == "65 and over (recorded in bands: never certain)"


def test_a_cohort_without_an_age_has_neither_children_nor_old_patients():
    cohort = cohort_of(FeatureSpec("ward", "Ward", levels=()), ["red", "blue"])
    assert np.isnan(age_bounds(cohort)).all()
    assert not is_child(cohort).any()
    assert not is_65_and_over(cohort).any()
    assert (child_words(cohort), over_65_words(cohort)) == ("under 18", "65 and over")


def test_hostile_and_thousands_of_levels_never_raise():
    levels = [*HOSTILE, *(f"{place}<b>" for place in range(5_000))]
    for values in (levels, [*HOSTILE[:3], *TEN_YEARS]):
        cohort = bands_of((), values)
        for flags in (is_child(cohort), is_65_and_over(cohort)):
            assert flags.shape == (len(values),)
        assert child_words(cohort).startswith("under")
        assert over_65_words(cohort).startswith("65 and over")
    assert [shown_age(one) for one in HOSTILE] == list(HOSTILE)


@pytest.mark.parametrize("values", [pd.Categorical(TEN_YEARS), np.array(TEN_YEARS, dtype=object)])
def test_any_kind_of_column_can_be_read(values):
    cohort = cohort_of(FeatureSpec("age", "Age", levels=()), values)
    np.testing.assert_array_equal(age_bounds(cohort)[0], range(0, 100, 10))


def test_simulated_children_are_those_in_the_first_two_bands(simulated_cohort):
    child = simulated_cohort.frame["age"].isin(("[0-10)", "[10-20)"))
    np.testing.assert_array_equal(is_child(simulated_cohort), child)
    assert child.any()


@pytest.mark.parametrize(
    ("recorded", "seen"),
    [
        (89, 89),
        (89.0, 89.0),
        (90, "90+"),
        (np.float64(93.5), "90+"),
        (np.int64(101), "90+"),
        (300.0, "90+"),
        ("[80-90)", "[80-90)"),
        ("[90-100)", "90+"),
        ("90-94", "90+"),
        (">89", "90+"),
        ("90+", "90+"),
        ("93", "90+"),
        ("80+", "80+"),
        ("unknown", "unknown"),
        (None, None),
        (True, True),
    ],
)
def test_an_age_over_89_is_shown_as_90_and_over(recorded, seen):
    assert shown_age(recorded) == seen


def test_missing_ages_stay_missing():
    assert shown_age(pd.NA) is pd.NA
    assert np.isnan(shown_age(np.nan))


AGE = FeatureSpec("age", "Age", unit="years")
BAND = FeatureSpec("age_band", "Age", levels=TEN_YEARS)
TESTS = FeatureSpec("tests", "Laboratory tests", unit="tests")


@pytest.mark.parametrize(
    ("spec", "recorded", "seen"),
    [
        (AGE, 93.0, "90+ years"),
        (AGE, 72.0, "72 years"),
        (AGE, np.nan, NOT_RECORDED),
        (BAND, "[90-100)", "90+"),
        (BAND, "[80-90)", "[80-90)"),
        (BAND, "missing", "missing"),
        (BAND, None, NOT_RECORDED),
        (TESTS, 93.0, "93 tests"),
        (FeatureSpec("saturation", "Saturation", levels=()), "[90-100)", "[90-100)"),
        (FeatureSpec("age_days", "Age", unit="days"), 120.0, "120 days"),
        (FeatureSpec("ward", "Ward", levels=()), "a\x1bb", "a b"),
    ],
)
def test_a_recorded_value_is_shown_with_its_unit(spec, recorded, seen):
    assert shown(spec, recorded) == seen
    known = shown_value(recorded, spec.name, spec.label, spec.unit)
    assert recorded_text(known, spec.unit) == seen


def test_a_missing_unit_is_none():
    assert shown_value(93.0, "age", "Age", np.nan) == "90+"
    assert shown_value(93.0, "age", "Age", "days") == 93.0
    assert says_age("x", "y", None) is False
