"""How long a large FHIR export takes to become a cohort, and how much memory: ``python tests/benchmarks/fhir_size.py``.

The patients are invented, and their resources about as large as those of Synthea.
"""

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from rows import Row, as_table, below

GIGABYTE = 2**30
SECONDS, GIBIBYTES = 120, 2
FIRST_DAY = datetime(2015, 1, 1, 8, 0)  # noqa: DTZ001 -- the clock of the ward
STAYS, VISITS, CONDITIONS, PROCEDURES, MEDICATIONS, TESTS = 4, 36, 30, 60, 50, 300
CODES = ("I50.9", "E11.9", "J44.1", "N18.3", "I21.4", "C34.90", "I10", "K21.9", "F32.9", "M54.5")
DRUGS = ("lisinopril 10 MG Oral Tablet", "insulin glargine", "warfarin 5 MG", "furosemide 40 MG", "oxycodone 5 MG")
LOINC = (("2951-2", "mmol/L", 138), ("718-7", "g/dL", 12), ("2160-0", "mg/dL", 1.1), ("8867-4", "/min", 80))
NAME = "abcdef012345-0000-4000-8000"
FILLING = {
    "Encounter": 1150,
    "Condition": 500,
    "Procedure": 420,
    "MedicationRequest": 620,
    "Observation": 420,
    "Patient": 2800,
}


def resource(kind: str, name: str, told: str) -> bytes:
    """Return a line of a file, filled up to the usual size with what nobody reads."""
    filling = "".join(f'{{"system":"urn:own:{place}","value":"x{place}"}},' for place in range(FILLING[kind] // 40))
    return f'{{"resourceType":"{kind}","id":"{name}","identifier":[{filling[:-1]}],{told}}}\n'.encode()


def patient(number: int, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Give the resources of a patient, with their kind."""
    who = f"{number:08x}-{NAME}"
    about = f'"subject":{{"reference":"Patient/{who}"}}'
    born = f"{rng.randint(1930, 1990)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    gender = rng.choice(("female", "male"))
    yield "Patient", resource("Patient", who, f'"gender":"{gender}","birthDate":"{born}"')
    encounters = []
    for place in range(STAYS + VISITS):
        start = FIRST_DAY + timedelta(days=rng.randint(0, 3000), minutes=rng.randint(0, 900))
        is_stay = place < STAYS
        end = start + (timedelta(days=rng.randint(1, 9)) if is_stay else timedelta(minutes=30))
        name = f"{number:08x}-{place:04x}-{NAME}"
        code = "IMP" if is_stay else rng.choice(("AMB", "AMB", "EMER"))
        period = f'"period":{{"start":"{start.isoformat()}-05:00","end":"{end.isoformat()}-05:00"}}'
        kind = f'"status":"finished","class":{{"code":"{code}"}}'
        yield "Encounter", resource("Encounter", name, f"{kind},{about},{period}")
        encounters.append((name, start, end))
    for kind, count in (
        *(("Condition", CONDITIONS), ("Procedure", PROCEDURES)),
        *(("MedicationRequest", MEDICATIONS), ("Observation", TESTS)),
    ):
        for place in range(count):
            name, start, end = rng.choice(encounters[: STAYS * 2])
            at = (start + rng.random() * (end - start)).isoformat(timespec="seconds")
            named = f'{about},"encounter":{{"reference":"Encounter/{name}"}}'
            yield kind, resource(kind, f"{number:08x}-{kind[0]}{place:03x}-{NAME}", f"{named},{_told(kind, at, rng)}")


def _told(kind: str, at: str, rng: random.Random) -> str:
    if kind == "Condition":
        coding = f'{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"{rng.choice(CODES)}"}}'
        return f'"recordedDate":"{at}-05:00","code":{{"coding":[{coding}]}}'
    if kind == "Procedure":
        return f'"status":"completed","performedPeriod":{{"start":"{at}-05:00","end":"{at}-05:00"}}'
    if kind == "MedicationRequest":
        return (
            f'"status":"active","authoredOn":"{at}-05:00","medicationCodeableConcept":{{"text":"{rng.choice(DRUGS)}"}}'
        )
    code, unit, usual = rng.choice(LOINC)
    coding = f'{{"system":"http://loinc.org","code":"{code}","display":"A test"}}'
    value = f'{{"value":{usual * rng.uniform(0.8, 1.2):.2f},"unit":"{unit}","code":"{unit}"}}'
    return f'"status":"final","effectiveDateTime":"{at}-05:00","code":{{"coding":[{coding}]}},"valueQuantity":{value}'


def write(folder: Path, size: float) -> int:
    """Write an export of about so many bytes, a file a kind, and return how many they are."""
    rng = random.Random(0)  # noqa: S311
    files = {kind: (folder / f"{kind}.000.ndjson").open("wb") for kind in FILLING}
    written = number = 0
    while written < size:
        for kind, line in patient(number, rng):
            written += files[kind].write(line)
        number += 1
    for file in files.values():
        file.close()
    return written


def load_and_tell(folder: Path) -> dict[str, float | None]:
    """Load an export in this process; return seconds, the peak of its memory and the size of the cohort."""
    from data_loaders import fhir

    start = time.perf_counter()
    cohort = fhir.load(folder)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return {"seconds": seconds, "bytes": 1024 * int(peak[1]) if peak else None, "episodes": len(cohort.frame)}


def size_rows(size: float = GIGABYTE) -> list[Row]:
    """Measure a whole export and a quarter of it, each loaded in a process of its own."""
    rows, peaks = [], {}
    for share in (1.0, 0.25):
        with tempfile.TemporaryDirectory() as folder:
            written = write(Path(folder), share * size) / GIGABYTE
            child = [sys.executable, __file__, folder]
            told = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
        name = f"FHIR export of {written:.2g} GB to a cohort of {told['episodes']:,}"
        peaks[share] = None if told["bytes"] is None else told["bytes"] / GIGABYTE
        rows.append(Row(name, told["seconds"], "s", below(SECONDS)))
        rows.append(Row(f"{name}, peak of the process", peaks[share], "GiB", below(GIBIBYTES)))
    more = None if None in peaks.values() else peaks[1.0] / peaks[0.25]
    rows.append(Row("FHIR export: peak of the whole / of a quarter", more, "times"))
    return rows


def main() -> None:
    """Measure and print, or as a child load one folder."""
    if len(sys.argv) > 1:
        print(json.dumps(load_and_tell(Path(sys.argv[1]))))
    else:
        print(as_table(size_rows()))


if __name__ == "__main__":
    main()
