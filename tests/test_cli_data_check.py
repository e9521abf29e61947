"""``clinflu data check``: what a source holds, on the screen, as a page and as JSON, for its owner alone."""

import json
import re

import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("CLINFLU_DATA", raising=False)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("XDG"))


def test_it_prints_the_flowchart_first_and_then_what_it_found(clinflu, small_csv):
    code, out, _ = clinflu("data", "check", small_csv)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "SIMULATED patients: nobody here is real."
    assert lines[1] == "encounters read: 4,000"
    assert re.fullmatch(r"patients: [\d,]+", lines[5])
    assert re.fullmatch(r"readmitted within 30 days: \d+ \(\d+\.\d %\)", lines[6])
    assert lines[7].startswith("INTERNAL working paper")


def test_the_path_and_data_mean_the_same(clinflu, small_csv, tmp_path):
    assert clinflu("data", "check", small_csv, "--json", "a.json")[0] == 0
    assert clinflu("data", "check", "--data", small_csv, "--json", "b.json")[0] == 0
    assert clinflu("data", "check", small_csv, "--data", small_csv, "--json", "c.json")[0] == 0
    texts = {(tmp_path / f"{name}.json").read_text() for name in "abc"}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("one.csv", "--data", "two.csv"), "different"),
        (("absent.csv",), "absent.csv"),
        (("--json", "x", "--html", "x"), "same file"),
        (("one.csv", "two.csv"), "--help"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(clinflu, tmp_path, words, told):
    code, out, err = clinflu("data", "check", *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert told in err
    assert files_in(tmp_path) == []


def test_the_page_and_the_json_are_for_their_owner_alone(clinflu, small_csv, tmp_path):
    code, out, _ = clinflu("data", "check", small_csv, "--json", "c.json", "--html", "sub/c.html")
    assert code == 0
    page, values = tmp_path / "sub" / "c.html", json.loads((tmp_path / "c.json").read_text())
    assert {path.stat().st_mode & 0o777 for path in (page, tmp_path / "c.json")} == {0o600}
    assert values["summary"]["encounters"] == values["provenance"]["flowchart"][-1]["encounters"]
    raw = pd.read_csv(small_csv, dtype=str)
    ids = {name for name in (*raw["encounter_id"], *raw["patient_nbr"]) if len(name) >= 6}
    assert len(ids) > 4000
    shown = out + page.read_text() + (tmp_path / "c.json").read_text()
    assert not ids & set(re.findall(r"\w+", shown))


def test_without_a_path_the_built_in_cohort_is_checked(clinflu):
    code, out, _ = clinflu("data", "check")
    assert code == 0
    words = " ".join(out.split())
    assert "multiple of 24" in words
    assert "one row is there 15 times" in words
