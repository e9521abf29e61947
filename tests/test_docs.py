"""What the pages of ``docs`` tell a reader to do, done literally."""

import re
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from clinflu.data.backends import AUTO, BACKENDS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "when-the-table-outgrows-this-machine.md"
TEXT = PAGE.read_text()
SCHEDULER, SHARED = "tls://scheduler.hospital:8786", "/shared/private"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def admissions(clinflu):
    """Do the commands of the page in a folder of their own; what the last one printed."""
    for line in blocks("sh")[0].splitlines():
        name, *words = shlex.split(line)
        assert name == "clinflu"
        code, out, err = clinflu(*(word.replace("20000", "5000") for word in words))
        assert (code, err.strip()) == (0, ""), words
    return out


def test_the_commands_and_the_first_python_run(admissions, capsys):
    assert "INTERNAL" in admissions
    exec(blocks("python")[0], {})  # noqa: S102 -- what the page says
    assert re.search(r"streamed backend, [\d,]+ rows .* fitted in \d+ passes", capsys.readouterr().out)


@contextmanager
def cluster_behind_tls(place):
    """Start a cluster that asks for a certificate, and write those that the page names."""
    import dask
    from distributed import LocalCluster
    from distributed.security import Security

    key, certificate, authority = (place / name for name in ("me.key", "me.pem", "ca.pem"))
    words = ["-subj", "/CN=scheduler", "-days", "1", "-keyout", key, "-out", certificate]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *words], check=True, capture_output=True
    )
    shutil.copy(certificate, authority)
    sides = {f"tls_{side}_{what}": str(path) for side in ("client", "scheduler", "worker")
             for what, path in (("key", key), ("cert", certificate))}  # fmt: skip
    security = Security(tls_ca_file=str(authority), require_encryption=True, **sides)
    memory = {"distributed.worker.memory.target": False, "distributed.worker.memory.spill": False}
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with dask.config.set(memory), LocalCluster(**kind, protocol="tls://", security=security) as cluster:
        yield cluster.scheduler_address


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl makes a certificate here")
@pytest.mark.usefixtures("admissions")
def test_a_cluster_behind_tls_is_used_as_the_page_says(tmp_path, capsys):
    (block,) = blocks("python")[1:]
    assert block.count(SCHEDULER) == block.count(SHARED) == 1
    shared = tmp_path / "shared"
    with cluster_behind_tls(tmp_path) as address:
        said = block.replace(SCHEDULER, address).replace(SHARED, str(shared))
        names = {"__name__": "__main__"}
        exec(said, names)  # noqa: S102
        assert "dask backend" in names["audit"].study.notes[0]
        assert len(list(shared.iterdir())) == 1
        names.clear()
    assert "the patient was" in capsys.readouterr().out


def test_every_backend_is_in_the_table():
    told = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert told == ["backend", AUTO, *BACKENDS]


def test_the_readme_links_the_page():
    assert f"({PAGE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
