"""The encoder agrees with scikit-learn, keeps names, and says nothing where it has learned nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from clinflu.data import CohortSchema, Design, Encoder, FeatureSpec, Provenance, build_cohort
from clinflu.errors import DataError

SCHEMA = CohortSchema(
    encounter_id="visit",
    patient_id="person",
    outcome="event",
    features=(
        FeatureSpec("age", "Age", unit="years", bounds=(0, 120)),
        FeatureSpec("visits", "Visits", bounds=(0, 400), log1p=True),
        FeatureSpec("weight", "Weight", unit="kg"),
        FeatureSpec("sex", "Sex", levels=("F", "M")),
        FeatureSpec("ward", "Ward", levels=()),
    ),
)


def random_rows(seed, n=200):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "visit": [f"v{k}" for k in range(n)],
            "person": rng.integers(0, n // 2, n).astype(str),
            "event": rng.integers(0, 2, n),
            "age": rng.uniform(0, 100, n),
            "visits": rng.poisson(2.0, n),
            "weight": np.where(rng.random(n) < 0.3, np.nan, rng.normal(80, 15, n)),
            "sex": rng.choice(["F", "M"], n, p=[0.3, 0.7]),
            "ward": rng.choice(["a", "b", "c", "=1+1", None], n),
        }
    )


def random_cohort(seed, n=200):
    return build_cohort(random_rows(seed, n), SCHEMA, Provenance("t.csv", "0" * 64, "table", n))


def frame_of(**columns):
    """Rows of one number ``x`` and one category ``c``, with the schema of those given."""
    specs = {"x": FeatureSpec("x", "X"), "c": FeatureSpec("c", "C", levels=())}
    schema = CohortSchema("visit", "person", "event", tuple(specs[name] for name in columns))
    return pd.DataFrame(columns), schema


def by_scikit_learn(train, rows, encoder):
    """The same columns from OneHotEncoder and StandardScaler, in the order of the schema."""
    blocks = [np.ones((len(rows), 1))]
    for spec in SCHEMA.features:
        if spec.is_category:
            levels = list(encoder.levels(spec.name))
            one_hot = OneHotEncoder(categories=[levels], drop="first", sparse_output=False)
            filled = [frame[[spec.name]].astype(object).fillna("missing").to_numpy() for frame in (train, rows)]
            blocks.append(one_hot.fit(filled[0]).transform(filled[1]))
        else:
            values = [frame[[spec.name]].to_numpy(dtype=float) for frame in (train, rows)]
            values = [np.log1p(value) if spec.log1p else value for value in values]
            blocks.append(np.nan_to_num(StandardScaler().fit(values[0]).transform(values[1])))
            if np.isnan(values[0]).any():
                blocks.append(np.isnan(values[1]).astype(float))
    return np.hstack(blocks)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn_on_training_and_other_rows(seed):
    train, other = random_cohort(seed).frame, random_cohort(seed + 100).frame
    encoder = Encoder.learn(train, SCHEMA)

    for rows in (train, other):
        np.testing.assert_allclose(encoder.encode(rows), by_scikit_learn(train, rows, encoder), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_columns_are_named_by_variable_and_level_and_the_most_common_level_has_none(seed):
    train = random_cohort(seed).frame
    encoder = Encoder.learn(train, SCHEMA)

    counts = train["ward"].astype(object).fillna("missing").value_counts()
    others = sorted(level for level in counts.index if level != counts.index[0])
    assert encoder.references == {"sex": "M", "ward": counts.index[0]}
    assert [column.name for column in encoder.columns] == [
        "intercept",
        "age",
        "visits",
        "weight",
        "weight=missing",
        "sex=F",
        *(f"ward={level}" for level in others),
    ]
    assert encoder.levels("ward") == (counts.index[0], *others)
    assert encoder.unseen(train) == {}


def test_of_equally_common_levels_the_first_in_the_alphabet_is_the_reference():
    frame, schema = frame_of(c=["b", "a", "a", "b", "c"])

    assert Encoder.learn(frame, schema).references == {"c": "a"}


def test_a_level_that_training_never_saw_takes_the_training_mean_and_is_reported():
    train = random_cohort(0).frame
    encoder = Encoder.learn(train, SCHEMA)
    rows = train.head(3).assign(ward=["new", "new", "a"], sex=["F", None, "M"])

    x = encoder.encode(rows)

    means = encoder.encode(train).mean(axis=0)
    ward = [place for place, column in enumerate(encoder.columns) if column.variable == "ward"]
    sex = [place for place, column in enumerate(encoder.columns) if column.variable == "sex"]
    np.testing.assert_allclose(x[:2, ward], means[ward] * np.ones((2, 1)))
    np.testing.assert_allclose(x[1, sex], means[sex])
    np.testing.assert_array_equal(
        x[2, ward], [column.level == "a" for column in encoder.columns if column.variable == "ward"]
    )
    assert encoder.unseen(rows) == {"ward": {"new": 2}, "sex": {"missing": 1}}


def test_a_number_missing_where_training_had_them_all_takes_the_training_mean():
    frame, schema = frame_of(x=[1.0, 2.0, 6.0])
    encoder = Encoder.learn(frame, schema)

    assert [column.name for column in encoder.columns] == ["intercept", "x"]
    np.testing.assert_allclose(encoder.encode(pd.DataFrame({"x": [np.nan, 3.0]})), [[1, 0], [1, 0]])


CONSTANTS = {
    "a number": ({"x": [3.0, 3.0, 3.0]}, []),
    "no number at all": ({"x": [np.nan] * 3}, []),
    "a number or nothing": ({"x": [3.0, np.nan, 3.0]}, ["x=missing"]),
    "one level": ({"c": ["a", "a", "a"]}, []),
    "always missing": ({"c": [None] * 3}, []),
    "one level or nothing": ({"c": ["a", None, "a"]}, ["c=missing"]),
    "mostly missing": ({"c": [None, None, "a"]}, ["c=a"]),
}


@pytest.mark.parametrize(("columns", "expected"), CONSTANTS.values(), ids=CONSTANTS)
def test_a_variable_that_does_not_vary_has_no_column(columns, expected):
    frame, schema = frame_of(**columns)
    encoder = Encoder.learn(frame, schema)

    assert [column.name for column in encoder.columns] == ["intercept", *expected]
    assert encoder.encode(frame).shape == (3, 1 + len(expected))
    if expected:
        missing = frame.iloc[:, 0].isna() if expected[0].endswith("missing") else frame.iloc[:, 0].notna()
        np.testing.assert_array_equal(encoder.encode(frame)[:, 1], missing)


def test_the_encoder_stays_frozen_when_rows_change():
    train = random_cohort(1).frame
    encoder = Encoder.learn(train, SCHEMA)

    alone = np.vstack([encoder.encode(train.iloc[[row]]) for row in range(10)])

    np.testing.assert_array_equal(alone, encoder.encode(train)[:10])


def test_a_column_that_the_model_uses_must_be_there():
    train = random_cohort(0).frame

    with pytest.raises(DataError, match="no column 'ward'; give every recorded variable"):
        Encoder.learn(train, SCHEMA).encode(train.drop(columns="ward"))


# The design


@pytest.fixture
def design():
    cohort = random_cohort(7)
    return Encoder.learn(cohort.frame, SCHEMA).design(cohort)


def test_a_design_keeps_the_names_of_its_rows_and_columns(design):
    cohort = random_cohort(7)

    assert design.encounter_ids.tolist() == cohort.frame.index.tolist()
    assert design.patient_ids.tolist() == cohort.patients.tolist()
    np.testing.assert_array_equal(design.y, cohort.outcome)
    np.testing.assert_array_equal(design.weights, 1.0)
    assert design.x.shape == (200, len(design.columns))
    assert design.x.dtype == design.y.dtype == np.float64
    assert design.has_intercept
    assert design.variable_names == ("intercept", *SCHEMA.feature_names)


def test_a_design_of_some_rows_is_the_rows_of_the_design(design):
    rows = np.array([5, 3, 3, 190])

    part = design.take(rows)

    assert isinstance(part, Design)
    np.testing.assert_array_equal(part.x, design.x[rows])
    np.testing.assert_array_equal(part.y, design.y[rows])
    assert part.encounter_ids.tolist() == ["v5", "v3", "v3", "v190"]
    assert part.patient_ids.tolist() == [design.patient_ids[row] for row in rows]
    assert (part.columns, part.variables) == (design.columns, design.variables)


def test_folding_adds_up_the_columns_of_each_variable(design):
    values = np.random.default_rng(0).normal(size=(4, len(design.columns)))

    folded = design.fold(values)

    expected = pd.DataFrame(values.T).groupby(list(design.variables), sort=False).sum().T.to_numpy()
    np.testing.assert_allclose(folded, expected)
    np.testing.assert_allclose(design.fold(values[0]), expected[0])
    np.testing.assert_allclose(folded.sum(axis=1), values.sum(axis=1))
