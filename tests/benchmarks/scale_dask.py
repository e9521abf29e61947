"""Millions of rows on Dask: two workers beside one, beside the fit in memory, and beside dask-ml's logistic regression.

The rows are those of the built-in cohort drawn again and again, a tenth of the codes of each variable exchanged, and
outcomes drawn at the risks of a model of them. dask-ml runs in its own venv, by this file as a script, from the same
codes made dense there; its workers hold them before the clock starts, as ours do.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROWS, SEED, NOISE = 5_000_000, 0, 0.1
PENALTY = 1.0
WORKERS = 2
PART_ROWS = 2**16
AT_LEAST_FASTER, AT_MOST_SLOWER = 1.3, 2.0
SOLVERS = {"newton": {"max_iter": 50, "tol": 1e-4}, "admm": {"max_iter": 5, "C": 1 / PENALTY}}


def dask_rows(rows: int = ROWS, peer: Path | None = None, solvers: Sequence[str] = tuple(SOLVERS)) -> list[Any]:
    """Measure the fit from cold, every row held by its backend already; beside these solvers of dask-ml."""
    from rows import Row, at_least, below

    from clinflu.data.matrix.cluster import embedded
    from clinflu.data.matrix.distributed import DaskMatrix
    from clinflu.data.matrix.spill import Spill
    from clinflu.progress import silent

    codes, y = problem(rows)
    seconds, norms, thetas = {}, {}, {}
    for name, cores in (("in memory, 1 core", 1), (f"in memory, {WORKERS} cores", WORKERS)):
        with on_cores(cores):
            seconds[name], norms[name], thetas[name] = fitted(codes, y)
    spill = Spill.write(codes, part_rows=PART_ROWS)
    for workers in (1, WORKERS):
        cluster = embedded(workers)
        held = DaskMatrix.of(spill, cluster, silent)
        held.squares()  # the workers have read their parts
        name = f"Dask, {workers} worker{'s' * (workers > 1)}"
        seconds[name], norms[name], thetas[name] = fitted(held, y)
        cluster.close()
    first, *others = thetas.values()
    what = f"{rows:,} x {codes.shape[1]}"
    found = [Row(f"{what}: {name}", one, "s") for name, one in seconds.items()]
    found += [Row(f"{what}: mean gradient left, {name}", norm, "norm") for name, norm in norms.items()]
    one, two = seconds["Dask, 1 worker"], seconds[f"Dask, {WORKERS} workers"]
    found += [
        Row(
            f"{what}: largest difference of coefficients", max(np.abs(t - first).max() for t in others), "", below(1e-9)
        ),
        Row(f"{what}: {WORKERS} workers' speed over one's", one / two, "times", at_least(AT_LEAST_FASTER)),
        Row(
            f"{what}: 1 worker / in memory, 1 core", one / seconds["in memory, 1 core"], "times", below(AT_MOST_SLOWER)
        ),
    ]
    return found + beside_rows(what, codes, y, peer, solvers, (two, norms[f"Dask, {WORKERS} workers"]))


def beside_rows(
    what: str, codes: Any, y: np.ndarray, peer: Path | None, solvers: Sequence[str], ours: tuple[float, float]
) -> list[Any]:
    """Compare with dask-ml; a solver whose gradient ends larger than ours is slower than it says."""
    from rows import Row, below

    if peer is None or not peer.exists():
        return [Row(f"{what}: dask-ml", None, "s")]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        save(path, codes, y)
        for solver in solvers:
            child = subprocess.run([peer, __file__, path, solver], check=True, capture_output=True, text=True)
            told = json.loads(child.stdout.splitlines()[-1])
            found += [
                Row(f"{what}: dask-ml {solver}, {WORKERS} workers", told["seconds"], "s"),
                Row(f"{what}: mean gradient left, dask-ml {solver}", told["norm"], "norm"),
                Row(f"{what}: our time / dask-ml {solver}", ours[0] / told["seconds"], "times", below(1)),
                Row(f"{what}: our gradient / dask-ml {solver}", ours[1] / told["norm"], "times"),
            ]
    return found


def problem(rows: int) -> tuple[Any, np.ndarray]:
    """Return codes (n, p) and outcomes."""
    from clinflu.data.coding import coded_matrix
    from clinflu.data.matrix import Coded, CodedMatrix
    from clinflu.model.logistic import risk
    from clinflu.study import Study
    from data_loaders import load

    study = Study.fit(load("simulated"))
    small = coded_matrix(study.encoder, study.cohort.frame)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(small), rows, dtype=np.int32)
    variables = []
    for one in small.variables:
        if len(one.table) > 1:
            codes = one.codes[drawn]
            changed = np.flatnonzero(rng.random(rows, dtype=np.float32) < NOISE)
            codes[changed] = codes[rng.permutation(changed)]
        else:
            codes = np.broadcast_to(np.uint8(0), rows)
        variables.append(Coded(codes, one.table, one.first))
    large = CodedMatrix(tuple(variables), small.columns)
    y = (rng.random(rows) < risk(large @ study.model.theta)).astype(float)
    return large, y


def fitted(x: Any, y: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return the seconds of a fit from cold, the mean gradient that it leaves, and its coefficients."""
    from clinflu.model.passes import fit_in_passes

    penalty = np.full(x.shape[1], PENALTY)
    penalty[0] = 0.0
    start = time.perf_counter()
    model = fit_in_passes(x, y, np.ones(len(y)), penalty)
    return time.perf_counter() - start, model.gradient_norm, model.theta


def save(path: Path, codes: Any, y: np.ndarray) -> None:
    """Write codes and what they stand for, for another venv."""
    arrays = {"y": y, "columns": codes.shape[1]}
    for place, one in enumerate(codes.variables):
        arrays |= {f"codes{place}": one.codes, f"table{place}": one.table, f"first{place}": one.first}
    np.savez(path, **arrays)


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Keep this process to so many cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def dense_part(path: str, start: int, stop: int) -> np.ndarray:
    """Return rows dense, in a worker of the other venv."""
    with np.load(path) as saved:
        x = np.zeros((stop - start, int(saved["columns"])))
        for place in range(sum(name.startswith("codes") for name in saved)):
            table, first = saved[f"table{place}"], int(saved[f"first{place}"])
            x[:, first : first + table.shape[1]] = table[saved[f"codes{place}"][start:stop]]
    return x


def fit_with_dask_ml(path: str, solver: str) -> dict[str, float]:
    """Fit with dask-ml on as many workers; its newton has no penalty, so its gradient is that of the loss alone."""
    import dask.array as da
    from dask import delayed
    from dask.distributed import Client, wait
    from dask_ml.linear_model import LogisticRegression

    with np.load(path) as saved:
        y, columns = saved["y"], int(saved["columns"])
    ends = np.append(np.arange(0, len(y), PART_ROWS), len(y))
    with Client(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, local_directory=Path(path).parent):
        parts = [
            da.from_delayed(delayed(dense_part)(path, int(a), int(b)), (int(b - a), columns), dtype=float)
            for a, b in pairwise(ends)
        ]
        x = da.concatenate(parts).persist()
        outcomes = da.from_array(y, chunks=(x.chunks[0],)).persist()
        wait([x, outcomes])
        model = LogisticRegression(solver=solver, fit_intercept=False, penalty="l2", **SOLVERS[solver])
        start = time.perf_counter()
        model.fit(x, outcomes)
        seconds = time.perf_counter() - start
        theta = np.asarray(model.coef_).ravel()
        residual = 1 / (1 + da.exp(-(x @ theta))) - outcomes
        gradient = (residual @ x).compute() + (0.0 if solver == "newton" else PENALTY * theta)
    return {"seconds": seconds, "norm": float(np.linalg.norm(gradient)) / len(y)}


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] in SOLVERS:
        print(json.dumps(fit_with_dask_ml(*sys.argv[1:])))
    else:
        from rows import as_table

        rows, *rest = sys.argv[1:]
        peer, *solvers = rest or [None]
        print(as_table(dask_rows(int(rows), Path(peer) if peer else None, solvers or tuple(SOLVERS))))
