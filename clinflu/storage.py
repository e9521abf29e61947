"""Keep a whole audit in a folder that only its owner can read."""

import hashlib
import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clinflu.analysis.check.result import Check
from clinflu.data import Cohort, CohortSchema, Design, Encoder, PlantedCause, Provenance, Split
from clinflu.data.backends import Compact, Sparse
from clinflu.data.matrix import DesignMatrix
from clinflu.errors import StoreError
from clinflu.model.store import DESCRIPTION_FILE, TENSORS_FILE, load_model, read_json, save_model, write_json
from clinflu.study import Study

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = "clinflu-audit-1"
AUDIT_FILE = "audit.json"
COHORT_FILE = "cohort.parquet"
DESIGN_FILE = "design.safetensors"
GRADES_FILE = "grades.json"
HASHED = (COHORT_FILE, DESIGN_FILE, DESCRIPTION_FILE, TENSORS_FILE, GRADES_FILE)
OWNER_ONLY_FILE = 0o600
OWNER_ONLY_FOLDER = 0o700


def save_study(study: Study, folder: Path, grades: Check | None = None) -> None:
    """Write a study, and the grades of its estimates if there are any, into a folder: all of it or nothing.

    Grades of the same model that are there already are kept where none are given.

    Raises
    ------
    StoreError
        The folder is already there and is not an audit, or cannot be written.
    """
    if folder.exists() and not _may_be_replaced(folder):
        raise StoreError(f"{folder.name} is there already and is not an audit, or not only; give a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=".clinflu-", dir=folder.parent))
    except OSError:
        raise StoreError(f"cannot write beside {folder.name}; give a folder that you may write to") from None
    new, old = workplace / "new", workplace / "old"
    kept = grades if grades is not None else _grades_there(folder, study)
    try:
        new.mkdir(mode=OWNER_ONLY_FOLDER)
        _write(study, new, kept)
        _exchange(folder, new, old)
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise StoreError(f"{folder.name} was not saved: {reason}; free some space, or give another folder") from None
    finally:
        if folder.exists() or not old.exists():  # never the only copy of the audit that was there
            shutil.rmtree(workplace, ignore_errors=True)


def _may_be_replaced(folder: Path) -> bool:
    """Whether nothing but an audit would be lost."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir()}
    return not found or {AUDIT_FILE, COHORT_FILE} <= found <= {AUDIT_FILE, *HASHED}


def _exchange(folder: Path, new: Path, old: Path) -> None:
    """Put the new folder in place; where that fails, the old one is back."""
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def open_study(folder: Path) -> Study:
    """Read a study back.

    Raises
    ------
    StoreError
        Not such a folder, or any part of it is damaged, foreign or does not belong to the rest.
    """
    from pyarrow import ArrowException
    from safetensors import SafetensorError

    described = read_json(folder / AUDIT_FILE, FORMAT)
    model, model_description = load_model(folder)
    try:
        parts = _adapter().validate_python(described["parts"])
        frame = pd.read_parquet(io.BytesIO(_checked(folder / COHORT_FILE, described["sha256"])))
        cohort = Cohort(frame, parts.schema, parts.provenance, parts.planted)
        design = (
            _encoded(parts.encoder, cohort, described.get("backend"))
            if parts.encoder
            else _read_design(folder, described, cohort)
        )
        known = cohort.content_hash, list(design.columns)
        if known != (model_description["data_hash"], model_description["columns"]):
            raise StoreError(f"the model in {folder.name} was fitted on other data; save the audit again")
        for name in (DESCRIPTION_FILE, TENSORS_FILE):
            _checked(folder / name, described["sha256"])
    except (ArrowException, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{folder.name} is damaged; save the audit again") from None
    split = Split(*(np.array(rows, dtype=np.intp) for rows in (parts.train, parts.audited, parts.confirm)))
    return Study(cohort, design, model, split, parts.seed, parts.encoder, parts.notes)


def _grades_there(folder: Path, study: Study) -> Check | None:
    try:
        return open_grades(folder, study)
    except (StoreError, KeyError):
        return None


def open_grades(folder: Path, study: Study) -> Check | None:
    """Read the grades of a saved study's estimates back; None where none were kept.

    Raises
    ------
    StoreError
        They are damaged, or of another model.
    """
    hashes = read_json(folder / AUDIT_FILE, FORMAT)["sha256"]
    if GRADES_FILE not in hashes:
        return None
    try:
        return Check.from_dict(json.loads(_checked(folder / GRADES_FILE, hashes)), study)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise StoreError(f"{GRADES_FILE} is damaged; run clinflu check again") from None


@dataclass(frozen=True)
class _Parts:
    """What the description of an audit holds beside the tables."""

    schema: CohortSchema
    provenance: Provenance
    planted: tuple[PlantedCause, ...]
    encoder: Encoder | None
    train: list[int]
    audited: list[int]
    confirm: list[int]
    seed: int
    notes: tuple[str, ...]


@cache
def _adapter() -> "TypeAdapter[_Parts]":
    import pydantic

    return pydantic.TypeAdapter(_Parts)


def _write(study: Study, folder: Path, grades: Check | None) -> None:
    save_model(study.model, folder, columns=study.design.columns, data_hash=study.cohort.content_hash)
    study.cohort.frame.to_parquet(folder / COHORT_FILE)
    described: dict[str, Any] = {"format": FORMAT, "notice": "INTERNAL: holds patient data", "design": None}
    if study.encoder is None:
        from safetensors.numpy import save

        arrays = {"x": study.design.x, "weights": study.design.weights}
        content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        (folder / DESIGN_FILE).write_bytes(content)
        described["design"] = {"columns": study.design.columns, "variables": study.design.variables}
    if isinstance(study.design.x, DesignMatrix):
        described["backend"] = study.design.x.backend
    if grades is not None:
        write_json(folder / GRADES_FILE, grades.to_dict())
    described["sha256"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in HASHED if (folder / name).exists()
    }
    rows = (study.split.train.tolist(), study.split.audited.tolist(), study.split.confirm.tolist())
    cohort = study.cohort
    parts = _Parts(cohort.schema, cohort.provenance, cohort.planted, study.encoder, *rows, study.seed, study.notes)
    described["parts"] = _adapter().dump_python(parts, mode="json")
    write_json(folder / AUDIT_FILE, described)
    for path in folder.iterdir():
        path.chmod(OWNER_ONLY_FILE)


def _encoded(encoder: Encoder, cohort: Cohort, backend: str | None) -> Design:
    """Return the design of the cohort, held as it was or, where that was elsewhere than in memory, as codes."""
    if backend is None:
        return encoder.design(cohort)
    holder = Sparse() if backend == Sparse.name else Compact()
    return encoder.design(cohort, holder.encode(encoder, cohort.frame))


def _read_design(folder: Path, described: dict[str, Any], cohort: Cohort) -> Design:
    from safetensors.numpy import load

    arrays = load(_checked(folder / DESIGN_FILE, described["sha256"]))
    return Design(
        x=arrays["x"],
        y=cohort.outcome.to_numpy(dtype=float),
        weights=arrays["weights"],
        columns=tuple(described["design"]["columns"]),
        variables=tuple(described["design"]["variables"]),
        encounter_ids=cohort.frame.index,
        patient_ids=pd.Index(cohort.patients),
    )


def _checked(path: Path, hashes: dict[str, str]) -> bytes:
    """Return the bytes of a file whose sha256 was noted when the audit was saved, or raise StoreError."""
    try:
        content = path.read_bytes()
    except OSError:
        raise StoreError(f"{path.name} is absent; save the audit again") from None
    if hashlib.sha256(content).hexdigest() != hashes[path.name]:
        raise StoreError(f"{path.name} is damaged or was changed (its sha256 differs); save the audit again")
    return content
