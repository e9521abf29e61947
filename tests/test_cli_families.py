"""Other families and altered records on the command line."""

import json

import pytest


@pytest.fixture(scope="module")
def kept(small_csv, tmp_path_factory):
    """A saved audit of another family, from the command line."""
    from typer.testing import CliRunner

    from clinflu.cli import app

    place = tmp_path_factory.mktemp("kept")
    words = ["--data", small_csv, "--loader", "diabetes130", "--family", "smooth_hinge", "--out", place / "out"]
    ran = CliRunner().invoke(app, ["run", *map(str, words), "--save", str(place / "audit")])
    assert ran.exit_code == 0, ran.output
    return place / "audit"


def test_a_family_is_fitted_kept_and_named_in_what_is_printed(clinflu, kept, tmp_path):
    code, _, error = clinflu("trace", "--audit", kept, "--json", tmp_path / "trace.json")
    assert code == 0, error
    said = (tmp_path / "trace.json").read_text()
    assert "support vector machine with a smooth hinge" in said
    assert "no log-odds" in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--data", "nowhere.csv", "--family", "smoth_hinge"), "did you mean 'smooth_hinge'"),
        (("--data", "nowhere.csv", "--family", "7"), "there are: logistic, smooth_hinge, rbf_svm, mlp"),
    ],
)
def test_a_family_that_is_none_is_refused_before_anything_is_read(clinflu, words, line):
    code, out, error = clinflu("trace", *words)
    assert (code, out) == (2, "")
    assert line in error
    assert error.count("\n") == 1


def test_a_saved_audit_has_its_family_already(clinflu, kept):
    code, _, error = clinflu("trace", "--audit", kept, "--family", "mlp")
    assert code == 2
    assert "leave out" in error


def test_an_altered_record_is_told_of_on_paper_and_screen_by_pseudonyms(clinflu, small_csv, tmp_path):
    files = ("--json", tmp_path / "trace.json", "--html", tmp_path / "trace.html")
    code, out, error = clinflu("trace", "--data", small_csv, "--loader", "diabetes130", "--fragility", *files)
    assert code == 0, error
    found = json.loads((tmp_path / "trace.json").read_text())["fragility"]
    page = (tmp_path / "trace.html").read_text()
    assert found["edits"] > 10_000
    assert found["words"] in page
    assert "One altered past record" in out
    assert {one["kind"] for one in found["alterations"]} == {"edit", "rewriting", "removal", "relabelling"}
    for one in found["alterations"]:
        assert one["encounter"].startswith("E-")
        assert one["encounter"] in page


@pytest.mark.parametrize("family", ["smooth_hinge", "rbf_svm", "mlp"])
def test_fragility_of_another_family_is_refused_before_anything_is_read(clinflu, family):
    code, out, error = clinflu("trace", "--data", "nowhere.csv", "--family", family, "--fragility")
    assert (code, out) == (2, "")
    assert "logistic models alone; leave it out, or leave out --family" in error
    assert error.count("\n") == 1


def test_fragility_of_a_saved_audit_is_refused_before_anything_is_traced(clinflu, kept, monkeypatch):
    monkeypatch.setattr("clinflu.audit.Audit.trace", lambda *_: pytest.fail("it was traced"))
    code, _, error = clinflu("trace", "--audit", kept, "--fragility")
    assert code == 2
    assert "logistic models alone" in error


def test_of_another_family_no_altered_record_is_told_of(clinflu, kept):
    code, _, error = clinflu("trace", "--audit", kept, "--fragility")
    assert code == 2
    assert "logistic models alone" in error
