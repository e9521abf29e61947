"""Figures of a model tell counts too: of a coarse model, of rare columns, of scores that are one variable."""

import numpy as np
import pandas as pd
import pytest
from findings.random_cohorts import random_audit

from clinflu import Audit
from clinflu.analysis.subgroups import Bootstrap
from clinflu.data import BaselineSpec, CohortSchema, FeatureSpec, Provenance, build_cohort
from clinflu.errors import DataError
from clinflu.findings.disclosure import LARGEST_HIDDEN, Pattern
from clinflu.findings.document import Chart, Table
from clinflu.findings.material import NOT_COUNTED, NOT_JUDGED, WITHHELD, Material, Options
from clinflu.findings.sections import SECTIONS
from clinflu.report.subgroup_report import material_of

QUICK = Bootstrap(20)


def cohort_of(columns, features, *, seed=0, baselines=(), n=3_000):
    """A cohort of one stay a patient, whose outcome follows a laboratory value."""
    rng = np.random.default_rng(seed)
    lab = rng.normal(0, 1, n)
    rows = pd.DataFrame(
        {
            "encounter": [f"e{at}" for at in range(n)],
            "patient": [f"p{at}" for at in range(n)],
            "lab": lab,
            **columns(rng, n),
            "outcome": (rng.random(n) < 1 / (1 + np.exp(1.0 - lab))).astype(float),
        }
    )
    specs = (FeatureSpec("lab", "Laboratory value"), *features)
    groups = tuple(one.name for one in features if one.is_category)
    schema = CohortSchema("encounter", "patient", "outcome", specs, subgroups=groups, baselines=baselines)
    return build_cohort(rows, schema, Provenance("told.csv", "0" * 64, "table", n))


def tables(material, key):
    return {part.key: part for part in SECTIONS[key](material).parts if isinstance(part, Table)}


def coarse_audit():
    return next(
        audit
        for audit in map(random_audit, range(100))
        if "lab" not in audit.cohort.schema.feature_names and Pattern(audit.study, audit.threshold).may_be_counted
    )


def test_of_a_model_that_gives_few_risks_only_sizes_and_events_are_shown():
    material = Material(coarse_audit(), Options(bootstrap=QUICK))
    assert not material.may_be_judged
    assert tables(material, "model")["coefficients"].rows == ()
    shown = {row["measure"]: row["value"] for row in tables(material, "performance")["performance"].records()}
    assert [name for name, value in shown.items() if value != WITHHELD] == ["Event rate"]
    for key in ("calibration", "weak_subgroups", "why"):
        (words,) = SECTIONS[key](material).parts
        assert words.paragraphs == (NOT_JUDGED,)
    for row in tables(material, "subgroups")["subgroup_fit"].records():
        assert {row[name] for name in ("auroc", "brier", "calibration_slope")} == {WITHHELD}
    assert NOT_JUDGED in SECTIONS["summary"](material).parts[0].paragraphs


def test_nothing_that_is_withheld_is_drawn_or_taken_for_nothing_found():
    material = Material(coarse_audit(), Options(bootstrap=QUICK))
    assert tables(material, "model")["coefficients"].note == NOT_JUDGED
    section = SECTIONS["subgroups"](material)
    assert not [part.key for part in section.parts if isinstance(part, Chart)]
    assert section.parts[0].paragraphs[0] == NOT_JUDGED
    assert "does not mean that there is none" in tables(material, "subgroups")["notable_differences"].note


def test_a_report_says_whether_the_events_or_the_risks_are_too_few():
    found = set()
    for audit in map(random_audit, range(60)):
        material = Material(audit, Options(bootstrap=QUICK))
        if not material.may_be_judged:
            (words,) = SECTIONS["calibration"](material).parts
            found.add((material.may_be_counted, *words.paragraphs))
    assert found == {(True, NOT_JUDGED), (False, NOT_COUNTED)}


def test_the_internal_report_of_such_a_model_shows_everything():
    material = Material(coarse_audit(), Options(bootstrap=QUICK, internal=True))
    assert material.may_be_judged
    assert tables(material, "model")["coefficients"].rows


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_no_two_thresholds_have_a_small_count_between_them(seed):
    audit = random_audit(seed)
    material = Material(audit, Options(bootstrap=QUICK))
    if not material.may_be_judged:
        assert not {*tables(material, "performance"), *tables(material, "calibration")} - {"performance"}
        return
    rows = tables(material, "performance")["thresholds"].records()
    alerts, true = (np.array([row[key] for row in rows]) for key in ("alerts", "true_alerts"))
    everyone = material.table.everyone
    others = everyone.encounters - everyone.events
    ends = ((alerts, everyone.encounters), (true, everyone.events), (alerts - true, others))
    for counts, whole in ends:
        between = np.abs(np.diff([whole, *counts, 0]))
        assert not ((between > 0) & (between <= LARGEST_HIDDEN)).any()
    for row in tables(material, "calibration")["calibration_bands"].records():
        assert row["events"] > LARGEST_HIDDEN
        assert row["encounters"] - row["events"] > LARGEST_HIDDEN


def rare_flag(rng, n):
    return {"flag": np.where(np.arange(n) < 12, 1.0, 0.0)[rng.permutation(n)], "ward": rng.choice(["a", "b"], n)}


FLAG = (FeatureSpec("flag", "Rare flag"), FeatureSpec("ward", "Ward", levels=()))


def test_the_coefficient_of_a_number_that_few_have_is_withheld():
    material = Material(Audit.fit(cohort_of(rare_flag, FLAG)), Options(bootstrap=QUICK))
    told = {row["variable"] for row in tables(material, "model")["coefficients"].records()}
    assert "Laboratory value" in told
    assert "Rare flag" not in told


def test_a_rare_column_of_an_adopted_model_is_withheld():
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    def columns(rng, n):
        return {"ward": np.where(np.arange(n) < 14, "rare", np.where(np.arange(n) % 2, "a", "b"))[rng.permutation(n)]}

    cohort = cohort_of(columns, (FeatureSpec("ward", "Ward", levels=()),))
    encode = ColumnTransformer([("ward", OneHotEncoder(), ["ward"])], remainder="passthrough")
    model = Pipeline([("encode", encode), ("fit", LogisticRegression(solver="newton-cholesky", tol=1e-12))])
    train = Audit.fit(cohort).train_rows
    model.fit(cohort.frame.iloc[train][["lab", "ward"]], cohort.outcome.iloc[train])
    audit = Audit.adopt(cohort, model, penalty=1.0)
    assert audit.study.encoder is None
    material = Material(audit, Options(bootstrap=QUICK))
    assert material.may_be_judged
    told = {row["coefficient"] for row in tables(material, "model")["coefficients"].records()}
    every = dict(zip(audit.study.design.columns, audit.model.theta.round(4), strict=True))
    assert [column for column, value in every.items() if value not in told] == ["ward__ward_rare"]


def test_a_score_that_follows_from_one_variable_has_no_curve():
    def columns(rng, n):
        visits = rng.choice([0.0, 1.0, 2.0, 3.0], n, p=[0.5, 0.3, 0.15, 0.05])
        return {"visits": visits, "same": visits, "other": visits + rng.integers(0, 4, n)}

    baselines = tuple(BaselineSpec(name, name, approximate=False, note="", largest=10) for name in ("same", "other"))
    features = (FeatureSpec("visits", "Visits", bounds=(0, 10)),)
    audit = Audit.fit(cohort_of(columns, features, baselines=baselines))
    material = Material(audit, Options(bootstrap=QUICK))
    assert [one.predictor.label for one in material.curves.rocs] == ["Model", "other"]
    assert material.curves.left_out == ("same",)
    internal = Material(audit, Options(bootstrap=QUICK, internal=True))
    assert len(internal.curves.rocs) == 3


def test_a_cohort_with_a_tiny_part_is_not_exported(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    audit = Audit.fit(cohort_of(lambda rng, n: {"ward": rng.choice(["a", "b"], n)}, FLAG[1:], n=50))
    with pytest.raises(DataError, match="10 encounters or patients or fewer"):
        material_of(audit, Options())
    assert material_of(audit, Options(internal=True)).internal
