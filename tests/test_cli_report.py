"""The command that writes the report."""

import json
import stat

import pytest

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def own_home(tmp_path_factory, monkeypatch):
    """A home of the test's own, in which exports are registered."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        place = home / name.lower()
        place.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(place))


QUICK = ("--bootstraps", "50", "--formats", "html,xlsx,csv,json")


def values_of(out):
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_a_report_of_a_table_is_written_and_named(clinflu, small_csv, tmp_path):
    out = tmp_path / "out"
    status, said, errors = clinflu("report", "--data", small_csv, "--by", "age_group,gender", "--out", out, *QUICK)
    assert (status, errors.strip()) == (0, "")
    assert {path.name for path in out.iterdir()} == {"report.html", "report.json", "report.xlsx", "tables"}
    assert str(out / "report.html") in said
    asked = values_of(out)["provenance"]["variables"]
    assert asked == "age_group, gender"


def test_no_identifier_of_the_source_is_in_any_file(clinflu, small_csv, tmp_path):
    out = tmp_path / "out"
    clinflu("report", "--data", small_csv, "--out", out, *QUICK)
    content = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    rows = small_csv.read_text().splitlines()[1:]
    for row in rows[:200]:
        encounter, patient = row.split(",")[:2]
        assert not encounter.isalpha()
        for name in (encounter, patient):
            assert len(name) > 3
            assert f'"{name}"'.encode() not in content
            assert f">{name}<".encode() not in content


def test_an_internal_report_is_closed_to_others_and_says_so(clinflu, small_csv, tmp_path):
    out = tmp_path / "out"
    status, said, _ = clinflu("report", "--data", small_csv, "--out", out, "--internal", *QUICK)
    assert status == 0
    assert "INTERNAL" in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert values_of(out)["internal"] is True


def test_a_second_export_at_another_threshold_is_refused_and_leaves_the_first(clinflu, small_csv, tmp_path):
    out = tmp_path / "out"
    assert clinflu("report", "--data", small_csv, "--out", out, *QUICK)[0] == 0
    before = (out / "report.json").read_bytes()
    status, _, errors = clinflu("report", "--data", small_csv, "--out", out, "--threshold", "0.4", *QUICK)
    assert status == 2
    assert len(errors.strip().splitlines()) == 1
    assert "would together show small counts" in errors
    assert (out / "report.json").read_bytes() == before
    other = ("--out", tmp_path / "in", "--threshold", "0.4", "--internal")
    assert clinflu("report", "--data", small_csv, *other, *QUICK)[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--by", "nosuch"], "no recorded variable is called 'nosuch'"),
        (["--by", "gender*gender"], "two or three different variables"),
        (["--formats", "docx"], "a format is one of html, pdf, xlsx, csv, figures, json"),
        (["--threshold", "2"], "is no risk"),
        (["--bootstraps", "0"], "whole number of 2 or more"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_nothing_is_written(clinflu, small_csv, tmp_path, words, told):
    out = tmp_path / "out"
    options = words if words[0] in QUICK else [*QUICK, *words]
    status, _, errors = clinflu("report", "--data", small_csv, "--out", out, *options)
    assert status == 2
    assert told in errors
    assert len(errors.strip().splitlines()) == 1
    assert not out.exists()


def test_a_folder_of_something_else_is_refused_before_anything_is_computed(clinflu, small_csv, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    status, _, errors = clinflu("report", "--data", small_csv, "--out", out, *QUICK)
    assert status == 2
    assert "is not a report" in errors
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_place_that_cannot_be_written_is_refused_before_a_model_is_fitted(clinflu, small_csv, tmp_path, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("a model was fitted first")

    monkeypatch.setattr("clinflu.audit.Audit.fit", never)
    (tmp_path / "file").write_text("mine")
    status, _, errors = clinflu("report", "--data", small_csv, "--out", tmp_path / "file" / "out", *QUICK)
    assert status == 2
    assert errors.strip().splitlines() == [
        "clinflu: out was not written: Not a directory; free some space, or give another folder"
    ]
    assert (tmp_path / "file").read_text() == "mine"
