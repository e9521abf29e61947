"""Many random journeys over the state of the dashboard, far more than the tests take time for."""

import os
import subprocess
import sys
from pathlib import Path

from rows import Row, at_most

JOURNEYS = 200
TEST = Path(__file__).parents[1] / "dashboard" / "test_journeys.py"


def journey_rows() -> list[Row]:
    """Return how many of the tests of journeys fail when each takes 200 of them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TEST)]
    environment = {**os.environ, "CLINFLU_JOURNEYS": str(JOURNEYS), "CLINFLU_BROWSER_JOURNEYS": "20"}
    done = subprocess.run(command, env=environment, cwd=TEST.parents[2], check=False, capture_output=True)
    return [Row(f"journeys: exit status of {JOURNEYS} random ones on the state", done.returncode, "", at_most(0))]
