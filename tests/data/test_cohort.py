"""A cohort holds what it was given, knows where it comes from, and refuses what does not fit its schema."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu.data import (
    BaselineSpec,
    Cohort,
    CohortSchema,
    Exclusion,
    FeatureSpec,
    PlantedCause,
    Provenance,
    build_cohort,
)
from clinflu.data import cohort as cohort_module
from clinflu.errors import DataError, LoaderError

SEX = FeatureSpec("sex", "Sex", levels=("F", "M"))
AGE = FeatureSpec("age", "Age", unit="years", bounds=(0, 120))
SCHEMA = CohortSchema("visit", "person", "event", (AGE, SEX), subgroups=("sex",))
LACE = BaselineSpec("lace", "LACE~ (approximate)", approximate=True, note="No emergency visits.", largest=15)
SCORED = replace(SCHEMA, baselines=(LACE,))


def rows(**columns):
    good = {
        "visit": ["v1", "v2", "v3"],
        "person": ["a", "a", "b"],
        "event": [0, 1, 0],
        "age": [70, 71, None],
        "sex": ["F", "F", None],
        "other": ["x", "y", "z"],
    }
    return pd.DataFrame({**good, **columns})


def provenance(rows_read=5, *excluded):
    exclusions = excluded or (Exclusion("died", 1), Exclusion("hospice", 1))
    return Provenance("t.csv", "0" * 64, "table", rows_read, exclusions)


@pytest.fixture
def cohort():
    return build_cohort(rows(), SCHEMA, provenance())


def test_a_cohort_is_indexed_by_encounter_and_holds_the_schema_alone(cohort):
    assert cohort.frame.index.tolist() == ["v1", "v2", "v3"]
    assert list(cohort.frame.columns) == ["person", "event", "age", "sex"]
    assert cohort.patients.tolist() == ["a", "a", "b"]
    assert cohort.outcome.tolist() == [0, 1, 0]
    assert cohort.outcome.dtype == "int8"


def test_the_flowchart_runs_from_the_rows_read_to_those_at_risk(cohort):
    assert cohort.provenance.flowchart() == (
        ("encounters read", 5),
        ("excluded: died", 1),
        ("excluded: hospice", 1),
        ("encounters at risk", 3),
    )


def test_a_flowchart_that_does_not_add_up_is_refused():
    with pytest.raises(LoaderError, match="the flowchart ends at 4 encounters, but 3 were given"):
        build_cohort(rows(), SCHEMA, provenance(6))


def test_an_encounter_is_found_by_its_id_and_a_wrong_id_is_not_repeated(cohort):
    assert [cohort.position(encounter) for encounter in ("v1", "v3")] == [0, 2]
    with pytest.raises(DataError, match=r"\(3 encounters from t\.csv\) has no encounter") as caught:
        cohort.position("4711")
    assert "4711" not in str(caught.value)


def test_rows_are_named_by_their_place_in_the_source():
    broken = rows(sex=["F", "x", "M"])
    with pytest.raises(LoaderError, match="row 2, column 'sex'"):
        build_cohort(broken, SCHEMA, provenance())
    with pytest.raises(LoaderError, match="row 17, column 'sex'"):
        build_cohort(broken, SCHEMA, provenance(), source_rows=pd.Series([15, 17, 30]))


def test_absent_columns_and_empty_tables_are_refused():
    with pytest.raises(LoaderError, match=r"t\.csv lacks the columns visit, sex; check"):
        build_cohort(rows().drop(columns=["visit", "sex"]), SCHEMA, provenance())
    with pytest.raises(LoaderError, match="holds no encounters at risk; check"):
        build_cohort(rows().head(0), SCHEMA, provenance(2))


def test_the_content_hash_follows_the_content_alone(cohort):
    same = Cohort(cohort.frame.copy(), SCHEMA, Provenance("u.csv", "1" * 64, "other", 3))
    assert same.content_hash == cohort.content_hash
    text = build_cohort(rows().astype({"age": object, "event": str}).astype({"sex": object}), SCHEMA, provenance())
    assert text.content_hash == cohort.content_hash

    changes = ({"age": [70, 72, None]}, {"event": [1, 1, 0]}, {"sex": ["F", "F", "F"]}, {"visit": ["v1", "v2", "v4"]})
    hashes = {build_cohort(rows(**change), SCHEMA, provenance()).content_hash for change in changes}
    assert len(hashes | {cohort.content_hash}) == 5


def test_the_content_hash_is_the_same_for_text_and_for_categories_and_however_many_rows_are_hashed_at_once(monkeypatch):
    values = [None if k % 7 == 0 else "MF"[k % 2] for k in range(50)]
    table = pd.DataFrame(
        {"visit": [f"v{k}" for k in range(50)], "person": "a", "event": 0, "age": range(50), "sex": values}
    )
    shuffled = pd.Categorical(values, ["unused", "M", "F"], ordered=True)
    frames = [table, table.assign(sex=pd.Categorical(values)), table.assign(sex=shuffled)]
    cohorts = [build_cohort(frame, SCHEMA, provenance(52)) for frame in frames]
    assert [str(one.frame["sex"].dtype) for one in cohorts] == ["str", "category", "category"]
    hashes = {one.content_hash for one in cohorts}
    monkeypatch.setattr(cohort_module, "HASHED_ROWS", 7)
    hashes |= {build_cohort(frame, SCHEMA, provenance(52)).content_hash for frame in frames}
    assert len(hashes) == 1
    moved = table.assign(sex=pd.Categorical([*values[1:], "F"]))
    assert build_cohort(moved, SCHEMA, provenance(52)).content_hash not in hashes


def test_an_encounter_is_found_alike_among_few_and_among_many(cohort, monkeypatch):
    monkeypatch.setattr(cohort_module, "MANY", 1)
    assert [cohort.position(encounter) for encounter in ("v1", "v3")] == [0, 2]
    with pytest.raises(DataError, match="has no encounter"):
        cohort.position("v")


def test_baseline_scores_are_kept_behind_the_features_and_are_none():
    cohort = build_cohort(rows(lace=["0", "15", None]), SCORED, provenance())

    assert list(cohort.frame.columns) == ["person", "event", "age", "sex", "lace"]
    np.testing.assert_array_equal(cohort.frame["lace"], [0, 15, np.nan])
    assert cohort.schema.baseline_names == ("lace",)
    assert cohort.schema.feature_names == ("age", "sex")
    with pytest.raises(DataError, match="there are: age, sex"):
        cohort.schema.feature("lace")


def test_the_content_hash_covers_the_baseline_scores(cohort):
    scores = ([0, 15, None], [0, 14, None], [0, 15, 15])
    hashes = {build_cohort(rows(lace=lace), SCORED, provenance()).content_hash for lace in scores}
    assert len(hashes | {cohort.content_hash}) == 4
    assert build_cohort(rows(lace=[0, 15, None]), SCHEMA, provenance()).content_hash == cohort.content_hash


@pytest.mark.parametrize("value", [-1, 16, 15.1, np.inf, -np.inf, "x", "nan"])
def test_a_baseline_score_that_cannot_be_is_named_by_its_place(value):
    with pytest.raises(LoaderError) as caught:
        build_cohort(rows(lace=pd.Series([1, value, None], dtype=object)), SCORED, provenance())
    assert "1 problem: row 2, column 'lace': expected a number from 0 to 15." in str(caught.value)


def test_an_absent_baseline_score_is_named():
    with pytest.raises(LoaderError, match=r"t\.csv lacks the columns lace; check"):
        build_cohort(rows(), SCORED, provenance())


def test_planted_causes_stay_with_a_simulated_cohort():
    cause = PlantedCause("typo", "ages times ten", ("v1",), "sex", "F")

    assert build_cohort(rows(), SCHEMA, provenance(), planted=(cause,)).planted == (cause,)


# The schema

WRONG_SCHEMAS = {
    "one column, two meanings": (lambda: CohortSchema("visit", "visit", "y", (AGE,)), "visit more than once"),
    "feature twice": (lambda: CohortSchema("visit", "person", "y", (AGE, AGE)), "age more than once"),
    "no features": (lambda: CohortSchema("visit", "person", "y", ()), "name at least one"),
    "numeric subgroup": (lambda: CohortSchema("visit", "person", "y", (AGE,), subgroups=("age",)), "band it first"),
    "unknown subgroup": (lambda: CohortSchema("visit", "person", "y", (AGE,), subgroups=("sex",)), "there are: age"),
    "levels with a unit": (lambda: FeatureSpec("x", "X", levels=(), unit="kg"), "takes no unit"),
    "levels with bounds": (lambda: FeatureSpec("x", "X", levels=("a",), bounds=(0, 1)), "takes no unit"),
    "log of a negative": (lambda: FeatureSpec("x", "X", bounds=(-1, 1), log1p=True), "start at 0"),
    "a score that is a feature": (
        lambda: CohortSchema("visit", "person", "y", (AGE,), baselines=(replace(LACE, name="age"),)),
        "age more than once",
    ),
    "a score that is the outcome": (
        lambda: CohortSchema("visit", "person", "lace", (AGE,), baselines=(LACE,)),
        "lace more than once",
    ),
    "approximate in nothing": (lambda: replace(LACE, note=" "), "say in its note what is missing"),
    "a score of nothing": (lambda: replace(LACE, largest=0), "largest value of 1 or more"),
    "log without bounds": (lambda: FeatureSpec("x", "X", log1p=True), "start at 0"),
}


@pytest.mark.parametrize(("build", "expected"), WRONG_SCHEMAS.values(), ids=WRONG_SCHEMAS)
def test_a_schema_that_contradicts_itself_is_refused(build, expected):
    with pytest.raises(DataError, match=expected):
        build()


def test_a_schema_finds_its_features():
    assert SCHEMA.feature_names == ("age", "sex")
    assert SCHEMA.categories == (SEX,)
    assert SCHEMA.feature("age") is AGE
    with pytest.raises(DataError, match="there are: age, sex"):
        SCHEMA.feature("weight")
