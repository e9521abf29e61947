"""The simulator at any size: parts that do not depend on each other, and the same causes of error in all of them."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from scipy.special import expit

from clinflu import Audit, Remove
from clinflu.errors import LoaderError
from data_loaders import load, simulate_folder
from data_loaders.simulate_folder import ROW_GROUP, write_simulated
from data_loaders.simulated import simulate_part

FIRST, SECOND = "part-00000.parquet", "part-00001.parquet"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two parts of the size at which the causes were measured."""
    path = tmp_path_factory.mktemp("simulated") / "two"
    write_simulated(path, 40_000, seed=1, part_rows=20_000, processes=1)
    return path


@pytest.fixture(scope="module")
def audit(folder):
    return Audit.fit(load("parquet", folder))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_part_holds_depends_on_no_other_part_and_on_no_process(tmp_path):
    told = []
    write_simulated(tmp_path / "two", 2_000, seed=4, part_rows=1_000, processes=1)
    write_simulated(
        tmp_path / "three", 3_000, seed=4, part_rows=1_000, processes=2, progress=lambda *now: told.append(now)
    )
    contents = [[(tmp_path / one / part).read_bytes() for part in (FIRST, SECOND)] for one in ("two", "three")]
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[0][1]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert names(tmp_path) == ["three", "two"]
    assert names(tmp_path / "two") == ["cohort.toml", FIRST, SECOND, "planted.parquet"]


def test_another_seed_gives_other_patients():
    ids = [set(simulate_part(1_000, seed, 0).frame["patient_nbr"]) for seed in (0, 1)]
    assert not ids[0] & ids[1]


def test_no_patient_and_no_encounter_is_in_two_parts(folder):
    first, second = (parquet.read_table(folder / part) for part in (FIRST, SECOND))
    for name in ("encounter_id", "patient_nbr"):
        ids = [set(table[name].to_pylist()) for table in (first, second)]
        assert not ids[0] & ids[1]
    for table in (first, second):
        assert len(set(table["encounter_id"].to_pylist())) == table.num_rows


def test_the_rows_are_those_of_the_simulator(folder):
    made = pd.concat([simulate_part(20_000, 1, part).frame for part in (0, 1)])
    read = load("parquet", folder).frame
    texts = {name: "str" for name, kind in read.dtypes.items() if kind == "category"}
    assert len(texts) > 30
    pd.testing.assert_frame_equal(read.astype(texts), made, check_exact=True)


def test_the_columns_are_stored_small(folder):
    file = parquet.ParquetFile(folder / FIRST)
    types = {one.name: str(one.type) for one in file.schema_arrow}
    assert types["age"].startswith("dictionary<values=string, indices=int")
    assert (types["readmitted_30d"], types["time_in_hospital"], types["num_lab_procedures"]) == (
        "int8",
        "int8",
        "int16",
    )
    assert types["encounter_id"] == "string"
    assert ROW_GROUP == 65_536
    assert file.metadata.num_row_groups == 1
    assert (folder / FIRST).stat().st_size < 40 * 20_000


CAUSES = {  # what the model says, less what it says without what was altered, of others of that level
    "unrepresentative children": (0.10, 1.0),
    "flipped labels at one specialty": (0.05, 1.0),
    "unit error at one destination": (-1.0, -0.10),
    "copied records": (0.05, 1.0),
}


@pytest.mark.parametrize("name", CAUSES)
def test_an_audit_finds_what_was_planted(audit, name):
    cause = next(one for one in audit.cohort.planted if one.name == name)
    study, frame = audit.study, audit.cohort.frame
    altered = frame.index.isin(cause.responsible)
    affected = frame.index.isin(cause.affected(frame).index) & ~altered
    others = np.concatenate([study.split.audited, study.split.confirm])
    rows = others[affected[others]]
    refit = audit.what_if(Remove([str(one) for one in study.train_ids[altered[study.split.train]]]))
    change = expit(study.margins[rows]) - expit(refit.margins_after[rows])
    low, high = CAUSES[name]
    assert len(rows) > 5
    assert low < np.median(change) < high


def test_the_causes_have_the_shares_that_they_have_in_20_000_encounters(folder):
    cohort = load("parquet", folder)
    by_name = {cause.name: cause for cause in cohort.planted}
    children = by_name["unrepresentative children"]
    assert len(children.affected(cohort.frame)) == 2 * 44
    assert "88 children" in children.description
    assert "32 others" in children.description
    assert len(by_name["copied records"].responsible) == 2 * 15
    for cause in cohort.planted:
        assert set(cause.responsible) <= set(cause.affected(cohort.frame).index)
    altered = cohort.frame.loc[list(by_name["unit error at one destination"].responsible)]
    assert (altered["number_inpatient"] == 24 * altered["time_in_hospital"]).all()


@pytest.mark.parametrize(("rows", "sizes"), [(1_000, [1_000]), (2_500, [1_000, 1_500]), (2_999, [1_000, 1_999])])
def test_no_part_is_too_small_for_its_causes(rows, sizes):
    assert simulate_folder._sizes(rows, 0, 1_000) == sizes


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"rows": 999}, "999 encounters cannot be simulated"),
        ({"rows": 10**12}, "ask for 1,000 to 1,000,000,000"),
        ({"part_rows": 999}, "parts of 999 rows cannot be written; ask for 1,000 to 1,000,000"),
        ({"part_rows": 10**7}, "parts of 10,000,000 rows"),
        ({"seed": -1}, "seed"),
    ],
)
def test_numbers_that_cannot_be_used(tmp_path, numbers, told):
    with pytest.raises(LoaderError, match=told):
        write_simulated(tmp_path / "new", **{"rows": 2_000, **numbers})
    assert names(tmp_path) == []


def test_what_is_there_already_is_left_alone(tmp_path):
    for kind, make in (("file", lambda path: path.touch()), ("folder", lambda path: path.mkdir())):
        make(tmp_path / kind)
        with pytest.raises(LoaderError, match=f"{kind} is there already; give a new folder"):
            write_simulated(tmp_path / kind, 1_000, processes=1)
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(LoaderError, match="link is there already"):
        write_simulated(tmp_path / "link", 1_000, processes=1)
    with pytest.raises(LoaderError, match="cannot write beside"):
        write_simulated(tmp_path / "file" / "new", 1_000, processes=1)
    assert names(tmp_path) == ["file", "folder", "link"]


@pytest.mark.parametrize(
    ("end", "told"), [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (MemoryError(), "memory")]
)
def test_a_full_disk_is_one_line_and_nothing_is_left(tmp_path, monkeypatch, end, told):
    def second_part_fails(path, *numbers, write=simulate_folder._write_part):
        if path.name == SECOND:
            raise end
        return write(path, *numbers)

    monkeypatch.setattr(simulate_folder, "_write_part", second_part_fails)
    with pytest.raises(LoaderError, match=f"new was not written: .*{told}") as caught:
        write_simulated(tmp_path / "new", 2_000, part_rows=1_000, processes=1)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.thorough
@pytest.mark.parametrize("there", ["new", "new/part-*"])
def test_what_is_stopped_leaves_nothing(tmp_path, there):
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background shell ignores it
    code = f"{heeding}; from clinflu.cli import main; main()"
    words = [sys.executable, "-c", code, "data", "simulate", "--rows", "100000", "--out", "new", "--part-rows", "5000"]
    started = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f".simulating-*/{there}")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.3)  # where processes are just being started
    os.killpg(started.pid, signal.SIGINT)  # as the terminal does: to the whole group
    told = started.communicate(timeout=60)[1].decode()
    assert started.returncode == 130
    assert "Traceback" not in told
    assert names(tmp_path) == []


@pytest.mark.thorough
def test_what_a_killed_simulation_left_is_removed_by_the_next(tmp_path):
    work = "from pathlib import Path; from data_loaders.simulate_folder import write_simulated; import sys\n"
    work += "write_simulated(Path(sys.argv[1]), 200_000, part_rows=1_000, processes=1)"
    with subprocess.Popen([sys.executable, "-c", work, tmp_path / "first"]) as child:
        while not any(tmp_path.glob(".simulating-*/new/*.parquet")):
            time.sleep(0.1)
        child.kill()
    assert any(tmp_path.glob(".simulating-*"))
    write_simulated(tmp_path / "second", 1_000, processes=1)
    assert [one.name for one in tmp_path.iterdir()] == ["second"]
