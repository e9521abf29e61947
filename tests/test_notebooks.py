"""Every notebook runs from top to bottom, holds calls only and is committed without outputs."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXPERIMENTS = {"04_other_models", "05_validation", "06_fixing_labels", "07_adversarial_records", "08_certified_bound"}
NEEDS_UCI = {"01_case_study", "05_validation", "06_fixing_labels", "07_adversarial_records", "08_certified_bound"}


def read(path):
    import nbformat  # it takes seconds, of a worker that reads no notebook too

    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_the_notebooks_are_there():
    stories = ["01_case_study", "02_trace_a_wrong_prediction", "03_subgroup_report", "03_what_if"]
    experiments = ["04_other_models", "05_validation", "06_fixing_labels", "07_adversarial_records"]
    assert [path.stem for path in NOTEBOOKS] == [*stories, *experiments, "08_certified_bound", "09_at_scale"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_committed_without_outputs_or_widget_state(path):
    notebook = read(path)
    assert "widgets" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_calls_only(path):
    defined = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If)
    for cell in code_cells(path):
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defined)]


RUN = [pytest.param(one, marks=pytest.mark.thorough) if one.stem in EXPERIMENTS else one for one in NOTEBOOKS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_runs(path, monkeypatch, request):
    from nbclient import NotebookClient

    if path.stem in NEEDS_UCI:
        monkeypatch.setenv("CLINFLU_DATA", str(request.getfixturevalue("uci_zip").parent))
    notebook = read(path)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": ROOT}}).execute()
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code" and "import" not in cell.source)
