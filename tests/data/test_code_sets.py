"""Sets of codes become the columns that scikit-learn makes of them, whatever holds these."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import MultiLabelBinarizer

from clinflu.data import CohortSchema, Encoder, FeatureSpec, Provenance, build_cohort
from clinflu.data.backends import BACKENDS, OnDask, Streamed, chosen_backend
from clinflu.data.code_sets import OTHER, code_sets, holding
from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.data.query import matching
from clinflu.errors import BackendError, DataError, LoaderError
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

SPEC = FeatureSpec("dx", "Diagnoses", separator=";", fewest=1)
HELD = {"compact": BACKENDS["compact"](), "sparse": BACKENDS["sparse"](), "streamed": Streamed(part_rows=300)}


def schema_of(**options):
    return CohortSchema("v", "p", "y", (FeatureSpec("dx", "Diagnoses", **{"separator": ";", "fewest": 1} | options),))


def learned(sets, **options):
    return Encoder.learn(pd.DataFrame({"dx": pd.Series(sets, dtype="str")}), schema_of(**options))


def names(encoder):
    return [column.name for column in encoder.columns]


def binarized(values, classes=None):
    """What scikit-learn makes of texts, and the names of its columns."""
    lists = [str(one).split(";") if pd.notna(one) else [] for one in values]
    binarizer = MultiLabelBinarizer(classes=classes)
    return binarizer.fit_transform(lists).astype(float), list(binarizer.classes_)


def test_columns_are_those_of_the_multi_label_binarizer(coded_cohort):
    values = coded_cohort.frame["diagnoses"]
    expected, classes = binarized(values)
    sets = code_sets(values, SPEC)
    assert list(sets.codes) == classes
    np.testing.assert_array_equal(sets.held.toarray(), expected)
    np.testing.assert_array_equal(sets.counts, expected.sum(axis=0))
    np.testing.assert_array_equal(sets.sizes, expected.sum(axis=1))
    encoder = Encoder.learn(coded_cohort.frame, coded_cohort.schema)
    place = {column.level: at for at, column in enumerate(encoder.columns) if column.kind == "code"}
    x = encoder.encode(coded_cohort.frame)
    common = [code for code, count in zip(classes, expected.sum(axis=0), strict=True) if count >= 10]
    assert list(place) == [*common, OTHER]
    np.testing.assert_array_equal(x[:, [place[one] for one in common]], expected[:, np.isin(classes, common)])
    rare = expected[:, ~np.isin(classes, common)].any(axis=1)
    np.testing.assert_array_equal(x[:, place[OTHER]], rare)
    assert 0 < rare.sum() < len(rare)
    assert {encoder.columns[at].variable for at in place.values()} == {"diagnoses"}
    centers = [encoder.columns[at].center for at in place.values()]
    np.testing.assert_allclose(centers, x[:, list(place.values())].mean(axis=0))


def test_columns_of_words_are_those_of_the_count_vectorizer():
    rng = np.random.default_rng(4)
    words = np.array([f"w{k}" for k in range(30)])
    texts = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(500)]
    vectorizer = CountVectorizer(binary=True, min_df=70, tokenizer=str.split, token_pattern=None)
    expected = vectorizer.fit_transform(texts).toarray()
    encoder = learned(texts, separator=" ", fewest=70)
    x = encoder.encode(pd.DataFrame({"dx": texts}))
    assert names(encoder) == ["intercept", *(f"dx={one}" for one in sorted(vectorizer.vocabulary_)), f"dx={OTHER}"]
    assert 2 < len(vectorizer.vocabulary_) < 30
    np.testing.assert_array_equal(x[:, 1:-1], expected)


def test_spaces_repeats_and_missing_values_hold_nothing():
    encoder = learned([" I10 ;N18;I10; ", ";", None, "N18", ""])
    assert names(encoder) == ["intercept", "dx=I10", "dx=N18"]
    rows = pd.DataFrame({"dx": pd.Series([" I10 ;N18;I10; ", ";", None, "N18", ""], dtype="str")})
    np.testing.assert_array_equal(encoder.encode(rows)[:, 1:], [[1, 1], [0, 0], [0, 0], [0, 1], [0, 0]])


def test_codes_of_few_share_a_column_and_codes_of_all_have_none():
    encoder = learned(["A;B;C", "A;B", "A;D", "A"], fewest=2)
    assert names(encoder) == ["intercept", "dx=B", f"dx={OTHER}"]
    assert encoder.sets["dx"].rare == ("C", "D")
    assert encoder.sets["dx"].always == ("A",)
    assert encoder.codes("dx") == ("B", "C", "D", "A")
    x = encoder.encode(pd.DataFrame({"dx": ["C;D", "B", "other codes", "A;X"]}))
    np.testing.assert_array_equal(x[:, 1:], [[0, 1], [1, 0], [0, 0], [0, 0]])
    assert names(learned(["A", "A"])) == names(learned([None, None])) == ["intercept"]


def test_codes_that_training_never_saw_are_in_no_column_and_are_counted():
    encoder = learned(["A;B;C", "A;B", "A;D", "A"], fewest=2)
    rows = pd.DataFrame({"dx": pd.Series(["X;B", "X;Y", "C", None], dtype="str")})
    assert encoder.unseen_codes(rows) == {"dx": {"X": 2, "Y": 1}}
    assert encoder.unseen_codes(rows.iloc[2:]) == {}
    assert encoder.unseen(rows) == {}
    np.testing.assert_array_equal(encoder.encode(rows)[:, 1:], [[1, 0], [0, 0], [0, 1], [0, 0]])


def test_the_fit_is_that_of_the_binarized_columns(coded_cohort):
    study = Study.fit(coded_cohort, penalty=2.0)
    frame, train = coded_cohort.frame, study.split.train
    expected, classes = binarized(frame["diagnoses"].iloc[train])
    common = expected.sum(axis=0) >= 10
    age = frame["age_years"].iloc[train]
    columns = [np.ones(len(train)), (age - age.mean()) / age.std(ddof=0), expected[:, common]]
    columns += [expected[:, ~common].any(axis=1), frame["ward"].iloc[train] == "surgical"]
    x = np.column_stack([np.asarray(one, dtype=float) for one in columns])
    y = frame["readmitted"].iloc[train].to_numpy(dtype=float)
    truth = fit_logistic(x, y, np.ones(len(y)), np.append(0.0, np.full(x.shape[1] - 1, 2.0)))
    np.testing.assert_allclose(study.model.theta, truth.theta, atol=1e-9)
    assert [column.level for column in study.encoder.columns if column.kind == "code"][:-1] == [
        one for one, kept in zip(classes, common, strict=True) if kept
    ]


@pytest.mark.parametrize("name", HELD)
def test_every_backend_holds_the_same(coded_cohort, name):
    encoder = Encoder.learn(coded_cohort.frame.iloc[:600], coded_cohort.schema)
    dense = encoder.encode(coded_cohort.frame)
    held = HELD[name].encode(encoder, coded_cohort.frame)
    rng = np.random.default_rng(0)
    v, u, d = rng.normal(size=dense.shape[1]), rng.normal(size=len(dense)), rng.random(len(dense))
    np.testing.assert_array_equal(held.rows(np.arange(len(dense))), dense)
    np.testing.assert_allclose(held @ v, dense @ v, atol=1e-12)
    np.testing.assert_allclose(u @ held, u @ dense, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(held.sandwich(d), (dense.T * d) @ dense, rtol=1e-12, atol=1e-9)


def wide(codes=1_200, n=3_000):
    rng = np.random.default_rng(1)
    sets = [";".join(f"C{k}" for k in rng.integers(0, codes, 12)) for _ in range(n)]
    rows = pd.DataFrame({"v": [f"v{k}" for k in range(n)], "p": [f"p{k // 2}" for k in range(n)], "dx": sets})
    rows["y"] = (rng.random(n) < np.where(rows["dx"].str.contains("C7"), 0.5, 0.2)).astype(int)
    return build_cohort(rows, schema_of(), Provenance("wide", "0" * 64, "none", n, simulated=True))


def test_a_wide_set_is_held_sparse_unasked_and_fitted_as_the_dense_one():
    cohort = wide()
    study, dense = Study.fit(cohort), Study.fit(cohort, backend="dense")
    assert study.encoder.most_codes > 1_000
    assert study.design.x.backend == "sparse"
    assert study.design.x.values.nnz < 0.02 * study.design.x.values.shape[0] * study.encoder.most_codes
    np.testing.assert_allclose(study.model.theta, dense.model.theta, atol=1e-9)
    with pytest.raises(BackendError, match=r"set of 1,\d+ codes, and only the backends 'sparse'") as caught:
        Study.fit(cohort, backend="compact")
    assert "\n" not in caught.value.one_line
    for backend in ("streamed", OnDask()):
        with pytest.raises(BackendError, match="take 'sparse'"):
            chosen_backend(backend, 1, 1).encode(study.encoder, cohort.frame)


def test_the_backend_goes_by_how_wide_the_widest_set_is():
    assert chosen_backend("auto", 1_000, 1_200, 1_100).name == "sparse"
    assert chosen_backend("auto", 1_000, 500, 400).name == "dense"
    assert chosen_backend("auto", 1_000_000, 500, 400).name == "sparse"
    assert chosen_backend("auto", 10_000_000, 100, 50).name == "compact"
    assert chosen_backend("compact", 1_000_000, 500, 400).name == "compact"


WRONG = {
    "levels beside a separator": {"levels": ()},
    "a unit": {"unit": "days"},
    "bounds": {"bounds": (0, 1)},
    "an empty separator": {"separator": ""},
    "a separator that is no text": {"separator": 3},
    "a long separator": {"separator": "-" * 11},
    "no encounter needed": {"fewest": 0},
    "half an encounter": {"fewest": 1.5},
    "truth": {"fewest": True},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_a_set_that_makes_no_sense_is_refused(options):
    with pytest.raises(DataError, match="'dx'"):
        schema_of(**options)


def test_a_set_of_codes_is_of_its_own_kind_and_makes_no_subgroup():
    assert (SPEC.kind, SPEC.is_codes, SPEC.is_category, SPEC.is_number) == ("codes", True, False, False)
    assert FeatureSpec("x", "X").kind == "number"
    assert FeatureSpec("x", "X", levels=()).kind == "category"
    assert schema_of().code_sets[0].name == "dx"
    with pytest.raises(DataError, match="'dx' is a set of codes"):
        CohortSchema("v", "p", "y", (SPEC,), subgroups=("dx",))


BAD = {"a number": 7, "a list": ["I10"], "a code of 10,000 characters": "I10;" + "x" * 10_000}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_no_set_of_codes_is_told_by_row_and_column(bad):
    rows = pd.DataFrame({"v": list("abc"), "p": list("abc"), "y": [0, 1, 0], "dx": pd.Series(["I10", bad, None])})
    with pytest.raises(LoaderError) as caught:
        build_cohort(rows, schema_of(), Provenance("t", "0" * 64, "table", 3))
    said = str(caught.value)
    assert "row 2, column 'dx': expected codes of at most 100 characters with ';' between them" in said
    assert "\n" not in said
    assert "xxx" not in said


def test_a_set_without_a_code_is_missing_and_sets_that_all_differ_are_no_identifier():
    n = 200
    rows = pd.DataFrame({"v": map(str, range(n)), "p": map(str, range(n)), "y": [0, 1] * (n // 2)})
    rows["dx"] = [" ; ", "", *(f"A;C{k}" for k in range(2, n))]
    cohort = build_cohort(rows, schema_of(), Provenance("t", "0" * 64, "table", n))
    assert cohort.frame["dx"].isna().tolist() == [True, True, *[False] * (n - 2)]
    assert isinstance(cohort.frame["dx"].dtype, pd.StringDtype)


def test_encounters_are_chosen_by_a_code_that_they_hold(coded_cohort):
    frame, schema = coded_cohort.frame, coded_cohort.schema
    truth = frame["diagnoses"].fillna("").str.split(";").map(lambda codes: "E11.9" in codes).to_numpy()
    np.testing.assert_array_equal(holding(frame["diagnoses"], schema.feature("diagnoses"), "E11.9"), truth)
    np.testing.assert_array_equal(matching("'E11.9' in diagnoses", frame, schema), truth)
    np.testing.assert_array_equal(matching("not 'E11.9' in diagnoses", frame, schema), ~truth)
    young = (frame["age_years"] < 50).to_numpy()
    np.testing.assert_array_equal(
        matching("'E11.9' not in diagnoses and age_years < 50", frame, schema), ~truth & young
    )
    np.testing.assert_array_equal(matching("diagnoses is missing", frame, schema), frame["diagnoses"].isna())
    np.testing.assert_array_equal(matching("diagnoses is not missing", frame, schema), frame["diagnoses"].notna())


@pytest.mark.parametrize(
    ("query", "said"),
    {
        "diagnoses == 'I10'": "is a set of codes",
        "diagnoses in ['I10']": "is a set of codes",
        "diagnoses < 3": "is a set of codes",
        "3 in diagnoses": "put the code in quotes",
        "'I1O' in diagnoses": "no encounter holds the code",
        "'medical' in ward": "compare a recorded variable with a value",
    }.items(),
)
def test_a_query_that_makes_no_sense_of_a_set_is_one_line(coded_cohort, query, said):
    with pytest.raises(DataError, match=said) as caught:
        matching(query, coded_cohort.frame, coded_cohort.schema)
    assert "\n" not in caught.value.one_line


@pytest.mark.parametrize("seed", range(5))
def test_what_columns_hold_is_counted_without_the_zeros(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (40, 12)) * (rng.random((40, 12)) < 0.3)
    x[:, 3], x[:, 4] = 2, 0
    held, rows = SparseMatrix(csr_array(x.astype(float))), rng.random(40) < 0.7
    first = x[np.argmax(rows)].astype(float)
    np.testing.assert_array_equal(held.differing(rows, first), (x[rows] != first).sum(axis=0))
    groups = [np.array([0, 1]), np.array([4]), np.array([2, 3, 5])]
    np.testing.assert_array_equal(held.all_zero(rows, groups), [(x[rows][:, one] == 0).all(1).sum() for one in groups])
    assert held.all_zero(rows, []).tolist() == []
    np.testing.assert_array_equal(np.column_stack([held.column(place) for place in range(12)]), x)
