"""The report as a whole: how long it takes, how large it is, and whether an attacker learns a small count from it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
from rows import Row, at_least, at_most, below

from clinflu import Audit
from clinflu.analysis.groupings import CROSS, known_groupings
from clinflu.analysis.subgroups import Bootstrap
from clinflu.findings.document import Document
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS

COHORTS = 200
TWELVE_AND_THREE = (
    *("age_group", "under_10", "age", "gender", "race", "admission_type_id", "admission_source_id"),
    *("discharge_disposition_id", "medical_specialty", "diag_1", "number_inpatient", "A1Cresult"),
    *("age_group*gender", "age_group*race", "age_group*admission_type_id"),
)


def report_rows(audit: Audit) -> list[Row]:
    """Measure the command on the UCI table with 12 variables, 3 intersections and 1,000 bootstraps."""
    with tempfile.TemporaryDirectory() as place:
        audit.save(Path(place) / "audit")
        out = Path(place) / "out"
        command = ["-m", "clinflu.cli", "report", "--audit", str(Path(place) / "audit"), "--out", str(out)]
        homes = {name: str(Path(place) / name) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
        start = time.perf_counter()
        environment = {**os.environ, **homes, "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, *command, "--by", ",".join(TWELVE_AND_THREE)], env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        assert status == 0
        return [
            Row("report on UCI, 12 variables and 3 intersections, 1,000 bootstraps", seconds, "s", below(60)),
            Row("report on UCI, peak memory", usage.ru_maxrss / 2**20, "GiB", below(3)),
            Row("report on UCI, HTML", (out / "report.html").stat().st_size / 1e6, "MB", below(8)),
            Row("report on UCI, subgroups measured", float(_subgroups(out)), ""),
        ]


def _subgroups(out: Path) -> int:
    values = json.loads((out / "report.json").read_text(encoding="utf-8"))
    parts = (part for section in values["sections"] for part in section["parts"])
    return len(next(part for part in parts if part.get("key") == "subgroup_fit")["rows"])


def attack_rows(cohorts: int = COHORTS) -> list[Row]:
    """Attack the exports of random small cohorts, every table together."""
    from findings.random_cohorts import random_audit

    pinned = shown = 0
    for seed in range(cohorts):
        audit = random_audit(seed)
        names = list(audit.cohort.schema.feature_names)
        crossed = [CROSS.join(pair) for pair in combinations(names, 2)] + [CROSS.join(names[:3])] * (len(names) > 2)
        np.random.default_rng(seed).shuffle(crossed)
        found, material = _attacked(audit, (*known_groupings(audit.study), *crossed), names, seed)
        pinned += bool(found)
        shown += material.may_be_counted
    return [
        Row(f"random cohorts of {cohorts} in which a small cell is pinned", float(pinned), "", at_most(0)),
        Row(f"random cohorts of {cohorts} of which outcomes may be counted", float(shown), "", at_least(cohorts / 3)),
    ]


def uci_attack_rows(audit: Audit) -> list[Row]:
    """Attack the export of the UCI table, each pair of variables and each intersection with its neighbours."""
    names = ("age", "gender", "race", "admission_type_id", "diag_1", "A1Cresult", "number_inpatient")
    pairs = [*combinations(names, 2), ("age", "gender", "race")]
    pinned = 0
    for place, pair in enumerate(pairs):
        found, _ = _attacked(audit, TWELVE_AND_THREE, list(pair), place)
        pinned += len(found)
    return [Row(f"small cells of the UCI table that are pinned, {len(pairs)} attacks", float(pinned), "", at_most(0))]


def _attacked(audit: Audit, by: tuple[str, ...], names: list[str], seed: int) -> tuple[list, Material]:
    from findings.attacker import Attack, pinned, read

    material = Material(audit, Options(by, bootstrap=Bootstrap(30)))
    sections = tuple(section(material) for section in SECTIONS.values())
    document = Document("report", sections, internal=False, simulated=False)
    attack = Attack.on(material, tuple(name for name in names if name not in ("within", "lab")))
    read(attack, document)
    rng = np.random.default_rng(seed)
    return [one for part in attack.parts.values() for one in pinned(part, rng)], material
