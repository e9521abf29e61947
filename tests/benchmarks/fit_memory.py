"""A process of its own: fit once and print how many bytes that took beyond what was held before."""

import json
import re
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clinflu.model.newton import fit_logistic

PROCESS = Path("/proc/self")
RESET_PEAK = "5"


def resident_bytes(fit: Callable[[], object]) -> int | None:
    """Return how far the resident memory rose above where it stood, None where the system does not tell."""
    try:
        (PROCESS / "clear_refs").write_text(RESET_PEAK)
        before = _kilobytes("VmRSS")
        fit()
        return 1024 * (_kilobytes("VmHWM") - before)
    except OSError:
        return None


def traced_bytes(fit: Callable[[], object]) -> int:
    """Return the peak of what Python and numpy allocated."""
    tracemalloc.start()
    fit()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _kilobytes(name: str) -> int:
    status = (PROCESS / "status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1])


def main(path: str) -> None:
    with np.load(path) as problem:
        x, y, penalty = problem["x"], problem["y"], problem["penalty"]
    few = np.concatenate([np.flatnonzero(y == value)[:200] for value in (0, 1)])
    fit_logistic(x[few], y[few], np.ones(len(few)), penalty + 1)  # BLAS takes its buffers

    def fit() -> None:
        fit_logistic(x, y, np.ones(len(y)), penalty)

    print(json.dumps({"resident": resident_bytes(fit), "traced": traced_bytes(fit)}))


if __name__ == "__main__":
    main(sys.argv[1])
