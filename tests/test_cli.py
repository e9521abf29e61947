"""The command line as its users type it: exit codes, one line for what they can fix, nothing half-written."""

import json
import subprocess
import sys
import zipfile

import pytest

from clinflu import cli


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("CLINFLU_DATA", raising=False)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("XDG"))


def test_trace_writes_json_and_a_page_for_the_owner_alone(clinflu, small_csv, tmp_path):
    code, out, _ = clinflu("trace", "--data", small_csv, "--json", "t.json", "--html", "t.html")
    assert code == 0
    assert "INTERNAL" in out
    values = json.loads((tmp_path / "t.json").read_text())
    assert values["sentence"].split(".")[0] in " ".join(out.replace("│", " ").split())
    for name in ("t.json", "t.html"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_trace_shows_no_id_of_the_source(clinflu, small_csv, tmp_path):
    import pandas as pd

    _, out, err = clinflu("trace", "--data", small_csv, "--json", "t.json", "--html", "t.html")
    raw = pd.read_csv(small_csv, dtype=str)
    shown = out + err + (tmp_path / "t.json").read_text()
    ids = {name for name in (*raw["encounter_id"], *raw["patient_nbr"]) if len(name) >= 6}
    assert len(ids) > 4000
    words = set(shown.replace('"', " ").replace(",", " ").split())
    assert not ids & words


def test_run_on_the_built_in_cohort_traces_a_planted_case(clinflu, tmp_path):
    code, out, _ = clinflu("run")
    assert code == 0
    assert "SIMULATED" in out
    assert "clinflu app" in out
    assert (tmp_path / "out" / "trace.html").stat().st_mode & 0o777 == 0o600
    assert "No few patients explain it" not in " ".join(out.split())


def test_check_grades_the_estimates_and_a_saved_audit_keeps_them(clinflu, small_csv, tmp_path):
    few = ("--each", 8, "--groups", 2)
    assert clinflu("run", "--data", small_csv, "--save", "kept")[0] == 0
    assert "counted on the refits shown here alone" in " ".join(clinflu("trace", "--audit", "kept")[1].split())
    code, out, err = clinflu("check", "--audit", "kept", *few, "--json", "c.json", "--html", "c.html")
    assert (code, err) == (0, "")
    assert "INTERNAL" in out
    values = json.loads((tmp_path / "c.json").read_text())
    single = next(row for row in values["grades"] if (row["kind"], row["method"]) == ("single", "one_step"))
    assert single["pearson_r"] > 0.99
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("c.json", "c.html")} == {0o600}
    later = " ".join(clinflu("trace", "--audit", "kept")[1].split())
    assert "shown here alone" not in later
    assert "comparisons with" in later
    named = values["predictions"][0]["encounter"]
    assert clinflu("check", "--audit", "kept", *few, "--encounter", named)[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--each", -1), "counts of 0 or more"), (("--each", 0, "--groups", 0), "something to refit")],
)
def test_a_check_of_nothing_is_refused_before_anything_is_read(clinflu, tmp_path, words, told):
    code, out, err = clinflu("check", "--data", "absent.csv", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert files_in(tmp_path) == []


def test_a_saved_audit_gives_the_same_trace(clinflu, small_csv, tmp_path):
    assert clinflu("run", "--data", small_csv, "--save", "kept")[0] == 0
    assert clinflu("trace", "--data", small_csv, "--json", "a.json")[0] == 0
    assert clinflu("trace", "--audit", "kept", "--json", "b.json")[0] == 0
    first, again = ((tmp_path / name).read_text() for name in ("a.json", "b.json"))
    assert first == again
    encounter = json.loads(first)["encounter"]
    assert clinflu("trace", "--audit", "kept", "--encounter", encounter, "--json", "c.json")[0] == 0
    assert (tmp_path / "c.json").read_text() == first


def test_data_check_and_simulate(clinflu):
    assert clinflu("data", "simulate", "--to", "sim.csv", "--encounters", "2000")[0] == 0
    code, out, _ = clinflu("data", "check", "--data", "sim.csv", "--loader", "diabetes130")
    assert code == 0
    assert "SIMULATED patients" in out
    assert "encounters read: 2,000" in out


def bad_sources(folder, small_csv):
    """Yield (name, path) of sources that cannot be read."""
    text = small_csv.read_bytes()
    lines = text.splitlines(keepends=True)
    yield "wrong path", folder / "absent" / "diabetic_data.csv"
    contents = {
        "wrong columns": b"a,b\n1,2\n",
        "empty file": b"",
        "header only": lines[0],
        "wrong encoding": text[:4000] + b"\xe9\xe8" + text[4000:],
        "duplicate encounter": b"".join([*lines, lines[1]]),
        "ragged": b"".join([*lines[:-1], b"1,2,3\n"]),
    }
    for name, content in contents.items():
        path = folder / name.replace(" ", "_") / "diabetic_data.csv"
        path.parent.mkdir()
        path.write_bytes(content)
        yield name, path
    whole = folder / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(small_csv, "diabetic_data.csv")
    truncated = folder / "truncated_diabetes.zip"
    truncated.write_bytes(whole.read_bytes()[:-2000])
    yield "truncated zip", truncated
    folder_without = folder / "folder"
    folder_without.mkdir()
    yield "empty folder", folder_without


def test_bad_sources_give_one_line_and_write_nothing(clinflu, small_csv, tmp_path, tmp_path_factory):
    sources = list(bad_sources(tmp_path_factory.mktemp("bad"), small_csv))
    assert len(sources) == 9
    for name, path in sources:
        code, out, err = clinflu("trace", "--data", path, "--json", "t.json", "--html", "t.html")
        assert code == 2, (name, out, err)
        assert len(err.strip().splitlines()) == 1, (name, err)
        assert err.startswith("clinflu: ")
        assert not out
        assert files_in(tmp_path) == [], name


@pytest.mark.parametrize(
    "words",
    [
        ("--encounter", "999999999999"),
        ("--threshold", "1.5"),
        ("--penalty", "-1"),
        ("--loader", "nosuch"),
        ("--audit", "nosuch"),
        ("--seed", "two"),
        ("--seed", "-1"),
        ("--html", "t.json"),
        ("--nosuch",),
    ],
)
def test_bad_options_give_one_line_and_write_nothing(clinflu, small_csv, tmp_path, words):
    code, out, err = clinflu("trace", "--data", small_csv, "--json", "t.json", *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "999999999999" not in err
    assert files_in(tmp_path) == []


def test_an_output_that_cannot_be_written_is_one_line(clinflu, small_csv, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, err = clinflu("trace", "--data", small_csv, "--json", "file/t.json")
    assert code == 2
    assert len(err.strip().splitlines()) == 1


def test_a_defect_of_ours_shows_no_value_of_the_data(clinflu, monkeypatch):
    def fail(*_):
        raise RuntimeError("patient 4711 Jane Doe")

    monkeypatch.setattr(cli, "_cohort", fail)
    code, out, err = clinflu("trace")
    assert code == 1
    assert "RuntimeError" in err
    assert "4711" not in out + err


def test_one_output_that_cannot_be_written_leaves_none(clinflu, small_csv, tmp_path):
    (tmp_path / "folder").mkdir()
    code, _, err = clinflu("trace", "--data", small_csv, "--html", "t.html", "--json", "folder")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert files_in(tmp_path) == ["folder"]


def test_run_names_the_command_that_opens_the_same_audit(clinflu, small_csv):
    _, out, _ = clinflu("run", "--data", small_csv, "--penalty", "5", "--seed", "3")
    assert f"app --data {small_csv} --penalty 5.0 --seed 3" in " ".join(out.split())
    _, out, _ = clinflu("run", "--data", small_csv, "--save", "kept")
    assert "app --audit kept" in " ".join(out.split())


@pytest.mark.uci
def test_casestudy_lists_children_and_audits_another_row(clinflu, uci_zip, tmp_path):
    code, out, _ = clinflu("casestudy", "--data", uci_zip, "--json", "c.json", "--test-position", "5", "--children")
    assert code == 0
    assert json.loads((tmp_path / "c.json").read_text())["audited"]["test_position"] == 5
    assert "Children of the test set" in out


def test_import_is_light():
    code = (
        "import sys, time; t = time.perf_counter(); import clinflu; s = time.perf_counter() - t; "
        "heavy = {'torch', 'pandas', 'plotly', 'sklearn'} & set(sys.modules); print(s, heavy)"
    )
    seconds, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split(maxsplit=1)
    assert float(seconds) < 1.5
    assert heavy.strip() == "set()"


def test_a_trace_never_imports_torch(small_csv, tmp_path):
    code = (
        "import sys; from clinflu import cli; sys.argv = ['clinflu', 'trace', '--data', sys.argv[1]]\n"
        "try: cli.main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, small_csv], capture_output=True, check=True, cwd=tmp_path)
