"""Keep a fitted model as safetensors and JSON; nothing that is read back can run code."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from clinflu.errors import FitError, StoreError
from clinflu.model.base import FittedModel
from clinflu.model.logistic import LOGISTIC
from clinflu.model.minimise import at_stationary_point

FORMAT = "clinflu-model-1"
ARRAYS = ("theta", "penalty", "hessian")
OF_FORM = "form."
TENSORS_FILE = "model.safetensors"
DESCRIPTION_FILE = "model.json"
LIBRARIES = ("clinflu", "numpy", "pandas", "scipy")
SEAL = b'{"sha256": "%s",'
SEAL_LENGTH = len(SEAL % bytes(64))


def save_model(model: FittedModel, folder: Path, *, columns: tuple[str, ...], data_hash: str) -> None:
    """Write ``model.safetensors`` and ``model.json`` into a folder that is there.

    Parameters
    ----------
    model : FittedModel
    folder : Path
    columns : tuple of str, (p,)
    data_hash : str
        ``Cohort.content_hash`` of the cohort that it was fitted on.
    """
    from safetensors.numpy import save

    arrays = {name: getattr(model, name) for name in ARRAYS}
    arrays |= {f"{OF_FORM}{name}": array for name, array in model.of_margin.arrays().items()}
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    (folder / TENSORS_FILE).write_bytes(content)
    description = {
        "format": FORMAT,
        "family": model.family,
        "columns": list(columns),
        "gradient_norm": model.gradient_norm,
        "step_norm": model.step_norm,
        "iterations": model.iterations,
        **({} if model.is_logistic else {"options": model.of_margin.options(), "scale": list(model.scale)}),
        "data_hash": data_hash,
        "tensors_sha256": hashlib.sha256(content).hexdigest(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    write_json(folder / DESCRIPTION_FILE, description)


def load_model(folder: Path) -> tuple[FittedModel, dict[str, Any]]:
    """Read a model and its description back.

    Raises
    ------
    StoreError
        Not such a folder, a file that is damaged or foreign, or arrays that do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    description = read_json(folder / DESCRIPTION_FILE, FORMAT)
    try:
        content = (folder / TENSORS_FILE).read_bytes()
    except OSError:
        raise StoreError(f"{TENSORS_FILE} cannot be read; save the audit again") from None
    if hashlib.sha256(content).hexdigest() != description.get("tensors_sha256"):
        raise StoreError(f"{TENSORS_FILE} is damaged or was changed (its sha256 differs); save the audit again")
    try:
        arrays = load(content)
        model = FittedModel(
            family=description["family"],
            theta=arrays["theta"],
            penalty=arrays["penalty"],
            hessian=arrays["hessian"],
            gradient_norm=description["gradient_norm"],
            step_norm=description["step_norm"],
            iterations=description["iterations"],
            **_of_family(description, arrays),
        )
        _check(model, description)
        if not model.of_margin.is_linear:
            model = at_stationary_point(model)
    except (SafetensorError, AttributeError, FitError, KeyError, TypeError, ValueError):
        raise StoreError(
            f"{TENSORS_FILE} holds no clinflu model; give a folder that 'clinflu run --save' made"
        ) from None
    return model, description


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object whose first entry is the sha256 of all that follows."""
    body = json.dumps(content, indent=1).encode()[1:]
    path.write_bytes(SEAL % hashlib.sha256(body).hexdigest().encode() + body)


def read_json(path: Path, wanted: str) -> dict[str, Any]:
    """Return a JSON object of a known format that :func:`write_json` wrote, or raise StoreError."""
    try:
        content = path.read_bytes()
        found = json.loads(content)
    except (OSError, ValueError, RecursionError):
        raise StoreError(f"{path.name} is absent or damaged; give a folder that 'clinflu run --save' made") from None
    if not isinstance(found, dict) or found.get("format") != wanted:
        raise StoreError(f"{path.name} was not written by this version of clinflu; save the audit again")
    body = content[SEAL_LENGTH:]
    if content[:SEAL_LENGTH] != SEAL % hashlib.sha256(body).hexdigest().encode():
        raise StoreError(f"{path.name} is damaged or was changed (its sha256 differs); save the audit again")
    return found


def _of_family(description: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return form and scale of a family other than the logistic one."""
    from clinflu.model import FAMILIES

    if "options" not in description:
        return {}
    shift, steep = description["scale"]
    taken = {name.removeprefix(OF_FORM): array for name, array in arrays.items() if name.startswith(OF_FORM)}
    form = FAMILIES[description["family"]].restored(description["options"], taken)
    return {"form": form, "scale": (float(shift), float(steep))}


def _check(model: FittedModel, description: dict[str, Any]) -> None:
    from clinflu.model import FAMILIES

    if model.family not in FAMILIES or model.is_logistic != (model.family == LOGISTIC.name):
        raise StoreError("the saved model's parts do not belong together; save the audit again")
    d = model.of_margin.parameters(len(description.get("columns", ())))
    shapes = model.theta.shape == (d,) and model.penalty.shape == (d,) and model.hessian.shape == (d, d)
    arrays = (model.theta, model.penalty, model.hessian)
    typed = all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays)
    if not shapes or not typed:
        raise StoreError("the saved model's parts do not belong together; save the audit again")
