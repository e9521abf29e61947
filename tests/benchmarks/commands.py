"""What a person waits for: whole commands, imports, and how well the default model predicts."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from rounds import timed
from rows import Row, below, between

from clinflu import Audit

RUNS = 3
IMPORTS = {"import clinflu": "import clinflu", "from clinflu import Audit": "from clinflu import Audit"}
TIMED_IMPORT = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def trace_rows(table: Path, runs: int = RUNS, command: tuple[str, ...] | None = None) -> list[Row]:
    """Time ``clinflu trace`` on the table, each time in a new process."""
    line = [*(command or _clinflu()), "trace", "--data", str(table)]
    seconds = median(timed(lambda: _run(line))() for _ in range(runs))
    return [Row("clinflu trace --data TABLE, whole process", seconds, "s", below(15))]


def import_rows(runs: int = RUNS) -> list[Row]:
    """Time what is imported first, each time in a new process."""
    return [
        Row(label, median(_import_seconds(statement) for _ in range(runs)), "s", below(1.5))
        for label, statement in IMPORTS.items()
    ]


def discrimination_rows(audit: Audit) -> list[Row]:
    """Measure the AUROC of the default model."""
    found = audit.discrimination
    return [
        Row(f"AUROC, mean of {len(found.folds)} folds by patient", found.mean, "AUROC", between(0.655, 0.68)),
        Row("AUROC, audited encounters", found.audited, "AUROC"),
    ]


def _clinflu() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("clinflu")
    return (str(script),) if script.exists() else (sys.executable, "-m", "clinflu.cli")


def _run(line: list[str]) -> str:
    """Run a command that leaves nothing in this user's folders; return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
        return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def _import_seconds(statement: str) -> float:
    return float(_run([sys.executable, "-c", TIMED_IMPORT.format(statement)]))
