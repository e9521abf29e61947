"""Seconds and the largest memory of each step of a process, told as they come."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

GIBIBYTE = 2**20  # in units of 1,024 bytes


class Stopwatch:
    """Keeps what each step took in ``found``, by its name: ``_s`` seconds and ``_peak_gib`` memory so far."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        value = call()
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIBIBYTE
        self.found |= {f"{what}_s": seconds, f"{what}_peak_gib": peak}
        print(f"{what}: {seconds:.1f} s, {peak:.2f} GiB", file=sys.stderr, flush=True)
        return value
