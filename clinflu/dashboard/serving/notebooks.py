"""Notebooks are saved without what their cells put out: it is patient data."""

from collections.abc import Iterator
from typing import Any


def without_outputs(model: Any, **_: Any) -> None:
    """Take outputs, execution counts and the state of widgets out of a notebook that is about to be saved.

    A pre-save hook of Jupyter's contents managers. What it does not understand it leaves as it is.

    Parameters
    ----------
    model : dict
        As the contents managers hold it; changed in place.
    """
    content = model.get("content") if isinstance(model, dict) and model.get("type") == "notebook" else None
    if not isinstance(content, dict):
        return
    if isinstance(content.get("metadata"), dict):
        content["metadata"].pop("widgets", None)
    for cell in _code_cells(content):
        cell["outputs"] = []
        cell["prompt_number" if "prompt_number" in cell else "execution_count"] = None
        if isinstance(cell.get("metadata"), dict):
            cell["metadata"].pop("execution", None)


def _code_cells(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the code cells, which notebooks before version 4 keep in worksheets."""
    for holder in (content, *_dicts(content.get("worksheets"))):
        yield from (cell for cell in _dicts(holder.get("cells")) if cell.get("cell_type") == "code")


def _dicts(values: Any) -> Iterator[dict[str, Any]]:
    yield from (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()
