"""What an audit of up to ten million rows costs, and a fit to thousands of sparse columns, each in its own process.

``python tests/benchmarks/scale_rows.py FOLDER ...`` measures folders that are there, such as those that
``clinflu data simulate --rows N --out FOLDER`` writes; without one, they are simulated in a temporary folder.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import Row, as_table, at_least, at_most, below
from scale_dask import problem, save
from tabmat_worker import seconds_of

HERE = Path(__file__).parent
JUDGED_AT = 20_000  # encounters of the default cohort, whose planted causes are judged elsewhere
SIZES = (JUDGED_AT, 100_000, 1_000_000, 10_000_000)
GROWS_FROM = 50_000  # of fewer rows a fit is mostly what does not grow with them
BACKEND = "compact"
WITHOUT = "refit_without_1000_patients_s"
MOST = {"fit_s": 180, "fit_peak_gib": 6, "estimates_s": 3, "refits_s": 30, WITHOUT: 15}
MOST_GROWTH = 1.1
PLANTED_APART = 0.1  # of the average precision
WIDE_ROWS, WIDE_COLUMNS, WIDE_S, WIDE_GIB = 1_000_000, 5_000, 300, 8
SIDE_ROWS, SAME = 1_000_000, 1e-9
MICRO = 1e6


def scale_rows(sizes: Sequence[int] = SIZES, backend: str = BACKEND) -> list[Row]:
    """Simulate folders of these sizes, the fewest encounters first, and audit each."""
    from data_loaders.simulate_folder import write_simulated

    found = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "admissions"
            write_simulated(folder, size)
            found[size] = audited(folder, backend)
    return rows_of(found)


def audited(folder: Path, backend: str = BACKEND) -> dict[str, Any]:
    """Return what one audit took."""
    return _told([sys.executable, HERE / "scale_worker.py", folder, backend])


def rows_of(found: dict[int, dict[str, Any]]) -> list[Row]:
    """Return the rows of every size; the bars are those of the largest."""
    sizes = list(found)
    least = found[sizes[0]]["planted"]
    rows = [row for size in sizes for row in _of_size(size, found[size], least if size == sizes[-1] else None)]
    before = [size for size in sizes if size >= GROWS_FROM][:1] or sizes[:1]
    return [*rows, *_growth(before[0], sizes[-1], found)]


def wide_rows(rows: int = WIDE_ROWS, columns: int = WIDE_COLUMNS) -> list[Row]:
    """Fit thousands of sparse columns."""
    told = _told([sys.executable, HERE / "wide_worker.py", str(rows), str(columns)])
    what = f"{rows:,} x {columns:,} sparse"
    return [
        Row(f"{what}: fit", told["fit_s"], "s", below(WIDE_S)),
        Row(f"{what}: fit, peak", told["fit_peak_gib"], "GiB", below(WIDE_GIB)),
        Row(f"{what}: passes", told["passes"], ""),
        Row(f"{what}: mean gradient left", told["gradient_norm"], "norm", below(1e-12)),
        Row(f"{what}: leverages, once", told["leverage_s"], "s"),
        Row(f"{what}: influence on a prediction", told["influence_s"], "s"),
        Row(f"{what}: leverage and influence beside a solve of one row", _worst(told), "", below(SAME)),
        Row(f"{what}: refit without 1,000 rows", told["refit_s"], "s"),
        Row(f"{what}: peak of all", told["refit_peak_gib"], "GiB"),
    ]


def tabmat_rows(rows: int = SIDE_ROWS, peer: Path | None = None) -> list[Row]:
    """Compare the three products of a pass with those of tabmat's SplitMatrix of the same codes."""
    what = f"{rows:,} rows beside tabmat"
    if peer is None or not peer.exists():
        return [Row(what, None, "times")]
    codes, y = problem(rows)
    theta = np.random.default_rng(0).normal(scale=0.1, size=codes.shape[1])
    p = 1 / (1 + np.exp(-(codes @ theta)))
    ours = {
        "matvec": lambda: codes @ theta,
        "rmatvec": lambda: (p - y) @ codes,
        "sandwich": lambda: codes.sandwich(p * (1 - p)),
    }
    with tempfile.TemporaryDirectory() as place:
        path, answer = Path(place) / "codes.npz", Path(place) / "answer.npz"
        save(path, codes, y)
        np.save(Path(place) / "theta.npy", theta)
        told = _told([peer, HERE / "tabmat_worker.py", path, Path(place) / "theta.npy", answer])
        with np.load(answer) as saved:
            theirs = dict(saved)
    found = [Row(f"{what}: bytes, clinflu / tabmat", codes.nbytes / told["bytes"], "times", below(1))]
    for name, work in ours.items():
        apart, seconds = np.abs(theirs[name] - work()).max() / np.abs(theirs[name]).max(), seconds_of(work)
        found += [
            Row(f"{what}: {name}, clinflu", 1e3 * seconds, "ms"),
            Row(f"{what}: {name}, clinflu / tabmat", seconds / told[name], "times"),
            Row(f"{what}: {name} differs, of the largest", float(apart), "", below(SAME)),
        ]
    return found


def _of_size(size: int, told: dict[str, Any], planted_before: dict[str, float] | None) -> list[Row]:
    barred = planted_before is not None
    what, fit, taught, passes = f"{size:,} rows", told["fit_s"], told["training_rows"], told["passes"]
    bar = {name: below(most) if barred else None for name, most in MOST.items()}
    return [
        Row(f"{what}: load", told["load_s"], "s"),
        Row(f"{what}: fit", fit, "s", bar["fit_s"]),
        Row(f"{what}: fit, peak", told["fit_peak_gib"], "GiB", bar["fit_peak_gib"]),
        Row(f"{what}: training rows", taught, "", digits=9),
        Row(f"{what}: passes", passes, ""),
        Row(f"{what}: fit, a training row", MICRO * fit / taught, "µs"),
        Row(f"{what}: fit, a training row and pass", MICRO * fit / taught / passes, "µs"),
        Row(f"{what}: mean gradient left", told["gradient_norm"], "norm", below(1e-12) if barred else None),
        Row(f"{what}: first prediction, one-step values, cuts made", told["first_estimates_s"], "s"),
        Row(f"{what}: a prediction, one-step values", told["estimates_s"], "s", bar["estimates_s"]),
        Row(f"{what}: its refits", told["refits_s"], "s", bar["refits_s"]),
        Row(f"{what}: refit without 1,000 patients", told[WITHOUT], "s", bar[WITHOUT]),
        Row(f"{what}: peak of all", told["planted_peak_gib"], "GiB"),
        *_planted(what, told["planted"], planted_before),
        *(Row(f"{what}: {cause}, of the top ten", _known(share), "share") for cause, share in told["top_ten"].items()),
    ]


def _planted(what: str, found: dict[str, float], before: dict[str, float] | None) -> Iterable[Row]:
    for cause, precision in found.items():
        least = None if before is None or cause not in before else at_least(round(before[cause] - PLANTED_APART, 3))
        yield Row(f"{what}: {cause}, average precision", precision, "AP", least)


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure


def _growth(first: int, last: int, found: dict[int, dict[str, Any]]) -> list[Row]:
    small, large = found[first], found[last]
    what = f"fit, {first:,} to {last:,} rows"
    of_row = (large["fit_s"] / large["training_rows"]) / (small["fit_s"] / small["training_rows"])
    of_pass = of_row * small["passes"] / large["passes"]
    return [
        Row(f"{what}: time of a training row grows", of_row, "times", at_most(MOST_GROWTH)),
        Row(f"{what}: time of a training row and pass grows", of_pass, "times"),
    ]


def _worst(told: dict[str, Any]) -> float:
    return float(max(told["leverage_apart"], told["influence_apart"]))


def _told(command: Sequence[str | Path]) -> Any:
    """Return the JSON that ends what a process prints; what it says meanwhile is passed on."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def page_row(told: dict[str, Any]) -> str:
    """Return the row of the page on large tables that one audit fills."""
    taught, passes = told["training_rows"], told["passes"]
    seconds = [told[f"{what}_s"] for what in ("load", "fit")]
    asked = [told[what] for what in ("first_estimates_s", "estimates_s", "refits_s", WITHOUT)]
    pass_of_row = MICRO * told["fit_s"] / taught / passes
    cells = [f"{told['rows']:,}", f"{taught:,}", f"{passes}", *(f"{one:.1f}" for one in seconds), f"{pass_of_row:.2f}"]
    peak = f"{told['planted_peak_gib']:.1f}"
    return f"| {' | '.join([*cells, *(f'{one:.2g}' for one in asked), peak])} |"


def main(folders: Sequence[str]) -> None:
    """Measure folders, or simulated ones; of folders, print the rows of the page too."""
    if not folders:
        print(as_table([*scale_rows(), *wide_rows()]))
        return
    told = sorted((audited(Path(folder)) for folder in folders), key=lambda one: one["rows"])
    print(as_table(rows_of({one["rows"]: one for one in told})), *map(page_row, told), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
