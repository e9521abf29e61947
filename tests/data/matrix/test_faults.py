"""Workers die, schedulers go away, parts break: the same result, or one clear line, and nothing half-done."""

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import cloudpickle
import numpy as np
import pytest

from clinflu import Audit
from clinflu.data import Encoder
from clinflu.data.backends import OnDask
from clinflu.data.coding import coded_matrix
from clinflu.data.matrix import cluster as clusters
from clinflu.data.matrix.cluster import Cluster, at_address, embedded, of_client
from clinflu.data.matrix.distributed import DaskMatrix
from clinflu.data.matrix.opening import Opened
from clinflu.data.matrix.remote import spills
from clinflu.data.matrix.spill import Spill
from clinflu.errors import BackendError, Cancelled, DataError
from clinflu.progress import silent

PART_ROWS = 300
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # so that workers need not import pytest

# Of a worker that was killed, Dask forgets a socket; it is collected within the test that killed it.
FORGOTTEN = "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
pytestmark = [pytest.mark.thorough, pytest.mark.filterwarnings(FORGOTTEN)]


@pytest.fixture(autouse=True)
def _collected():
    yield
    gc.collect()


@pytest.fixture(scope="module")
def workers():
    """The cluster that other tests of this process use too."""
    return embedded(2)


@pytest.fixture(scope="module")
def codes(small_cohort):
    frame = small_cohort.frame
    return coded_matrix(Encoder.learn(frame.iloc[:600], small_cohort.schema), frame)


@pytest.fixture
def held(codes, workers):
    return DaskMatrix.of(Spill.write(codes, part_rows=PART_ROWS), workers, silent)


@pytest.fixture(scope="module")
def undisturbed(small_cohort):
    return Audit.fit(small_cohort, backend="compact")


@pytest.fixture
def disturbed(small_cohort):
    """An audit whose passes call what is put into its list, each once."""
    waiting = []

    def disturb(*_):
        if waiting:
            waiting.pop()()

    return lambda: Audit.fit(small_cohort, backend=OnDask(part_rows=PART_ROWS, progress=disturb)), waiting


def kill_a_worker(workers):
    pids = list(workers.client.run(os.getpid).values())
    os.kill(pids[0], signal.SIGKILL)


def end_the_scheduler(workers):
    own = workers.client.cluster
    own.sync(own.scheduler.close)


def slowly(x):
    time.sleep(0.2)
    return (x.T @ x,)


def test_the_strongest_come_from_all_workers(held, codes):
    rng = np.random.default_rng(1)
    v, pull = rng.normal(size=codes.shape[1]), rng.normal(size=len(codes))
    rows, effects = held.strongest(v, pull, 7)
    truth = pull * (codes @ v)
    np.testing.assert_array_equal(rows, np.argsort(-np.abs(truth))[:7])
    np.testing.assert_allclose(effects, truth[rows], atol=1e-12)


def test_a_vector_stays_with_the_workers_and_one_that_was_changed_is_sent_again(held, codes):
    d = np.random.default_rng(2).random(len(codes))
    held.sandwich(d)
    kept = held._partitions._sent.copy()
    held.sandwich(d.copy())
    assert held._partitions._sent == kept
    d *= 2
    np.testing.assert_allclose(held.sandwich(d), codes.sandwich(d), rtol=1e-12, atol=1e-9)
    assert len(held._partitions._sent) == len(kept) + 1


def test_a_worker_killed_in_the_middle_of_a_pass(held, workers):
    truth = held.sums(slowly)[0]
    killing = threading.Timer(0.3, kill_a_worker, [workers])
    killing.start()
    found = held.sums(slowly)[0]
    killing.join()
    np.testing.assert_array_equal(found, truth)


def test_workers_that_die_over_the_same_part_are_one_line(held, workers):
    truth = held.squares()
    with dying_once_is_enough(workers), pytest.raises(BackendError, match="for want of memory") as caught:
        held.sums(dies)
    assert "\n" not in caught.value.one_line
    np.testing.assert_array_equal(held.squares(), truth)  # by workers that started again


@contextmanager
def dying_once_is_enough(workers):
    scheduler = workers.client.cluster.scheduler
    before, scheduler.allowed_failures = scheduler.allowed_failures, 0
    try:
        yield
    finally:
        scheduler.allowed_failures = before


def dies(x):
    os.kill(os.getpid(), signal.SIGKILL)
    return (x,)


def test_provenance_links_to_the_pages_where_dask_shows_its_work(held):
    link = re.search(r"Dask's dashboard: (http://127\.0\.0\.1:\d+/status)$", held.provenance)
    with urlopen(link.group(1)) as page:  # noqa: S310 -- the pattern holds http
        assert b"Dask" in page.read()


def test_a_worker_killed_in_the_middle_of_a_fit_and_of_a_trace(disturbed, undisturbed, workers):
    fit, waiting = disturbed
    waiting += [lambda: kill_a_worker(workers), bool]  # at the second pass
    audit = fit()
    assert not waiting
    np.testing.assert_allclose(audit.model.theta, undisturbed.model.theta, atol=1e-9)
    waiting += [lambda: kill_a_worker(workers)]
    encounter = undisturbed.mistakes().index[0]
    ours, truth = (one.trace(encounter).influence.margin_change for one in (audit, undisturbed))
    assert not waiting
    np.testing.assert_allclose(ours, truth, rtol=1e-9, atol=1e-9 * np.abs(truth).max())


def test_a_worker_killed_in_the_middle_of_a_report(disturbed, undisturbed, workers, tmp_path):
    from clinflu.report import subgroup_report

    fit, waiting = disturbed
    audit = fit()
    waiting += [lambda: kill_a_worker(workers), bool]
    for one, name in ((audit, "ours"), (undisturbed, "truth")):
        subgroup_report(one, tmp_path / name, formats=("csv",), progress=silent)
    assert not waiting
    assert written(tmp_path / "ours") == written(tmp_path / "truth")


def test_a_scheduler_that_ends_is_started_again(held, workers, codes):
    d = np.random.default_rng(3).random(len(codes))
    truth = held.sandwich(d)
    end_the_scheduler(workers)
    np.testing.assert_array_equal(held.sandwich(d), truth)


def test_a_cluster_that_is_always_lost_is_one_line(codes):
    opened = []

    def opening():
        opened.append(1)
        raises_when_asked = type("Client", (), {"status": "running", "submit": lost})()
        return Opened(raises_when_asked, lambda: None)

    held = DaskMatrix.of(Spill.write(codes, part_rows=PART_ROWS), Cluster(opening), silent)
    with pytest.raises(BackendError, match="was lost 4 times") as caught:
        held.squares()
    assert "\n" not in caught.value.one_line
    assert len(opened) == clusters.ATTEMPTS


def lost(*_, **__):
    raise OSError("connection refused")


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_broken_part_is_one_line_from_whichever_worker(codes, workers, how, capfd):
    held = DaskMatrix.of(Spill.write(codes, part_rows=PART_ROWS), workers, silent)
    path = held.spill.path(2)
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:200])
    for ask in (held.squares, lambda: held @ np.ones(held.shape[1])):
        with pytest.raises(BackendError, match=f"part 3 .* {'gone' if how == 'gone' else 'broken'}") as caught:
            ask()
        assert "\n" not in caught.value.one_line
    assert not "".join(capfd.readouterr())  # Dask would have printed the arguments


def test_an_error_of_a_function_comes_back_and_its_arguments_are_not_printed(held, capfd):
    with pytest.raises(ZeroDivisionError):
        held.sums(divides_by_nothing, np.ones(len(held)))
    assert not "".join(capfd.readouterr())


def divides_by_nothing(x, ones):
    return (np.array([len(x) // int(ones[0] - 1)]),)


def test_a_pass_that_is_stopped_leaves_the_cluster_to_the_next(codes, workers):
    def stop(*_):
        raise Cancelled("enough")

    held = DaskMatrix.of(Spill.write(codes, part_rows=PART_ROWS), workers, stop)
    with pytest.raises(Cancelled):
        held.sums(slowly)
    again = DaskMatrix(held.spill, None, workers, held.table, silent)
    np.testing.assert_allclose(again.squares(), codes.squares())


def test_nobody_else_can_talk_to_the_cluster_and_nothing_of_it_goes_to_disk(workers, held):
    from distributed import Client

    held.squares()
    own = workers.client.cluster
    address = own.scheduler_address
    assert address.startswith("tls://127.0.0.1:")
    with pytest.raises((OSError, ValueError)):
        Client(address.replace("tls", "tcp"), timeout=1, set_as_default=False)
    assert not any(workers.client.run(spills).values())
    places = workers.client.run(scratch)
    for folder, files in places.values():
        assert Path(folder).parents[1].stat().st_mode & 0o077 == 0
        assert not files


def scratch(dask_worker):
    folder = dask_worker.local_directory
    return folder, [name for _, _, names in os.walk(folder) for name in names]


def test_a_cluster_without_a_scheduler_is_one_line(codes, monkeypatch):
    monkeypatch.setattr(clusters, "ANSWER_S", 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(BackendError, match="no Dask scheduler answers"):
            DaskMatrix.of(Spill.write(codes), at_address(nowhere)).squares()


def test_a_scheduler_elsewhere_may_restart_and_workers_that_spill_are_refused(codes, monkeypatch):
    truth = codes.squares()
    with scheduler() as (address, restart):
        held = DaskMatrix.of(Spill.write(codes, part_rows=PART_ROWS), at_address(address), silent)
        with monkeypatch.context() as patch:
            patch.setattr(clusters, "ANSWER_S", 1.0)
            with pytest.raises(BackendError, match="no worker"):
                held.squares()
        check_restart(held, address, restart, truth)
        held.cluster.close()


def check_restart(held, address, restart, truth):
    with worker(address):
        np.testing.assert_allclose(held.squares(), truth)
        assert "1 Dask worker" in held.provenance
        restart()
        with worker(address):  # the first one ended with its scheduler
            np.testing.assert_allclose(held.squares(), truth)
            check_a_client_of_ones_own_and_a_worker_that_spills(held, address, truth)


def check_a_client_of_ones_own_and_a_worker_that_spills(held, address, truth):
    from distributed import Client

    with Client(address, set_as_default=False) as mine:
        given = DaskMatrix.of(held.spill, of_client(mine), silent)
        np.testing.assert_allclose(given.squares(), truth)
        given.cluster.close()
        assert mine.status == "running"  # it is its owner's
    with worker(address, spills="0.7"):
        until(lambda: len(held.cluster.client.nthreads()) == 2)
        with pytest.raises(BackendError, match="SPILL=False"):
            DaskMatrix.of(held.spill, at_address(address), silent).squares()


def test_without_dask_the_line_says_what_to_install(monkeypatch, small_cohort):
    monkeypatch.setattr(clusters, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=re.escape("pip install 'clinflu[cluster]'")):
        Audit.fit(small_cohort, backend=OnDask(address="tcp://127.0.0.1:1"))


def test_importing_clinflu_does_not_import_dask():
    look = "import sys, clinflu, clinflu.cli; sys.exit('dask' in sys.modules or 'distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


@contextmanager
def scheduler():
    """A scheduler of its own process; yield its address and what ends and starts it again there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]
    running = [dask(*command)]

    def restart():
        ended = running.pop()
        ended.kill()
        ended.wait()
        running.append(dask(*command))

    try:
        until(lambda: answers(port))
        yield f"tcp://127.0.0.1:{port}", restart
    finally:
        running[0].kill()
        running[0].wait()


@contextmanager
def worker(address, spills="False"):
    process = dask(
        *("worker", address, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--memory-limit", "1GiB"),
        *("--death-timeout", "60", "--no-dashboard"),
        DASK_DISTRIBUTED__WORKER__MEMORY__TARGET="False",
        DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=spills,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def dask(*words, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def answers(port):
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def written(folder):
    tables = (one for one in sorted(folder.rglob("*.csv")) if one.name != "provenance.csv")  # which names the backend
    return {one.name: one.read_bytes() for one in tables}
