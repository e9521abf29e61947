"""Measure what the README and the design claim: ``make bench``, or ``python tests/benchmarks/run.py --help``.

Figures on a busy machine mean little: BLAS threads then wait for one another. The threads are those of the
environment (OPENBLAS_NUM_THREADS, OMP_NUM_THREADS), the same for clinflu and for what it is compared with.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from subprocess import CalledProcessError

from adversarial_rows import image_rows, network_rows, record_rows
from agreement import agreement_rows
from certified_rows import digit_rows as certified_digit_rows
from certified_rows import patient_rows as certified_patient_rows
from clicks import click_rows, served_rows, window_rows
from commands import discrimination_rows, import_rows, trace_rows
from coverage import coverage_rows
from diagnostics import diagnostics_rows
from exports import attack_rows, report_rows, uci_attack_rows
from fhir_size import size_rows as fhir_rows
from fits import fit_rows, memory_rows
from flipsets import flipset_rows
from influences import influence_rows
from journeys import journey_rows
from labels_rows import digit_rows as labels_digit_rows
from labels_rows import patient_rows as labels_patient_rows
from omop_size import size_rows as omop_rows
from outlook_rows import outlook_rows
from peers import PeerError, Peers
from planted import planted_refit_rows, planted_rows
from problems import Problem, case_study_problem, case_study_test_rows, uci_audit, uci_problem
from refits import refit_rows, screen_rows
from rows import Row, as_table
from scale_dask import dask_rows
from scale_rows import scale_rows, tabmat_rows, wide_rows
from streams import stream_rows, warning_rows
from validation_rows import validation_rows
from weak_subgroups import weak_false_rows, weak_planted_rows, weak_time_rows

from clinflu import Audit, ClinfluError

sys.path.append(str(Path(__file__).parents[1]))  # the attacker and the invented hospitals are among the tests
TABLE = "dataset_diabetes.zip"
BESIDE = Path(__file__).parents[3] / "shared" / "data"
MEASURED_WITH = ("clinflu", "numpy", "scipy", "scikit-learn")


class Bench:
    """The problems and the peers, each made when it is first needed."""

    def __init__(self, table: Path, peer_python: Path | None, dask_python: Path | None = None) -> None:
        self.table = table
        self.notes: list[str] = []
        self.peer_versions: dict[str, str] = {}
        self.peer_python = peer_python
        self.dask_python = dask_python

    @cached_property
    def case_study(self) -> Problem:
        return case_study_problem(self.table)

    @cached_property
    def audit(self) -> Audit:
        return uci_audit(self.table)

    @cached_property
    def uci(self) -> Problem:
        return uci_problem(self.audit)

    @cached_property
    def peers(self) -> Peers | None:
        if self.peer_python is None or not self.peer_python.exists():
            self.notes.append(f"skipped, no peers: no Python at {self.peer_python}; make bench installs it")
            return None
        peers = Peers(self.peer_python, self.case_study)
        try:
            self.peer_versions = peers.versions()
        except PeerError:
            peers.close()
            raise
        return peers

    def give_up_peers(self, reason: str) -> None:
        """Go on without the peers."""
        self.notes.append(f"skipped, no peers: {reason}")
        self.close()
        self.peers = None

    def close(self) -> None:
        peers = self.__dict__.get("peers")
        if peers:
            peers.close()


@dataclass(frozen=True)
class Measurement:
    """Something to measure, and whether it needs the UCI table."""

    rows: Callable[[Bench], list[Row]]
    needs_table: bool = True


MEASUREMENTS = {
    "fit": Measurement(lambda bench: fit_rows(bench.case_study, bench.peers)),
    "memory": Measurement(lambda bench: memory_rows(bench.case_study)),
    "influence": Measurement(lambda bench: influence_rows(bench.case_study, bench.peers)),
    "agreement": Measurement(lambda bench: agreement_rows(bench.case_study)),
    "refit": Measurement(lambda bench: refit_rows(bench.case_study, beside_sklearn=True)),
    "refit-uci": Measurement(lambda bench: refit_rows(bench.uci, beside_sklearn=False)),
    "screen": Measurement(lambda bench: screen_rows(bench.uci)),
    "diagnostics": Measurement(lambda bench: diagnostics_rows(bench.uci)),
    "streams": Measurement(lambda bench: stream_rows(bench.case_study, case_study_test_rows(bench.table))),
    "flip-sets": Measurement(lambda bench: flipset_rows(bench.case_study, case_study_test_rows(bench.table))),
    "warning": Measurement(lambda bench: warning_rows(bench.audit)),
    "planted": Measurement(lambda bench: planted_rows(), needs_table=False),  # noqa: ARG005
    "planted-refit": Measurement(lambda bench: planted_refit_rows(), needs_table=False),  # noqa: ARG005
    "auroc": Measurement(lambda bench: discrimination_rows(bench.audit)),
    "trace": Measurement(lambda bench: trace_rows(bench.table)),
    "import": Measurement(lambda bench: import_rows(), needs_table=False),  # noqa: ARG005
    "visitors": Measurement(lambda bench: served_rows(bench.audit)),
    "clicks": Measurement(lambda bench: click_rows(bench.audit)),
    "windows": Measurement(lambda bench: window_rows(), needs_table=False),  # noqa: ARG005
    "journeys": Measurement(lambda bench: journey_rows(), needs_table=False),  # noqa: ARG005
    "report": Measurement(lambda bench: report_rows(bench.audit)),
    "attack": Measurement(lambda bench: attack_rows(), needs_table=False),  # noqa: ARG005
    "attack-uci": Measurement(lambda bench: uci_attack_rows(bench.audit)),
    "weak": Measurement(lambda bench: weak_time_rows(bench.audit.study)),
    "weak-planted": Measurement(lambda bench: weak_planted_rows(), needs_table=False),  # noqa: ARG005
    "weak-false": Measurement(lambda bench: weak_false_rows(), needs_table=False),  # noqa: ARG005
    "omop": Measurement(lambda bench: omop_rows(), needs_table=False),  # noqa: ARG005
    "fhir": Measurement(lambda bench: fhir_rows(), needs_table=False),  # noqa: ARG005
    "validation": Measurement(lambda bench: validation_rows(bench.table, bench.audit.study)),
    "labels": Measurement(lambda bench: labels_digit_rows(), needs_table=False),  # noqa: ARG005
    "labels-uci": Measurement(lambda bench: labels_patient_rows(bench.audit.study)),
    "adversarial": Measurement(lambda bench: [*image_rows(), *network_rows()], needs_table=False),  # noqa: ARG005
    "adversarial-uci": Measurement(lambda bench: record_rows(bench.audit.cohort)),
    "certified": Measurement(lambda bench: certified_digit_rows(), needs_table=False),  # noqa: ARG005
    "certified-uci": Measurement(lambda bench: certified_patient_rows(bench.audit.study)),
    "outlook": Measurement(lambda bench: outlook_rows(), needs_table=False),  # noqa: ARG005
    "coverage": Measurement(lambda bench: coverage_rows(), needs_table=False),  # noqa: ARG005
    "scale": Measurement(lambda bench: scale_rows(), needs_table=False),  # noqa: ARG005
    "scale-wide": Measurement(lambda bench: wide_rows(), needs_table=False),  # noqa: ARG005
    "scale-tabmat": Measurement(lambda bench: tabmat_rows(peer=bench.peer_python), needs_table=False),
    "scale-dask": Measurement(lambda bench: dask_rows(peer=bench.dask_python), needs_table=False),
}


def measure(bench: Bench, name: str) -> list[Row]:
    """Return the rows of one measurement; a note says what was skipped or failed."""
    measurement = MEASUREMENTS[name]
    if measurement.needs_table and not bench.table.is_file():
        bench.notes.append(f"skipped, no table: {name} needs {bench.table}")
        return [Row(name, None, "")]
    try:
        return _with_or_without_peers(bench, measurement)
    except (ClinfluError, CalledProcessError) as error:
        bench.notes.append(f"failed: {name}: {error}")
        return [Row(f"{name}, failed", None, "")]


def _with_or_without_peers(bench: Bench, measurement: Measurement) -> list[Row]:
    try:
        return measurement.rows(bench)
    except PeerError as error:
        bench.give_up_peers(str(error))
        return measurement.rows(bench)


def measure_all(bench: Bench, names: list[str]) -> list[Row]:
    """Measure one after another, saying how long each took."""
    rows = []
    for name in names:
        start = time.perf_counter()
        rows += measure(bench, name)
        print(f"{name}: {time.perf_counter() - start:.0f} s")
    return rows


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    from threadpoolctl import threadpool_info

    threads = {f"{pool['internal_api']} {pool['version']}": pool["num_threads"] for pool in threadpool_info()}
    load = os.getloadavg()[0]
    return {"cores": os.cpu_count(), "load": load, "threads": threads, **{n: version(n) for n in MEASURED_WITH}}


def default_table() -> Path:
    """Return where the UCI table should lie."""
    return Path(os.environ.get("CLINFLU_DATA") or BESIDE) / TABLE


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure clinflu, alone and beside its peers.")
    parser.add_argument("--peers", type=Path, help="Python of the venv with pyDVL, dattri and glum")
    parser.add_argument("--dask-peer", type=Path, help="Python of the venv with dask-ml")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument("--data", type=Path, default=default_table(), help="UCI table (zip), or the folder it is in")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), help="measurements")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, exit 0 whether or not the bars are met."""
    options = parse(arguments)
    start, before = time.perf_counter(), machine()
    table = options.data / TABLE if options.data.is_dir() else options.data
    bench = Bench(table, options.peers, options.dask_peer)
    try:
        rows = measure_all(bench, options.only)
    finally:
        bench.close()
    print("\n" + as_table(rows) + "\n")
    print(*bench.notes, f"measured with {before}", f"peers {bench.peer_versions}", "", sep="\n")
    missed = sum(row.met is False for row in rows)
    print(f"{missed} bars not met; ratios are medians of paired rounds; {time.perf_counter() - start:.0f} s in all")
    if options.json:
        values = {"machine": before, "peers": bench.peer_versions, "notes": bench.notes}
        values["rows"] = [row.to_dict() for row in rows]
        options.json.write_text(json.dumps(values, indent=2) + "\n")


if __name__ == "__main__":
    main()
