"""A hospital's own model is traced as it is where it is an optimum, and otherwise its refit, labelled."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import clinflu
from clinflu import Audit
from clinflu.adoption import adopt
from clinflu.data import split_by_patient
from clinflu.errors import DataError, FitError
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

NUMBERS = ["age_years", "visits", "platelets", "creatinine"]
LEVELS = ["ward", "ward_team"]
EXACT = {"tol": 1e-12, "solver": "newton-cholesky"}


def pipeline(final):
    encode = ColumnTransformer(
        [
            ("level", OneHotEncoder(handle_unknown="ignore"), LEVELS),
            ("number", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
        ]
    )
    return make_pipeline(encode, final)


def fitted(cohort, final, rows=None):
    chosen = split_by_patient(cohort.patients, 0).train if rows is None else rows
    frame = cohort.frame.iloc[chosen]
    return pipeline(final).fit(frame[[*NUMBERS, *LEVELS]], frame["readmitted"])


def columns_of(model, frame):
    encoded = model[:-1].transform(frame[[*NUMBERS, *LEVELS]])
    return np.column_stack([np.ones(len(frame)), encoded])


@pytest.mark.parametrize("penalty", [0.5, 30.0])
def test_an_optimum_is_traced_as_it_is(small_cohort, penalty):
    model = fitted(small_cohort, LogisticRegression(C=1 / penalty, **EXACT))
    audit = Audit.adopt(small_cohort, model)
    assert audit.adoption.is_optimum
    assert (audit.adoption.rows, audit.adoption.penalty) == ("training", penalty)
    assert audit.adoption.gradient_norm < 1e-10
    assert "verified to be the optimum on the training rows" in audit.study.notes[0]

    x = columns_of(model, small_cohort.frame)
    rows, y = audit.train_rows, small_cohort.outcome.to_numpy(dtype=float)
    strengths = np.append(0.0, np.full(x.shape[1] - 1, penalty))
    train = TrainingRows.fit(x[rows], y[rows], np.ones(len(rows)), strengths)
    for row in audit.audited_rows[:5]:
        trace = audit.trace(small_cohort.frame.index[row])
        expected = one_step(train, removal_effect(train, x[row]))
        np.testing.assert_allclose(trace.influence.margin_change, expected, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(trace.risk, model.predict_proba(small_cohort.frame.iloc[[row]])[0, 1], atol=1e-9)


def test_columns_are_folded_to_their_recorded_variables(small_cohort):
    audit = Audit.adopt(small_cohort, fitted(small_cohort, LogisticRegression(**EXACT)))
    folded = dict(zip(audit.design.columns, audit.design.variables, strict=True))
    assert folded == {
        "intercept": "intercept",
        **{f"level__ward_{level}": "ward" for level in ("intensive", "medical", "surgical")},
        **{f"level__ward_team_{level}": "ward_team" for level in ("blue", "red", "x_y", "nan")},
        **{f"number__{name}": name for name in NUMBERS},
        "number__missingindicator_creatinine": "creatinine",
    }
    trace = audit.trace(audit.worst_miss())
    assert set(trace.attribution["variable"]) == {*NUMBERS, *LEVELS}
    gained = trace.margin - np.log(trace.baseline_risk / (1 - trace.baseline_risk))
    np.testing.assert_allclose(trace.attribution["log_odds"].sum(), gained, atol=1e-9)


def exact_refit(cohort, model, penalty=1.0, weights=None):
    rows = split_by_patient(cohort.patients, 0).train
    x, y = columns_of(model, cohort.frame)[rows], cohort.outcome.to_numpy(dtype=float)[rows]
    strengths = np.append(0.0, np.full(x.shape[1] - 1, penalty))
    return fit_logistic(x, y, np.ones(len(y)) if weights is None else weights(y), strengths)


def test_a_loosely_stopped_model_is_not_the_optimum_and_its_refit_is_traced(small_cohort):
    model = fitted(small_cohort, LogisticRegression())
    audit = Audit.adopt(small_cohort, model)
    truth = exact_refit(small_cohort, model).theta
    given = np.append(model[-1].intercept_, model[-1].coef_)
    x = columns_of(model, small_cohort.frame)[audit.train_rows]
    risks = [1 / (1 + np.exp(-x @ theta)) for theta in (given, truth)]

    assert not audit.adoption.is_optimum
    np.testing.assert_allclose(audit.adoption.theta_distance, np.abs(truth - given).max(), rtol=1e-6)
    np.testing.assert_allclose(audit.adoption.risk_distance, np.abs(risks[0] - risks[1]).max(), rtol=1e-6)
    np.testing.assert_allclose(audit.model.theta, truth, atol=1e-9)
    assert audit.study.notes[0].startswith("Not the hospital's model itself")
    assert audit.trace(audit.worst_miss()).notes == audit.study.notes


def test_a_wrong_penalty_is_not_the_optimum(small_cohort):
    model = fitted(small_cohort, LogisticRegression(C=1.0, **EXACT))
    study, adoption = adopt(small_cohort, model, penalty=3.0)
    assert not adoption.is_optimum
    np.testing.assert_allclose(study.model.theta, exact_refit(small_cohort, model, 3.0).theta, atol=1e-9)


def test_a_model_fitted_on_all_rows_is_found_there(small_cohort):
    everything = np.arange(len(small_cohort.frame))
    study, adoption = adopt(small_cohort, fitted(small_cohort, LogisticRegression(C=2.0, **EXACT), everything))
    assert (adoption.is_optimum, adoption.rows) == (True, "all")
    assert len(study.notes) == 2
    assert "also one of its teachers" in study.notes[1]
    for rows in (study.split.train, study.split.audited, study.split.confirm):
        np.testing.assert_array_equal(rows, everything)
    assert study.trust.reasons == ()


def test_balanced_classes_are_weights_in_the_refits(small_cohort):
    model = fitted(small_cohort, LogisticRegression(class_weight="balanced", **EXACT))
    study, adoption = adopt(small_cohort, model)
    assert adoption.is_optimum

    def balanced(y):
        return np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum()))

    np.testing.assert_allclose(study.train.weights, balanced(study.train.y), rtol=1e-12)
    np.testing.assert_allclose(study.model.theta, exact_refit(small_cohort, model, 1.0, balanced).theta, atol=1e-9)


def test_a_model_without_a_penalty_is_recognised(small_cohort):
    free = LogisticRegression(C=np.inf, **EXACT)
    frame = small_cohort.frame.iloc[split_by_patient(small_cohort.patients, 0).train]
    model = make_pipeline(StandardScaler(), free).fit(frame[["age_years", "visits"]], frame["readmitted"])
    _, adoption = adopt(small_cohort, model)
    assert (adoption.is_optimum, adoption.penalty) == (True, 0.0)


def test_our_own_estimator_is_adopted(small_cohort):
    model = fitted(small_cohort, clinflu.LogisticRegression(penalty=0.7, fit_intercept=False))
    study, adoption = adopt(small_cohort, model)
    assert (adoption.is_optimum, adoption.penalty) == (True, 0.7)
    assert not study.design.has_intercept
    assert study.trust.reasons == ()


def test_a_bare_classifier_is_adopted(small_cohort):
    frame = small_cohort.frame.iloc[split_by_patient(small_cohort.patients, 0).train]
    bare = LogisticRegression(**EXACT).fit(frame[["age_years", "visits"]], frame["readmitted"])
    study, adoption = adopt(small_cohort, bare)
    assert adoption.is_optimum
    assert study.design.variables == ("intercept", "age_years", "visits")


def unseen_level(cohort):
    encode = ColumnTransformer([("level", OneHotEncoder(), ["ward"])])
    frame = cohort.frame[cohort.frame["ward"] != "intensive"]
    return make_pipeline(encode, LogisticRegression()).fit(frame[["ward"]], frame["readmitted"])


def arrays_without_names(cohort):
    return LogisticRegression().fit(cohort.frame[["age_years", "visits"]].to_numpy(), cohort.frame["readmitted"])


def missing_values(cohort):
    complete = cohort.frame.dropna()
    return LogisticRegression(max_iter=5000).fit(complete[["creatinine"]], complete["readmitted"])


SCIKIT_LEARN_REFUSED = {
    "an L1 penalty": (lambda c: fitted(c, LogisticRegression(l1_ratio=1.0, solver="saga", tol=0.1)), FitError),
    "an elastic net": (lambda c: fitted(c, LogisticRegression(l1_ratio=0.5, solver="saga", tol=0.1)), FitError),
    "no logistic regression": (lambda c: fitted(c, LinearDiscriminantAnalysis()), DataError),
    "not fitted": (lambda _: LogisticRegression(), DataError),
    "three classes": (lambda _: LogisticRegression().fit(np.eye(3), [0, 1, 2]), DataError),
    "other variables": (
        lambda c: LogisticRegression().fit(c.frame[["visits"]].set_axis(["x"], axis=1), c.frame["readmitted"]),
        DataError,
    ),
    "a level that its encoder refuses": (unseen_level, DataError),
    "columns without names": (arrays_without_names, DataError),
    "values that it cannot impute": (missing_values, DataError),
}


@pytest.mark.parametrize(("make", "error"), SCIKIT_LEARN_REFUSED.values(), ids=SCIKIT_LEARN_REFUSED)
def test_what_cannot_be_adopted_is_refused_in_a_line_without_recorded_values(small_cohort, make, error):
    with pytest.raises(error) as caught:
        adopt(small_cohort, make(small_cohort))
    message = caught.value.one_line
    assert str(caught.value) == message
    assert "intensive" not in message
    assert not any(f"'{level}'" in message for level in small_cohort.frame["ward"].unique())


def test_a_pipeline_that_says_no_penalty_needs_one(small_cohort):
    model = fitted(small_cohort, LogisticRegression(**EXACT))
    del model[-1].C
    with pytest.raises(DataError, match="penalty="):
        adopt(small_cohort, model)
    assert adopt(small_cohort, model, penalty=1.0)[1].is_optimum


TERMS = ("age_years", "visits", "platelets", "ward=surgical", "ward=intensive", "ward_team=missing")


def recorded(cohort):
    """The columns of a table of coefficients, in recorded units, by hand."""
    frame = cohort.frame
    return np.column_stack(
        [
            np.ones(len(frame)),
            frame["age_years"],
            np.log1p(frame["visits"]),
            frame["platelets"],
            frame["ward"] == "surgical",
            frame["ward"] == "intensive",
            frame["ward_team"].isna(),
        ]
    ).astype(float)


def optimum(cohort, penalty):
    rows = split_by_patient(cohort.patients, 0).train
    strengths = np.append(0.0, np.full(len(TERMS), penalty))
    return fit_logistic(
        recorded(cohort)[rows], cohort.outcome.to_numpy(dtype=float)[rows], np.ones(len(rows)), strengths
    ).theta


def write(path, theta, penalty="penalty = 1.0"):
    lines = [f"intercept = {float(theta[0])!r}", penalty, "[coefficients]"]
    lines += [f'"{name}" = {float(value)!r}' for name, value in zip(TERMS, theta[1:], strict=True)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_table_of_coefficients_at_the_optimum(small_cohort, tmp_path):
    theta = optimum(small_cohort, 1.0)
    study, adoption = adopt(small_cohort, write(tmp_path / "model.toml", theta))
    assert adoption.is_optimum
    assert adoption.risk_distance < 1e-12
    assert study.design.columns == ("intercept", *TERMS)
    assert study.design.variables == ("intercept", "age_years", "visits", "platelets", "ward", "ward", "ward_team")
    np.testing.assert_array_equal(study.design.x, recorded(small_cohort))
    np.testing.assert_allclose(study.model.theta, theta, atol=1e-9)


@pytest.mark.parametrize("shift", [1e-4, 1.0, 60.0])
def test_a_table_of_coefficients_beside_the_optimum(small_cohort, tmp_path, shift):
    theta = optimum(small_cohort, 1.0)
    moved = theta + shift * np.eye(len(theta))[0]
    study, adoption = adopt(small_cohort, write(tmp_path / "model.toml", moved))
    assert not adoption.is_optimum
    np.testing.assert_allclose(adoption.theta_distance, shift, rtol=1e-6)
    np.testing.assert_allclose(study.model.theta, theta, atol=1e-9)


def test_a_rounded_table_is_said_to_be_beside_the_optimum(small_cohort, tmp_path):
    theta = optimum(small_cohort, 1.0)
    rounded = [float(f"{value:.2g}") for value in theta]
    study, adoption = adopt(small_cohort, str(write(tmp_path / "model.toml", rounded)))
    assert not adoption.is_optimum
    assert "not the optimum" in study.notes[0]


def test_a_mapping_without_an_intercept(small_cohort):
    study, _ = adopt(small_cohort, {"penalty": 2.0, "coefficients": {"age_years": -0.01, "ward=surgical": 0.0}})
    assert not study.design.has_intercept
    assert study.model.penalty.tolist() == [2.0, 2.0]


def test_the_penalty_is_asked_for_where_the_table_has_none(small_cohort, tmp_path):
    path = write(tmp_path / "model.toml", optimum(small_cohort, 1.0), penalty="")
    with pytest.raises(DataError, match="which penalty"):
        adopt(small_cohort, path)
    assert adopt(small_cohort, path, penalty=1.0)[1].is_optimum


TOML_REFUSED = {
    "malformed": ("intercept = \n[coefficients", "not valid TOML"),
    "not text": (b"\xff\xfe\x00", "neither"),
    "no table": ("intercept = 1.0\npenalty = 1.0", "table"),
    "an empty table": ("penalty = 1.0\n[coefficients]", "table"),
    "an unknown variable": ("penalty = 1\n[coefficients]\nheight = 0.1", "'height'"),
    "an unknown level": ('penalty = 1\n[coefficients]\n"ward=attic" = 0.1', "ward=attic"),
    "an unknown learned level": ('penalty = 1\n[coefficients]\n"ward_team=green" = 0.1', "ward_team=green"),
    "a category as a number": ("penalty = 1\n[coefficients]\nward = 0.1", "ward=level"),
    "a number as a category": ('penalty = 1\n[coefficients]\n"age_years=60" = 0.1', '"age_years"'),
    "a coefficient in words": ('penalty = 1\n[coefficients]\nage_years = "x"', "age_years"),
    "a coefficient that is none": ("penalty = 1\n[coefficients]\nage_years = nan", "age_years"),
    "a truth value": ("penalty = 1\n[coefficients]\nage_years = true", "age_years"),
    "an intercept in words": ('intercept = "x"\npenalty = 1\n[coefficients]\nage_years = 0.1', "intercept"),
    "a penalty in words": ('penalty = "one"\n[coefficients]\nage_years = 0.1', "penalty"),
    "a negative penalty": ("penalty = -1.0\n[coefficients]\nage_years = 0.1", "negative"),
    "a variable with missing values": ("penalty = 1\n[coefficients]\ncreatinine = 0.1", "missing"),
}


@pytest.mark.parametrize(("text", "words"), TOML_REFUSED.values(), ids=TOML_REFUSED)
def test_a_table_that_cannot_be_used_is_refused_in_a_line(small_cohort, tmp_path, text, words):
    path = tmp_path / "model.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((DataError, FitError), match=words) as caught:
        adopt(small_cohort, path)
    assert str(caught.value) == caught.value.one_line


def test_what_is_no_model_is_refused(small_cohort, tmp_path):
    for model in (tmp_path / "absent.toml", tmp_path, 3, None):
        with pytest.raises(DataError):
            adopt(small_cohort, model)


def test_a_declared_level_that_this_cohort_lacks_is_no_mistake(small_cohort):
    study, _ = adopt(small_cohort, {"intercept": -1.0, "penalty": 1.0, "coefficients": {"ward=burns": 0.3}})
    assert study.model.theta[1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("rows", [None, "all"])
def test_an_adopted_audit_can_be_kept(small_cohort, tmp_path, rows):
    chosen = None if rows is None else np.arange(len(small_cohort.frame))
    audit = Audit.adopt(small_cohort, fitted(small_cohort, LogisticRegression(**EXACT), chosen))
    audit.save(tmp_path / "audit")
    found = Audit.open(tmp_path / "audit")
    assert found.study.notes == audit.study.notes
    np.testing.assert_allclose(found.study.margins, audit.study.margins, rtol=0, atol=1e-12)
    assert found.trust.reasons == ()


def test_a_model_that_uses_a_baseline_score_is_refused_and_one_that_drops_it_is_not(scored_cohort):
    rows = split_by_patient(scored_cohort.patients, 0).train
    frame, y = scored_cohort.frame.iloc[rows], scored_cohort.outcome.iloc[rows]
    every = [*NUMBERS, *LEVELS, "lace"]
    dropping = pipeline(LogisticRegression(**EXACT)).fit(frame[every], y)
    assert "lace" not in Audit.adopt(scored_cohort, dropping).design.variables

    using = make_pipeline(
        ColumnTransformer([("number", make_pipeline(SimpleImputer(), StandardScaler()), [*NUMBERS, "lace"])]),
        LogisticRegression(**EXACT),
    )
    with pytest.raises(DataError, match="the model uses lace, which the cohort holds only to compare"):
        Audit.adopt(scored_cohort, using.fit(frame[every], y))
    with pytest.raises(DataError, match="no recorded variable is called 'lace'"):
        Audit.adopt(scored_cohort, {"coefficients": {"lace": 0.1}, "intercept": -2.0})
