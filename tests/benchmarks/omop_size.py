"""How long a million OMOP visits take to become a cohort, from PostgreSQL and from DuckDB, and how much memory.

The hospital is invented: about two stays and three other visits a patient, with diagnoses, procedures, medications and
laboratory values.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rows import Row, below

PATIENTS = 205_000
SECONDS, GIBIBYTES = 60, 4
GIGABYTE = 2**30
BLOCK_BYTES = 2**20
KINDS = (("_id", "bigint"), ("_datetime", "timestamp"), ("_date", "date"), ("_number", "numeric"), ("_value", "text"))


def size_rows(patients: int = PATIENTS) -> list[Row]:
    """Measure the same hospital in both databases, each loaded in a process of its own."""
    from sources.hospital import simulated_hospital  # which run.py has put on the path
    from sources.postgresql import absence, running
    from sources.writers import omop_tables

    tables = omop_tables(simulated_hospital(patients, seed=2))
    visits = len(tables["visit_occurrence"])
    with tempfile.TemporaryDirectory() as folder:
        rows = _measured("DuckDB", visits, _in_duckdb(tables, Path(folder) / "cdm.duckdb"))
    if missing := absence():
        return [*rows, Row(f"PostgreSQL, skipped: {missing}", None, "s")]
    with running() as server:
        return [*rows, *_measured("PostgreSQL", visits, _in_postgresql(tables, server))]


def _measured(name: str, visits: int, url: str) -> list[Row]:
    child = subprocess.run([sys.executable, __file__, url], check=True, capture_output=True, text=True)
    told = json.loads(child.stdout)
    what = f"{visits:,} OMOP visits from {name} to a cohort of {told['episodes']:,}"
    peak = None if told["bytes"] is None else told["bytes"] / GIGABYTE
    return [
        Row(what, told["seconds"], "s", below(SECONDS)),
        Row(f"{what}, peak of the process", peak, "GiB", below(GIBIBYTES)),
    ]


def _in_duckdb(tables: dict[str, pd.DataFrame], path: Path) -> str:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        for name, table in tables.items():
            connection.register("rows", table)
            connection.execute(f"CREATE TABLE {name} AS FROM rows")
            connection.unregister("rows")
    return f"duckdb:///{path}"


def _in_postgresql(tables: dict[str, pd.DataFrame], server: Any) -> str:
    with server.connect() as connection:
        for name, table in tables.items():
            columns = ", ".join(f"{column} {_kind(column)}" for column in table)
            connection.execute(f"CREATE TABLE {name} ({columns})")
            content = table.to_csv(index=False, header=False).encode()
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as rows:
                for start in range(0, len(content), BLOCK_BYTES):
                    rows.write(content[start : start + BLOCK_BYTES])
        connection.execute("ANALYZE")
    return server.url()


def _kind(column: str) -> str:
    return next((kind for end, kind in KINDS if column.endswith(end)), "integer")


def load_and_tell(url: str) -> dict[str, float | None]:
    """Load a database in this process; return seconds, the peak of its memory and the size of the cohort."""
    from data_loaders import load

    start = time.perf_counter()
    cohort = load("omop", url)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return {"seconds": seconds, "bytes": 1024 * int(peak[1]) if peak else None, "episodes": len(cohort.frame)}


if __name__ == "__main__":
    print(json.dumps(load_and_tell(sys.argv[1])))
