"""Run the notebooks of experiments in full and keep their figures: ``make notebooks``, or this with their names."""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ("04", "05", "06", "07", "08", "09")
LIMIT_S = 7200


def main(chosen: tuple[str, ...]) -> None:
    """Run each notebook whose name begins with one of these; its outputs are printed and not kept."""
    os.environ.setdefault("CLINFLU_DATA", str(ROOT.parent / "shared" / "data"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if path.name.startswith(chosen):
            start = time.perf_counter()
            notebook = nbformat.read(path, as_version=4)
            place = {"metadata": {"path": ROOT}}
            NotebookClient(notebook, timeout=LIMIT_S, kernel_name="python3", resources=place).execute()
            print(f"{path.name}: {time.perf_counter() - start:.0f} s")
            for output in (one for cell in notebook.cells for one in cell.get("outputs", [])):
                print(output.get("text") or output.get("data", {}).get("text/plain", ""))


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or EXPERIMENTS)
