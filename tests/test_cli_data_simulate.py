"""``clinflu data simulate``: a CSV of the UCI columns, or a folder of parts of any size, and no third thing."""

import pandas as pd
import pytest


def test_a_folder_of_parts_is_written_and_read(clinflu, tmp_path):
    words = ("--rows", "2500", "--out", "made/big", "--part-rows", "1000", "--seed", "3")
    code, out, _ = clinflu("data", "simulate", *words)
    assert code == 0
    assert out.startswith("2,500 SIMULATED encounters, 2,4")
    assert "at risk, in 2 parts in big: read them with --data big" in out
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["big"]

    code, out, err = clinflu("data", "check", "made/big")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["SIMULATED patients: nobody here is real.", "encounters read: 2,500"]

    code, _, err = clinflu("data", "simulate", *words)
    assert (code, err) == (2, "clinflu: big is there already; give a new folder\n")


def test_a_csv_is_written_as_before(clinflu, tmp_path):
    assert clinflu("data", "simulate", "--to", "sim.csv", "--encounters", "1000")[0] == 0
    assert len(pd.read_csv(tmp_path / "sim.csv", dtype=str)) == 1_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give --to FILE.csv for one table, or --rows N and --out FOLDER"),
        (("--rows", "2000"), "--out FOLDER"),
        (("--out", "x"), "--out FOLDER"),
        (("--rows", "2000", "--to", "x.csv"), "--out FOLDER"),
        (("--rows", "0", "--out", "x"), "ask for 1,000 to"),
        (("--rows", "2000", "--out", "x", "--part-rows", "1"), "ask for 1,000 to 1,000,000"),
        (("--rows", "2000", "--out", "x", "--seed", "-1"), "seed"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(clinflu, tmp_path, words, told):
    code, out, err = clinflu("data", "simulate", *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert told in err
    assert list(tmp_path.iterdir()) == []
