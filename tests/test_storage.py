"""A saved audit comes back as it was, for its owner only, or not at all; saving never costs what was there."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save

from clinflu import Audit
from clinflu.errors import StoreError
from clinflu.model.store import read_json, write_json
from clinflu.storage import AUDIT_FILE, COHORT_FILE, DESIGN_FILE, FORMAT, open_study, save_study
from clinflu.study import Study


@pytest.fixture(scope="module")
def adopted(small_study):
    """A study without an encoder of its own, whose design lies in memory by columns."""
    design = replace(
        small_study.design,
        x=np.asfortranarray(small_study.design.x),
        weights=np.where(small_study.design.y == 1, 2.0, 0.5),
    )
    return replace(small_study, design=design, encoder=None, notes=("first note", "zweite Notiz: ü"))


@pytest.fixture
def studies(small_study, adopted):
    return small_study, adopted


@pytest.fixture
def folder(adopted, tmp_path):
    save_study(adopted, tmp_path / "audit")
    return tmp_path / "audit"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder):
    with pytest.raises(StoreError) as caught:
        open_study(folder)
    assert str(caught.value) == caught.value.one_line
    return caught.value.one_line


@pytest.mark.parametrize("which", ["fitted", "adopted"])
def test_a_study_comes_back_bit_for_bit(small_study, adopted, tmp_path, which):
    study = small_study if which == "fitted" else adopted
    save_study(study, tmp_path / "deep" / "audit")
    found = open_study(tmp_path / "deep" / "audit")

    for name in ("theta", "penalty", "hessian"):
        assert getattr(found.model, name).tobytes() == getattr(study.model, name).tobytes()
    for name in ("x", "y", "weights"):
        np.testing.assert_array_equal(getattr(found.design, name), getattr(study.design, name), strict=True)
    for name in ("train", "audited", "confirm"):
        np.testing.assert_array_equal(getattr(found.split, name), getattr(study.split, name))
    pd.testing.assert_frame_equal(found.cohort.frame, study.cohort.frame)
    pd.testing.assert_index_equal(found.design.patient_ids, study.design.patient_ids)
    assert found.cohort.content_hash == study.cohort.content_hash
    assert (found.cohort.schema, found.cohort.provenance) == (study.cohort.schema, study.cohort.provenance)
    assert (found.design.columns, found.design.variables) == (study.design.columns, study.design.variables)
    assert (found.seed, found.notes, found.encoder) == (study.seed, study.notes, study.encoder)


def test_baseline_scores_come_back_with_what_they_mean(scored_cohort, tmp_path):
    Audit.fit(scored_cohort).save(tmp_path / "audit")
    found = Audit.open(tmp_path / "audit").cohort

    assert found.schema.baselines == scored_cohort.schema.baselines
    pd.testing.assert_frame_equal(found.frame, scored_cohort.frame)
    assert found.content_hash == scored_cohort.content_hash


def test_an_audit_saved_before_there_were_baseline_scores_opens(small_study, tmp_path):
    save_study(small_study, tmp_path / "audit")
    described = read_json(tmp_path / "audit" / AUDIT_FILE, FORMAT)
    for schema in (described["parts"]["schema"], described["parts"]["encoder"]["schema"]):
        assert schema.pop("baselines") == []
    write_json(tmp_path / "audit" / AUDIT_FILE, described)

    found = open_study(tmp_path / "audit")

    assert found.cohort.schema == small_study.cohort.schema
    assert found.fingerprint == small_study.fingerprint


def test_an_opened_audit_answers_as_the_saved_one(small_study, tmp_path):
    audit = Audit(small_study)
    audit.save(tmp_path / "audit")
    found = Audit.open(str(tmp_path / "audit"))
    pd.testing.assert_frame_equal(found.mistakes(), audit.mistakes())
    before, after = audit.trace(audit.worst_miss()).influence, found.trace(audit.worst_miss()).influence
    np.testing.assert_array_equal(after.margin_change, before.margin_change)


def test_only_the_owner_can_read_it(small_study, tmp_path):
    before = os.umask(0)
    try:
        save_study(small_study, tmp_path / "audit")
    finally:
        os.umask(before)
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()} == {0o600}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_any_file_with_a_flipped_byte_is_noticed(folder):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in sorted({*range(0, len(content), max(1, len(content) // 40)), len(content) - 1}):
            damaged = bytearray(content)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            refused(folder)
        path.write_bytes(content)
    open_study(folder)


def test_any_file_that_is_truncated_or_missing_is_noticed(folder):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for kept in (0, 10, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:kept])
            refused(folder)
        path.unlink()
        refused(folder)
        path.write_bytes(content)
    open_study(folder)


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        assert AUDIT_FILE in refused(path)


def copy_model(source, target):
    for name in ("model.json", "model.safetensors"):
        shutil.copyfile(source / name, target / name)


def test_the_model_of_another_cohort_is_refused(small_study, folder, tmp_path):
    frame = small_study.cohort.frame
    swapped = frame.assign(age_years=frame["age_years"].to_numpy()[::-1])
    other = replace(small_study, cohort=replace(small_study.cohort, frame=swapped))
    save_study(other, tmp_path / "other")
    copy_model(tmp_path / "other", folder)
    assert "other data" in refused(folder)


def test_the_model_of_another_split_of_the_same_cohort_is_refused(small_cohort, small_study, tmp_path):
    save_study(small_study, tmp_path / "audit")
    save_study(Study.fit(small_cohort, seed=1), tmp_path / "other")
    if json.loads((tmp_path / "other" / "model.json").read_bytes())["columns"] != list(small_study.design.columns):
        pytest.fail("the two splits must have the same columns, or the test proves nothing")
    copy_model(tmp_path / "other", tmp_path / "audit")
    assert "sha256" in refused(tmp_path / "audit")


def forge(folder, change):
    """Alter the description of an audit and seal it again."""
    described = json.loads((folder / AUDIT_FILE).read_bytes())
    described.pop("sha256")
    change(described)
    write_json(folder / AUDIT_FILE, described)


FORGERIES = {
    "no parts": lambda described: described.pop("parts"),
    "parts of another kind": lambda described: described.update(parts=[1]),
    "another format": lambda described: described.update(format="clinflu-model-1"),
    "a schema without features": lambda described: described["parts"]["schema"].update(features=[]),
    "rows that are no numbers": lambda described: described["parts"].update(train=["a"]),
    "no design": lambda described: described.update(design=None),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_foreign_description_is_refused(folder, change):
    forge(folder, change)
    refused(folder)


def test_foreign_tensors_and_tables_are_refused(folder):
    arrays = load_file(folder / DESIGN_FILE)
    (folder / DESIGN_FILE).write_bytes(save({"y": arrays["x"]}))
    assert DESIGN_FILE in refused(folder)
    (folder / DESIGN_FILE).write_bytes(save(arrays))
    pd.DataFrame({"a": [1]}).to_parquet(folder / COHORT_FILE)
    assert COHORT_FILE in refused(folder)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_pickled_bytes_are_refused_and_never_run(folder, tmp_path):
    marker = tmp_path / "marker"
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(pickle.dumps(Payload(marker)))
        refused(folder)
        path.write_bytes(content)
    assert not marker.exists()


FOREIGN = {
    "a project": {"audit.json": "{}", "package.json": "{}"},
    "an audit.json of another tool": {"audit.json": '{"auditReportVersion": 2}'},
    "any file": {"notes.txt": "mine"},
    "hidden files": {".git": "mine"},
}


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_something_else_is_refused_and_untouched(small_study, tmp_path, files):
    taken = tmp_path / "taken"
    taken.mkdir()
    for name, text in files.items():
        (taken / name).write_text(text)
    before = contents(tmp_path)
    with pytest.raises(StoreError, match="is not an audit"):
        save_study(small_study, taken)
    assert contents(tmp_path) == before
    assert names(tmp_path) == ["taken"]


def test_a_file_of_that_name_is_refused_and_untouched(small_study, tmp_path):
    (tmp_path / "audit").write_text("mine")
    with pytest.raises(StoreError):
        save_study(small_study, tmp_path / "audit")
    assert contents(tmp_path) == {"audit": b"mine"}


def test_a_folder_that_cannot_be_made_is_refused(small_study, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="may write"):
        save_study(small_study, tmp_path / "file" / "audit")


def test_an_audit_with_a_file_of_the_users_is_refused_and_untouched(small_study, folder):
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    with pytest.raises(StoreError):
        save_study(small_study, folder)
    assert contents(folder) == before


def test_an_audit_or_an_empty_folder_is_replaced(small_study, adopted, tmp_path):
    (tmp_path / "audit").mkdir(mode=0o755)
    save_study(adopted, tmp_path / "audit")
    save_study(small_study, tmp_path / "audit")
    assert open_study(tmp_path / "audit").notes == ()
    assert DESIGN_FILE not in names(tmp_path / "audit")
    assert names(tmp_path) == ["audit"]
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700


def fail_at(monkeypatch, owner, name, error, *, call=1):
    """Let the given call of a method raise."""
    original, calls = getattr(owner, name), []

    def method(self, *args, **options):
        calls.append(self)
        if len(calls) == call:
            raise error
        return original(self, *args, **options)

    monkeypatch.setattr(owner, name, method)
    return calls


INTERRUPTIONS = {
    "the first write": (Path, "write_bytes", 1),
    "the second write": (Path, "write_bytes", 2),
    "the table": (pd.DataFrame, "to_parquet", 1),
    "the last write": (Path, "write_bytes", 4),
    "the permissions": (Path, "chmod", 2),
    "putting the old one aside": (Path, "rename", 1),
    "putting the new one in place": (Path, "rename", 2),
}


ERRORS = {
    "disk full": (OSError(28, "No space left on device"), StoreError),
    "Ctrl-C": (KeyboardInterrupt(), KeyboardInterrupt),
}


@pytest.mark.parametrize(("error", "seen"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("place", INTERRUPTIONS.values(), ids=INTERRUPTIONS)
def test_an_interrupted_save_leaves_the_previous_audit(studies, tmp_path, place, error, seen):
    owner, name, call = place
    save_study(studies[0], tmp_path / "audit")
    before = contents(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        calls = fail_at(patch, owner, name, error, call=call)
        with pytest.raises(seen):
            save_study(studies[1], tmp_path / "audit")
    assert len(calls) >= call
    assert contents(tmp_path) == before
    assert names(tmp_path) == ["audit"]
    open_study(tmp_path / "audit")


def test_an_interrupted_first_save_leaves_nothing(small_study, tmp_path, monkeypatch):
    fail_at(monkeypatch, pd.DataFrame, "to_parquet", OSError(28, "No space left on device"))
    with pytest.raises(StoreError, match="No space left"):
        save_study(small_study, tmp_path / "audit")
    assert names(tmp_path) == []


def test_nothing_in_a_forged_audit_is_run(simulated_audit, tmp_path):
    folder, marker = tmp_path / "audit", tmp_path / "marker"
    simulated_audit.save(folder)
    described = read_json(folder / AUDIT_FILE, FORMAT)
    for cause in described["parts"]["planted"]:
        cause["level"] = f"@pd.io.common.os.system('touch {marker}') == 0"
    write_json(folder / AUDIT_FILE, described)

    Audit.open(folder).example()

    assert not marker.exists()
