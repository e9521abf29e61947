"""A table in parts on disk: private, small in memory, gone when it is not needed, and clear about what is broken."""

import errno
import gc
import os
import signal
import stat
import subprocess
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinflu.data import Encoder
from clinflu.data.backends import Streamed
from clinflu.data.coding import coded_matrix
from clinflu.data.matrix import coded, spill, streamed
from clinflu.data.matrix.folder import PREFIX, PrivateFolder, sweep
from clinflu.data.matrix.in_turn import added_as_they_come
from clinflu.data.matrix.passes import added_up
from clinflu.data.matrix.spill import Layout, Spill
from clinflu.data.matrix.streamed import Plan, StreamedMatrix
from clinflu.errors import BackendError, Cancelled, DataError

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def codes(small_cohort):
    frame = small_cohort.frame
    return coded_matrix(Encoder.learn(frame.iloc[:600], small_cohort.schema), frame)


@pytest.fixture(scope="module")
def dense(codes):
    return codes.rows(np.arange(len(codes)))


@pytest.fixture
def held(codes, tmp_path):
    return StreamedMatrix.of(Spill.write(codes, tmp_path, 100), Plan(2, 100, 0))


def left(place):
    return [one for one in place.iterdir() if one.name.startswith("clinflu-")]


@pytest.mark.parametrize("rows", ["in order", "any order", "twice", "none", "of a view"])
def test_a_view_holds_its_rows_in_their_order(held, dense, rows):
    rng = np.random.default_rng(0)
    chosen = {
        "in order": np.sort(rng.permutation(len(dense))[:500]),
        "any order": rng.permutation(len(dense))[:500],
        "twice": np.repeat(rng.permutation(len(dense))[:50], 2),
        "none": np.empty(0, dtype=np.intp),
        "of a view": np.arange(0, len(dense), 3),
    }[rows]
    view, truth = held.take(chosen), dense[chosen]
    if rows == "of a view":
        view, truth = view.take(np.arange(len(chosen))[::-2]), truth[::-2]
    u, v = rng.normal(size=len(truth)), rng.normal(size=dense.shape[1])
    np.testing.assert_array_equal(view.rows(np.arange(len(truth))), truth)
    np.testing.assert_allclose(view @ v, truth @ v, atol=1e-12)
    np.testing.assert_allclose(u @ view, u @ truth, atol=1e-10)
    np.testing.assert_allclose(view.sandwich(u**2), (truth.T * u**2) @ truth, atol=1e-9)
    np.testing.assert_allclose(view.each(row_sums), truth.sum(axis=1), atol=1e-10)


def test_the_strongest_are_those_of_all_effects(held, dense):
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(dense))[:700]
    v, pull = rng.normal(size=dense.shape[1]), rng.normal(size=700)
    rows, effects = held.take(chosen).strongest(v, pull, 10)
    truth = pull * (dense[chosen] @ v)
    np.testing.assert_array_equal(rows, np.argsort(-np.abs(truth))[:10])
    np.testing.assert_allclose(effects, truth[rows], atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 100])
def test_sums_that_come_one_by_one_are_added_up_right(count):
    parts = [(np.array([0.1 * k]), np.array([k])) for k in range(count)]
    ours, truth = added_as_they_come(iter(parts)), added_up(parts)
    np.testing.assert_allclose(ours[0], truth[0], rtol=1e-14)
    assert ours[1] == truth[1] == sum(range(count))


def test_a_pass_keeps_within_its_budget_though_the_table_is_larger():
    rows, budget = 400_000, 20 * MEBIBYTE
    rng = np.random.default_rng(2)
    levels = np.vstack([np.zeros(2), np.eye(2)])
    variables = tuple(coded.Coded(rng.integers(0, 3, rows).astype(np.uint16), levels, 2 * k) for k in range(60))
    large = coded.CodedMatrix(variables, 120)
    assert large.nbytes > 2 * budget
    plan = Plan.within(budget, Layout.of(large))
    held = StreamedMatrix.of(Spill.write(large, part_rows=plan.part_rows), plan)
    truth = np.bincount(variables[3].codes)[1:]
    del large, variables
    counted, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(counted)
    tracemalloc.start()
    try:
        found = held.sums(column_sums)[0]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    np.testing.assert_array_equal(found[6:8], truth)
    assert counted.max_memory() > 0
    assert peak + counted.max_memory() < budget


def test_what_fits_the_budget_is_read_once(codes, monkeypatch):
    read = []
    monkeypatch.setattr(Spill, "read", lambda self, number: read.append(number) or really_read(self, number))
    part_bytes = 100 * Layout.of(codes).row_bytes
    held = StreamedMatrix.of(Spill.write(codes, part_rows=100), Plan(2, 100, 16 * part_bytes // 3 + 1))
    first = held.squares()
    np.testing.assert_array_equal(held.squares(), first)
    assert sorted(read) == sorted([*range(11), *range(4, 11)][: len(read)])
    assert len(read) == 2 * held.spill.count - 4


really_read = Spill.read


def test_a_sample_is_held_in_memory_where_the_budget_has_room(codes, dense):
    rows = np.sort(np.random.default_rng(4).permutation(len(dense))[:200])
    written = Spill.write(codes, part_rows=100)
    for room, backend in ((10**6, "compact"), (1000, "streamed")):
        sample = StreamedMatrix.of(written, Plan(2, 100, room)).in_memory(rows)
        assert sample.backend == backend
        np.testing.assert_array_equal(sample.rows(np.arange(200)), dense[rows])


def test_a_budget_that_is_too_small_says_how_much_is_needed(codes):
    with pytest.raises(BackendError, match=r"at least [\d.e-]+ GiB") as caught:
        Plan.within(1000, Layout.of(codes))
    enough = float(caught.value.one_line.split("at least ")[1].split()[0])
    assert Plan.within(int(enough * streamed.GIBIBYTE), Layout.of(codes)).threads == 1
    with pytest.raises(DataError, match="budget"):
        Streamed(budget_gib=0)


def test_a_pass_tells_how_far_it_is_and_can_be_stopped(codes):
    told = []
    held = StreamedMatrix.of(Spill.write(codes, part_rows=100), Plan(2, 100, 0), lambda *at: told.append(at))
    held.squares()
    count = held.spill.count
    assert told == [(done, count) for done in range(1, count + 1)]

    def stop(done, _):
        if done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        StreamedMatrix.of(held.spill, Plan(2, 100, 0), stop).squares()


def test_the_disk_holds_codes_and_nothing_that_names_anybody(codes, small_cohort, tmp_path):
    found = Spill.write(codes, tmp_path, 300)
    files = sorted(found.folder.path.iterdir())
    assert stat.S_IMODE(found.folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    content = b"".join(one.read_bytes() for one in files)
    words = [*small_cohort.frame.index[:50], *small_cohort.frame["patient"].unique()[:50], "surgical", "burns", "ward"]
    assert not [word for word in words if str(word).encode() in content]
    group = parquet.read_table(found.path(0))
    assert all(name.isdigit() for name in group.column_names)
    assert set(map(str, group.schema.types)) <= {"uint8", "uint16"}


@pytest.mark.parametrize("end", ["collected", "removed"])
def test_nothing_is_left_on_disk(codes, tmp_path, end):
    held = StreamedMatrix.of(Spill.write(codes, tmp_path, 300), Plan(1, 300, 0))
    view = held.take(np.arange(10))
    assert left(tmp_path)
    if end == "removed":
        held.spill.folder.remove()
    else:
        del held
        gc.collect()
        assert view.rows(np.arange(10)).shape == (10, view.shape[1])  # whoever still needs it has it
        del view
        gc.collect()
    assert not left(tmp_path)


HOLDS_A_FOLDER = """
import os, signal, sys, time
from pathlib import Path
from clinflu.data.matrix.folder import PrivateFolder
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background shell ignores
folder = PrivateFolder(Path(sys.argv[1]))
(folder.path / "part").write_text("codes")
if os.fork() == 0:
    sys.exit()  # the end of a fork takes nothing from its parent
os.wait()
print((folder.path / "part").exists(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_ended_leaves_nothing_for_long(tmp_path, by):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_FOLDER, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout.readline() == "True\n"
    sweep(tmp_path)
    assert len(left(tmp_path)) == 1  # it is in use
    child.send_signal(by)
    child.wait()
    child.stdout.close()
    assert len(left(tmp_path)) == (by == signal.SIGKILL)
    mine = PrivateFolder(tmp_path)  # which sweeps what was killed
    assert left(tmp_path) == [mine.path]
    assert mine.path.name.startswith(PREFIX)


@pytest.mark.parametrize("how", ["cut", "one bit", "another's", "gone"])
def test_a_part_that_is_broken_is_named_by_its_number(held, how):
    path = held.spill.path(4)
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "another's":
        path.write_bytes(held.spill.path(held.spill.count - 1).read_bytes())
    else:
        middle = len(content) // 3
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :])
    with pytest.raises(BackendError, match=f"part 5 .* {'gone' if how == 'gone' else 'broken'}") as caught:
        held.squares()
    assert "\n" not in caught.value.one_line
    assert str(path.parent) not in caught.value.one_line
    held.rows(np.arange(50))  # the others still can be read


def test_a_disk_that_fills_up_leaves_nothing(codes, tmp_path, monkeypatch):
    def full(path, x, rows, places):
        if rows.start == 300:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really_write(path, x, rows, places)

    monkeypatch.setattr(spill, "write_part", full)
    with pytest.raises(BackendError, match=r"No space left on device.*name another folder") as caught:
        Spill.write(codes, tmp_path, 100)
    assert "\n" not in caught.value.one_line
    assert not left(tmp_path)


really_write = spill.write_part


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_is_really_full(codes, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", place]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(BackendError, match="make room"):
            Spill.write(codes, place, 100)
        assert not left(place)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_place_that_cannot_be_written_to_is_one_line(codes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="name another") as caught:
        Spill.write(codes, tmp_path / "file" / "below")
    assert str(tmp_path) not in caught.value.one_line


def test_ctrl_c_while_spilling_leaves_nothing(codes, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(spill, "write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Spill.write(codes, tmp_path, 100)
    assert not left(tmp_path)


def row_sums(x):
    return x.sum(axis=1)


def column_sums(x):
    return (x.sum(axis=0),)
