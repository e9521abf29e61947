"""All influences streamed: time and memory of the strongest training rows of every test row, and how the warning does.

As a program: a process of its own that streams once and prints seconds, seconds of the bare product and peak memory.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from fit_memory import resident_bytes
from problems import Problem
from rows import Row, at_least, at_most, below

from clinflu import Audit
from clinflu.analysis.support import PERCENTILE, support_cuts, support_table
from clinflu.analysis.support_calibration import SupportCalibration, support_calibration
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.strongest import strongest_each
from clinflu.influence.training import TrainingRows
from clinflu.study import Study

K = 20
CHECKED = 200
BLOCK = 400
PERCENTILES = (80.0, 85.0, 90.0, 95.0, 97.5, 99.0)
THROUGH_FEW_RECORDS = ("unrepresentative children", "copied records")
SEEDS = 5
GIB = 2**30


def stream_rows(problem: Problem, x_audited: np.ndarray) -> list[Row]:
    """Stream once, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, x=problem.x, y=problem.y, penalty=problem.penalty, audited=x_audited)
        child = [sys.executable, Path(__file__), path]
        found = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    size = f"{len(x_audited):,} x {len(problem.x):,}, top {K}"
    beyond = None if found["resident"] is None else found["resident"] / GIB
    return [
        Row(f"streams: {size}", found["seconds"], "s", below(90)),
        Row("streams: bare float64 product of the same size", found["product_seconds"], "s"),
        Row("streams: times the bare product", found["seconds"] / found["product_seconds"], "times"),
        Row("streams: peak of the process beyond its input", beyond, "GiB", below(3)),
        Row("streams: load of the machine at the start", found["load"], "processes"),
        Row(
            f"streams: rows of {CHECKED} whose set differs from the whole table's", found["differ"], "rows", at_most(0)
        ),
    ]


def warning_rows(audit: Audit) -> list[Row]:
    """Say how the low-support warning does on a real table, and by which rule its percentile was chosen."""
    studies = [_simulated(seed) for seed in range(SEEDS)]
    rows = _contrast_rows("warning, UCI", support_calibration(audit.study))
    rows += _pooled_rows([support_calibration(study) for study in studies])
    for percentile in PERCENTILES:
        caught, of, share = np.sum([_caught(study, percentile) for study in studies], axis=0)
        name = f"warning, simulated, percentile {percentile:g}"
        bar = at_least(0.5) if percentile == PERCENTILE else None
        rows.append(Row(f"{name}: caught of {of:.0f} beside few records", caught / of, "share", bar))
        rows.append(Row(f"{name}: predictions with the warning", share / SEEDS, "share"))
    return rows


def _pooled_rows(found: list[SupportCalibration]) -> list[Row]:
    """Return each share over all simulated cohorts together."""
    rows = []
    for contrasts in zip(*[(one.wrong, *one.planted) for one in found], strict=True):
        for group in ("warned", "rest"):
            shares = [getattr(contrast, group) for contrast in contrasts]
            count, of = sum(share.count for share in shares), sum(share.of for share in shares)
            name = f"warning, {SEEDS} simulated cohorts: {contrasts[0].what}, {group} ({count:,} of {of:,})"
            rows.append(Row(name, count / of, "share"))
    return rows


def _simulated(seed: int) -> Study:
    from data_loaders.simulated import load_simulated

    return Study.fit(load_simulated(seed=seed))


def _caught(study: Study, percentile: float) -> tuple[int, int, float]:
    """Return how many confirm encounters that few records distort are caught, of how many, and the share warned."""
    table = support_table(study, study.split.confirm, support_cuts(study, percentile))
    causes = [cause for cause in study.cohort.planted if cause.name in THROUGH_FEW_RECORDS]
    affected = np.any([table.index.isin(cause.affected(study.cohort.frame).index) for cause in causes], axis=0)
    return int(table["low"][affected].sum()), int(affected.sum()), float(table["low"].mean())


def _contrast_rows(name: str, found: SupportCalibration) -> list[Row]:
    rows = [Row(f"{name}: with the warning", found.warned.encounters, "encounters")]
    for contrast in (found.wrong, *found.planted):
        rows += [
            Row(f"{name}: {contrast.what}, warned", contrast.warned.share, "share"),
            Row(f"{name}: {contrast.what}, rest", contrast.rest.share, "share"),
        ]
        if np.isfinite(contrast.ratio):
            label = f"{name}: {contrast.what}, ratio ({contrast.ratio_low:.2f} to {contrast.ratio_high:.2f})"
            rows.append(Row(label, contrast.ratio, "times"))
    for label, quality in (("warned", found.warned), ("rest", found.rest)):
        rows += [
            Row(f"{name}: event rate minus mean risk, {label}", quality.calibration, "share"),
            Row(f"{name}: log loss, {label}", quality.log_loss, "nats"),
            Row(f"{name}: Brier score, {label}", quality.brier, "Brier"),
        ]
    return rows


def product_seconds(train: TrainingRows, audited: np.ndarray) -> float:
    """Return the time of the product of the same size alone, in blocks of the same size."""
    block = np.empty((BLOCK, len(train.x)))
    columns = np.ascontiguousarray(train.x.T)
    start = time.perf_counter()
    for first in range(0, len(audited), BLOCK):
        part = audited[first : first + BLOCK]
        np.matmul(part, columns, out=block[: len(part)])
    return time.perf_counter() - start


def differing(train: TrainingRows, audited: np.ndarray, positions: np.ndarray) -> int:
    """Count the rows whose k largest sizes are not those of all effects, computed one row at a time."""
    wrong = 0
    for row in np.linspace(0, len(audited) - 1, CHECKED).astype(int):
        sizes = np.abs(one_step(train, removal_effect(train, audited[row])))
        wrong += not np.allclose(sizes[positions[row]], -np.sort(-sizes)[: positions.shape[1]], rtol=1e-6)
    return wrong


def main(path: str) -> None:
    load = os.getloadavg()[0]
    with np.load(path) as problem:
        x, y, penalty, audited = problem["x"], problem["y"], problem["penalty"], problem["audited"]
    train = TrainingRows.fit(x, y, np.ones(len(y)), penalty)
    strongest_each(train, audited[:2], K)  # the leverages, and the buffers of BLAS
    found = {}

    def stream() -> None:
        start = time.perf_counter()
        found["top"] = strongest_each(train, audited, K)
        found["seconds"] = time.perf_counter() - start

    resident = resident_bytes(stream)
    figures = {
        "seconds": found["seconds"],
        "resident": resident,
        "product_seconds": product_seconds(train, audited),
        "differ": differing(train, audited, found["top"].positions),
        "load": load,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
