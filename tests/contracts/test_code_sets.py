"""Sets of codes come through the whole product as one recorded variable."""

import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest
from contracts.same import alike, outcome
from rich.console import Console
from sources.coded import coded_cohort as coded_cohort_of_many
from sources.coded import coded_rows

from clinflu import Audit, Edit, Remove
from clinflu.adoption import _column
from clinflu.analysis import ANALYSES, support
from clinflu.analysis.source_check import source_check
from clinflu.analysis.subgroups import Bootstrap
from clinflu.analysis.what_if.actions import Add
from clinflu.dashboard.questions import typed_value
from clinflu.data import FeatureSpec, Provenance, build_cohort
from clinflu.data.backends import OnDask, Streamed
from clinflu.data.code_sets import OTHER
from clinflu.errors import ClinfluError, DataError
from clinflu.findings.material import Options
from clinflu.influence.interval import Sampling, concentrations
from clinflu.report import subgroup_report, trace_page
from clinflu.report.source_check_page import source_check_page
from clinflu.report.source_check_terminal import source_check_view

# So few rows would else be one part.
HELD = {
    "sparse": "sparse",
    "compact": "compact",
    "streamed": Streamed(part_rows=300),
    "dask": OnDask(part_rows=500),
}


@pytest.fixture(scope="module")
def audit(coded_cohort):
    return Audit.fit(coded_cohort)


@pytest.fixture(scope="module")
def spelled_out(audit):
    """The same encounters with a category of two levels in the place of each column of the set."""
    cohort, encoder = audit.cohort, audit.study.encoder
    codes = [column.level for column in encoder.columns if column.kind == "code"]
    x = encoder.encode_variable("diagnoses", cohort.frame["diagnoses"])
    rows = cohort.frame.reset_index().drop(columns="diagnoses")
    named = {f"code_{k}": pd.Series(np.where(x[:, k] == 1, "held", "absent")) for k in range(len(codes))}
    rows = rows.assign(**named)
    age, _, ward = cohort.schema.features
    features = (age, *(FeatureSpec(name, name, levels=("absent", "held")) for name in named), ward)
    schema = dataclasses.replace(cohort.schema, features=features)
    return Audit.fit(build_cohort(rows, schema, Provenance("spelled", "0" * 64, "none", len(rows), simulated=True)))


def test_the_model_is_that_of_a_variable_for_each_code(audit, spelled_out):
    assert len(audit.model.theta) == len(spelled_out.model.theta) > 20
    np.testing.assert_allclose(audit.model.theta, spelled_out.model.theta, atol=1e-9)


def test_a_trace_adds_the_codes_up_to_one_variable(audit, spelled_out):
    worst = str(audit.mistakes().index[0])
    ours, truth = (one.trace(worst) for one in (audit, spelled_out))
    assert ours.risk == pytest.approx(truth.risk, abs=1e-9)
    of_set = ours.attribution.set_index("variable")["log_odds"]
    of_codes = truth.attribution.set_index("variable")["log_odds"]
    assert of_set["diagnoses"] == pytest.approx(of_codes.filter(like="code_").sum(), abs=1e-9)
    assert of_set["age_years"] == pytest.approx(of_codes["age_years"], abs=1e-9)
    strongest = (one.influence.strongest(10) for one in (ours, truth))
    pd.testing.assert_frame_equal(*(one.select_dtypes("number") for one in strongest), atol=1e-8)
    recorded = ours.attribution.set_index("variable").at["diagnoses", "recorded"]
    assert recorded == audit.cohort.frame.at[worst, "diagnoses"]
    assert "Diagnoses &lt;of stay&gt;" in trace_page(ours, audit.pseudonyms)
    assert "<of stay>" not in trace_page(ours, audit.pseudonyms)


def test_what_if_leaves_out_whoever_holds_a_code_and_edits_a_set(audit, spelled_out):
    first = str(audit.study.train_ids[0])
    place = [column.level for column in audit.study.encoder.columns if column.kind == "code"].index("N18")
    ours = audit.what_if(Remove(query="'N18' in diagnoses"))
    truth = spelled_out.what_if(Remove(query=f"code_{place} == 'held'"))
    np.testing.assert_allclose(ours.model.theta, truth.model.theta, atol=1e-9)
    levels = {f"code_{k}": "absent" for k in range(audit.study.encoder.most_codes)} | {f"code_{place}": "held"}
    ours, truth = audit.what_if(Edit(first, {"diagnoses": "N18"})), spelled_out.what_if(Edit(first, levels))
    np.testing.assert_allclose(ours.model.theta, truth.model.theta, atol=1e-9)
    record = {"age_years": 50.0, "ward": "medical", "readmitted": 1, "diagnoses": None}
    added = audit.what_if(Add([record]), Edit(first, {"diagnoses": None}))
    assert not np.allclose(added.model.theta, audit.model.theta, atol=1e-6)
    assert not any("missing" in one for one in added.warnings)
    audit.what_if(Remove(query="'N18' in diagnoses")).to_frame()


@pytest.mark.parametrize("value", ["N18;ZZZ", 7, ["N18"], True])
def test_an_edit_takes_codes_that_training_saw(audit, value):
    with pytest.raises(DataError, match="must be codes that training saw, with ';' between them") as caught:
        audit.what_if(Edit(str(audit.study.train_ids[0]), {"diagnoses": value}))
    assert "\n" not in caught.value.one_line
    record = {"age_years": 50.0, "ward": "medical", "readmitted": 1, "diagnoses": "ZZZ"}
    with pytest.raises(DataError, match="hold codes of diagnoses that training never saw"):
        audit.what_if(Add([record]))


@pytest.mark.parametrize("name", HELD)
def test_the_product_says_the_same_whatever_holds_the_codes(audit, name):
    held = Audit.fit(audit.cohort, backend=HELD[name])
    assert held.study.design.x.backend == name
    np.testing.assert_allclose(held.model.theta, audit.model.theta, atol=1e-9)
    worst = str(audit.mistakes().index[0])
    ours, truth = (one.trace(worst) for one in (held, audit))
    pd.testing.assert_frame_equal(ours.attribution, truth.attribution, rtol=1e-9, atol=1e-9)
    size = np.abs(truth.influence.margin_change).max()
    np.testing.assert_allclose(ours.influence.margin_change, truth.influence.margin_change, atol=1e-9 * size)
    ours, truth = (one.what_if(Remove(query="'I10' in diagnoses")) for one in (held, audit))
    np.testing.assert_allclose(ours.model.theta, truth.model.theta, atol=1e-9)


@pytest.mark.parametrize("backend", ["dense", "sparse", "compact"])
def test_a_saved_audit_comes_back(coded_cohort, tmp_path, backend):
    audit = Audit.fit(coded_cohort, backend=backend)
    audit.save(tmp_path / "kept")
    again = Audit.open(tmp_path / "kept")
    assert again.study.fingerprint == audit.study.fingerprint
    assert again.study.encoder == audit.study.encoder
    assert again.cohort.schema == coded_cohort.schema
    pd.testing.assert_frame_equal(again.cohort.frame, coded_cohort.frame)
    worst = str(audit.mistakes().index[0])
    assert again.prediction(worst).risk == audit.prediction(worst).risk


@pytest.fixture(scope="module")
def compact(coded_cohort):
    return Audit.fit(coded_cohort, backend="compact")


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_says_the_same_of_codes_however_they_are_held(audit, compact, name, monkeypatch):
    monkeypatch.setattr(support, "COMPARED_IN_PASSES", support.COMPARED)  # else its cuts come from other encounters
    truth, ours = ANALYSES[name](audit.study), outcome(lambda: ANALYSES[name](compact.study))
    if isinstance(ours, ClinfluError):
        assert "backend 'dense'" in ours.one_line  # it says what to do instead
    else:
        alike(ours, truth)


def test_nothing_groups_by_a_set(audit):
    worst = str(audit.mistakes().index[0])
    calls = (
        lambda: audit.subgroups(["diagnoses"]),
        lambda: audit.subgroups(["ward*diagnoses"]),
        lambda: audit.ledger(worst, "diagnoses"),
        lambda: audit.drivers("loss", subgroup=("diagnoses", "I10")),
        lambda: audit.what_if(Remove([str(audit.study.train_ids[0])])).subgroup_metrics(["diagnoses"]),
    )
    for call in calls:
        with pytest.raises(DataError, match="'diagnoses' is a set of codes") as caught:
            call()
        assert "\n" not in caught.value.one_line
    assert len(audit.subgroups().to_frame())
    assert len(audit.ledger(worst, "ward").to_frame())


def test_flip_sets_say_which_codes_set_them_apart(audit):
    risks = audit.study.risks[audit.study.split.audited]
    near = audit.study.split.audited[np.argsort(np.abs(risks - audit.threshold))[0]]
    found = audit.flip_set(str(audit.study.design.encounter_ids[near]))
    told = found.description[found.description["variable"] == "diagnoses"]
    sets = audit.cohort.frame.loc[found.table.index, "diagnoses"].fillna("").str.split(";")
    for level, count in zip(told["level"], told["count"], strict=True):
        assert count == sum(level in one for one in sets) > 0


def test_a_prediction_says_which_codes_the_model_passes_over(coded_cohort):
    plain = Audit.fit(coded_cohort)
    row = int(plain.study.split.audited[0])
    frame = coded_cohort.frame.copy()
    frame.iloc[row, frame.columns.get_loc("diagnoses")] = "I10;NEW<i>1"
    audit = Audit.fit(dataclasses.replace(coded_cohort, frame=frame))
    assert audit.study.unseen_codes["diagnoses"]["NEW<i>1"] == 1
    notes = audit.prediction(str(frame.index[row])).notes
    said = "Diagnoses <of stay> NEW<i>1 was never seen in training, so the model passes over it."
    assert said in notes
    known = encoded_alone(audit, "I10")
    np.testing.assert_array_equal(audit.study.x(str(frame.index[row]))[known], plain_row(audit, "I10")[known])


def encoded_alone(audit, code):
    assert code in audit.study.encoder.codes("diagnoses")
    return [at for at, column in enumerate(audit.study.encoder.columns) if column.kind == "code"]


def plain_row(audit, sets):
    frame = audit.cohort.frame.iloc[[0]].assign(diagnoses=sets)
    return audit.study.encoder.encode(frame)[0]


def test_the_report_escapes_codes_and_names_their_coefficients(audit, tmp_path, monkeypatch):
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    options = Options(("ward",), bootstrap=Bootstrap(50), internal=True)
    subgroup_report(audit, tmp_path / "out", options=options, formats=("html", "json", "csv"))
    pages = [path.read_text() for path in (tmp_path / "out").rglob("*.html")]
    assert pages
    for text in pages:
        assert "<b>J44</b>" not in text
        assert "<of stay>" not in text
    assert any("&lt;b&gt;J44&lt;/b&gt;" in text for text in pages)
    assert any("A set of codes enters as one column for each code that at least 10" in text for text in pages)
    whole = json.dumps([json.loads(path.read_text()) for path in (tmp_path / "out").rglob("*.json")])
    assert "<b>J44</b> against without" in whole
    assert f"{OTHER} against without" in whole


def test_a_report_that_is_handed_on_names_no_code_of_few(tmp_path, monkeypatch):
    audit = Audit.fit(coded_cohort_of_many(4_000))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    options = Options(("ward",), bootstrap=Bootstrap(50))
    subgroup_report(audit, tmp_path / "out", options=options, formats=("json",))
    whole = "".join(path.read_text() for path in (tmp_path / "out").rglob("*.json"))
    train, y = audit.study.design.rows(audit.study.split.train), audit.study.train.y
    columns = enumerate(audit.study.encoder.columns)
    held = {column.level: train[:, place] == 1 for place, column in columns if column.kind == "code"}
    few = [code for code, rows in held.items() if rows.sum() < 11 or 0 < y[rows].sum() < 11]
    assert few
    for code in few:
        assert f"{code} against" not in whole
    assert "I10 against without" in whole


@pytest.fixture
def table(tmp_path):
    """The encounters as a CSV with its description."""
    coded_rows().to_csv(tmp_path / "stays.csv", index=False)
    features = '[features.age_years]\n[features.diagnoses]\nseparator = ";"\n[features.ward]\ncategory = true\n'
    keys = 'encounter_id = "encounter"\npatient_id = "patient"\noutcome = "readmitted"\n'
    (tmp_path / "stays.toml").write_text(f"[table]\n{keys}{features}")
    return tmp_path / "stays.csv"


def test_the_commands_take_a_table_with_a_set(table, clinflu):
    code, out, err = clinflu("trace", "--data", str(table), "--backend", "sparse", "--html", "trace.html")
    assert (code, err.strip()) == (0, "")
    assert "diagnoses" in out
    assert "<b>J44</b>" not in (table.parent / "trace.html").read_text()
    code, out, err = clinflu("data", "check", str(table))
    assert (code, err.strip()) == (0, "")
    assert "diagnoses" in out
    code, _, err = clinflu("trace", "--data", str(table), "--backend", "compact", "--family", "rbf_svm")
    assert code == 2
    assert err.count("\n") == 1


def test_the_page_takes_a_set_as_it_is_typed(audit):
    assert typed_value(audit, "diagnoses", " I10;N18 ") == "I10;N18"
    assert typed_value(audit, "diagnoses", " ") is None


def test_the_pages_of_the_data_check_count_codes(coded_cohort):
    check = source_check(coded_cohort)
    (one,) = [one for one in check.to_dict()["variables"] if one["name"] == "diagnoses"]
    assert (one["kind"], one["commonest"]) == ("codes", "I10")
    assert one["levels"] == len(set(";".join(coded_cohort.frame["diagnoses"].dropna()).split(";")))
    assert one["missing_percent"] == pytest.approx(100 * coded_cohort.frame["diagnoses"].isna().mean())
    assert "&lt;of stay&gt;" in source_check_page(check)
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(source_check_view(check.to_dict()))
    assert f"{one['levels']} codes, I10 {one['commonest_percent']:.1f} %" in console.export_text()


@pytest.mark.parametrize(("between", "said"), [(",", "a comma"), ("|", "a bar"), (" ", "a space")])
def test_a_set_that_is_parted_by_something_else_is_noticed(coded_cohort, between, said):
    rows = coded_cohort.frame.reset_index()
    rows["diagnoses"] = rows["diagnoses"].str.replace(";", between, regex=False)
    wrong = build_cohort(rows, coded_cohort.schema, Provenance("wrong", "0" * 64, "none", len(rows), simulated=True))
    (alarm,) = [one for one in source_check(wrong).alarms if "separator" in one.says]
    assert said in alarm.says
    assert not [one for one in source_check(coded_cohort).alarms if "separator" in one.says]


def test_a_coefficient_of_the_hospital_names_a_code(coded_cohort):
    frame = coded_cohort.frame
    held = frame["diagnoses"].fillna("").str.split(";").map(lambda codes: "K21" in codes)
    np.testing.assert_array_equal(_column(coded_cohort, "diagnoses=K21"), held)
    for name, said in (("diagnoses", "diagnoses=code"), ("diagnoses=K2l", "no encounter holds the code")):
        with pytest.raises(DataError, match=said):
            _column(coded_cohort, name)


def test_what_is_summed_over_patients_is_the_same_where_rows_are_sparse(audit):
    sparse = Audit.fit(audit.cohort, backend="sparse").study
    ours, truth = (Sampling.of(one.train) for one in (sparse, audit.study))
    np.testing.assert_allclose(ours.jackknife, truth.jackknife, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.model, truth.model, rtol=1e-9, atol=1e-12)
    x = audit.study.design.x[audit.study.split.audited[:50]]
    np.testing.assert_allclose(concentrations(sparse.train, x), concentrations(audit.study.train, x), rtol=1e-9)
